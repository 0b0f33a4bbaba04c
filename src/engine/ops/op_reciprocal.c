/* op_reciprocal.c: y = 1 / (x + epsilon), dy/dx = -y^2. epsilon is 0 unless the user says otherwise: 1/0 is Inf, on purpose. A user's net that does this
 * must be seen to do it. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_epsilon_read(node, hypes_node);
    return tn_activation_configure(node, hypes_node, error);
}

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    const tn_real epsilon = tn_guard_value(attributes);
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = (tn_real)1 / (x[i] + epsilon);
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = -d_output[i] * y[i] * y[i];
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

const tn_op tn_op_reciprocal = {
    .name = "reciprocal",
    .flags = TN_OP_BACKWARD_FROM_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
