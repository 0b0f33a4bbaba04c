/* trainer_buckets.c: sequences of similar length in one batch, which is read no further than its longest needs (data.buckets).
 *
 * The network is compiled once for each of a few lengths, and once for all steps. These nets share the weights, their gradients and the optimizer's state, which lie as the longest lays them out; tensors
 * have the names and numbers of the longest; and since one net works at a time, all use one block of memory. A step takes the shortest net that holds the batch, and puts the longest back at its end, so
 * that between steps a trainer is what it is without buckets. A weight of which a short net has the first rows alone (position_embedding) has gradients of 0 in the others.
 *
 *     order of an epoch, drawn:    7 2 9 4 0 8 1 3 6 5
 *     by bucket, in that order:    2 4 0 | 7 9 8 1 | 3 6 5
 *     batches of 4, in any order:  (9 8 1 3)  (2 4 0 7)  (6 5)
 *
 * So every sample comes once an epoch, in as many batches as without; those at a border hold samples of both sides. A batch of what fills none is the last.
 *
 * A sample is as long as its last step with a label, and where attention looks ahead but for padding, as its last token that is not. What stands behind that changes no output that has a label, in a net
 * of ops that work step by step, or go forward. Others are refused. So the loss is that of the longest net; what dropout draws is not, since there is less of it. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/trainer_parts.h"

/* Buckets that may be asked for (schema.def), and lengths: where the training samples are shorter than those of other sets may be, one more. */
enum { BUCKETS_MAX = 8, NETS_MAX = BUCKETS_MAX + 1, SHORTEST = 2 };

typedef struct net {
    size_t steps;
    tn_graph graph;
    tn_plan plan;
    tn_pass *passes; /* [graph.count] */
} net;

struct tn_trainer_buckets {
    size_t count; /* of nets, the shortest first; the last is the trainer's own, which owns its parts */
    net nets[NETS_MAX];
    uint8_t *of_sample; /* [training samples] the net that holds it */
    uint32_t *sorted;   /* [training samples] and [full batches]: an order while it is drawn */
    uint32_t *batches;
    int32_t *labels; /* of one sample, while its length is looked for */
    float *tokens;   /* the same; NULL: labels alone decide */
    float padding;   /* then: the token that is none */
};

/* ---- what goes with buckets ---- */

static tn_status refuse(const tn_hypes *hypes, const tn_node *node, const char *why, tn_error *error)
{
    return tn_hypes_fail(hypes, "data.buckets", error,
                         "reads sequences no further than they are long, which changes nothing only where no step is changed by padding "
                         "behind it; %s %s. Leave buckets out",
                         node->name, why);
}

/* Beside activations: ops that make each step of that step, or of those before it. Attention and recurrent layers are looked at more closely. */
static bool goes_forward(const tn_op *op)
{
    static const char *const names[] = {"dense",     "dropout",           "layer_norm", "rms_norm",  "add", "subtract", "multiply",
                                        "divide",    "softmax",           "concat",     "embedding", "rnn", "gru",      "lstm",
                                        "attention", "position_embedding"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(op->name, names[i]) == 0)
            return true;
    return (op->flags & TN_OP_ACTIVATION) != 0;
}

/* Whether attention goes forward, or leaves out the padding of the network's input. */
static tn_status check_attention(const tn_trainer *t, tn_trainer_buckets *buckets, const tn_hypes *hypes, size_t index, bool *looks_ahead,
                                 tn_error *error)
{
    const tn_vertex *vertex = &t->graph.vertices[index];
    const tn_node *node = &vertex->node;
    char path[64];
    snprintf(path, sizeof path, "net.%zu.causal", node->index);
    if (json_is_true(tn_hypes_value(hypes, path)))
        return TN_OK;
    snprintf(path, sizeof path, "net.%zu.padding", node->index);
    const json_t *padding = tn_hypes_value(hypes, path);
    if (!json_is_integer(padding))
        return refuse(hypes, node, "looks at all steps; make it \"causal\", or name the token that is \"padding\"", error);
    if (vertex->sources[node->input_count - 1] != TN_GRAPH_INPUT)
        return refuse(hypes, node, "takes its padding from a node; take it from \"input\"", error);
    const float token = (float)json_integer_value(padding);
    if (*looks_ahead && (token < buckets->padding || token > buckets->padding))
        return refuse(hypes, node, "has another \"padding\" than attention before it", error);
    *looks_ahead = true;
    buckets->padding = token;
    return TN_OK;
}

