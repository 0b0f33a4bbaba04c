/* recurrent.c: see recurrent.h.
 *
 * Inside, time comes first: row t B + b. So the hidden states before all steps are one matrix, the rows shifted by B, and the weight gradient of all steps is one product.
 *   forward   1. x in that order  2. a layer: gates = x W_ih + b_ih for all steps; step by step gates += h W_hh + b_hh, the cell  3. h out
 *   backward  1. dy in that order  2. a layer, from the last: step by step the cell, dh = d_gates W_hh^T; dW_ih, dW_hh, the biases; dx = d_gates W_ih^T  3. dx out
 * Threads share the sequences of a batch: a tile goes through all steps by itself, with nothing to wait for. Products over all steps are cut by rows. W_hh is transposed once a pass, since it
 * is read in every step.
 *
 * saved: x [T, B, I]; for each layer h [T, B, D H], then for each direction gates [T, B, wide H] and cell [T, B, H]. */
#include "engine/ops/recurrent.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/tiles.h"

enum { WEIGHT_IH, WEIGHT_HH, BIAS_IH, BIAS_HH, PARAMETERS };

/* A tile of rows of a weight gradient; and of sequences, whose product of each step gets half as fast where it has two rows (34 GFLOP/s against 77 with five, 84 with ten, 200 units in AVX2). */
enum { TILE_WEIGHT_ROWS = 32, TILE_SEQUENCES = 5 };

static const tn_recurrent *recurrent_of(const tn_node *node)
{
    return (const tn_recurrent *)(const void *)node->attributes;
}

static size_t inputs_of(const tn_recurrent *own, size_t layer)
{
    return layer == 0 ? own->inputs : own->directions * own->units;
}

static size_t widest(const tn_recurrent *own)
{
    const size_t hidden = own->directions * own->units;
    return own->inputs > hidden ? own->inputs : hidden;
}

/* ---- configure ---- */

