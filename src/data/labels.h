/* labels.h: what the labels of a source mean: the task, class numbers or targets, and the class filter. Only for the files of this folder. */
#ifndef TN_DATA_LABELS_H
#define TN_DATA_LABELS_H

#include "data/dataset.h"
#include "data/reader.h"

enum { TN_SOURCES = 3 }; /* train, valid, test */

typedef struct tn_label_plan {
    tn_task task;
    tn_label_kind kind;
    size_t classes;         /* after the filter; 0 for targets */
    size_t written_classes; /* in the files */
    int32_t *numbers;       /* [written_classes]: the number that a class gets, -1 where the filter drops it; NULL without a filter */
    bool each_step;         /* a class number for each column of the labels (data.label.each_step, and readers that say so) */
    size_t steps;           /* class numbers of a sample: 1, or the columns of the labels */
    bool has_padding;
    long long padding; /* this number of a step is no class: the step has none */
} tn_label_plan;

/* Decides by the loss, the metric and the training labels; sources[1] and [2] may be NULL.
 *   metric accuracy: classification; r2, mse, mae: regression; f1: multi-label; none:
 *   cross entropies: classification; those that ask yes or no of each output multi-label, where the labels are several columns of zeros and ones, and a row has not just one 1
 *   mse, mae, huber: classification where labels are one-hot rows, zeros and ones with both of them present, or class numbers for each of which the net
 *     has an output (two outputs at least); else regression */
tn_status tn_label_plan_init(tn_label_plan *plan, const tn_hypes *hypes, tn_source *const sources[TN_SOURCES], tn_error *error);
void tn_label_plan_deinit(tn_label_plan *plan);

/* class_of [source->samples, plan->steps] = the class numbers of each row, -1 where the filter drops it, and of a step that is padding. `train` is the source whose words, where labels are words, have the numbers. */
tn_status tn_labels_number(const tn_label_plan *plan, const tn_source *train, const tn_source *source, int32_t *class_of, tn_error *error);

#endif