static tn_status check_net(const tn_trainer *t, tn_trainer_buckets *buckets, const tn_hypes *hypes, bool *looks_ahead, tn_error *error)
{
    tn_status status = TN_OK;
    for (size_t i = 0; i < t->graph.count && status == TN_OK; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        if (!goes_forward(node->op) || node->output.rank != 2 || node->output.dims[0] != t->label_steps)
            status = refuse(hypes, node, "puts several steps together", error);
        else if (node->carried_count > 0 && node->carried_width == 0)
            status = refuse(hypes, node, "reads sequences from their end, too; leave \"bidirectional\" out", error);
        else if (strcmp(node->op->name, "attention") == 0)
            status = check_attention(t, buckets, hypes, i, looks_ahead, error);
    }
    return status;
}

static tn_status check_settings(const tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    const tn_shape *shape = &t->graph.input;
    char text[96];
    if (shape->rank != 1 || shape->dims[0] != t->label_steps || t->label_steps < SHORTEST)
        return tn_hypes_fail(hypes, "data.buckets", error,
                             "takes sequences of tokens with a label for each, as those of the format \"parallel\"; these samples are %s "
                             "with %zu label%s. Leave it out",
                             tn_shape_format(text, shape), t->label_steps, t->label_steps == 1 ? "" : "s");
    if (t->carries)
        return tn_hypes_fail(hypes, "data.buckets", error,
                             "puts samples in another order, and solver.carry_state needs theirs; leave one of the two out");
    if (!tn_hypes_is_null(hypes, "data.augment"))
        return tn_hypes_fail(hypes, "data.buckets", error, "does not go with data.augment; leave one of the two out");
    return TN_OK;
}

/* ---- lengths ---- */

/* Steps of a sample that count, at least 1. */
static size_t length_of(const tn_trainer_buckets *buckets, size_t steps, const tn_dataset *set, uint32_t sample)
{
    size_t length = steps;
    tn_dataset_class_labels(set, &sample, 1, buckets->labels);
    if (buckets->tokens)
        tn_dataset_inputs(set, &sample, 1, buckets->tokens);
    while (length > 1 && buckets->labels[length - 1] < 0 &&
           !(buckets->tokens && (buckets->tokens[length - 1] < buckets->padding || buckets->tokens[length - 1] > buckets->padding)))
        length--;
    return length;
}

/* Lengths that hold equal shares of the training samples, and that of all steps. lengths [training samples]. */
static void choose_lengths(const tn_trainer *t, tn_trainer_buckets *buckets, const uint32_t *lengths, size_t *histogram, size_t wanted)
{
    const size_t samples = tn_dataset_samples(t->data->train);
    for (size_t i = 0; i < samples; i++)
        histogram[lengths[i]]++;
    size_t seen = 0, share = 1;
    for (size_t length = 1; length <= t->label_steps && share <= wanted; length++) {
        seen += histogram[length];
        if (length < SHORTEST || seen * wanted < share * samples)
            continue;
        while (share <= wanted && seen * wanted >= share * samples)
            share++;
        buckets->nets[buckets->count++].steps = length;
    }
    if (buckets->nets[buckets->count - 1].steps < t->label_steps)
        buckets->nets[buckets->count++].steps = t->label_steps;
}

static size_t net_for(const tn_trainer_buckets *buckets, size_t length)
{
    size_t k = 0;
    while (buckets->nets[k].steps < length)
        k++;
    return k;
}

