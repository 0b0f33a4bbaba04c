/* op_exp.c: y = exp(x), dy/dx = y. It overflows to Inf above 88.7 in float, on purpose: a user's net that does this must be seen to do
 * it. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = tn_exp(x[i]);
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = d_output[i] * y[i];
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

const tn_op tn_op_exp = {
    .name = "exp",
    .flags = TN_OP_ACTIVATION | TN_OP_BACKWARD_FROM_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
