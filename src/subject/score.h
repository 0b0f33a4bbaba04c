/* score.h: one number for how good predictions are, free of the scale of loss and labels: 0 is the trivial predictor, 1 is perfect.
 *
 * Classification: (accuracy - majority) / (1 - majority), majority the share of the most frequent class among the scored labels. A prediction is the argmax; of a single output the side of
 * its threshold (0 for logits, 0.5 for probabilities). A row of equal outputs, or one with NaN, counts as wrong.
 * Sequences with a label for each step: 1 - (mean cross entropy of a label) / (entropy of the labels' own frequencies), the share of the bits that a predictor of frequencies needs
 * which is saved; never below -1. Steps without a label do not count.
 * Several labels, yes or no each: 1 - (wrong answers) / (those of a predictor that says of each label what is the more frequent), never below -1. NaN counts as wrong.
 * Regression: R2 in original units, averaged over the targets (a constant target is left out), never below -1 so that averages stay meaningful. */
#ifndef TN_SUBJECT_SCORE_H
#define TN_SUBJECT_SCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* outputs [count, width], classes [count]; single_threshold: of a single output. NAN where all labels are the same class. */
double tn_score_classification(size_t count, size_t width, const float *outputs, const int32_t *classes, double single_threshold);

/* The class that a row of outputs [width] names, or -1 where it names none. */
int32_t tn_score_class(size_t width, const float *row, double single_threshold);

/* outputs and targets [count, width], targets 1 for yes and 0 for no; an output above the threshold says yes. NAN where each column has one answer only. */
double tn_score_flags(size_t count, size_t width, const float *outputs, const float *targets, double threshold);
bool tn_score_flag_is_wrong(float output, float target, double threshold); /* NaN is wrong */

/* losses [count]: of each sample the mean cross entropy of its labels, in nats; classes [count, steps], -1 where a step has none. *loss: the mean over all labels. NAN both where there
 * is no label, the score also where all labels are the same class. */
double tn_score_sequences(size_t count, size_t steps, const float *losses, const int32_t *classes, double *loss);

/* outputs and targets [count, width] in the same units. NAN where every target is constant. */
double tn_score_regression(size_t count, size_t width, const float *outputs, const float *targets);

#endif