static void add_parameters(tn_node *node, const tn_recurrent *own, const tn_cell *cell, size_t layer, size_t direction)
{
    static const char *const kinds[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const size_t inputs[] = {inputs_of(own, layer), own->units};
    for (size_t k = 0; k < PARAMETERS; k++) {
        char name[40];
        snprintf(name, sizeof name, "%s_l%zu%s", kinds[k], layer, direction ? "_reverse" : "");
        const tn_shape matrix = {.rank = 2, .dims = {inputs[k % 2], cell->gates * own->units}};
        const tn_shape vector = {.rank = 1, .dims = {cell->gates * own->units}};
        tn_parameter *parameter = tn_node_add_parameter(node, name, k < BIAS_IH ? &matrix : &vector);
        parameter->fan_in = inputs[k % 2];
        parameter->fan_out = own->units;
        parameter->fan_torch = own->units;
        parameter->gates = cell->gates;
        node->multiply_adds += k < BIAS_IH ? (double)own->steps * (double)tn_shape_size(&matrix) : 0;
        parameter->is_recurrent = k == WEIGHT_HH;
    }
}

tn_status tn_recurrent_configure(tn_node *node, const json_t *hypes_node, const tn_cell *cell, tn_error *error)
{
    tn_recurrent *own = (tn_recurrent *)(void *)node->attributes;
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    _Static_assert(sizeof(tn_recurrent) <= TN_OP_ATTRIBUTES_BYTES, "attributes fit");
    if (in->rank != 2)
        return tn_fail(
            error, TN_ERROR_HYPES,
            "%s needs a sequence [time, features], and a sample has the shape %s; tokens become one by an embedding, other values by a "
            "reshape",
            node->op->name, tn_shape_format(shape, in));
    own->steps = in->dims[0];
    own->inputs = in->dims[1];
    own->units = tn_attribute_size(hypes_node, "units");
    own->layers = tn_attribute_size(hypes_node, "layers");
    own->directions = tn_attribute_boolean(hypes_node, "bidirectional") ? 2 : 1;
    if (own->layers * own->directions * PARAMETERS > TN_OP_PARAMETERS_MAX)
        return tn_fail(error, TN_ERROR_HYPES,
                       "%s has %zu layers of 2 directions; at most %d fit into a node, put further ones into nodes behind it",
                       node->op->name, own->layers, TN_OP_PARAMETERS_MAX / PARAMETERS / 2);
    const size_t hidden = own->directions * own->units, gates = cell->wide * own->units;
    node->output = (tn_shape){.rank = 2, .dims = {own->steps, hidden}};
    for (size_t layer = 0; layer < own->layers; layer++)
        for (size_t d = 0; d < own->directions; d++)
            add_parameters(node, own, cell, layer, d);
    const size_t of_direction = gates + (cell->has_cell ? own->units : 0);
    node->saved_per_sample = own->steps * (own->inputs + own->layers * (hidden + own->directions * of_direction));
    node->scratch_per_sample = own->steps * (gates + 2 * widest(own)) + 2 * own->units;
    node->scratch_shared = cell->gates * own->units * own->units;
    node->carried_count = own->layers * (cell->has_cell ? 2 : 1);
    node->carried_width = own->directions == 1 ? own->units : 0; /* a reading from the end has nothing to go on from */
    return TN_OK;
}

/* ---- a pass ---- */

/* One direction of one layer. */
typedef struct lane {
    size_t layer, direction, inputs;
    const tn_real *x;                        /* [T, B, inputs] */
    tn_real *h;                              /* [T, B, D H] from this direction's first column */
    tn_real *gates, *cell;                   /* [T, B, wide H], [T, B, H] */
    const tn_real *h_carried, *cell_carried; /* [B, H]; NULL: both start at 0 */
    tn_real *parameters[PARAMETERS], *d_parameters[PARAMETERS];
} lane;

typedef struct job {
    const tn_node *node;
    const tn_recurrent *own;
    const tn_cell *cell;
    const tn_pass *pass;
    size_t batch, rows, hidden, wide; /* rows: T B; hidden: D H; wide: of a row of gates */
    lane of;
    tn_tiles tiles;
    /* backward */
    tn_real *transposed;    /* [G H, H]: weight_hh */
    tn_real *d_gates;       /* [T, B, wide H] */
    tn_real *above, *below; /* [T, B, D H] and [T, B, inputs]: derivatives by a layer's output and input */
    tn_real *d_h, *d_cell;  /* [B, H] */
    /* a copy between the orders of rows */
    const tn_real *from;
    tn_real *to;
    size_t width;
    bool outwards;
} job;

static job job_of(const tn_node *node, const tn_pass *pass, const tn_cell *cell)
{
    const tn_recurrent *own = recurrent_of(node);
    job j = {.node = node, .own = own, .cell = cell, .pass = pass, .batch = pass->batch};
    j.rows = own->steps * j.batch;
    j.hidden = own->directions * own->units;
    j.wide = cell->wide * own->units;
    tn_real *shared = tn_pass_shared_scratch(node, pass);
    j.transposed = shared;
    j.d_gates = shared + node->scratch_shared;
    j.above = j.d_gates + j.rows * j.wide;
    j.below = j.above + j.rows * widest(own);
    j.d_h = j.below + j.rows * widest(own);
    j.d_cell = j.d_h + j.batch * own->units;
    return j;
}

/* Where a direction of a layer keeps what. */
static lane lane_of(const job *j, size_t layer, size_t direction)
{
    const tn_recurrent *own = j->own;
    const size_t of_direction = j->wide + (j->cell->has_cell ? own->units : 0), of_layer = j->hidden + own->directions * of_direction;
    tn_real *saved = j->pass->saved, *of = saved + j->rows * (own->inputs + layer * of_layer);
    lane made = {.layer = layer, .direction = direction, .inputs = inputs_of(own, layer), .h = of + direction * own->units};
    made.x = layer == 0 ? saved : of - j->rows * of_layer;
    made.gates = of + j->rows * (j->hidden + direction * of_direction);
    made.cell = made.gates + j->rows * j->wide;
    if (j->pass->carried && j->pass->training) {
        const size_t matrix = j->batch * own->units;
        made.h_carried = j->pass->carried + layer * (j->cell->has_cell ? 2 : 1) * matrix;
        made.cell_carried = j->cell->has_cell ? made.h_carried + matrix : NULL;
    }
    for (size_t k = 0; k < PARAMETERS; k++) {
        const size_t index = (layer * own->directions + direction) * PARAMETERS + k;
        made.parameters[k] = j->pass->parameters[index];
        made.d_parameters[k] = j->pass->d_parameters[index];
    }
    return made;
}

/* [B, T, width] to [T, B, width], or back. */
static void reorder_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t t = first; t < first + count; t++) {
        for (size_t b = 0; b < j->batch; b++) {
            const size_t inside = (t * j->batch + b) * j->width, outside = (b * j->own->steps + t) * j->width;
            memcpy(j->to + (j->outwards ? outside : inside), j->from + (j->outwards ? inside : outside), j->width * sizeof(tn_real));
        }
    }
}

