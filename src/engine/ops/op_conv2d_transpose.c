/* op_conv2d_transpose.c: the way back of a convolution, by which networks make images larger (Keras' Conv2DTranspose, PyTorch's ConvTranspose2d).
 *
 * x [B, H, W, C], weight [kh, kw, F, C], bias [F], y [B, H', W', F]. Let `conv` be the convolution with this kernel, stride and padding that makes [H, W, C] of [H', W', F]. Then
 *   y = conv's gradient of its input at x, + bias;   dx = conv of dy;   dweight = conv's gradient of its weight, with dy as its input and x as the gradient of its output.
 * H' is (H - 1) stride + kh for "valid", stride H for "same", and (H - 1) stride + kh - 2 p where p pixels are cut off on each side. */
#include <string.h>

#include "base/simd.h"
#include "engine/ops/conv_layer.h"
#include "engine/ops/ops.h"

enum { WEIGHT, BIAS };

static const tn_conv_layer *layer_of(const tn_node *node)
{
    return (const tn_conv_layer *)(const void *)node->attributes;
}

static size_t pair_at(const json_t *hypes_node, const char *key, size_t i)
{
    return (size_t)json_integer_value(json_array_get(json_object_get(hypes_node, key), i));
}

/* One axis: the output's length, 0 where padding leaves nothing, and the pixels that are cut off before it. */
static size_t grow_axis(const json_t *padding, size_t in, size_t size, size_t stride, size_t *before)
{
    bool same = json_is_string(padding) && strcmp(json_string_value(padding), "same") == 0;
    size_t whole = (in - 1) * stride + size, cut = json_is_integer(padding) ? (size_t)json_integer_value(padding) : 0;
    if (same) {
        *before = size > stride ? (size - stride) / 2 : 0;
        return in * stride;
    }
    *before = cut;
    return whole > 2 * cut ? whole - 2 * cut : 0;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (in->rank != 3)
        return tn_fail(error, TN_ERROR_HYPES, "conv2d_transpose works on images [height, width, channels]; the input of this node is %s",
                       tn_shape_format(shape, in));
    size_t filters = tn_attribute_size(hypes_node, "filters");
    const json_t *padding = json_object_get(hypes_node, "padding");
    tn_window window = {.channels = filters,
                        .size_h = pair_at(hypes_node, "kernel", 0),
                        .size_w = pair_at(hypes_node, "kernel", 1),
                        .stride_h = pair_at(hypes_node, "stride", 0),
                        .stride_w = pair_at(hypes_node, "stride", 1),
                        .out_h = in->dims[0],
                        .out_w = in->dims[1]};
    window.in_h = grow_axis(padding, in->dims[0], window.size_h, window.stride_h, &window.pad_top);
    window.in_w = grow_axis(padding, in->dims[1], window.size_w, window.stride_w, &window.pad_left);
    if (window.in_h == 0 || window.in_w == 0 || window.pad_top >= window.size_h || window.pad_left >= window.size_w)
        return tn_fail(error, TN_ERROR_HYPES,
                       "a padding of %zu cuts whole kernels of [%zu, %zu] off the image that %s would become; it has to be smaller",
                       window.pad_top, window.size_h, window.size_w, tn_shape_format(shape, in));
    const tn_conv conv = tn_conv_of(&window, in->dims[2], 1);
    bool has_bias = tn_attribute_boolean(hypes_node, "bias");
    tn_conv_layer_init((tn_conv_layer *)(void *)node->attributes, &conv, has_bias, node);
    if (node->scratch_shared < filters)
        node->scratch_shared = filters;
    node->output = (tn_shape){.rank = 3, .dims = {window.in_h, window.in_w, filters}};
    tn_parameter *weight =
        tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 4, .dims = {window.size_h, window.size_w, filters, in->dims[2]}});
    /* As PyTorch and Keras count them, by the places of the axes. */
    weight->fan_in = conv.patch;
    weight->fan_out = window.size_h * window.size_w * in->dims[2];
    weight->unit_axis = 2;
    if (has_bias)
        tn_conv_layer_add_bias(node, filters, weight);
    return TN_OK;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const tn_conv_layer *layer = layer_of(node);
    tn_conv_layer_input(layer, node, pass, pass->parameters[WEIGHT], layer->bias ? pass->parameters[BIAS] : NULL, pass->inputs[0],
                        pass->output);
}

TN_SIMD_CLONES
static void add_rows(size_t rows, size_t columns, const tn_real *restrict values, tn_real *restrict sums)
{
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * columns + k];
    }
}

/* d_bias [F]: sample by sample, so that long sums stay exact. */
static void bias_gradient(const tn_conv *conv, size_t batch, const tn_real *dy, tn_real *sums, tn_real *d_bias)
{
    size_t filters = conv->window.channels;
    memset(d_bias, 0, filters * sizeof *d_bias);
    for (size_t s = 0; s < batch; s++, dy += conv->x_size) {
        memset(sums, 0, filters * sizeof *sums);
        add_rows(conv->window.in_h * conv->window.in_w, filters, dy, sums);
        add_rows(1, filters, sums, d_bias);
    }
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const tn_conv_layer *layer = layer_of(node);
    if (pass->d_parameters[WEIGHT])
        tn_conv_layer_weight(layer, node, pass, pass->d_output, pass->inputs[0], pass->d_parameters[WEIGHT], NULL);
    if (layer->bias && pass->d_parameters[BIAS])
        bias_gradient(&layer->conv, pass->batch, pass->d_output, tn_pass_shared_scratch(node, pass), pass->d_parameters[BIAS]);
    if (pass->d_inputs[0])
        tn_conv_layer_forward(layer, node, pass, pass->parameters[WEIGHT], NULL, pass->d_output, pass->d_inputs[0]);
}

const tn_op tn_op_conv2d_transpose = {
    .name = "conv2d_transpose",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
