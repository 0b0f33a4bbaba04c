/* op_layer_norm.c: each row of the last axis is brought to mean 0 and variance 1, then scaled and shifted feature by feature.
 *
 * For each row x [C]: n = (x - mean) * rstd, rstd = 1 / sqrt(variance + epsilon), y = n * gain + bias; the variance is divided by C.
 * Training and evaluation are the same. Backward, with d = gradient of y and g = d * gain:
 *   dx = rstd * (g - avg_C(g) - n * avg_C(g * n)),  dgain = sum over rows of d * n,  dbias = sum over rows of d
 * Ba et al. 2016, arXiv:1607.06450.
 *
 * parameters: gain [C], bias [C]. saved, for each row: mean, rstd. Sums in double; those over rows in fixed tiles. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"
#include "engine/row_math.h"

#include <math.h>

enum { GAIN, BIAS };
enum { REALS_PER_DOUBLE = sizeof(double) / sizeof(tn_real) };

typedef struct settings {
    double epsilon;
} settings;

typedef struct job {
    size_t rows, width, tiles;
    double epsilon;
    const tn_real *x, *d, *gain, *bias;
    tn_real *saved;          /* [rows, 2] */
    tn_real *result;         /* may be NULL in backward */
    double *d_gain, *d_bias; /* [tiles, C] each: partial sums */
} job;

TN_SIMD_CLONES
static void forward_rows(const job *work, size_t first, size_t last)
{
    const size_t width = work->width;
    const tn_real *restrict gain = work->gain, *restrict bias = work->bias;
    for (size_t r = first; r < last; r++) {
        const tn_real *restrict x = work->x + r * width;
        tn_real *restrict y = work->result + r * width;
        const double mean = tn_row_sum(x, width) / (double)width;
        const double variance = tn_row_squares(x, mean, width) / (double)width;
        const tn_real shift = (tn_real)mean, rstd = (tn_real)(1 / sqrt(variance + work->epsilon));
        work->saved[2 * r] = shift;
        work->saved[2 * r + 1] = rstd;
        for (size_t c = 0; c < width; c++) {
            y[c] = (x[c] - shift) * rstd * gain[c] + bias[c];
        }
    }
}

TN_SIMD_CLONES
static void backward_rows(const job *work, size_t first, size_t last, double *restrict d_gain, double *restrict d_bias)
{
    const size_t width = work->width;
    const tn_real *restrict gain = work->gain;
    for (size_t c = 0; c < width; c++) {
        d_gain[c] = 0;
        d_bias[c] = 0;
    }
    for (size_t r = first; r < last; r++) {
        const tn_real *restrict x = work->x + r * width, *restrict d = work->d + r * width;
        const tn_real mean = work->saved[2 * r], rstd = work->saved[2 * r + 1];
        double sums[TN_ROW_LANES] = {0}, dots[TN_ROW_LANES] = {0}; /* of g, and of g * n */
        size_t i = 0;
        for (; i + TN_ROW_LANES <= width; i += TN_ROW_LANES) {
            for (size_t j = 0; j < TN_ROW_LANES; j++) {
                const double n = (double)((x[i + j] - mean) * rstd), slope = (double)d[i + j], g = (double)(d[i + j] * gain[i + j]);
                d_gain[i + j] += slope * n;
                d_bias[i + j] += slope;
                sums[j] += g;
                dots[j] += g * n;
            }
        }
        for (size_t j = 0; i < width; i++, j++) {
            const double n = (double)((x[i] - mean) * rstd), slope = (double)d[i], g = (double)(d[i] * gain[i]);
            d_gain[i] += slope * n;
            d_bias[i] += slope;
            sums[j] += g;
            dots[j] += g * n;
        }
        if (work->result == NULL) {
            continue;
        }
        const tn_real average = (tn_real)(tn_row_fold(sums) / (double)width), along = (tn_real)(tn_row_fold(dots) / (double)width);
        tn_real *restrict dx = work->result + r * width;
        for (size_t c = 0; c < width; c++) {
            dx[c] = rstd * (d[c] * gain[c] - average - (x[c] - mean) * rstd * along);
        }
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
    backward_rows(work, tile * work->rows / work->tiles, (tile + 1) * work->rows / work->tiles, work->d_gain + tile * work->width,
                  work->d_bias + tile * work->width);
}

static job plan(const tn_node *node, const tn_pass *pass)
{
    job work = {.width = tn_last_axis(&node->output),
                .epsilon = ((const settings *)node->attributes)->epsilon,
                .x = pass->inputs[0],
                .d = pass->d_output,
                .gain = pass->parameters[GAIN],
                .bias = pass->parameters[BIAS],
                .saved = pass->saved};
    work.rows = pass->batch * tn_shape_size(&node->output) / work.width;
    work.tiles = tn_row_tiles(work.rows, work.width);
    work.d_gain = (double *)(void *)tn_pass_shared_scratch(node, pass);
    work.d_bias = work.d_gain + TN_ROW_TILES * work.width;
    return work;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)error;
    ((settings *)node->attributes)->epsilon = tn_attribute_number(hypes_node, "epsilon");
    node->output = node->inputs[0];
    const size_t width = tn_last_axis(&node->output);
    const tn_shape shape = {.rank = 1, .dims = {width}};
    for (size_t i = GAIN; i <= BIAS; i++) {
        tn_parameter *parameter = tn_node_add_parameter(node, i == GAIN ? "gain" : "bias", &shape);
        parameter->fan_in = parameter->fan_out = width;
        parameter->initializer = (tn_initializer){.scheme = i == GAIN ? TN_SCHEME_ONES : TN_SCHEME_ZEROS, .scale = 1};
    }
    node->saved_per_sample = 2 * (tn_shape_size(&node->output) / width);
    node->scratch_shared = 2 * TN_ROW_TILES * width * REALS_PER_DOUBLE;
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
    for (size_t c = 0; c < work.width; c++) {
        double d_gain = 0, d_bias = 0;
        for (size_t tile = 0; tile < work.tiles; tile++) {
            d_gain += work.d_gain[tile * work.width + c];
            d_bias += work.d_bias[tile * work.width + c];
        }
        if (pass->d_parameters[GAIN] != NULL) {
            pass->d_parameters[GAIN][c] = (tn_real)d_gain;
        }
        if (pass->d_parameters[BIAS] != NULL) {
            pass->d_parameters[BIAS][c] = (tn_real)d_bias;
        }
    }
}

const tn_op tn_op_layer_norm = {
    .name = "layer_norm",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
