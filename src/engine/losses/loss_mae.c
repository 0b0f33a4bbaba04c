/* loss_mae.c: mean absolute error. For a sample: mean over outputs of |x - y|; gradient sign(x - y) / width, 0 where they are equal, NaN
 * where either is. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    (void)options;
    for (size_t i = 0; i < count; i++) {
        const tn_real difference = output[i] - target[i];
        errors[i] = difference < (tn_real)0 ? -difference : difference;
        const tn_real from_below = difference < (tn_real)0 ? -factor : difference; /* 0 and NaN stay as they are */
        slopes[i] = difference > (tn_real)0 ? factor : from_below;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1.0 / (double)width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_mae = {.name = "mae", .compute = compute};
