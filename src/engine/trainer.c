/* trainer.c: a trainer's life and its facts; see trainer.h. What a step does is in trainer_step.c, state that is carried in trainer_carry.c, checkpoints in trainer_state.c, single parameters in trainer_weights.c. */
#include "engine/trainer.h"

#include <assert.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "engine/tiles.h"
#include "engine/trainer_parts.h"

/* A prediction works through its samples in batches of at least this many, however small the batches of training are. */
enum { PREDICT_BATCH = 64 };

/* Unless such a batch would hold more input values than this. */
#define PREDICT_VALUES ((size_t)1 << 22)

static size_t round_to_lines(size_t reals)
{
    size_t line = TN_ALIGNMENT / sizeof(tn_real);
    return (reals + line - 1) / line * line;
}

static tn_status read_settings(tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    const char *loss = tn_hypes_string(hypes, "loss.name"), *optimizer = tn_hypes_string(hypes, "solver.opt");
    t->loss = tn_loss_find(loss);
    if (!t->loss)
        return tn_hypes_fail(hypes, "loss.name", error, "the loss \"%s\" is not built into this engine", loss);
    t->loss_options = (tn_loss_options){.clip = tn_hypes_number(hypes, "loss.clip"),
                                        .delta = tn_hypes_number(hypes, "loss.delta"),
                                        .sum = strcmp(tn_hypes_string(hypes, "loss.reduction"), "sum") == 0};
    t->optimizer = tn_optimizer_find(optimizer);
    if (!t->optimizer)
        return tn_hypes_fail(hypes, "solver.opt", error, "the optimizer \"%s\" is not built into this engine", optimizer);
    t->optimizer_options = tn_optimizer_options_read(hypes);
    t->slot_count = t->optimizer->slots_used ? t->optimizer->slots_used(&t->optimizer_options) : t->optimizer->slots;
    t->clip_norm = tn_hypes_is_null(hypes, "solver.clip_norm") ? 0 : tn_hypes_number(hypes, "solver.clip_norm");
    t->shuffle = tn_hypes_boolean(hypes, "solver.shuffle");
    t->carries = json_is_true(tn_hypes_value(hypes, "solver.carry_state"));
    size_t samples = tn_dataset_samples(t->data->train);
    if (samples == 0)
        return tn_fail(error, TN_ERROR_DATA, "there are no training samples; training needs at least one");
    if (samples > UINT32_MAX)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "%zu training samples are too many; at most %u can be shuffled. Set data.samples",
                       samples, UINT32_MAX);
    uint64_t batch = (uint64_t)tn_hypes_integer(hypes, "solver.batch_size");
    t->batch = batch < samples ? (size_t)batch : samples;
    t->epoch_samples = t->carries ? samples / t->batch * t->batch : samples;
    t->steps_per_epoch = (t->epoch_samples + t->batch - 1) / t->batch;
    if (tn_hypes_is_null(hypes, "solver.steps"))
        t->steps_total = (uint64_t)tn_hypes_integer(hypes, "solver.epochs") * t->steps_per_epoch;
    else
        t->steps_total = (uint64_t)tn_hypes_integer(hypes, "solver.steps");
    t->schedule = tn_schedule_read(hypes, t->steps_per_epoch, t->steps_total);
    return TN_OK;
}

static void lay_squares(tn_trainer *t, tn_trainer_parameter_view *view)
{
    const tn_shape *shape = &t->graph.vertices[view->vertex].node.parameters[view->index].shape;
    view->group = TN_SINK_ROWS * (shape->rank ? shape->dims[shape->rank - 1] : 1);
    view->first_square = t->square_count;
    t->square_count += (view->size + view->group - 1) / view->group;
}

