/* op_global_avg_pool.c: the mean of each channel over all steps or pixels: x [B, P, C], y [B, C]:
 *   y = sum over P of x / P,   dx = dy / P */
#include "base/simd.h"
#include "engine/ops/global_pool.h"
#include "engine/ops/ops.h"

TN_SIMD_CLONES
static void forward_sample(const tn_node *node, const tn_pass *pass, size_t sample)
{
    const size_t channels = node->output.dims[0], places = tn_global_pool_places(node);
    const tn_real *restrict x = pass->inputs[0] + sample * places * channels;
    tn_real *restrict y = pass->output + sample * channels;
    const tn_real share = (tn_real)(1.0 / (double)places);
    for (size_t c = 0; c < channels; c++)
        y[c] = x[c];
    for (size_t p = 1; p < places; p++)
        for (size_t c = 0; c < channels; c++)
            y[c] += x[p * channels + c];
    for (size_t c = 0; c < channels; c++)
        y[c] *= share;
}

TN_SIMD_CLONES
static void backward_sample(const tn_node *node, const tn_pass *pass, size_t sample)
{
    const size_t channels = node->output.dims[0], places = tn_global_pool_places(node);
    const tn_real *restrict d = pass->d_output + sample * channels;
    tn_real *restrict dx = pass->d_inputs[0] + sample * places * channels;
    const tn_real share = (tn_real)(1.0 / (double)places);
    for (size_t p = 0; p < places; p++)
        for (size_t c = 0; c < channels; c++)
            dx[p * channels + c] = d[c] * share;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_global_pool_run(node, pass, forward_sample);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0])
        tn_global_pool_run(node, pass, backward_sample);
}

const tn_op tn_op_global_avg_pool = {
    .name = "global_avg_pool",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = tn_global_pool_configure,
    .forward = forward,
    .backward = backward,
};
