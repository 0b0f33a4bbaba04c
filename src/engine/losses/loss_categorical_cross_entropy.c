/* loss_categorical_cross_entropy.c: classes, from probabilities. For a sample:
 *   -sum_k y_k log c(p_k)
 * where c holds its argument within [clip, 1 - clip]. Gradient -y_k / p_k, 0 where c holds. The probabilities are taken as they are; Keras
 * divides them by their sum first.
 *
 * With clip 0 this is the plain formula, as unstable as people write it by hand: a p_k of 0 gives Inf where y_k > 0 (gradient -Inf, which
 * a softmax before it turns into NaN), and NaN where y_k = 0, since 0 times log 0 is NaN, and so is the gradient 0 / 0. So one class whose
 * softmax underflows is enough, and that is what a user of the plain formula meets. Class numbers mean the one-hot y, this included. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    const tn_clip_range range = tn_clip_range_of(options->clip);
    const tn_real low = range.low, high = range.high;
    /* Two loops: in one, the compiler joins the clipping with the cases of the logarithm into branches, and vectorises neither. */
    for (size_t i = 0; i < count; i++) {
        const tn_real p = output[i], above = p < low ? low : p;
        errors[i] = above > high ? high : above;
        /* What is chosen are the operands, since a division in one branch only would be a branch. NaN is not held. */
        const int held = (p < low) | (p > high);
        slopes[i] = (held ? (tn_real)0 : -target[i]) / (held ? (tn_real)1 : p) * factor;
    }
    for (size_t i = 0; i < count; i++) {
        errors[i] = -(target[i] * tn_log(errors[i]));
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_categorical_cross_entropy = {
    .name = "categorical_cross_entropy", .takes_classes = true, .is_classification = true, .compute = compute};
