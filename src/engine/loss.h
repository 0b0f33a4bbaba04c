/* loss.h: what every loss provides. One loss, one file in losses/, one row in losses/loss_table.c, one test. */
#ifndef TN_ENGINE_LOSS_H
#define TN_ENGINE_LOSS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/dataset.h"
#include "engine/real.h"

/* Labels of one batch. Exactly one of the two is set. */
typedef struct tn_labels {
    const int32_t
        *classes; /* [B] of 0 .. width - 1; -1: this row has no label, and no part in loss and gradient (where the loss takes_classes) */
    const tn_real *targets; /* [B, width], width that of the network's output */
    size_t counted;         /* rows that have a class, over which a mean is taken; 0: all of them */
} tn_labels;

typedef struct tn_loss_options {
    double clip;  /* probabilities are kept within [clip, 1 - clip]; 0: not clipped, as unstable as the user wrote it */
    double delta; /* where huber turns from square to line */
    bool sum;     /* reduction "sum" over the batch in place of "mean"; over the outputs of a sample mse, mae and huber always average */
} tn_loss_options;

typedef struct tn_loss {
    const char *name;   /* as in the hypes */
    bool from_logits;   /* takes logits: a softmax or sigmoid before it is doubled */
    bool takes_classes; /* wants labels.classes where labels are classes; else they are made one-hot, or a number where the width is 1 */
    bool is_classification;
    /* sample_losses [B] and, where d_output is not NULL, d_output [B, width] = the gradient of the reduced loss (mean or sum of sample_losses) by output [B, width].
     * The gradient is the true derivative of what forward computes, clip included (0 where clipped). */
    void (*compute)(const tn_loss_options *options, size_t batch, size_t width, const tn_real *output, const tn_labels *labels,
                    tn_real *sample_losses, tn_real *d_output);
} tn_loss;

const tn_loss *tn_loss_find(const char *name);
size_t tn_loss_count(void);
const tn_loss *tn_loss_at(size_t index);

/* The mean or sum of sample_losses [B], in double; NaN and Inf come through. */
double tn_loss_reduce(const tn_loss_options *options, size_t batch, const tn_real *sample_losses);

/* The loss that a network of no knowledge has: uniform over `classes` outputs (ln C for cross entropies from logits). NAN where the loss's first value
 * depends on the labels' scale (mse, mae, huber). */
double tn_loss_expected_initial(const tn_loss *loss, size_t classes);

#endif
