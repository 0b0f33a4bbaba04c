/* op_last.c: the last step of a sequence: x [B, P, C], y [B, C] = x[P - 1]; dx is dy there and 0 before. */
#include <string.h>

#include "engine/ops/global_pool.h"
#include "engine/ops/ops.h"

static void forward(const tn_node *node, const tn_pass *pass)
{
    const size_t channels = node->output.dims[0], size = tn_shape_size(&node->inputs[0]);
    for (size_t i = 0; i < pass->batch; i++)
        memcpy(pass->output + i * channels, pass->inputs[0] + (i + 1) * size - channels, channels * sizeof(tn_real));
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const size_t channels = node->output.dims[0], size = tn_shape_size(&node->inputs[0]);
    if (!pass->d_inputs[0])
        return;
    memset(pass->d_inputs[0], 0, pass->batch * size * sizeof(tn_real));
    for (size_t i = 0; i < pass->batch; i++)
        memcpy(pass->d_inputs[0] + (i + 1) * size - channels, pass->d_output + i * channels, channels * sizeof(tn_real));
}

const tn_op tn_op_last = {
    .name = "last",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = tn_global_pool_configure,
    .forward = forward,
    .backward = backward,
};
