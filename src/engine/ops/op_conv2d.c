/* op_conv2d.c: convolution of images (as in every framework a correlation: the kernel is not flipped).
 *
 * x [B, H, W, C], weight [kh, kw, C, F], bias [F], y [B, H', W', F]. With col [H' W', kh kw C] the patches of a sample, zeros where they leave the image:
 *   y = col weight + bias,   dweight = sum over samples of col^T dy,   dcol = dy weight^T, and dx gathers what each pixel gave to its patches.
 * A sample is one piece of work. The sum of dweight is made in GROUPS parts of consecutive samples, added in order, so it is the same at any thread count. */
#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/ops/ops.h"
#include "engine/ops/window.h"
#include "engine/tiles.h"

enum { WEIGHT, BIAS };

/* Parts of the sum over samples: enough for a few threads, few enough that the partial sums stay small. */
enum { GROUPS = 8 };

/* Partial sums take at most this many reals; larger kernels are summed in fewer parts. */
#define PARTIAL_MAX ((size_t)1 << 22)

typedef struct attributes {
    tn_window window;
    size_t filters;
    size_t patch;  /* kh kw C */
    size_t pixels; /* H' W' */
    size_t groups;
    bool bias;
} attributes;

_Static_assert(sizeof(attributes) <= TN_OP_ATTRIBUTES_BYTES, "the attributes fit a node");

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    tn_status status = tn_window_read(&own->window, node, hypes_node, "kernel", error);
    if (status)
        return status;
    const tn_window *w = &own->window;
    own->filters = tn_attribute_size(hypes_node, "filters");
    own->bias = tn_attribute_boolean(hypes_node, "bias");
    own->patch = w->size_h * w->size_w * w->channels;
    own->pixels = w->out_h * w->out_w;
    node->output = (tn_shape){.rank = 3, .dims = {w->out_h, w->out_w, own->filters}};
    tn_parameter *weight =
        tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 4, .dims = {w->size_h, w->size_w, w->channels, own->filters}});
    weight->fan_in = own->patch;
    weight->fan_out = w->size_h * w->size_w * own->filters;
    size_t fan_out = weight->fan_out;
    if (own->bias) {
        tn_parameter *bias = tn_node_add_parameter(node, "bias", &(tn_shape){.rank = 1, .dims = {own->filters}});
        bias->fan_in = own->patch;
        bias->fan_out = fan_out;
    }
    own->groups = GROUPS;
    while (own->groups > 1 && own->patch * own->filters > PARTIAL_MAX / own->groups)
        own->groups /= 2;
    node->scratch_per_worker = own->pixels * own->patch;
    node->scratch_shared = own->groups * (own->patch + 1) * own->filters;
    return TN_OK;
}

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_tiles samples;
    size_t scratch_each;
    tn_real *partial; /* [tiles, patch + 1, filters]: sums of dweight, then of dbias */
} job;

/* col [H' W', kh kw C] from one image x [H, W, C]. */
static void gather_patches(const tn_window *w, const tn_real *x, tn_real *col)
{
    size_t row_size = w->size_w * w->channels;
    for (size_t oy = 0; oy < w->out_h; oy++) {
        size_t top, bottom;
        tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &top, &bottom);
        for (size_t ox = 0; ox < w->out_w; ox++, col += w->size_h * row_size) {
            size_t left, right;
            tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &left, &right);
            memset(col, 0, top * row_size * sizeof *col);
            memset(col + bottom * row_size, 0, (w->size_h - bottom) * row_size * sizeof *col);
            for (size_t ky = top; ky < bottom; ky++) {
                tn_real *to = col + ky * row_size;
                const tn_real *from =
                    x + ((oy * w->stride_h + ky - w->pad_top) * w->in_w + ox * w->stride_w + left - w->pad_left) * w->channels;
                memset(to, 0, left * w->channels * sizeof *to);
                memcpy(to + left * w->channels, from, (right - left) * w->channels * sizeof *to);
                memset(to + right * w->channels, 0, (w->size_w - right) * w->channels * sizeof *to);
            }
        }
    }
}

/* dx [H, W, C] from dcol [H' W', kh kw C]: the inverse of gather_patches, adding. */
static void add_patches(const tn_window *w, const tn_real *dcol, tn_real *dx)
{
    size_t row_size = w->size_w * w->channels;
    memset(dx, 0, w->in_h * w->in_w * w->channels * sizeof *dx);
    for (size_t oy = 0; oy < w->out_h; oy++) {
        size_t top, bottom;
        tn_window_clip(oy, w->stride_h, w->pad_top, w->size_h, w->in_h, &top, &bottom);
        for (size_t ox = 0; ox < w->out_w; ox++, dcol += w->size_h * row_size) {
            size_t left, right;
            tn_window_clip(ox, w->stride_w, w->pad_left, w->size_w, w->in_w, &left, &right);
            for (size_t ky = top; ky < bottom; ky++) {
                const tn_real *from = dcol + ky * row_size + left * w->channels;
                tn_real *to = dx + ((oy * w->stride_h + ky - w->pad_top) * w->in_w + ox * w->stride_w + left - w->pad_left) * w->channels;
                for (size_t i = 0; i < (right - left) * w->channels; i++)
                    to[i] += from[i];
            }
        }
    }
}

