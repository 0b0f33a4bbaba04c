/* op_divide.c: y = a / (b + epsilon); da = dy / (b + epsilon), db = -dy y / (b + epsilon). epsilon is 0 unless the user says otherwise: 1/0 is
 * Inf and 0/0 NaN, on purpose. A user's net that does this must be seen to do it. */
#include "base/simd.h"
#include "engine/ops/binary.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_epsilon_read(node, hypes_node);
    return tn_binary_configure(node, hypes_node, error);
}

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *a, const tn_real *b, tn_real *restrict y)
{
    const tn_real epsilon = tn_guard_value(attributes);
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] / (b[i] + epsilon);
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *a, const tn_real *b, const tn_real *d_output,
                          tn_real *restrict d_a, tn_real *restrict d_b)
{
    const tn_real epsilon = tn_guard_value(attributes);
    for (size_t i = 0; d_a != NULL && i < count; i++)
        d_a[i] = d_output[i] / (b[i] + epsilon);
    for (size_t i = 0; d_b != NULL && i < count; i++)
        d_b[i] = -d_output[i] * (a[i] / (b[i] + epsilon) / (b[i] + epsilon));
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_binary_forward(node, pass, forward_span);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_binary_backward(node, pass, backward_span);
}

const tn_op tn_op_divide = {
    .name = "divide",
    .flags = TN_OP_MANY_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
