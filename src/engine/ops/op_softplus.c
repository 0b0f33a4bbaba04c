/* op_softplus.c: y = log(1 + exp(x)), computed as max(x, 0) + log(1 + exp(-|x|)), which neither overflows nor loses small values.
 * dy/dx = 1 / (1 + exp(-x)); taken from x, since from y it would lose all digits where y is small. Dugas 2001. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const tn_real size = x[i] < (tn_real)0 ? -x[i] : x[i];
        const tn_real above = x[i] < (tn_real)0 ? (tn_real)0 : x[i];
        y[i] = above + tn_log1p_unit(tn_exp(-size));
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *x, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = d_output[i] * tn_logistic(x[i]);
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

const tn_op tn_op_softplus = {
    .name = "softplus",
    .flags = TN_OP_ACTIVATION | TN_OP_IGNORES_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
