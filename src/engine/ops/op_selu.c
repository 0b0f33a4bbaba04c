/* op_selu.c: y = scale * elu(x, alpha), with the two constants for which mean 0 and variance 1 reproduce themselves.
 * Klambauer 2017, arXiv:1706.02515. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

/* The fixed point of mean 0 and variance 1 (appendix of the paper). */
#define ALPHA ((tn_real)1.6732632423543772848170429916717)
#define SCALE ((tn_real)1.0507009873554804934193349852946)

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const tn_real below = SCALE * ALPHA * tn_expm1_below_zero(x[i] > (tn_real)0 ? (tn_real)0 : x[i]);
        y[i] = x[i] > (tn_real)0 ? SCALE * x[i] : below;
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = y[i] > (tn_real)0 ? SCALE * d_output[i] : d_output[i] * (y[i] + SCALE * ALPHA);
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

const tn_op tn_op_selu = {
    .name = "selu",
    .flags = TN_OP_ACTIVATION | TN_OP_BACKWARD_FROM_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
