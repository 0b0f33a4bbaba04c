/* op_global_max_pool.c: the largest value of each channel over all steps or pixels: x [B, P, C], y [B, C]. The gradient goes to the first
 * place that holds it. NaN wins against any number, as in PyTorch. */
#include <math.h>
#include <string.h>

#include "engine/ops/global_pool.h"
#include "engine/ops/ops.h"

/* The place of the largest value of channel c. */
static size_t place_of(const tn_real *x, size_t places, size_t channels, size_t c)
{
    size_t best = 0;
    for (size_t p = 1; p < places && !isnan(x[best * channels + c]); p++) {
        const tn_real value = x[p * channels + c];
        if (value > x[best * channels + c] || isnan(value))
            best = p;
    }
    return best;
}

static void forward_sample(const tn_node *node, const tn_pass *pass, size_t sample)
{
    const size_t channels = node->output.dims[0], places = tn_global_pool_places(node);
    const tn_real *x = pass->inputs[0] + sample * places * channels;
    for (size_t c = 0; c < channels; c++)
        pass->output[sample * channels + c] = x[place_of(x, places, channels, c) * channels + c];
}

static void backward_sample(const tn_node *node, const tn_pass *pass, size_t sample)
{
    const size_t channels = node->output.dims[0], places = tn_global_pool_places(node);
    const tn_real *x = pass->inputs[0] + sample * places * channels;
    tn_real *dx = pass->d_inputs[0] + sample * places * channels;
    memset(dx, 0, places * channels * sizeof *dx);
    for (size_t c = 0; c < channels; c++)
        dx[place_of(x, places, channels, c) * channels + c] = pass->d_output[sample * channels + c];
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

const tn_op tn_op_global_max_pool = {
    .name = "global_max_pool",
    .flags = TN_OP_IGNORES_OUTPUT,
    .configure = tn_global_pool_configure,
    .forward = forward,
    .backward = backward,
};
