/* op_square.c: y = x^2, dy/dx = 2 x. It overflows to Inf above 1.8e19 in float. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] * x[i];
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *x, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = (tn_real)2 * x[i] * d_output[i];
    }
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_activation_forward(node, pass, forward_span);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_activation_backward(node, pass, backward_span);
}

const tn_op tn_op_square = {
    .name = "square",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
