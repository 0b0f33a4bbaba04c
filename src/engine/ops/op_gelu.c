/* op_gelu.c: y = x P(X <= x) for a standard normal X: x (1 + erf(x / sqrt 2)) / 2, the exact form and not the tanh approximation.
 * dy/dx = P(X <= x) + x exp(-x^2 / 2) / sqrt(2 pi). Hendrycks and Gimpel 2016, arXiv:1606.08415. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

#define ROOT_HALF       ((tn_real)0.70710678118654752440)
#define DENSITY_AT_ZERO ((tn_real)0.39894228040143267794) /* 1 / sqrt(2 pi) */

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] * ((tn_real)0.5 * ((tn_real)1 + tn_erf(x[i] * ROOT_HALF)));
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *x, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const tn_real below = (tn_real)0.5 * ((tn_real)1 + tn_erf(x[i] * ROOT_HALF));
        const tn_real density = DENSITY_AT_ZERO * tn_exp((tn_real)-0.5 * x[i] * x[i]);
        d_input[i] = d_output[i] * (below + x[i] * density);
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

const tn_op tn_op_gelu = {
    .name = "gelu",
    .flags = TN_OP_ACTIVATION | TN_OP_IGNORES_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