/* Numbers the parameters, trainable ones first in the block, and gives them offsets. */
static tn_status lay_parameters(tn_trainer *t, tn_error *error)
{
    for (size_t i = 0; i < t->graph.count; i++)
        t->parameter_count += t->graph.vertices[i].node.parameter_count;
    t->parameters = tn_memory_create(t->parameter_count, sizeof *t->parameters);
    t->vertices = tn_memory_create(t->graph.count, sizeof *t->vertices);
    if (!t->parameters || !t->vertices)
        return tn_fail_memory(error, t->parameter_count * sizeof *t->parameters);
    size_t number = 0;
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        t->vertices[i].first_parameter = number;
        for (size_t k = 0; k < node->parameter_count; k++) {
            const tn_parameter *parameter = &node->parameters[k];
            t->parameters[number++] = (tn_trainer_parameter_view){
                .vertex = i, .index = k, .size = tn_shape_size(&parameter->shape), .trainable = parameter->trainable};
        }
    }
    for (int trainable = 1; trainable >= 0; trainable--) {
        for (size_t i = 0; i < t->parameter_count; i++) {
            if (t->parameters[i].trainable != (trainable == 1))
                continue;
            t->parameters[i].offset = t->values_size;
            t->values_size += round_to_lines(t->parameters[i].size);
            if (t->values_size > SIZE_MAX / 64)
                return tn_fail(error, TN_ERROR_MEMORY,
                               "the weights of this net need more memory than can be addressed; make its layers smaller");
            t->trainable_values += trainable ? t->parameters[i].size : 0;
            if (trainable)
                lay_squares(t, &t->parameters[i]);
        }
        if (trainable)
            t->trainable_size = t->values_size;
    }
    return TN_OK;
}

/* Reals of a vertex's parameters from which an observed step does not write their gradients to memory either: with weights and momentum they leave the second cache. */
enum { STREAMED_FROM = 65536 };

/* Gives the parameters whose gradients are streamed their places. Returns how many there are of one vertex at most. */
static size_t lay_streamed(tn_trainer *t)
{
    size_t most = 0;
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        tn_trainer_parameter_view *views = t->parameters + t->vertices[i].first_parameter;
        size_t reals = 0, trainable = 0;
        for (size_t k = 0; k < node->parameter_count; k++) {
            views[k].streamed = TN_TENSOR_NONE;
            trainable += views[k].trainable;
            reals += views[k].size;
        }
        if (!(node->op->flags & TN_OP_FEEDS_SINK) || trainable < node->parameter_count || reals < STREAMED_FROM)
            continue;
        for (size_t k = 0; k < node->parameter_count; k++)
            views[k].streamed = t->streamed_count++;
        most = node->parameter_count > most ? node->parameter_count : most;
    }
    return most;
}

static tn_status allocate_values(tn_trainer *t, tn_error *error)
{
    size_t bytes = t->values_size * sizeof(tn_real);
    t->values = tn_memory_create(t->values_size, sizeof *t->values);
    t->gradients = tn_memory_create(t->trainable_size, sizeof *t->gradients);
    t->squares = tn_memory_create(t->square_count, sizeof *t->squares);
    size_t most = lay_streamed(t), tiles = (most ? most : 1) * TN_TILES_MAX;
    t->observed = tn_memory_create(tiles, sizeof *t->observed);
    t->streamed = tn_memory_create(t->streamed_count, sizeof *t->streamed);
    if (!t->values || !t->gradients || !t->squares || !t->observed || !t->streamed)
        return tn_fail_memory(error, bytes + (tiles + t->streamed_count) * sizeof *t->observed);
    for (size_t i = 0; i < t->slot_count; i++) {
        t->slots[i] = tn_memory_create(t->trainable_size, sizeof *t->slots[i]);
        if (!t->slots[i])
            return tn_fail_memory(error, bytes);
    }
    return TN_OK;
}

/* A stream of its own for each user of random numbers, so that one layer's size does not change another layer's weights. */
enum { STREAMS = 4 }; /* of a vertex, numbered in a row; further ones apart, so that the numbers stay what they are */

static uint64_t stream_of(tn_stream purpose, size_t vertex, size_t index)
{
    return (uint64_t)purpose + ((uint64_t)(vertex * STREAMS + index % STREAMS + 1) << 16) + ((uint64_t)(index / STREAMS) << 56);
}

/* A parameter of several gates: each is drawn by itself, as a matrix of its own, and put beside those before it. */
static tn_status initialise_gates(const tn_parameter *parameter, tn_rng *rng, size_t fan_in, size_t rows, size_t columns, tn_real *values,
                                  tn_error *error)
{
    size_t width = columns / parameter->gates;
    tn_real *gate = tn_memory_create(rows * width, sizeof *gate);
    if (!gate)
        return tn_fail_memory(error, rows * width * sizeof *gate);
    tn_status status = TN_OK;
    for (size_t g = 0; g < parameter->gates && !status; g++) {
        status = tn_initializer_fill(&parameter->initializer, rng, fan_in, parameter->fan_out, rows, width, gate, error);
        double shift = g == parameter->shifted_gate ? parameter->gate_shift : 0;
        for (size_t r = 0; r < rows && !status; r++)
            for (size_t k = 0; k < width; k++)
                values[r * columns + g * width + k] = (tn_real)((double)gate[r * width + k] + shift);
    }
    tn_memory_destroy(gate);
    return status;
}

