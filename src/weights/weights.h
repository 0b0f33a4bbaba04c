/* weights.h: the weights of a network as a file holds them: a list of named tensors. Reading and writing only; health.h judges.
 *
 * Read: safetensors (float64, float32, float16, bfloat16) and npz. A file is told by its first bytes, not by its name. Tensors of whole numbers are listed with the reason why they
 * are skipped. A pickle (.pt, .pth, .bin, .pkl) is refused, since loading one runs whatever code it holds; so are files of Keras, ONNX and others, with what to do.
 * Nothing in a file is trusted: see safetensors.c. */
#ifndef TN_WEIGHTS_H
#define TN_WEIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "data/file_map.h"
#include "vitals/vitals_cast.h"

enum { TN_WEIGHTS_RANK_MAX = 8, TN_WEIGHTS_NAME_MAX = 256 };

typedef struct tn_weight {
    char *name; /* owned; terminated, printable */
    size_t rank, dims[TN_WEIGHTS_RANK_MAX];
    size_t count;         /* product of the dims; 1 for rank 0 */
    const char *skipped;  /* why its values cannot be judged: a static text; NULL where they can. The rest is then not set */
    tn_value_type type;   /* of the values in `bytes` */
    const uint8_t *bytes; /* row by row, little-endian, of any alignment; in the file or in `owned` */
    void *owned;          /* tn_memory_create'd, or NULL */
} tn_weight;

/* Zeroed memory is a file without tensors. */
typedef struct tn_weights {
    tn_weight *tensors; /* [count], in the order of the file */
    size_t count, capacity;
    bool by_tenet; /* written by tenet: dense weights are [inputs, units] */
    tn_file file;  /* mapped while tensors point into it */
} tn_weights;

/* Reads a file. The caller deinits *weights whatever is returned. Errors carry the path: TN_ERROR_UNSUPPORTED where it is of a kind that is not read. */
tn_status tn_weights_open(const char *path, tn_weights *weights, tn_error *error);
void tn_weights_deinit(tn_weights *weights);

/* The values of a tensor that is not skipped, as floats [count]. */
void tn_weight_values(const tn_weight *weight, float *values);

/* Parsers on memory that outlives *weights, so that fuzzers and tests reach them without files. */
tn_status tn_safetensors_parse(const uint8_t *bytes, size_t size, tn_weights *weights, tn_error *error);
tn_status tn_npz_weights_parse(const uint8_t *bytes, size_t size, tn_weights *weights, tn_error *error);

/* Adds a tensor with a copy of name [length]; NULL where memory is out. For parsers. */
tn_weight *tn_weights_add(tn_weights *weights, const char *name, size_t length);

/* A tensor to be written. Borrowed. */
typedef struct tn_weight_source {
    const char *name;
    size_t rank;
    const size_t *dims;
    const float *values;
} tn_weight_source;

/* Writes tensors [count] as float32 to a safetensors file, marked as tenet's, or else as PyTorch's ("format": "pt", as its own tools write). The file appears at `path` whole or not at all: it is written beside it, synced and renamed. */
tn_status tn_safetensors_write(const char *path, const tn_weight_source *tensors, size_t count, bool by_tenet, tn_error *error);

#endif
