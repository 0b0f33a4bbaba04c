/* op_batch_norm.c: each feature of the last axis is brought to mean 0 and variance 1 over the batch (and, for images, over all positions),
 * then scaled and shifted.
 *
 * With M rows of C features (M = B times the positions of a sample), for each feature:
 *   n = (x - mean) * rstd,  rstd = 1 / sqrt(variance + epsilon),  y = n * gain + bias
 * Training takes mean and variance (divided by M) of the batch and moves the running ones: running = momentum * running + (1 - momentum) *
 * batch, the variance that enters there divided by M - 1 (by 1 where M = 1). Evaluation takes the running ones. momentum is that of Keras:
 * the share of the old value; PyTorch's is 1 - momentum.
 * Backward in training, with d = gradient of y:
 *   dgain = sum(d * n),  dbias = sum(d),  dx = gain * rstd * (d - dbias / M - n * dgain / M)
 * In evaluation the statistics are constants: dx = gain * rstd * d. Ioffe and Szegedy 2015, arXiv:1502.03167.
 *
 * parameters: gain [C], bias [C], running_mean [C], running_variance [C]; the last two are state. saved: mean [C], rstd [C].
 * C may be small (6 in LeNet), too small for a vector. So k rows are taken as one of W = k * C values, and what is known for a feature is
 * repeated k times. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

#include <math.h>

enum { GAIN, BIAS, RUNNING_MEAN, RUNNING_VARIANCE };
enum { WIDE_ENOUGH = 32, REALS_PER_DOUBLE = sizeof(double) / sizeof(tn_real), REPEATED_ARRAYS = 4 };

typedef struct settings {
    double momentum, epsilon;
} settings;

/* One pass over all rows in tiles. The arrays [W] hold what each feature needs, repeated. */
typedef struct job {
    size_t rows, features, width; /* M, C, W */
    size_t tiles;
    const tn_real *x, *d;
    tn_real *result;
    tn_real *a, *b, *c, *e; /* [W] */
    double *first, *second; /* [tiles, W] each: partial sums */
} job;

typedef struct span {
    size_t start, count; /* of values */
} span;

static span tile_span(const job *work, size_t tile)
{
    const size_t first = tile * work->rows / work->tiles, last = (tile + 1) * work->rows / work->tiles;
    return (span){.start = first * work->features, .count = (last - first) * work->features};
}

/* Sums of x - a and of its square; a is near the mean, so that the square does not cancel. */
TN_SIMD_CLONES
static void sum_moments(size_t count, size_t width, const tn_real *restrict x, const tn_real *restrict a, double *restrict first,
                        double *restrict second)
{
    for (size_t i = 0; i < count; i += width) {
        const size_t now = count - i < width ? count - i : width;
        for (size_t j = 0; j < now; j++) {
            const double centred = (double)x[i + j] - (double)a[j];
            first[j] += centred;
            second[j] += centred * centred;
        }
    }
}

/* Sums of d and of d * n, n = (x - a) * b. */
TN_SIMD_CLONES
static void sum_gradients(size_t count, size_t width, const tn_real *restrict x, const tn_real *restrict d, const tn_real *restrict a,
                          const tn_real *restrict b, double *restrict first, double *restrict second)
{
    for (size_t i = 0; i < count; i += width) {
        const size_t now = count - i < width ? count - i : width;
        for (size_t j = 0; j < now; j++) {
            const tn_real normal = (x[i + j] - a[j]) * b[j];
            first[j] += (double)d[i + j];
            second[j] += (double)d[i + j] * (double)normal;
        }
    }
}

/* y = (x - a) * b + c */
TN_SIMD_CLONES
static void apply(size_t count, size_t width, const tn_real *restrict x, const tn_real *restrict a, const tn_real *restrict b,
                  const tn_real *restrict c, tn_real *restrict y)
{
    for (size_t i = 0; i < count; i += width) {
        const size_t now = count - i < width ? count - i : width;
        for (size_t j = 0; j < now; j++) {
            y[i + j] = (x[i + j] - a[j]) * b[j] + c[j];
        }
    }
}