static tn_status initialise(tn_trainer *t, uint64_t seed, tn_error *error)
{
    for (size_t i = 0; i < t->parameter_count; i++) {
        const tn_trainer_parameter_view *view = &t->parameters[i];
        const tn_parameter *parameter = &t->graph.vertices[view->vertex].node.parameters[view->index];
        size_t columns = parameter->shape.rank ? parameter->shape.dims[parameter->shape.rank - 1] : 1;
        tn_rng rng;
        tn_rng_init(&rng, seed, stream_of(TN_STREAM_INIT, view->vertex, view->index));
        size_t rows = view->size / columns;
        bool is_torch = parameter->initializer.scheme == TN_SCHEME_TORCH && parameter->fan_torch > 0;
        size_t fan_in = is_torch ? parameter->fan_torch : parameter->fan_in;
        tn_real *values = t->values + view->offset;
        tn_status status = parameter->gates > 1 ? initialise_gates(parameter, &rng, fan_in, rows, columns, values, error)
                                                : tn_initializer_fill(&parameter->initializer, &rng, fan_in, parameter->fan_out, rows,
                                                                      columns, values, error);
        if (status)
            return status;
    }
    for (size_t i = 0; i < t->graph.count; i++)
        tn_rng_init(&t->rngs[i], seed, stream_of(TN_STREAM_DROPOUT, i, 0));
    tn_rng_init(&t->batches, seed, TN_STREAM_BATCHES);
    tn_trainer_draw_order(t);
    return TN_OK;
}

/* Memory of the batch: everything but parameters. */
static tn_status allocate_batch(tn_trainer *t, tn_error *error)
{
    size_t batch = t->plan.batch, samples = tn_dataset_samples(t->data->train), reals = tn_trainer_memory_reals(t);
    t->memory = tn_memory_create(reals, sizeof *t->memory);
    t->passes = tn_memory_create(t->graph.count, sizeof *t->passes);
    t->rngs = tn_memory_create(t->graph.count, sizeof *t->rngs);
    bool placed = tn_trainer_place_init(t, &t->own);
    t->sample_losses = tn_memory_create(batch, sizeof *t->sample_losses);
    t->step_losses = tn_memory_create(t->label_steps > 1 ? batch * t->label_steps : 0, sizeof *t->step_losses);
    t->order = tn_memory_create(samples, sizeof *t->order);
    t->rows = tn_memory_create(t->batch, sizeof *t->rows);
    t->numbers = tn_memory_create(batch, sizeof *t->numbers);
    t->asked = tn_memory_create(batch, sizeof *t->asked);
    if (!placed || !t->memory || !t->passes || !t->rngs || !t->sample_losses || !t->step_losses || !t->order || !t->rows || !t->numbers ||
        !t->asked)
        return tn_fail_memory(error, reals * sizeof *t->memory);
    t->own.inputs = t->memory + t->plan.input;
    t->place = &t->own;
    return TN_OK;
}

static tn_real *at(const tn_trainer *t, size_t offset)
{
    return offset == TN_PLAN_NONE ? NULL : t->memory + offset;
}

static void prepare_pass(tn_trainer *t, size_t index)
{
    const tn_vertex *vertex = &t->graph.vertices[index];
    const tn_plan_vertex *place = &t->plan.vertices[index];
    tn_pass *pass = &t->passes[index];
    *pass = (tn_pass){.pool = t->pool,
                      .rng = &t->rngs[index],
                      .fault = &t->fault,
                      .output = at(t, place->output),
                      .d_output = at(t, place->d_output),
                      .saved = at(t, place->saved),
                      .scratch = at(t, t->plan.scratch)};
    if (t->carries && vertex->node.carried_count > 0) {
        pass->carried = t->carried + t->vertices[index].carried;
        pass->carried_on = t->carried_on + t->vertices[index].carried;
    }
    for (size_t k = 0; k < vertex->node.input_count; k++) {
        size_t source = vertex->sources[k];
        pass->inputs[k] = at(t, source == TN_GRAPH_INPUT ? t->plan.input : t->plan.vertices[source].output);
        pass->d_inputs[k] = at(t, place->d_inputs[k]);
    }
    for (size_t k = 0; k < vertex->node.parameter_count; k++) {
        const tn_trainer_parameter_view *view = &t->parameters[t->vertices[index].first_parameter + k];
        pass->parameters[k] = t->values + view->offset;
        pass->d_parameters[k] = view->trainable ? t->gradients + view->offset : NULL;
    }
}

