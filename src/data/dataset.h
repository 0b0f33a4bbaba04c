/* dataset.h: samples and labels of a native subject, read from files and never changed.
 *
 * A tn_data is what the hypes' "data" describes: a training set and, where there are any, a validation and a test set. Sets are views on storage that they share; bytes
 * stay bytes until a batch is gathered. Input scaling is one affine map a feature, y = (x - shift[f]) * gain[f], with statistics of the training
 * split only. Sample numbers are rows of the user's file (`tn_dataset_row`), so that a report can name them.
 *
 * Shapes of one sample: idx and npz images [h, w] and [h, w, c] are rank 3 (h, w, c; c = 1 for the former); sequences of feature rows that a reader
 * makes itself are rank 2 (time, features); all else is rank 1, sequences of token numbers (time) among it. */
#ifndef TN_DATASET_H
#define TN_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "hypes/hypes.h"

enum { TN_SHAPE_RANK_MAX = 4 };

/* The shape of one sample, without the batch axis. */
typedef struct tn_shape {
    size_t rank;
    size_t dims[TN_SHAPE_RANK_MAX];
} tn_shape;

size_t tn_shape_size(const tn_shape *shape); /* product of the dims; readers have checked that it fits */

typedef enum tn_label_kind {
    TN_LABELS_CLASSES, /* one class number a sample, or one for each of its steps, 0 .. classes - 1 (one-hot rows are read as class numbers) */
    TN_LABELS_TARGETS, /* `targets` real numbers a sample */
    TN_LABELS_FLAGS    /* `targets` numbers a sample, each 1 for yes or 0 for no; read like targets, and never scaled */
} tn_label_kind;

/* What the network has to learn, which decides the score. */
typedef enum tn_task { TN_TASK_CLASSIFICATION, TN_TASK_REGRESSION, TN_TASK_MULTILABEL } tn_task;

typedef struct tn_dataset tn_dataset;

/* Files already read, so that a hundred trials read them once. Keyed by the source's JSON. Thread-safe. */
typedef struct tn_source_cache tn_source_cache;
tn_status tn_source_cache_create(tn_source_cache **cache, tn_error *error);
void tn_source_cache_destroy(tn_source_cache *cache); /* after every tn_data made with it */

typedef struct tn_data {
    tn_dataset *train, *valid, *test; /* valid and test may be NULL */
    tn_dataset *left_out;             /* the training samples that data.exclude takes away; NULL where there are none */
    tn_task task;
} tn_data;

/* Reads (or finds in `cache`, which may be NULL) what hypes.data describes and applies, in this order: class filter, validation split, subset of n training samples,
 * excluded rows (data.exclude; the subset is the same with and without them), rarer classes repeated (data.balance), permuted labels (data.shuffle_labels), scaling, ignored features
 * (data.input.ignore). Where solver.carry_state is set a subset is the first n samples, which follow one another. Permutations and subsets are those of data.seed, and the same for every trial of a debug unless a trial changes it.
 * Loss, metric and labels decide the task (labels.h): classification has class numbers, regression targets, multi-label a yes or no for each of several labels. Errors: TN_ERROR_IO, TN_ERROR_DATA (with the row or byte offset), TN_ERROR_HYPES. */
tn_status tn_data_open(const tn_hypes *hypes, tn_source_cache *cache, tn_data *data, tn_error *error);
void tn_data_close(tn_data *data);

size_t tn_dataset_samples(const tn_dataset *set);
const tn_shape *tn_dataset_shape(const tn_dataset *set);
tn_label_kind tn_dataset_label_kind(const tn_dataset *set);
size_t tn_dataset_classes(const tn_dataset *set); /* 0 for targets */
/* The word that the files of the training data have for a class, borrowed from the set; NULL where classes are numbers there, or data.classes has numbered them anew. */
const char *tn_dataset_class_name(const tn_dataset *set, size_t number);
size_t tn_dataset_targets(const tn_dataset *set); /* width of a target row; 1 for classes */
bool tn_dataset_has_boxes(
    const tn_dataset *set); /* a target row is x, y, w, h of one box after another; 0, 0, 0, 0 of one that is not there */
bool tn_dataset_has_counts(const tn_dataset *set);    /* a target is a number of things */
size_t tn_dataset_label_steps(const tn_dataset *set); /* class numbers of a sample: 1, or its steps where each has a label of its own */
size_t tn_dataset_ignored(const tn_dataset *set);     /* features that are always 0, since the hypes say so */
bool tn_dataset_rows_follow(const tn_dataset *set);   /* the sample of row i + 1 begins where that of row i ends, as windows of a text do */
size_t tn_dataset_row(const tn_dataset *set, size_t sample); /* the row of the user's file, from 0 */

/* inputs [count, size of shape] = the scaled inputs of samples[0..count-1]. samples may be NULL: 0, 1, ... count - 1. Thread-safe, allocates nothing. */
void tn_dataset_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, float *inputs);
void tn_dataset_raw_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, float *inputs); /* as in the file, unscaled */

/* classes [count, label steps]; only for TN_LABELS_CLASSES. Of a step that is padding it is -1. */
void tn_dataset_class_labels(const tn_dataset *set, const uint32_t *samples, size_t count, int32_t *classes);

/* The same of the beginning of each sample alone: inputs [count, taken] of its first `taken` values, classes [count, steps] of its first `steps` steps. */
void tn_dataset_first_inputs(const tn_dataset *set, const uint32_t *samples, size_t count, size_t taken, float *inputs);
void tn_dataset_first_labels(const tn_dataset *set, const uint32_t *samples, size_t count, size_t steps, int32_t *classes);

/* targets [count, targets], after label scaling; class numbers, one a sample, are given as numbers. */
void tn_dataset_target_labels(const tn_dataset *set, const uint32_t *samples, size_t count, float *targets);

/* Label scaling of target column k: scaled = (original - shift) * gain. */
void tn_dataset_label_scaling(const tn_dataset *set, size_t k, double *shift, double *gain);

/* A view on `count` of the samples of a set; borrows the set. The caller destroys it with tn_dataset_destroy. */
tn_status tn_dataset_view(const tn_dataset *set, const uint32_t *samples, size_t count, tn_dataset **view, tn_error *error);
void tn_dataset_destroy(tn_dataset *view);

#endif
