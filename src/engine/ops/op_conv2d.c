/* op_conv2d.c: convolution of images (as in every framework a correlation: the kernel is not flipped).
 *
 * x [B, H, W, C], weight [kh, kw, C, F], bias [F], y [B, H', W', F]. With col [H' W', kh kw C] the patches of a sample, zeros where they
 * leave the image:
 *   y = col weight + bias,   dweight = sum over samples of col^T dy,   dcol = dy weight^T, and dx gathers what each pixel gave to its
 *   patches.
 * With G groups, filters g F/G .. see channels g C/G .. alone, and weight is [kh, kw, C/G, F]; G = C = F is a depthwise convolution. How
 * these are computed is the matter of conv.h and conv_layer.h. */
#include "engine/ops/conv_layer.h"
#include "engine/ops/ops.h"

enum { WEIGHT, BIAS };

static const tn_conv_layer *layer_of(const tn_node *node)
{
    return (const tn_conv_layer *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_window window;
    tn_status status = tn_window_read(&window, node, hypes_node, "kernel", error);
    if (status)
        return status;
    size_t filters = tn_attribute_size(hypes_node, "filters"), groups = tn_attribute_size(hypes_node, "groups");
    if (window.channels % groups != 0 || filters % groups != 0)
        return tn_fail(error, TN_ERROR_HYPES,
                       "%zu groups cannot share %zu channels and %zu filters evenly; give a number that divides both, such as %zu for a "
                       "depthwise convolution of as many filters",
                       groups, window.channels, filters, window.channels);
    const tn_conv conv = tn_conv_of(&window, filters, groups);
    bool has_bias = tn_attribute_boolean(hypes_node, "bias");
    tn_conv_layer_init((tn_conv_layer *)(void *)node->attributes, &conv, has_bias, node);
    node->output = (tn_shape){.rank = 3, .dims = {window.out_h, window.out_w, filters}};
    tn_parameter *weight = tn_node_add_parameter(
        node, "weight", &(tn_shape){.rank = 4, .dims = {window.size_h, window.size_w, window.channels / groups, filters}});
    weight->fan_in = conv.patch;
    weight->fan_out = window.size_h * window.size_w * filters;
    if (has_bias)
        tn_conv_layer_add_bias(node, filters, weight);
    return TN_OK;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const tn_conv_layer *layer = layer_of(node);
    tn_conv_layer_forward(layer, node, pass, pass->parameters[WEIGHT], layer->bias ? pass->parameters[BIAS] : NULL, pass->inputs[0],
                          pass->output);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const tn_conv_layer *layer = layer_of(node);
    if (pass->d_parameters[WEIGHT])
        tn_conv_layer_weight(layer, node, pass, pass->inputs[0], pass->d_output, pass->d_parameters[WEIGHT],
                             layer->bias ? pass->d_parameters[BIAS] : NULL);
    if (pass->d_inputs[0])
        tn_conv_layer_input(layer, node, pass, pass->parameters[WEIGHT], NULL, pass->d_output, pass->d_inputs[0]);
}

const tn_op tn_op_conv2d = {
    .name = "conv2d",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
