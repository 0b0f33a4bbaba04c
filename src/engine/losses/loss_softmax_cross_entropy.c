/* loss_softmax_cross_entropy.c: classes, from logits. For a sample, with p = softmax(x):
 *   -sum_k y_k log p_k = sum_k y_k (m + log(sum_j exp(x_j - m)) - x_k),  m = max x: stable.
 * Gradient p sum(y) - y. Class numbers mean one-hot y; a row without a class (-1) costs nothing, whatever it holds. A row that holds NaN or +Inf gives NaN. */
#include "engine/losses/losses.h"

/* exponentials [rows, width] = exp(x - m), their sums [rows] and maxima m [rows], of rows that fit in a block. */
TN_SIMD_CLONES
static void exponentials_of_rows(size_t rows, size_t width, const tn_real *x, tn_real *exponentials, tn_real *sums, tn_real *maxima)
{
    tn_rows_shifted_exp(rows, width, x, exponentials, maxima);
    for (size_t r = 0; r < rows; r++) {
        sums[r] = (tn_real)tn_row_sum(exponentials + r * width, width);
    }
}

/* The same sum for one long row, block by block; exponentials may be NULL. */
TN_SIMD_CLONES
static tn_real exponentials_of_long_row(size_t width, const tn_real *x, tn_real *exponentials, tn_real *maximum)
{
    const tn_real largest = tn_row_max(x, width);
    *maximum = largest;
    tn_real block[TN_LOSS_BLOCK];
    double sum = 0;
    for (size_t start = 0; start < width; start += TN_LOSS_BLOCK) {
        const size_t rest = width - start, count = rest < TN_LOSS_BLOCK ? rest : TN_LOSS_BLOCK;
        tn_real *to = exponentials != NULL ? exponentials + start : block;
        for (size_t i = 0; i < count; i++) {
            to[i] = tn_exp(x[start + i] - largest);
        }
        sum += tn_row_sum(to, count);
    }
    return (tn_real)sum;
}

TN_SIMD_CLONES
static void logarithms(size_t count, tn_real *values)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = tn_log(values[i]);
    }
}

/* d [width] = (p - one-hot) weight or (p sum(y) - y) weight, from the exponentials that d holds. */
TN_SIMD_CLONES
static void finish_gradient(size_t width, tn_real sum, tn_real weight, const int32_t *label, const tn_real *restrict targets,
                            tn_real *restrict d)
{
    if (label != NULL && *label < 0) {
        for (size_t k = 0; k < width; k++) {
            d[k] = 0;
        }
        return;
    }
    if (label != NULL) {
        const tn_real factor = weight / sum;
        for (size_t k = 0; k < width; k++) {
            d[k] *= factor;
        }
        d[*label] -= weight;
        return;
    }
    const tn_real mass = (tn_real)tn_row_sum(targets, width), factor = mass / sum;
    for (size_t k = 0; k < width; k++) {
        d[k] = (d[k] * factor - targets[k]) * weight;
    }
}

static void compute(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output)
{
    const tn_real weight = (tn_real)tn_loss_weight_of(options, batch, labels);
    const size_t rows_per_block = width <= TN_LOSS_BLOCK ? TN_LOSS_BLOCK / width : 1;
    tn_real block[TN_LOSS_BLOCK], sums[TN_LOSS_BLOCK], maxima[TN_LOSS_BLOCK];
    for (size_t first = 0; first < batch; first += rows_per_block) {
        const size_t rest = batch - first, rows = rest < rows_per_block ? rest : rows_per_block;
        const tn_real *x = output + first * width;
        tn_real *d = d_output != NULL ? d_output + first * width : NULL;
        if (width <= TN_LOSS_BLOCK) {
            exponentials_of_rows(rows, width, x, d != NULL ? d : block, sums, maxima);
        } else {
            sums[0] = exponentials_of_long_row(width, x, d, maxima);
        }
        for (size_t r = 0; r < rows && d != NULL; r++) {
            const int32_t *label = labels->classes != NULL ? labels->classes + first + r : NULL;
            const tn_real *targets = labels->classes != NULL ? NULL : labels->targets + (first + r) * width;
            finish_gradient(width, sums[r], weight, label, targets, d + r * width);
        }
        logarithms(rows, sums);
        for (size_t r = 0; r < rows; r++) {
            const tn_real *row = x + r * width;
            const double shift = (double)maxima[r], log_sum = (double)sums[r];
            if (labels->classes != NULL && labels->classes[first + r] < 0) {
                sample_losses[first + r] = 0;
                continue;
            }
            if (labels->classes != NULL) {
                sample_losses[first + r] = (tn_real)(log_sum + (shift - (double)row[labels->classes[first + r]]));
                continue;
            }
            const tn_real *targets = labels->targets + (first + r) * width;
            double loss = 0;
            for (size_t k = 0; k < width; k++) {
                loss += (double)targets[k] * (log_sum + (shift - (double)row[k]));
            }
            sample_losses[first + r] = (tn_real)loss;
        }
    }
}

const tn_loss tn_loss_softmax_cross_entropy = {
    .name = "softmax_cross_entropy", .from_logits = true, .takes_classes = true, .is_classification = true, .compute = compute};
