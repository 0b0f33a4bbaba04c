/* metrics.h: what the field calls the results of a network by: accuracy, F1, perplexity, R2, overlap. Taken once, at the end of a training, for a person to read; trials are compared by the score
 * (score.h), which is one number for all kinds of labels.
 *
 * Averages and edge cases are those of scikit-learn (sklearn.metrics). Nothing here depends on the scale of a loss, perplexity and bits apart, which are the loss of classes by another name. */
#ifndef TN_SUBJECT_METRICS_H
#define TN_SUBJECT_METRICS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A confusion matrix of more classes than this is nothing that a person reads. A label is looked for among the TN_TOP_CLASSES largest outputs. */
enum { TN_CONFUSION_CLASSES = 20, TN_TOP_CLASSES = 5 };

/* What a network said of samples, and what is right. Exactly one of classes and targets is set. */
typedef struct tn_answers {
    size_t count, steps, width; /* steps: labels of a sample, 1 where it is no sequence; width: outputs for each of them */
    const float *outputs;       /* [count, steps, width]; of targets in original units */
    const float *losses;        /* [count]: of each sample the mean loss of its labels; of sequences only, else NULL */
    const int32_t *classes;     /* [count, steps], -1 where a step has none */
    const float *targets;       /* [count, width]; in original units */
    bool are_flags;             /* targets are yes or no, 1 or 0 */
    bool are_boxes;             /* targets are x, y, w, h of width / 4 boxes; 0, 0, 0, 0 of one that is not there */
    bool are_counts;            /* targets are numbers of things */
    double threshold;           /* from which a single output of two classes, and an output of a flag, says yes */
} tn_answers;

/* A new object, NULL where memory is out.
 *   classes:   accuracy; f1_macro over the classes that occur in labels or answers; top5_accuracy from six outputs on; confusion, rows the labels, columns the answers. An answer that names no class (NaN, or
 *              all outputs equal) is wrong, and in no column.
 *   sequences: accuracy, perplexity and bits of a label
 *   flags:     f1_micro, f1_macro, subset_accuracy (all flags of a sample right), hamming_loss (share of wrong flags)
 *   targets:   r2 (mean over the targets that are not constant; not bounded below), rmse, mae
 *              of boxes iou too, the mean over the boxes that are there of the overlap with the answer's, as a share of what both cover together, and iou50, the share of boxes
 *              with 0.5 or more of it (Everingham et al. 2010); of counts exact, the share of answers that are right once rounded
 * What is not defined (no label at all, only constant targets) is null. */
json_t *tn_metrics_measure(const tn_answers *answers);

#endif