static void reorder(job *j, const tn_real *from, tn_real *to, size_t width, bool outwards)
{
    j->from = from;
    j->to = to;
    j->width = width;
    j->outwards = outwards;
    j->tiles = tn_tiles_split(j->own->steps, j->batch * width, 1, TN_TILES_MAX);
    tn_pool_run(j->pass->pool, j->tiles.count, reorder_tile, j);
}

static void input_part_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t columns = j->cell->gates * j->own->units;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->node->factors, false, false, count, columns, j->of.inputs, j->of.x + first * j->of.inputs, j->of.inputs,
            j->of.parameters[WEIGHT_IH], columns, j->of.parameters[BIAS_IH], false, j->of.gates + first * j->wide, j->wide);
}

/* The step that is the s-th to be computed, and the one before it in that order (T: none). */
static size_t step_at(const job *j, size_t s)
{
    return j->of.direction ? j->own->steps - 1 - s : s;
}

static tn_cell_step cell_step(const job *j, size_t s, size_t first, size_t count)
{
    const size_t units = j->own->units, at = step_at(j, s) * j->batch + first;
    tn_cell_step step = {.rows = count,
                         .units = units,
                         .state_step = j->hidden,
                         .settings = j->own->settings,
                         .gates = j->of.gates + at * j->wide,
                         .h = j->of.h + at * j->hidden,
                         .cell = j->cell->has_cell ? j->of.cell + at * units : NULL};
    if (s == 0 && j->of.h_carried) {
        step.h_before = j->of.h_carried + first * units;
        step.cell_before = j->cell->has_cell ? j->of.cell_carried + first * units : NULL;
    }
    if (s > 0) {
        const size_t before = step_at(j, s - 1) * j->batch + first;
        step.h_before = j->of.h + before * j->hidden;
        step.cell_before = j->cell->has_cell ? j->of.cell + before * units : NULL;
    }
    return step;
}

/* All steps of some sequences. */
static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t units = j->own->units, columns = j->cell->gates * units;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t s = 0; s < j->own->steps; s++) {
        const tn_cell_step step = cell_step(j, s, first, count);
        for (size_t p = 0; p < j->cell->part_count; p++) {
            const tn_hidden_part *part = &j->cell->parts[p];
            const size_t column = part->weight_gate * units;
            tn_gemm(j->node->factors, false, false, count, part->gates * units, step.h_before ? units : 0, step.h_before, j->hidden,
                    j->of.parameters[WEIGHT_HH] + column, columns, j->of.parameters[BIAS_HH] + column, part->adds,
                    step.gates + part->gate * units, j->wide);
        }
        j->cell->forward(&step);
    }
    if (!j->of.h_carried)
        return;
    const tn_cell_step last = cell_step(j, j->own->steps - 1, first, count);
    tn_real *on = j->pass->carried_on + (size_t)(j->of.h_carried - j->pass->carried) + first * units;
    memcpy(on, last.h, count * units * sizeof *on);
    if (j->cell->has_cell)
        memcpy(on + (j->of.cell_carried - j->of.h_carried), last.cell, count * units * sizeof *on);
}

