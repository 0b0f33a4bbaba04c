/* component.h: what a tensor is to its network, told from names and shapes: its kind, and how many values feed one output.
 *
 * Names of PyTorch and Hugging Face, Keras, TF-Slim and TensorFlow.js, and of tenet itself are known. What they do not tell is TN_KIND_UNKNOWN, never a guess. Which axis counts the outputs is told by
 * the length of the bias beside a weight; where there is none, or the matrix is square, by the words that each framework uses. */
#ifndef TN_WEIGHTS_COMPONENT_H
#define TN_WEIGHTS_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "weights/weights.h"

typedef enum tn_kind {
#define TN_KIND(id, title, what) TN_KIND_##id,
#include "weights/health_kinds.def"
#undef TN_KIND
    TN_KINDS
} tn_kind;

const char *tn_kind_id(tn_kind kind); /* "conv_first": pinned */
const char *tn_kind_title(tn_kind kind);
const char *tn_kind_what(tn_kind kind);

/* Weights are multiplied with inputs; the other kinds are gains, biases and state. */
bool tn_kind_is_weight(tn_kind kind);

typedef struct tn_component {
    const char *name; /* borrowed */
    size_t rank, dims[TN_WEIGHTS_RANK_MAX];
    bool has_shape; /* false where only the number of values is known: a run's vitals */
    size_t count;

    /* Set by tn_components_tell. */
    tn_kind kind;
    size_t fan_in,
        fan_out; /* values that feed an output, and outputs that a value feeds; 0 where unknown. Of an embedding: fan_in is the length of a row. Of a bias or gain: fan_in is its weight's */
    bool outputs_first; /* axis 0 counts the outputs (PyTorch), else the last (Keras, tenet) */
    size_t
        weight; /* of a bias: 1 + the number of the weight beside it, of those with the largest fan_in the first; 0 where there is none */
} tn_component;

/* Tells each of components [count] of one network. `by_tenet`: the file says that tenet wrote it. */
tn_status tn_components_tell(tn_component *components, size_t count, bool by_tenet, tn_error *error);

#endif
