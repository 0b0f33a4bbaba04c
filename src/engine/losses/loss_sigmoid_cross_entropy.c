/* loss_sigmoid_cross_entropy.c: yes or no for each output, from logits. For a sample the mean over outputs (as in Keras and PyTorch) of
 *   -y log s - (1 - y) log(1 - s),  s = 1 / (1 + exp(-x)),
 * in the stable form max(x, 0) - x y + log(1 + exp(-|x|)); gradient (s - y) / width. Targets y may be any number in [0, 1]. */
#include "engine/losses/losses.h"

TN_SIMD_CLONES
static void span(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *restrict output,
                 const tn_real *restrict target, tn_real *restrict errors, tn_real *restrict slopes)
{
    (void)options;
    for (size_t i = 0; i < count; i++) {
        const tn_real x = output[i], y = target[i];
        const tn_real e = tn_exp(x < (tn_real)0 ? x : -x);
        const tn_real above = x < (tn_real)0 ? (tn_real)0 : x;
        errors[i] = (above - x * y) + tn_log1p_unit(e);
        const tn_real sigmoid = (x < (tn_real)0 ? e : (tn_real)1) / ((tn_real)1 + e);
        slopes[i] = (sigmoid - y) * factor;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    tn_loss_elementwise(options, batch, width, 1.0 / (double)width, output, labels, sample_losses, d_output, span);
}

const tn_loss tn_loss_sigmoid_cross_entropy = {
    .name = "sigmoid_cross_entropy", .from_logits = true, .is_classification = true, .compute = compute};