void tn_recurrent_forward(const tn_node *node, const tn_pass *pass, const tn_cell *cell)
{
    job j = job_of(node, pass, cell);
    const tn_recurrent *own = j.own;
    const size_t columns = cell->gates * own->units;
    reorder(&j, pass->inputs[0], pass->saved, own->inputs, false);
    for (size_t layer = 0; layer < own->layers; layer++) {
        for (size_t d = 0; d < own->directions; d++) {
            j.of = lane_of(&j, layer, d);
            j.tiles = tn_tiles_split(j.rows, 2 * j.of.inputs * columns, 1, TN_TILES_MAX);
            tn_pool_run(pass->pool, j.tiles.count, input_part_tile, &j);
            j.tiles = tn_tiles_split(j.batch, 2 * own->steps * own->units * columns, 1, j.batch / TILE_SEQUENCES);
            tn_pool_run(pass->pool, j.tiles.count, forward_tile, &j);
        }
    }
    reorder(&j, lane_of(&j, own->layers - 1, 0).h, pass->output, j.hidden, true);
}

/* ---- backward ---- */

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t units = j->own->units;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_real *d_h = j->d_h + first * units, *d_cell = j->d_cell + first * units;
    memset(d_h, 0, count * units * sizeof *d_h);
    memset(d_cell, 0, count * units * sizeof *d_cell);
    for (size_t s = j->own->steps; s-- > 0;) {
        tn_cell_step step = cell_step(j, s, first, count);
        const size_t at = step_at(j, s) * j->batch + first;
        step.d_gates = j->d_gates + at * j->wide;
        step.d_output = j->above + at * j->hidden + j->of.direction * units;
        step.d_h = d_h;
        step.d_cell = d_cell;
        j->cell->backward(&step);
        for (size_t p = 0; p < j->cell->part_count && s > 0; p++) {
            const tn_hidden_part *part = &j->cell->parts[p];
            tn_gemm(j->node->factors, false, false, count, units, part->gates * units, step.d_gates + part->gate * units, j->wide,
                    j->transposed + part->weight_gate * units * units, units, NULL, true, d_h, units);
        }
    }
}

/* Rows of dW_ih, then rows of dW_hh. */
static void weight_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t units = j->own->units, columns = j->cell->gates * units, inputs = j->of.inputs;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    if (first < inputs) {
        const size_t rows = first + count < inputs ? count : inputs - first;
        if (j->of.d_parameters[WEIGHT_IH])
            tn_gemm(j->node->factors, true, false, rows, columns, j->rows, j->of.x + first, inputs, j->d_gates, j->wide, NULL, false,
                    j->of.d_parameters[WEIGHT_IH] + first * columns, columns);
        first += rows;
        count -= rows;
    }
    if (count == 0 || !j->of.d_parameters[WEIGHT_HH])
        return;
    first -= inputs;
    const size_t pairs = j->rows - j->batch, behind = j->of.direction ? 0 : j->batch, before = j->of.direction ? j->batch : 0;
    for (size_t p = 0; p < j->cell->part_count; p++) {
        const tn_hidden_part *part = &j->cell->parts[p];
        tn_gemm(j->node->factors, true, false, count, part->gates * units, pairs, j->of.h + before * j->hidden + first, j->hidden,
                j->d_gates + behind * j->wide + part->gate * units, j->wide, NULL, false,
                j->of.d_parameters[WEIGHT_HH] + first * columns + part->weight_gate * units, columns);
        if (j->of.h_carried) /* the first step had a state in front, too */
            tn_gemm(j->node->factors, true, false, count, part->gates * units, j->batch, j->of.h_carried + first, units,
                    j->d_gates + part->gate * units, j->wide, NULL, true,
                    j->of.d_parameters[WEIGHT_HH] + first * columns + part->weight_gate * units, columns);
    }
}

