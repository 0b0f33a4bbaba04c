/* losses.h: every loss of the table in loss_table.c, each defined in the file of its name, and what they share. A loss is used through
 * tn_loss_find.
 *
 * All losses let NaN and Inf come through: nothing here is guarded but what the formula in a file's head guards. */
#ifndef TN_ENGINE_LOSSES_H
#define TN_ENGINE_LOSSES_H

#include "engine/loss.h"
#include "engine/row_math.h"

extern const tn_loss tn_loss_softmax_cross_entropy;
extern const tn_loss tn_loss_sigmoid_cross_entropy;
extern const tn_loss tn_loss_categorical_cross_entropy;
extern const tn_loss tn_loss_binary_cross_entropy;
extern const tn_loss tn_loss_mse;
extern const tn_loss tn_loss_mae;
extern const tn_loss tn_loss_huber;

/* Values that a loss works on at once; they stay in L1 and on the stack. */
enum { TN_LOSS_BLOCK = 1024 };

/* The derivative of the reduced loss by one sample's loss. */
TN_INLINE double tn_loss_weight(const tn_loss_options *options, size_t batch)
{
    return options->sum ? 1.0 : 1.0 / (double)batch;
}

/* The same of labels some of which may be missing. */
TN_INLINE double tn_loss_weight_of(const tn_loss_options *options, size_t batch, const tn_labels *labels)
{
    return tn_loss_weight(options, labels->counted > 0 ? labels->counted : batch);
}

/* What a loss that works element by element does for `count` elements: errors [count], and slopes [count] = derivative of the error by
 * output, times factor. */
typedef void tn_loss_span_fn(const tn_loss_options *options, size_t count, tn_real factor, const tn_real *output, const tn_real *target,
                             tn_real *errors, tn_real *slopes);

/* compute() of such a loss. A sample's loss is `share` times the sum of its errors: 1 / width for a mean over outputs, 1 for a sum. Class
 * numbers are made one-hot. slopes go straight to d_output. */
void tn_loss_elementwise(const tn_loss_options *options, size_t batch, size_t width, double share, const tn_real *output,
                         const tn_labels *labels, tn_real *sample_losses, tn_real *d_output, tn_loss_span_fn *span);

/* [low, high] of probabilities. clip 0 gives (-Inf, Inf): nothing is clipped, not even what is no probability. */
typedef struct tn_clip_range {
    tn_real low, high;
} tn_clip_range;

TN_INLINE tn_clip_range tn_clip_range_of(double clip)
{
    if (clip == 0) {
        return (tn_clip_range){(tn_real)-INFINITY, (tn_real)INFINITY};
    }
    return (tn_clip_range){(tn_real)clip, (tn_real)(1.0 - clip)};
}

#endif
