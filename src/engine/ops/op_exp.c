/* op_exp.c: y = exp(x), dy/dx = y. It overflows to Inf above 88.7 in float, on purpose: a user's net that does this must be seen to do
 * it. With "ceiling" it is exp(min(x, ceiling)), whose slope from the ceiling on is 0. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_guard_read(node, hypes_node, "ceiling", INFINITY);
    return tn_activation_configure(node, hypes_node, error);
}

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    const tn_real ceiling = tn_guard_value(attributes);
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = tn_exp(x[i] > ceiling ? ceiling : x[i]);
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    const tn_real ceiling = tn_guard_value(attributes), highest = tn_exp(ceiling);
    const bool guarded = ceiling < (tn_real)INFINITY;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = guarded && y[i] >= highest ? 0 : d_output[i] * y[i];
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
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