static tn_real *scratch_of(const job *j, size_t worker)
{
    return j->pass->scratch + worker * j->scratch_each;
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const attributes *own = j->own;
    const tn_window *w = &own->window;
    tn_real *col = scratch_of(j, worker);
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        tn_real *y = j->pass->output + s * own->pixels * own->filters;
        gather_patches(w, j->pass->inputs[0] + s * w->in_h * w->in_w * w->channels, col);
        for (size_t p = 0; p < own->pixels && own->bias; p++)
            memcpy(y + p * own->filters, j->pass->parameters[BIAS], own->filters * sizeof *y);
        tn_gemm(false, false, own->pixels, own->filters, own->patch, col, own->patch, j->pass->parameters[WEIGHT], own->filters, own->bias,
                y, own->filters);
    }
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const attributes *own = j->own;
    tn_real *dcol = scratch_of(j, worker);
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    for (size_t s = first; s < first + count; s++) {
        const tn_real *dy = j->pass->d_output + s * own->pixels * own->filters;
        tn_gemm(false, true, own->pixels, own->patch, own->filters, dy, own->filters, j->pass->parameters[WEIGHT], own->filters, false,
                dcol, own->patch);
        add_patches(&own->window, dcol, j->pass->d_inputs[0] + s * own->window.in_h * own->window.in_w * own->window.channels);
    }
}

TN_SIMD_CLONES
static void add_rows(size_t rows, size_t columns, const tn_real *restrict values, tn_real *restrict sums)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * columns + k];
    }
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const attributes *own = j->own;
    const tn_window *w = &own->window;
    tn_real *col = scratch_of(j, worker);
    tn_real *sums = j->partial + tile * (own->patch + 1) * own->filters;
    tn_real *bias_sums = sums + own->patch * own->filters;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    memset(bias_sums, 0, own->filters * sizeof *bias_sums);
    for (size_t s = first; s < first + count; s++) {
        const tn_real *dy = j->pass->d_output + s * own->pixels * own->filters;
        gather_patches(w, j->pass->inputs[0] + s * w->in_h * w->in_w * w->channels, col);
        tn_gemm(true, false, own->patch, own->filters, own->pixels, col, own->patch, dy, own->filters, s > first, sums, own->filters);
        add_rows(own->pixels, own->filters, dy, bias_sums);
    }
}

/* The partial sums of all tiles, in their order. */
static void add_partials(const job *j)
{
    const attributes *own = j->own;
    const tn_pass *pass = j->pass;
    size_t weights = own->patch * own->filters, each = weights + own->filters;
    for (size_t tile = 0; tile < j->samples.count; tile++) {
        const tn_real *sums = j->partial + tile * each;
        if (tile == 0)
            memcpy(pass->d_parameters[WEIGHT], sums, weights * sizeof *sums);
        else
            add_rows(1, weights, sums, pass->d_parameters[WEIGHT]);
        if (tile == 0 && own->bias)
            memcpy(pass->d_parameters[BIAS], sums + weights, own->filters * sizeof *sums);
        else if (own->bias)
            add_rows(1, own->filters, sums + weights, pass->d_parameters[BIAS]);
    }
}

static tn_tiles split_samples(const attributes *own, size_t batch, size_t most)
{
    tn_tiles tiles = tn_tiles_split(batch, 2 * own->pixels * own->patch * own->filters, 1);
    if (tiles.count > most) {
        tiles.each = (batch + most - 1) / most;
        tiles.count = (batch + tiles.each - 1) / tiles.each;
    }
    return tiles;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {own, pass, split_samples(own, pass->batch, TN_TILES_MAX), node->scratch_per_worker, NULL};
    tn_pool_run(pass->pool, j.samples.count, forward_tile, &j);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {own, pass, split_samples(own, pass->batch, own->groups), node->scratch_per_worker, NULL};
    j.partial = pass->scratch + tn_pool_threads(pass->pool) * node->scratch_per_worker;
    if (pass->d_parameters[WEIGHT]) {
        tn_pool_run(pass->pool, j.samples.count, weight_tile, &j);
        add_partials(&j);
    }
    if (pass->d_inputs[0])
        tn_pool_run(pass->pool, j.samples.count, input_tile, &j);
}

const tn_op tn_op_conv2d = {
    .name = "conv2d",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
