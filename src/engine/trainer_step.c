/* trainer_step.c: one step of training, and prediction.
 *
 * 1. the batch: the next samples of the epoch's order; where the trainer works ahead (trainer_ahead.c) it is there already, and the one behind it is begun
 * 2. forward through the vertices, the loss, backward through them
 * 3. the norm, where it is wanted or needed for clipping
 * 4. the update. Where nothing is clipped, an op may hand slices of its gradient to the optimizer during backward already
 * (TN_OP_FEEDS_SINK), and their squares are summed on the way, and on an observed step their vitals taken;
 *    the numbers are the same, the memory traffic is not. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "engine/trainer_parts.h"

void tn_trainer_draw_order_by(const tn_trainer *t, tn_rng *generator, uint32_t *order)
{
    size_t samples = tn_dataset_samples(t->data->train);
    if (t->carries) {
        tn_trainer_draw_streams(t, order);
        return;
    }
    if (t->shuffle) {
        tn_rng_permutation(generator, order, samples);
        if (t->buckets)
            tn_trainer_group_order(t, generator, order);
        return;
    }
    for (size_t i = 0; i < samples; i++)
        order[i] = (uint32_t)i;
}

void tn_trainer_draw_order(tn_trainer *t)
{
    t->epoch_batches = t->batches;
    tn_trainer_draw_order_by(t, &t->batches, t->order);
}

/* The batch of this step, made ahead or now, and the net that reads it. */
static void load_batch(tn_trainer *t, const uint32_t *order, size_t batch)
{
    const size_t net = tn_trainer_net_of_batch(t, order, batch);
    tn_trainer_wanted wanted = tn_trainer_want(t, net, t->data->train, order);
    wanted.training = true;
    wanted.number = t->samples;
    tn_trainer_use(t, net);
    if (!tn_trainer_take_ahead(t)) {
        tn_trainer_load_inputs(t, &wanted, 0, batch, t->pool, t->place);
        tn_trainer_load_labels(t, &wanted, 0, batch, t->place);
    }
    tn_trainer_begin_ahead(t, batch);
}

/* Where the tap is shown what a step makes; fn is NULL where nobody looks. */
typedef struct observer {
    tn_trainer *trainer;
    tn_tap_fn *fn;
    void *context;
    size_t batch; /* samples of this step, whose rows are in trainer->rows */
} observer;

/* vitals: of the values, NULL where they were not taken yet. values: NULL where the vitals are all that is left of them. */
static void show_with(const observer *seen, size_t index, size_t count, const tn_real *values, const tn_vitals *vitals)
{
#ifdef TN_REAL_DOUBLE
    /* A tap takes floats, and the double build has none; it exists for gradient checks only. */
    (void)seen, (void)index, (void)count, (void)values, (void)vitals;
#else
    if (!seen->fn || index == TN_TENSOR_NONE)
        return;
    tn_tensor_name *name = &seen->trainer->tensors[index];
    name->count = count;
    tn_tensor_shown shown = {
        .name = name, .index = index, .values = values, .maker = tn_trainer_maker(seen->trainer, index), .vitals = vitals};
    if (!name->parameter)
        shown.batch = (tn_batch_rows){seen->batch, seen->trainer->rows};
    seen->fn(seen->context, &shown);
#endif
}

static void show(const observer *seen, size_t index, size_t count, const tn_real *values)
{
    show_with(seen, index, count, values, NULL);
}

/* Which rows of the user's file a batch holds. */
static void find_rows(tn_trainer *t, const uint32_t *order, size_t batch)
{
    for (size_t i = 0; i < batch; i++)
        t->rows[i] = (uint32_t)tn_dataset_row(t->data->train, order[i]);
}

static void forward(tn_trainer *t, size_t batch, bool training, const observer *seen)
{
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        tn_pass *pass = &t->passes[i];
        pass->batch = batch;
        pass->training = training;
        if (!(node->op->flags & TN_OP_ALIAS))
            node->op->forward(node, pass);
        show(seen, t->vertices[i].activation, batch * tn_shape_size(&node->output), pass->output);
    }
}

TN_SIMD_CLONES
static void add_into(size_t count, const tn_real *restrict values, tn_real *restrict sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += values[i];
}

