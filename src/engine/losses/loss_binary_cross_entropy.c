/* loss_binary_cross_entropy.c: yes or no for each output, from probabilities. For a sample the mean over outputs (as in Keras and PyTorch) of
 *   -y log c(p) - (1 - y) log c(1 - p)
 * where c holds its argument within [clip, 1 - clip]. Gradient (-y / p + (1 - y) / (1 - p)) / width, 0 where c holds.
 *
 * With clip 0 this is the plain formula, as unstable as the user wrote it: p = 0 with y = 1 gives Inf and the gradient -Inf; p = 0 with y = 0 gives
 * NaN (0 times log 0, and 0 / 0); p outside [0, 1] gives NaN. Both p and 1 - p are clipped, since 1 - clip is 1 in float for a clip below 6e-8. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    const tn_clip_range range = tn_clip_range_of(options->clip);
    const tn_real low = range.low, high = range.high;
    for (size_t i = 0; i < count; i++) {
        const tn_real p = output[i], q = (tn_real)1 - p, y = target[i], z = (tn_real)1 - y;
        const tn_real p_above = p < low ? low : p, p_held = p_above > high ? high : p_above;
        const tn_real q_above = q < low ? low : q, q_held = q_above > high ? high : q_above;
        errors[i] = -(y * tn_log(p_held) + z * tn_log(q_held));
        const tn_real slope = (z / q - y / p) * factor;
        const int held = (p < low) | (p > high) | (q < low) | (q > high);
        slopes[i] = held ? (tn_real)0 : slope;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_binary_cross_entropy = {.name = "binary_cross_entropy", .is_classification = true, .compute = compute};
