/* loss_categorical_cross_entropy.c: classes, from probabilities. For a sample:
 *   -sum_k y_k log c(p_k)
 * where c holds its argument within [clip, 1 - clip]. Gradient -y_k / p_k, 0 where c holds. The probabilities are taken as they are; Keras divides them by their sum first.
 *
 * With clip 0 this is the plain formula, as unstable as people write it by hand: a p_k of 0 gives Inf where y_k > 0 (gradient -Inf, which a softmax before it turns
 * into NaN), and NaN where y_k = 0, since 0 times log 0 is NaN, and so is the gradient 0 / 0. So one class whose softmax underflows is enough, and that is what a user of the
 * plain formula meets. Class numbers mean the one-hot y, this included. */
#include "engine/losses/losses.h"

/* terms [count] = y log c(p), slopes [count] = -y / p weight. */
TN_SIMD_CLONES
static void span(size_t count, tn_clip_range range, tn_real weight, const tn_real *restrict p, const tn_real *restrict y,
                 tn_real *restrict terms, tn_real *restrict slopes)
{
    const tn_real low = range.low, high = range.high;
    /* Two loops: in one, the compiler joins the clipping with the cases of the logarithm into branches, and vectorises neither. */
    for (size_t k = 0; k < count; k++) {
        const tn_real above = p[k] < low ? low : p[k];
        terms[k] = above > high ? high : above;
        /* What is chosen are the operands, since a division in one branch only would be a branch. NaN is not held. */
        const int held = (p[k] < low) | (p[k] > high);
        slopes[k] = (held ? (tn_real)0 : -y[k]) / (held ? (tn_real)1 : p[k]) * weight;
    }
    for (size_t k = 0; k < count; k++) {
        terms[k] = y[k] * tn_log(terms[k]);
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    const tn_clip_range range = tn_clip_range_of(options->clip);
    const tn_real weight = (tn_real)tn_loss_weight(options, batch);
    tn_real one_hot[TN_LOSS_BLOCK] = {0}, terms[TN_LOSS_BLOCK], unwanted[TN_LOSS_BLOCK];
    for (size_t b = 0; b < batch; b++) {
        double sum = 0;
        for (size_t start = 0; start < width; start += TN_LOSS_BLOCK) {
            const size_t rest = width - start, count = rest < TN_LOSS_BLOCK ? rest : TN_LOSS_BLOCK, at = b * width + start;
            const tn_real *y = one_hot;
            size_t hot = count; /* none in this block */
            if (labels->classes == NULL) {
                y = labels->targets + at;
            } else if ((size_t)labels->classes[b] >= start && (size_t)labels->classes[b] - start < count) {
                hot = (size_t)labels->classes[b] - start;
                one_hot[hot] = 1;
            }
            span(count, range, weight, output + at, y, terms, d_output != NULL ? d_output + at : unwanted);
            if (hot < count) {
                one_hot[hot] = 0;
            }
            sum += tn_row_sum(terms, count);
        }
        sample_losses[b] = (tn_real)(0 - sum);
    }
}

const tn_loss tn_loss_categorical_cross_entropy = {
    .name = "categorical_cross_entropy", .takes_classes = true, .is_classification = true, .compute = compute};
