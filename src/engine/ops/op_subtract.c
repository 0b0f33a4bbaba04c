/* op_subtract.c: y = a - b; da = dy, db = -dy. Inf - Inf is NaN, and stays so. */
#include <string.h>

#include "base/simd.h"
#include "engine/ops/binary.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *a, const tn_real *b, tn_real *restrict y)
{
    (void)attributes;
    for (size_t i = 0; i < count; i++)
        y[i] = a[i] - b[i];
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *a, const tn_real *b, const tn_real *d_output,
                          tn_real *restrict d_a, tn_real *restrict d_b)
{
    (void)attributes, (void)a, (void)b;
    if (d_a != NULL)
        memcpy(d_a, d_output, count * sizeof *d_a);
    for (size_t i = 0; d_b != NULL && i < count; i++)
        d_b[i] = -d_output[i];
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_binary_forward(node, pass, forward_span);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_binary_backward(node, pass, backward_span);
}

const tn_op tn_op_subtract = {
    .name = "subtract",
    .flags = TN_OP_MANY_INPUTS | TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = tn_binary_configure,
    .forward = forward,
    .backward = backward,
};
