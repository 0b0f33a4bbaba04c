/* data_summary.h: what the training data look like to the network: each feature, each target, the classes.
 *
 * A builder is fed samples, part after part, and never keeps one. Values that are not finite are counted and take no part in the rest. Used for a native training set and for the
 * batches that a program was seen to train on. Not for judging: rules judge. */
#ifndef TN_RUN_DATA_SUMMARY_H
#define TN_RUN_DATA_SUMMARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define TN_NO_COLUMN SIZE_MAX
#define TN_NO_ROW    UINT64_MAX

/* One feature or one target. */
typedef struct tn_column_summary {
    uint64_t finite, nonfinite;
    double mean, std, min, max; /* of the finite values; all 0 where there are none. std is that of the population */
    double changes;             /* share of the samples whose value is not that of the sample before */
    bool constant;              /* all finite values are equal */
    size_t duplicate_of;        /* the first feature with the same values in the same order; TN_NO_COLUMN: none, or it is constant */
    double
        tells; /* of a feature: the largest share of the variance of a class's membership, or of a target, that a constant for each class, or a line, explains. 0 .. 1; NAN: not known */
} tn_column_summary;

/* Where only the whole was measured, as of a program, `feature`, `class_counts` and `target` are NULL. */
typedef struct tn_data_summary {
    uint64_t samples; /* seen */
    bool is_table;    /* samples are rows of columns: no images or sequences, where neighbours are alike by nature */
    bool is_codes;    /* inputs are numbers of words or categories, which have no scale */
    size_t features;
    const tn_column_summary *feature; /* [features] */
    double mean, std, min, max;       /* over all features */
    uint64_t nonfinite, nonfinite_row;
    size_t constant_features;
    size_t ignored;               /* of these: features that the user has switched off */
    size_t classes;               /* 0: the labels are targets, or unknown */
    const uint64_t *class_counts; /* [classes], some may be 0 */
    double majority;              /* share of the most frequent class; 0 where there are none, or nothing is known */
    size_t targets;
    const tn_column_summary *target;                /* [targets] */
    double label_mean, label_std;                   /* over all targets; 0 where there are none */
    uint64_t nonfinite_labels, nonfinite_label_row; /* TN_NO_ROW: not known */
    bool made_labels; /* a program may have made the labels itself, and mean it that all are the same: a residual that is to vanish */
} tn_data_summary;

typedef struct tn_data_builder tn_data_builder;

/* What is known beforehand. At most one of classes and targets is above 0. */
typedef struct tn_data_shape {
    size_t features, classes, targets;
    size_t ignored; /* features that the user has switched off */
    bool is_table, is_codes;
} tn_data_shape;

tn_status tn_data_builder_create(const tn_data_shape *shape, tn_data_builder **builder, tn_error *error);
void tn_data_builder_destroy(tn_data_builder *builder); /* NULL is allowed */

/* Adds inputs [samples, features] with labels [samples] (each below classes; others are left out) or targets [samples, targets]; either may be NULL where it is not known. rows [samples] are those of
 * the user's file; NULL: the samples are counted. */
void tn_data_summary_add(tn_data_builder *builder, const float *inputs, const int32_t *labels, const float *targets, const uint32_t *rows,
                         size_t samples);

/* The summary of what was added so far, valid until the next call on the builder. */
const tn_data_summary *tn_data_builder_summary(tn_data_builder *builder);

#endif