void tn_trainer_prepare_passes(tn_trainer *t)
{
    for (size_t i = 0; i < t->graph.count; i++)
        prepare_pass(t, i);
}

static size_t last_axis(const tn_shape *shape)
{
    assert(shape);
    return shape->rank ? shape->dims[shape->rank - 1] : 1;
}

static size_t add_tensor(tn_trainer *t, const tn_node *node, const tn_parameter *parameter, tn_role role, const tn_shape *shape)
{
    tn_tensor_name *name = &t->tensors[t->tensor_count];
    size_t samples = parameter ? 1 : t->batch;
    *name = (tn_tensor_name){.node = node ? node->name : "input",
                             .parameter = parameter ? parameter->name : NULL,
                             .op = node ? node->op->name : "input",
                             .node_index = node ? node->index : 0,
                             .role = role,
                             .count = samples * tn_shape_size(shape),
                             .units = parameter ? shape->dims[parameter->unit_axis] : last_axis(shape)};
    return t->tensor_count++;
}

static tn_status name_tensors(tn_trainer *t, tn_error *error)
{
    size_t most = 2 + 2 * t->graph.count + 3 * t->parameter_count;
    t->tensors = tn_memory_create(most, sizeof *t->tensors);
    if (!t->tensors)
        return tn_fail_memory(error, most * sizeof *t->tensors);
    t->input_tensor = add_tensor(t, NULL, NULL, TN_ROLE_INPUT, &t->graph.input);
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_vertex *vertex = &t->graph.vertices[i];
        t->vertices[i].activation = add_tensor(t, &vertex->node, NULL, TN_ROLE_ACTIVATION, &vertex->node.output);
        t->vertices[i].gradient =
            vertex->needs_gradient ? add_tensor(t, &vertex->node, NULL, TN_ROLE_ACTIVATION_GRADIENT, &vertex->node.output) : TN_TENSOR_NONE;
        t->vertices[i].gradient_maker = t->graph.count;
        for (size_t k = 0; k < vertex->node.input_count; k++)
            if (vertex->sources[k] != TN_GRAPH_INPUT)
                t->vertices[vertex->sources[k]].gradient_maker = i;
    }
    t->loss_tensor = t->tensor_count++;
    t->tensors[t->loss_tensor] = (tn_tensor_name){
        .node = "loss", .op = t->loss->name, .node_index = t->graph.count, .role = TN_ROLE_LOSS, .count = t->batch, .units = 1};
    for (size_t i = 0; i < t->parameter_count; i++) {
        tn_trainer_parameter_view *view = &t->parameters[i];
        const tn_node *node = &t->graph.vertices[view->vertex].node;
        const tn_parameter *parameter = &node->parameters[view->index];
        view->weight_tensor = add_tensor(t, node, parameter, TN_ROLE_WEIGHT, &parameter->shape);
        view->gradient_tensor = view->trainable ? add_tensor(t, node, parameter, TN_ROLE_GRADIENT, &parameter->shape) : TN_TENSOR_NONE;
        view->update_tensor = view->trainable ? add_tensor(t, node, parameter, TN_ROLE_UPDATE, &parameter->shape) : TN_TENSOR_NONE;
    }
    return TN_OK;
}

static size_t planned_batch(const tn_trainer *t)
{
    size_t steps = t->label_steps, batch = steps < PREDICT_BATCH ? PREDICT_BATCH / steps : 1; /* a sequence is a batch by itself */
    while (batch > 1 && batch * tn_shape_size(&t->graph.input) > PREDICT_VALUES)
        batch /= 2;
    return batch > t->batch ? batch : t->batch;
}

static tn_status build(tn_trainer *t, const tn_hypes *hypes, tn_error *error)
{
    tn_status status = read_settings(t, hypes, error);
    if (!status)
        status = tn_graph_init(&t->graph, hypes, tn_dataset_shape(t->data->train), error);
    if (status)
        return status;
    t->output_size = tn_shape_size(&t->graph.vertices[t->graph.count - 1].node.output);
    t->label_steps = tn_dataset_label_steps(t->data->train);
    t->label_width = t->output_size / t->label_steps;
    status = tn_trainer_check_labels(t, hypes, error);
    if (!status)
        status = tn_plan_init(&t->plan, &t->graph, planned_batch(t), tn_pool_threads(t->pool), error);
    if (!status)
        status = lay_parameters(t, error);
    if (!status && t->carries)
        status = tn_trainer_lay_carried(t, hypes, error);
    if (!status)
        status = tn_trainer_lay_buckets(t, hypes, error);
    if (!status)
        status = allocate_values(t, error);
    if (!status)
        status = allocate_batch(t, error);
    if (!status)
        status = name_tensors(t, error);
    if (!status)
        status = initialise(t, (uint64_t)tn_hypes_integer(hypes, "solver.seed"), error);
    if (!status) {
        tn_trainer_prepare_passes(t);
        tn_trainer_join_buckets(t);
    }
    if (!status)
        status = tn_augment_init(&t->augment, hypes, t->data->train, tn_trainer_takes_tokens(t), error);
    return status ? status : tn_trainer_check_tokens(t, hypes, error);
}