/* Gives every source of vertex `index` its gradient: an alias hands its own on; where several vertices read one tensor their gradients are
 * added. */
static void join_gradients(tn_trainer *t, size_t index, size_t batch)
{
    const tn_vertex *vertex = &t->graph.vertices[index];
    const tn_pass *pass = &t->passes[index];
    bool alias = (vertex->node.op->flags & TN_OP_ALIAS) != 0;
    for (size_t k = 0; k < vertex->node.input_count; k++) {
        if (!pass->d_inputs[k])
            continue;
        size_t count = batch * tn_shape_size(&vertex->node.inputs[k]);
        if (t->plan.vertices[index].accumulates[k]) {
            tn_real *sum = t->memory + t->plan.vertices[vertex->sources[k]].d_output;
            add_into(count, alias ? pass->d_output : pass->d_inputs[k], sum);
        } else if (alias && pass->d_inputs[k] != pass->d_output) {
            memcpy(pass->d_inputs[k], pass->d_output, count * sizeof(tn_real));
        }
    }
}

/* Notes which vertex a gradient came from, where several read one tensor: the first whose part of the sum is not finite. */
static void note_makers(tn_trainer *t, size_t index, size_t batch)
{
    const tn_vertex *vertex = &t->graph.vertices[index];
    const tn_pass *pass = &t->passes[index];
    bool alias = (vertex->node.op->flags & TN_OP_ALIAS) != 0;
    for (size_t k = 0; k < vertex->node.input_count; k++) {
        size_t source = vertex->sources[k];
        if (!pass->d_inputs[k] || source == TN_GRAPH_INPUT || t->graph.vertices[source].consumers < 2 || t->vertices[source].maker_is_known)
            continue;
        const tn_real *part = alias ? pass->d_output : pass->d_inputs[k];
        size_t count = batch * tn_shape_size(&vertex->node.inputs[k]), finite = 0;
        while (finite < count && isfinite(part[finite]))
            finite++;
        t->vertices[source].gradient_maker = index;
        t->vertices[source].maker_is_known = finite < count;
    }
}

/* What a sink needs to update the weights of one vertex. */
typedef struct sink_context {
    tn_trainer *trainer;
    const tn_update *update;
    bool sums_squares, observed;
    size_t first_parameter;
} sink_context;

static void take(void *context, size_t parameter, size_t tile, size_t offset, size_t count, const tn_real *gradients)
{
    const sink_context *sink = context;
    tn_trainer *t = sink->trainer;
    size_t index = sink->first_parameter + parameter;
    if (sink->sums_squares)
        tn_trainer_add_squares(t, index, offset, count, gradients);
    if (sink->observed)
        tn_trainer_update_streamed(t, sink->update, index, tile, offset, count, gradients);
    else
        tn_trainer_apply(t, sink->update, t->parameters[index].offset + offset, count, gradients, NULL);
}

/* Whether the update of a vertex's parameters is made on the way. On observed steps that is so where the parameters are large, and their gradients and changes are not kept then. */
static bool feeds_sink(const tn_trainer *t, size_t vertex, const observer *seen)
{
    if (!(t->graph.vertices[vertex].node.op->flags & TN_OP_FEEDS_SINK))
        return false;
    return !seen->fn || t->parameters[t->vertices[vertex].first_parameter].streamed != TN_TENSOR_NONE;
}

static void show_gradients(tn_trainer *t, size_t index, const observer *seen, bool streamed)
{
    const tn_node *node = &t->graph.vertices[index].node;
    for (size_t k = 0; k < node->parameter_count; k++) {
        const tn_trainer_parameter_view *view = &t->parameters[t->vertices[index].first_parameter + k];
        if (!view->trainable)
            continue;
        if (streamed)
            show_with(seen, view->gradient_tensor, view->size, NULL, &t->streamed[view->streamed].gradients);
        else
            show(seen, view->gradient_tensor, view->size, t->gradients + view->offset);
    }
}

