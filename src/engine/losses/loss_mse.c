/* loss_mse.c: mean squared error. For a sample: mean over outputs of (x - y)^2; gradient 2 (x - y) / width. No factor of one half. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    (void)options;
    for (size_t i = 0; i < count; i++) {
        const tn_real difference = output[i] - target[i];
        errors[i] = difference * difference;
        slopes[i] = (tn_real)2 * difference * factor;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1.0 / (double)width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_mse = {.name = "mse", .compute = compute};
