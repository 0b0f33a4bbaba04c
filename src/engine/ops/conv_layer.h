/* conv_layer.h: what op_conv2d and op_conv2d_transpose share: a convolution over the samples of a batch, cut into tiles for the threads.
 *
 * The three passes are those of a convolution with images x [B, H, W, C] and y [B, H', W', F] (conv.h); a transposed convolution runs them the other way round. The gradient of the weights is summed in
 * at most `parts` parts of consecutive samples, added in order, so it is the same at any thread count. */
#ifndef TN_ENGINE_CONV_LAYER_H
#define TN_ENGINE_CONV_LAYER_H

#include "engine/op.h"
#include "engine/ops/conv.h"

typedef struct tn_conv_layer {
    tn_conv conv;
    const tn_conv_way *way;
    size_t parts;
    bool bias; /* the op has one */
} tn_conv_layer;

_Static_assert(sizeof(tn_conv_layer) <= TN_OP_ATTRIBUTES_BYTES, "the layer fits a node's attributes");

/* Chooses the way, asks for the node's scratch, and counts its multiply-adds, which are the same both ways round. */
void tn_conv_layer_init(tn_conv_layer *layer, const tn_conv *conv, bool bias, tn_node *node);

/* The parameter "bias" [filters], with the fans of the weight. */
void tn_conv_layer_add_bias(tn_node *node, size_t filters, const tn_parameter *weight);

/* y = convolution of x + bias [F] (NULL: none) */
void tn_conv_layer_forward(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *weight, const tn_real *bias,
                           const tn_real *x, tn_real *y);

/* dx = what each pixel gave to its patches, + bias [C] at each pixel (NULL: none) */
void tn_conv_layer_input(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *weight, const tn_real *bias,
                         const tn_real *dy, tn_real *dx);

/* d_weight [K, F], d_bias [F] (NULL: not wanted): sums over the batch */
void tn_conv_layer_weight(const tn_conv_layer *layer, const tn_node *node, const tn_pass *pass, const tn_real *x, const tn_real *dy,
                          tn_real *d_weight, tn_real *d_bias);

#endif
