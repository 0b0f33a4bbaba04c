/* trainer_labels.c: whether the network fits inputs and labels, and what a batch costs it, as a loss. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/trainer_parts.h"

static tn_status fail_at_output(const tn_trainer *t, const tn_hypes *hypes, tn_error *error, const char *message)
{
    char path[40];
    snprintf(path, sizeof path, "net.%zu", t->graph.count - 1);
    return tn_hypes_fail(hypes, path, error, "%s", message);
}

static tn_status check_classes(const tn_trainer *t, const tn_hypes *hypes, size_t classes, tn_error *error)
{
    const tn_node *last = &t->graph.vertices[t->graph.count - 1].node;
    size_t width = t->output_size, steps = t->label_steps;
    char message[400], shape[96];
    bool is_sequence = last->output.rank == 2 && last->output.dims[0] == steps;
    if (steps > 1 && (!is_sequence || last->output.dims[1] < classes || !t->loss->takes_classes || !t->loss->from_logits)) {
        if (is_sequence && last->output.dims[1] >= classes)
            return tn_hypes_fail(hypes, "loss.name", error,
                                 "%s takes one label a sample; for labels of each step use \"softmax_cross_entropy\"", t->loss->name);
        snprintf(
            message, sizeof message,
            "the last node puts out %s for a sample, and each of its %zu steps has a label of %zu classes; end with {\"op\": \"dense\", "
            "\"units\": %zu} on a sequence, which gives [%zu, %zu]",
            tn_shape_format(shape, &last->output), steps, classes, classes, steps, classes);
        return fail_at_output(t, hypes, error, message);
    }
    if (steps > 1)
        return TN_OK;
    if (last->output.rank != 1 && !is_sequence) {
        snprintf(message, sizeof message,
                 "the last node puts out %s for a sample, and the labels are classes; end with {\"op\": \"dense\", \"units\": %zu}, one "
                 "output for each class",
                 tn_shape_format(shape, &last->output), classes);
        return fail_at_output(t, hypes, error, message);
    }
    bool one_output_will_do = width == 1 && !t->loss->takes_classes && (!t->loss->is_classification || classes <= 2);
    if (one_output_will_do || (width > 1 && classes <= width))
        return TN_OK;
    if (width == 1)
        snprintf(message, sizeof message,
                 "the last node has 1 output, the labels have %zu classes, and %s needs one output for each class; put %zu units in the "
                 "last node, or, for two "
                 "classes, use \"loss\": \"sigmoid_cross_entropy\"",
                 classes, t->loss->name, classes);
    else
        snprintf(message, sizeof message,
                 "the last node has %zu outputs and the labels have %zu classes; put at least %zu units in the last node", width, classes,
                 classes);
    return fail_at_output(t, hypes, error, message);
}

tn_status tn_trainer_check_labels(const tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    const tn_dataset *set = t->data->train;
    if (tn_dataset_label_kind(set) == TN_LABELS_CLASSES)
        return check_classes(t, hypes, tn_dataset_classes(set), error);
    size_t targets = tn_dataset_targets(set);
    if (targets == t->output_size)
        return TN_OK;
    char message[200];
    snprintf(message, sizeof message,
             "the last node has %zu outputs for a sample, and the data has %zu target%s; make them the same number", t->output_size,
             targets, targets == 1 ? "" : "s");
    return fail_at_output(t, hypes, error, message);
}

double tn_trainer_losses(tn_trainer *t, size_t batch, const tn_real *output, const tn_labels *labels, tn_real *d_output)
{
    const size_t steps = t->label_steps, rows = batch * steps;
    if (steps == 1) {
        t->loss->compute(&t->loss_options, batch, t->output_size, output, labels, t->sample_losses, d_output);
        return tn_loss_reduce(&t->loss_options, batch, t->sample_losses);
    }
    t->loss->compute(&t->loss_options, rows, t->label_width, output, labels, t->step_losses, d_output);
    double total = 0;
    for (size_t i = 0; i < batch; i++) {
        double sum = 0;
        size_t counted = 0;
        for (size_t k = i * steps; k < (i + 1) * steps; k++) {
            sum += (double)t->step_losses[k]; /* 0 where there is no label */
            counted += labels->classes[k] >= 0;
        }
        t->sample_losses[i] = (tn_real)(counted > 0 ? sum / (double)counted : 0);
        total += sum;
    }
    return t->loss_options.sum || labels->counted == 0 ? total : total / (double)labels->counted;
}

/* The tokens that all nodes which look the input up know; 0 where there is no such node. */
static size_t known_tokens(const tn_trainer *t, size_t *vertex)
{
    size_t known = 0;
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_vertex *of = &t->graph.vertices[i];
        if (!(of->node.op->flags & TN_OP_TAKES_TOKENS) || of->sources[0] != TN_GRAPH_INPUT)
            continue;
        size_t tokens = of->node.parameters[0].shape.dims[0];
        if (known == 0 || tokens < known) {
            known = tokens;
            *vertex = i;
        }
    }
    return known;
}

bool tn_trainer_takes_tokens(const tn_trainer *t)
{
    size_t vertex;
    return known_tokens(t, &vertex) > 0;
}

static tn_status refuse_token(const tn_trainer *t, const tn_hypes *hypes, size_t vertex, double token, size_t row, size_t step,
                              tn_error *error)
{
    const tn_node *node = &t->graph.vertices[vertex].node;
    char path[40];
    snprintf(path, sizeof path, "net.%zu", vertex);
    size_t known = node->parameters[0].shape.dims[0];
    if (!(token >= 0) || token != floor(token))
        return tn_hypes_fail(
            hypes, path, error,
            "%s looks up whole numbers from 0 on, but row %zu of the data holds %g at step %zu (both from 0); inputs are to be "
            "numbers of tokens, and data.input.scale \"none\"",
            node->name, row, token, step);
    return tn_hypes_fail(
        hypes, path, error,
        "%s knows the tokens 0 to %zu, but row %zu of the data holds %.0f at step %zu (both from 0); give it a \"vocabulary\" of "
        "at least %.0f",
        node->name, known - 1, row, token, step, token + 1);
}

tn_status tn_trainer_check_tokens(tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    size_t vertex = 0, known = known_tokens(t, &vertex), width = tn_shape_size(&t->graph.input);
    const tn_dataset *sets[] = {t->data->train, t->data->valid, t->data->test};
    for (size_t s = 0; s < sizeof sets / sizeof *sets && known > 0; s++) {
        size_t samples = sets[s] ? tn_dataset_samples(sets[s]) : 0, batch;
        for (size_t first = 0; first < samples; first += batch) {
            batch = samples - first < t->plan.batch ? samples - first : t->plan.batch;
            for (size_t i = 0; i < batch; i++)
                t->numbers[i] = (uint32_t)(first + i);
            const tn_trainer_wanted wanted = tn_trainer_want(t, tn_trainer_nets(t) - 1, sets[s], t->numbers);
            tn_trainer_load_inputs(t, &wanted, 0, batch, t->pool, t->place);
            const tn_real *tokens = t->place->inputs;
            for (size_t i = 0; i < batch * width; i++) {
                const double token = (double)tokens[i];
                if (!(token >= 0 && token < (double)known && token == (double)(size_t)token))
                    return refuse_token(t, hypes, vertex, token, tn_dataset_row(sets[s], first + i / width), i % width, error);
            }
        }
    }
    return TN_OK;
}
