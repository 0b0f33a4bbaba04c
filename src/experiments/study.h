/* study.h: a random search: the ranges, what is drawn from them, and which of them mattered (PROTOCOL C7).
 *
 * Each trial draws from a random stream of its own, so trial i is the same whatever came before it and however many run side by side: a study that was cut off goes on where it
 * stopped. Not for running trials (experiment_search.c). */
#ifndef TN_EXPERIMENTS_STUDY_H
#define TN_EXPERIMENTS_STUDY_H

#include <jansson.h>
#include <stdint.h>

#include "subject/subject.h"

enum { TN_STUDY_DIMENSIONS_MAX = 32, TN_STUDY_BINS_MAX = 8 };

/* One hyper-parameter that is searched. */
typedef struct tn_dimension {
    const char *name;    /* a path of the hypes, or a knob of a program; borrowed */
    uint32_t knob;       /* of tn_knob, where it is turned as one; 0: by a patch */
    const json_t *range; /* {"log_uniform": [low, high]}, {"uniform"}, {"int_uniform"} or {"choice": [...]}; borrowed */
} tn_dimension;

/* A value of the range (a new reference; NULL where memory is out): what trial `trial` of the study with this seed tries at dimension `index`. */
json_t *tn_dimension_draw(const tn_dimension *dimension, uint64_t seed, uint64_t trial, size_t index);

/* How much of the variance of the scores the dimension explains by itself: values are put into bins (choices as they are; numbers into at most TN_STUDY_BINS_MAX of equal count), and
 * importance is the share of the variance between bins, adjusted for their number as R2 is (Fisher 1925, eta squared; Ezekiel 1930). In [0, 1]; what only works together with another
 * dimension is not seen. */
typedef struct tn_importance {
    double importance;
    size_t bins;
    double mean[TN_STUDY_BINS_MAX];                         /* score */
    double low[TN_STUDY_BINS_MAX], high[TN_STUDY_BINS_MAX]; /* values in the bin; of choices the index */
    size_t trials[TN_STUDY_BINS_MAX];
} tn_importance;

/* positions [count]: numbers, or the index of a choice where is_choice; scores [count], finite. TN_ERROR_MEMORY alone. */
tn_status tn_importance_measure(const double *positions, const double *scores, size_t count, bool is_choice, tn_importance *importance,
                                tn_error *error);

#endif
