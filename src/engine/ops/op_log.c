/* op_log.c: y = log(x), dy/dx = 1 / x. log(0) is -Inf and the logarithm of less NaN, on purpose: a user's net that does this must be seen to do it.
 * With "floor" it is log(max(x, floor)), whose slope below the floor is 0. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_guard_read(node, hypes_node, "floor", -INFINITY);
    return tn_activation_configure(node, hypes_node, error);
}

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    const tn_real floor = tn_guard_value(attributes);
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = tn_log(x[i] < floor ? floor : x[i]);
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *x, const tn_real *d_output, tn_real *d_input)
{
    const tn_real floor = tn_guard_value(attributes);
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = x[i] < floor ? 0 : d_output[i] / x[i];
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

const tn_op tn_op_log = {
    .name = "log",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
