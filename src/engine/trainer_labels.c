/* trainer_labels.c: what a batch holds, and whether the network's output fits it. */
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
    size_t width = t->output_size;
    char message[400], shape[96];
    if (last->output.rank != 1) {
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

#ifdef TN_REAL_DOUBLE
/* In double the data comes as floats into `staging` and is widened. */
static void widen(const float *from, size_t count, tn_real *to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = (tn_real)from[i];
}
#endif

void tn_trainer_gather(tn_trainer *t, const tn_dataset *set, const uint32_t *samples, size_t count)
{
    tn_real *inputs = t->memory + t->plan.input;
#ifdef TN_REAL_DOUBLE
    tn_dataset_inputs(set, samples, count, t->staging);
    widen(t->staging, count * tn_shape_size(&t->graph.input), inputs);
#else
    tn_dataset_inputs(set, samples, count, inputs);
#endif
}

static void gather_targets(tn_trainer *t, const tn_dataset *set, const uint32_t *samples, size_t count)
{
#ifdef TN_REAL_DOUBLE
    tn_dataset_target_labels(set, samples, count, t->staging);
    widen(t->staging, count * t->output_size, t->targets);
#else
    tn_dataset_target_labels(set, samples, count, t->targets);
#endif
}

tn_labels tn_trainer_labels(tn_trainer *t, const tn_dataset *set, const uint32_t *samples, size_t count)
{
    if (tn_dataset_label_kind(set) == TN_LABELS_TARGETS) {
        gather_targets(t, set, samples, count);
        return (tn_labels){.targets = t->targets};
    }
    tn_dataset_class_labels(set, samples, count, t->classes);
    if (t->loss->takes_classes)
        return (tn_labels){.classes = t->classes};
    size_t width = t->output_size;
    memset(t->targets, 0, count * width * sizeof *t->targets);
    for (size_t i = 0; i < count; i++) {
        if (width == 1)
            t->targets[i] = (tn_real)t->classes[i];
        else
            t->targets[i * width + (size_t)t->classes[i]] = 1;
    }
    return (tn_labels){.targets = t->targets};
}