static tn_status find_lengths(const tn_trainer *t, tn_trainer_buckets *buckets, size_t wanted, tn_error *error)
{
    const size_t samples = tn_dataset_samples(t->data->train);
    uint32_t *lengths = buckets->sorted; /* not needed for an order yet */
    size_t *histogram = tn_memory_create(t->label_steps + 1, sizeof *histogram);
    if (!histogram)
        return tn_fail_memory(error, (t->label_steps + 1) * sizeof *histogram);
    for (size_t i = 0; i < samples; i++)
        lengths[i] = (uint32_t)length_of(buckets, t->label_steps, t->data->train, (uint32_t)i);
    choose_lengths(t, buckets, lengths, histogram, wanted);
    for (size_t i = 0; i < samples; i++)
        buckets->of_sample[i] = (uint8_t)net_for(buckets, lengths[i]);
    tn_memory_destroy(histogram);
    return TN_OK;
}

/* ---- nets ---- */

static tn_status compile(const tn_trainer *t, net *made, const tn_hypes *hypes, tn_error *error)
{
    tn_shape shape = t->graph.input;
    shape.dims[0] = made->steps;
    tn_status status = tn_graph_init(&made->graph, hypes, &shape, error);
    if (status == TN_OK)
        status = tn_plan_init(&made->plan, &made->graph, t->plan.batch, tn_pool_threads(t->pool), error);
    if (status != TN_OK)
        return status;
    made->passes = tn_memory_create(made->graph.count, sizeof *made->passes);
    return made->passes ? TN_OK : tn_fail_memory(error, made->graph.count * sizeof *made->passes);
}

static tn_status fill(tn_trainer *t, tn_trainer_buckets *buckets, const tn_hypes *hypes, tn_error *error)
{
    const size_t samples = tn_dataset_samples(t->data->train), input = tn_shape_size(&t->graph.input);
    bool looks_ahead = false;
    tn_status status = check_net(t, buckets, hypes, &looks_ahead, error);
    if (status != TN_OK)
        return status;
    buckets->of_sample = tn_memory_create(samples, sizeof *buckets->of_sample);
    buckets->sorted = tn_memory_create(samples, sizeof *buckets->sorted);
    buckets->batches = tn_memory_create(samples / t->batch, sizeof *buckets->batches);
    buckets->labels = tn_memory_create(t->label_steps, sizeof *buckets->labels);
    buckets->tokens = looks_ahead ? tn_memory_create(input, sizeof *buckets->tokens) : NULL;
    if (!buckets->of_sample || !buckets->sorted || !buckets->batches || !buckets->labels || (looks_ahead && !buckets->tokens))
        return tn_fail_memory(error, samples * sizeof *buckets->sorted);
    status = find_lengths(t, buckets, (size_t)tn_hypes_integer(hypes, "data.buckets"), error);
    for (size_t k = 0; k + 1 < buckets->count && status == TN_OK; k++)
        status = compile(t, &buckets->nets[k], hypes, error);
    return status;
}

void tn_trainer_buckets_destroy(tn_trainer *t)
{
    tn_trainer_buckets *buckets = t->buckets;
    if (!buckets)
        return;
    for (size_t k = 0; k + 1 < buckets->count; k++) {
        tn_graph_deinit(&buckets->nets[k].graph);
        tn_plan_deinit(&buckets->nets[k].plan);
        tn_memory_destroy(buckets->nets[k].passes);
    }
    tn_memory_destroy(buckets->of_sample);
    tn_memory_destroy(buckets->sorted);
    tn_memory_destroy(buckets->batches);
    tn_memory_destroy(buckets->labels);
    tn_memory_destroy(buckets->tokens);
    tn_memory_destroy(buckets);
    t->buckets = NULL;
}

tn_status tn_trainer_lay_buckets(tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    if (tn_hypes_is_null(hypes, "data.buckets"))
        return TN_OK;
    tn_status status = check_settings(t, hypes, error);
    if (status != TN_OK)
        return status;
    t->buckets = tn_memory_create(1, sizeof *t->buckets);
    if (!t->buckets)
        return tn_fail_memory(error, sizeof *t->buckets);
    status = fill(t, t->buckets, hypes, error);
    if (status == TN_OK && t->buckets->count == 1)
        tn_trainer_buckets_destroy(t); /* all samples are of one length */
    return status;
}

