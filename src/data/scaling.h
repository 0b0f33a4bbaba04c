/* scaling.h: the affine maps of inputs and targets, measured once on the training split and shared by every set and trial that uses them. */
#ifndef TN_DATA_SCALING_H
#define TN_DATA_SCALING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/reader.h"

typedef enum tn_scale_kind { TN_SCALE_NONE, TN_SCALE_FACTOR, TN_SCALE_MINMAX, TN_SCALE_STANDARDIZE } tn_scale_kind;

typedef struct tn_scale {
    tn_scale_kind kind;
    double factor; /* of TN_SCALE_FACTOR */
} tn_scale;

/* y = (stored - shift[f]) * gain[f], where `stored` is what the source holds. */
typedef struct tn_affine {
    size_t width;        /* 0: the identity; 1: one map for all values; else one a feature */
    float *shift, *gain; /* [width] */
} tn_affine;

typedef struct tn_scaling {
    atomic_size_t references;
    tn_affine input, raw;             /* to what the network sees, and back to the numbers in the file */
    double *label_shift, *label_gain; /* [label width]: scaled = (original - shift) * gain */
} tn_scaling;

/* Statistics are those of rows [count] of the source: per feature for tables, one for all values of images, one a column for targets. Population variance, by two
 * passes in double; values that are not finite do not count. A constant feature is moved to 0 and keeps its scale. */
tn_status tn_scaling_create(const tn_source *source, const uint32_t *rows, size_t count, tn_scale input, tn_scale label,
                            tn_scaling **scaling, tn_error *error);

/* Features that the network is not to see: their gain becomes 0, so that a finite value arrives as 0. `features` [count] are numbers below source->width, or NULL: those that never change over
 * rows [row_count] of the source; values that are not finite do not count. Before the scaling is shared. */
tn_status tn_scaling_ignore(tn_scaling *scaling, const tn_source *source, const size_t *features, size_t count, const uint32_t *rows,
                            size_t row_count, tn_error *error);

/* How many features are ignored. */
size_t tn_scaling_ignored(const tn_scaling *scaling);

/* The same maps for another source, which may store its columns with other offsets: *rebased is to be released. */
tn_status tn_scaling_rebase(tn_scaling *scaling, const tn_source *from, const tn_source *to, tn_scaling **rebased, tn_error *error);
tn_scaling *tn_scaling_keep(tn_scaling *scaling);
void tn_scaling_release(tn_scaling *scaling); /* NULL is allowed */

#endif