/* What a vertex has left in trainer->gradients goes into the norm while it is in cache. */
static void square_gradients(tn_trainer *t, size_t index)
{
    for (size_t k = 0; k < t->graph.vertices[index].node.parameter_count; k++) {
        size_t parameter = t->vertices[index].first_parameter + k;
        if (t->parameters[parameter].trainable)
            tn_trainer_square_gradients(t, parameter);
    }
}

/* fused: the update that may be made on the way, or NULL. needs_norm: the squares of all gradients are summed. */
static void backward(tn_trainer *t, size_t batch, const observer *seen, const tn_update *fused, bool needs_norm)
{
    for (size_t i = 0; seen->fn && i < t->graph.count; i++)
        t->vertices[i].maker_is_known = false;
    for (size_t i = t->graph.count; i-- > 0;) {
        const tn_vertex *vertex = &t->graph.vertices[i];
        const tn_op *op = vertex->node.op;
        tn_pass *pass = &t->passes[i];
        if (!vertex->needs_gradient)
            continue;
        show(seen, t->vertices[i].gradient, batch * tn_shape_size(&vertex->node.output), pass->d_output);
        sink_context context = {t, fused, needs_norm, seen->fn != NULL, t->vertices[i].first_parameter};
        tn_gradient_sink sink = {take, &context};
        pass->sink = fused && feeds_sink(t, i, seen) ? &sink : NULL;
        bool streamed = pass->sink && seen->fn;
        if (streamed)
            tn_trainer_begin_streamed(t, i);
        if (!(op->flags & TN_OP_ALIAS))
            op->backward(&vertex->node, pass);
        if (t->buckets)
            tn_trainer_clear_rest(t, i);
        if (needs_norm && !pass->sink)
            square_gradients(t, i);
        pass->sink = NULL;
        if (streamed)
            tn_trainer_end_streamed(t, i);
        if (seen->fn)
            note_makers(t, i, batch);
        join_gradients(t, i, batch);
        show_gradients(t, i, seen, streamed);
    }
}

/* Updates what backward has not: runs of neighbouring parameters at once. */
static void update_rest(tn_trainer *t, const tn_update *update, bool fused, const observer *seen)
{
    size_t first = 0, end = 0;
    for (size_t i = 0; i < t->parameter_count; i++) {
        const tn_trainer_parameter_view *view = &t->parameters[i];
        if (!view->trainable || (fused && feeds_sink(t, view->vertex, seen)))
            continue;
        if (end > first && view->offset - end >= TN_ALIGNMENT / sizeof(tn_real)) {
            tn_trainer_update_range(t, update, first, end - first);
            first = view->offset;
        } else if (end == first) {
            first = view->offset;
        }
        end = view->offset + view->size;
    }
    if (end > first)
        tn_trainer_update_range(t, update, first, end - first);
}

/* Values of a parameter below which the tap takes the vitals of update and weight: they are in the first cache all the same. */
enum { LEFT_BELOW = TN_VITALS_SAMPLED_FROM };

static void update_observed(tn_trainer *t, const tn_update *update, bool fused, const observer *seen)
{
    for (size_t i = 0; i < t->parameter_count; i++) {
        const tn_trainer_parameter_view *view = &t->parameters[i];
        bool streamed = fused && view->trainable && feeds_sink(t, view->vertex, seen);
        bool small = !streamed && view->trainable && view->size < LEFT_BELOW;
        const tn_trainer_observed *found = streamed          ? &t->streamed[view->streamed]
                                           : small           ? NULL
                                           : view->trainable ? tn_trainer_update_observed(t, update, i)
                                                             : NULL;
        if (small)
            tn_trainer_update_kept(t, update, i);
        if (found || small)
            show_with(seen, view->update_tensor, view->size, small ? t->gradients + view->offset : NULL, found ? &found->changes : NULL);
        show_with(seen, view->weight_tensor, view->size, t->values + view->offset, found ? &found->values : NULL);
    }
}