/* dx = b * (d - c - (x - a) * e) */
TN_SIMD_CLONES
static void apply_gradient(size_t count, size_t width, const tn_real *restrict x, const tn_real *restrict d, const tn_real *restrict a,
                           const tn_real *restrict b, const tn_real *restrict c, const tn_real *restrict e, tn_real *restrict dx)
{
    for (size_t i = 0; i < count; i += width) {
        const size_t now = count - i < width ? count - i : width;
        for (size_t j = 0; j < now; j++) {
            dx[i + j] = b[j] * (d[i + j] - c[j] - (x[i + j] - a[j]) * e[j]);
        }
    }
}

/* dx = b * d */
TN_SIMD_CLONES
static void apply_constant_gradient(size_t count, size_t width, const tn_real *restrict d, const tn_real *restrict b, tn_real *restrict dx)
{
    for (size_t i = 0; i < count; i += width) {
        const size_t now = count - i < width ? count - i : width;
        for (size_t j = 0; j < now; j++) {
            dx[i + j] = b[j] * d[i + j];
        }
    }
}

static void clear_partials(const job *work, size_t tile)
{
    for (size_t j = 0; j < work->width; j++) {
        work->first[tile * work->width + j] = 0;
        work->second[tile * work->width + j] = 0;
    }
}

static void moments_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const span part = tile_span(work, tile);
    clear_partials(work, tile);
    sum_moments(part.count, work->width, work->x + part.start, work->a, work->first + tile * work->width,
                work->second + tile * work->width);
}

static void gradients_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const span part = tile_span(work, tile);
    clear_partials(work, tile);
    sum_gradients(part.count, work->width, work->x + part.start, work->d + part.start, work->a, work->b, work->first + tile * work->width,
                  work->second + tile * work->width);
}

static void apply_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const span part = tile_span(work, tile);
    apply(part.count, work->width, work->x + part.start, work->a, work->b, work->c, work->result + part.start);
}

static void apply_gradient_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const span part = tile_span(work, tile);
    apply_gradient(part.count, work->width, work->x + part.start, work->d + part.start, work->a, work->b, work->c, work->e,
                   work->result + part.start);
}

static void apply_constant_gradient_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const span part = tile_span(work, tile);
    apply_constant_gradient(part.count, work->width, work->d + part.start, work->b, work->result + part.start);
}

/* The sum of one feature's partial sums [tiles, W], in the order of tiles. */
static double fold(const job *work, const double *partials, size_t feature)
{
    double sum = 0;
    for (size_t tile = 0; tile < work->tiles; tile++) {
        for (size_t j = feature; j < work->width; j += work->features) {
            sum += partials[tile * work->width + j];
        }
    }
    return sum;
}

static void repeat(const job *work, tn_real *array, size_t feature, double value)
{
    for (size_t j = feature; j < work->width; j += work->features) {
        array[j] = (tn_real)value;
    }
}

static size_t repeated_width(size_t features)
{
    return features < WIDE_ENOUGH ? WIDE_ENOUGH / features * features : features;
}

