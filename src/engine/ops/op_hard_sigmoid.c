/* op_hard_sigmoid.c: y = 0.2 x + 0.5, held within [0, 1]: the form of Keras 2 (PyTorch and Keras 3 divide x by 6). The derivative where it
 * is held, the ends included, is 0. NaN stays NaN. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const tn_real line = (tn_real)0.2 * x[i] + (tn_real)0.5;
        const tn_real low = line < (tn_real)0 ? (tn_real)0 : line;
        y[i] = low > (tn_real)1 ? (tn_real)1 : low;
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    (void)attributes;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        const tn_real inner = y[i] >= (tn_real)1 ? (tn_real)0 : (tn_real)0.2 * d_output[i];
        d_input[i] = y[i] <= (tn_real)0 ? (tn_real)0 : inner;
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

const tn_op tn_op_hard_sigmoid = {
    .name = "hard_sigmoid",
    .flags = TN_OP_ACTIVATION | TN_OP_BACKWARD_FROM_OUTPUT,
    .configure = tn_activation_configure,
    .forward = forward,
    .backward = backward,
};