size_t tn_trainer_memory_reals(const tn_trainer *t)
{
    size_t most = t->plan.reals;
    for (size_t k = 0; t->buckets && k + 1 < t->buckets->count; k++)
        most = t->buckets->nets[k].plan.reals > most ? t->buckets->nets[k].plan.reals : most;
    return most;
}

void tn_trainer_join_buckets(tn_trainer *t)
{
    if (!t->buckets)
        return;
    const size_t last = t->buckets->count - 1;
    net *whole = &t->buckets->nets[last];
    whole->graph = t->graph;
    whole->plan = t->plan;
    whole->passes = t->passes;
    for (size_t k = 0; k < last; k++) {
        tn_trainer_use(t, k);
        tn_trainer_prepare_passes(t);
    }
    tn_trainer_use(t, last);
    /* The places of tokens are no units: there are more of them in one net than in another. */
    t->tensors[t->input_tensor].units = 1;
}

size_t tn_trainer_nets(const tn_trainer *t)
{
    return t->buckets ? t->buckets->count : 1;
}

void tn_trainer_use(tn_trainer *t, size_t k)
{
    if (!t->buckets)
        return;
    const net *used = &t->buckets->nets[k];
    t->graph = used->graph;
    t->plan = used->plan;
    t->passes = used->passes;
    t->label_steps = used->steps;
    t->output_size = used->steps * t->label_width;
    t->own.inputs = t->memory + t->plan.input;
    if (t->place != &t->own)
        tn_trainer_move_to(t, t->place);
}

size_t tn_trainer_net_of(const tn_trainer *t, const tn_dataset *set, uint32_t sample)
{
    const tn_trainer_buckets *buckets = t->buckets;
    return buckets ? net_for(buckets, length_of(buckets, buckets->nets[buckets->count - 1].steps, set, sample)) : 0;
}

size_t tn_trainer_net_of_batch(const tn_trainer *t, const uint32_t *samples, size_t count)
{
    size_t most = 0;
    for (size_t i = 0; t->buckets && i < count; i++)
        most = t->buckets->of_sample[samples[i]] > most ? t->buckets->of_sample[samples[i]] : most;
    return most;
}

tn_trainer_wanted tn_trainer_want(const tn_trainer *t, size_t k, const tn_dataset *set, const uint32_t *samples)
{
    const size_t steps = t->buckets ? t->buckets->nets[k].steps : t->label_steps;
    return (tn_trainer_wanted){
        .set = set, .samples = samples, .values = t->buckets ? steps : tn_shape_size(&t->graph.input), .steps = steps};
}

void tn_trainer_group_order(const tn_trainer *t, tn_rng *generator, uint32_t *order)
{
    const tn_trainer_buckets *buckets = t->buckets;
    const size_t samples = tn_dataset_samples(t->data->train), full = samples / t->batch;
    size_t filled = 0;
    for (size_t k = 0; k < buckets->count; k++)
        for (size_t i = 0; i < samples; i++)
            if (buckets->of_sample[order[i]] == k)
                buckets->sorted[filled++] = order[i];
    tn_rng_permutation(generator, buckets->batches, full);
    for (size_t i = 0; i < full; i++)
        memcpy(order + i * t->batch, buckets->sorted + buckets->batches[i] * t->batch, t->batch * sizeof *order);
    memcpy(order + full * t->batch, buckets->sorted + full * t->batch, (samples - full * t->batch) * sizeof *order);
}

void tn_trainer_clear_rest(tn_trainer *t, size_t index)
{
    const tn_node *node = &t->graph.vertices[index].node;
    for (size_t k = 0; k < node->parameter_count; k++) {
        const tn_trainer_parameter_view *view = &t->parameters[t->vertices[index].first_parameter + k];
        const size_t size = tn_shape_size(&node->parameters[k].shape);
        if (view->trainable && size < view->size)
            memset(t->gradients + view->offset + size, 0, (view->size - size) * sizeof *t->gradients);
    }
}