/* All sizes, and the arrays laid out in the shared scratch. */
static job plan(const tn_node *node, const tn_pass *pass)
{
    job work = {.features = tn_last_axis(&node->output), .x = pass->inputs[0], .d = pass->d_output};
    work.rows = pass->batch * tn_shape_size(&node->output) / work.features;
    work.width = repeated_width(work.features);
    work.tiles = tn_row_tiles(work.rows, work.features);
    work.first = (double *)(void *)tn_pass_shared_scratch(node, pass);
    work.second = work.first + TN_ROW_TILES * work.width;
    work.a = (tn_real *)(void *)(work.second + TN_ROW_TILES * work.width);
    work.b = work.a + work.width;
    work.c = work.b + work.width;
    work.e = work.c + work.width;
    return work;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)error;
    settings *own = (settings *)node->attributes;
    own->momentum = tn_attribute_number(hypes_node, "momentum");
    own->epsilon = tn_attribute_number(hypes_node, "epsilon");
    node->output = node->inputs[0];
    const size_t features = tn_last_axis(&node->output);
    const tn_shape shape = {.rank = 1, .dims = {features}};
    static const struct {
        const char *name;
        tn_scheme scheme;
        bool is_state;
    } kinds[] = {[GAIN] = {"gain", TN_SCHEME_ONES, false},
                 [BIAS] = {"bias", TN_SCHEME_ZEROS, false},
                 [RUNNING_MEAN] = {"running_mean", TN_SCHEME_ZEROS, true},
                 [RUNNING_VARIANCE] = {"running_variance", TN_SCHEME_ONES, true}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tn_parameter *parameter = tn_node_add_parameter(node, kinds[i].name, &shape);
        parameter->fan_in = parameter->fan_out = features;
        parameter->initializer = (tn_initializer){.scheme = kinds[i].scheme, .scale = 1};
        parameter->is_state = kinds[i].is_state;
        parameter->trainable = !kinds[i].is_state && parameter->trainable;
    }
    const size_t width = repeated_width(features);
    node->saved_per_batch = 2 * features;
    node->scratch_shared = 2 * TN_ROW_TILES * width * REALS_PER_DOUBLE + REPEATED_ARRAYS * width;
    return TN_OK;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const settings *own = (const settings *)node->attributes;
    job work = plan(node, pass);
    work.result = pass->output;
    tn_real *saved_mean = pass->saved, *saved_rstd = pass->saved + work.features;
    tn_real *running_mean = pass->parameters[RUNNING_MEAN], *running_variance = pass->parameters[RUNNING_VARIANCE];
    if (pass->training) {
        for (size_t f = 0; f < work.features; f++) {
            repeat(&work, work.a, f, (double)work.x[f]); /* the first row stands near the mean */
        }
        tn_pool_run(pass->pool, work.tiles, moments_tile, &work);
    }
    const double rows = (double)work.rows;
    for (size_t f = 0; f < work.features; f++) {
        double mean = (double)running_mean[f], variance = (double)running_variance[f];
        if (pass->training) {
            const double shifted = fold(&work, work.first, f) / rows;
            const double squares = fold(&work, work.second, f) - rows * shifted * shifted;
            mean = (double)work.x[f] + shifted;
            variance = squares < 0 ? 0 : squares / rows;
            const double unbiased = work.rows > 1 ? variance * rows / (rows - 1) : variance;
            running_mean[f] = (tn_real)(own->momentum * (double)running_mean[f] + (1 - own->momentum) * mean);
            running_variance[f] = (tn_real)(own->momentum * (double)running_variance[f] + (1 - own->momentum) * unbiased);
        }
        const double rstd = 1 / sqrt(variance + own->epsilon);
        saved_mean[f] = (tn_real)mean;
        saved_rstd[f] = (tn_real)rstd;
        repeat(&work, work.a, f, mean);
        repeat(&work, work.b, f, rstd * (double)pass->parameters[GAIN][f]);
        repeat(&work, work.c, f, (double)pass->parameters[BIAS][f]);
    }
    tn_pool_run(pass->pool, work.tiles, apply_tile, &work);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    job work = plan(node, pass);
    work.result = pass->d_inputs[0];
    const tn_real *mean = pass->saved, *rstd = pass->saved + work.features;
    for (size_t f = 0; f < work.features; f++) {
        repeat(&work, work.a, f, (double)mean[f]);
        repeat(&work, work.b, f, (double)rstd[f]);
    }
    tn_pool_run(pass->pool, work.tiles, gradients_tile, &work);
    for (size_t f = 0; f < work.features; f++) {
        const double d_bias = fold(&work, work.first, f), d_gain = fold(&work, work.second, f);
        if (pass->d_parameters[GAIN] != NULL) {
            pass->d_parameters[GAIN][f] = (tn_real)d_gain;
        }
        if (pass->d_parameters[BIAS] != NULL) {
            pass->d_parameters[BIAS][f] = (tn_real)d_bias;
        }
        repeat(&work, work.b, f, (double)rstd[f] * (double)pass->parameters[GAIN][f]);
        repeat(&work, work.c, f, d_bias / (double)work.rows);
        repeat(&work, work.e, f, (double)rstd[f] * d_gain / (double)work.rows);
    }
    if (pass->d_inputs[0] != NULL) {
        tn_pool_run(pass->pool, work.tiles, pass->training ? apply_gradient_tile : apply_constant_gradient_tile, &work);
    }
}

const tn_op tn_op_batch_norm = {
    .name = "batch_norm",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