tn_status tn_trainer_create(const tn_hypes *hypes, const tn_data *data, tn_pool *pool, tn_trainer **trainer, tn_error *error)
{
    *trainer = NULL;
    tn_trainer *t = tn_memory_create(1, sizeof *t);
    if (!t)
        return tn_fail_memory(error, sizeof *t);
    t->data = data;
    t->pool = pool;
    tn_status status = build(t, hypes, error);
    if (status)
        tn_trainer_destroy(t);
    else
        *trainer = t;
    return status;
}

void tn_trainer_destroy(tn_trainer *t)
{
    if (!t)
        return;
    tn_trainer_ahead_destroy(t);
    tn_trainer_buckets_destroy(t);
    tn_graph_deinit(&t->graph);
    tn_plan_deinit(&t->plan);
    tn_memory_destroy(t->parameters);
    tn_memory_destroy(t->vertices);
    tn_memory_destroy(t->values);
    tn_memory_destroy(t->gradients);
    for (size_t i = 0; i < TN_OPTIMIZER_SLOTS_MAX; i++)
        tn_memory_destroy(t->slots[i]);
    tn_memory_destroy(t->squares);
    tn_memory_destroy(t->observed);
    tn_memory_destroy(t->streamed);
    tn_memory_destroy(t->carried);
    tn_memory_destroy(t->carried_on);
    tn_memory_destroy(t->memory);
    tn_memory_destroy(t->passes);
    tn_memory_destroy(t->rngs);
    tn_trainer_place_deinit(&t->own);
    tn_memory_destroy(t->sample_losses);
    tn_memory_destroy(t->step_losses);
    tn_memory_destroy(t->tensors);
    tn_memory_destroy(t->order);
    tn_memory_destroy(t->rows);
    tn_memory_destroy(t->numbers);
    tn_memory_destroy(t->asked);
    tn_memory_destroy(t);
}

uint64_t tn_trainer_parameters(const tn_trainer *t)
{
    return t->trainable_values;
}

uint64_t tn_trainer_steps_total(const tn_trainer *t)
{
    return t->steps_total;
}

uint64_t tn_trainer_steps_per_epoch(const tn_trainer *t)
{
    return t->steps_per_epoch;
}

size_t tn_trainer_output_size(const tn_trainer *t)
{
    return t->output_size;
}

size_t tn_trainer_label_width(const tn_trainer *t)
{
    return t->label_width;
}

double tn_trainer_expected_loss(const tn_trainer *t)
{
    double of_a_label = tn_loss_expected_initial(t->loss, t->label_width);
    return t->loss_options.sum ? of_a_label * (double)(t->batch * t->label_steps) : of_a_label;
}

size_t tn_trainer_tensor_count(const tn_trainer *t)
{
    return t->tensor_count;
}

const tn_tensor_name *tn_trainer_tensor(const tn_trainer *t, size_t index)
{
    return index < t->tensor_count ? &t->tensors[index] : NULL;
}

tn_maker tn_trainer_maker(const tn_trainer *t, size_t index)
{
    const tn_tensor_name *name = &t->tensors[index];
    const tn_maker loss = {"loss", t->loss->name, t->graph.count};
    if (name->role == TN_ROLE_UPDATE || name->role == TN_ROLE_WEIGHT)
        return (tn_maker){t->optimizer->name, t->optimizer->name, t->graph.count};
    if (name->role != TN_ROLE_ACTIVATION_GRADIENT)
        return (tn_maker){name->node, name->op, name->node_index};
    size_t maker = t->vertices[name->node_index].gradient_maker;
    const tn_node *node = maker < t->graph.count ? &t->graph.vertices[maker].node : NULL;
    return node ? (tn_maker){node->name, node->op->name, maker} : loss;
}

const tn_error *tn_trainer_fault(const tn_trainer *t)
{
    return t->fault.code != TN_OK ? &t->fault : NULL;
}