TN_SIMD_CLONES
static void sum_gradient_rows(size_t rows, size_t columns, size_t step, const tn_real *restrict values, tn_real *restrict sums)
{
    memcpy(sums, values, columns * sizeof *sums);
    for (size_t i = 1; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * step + k];
}

static void bias_gradients(const job *j)
{
    const size_t units = j->own->units, columns = j->cell->gates * units;
    if (j->of.d_parameters[BIAS_IH])
        sum_gradient_rows(j->rows, columns, j->wide, j->d_gates, j->of.d_parameters[BIAS_IH]);
    for (size_t p = 0; p < j->cell->part_count && j->of.d_parameters[BIAS_HH]; p++) {
        const tn_hidden_part *part = &j->cell->parts[p];
        sum_gradient_rows(j->rows, part->gates * units, j->wide, j->d_gates + part->gate * units,
                          j->of.d_parameters[BIAS_HH] + part->weight_gate * units);
    }
}

static void input_gradient_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t columns = j->cell->gates * j->own->units;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->node->factors, false, true, count, j->of.inputs, columns, j->d_gates + first * j->wide, j->wide, j->of.parameters[WEIGHT_IH],
            columns, NULL, j->of.direction > 0, j->below + first * j->of.inputs, j->of.inputs);
}

static void transpose(size_t rows, size_t columns, const tn_real *from, tn_real *to)
{
    for (size_t c = 0; c < columns; c++)
        for (size_t r = 0; r < rows; r++)
            to[c * rows + r] = from[r * columns + c];
}

/* One direction of one layer: from j->above to its weight gradients, and added to j->below. */
static void backward_lane(job *j, bool needs_below)
{
    const size_t units = j->own->units, columns = j->cell->gates * units;
    transpose(units, columns, j->of.parameters[WEIGHT_HH], j->transposed);
    j->tiles = tn_tiles_split(j->batch, 2 * j->own->steps * units * columns, 1, j->batch / TILE_SEQUENCES);
    tn_pool_run(j->pass->pool, j->tiles.count, backward_tile, j);
    const size_t weight_rows = j->of.inputs + units;
    j->tiles = tn_tiles_split(weight_rows, 2 * j->rows * columns, 1, weight_rows / TILE_WEIGHT_ROWS);
    tn_pool_run(j->pass->pool, j->tiles.count, weight_tile, j);
    bias_gradients(j);
    if (!needs_below)
        return;
    j->tiles = tn_tiles_split(j->rows, 2 * j->of.inputs * columns, 1, TN_TILES_MAX);
    tn_pool_run(j->pass->pool, j->tiles.count, input_gradient_tile, j);
}

void tn_recurrent_backward(const tn_node *node, const tn_pass *pass, const tn_cell *cell)
{
    job j = job_of(node, pass, cell);
    reorder(&j, pass->d_output, j.above, j.hidden, false);
    for (size_t layer = j.own->layers; layer-- > 0;) {
        const bool needs_below = layer > 0 || pass->d_inputs[0] != NULL;
        for (size_t d = 0; d < j.own->directions; d++) {
            j.of = lane_of(&j, layer, d);
            backward_lane(&j, needs_below);
        }
        tn_real *swap = j.above;
        j.above = j.below;
        j.below = swap;
    }
    if (pass->d_inputs[0])
        reorder(&j, j.above, pass->d_inputs[0], j.own->inputs, true);
}
