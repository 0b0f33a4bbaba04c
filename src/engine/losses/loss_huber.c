/* loss_huber.c: with e = x - y, the mean over outputs of e^2 / 2 where |e| <= delta, delta (|e| - delta / 2) beyond; gradient e held within
 * [-delta, delta], over width. The form of PyTorch's HuberLoss and of Keras. Huber 1964. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    const tn_real delta = (tn_real)options->delta;
    for (size_t i = 0; i < count; i++) {
        const tn_real difference = output[i] - target[i];
        const tn_real size = difference < (tn_real)0 ? -difference : difference;
        const tn_real line = delta * (size - (tn_real)0.5 * delta), square = (tn_real)0.5 * difference * difference;
        errors[i] = size > delta ? line : square;
        const tn_real low = difference < -delta ? -delta : difference;
        slopes[i] = (low > delta ? delta : low) * factor;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1.0 / (double)width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_huber = {.name = "huber", .compute = compute};
