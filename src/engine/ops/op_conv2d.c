/* op_conv2d.c: convolution of images (as in every framework a correlation: the kernel is not flipped).
 *
 * x [B, H, W, C], weight [kh, kw, C, F], bias [F], y [B, H', W', F]. With col [H' W', kh kw C] the patches of a sample, zeros where they
 * leave the image:
 *   y = col weight + bias,   dweight = sum over samples of col^T dy,   dcol = dy weight^T, and dx gathers what each pixel gave to its
 *   patches.
 * How these are computed is conv.h's matter. The sum of dweight is made in at most GROUPS parts of consecutive samples, added in order, so
 * it is the same at any thread count. */
#include <string.h>

#include "base/simd.h"
#include "engine/ops/conv.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

enum { WEIGHT, BIAS };

/* Parts of the sum over samples: enough for a few threads, few enough that the partial sums stay small. */
enum { GROUPS = 8 };

/* Partial sums take at most this many reals; larger kernels are summed in fewer parts. */
#define PARTIAL_MAX ((size_t)1 << 22)

typedef struct attributes {
    tn_conv conv;
    const tn_conv_way *way;
    size_t groups;
    bool bias;
} attributes;

_Static_assert(sizeof(attributes) <= TN_OP_ATTRIBUTES_BYTES, "the attributes fit a node");

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static size_t sums_size(const tn_conv *conv)
{
    return (conv->patch + 1) * conv->padded;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    tn_window window;
    tn_status status = tn_window_read(&window, node, hypes_node, "kernel", error);
    if (status)
        return status;
    size_t filters = tn_attribute_size(hypes_node, "filters");
    own->bias = tn_attribute_boolean(hypes_node, "bias");
    own->conv = tn_conv_of(&window, filters);
    own->way = tn_conv_choose(&own->conv);
    node->output = (tn_shape){.rank = 3, .dims = {window.out_h, window.out_w, filters}};
    tn_parameter *weight =
        tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 4, .dims = {window.size_h, window.size_w, window.channels, filters}});
    weight->fan_in = own->conv.patch;
    weight->fan_out = window.size_h * window.size_w * filters;
    if (own->bias) {
        tn_parameter *bias = tn_node_add_parameter(node, "bias", &(tn_shape){.rank = 1, .dims = {filters}});
        bias->fan_in = own->conv.patch;
        bias->fan_out = window.size_h * window.size_w * filters;
    }
    own->groups = GROUPS;
    while (own->groups > 1 && sums_size(&own->conv) > PARTIAL_MAX / own->groups)
        own->groups /= 2;
    size_t shared = own->way->shared_reals(&own->conv), sums = own->groups * sums_size(&own->conv);
    node->scratch_per_worker = own->way->worker_reals(&own->conv);
    node->scratch_shared = shared > sums ? shared : sums;
    return TN_OK;
}

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    size_t scratch_each;
    tn_real *shared; /* prepared weights, or the partial sums [tiles, K + 1, padded] */
    tn_tiles samples;
} job;

static const tn_real *weight_of(const job *j)
{
    return j->pass->parameters[WEIGHT];
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->own->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->own->way->forward(conv, weight_of(j), j->shared, j->own->bias ? j->pass->parameters[BIAS] : NULL, count,
                         j->pass->inputs[0] + first * conv->x_size, j->pass->output + first * conv->y_size,
                         j->pass->scratch + worker * j->scratch_each);
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->own->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->own->way->input_gradient(conv, weight_of(j), j->shared, count, j->pass->d_output + first * conv->y_size,
                                j->pass->d_inputs[0] + first * conv->x_size, j->pass->scratch + worker * j->scratch_each);
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->own->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->own->way->weight_gradient(conv, count, j->pass->inputs[0] + first * conv->x_size, j->pass->d_output + first * conv->y_size,
                                 j->shared + tile * sums_size(conv), j->pass->scratch + worker * j->scratch_each);
}

/* gradients [rows, columns] = the sum over tiles of sums [rows, padded], in the order of the tiles. */
TN_SIMD_CLONES
static void add_sums(size_t tiles, size_t stride, size_t rows, size_t columns, size_t padded, const tn_real *restrict sums,
                     tn_real *restrict gradients)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            gradients[i * columns + k] = sums[i * padded + k];
        for (size_t tile = 1; tile < tiles; tile++) {
            for (size_t k = 0; k < columns; k++)
                gradients[i * columns + k] += sums[tile * stride + i * padded + k];
        }
    }
}

static job make_job(const tn_node *node, const tn_pass *pass, size_t most)
{
    const attributes *own = attributes_of(node);
    tn_tiles samples = tn_tiles_split(pass->batch, 2 * own->conv.pixels * own->conv.patch * own->conv.filters, 1, most);
    return (job){own, pass, node->scratch_per_worker, tn_pass_shared_scratch(node, pass), samples};
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    job j = make_job(node, pass, TN_TILES_MAX);
    j.own->way->prepare_forward(&j.own->conv, weight_of(&j), j.shared);
    tn_pool_run(pass->pool, j.samples.count, forward_tile, &j);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    job j = make_job(node, pass, attributes_of(node)->groups);
    const tn_conv *conv = &j.own->conv;
    if (pass->d_parameters[WEIGHT]) {
        size_t stride = sums_size(conv);
        tn_pool_run(pass->pool, j.samples.count, weight_tile, &j);
        add_sums(j.samples.count, stride, conv->patch, conv->filters, conv->padded, j.shared, pass->d_parameters[WEIGHT]);
        if (j.own->bias && pass->d_parameters[BIAS])
            add_sums(j.samples.count, stride, 1, conv->filters, conv->padded, j.shared + conv->patch * conv->padded,
                     pass->d_parameters[BIAS]);
    }
    if (pass->d_inputs[0]) {
        j.own->way->prepare_input(conv, weight_of(&j), j.shared);
        tn_pool_run(pass->pool, j.samples.count, input_tile, &j);
    }
}

const tn_op tn_op_conv2d = {
    .name = "conv2d",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
