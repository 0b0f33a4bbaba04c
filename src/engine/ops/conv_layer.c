/* conv_layer.c: see conv_layer.h. */
#include "engine/ops/conv_layer.h"

#include "base/memory.h"
#include "base/simd.h"
#include "engine/tiles.h"

/* Parts of the sum over samples: enough for a few threads, few enough that the partial sums stay small. */
enum { PARTS = 8 };

/* Partial sums take at most this many reals; larger kernels are summed in fewer parts. */
#define PARTIAL_MAX ((size_t)1 << 22)

static size_t sums_size(const tn_conv *conv)
{
    return (conv->patch + 1) * conv->padded;
}

void tn_conv_layer_init(tn_conv_layer *layer, const tn_conv *conv, bool bias, tn_node *node)
{
    *layer = (tn_conv_layer){.conv = *conv, .parts = PARTS, .bias = bias};
    layer->conv.factors = node->factors;
    layer->way = tn_conv_choose(&layer->conv);
    while (layer->parts > 1 && sums_size(conv) > PARTIAL_MAX / layer->parts)
        layer->parts /= 2;
    node->multiply_adds = (double)conv->pixels * (double)conv->patch * (double)conv->filters;
    size_t shared = layer->way->shared_reals(conv), sums = layer->parts * sums_size(conv);
    const size_t line =
        TN_ALIGNMENT / sizeof(tn_real); /* so that no worker's vectors, nor those of what is shared behind them, lie across two */
    node->scratch_per_worker = (layer->way->worker_reals(conv) + line - 1) / line * line;
    node->scratch_shared = shared > sums ? shared : sums;
}

void tn_conv_layer_add_bias(tn_node *node, size_t filters, const tn_parameter *weight)
{
    size_t fan_in = weight->fan_in, fan_out = weight->fan_out;
    tn_parameter *bias = tn_node_add_parameter(node, "bias", &(tn_shape){.rank = 1, .dims = {filters}});
    bias->fan_in = fan_in;
    bias->fan_out = fan_out;
}

typedef struct job {
    const tn_conv_layer *layer;
    size_t scratch_each;
    tn_real *scratch, *shared; /* shared: prepared weights, or the partial sums [tiles, K + 1, padded] */
    tn_tiles samples;
    const tn_real *weight, *bias, *from_x, *from_y;
    tn_real *to_x, *to_y;
    bool sums_bias; /* the gradient of the bias is wanted too */
} job;

static job make_job(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, size_t most)
{
    const tn_conv *conv = &layer->conv;
    return (job){.layer = layer,
                 .scratch_each = node->scratch_per_worker,
                 .scratch = pass->scratch,
                 .shared = tn_pass_shared_scratch(node, pass),
                 .samples = tn_tiles_split(pass->batch, 2 * conv->pixels * conv->patch * conv->filters, 1, most)};
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->layer->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->layer->way->forward(conv, j->weight, j->shared, j->bias, count, j->from_x + first * conv->x_size, j->to_y + first * conv->y_size,
                           j->scratch + worker * j->scratch_each);
}

TN_SIMD_CLONES
static void add_bias(size_t pixels, size_t channels, const tn_real *restrict bias, tn_real *restrict image)
{
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < channels; c++)
            image[i * channels + c] += bias[c];
    }
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->layer->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->layer->way->input_gradient(conv, j->weight, j->shared, count, j->from_y + first * conv->y_size, j->to_x + first * conv->x_size,
                                  j->scratch + worker * j->scratch_each);
    if (j->bias)
        add_bias(count * conv->window.in_h * conv->window.in_w, conv->window.channels, j->bias, j->to_x + first * conv->x_size);
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_conv *conv = &j->layer->conv;
    size_t first, count;
    tn_tiles_range(&j->samples, tile, &first, &count);
    j->layer->way->weight_gradient(conv, count, j->from_x + first * conv->x_size, j->from_y + first * conv->y_size, j->sums_bias,
                                   j->shared + tile * sums_size(conv), j->scratch + worker * j->scratch_each);
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

void tn_conv_layer_forward(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *weight, const tn_real *bias,
                           const tn_real *x, tn_real *y)
{
    job j = make_job(layer, node, pass, TN_TILES_MAX);
    j.weight = weight;
    j.bias = bias;
    j.from_x = x;
    j.to_y = y;
    layer->way->prepare_forward(&layer->conv, weight, j.shared);
    tn_pool_run(pass->pool, j.samples.count, forward_tile, &j);
}

void tn_conv_layer_input(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *weight, const tn_real *bias,
                         const tn_real *dy, tn_real *dx)
{
    job j = make_job(layer, node, pass, layer->parts);
    j.weight = weight;
    j.bias = bias;
    j.from_y = dy;
    j.to_x = dx;
    layer->way->prepare_input(&layer->conv, weight, j.shared);
    tn_pool_run(pass->pool, j.samples.count, input_tile, &j);
}

void tn_conv_layer_weight(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *x, const tn_real *dy,
                          tn_real *d_weight, tn_real *d_bias)
{
    const tn_conv *conv = &layer->conv;
    job j = make_job(layer, node, pass, layer->parts);
    j.from_x = x;
    j.from_y = dy;
    j.sums_bias = d_bias != NULL;
    size_t stride = sums_size(conv);
    tn_pool_run(pass->pool, j.samples.count, weight_tile, &j);
    add_sums(j.samples.count, stride, conv->patch, conv->filters, conv->padded, j.shared, d_weight);
    if (d_bias)
        add_sums(j.samples.count, stride, 1, conv->filters, conv->padded, j.shared + conv->patch * conv->padded, d_bias);
}