void tn_trainer_step(tn_trainer *t, bool want_norm, tn_tap_fn *tap, void *tap_context, tn_step_result *result)
{
    size_t samples = t->epoch_samples;
    if (t->position == samples) {
        t->position = 0;
        t->epoch++;
        if (!tn_trainer_take_order(t))
            tn_trainer_draw_order(t);
    }
    size_t batch = samples - t->position < t->batch ? samples - t->position : t->batch;
    const uint32_t *order = t->order + t->position;
    observer seen = {t, tap, tap_context, batch};
    tn_update update = {.learning_rate = tn_schedule_rate(&t->schedule, t->step), .gradient_scale = 1, .step = t->step + 1};
    bool needs_norm = want_norm || t->clip_norm > 0;

    if (tap)
        find_rows(t, order, batch);
    load_batch(t, order, batch);
    show(&seen, t->input_tensor, batch * tn_shape_size(&t->graph.input), t->place->inputs);
    if (t->carries)
        tn_trainer_begin_carried(t, batch);
    forward(t, batch, true, &seen);
    tn_pass *last = &t->passes[t->graph.count - 1];
    tn_labels labels = tn_trainer_labels(t, t->data->train, batch);
    double loss = tn_trainer_losses(t, batch, last->output, &labels, t->memory + t->plan.vertices[t->graph.count - 1].d_output);
    show(&seen, t->loss_tensor, batch, t->sample_losses);
    bool fused = !(t->clip_norm > 0), failed = t->fault.code != TN_OK;
    if (!failed)
        backward(t, batch, &seen, fused ? &update : NULL, needs_norm);

    double norm = needs_norm ? tn_trainer_gradient_norm(t) : NAN;
    if (t->clip_norm > 0 && norm > t->clip_norm)
        update.gradient_scale = t->clip_norm / norm;
    if (tap && !failed)
        update_observed(t, &update, fused, &seen);
    else if (!failed)
        update_rest(t, &update, fused, &seen);

    tn_trainer_use(t, tn_trainer_nets(t) - 1);
    t->position += batch;
    t->samples += batch;
    t->step++;
    *result = (tn_step_result){.step = t->step,
                               .loss = loss,
                               .learning_rate = update.learning_rate,
                               .gradient_norm = norm,
                               .samples = t->samples,
                               .epoch = t->epoch};
}

/* Predicts samples t->numbers [batch] by the net in use, each to its place t->asked. */
static void predict_batch(tn_trainer *t, const tn_dataset *set, size_t net, size_t batch, size_t width, float *outputs, float *losses)
{
    const observer nobody = {.trainer = t};
    const size_t made = t->output_size; /* of the whole width, which a short net does not fill */
    const tn_trainer_wanted wanted = tn_trainer_want(t, net, set, t->numbers);
    tn_trainer_load_inputs(t, &wanted, 0, batch, t->pool, t->place);
    forward(t, batch, false, &nobody);
    const tn_real *output = t->passes[t->graph.count - 1].output;
    for (size_t i = 0; i < batch; i++) {
        float *to = outputs + t->asked[i] * width;
        for (size_t k = 0; k < made; k++)
            to[k] = (float)output[i * made + k];
        memset(to + made, 0, (width - made) * sizeof *to);
    }
    if (!losses)
        return;
    tn_trainer_load_labels(t, &wanted, 0, batch, t->place);
    tn_labels labels = tn_trainer_labels(t, set, batch);
    (void)tn_trainer_losses(t, batch, output, &labels, NULL);
    for (size_t i = 0; i < batch; i++)
        losses[t->asked[i]] = (float)t->sample_losses[i];
}

void tn_trainer_predict(tn_trainer *t, const tn_dataset *set, const uint32_t *samples, size_t count, float *outputs, float *losses)
{
    const size_t width = t->output_size, nets = tn_trainer_nets(t);
    for (size_t net = 0; net < nets; net++) {
        size_t batch = 0;
        tn_trainer_use(t, net);
        for (size_t i = 0; i < count; i++) {
            const uint32_t sample = samples ? samples[i] : (uint32_t)i;
            if (nets > 1 && tn_trainer_net_of(t, set, sample) != net)
                continue;
            t->numbers[batch] = sample;
            t->asked[batch++] = (uint32_t)i;
            if (batch == t->plan.batch) {
                predict_batch(t, set, net, batch, width, outputs, losses);
                batch = 0;
            }
        }
        if (batch > 0)
            predict_batch(t, set, net, batch, width, outputs, losses);
    }
}
