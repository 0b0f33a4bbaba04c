/* loss_binary_cross_entropy.c: yes or no for each output, from probabilities. For a sample the mean over outputs (as in Keras and PyTorch)
 * of
 *   -y log c(p) - (1 - y) log c(1 - p)
 * where c holds its argument within [clip, 1 - clip]. Gradient (-y / p + (1 - y) / (1 - p)) / width, 0 where c holds.
 *
 * With clip 0 this is the plain formula, as unstable as the user wrote it: p = 0 with y = 1 gives Inf and the gradient -Inf; p = 0 with y
 * = 0 gives NaN (0 times log 0, and 0 / 0); p outside [0, 1] gives NaN. Both p and 1 - p are clipped, since 1 - clip is 1 in float for a
 * clip below 6e-8. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    const tn_clip_range range = tn_clip_range_of(options->clip);
    const tn_real low = range.low, high = range.high;
    /* Two loops: in one, the compiler joins the clipping with the cases of the logarithm into branches, and vectorises neither. */
    tn_real q_clipped[TN_LOSS_BLOCK];
    for (size_t i = 0; i < count; i++) {
        const tn_real p = output[i], q = (tn_real)1 - p;
        const tn_real p_above = p < low ? low : p, q_above = q < low ? low : q;
        errors[i] = p_above > high ? high : p_above;
        q_clipped[i] = q_above > high ? high : q_above;
        /* What is chosen are the operands, since a division in one branch only would be a branch. NaN is not held. */
        const int held = (p < low) | (p > high) | (q < low) | (q > high);
        const tn_real y = held ? (tn_real)0 : target[i], z = held ? (tn_real)0 : (tn_real)1 - target[i];
        slopes[i] = (z / (held ? (tn_real)1 : q) - y / (held ? (tn_real)1 : p)) * factor;
    }
    for (size_t i = 0; i < count; i++) {
        errors[i] = -(target[i] * tn_log(errors[i]) + ((tn_real)1 - target[i]) * tn_log(q_clipped[i]));
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1.0 / (double)width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_binary_cross_entropy = {.name = "binary_cross_entropy", .is_classification = true, .compute = compute};
