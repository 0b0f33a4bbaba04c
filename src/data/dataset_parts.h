/* dataset_parts.h: what a tn_dataset is made of. Only for the files of this folder. */
#ifndef TN_DATA_DATASET_PARTS_H
#define TN_DATA_DATASET_PARTS_H

#include "data/dataset.h"
#include "data/reader.h"
#include "data/scaling.h"

struct tn_dataset {
    tn_source *source;   /* counted */
    tn_scaling *scaling; /* counted */
    size_t samples;
    uint32_t *rows;       /* [samples]: the row of the source that sample i shows */
    uint32_t *label_rows; /* [samples]: the row that its label is taken from; the same but where labels are permuted */
    int32_t *class_of;    /* [samples, label_steps]; NULL for targets */
    tn_label_kind kind;
    size_t classes, targets, label_steps;
    bool classes_are_words; /* class number k is that of source->class_names[k] */
};

/* A set of `samples` samples with its arrays made but not filled (class_of only for TN_LABELS_CLASSES, label_steps for each sample). Keeps source and scaling; scaling may be NULL and set later. */
tn_status tn_dataset_create(tn_source *source, tn_scaling *scaling, tn_label_kind kind, size_t label_steps, size_t samples,
                            tn_dataset **set, tn_error *error);

/* to [count, taken] = map of the first `taken` values of samples; bytes or floats [*, width] by the row numbers rows[samples[i]]; samples NULL: 0, 1, ... */
void tn_gather(const tn_array *array, size_t width, size_t taken, const tn_affine *map, const uint32_t *rows, const uint32_t *samples,
               size_t count, float *to);

#endif
