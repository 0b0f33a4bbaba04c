/* op_rms_norm.c: each row of the last axis is brought to a mean square of 1, then scaled feature by feature.
 *
 * For each row x [C]: n = x * r, r = 1 / sqrt(mean of x^2 + epsilon), y = n * gain. Backward, with d = gradient of y and g = d * gain:
 *   dx = r * (g - n * avg_C(g * n)),  dgain = sum over rows of d * n
 * Zhang and Sennrich 2019, arXiv:1910.07467.
 *
 * parameters: gain [C]. saved, for each row: r. Sums in double; those over rows in fixed tiles. */
#include <math.h>

#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"
#include "engine/row_math.h"

enum { GAIN };
enum { REALS_PER_DOUBLE = sizeof(double) / sizeof(tn_real) };

typedef struct settings {
    double epsilon;
} settings;

typedef struct job {
    size_t rows, width, tiles;
    double epsilon;
    const tn_real *x, *d, *gain;
    tn_real *saved;  /* [rows] */
    tn_real *result; /* may be NULL in backward */
    double *d_gain;  /* [tiles, C]: partial sums */
} job;

TN_SIMD_CLONES
static void forward_rows(const job *work, size_t first, size_t last)
{
    const size_t width = work->width;
    const tn_real *restrict gain = work->gain;
    for (size_t r = first; r < last; r++) {
        const tn_real *restrict x = work->x + r * width;
        tn_real *restrict y = work->result + r * width;
        const tn_real factor = (tn_real)(1 / sqrt(tn_row_squares(x, 0, width) / (double)width + work->epsilon));
        work->saved[r] = factor;
        for (size_t c = 0; c < width; c++)
            y[c] = x[c] * factor * gain[c];
    }
}

TN_SIMD_CLONES
static void backward_rows(const job *work, size_t first, size_t last, double *restrict d_gain)
{
    const size_t width = work->width;
    const tn_real *restrict gain = work->gain;
    for (size_t c = 0; c < width; c++)
        d_gain[c] = 0;
    for (size_t r = first; r < last; r++) {
        const tn_real *restrict x = work->x + r * width, *restrict d = work->d + r * width;
        const tn_real factor = work->saved[r];
        double sum = 0;
        for (size_t c = 0; c < width; c++) {
            const double along = (double)d[c] * (double)(x[c] * factor);
            d_gain[c] += along;
            sum += along * (double)gain[c];
        }
        if (work->result == NULL)
            continue;
        const tn_real average = (tn_real)(sum / (double)width);
        tn_real *restrict dx = work->result + r * width;
        for (size_t c = 0; c < width; c++)
            dx[c] = factor * (d[c] * gain[c] - x[c] * factor * average);
    }
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    forward_rows(work, tile * work->rows / work->tiles, (tile + 1) * work->rows / work->tiles);
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    backward_rows(work, tile * work->rows / work->tiles, (tile + 1) * work->rows / work->tiles, work->d_gain + tile * work->width);
}

static job plan(const tn_node *node, const tn_pass *pass)
{
    job work = {.width = tn_last_axis(&node->output),
                .epsilon = ((const settings *)node->attributes)->epsilon,
                .x = pass->inputs[0],
                .d = pass->d_output,
                .gain = pass->parameters[GAIN],
                .saved = pass->saved};
    work.rows = pass->batch * tn_shape_size(&node->output) / work.width;
    work.tiles = tn_row_tiles(work.rows, work.width);
    work.d_gain = (double *)(void *)tn_pass_shared_scratch(node, pass);
    return work;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)error;
    ((settings *)node->attributes)->epsilon = tn_attribute_number(hypes_node, "epsilon");
    node->output = node->inputs[0];
    const size_t width = tn_last_axis(&node->output);
    tn_parameter *gain = tn_node_add_parameter(node, "gain", &(tn_shape){.rank = 1, .dims = {width}});
    gain->fan_in = gain->fan_out = width;
    gain->initializer = (tn_initializer){.scheme = TN_SCHEME_ONES, .scale = 1};
    node->saved_per_sample = tn_shape_size(&node->output) / width;
    node->scratch_shared = TN_ROW_TILES * width * REALS_PER_DOUBLE;
    return TN_OK;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    job work = plan(node, pass);
    work.result = pass->output;
    tn_pool_run(pass->pool, work.tiles, forward_tile, &work);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    job work = plan(node, pass);
    work.result = pass->d_inputs[0];
    tn_pool_run(pass->pool, work.tiles, backward_tile, &work);
    for (size_t c = 0; c < work.width && pass->d_parameters[GAIN] != NULL; c++) {
        double d_gain = 0;
        for (size_t tile = 0; tile < work.tiles; tile++)
            d_gain += work.d_gain[tile * work.width + c];
        pass->d_parameters[GAIN][c] = (tn_real)d_gain;
    }
}

const tn_op tn_op_rms_norm = {
    .name = "rms_norm",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
