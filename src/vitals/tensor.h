/* tensor.h: a tensor of a training step as an observer sees it, whoever made it: the engine, PyTorch or a C loop. */
#ifndef TN_VITALS_TENSOR_H
#define TN_VITALS_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vitals/unit_vitals.h"
#include "vitals/vitals.h"

typedef enum tn_role {
    TN_ROLE_INPUT,
    TN_ROLE_WEIGHT,
    TN_ROLE_GRADIENT,            /* of a weight */
    TN_ROLE_UPDATE,              /* what the optimizer added to a weight */
    TN_ROLE_ACTIVATION,          /* output of an op */
    TN_ROLE_ACTIVATION_GRADIENT, /* gradient of the loss by an op's output */
    TN_ROLE_LOSS                 /* the loss of each sample of the batch, before its mean or sum */
} tn_role;

const char *tn_role_name(tn_role role); /* "input", "weight", "gradient", "update", "activation", "activation_gradient", "loss" */

/* The name of a tensor. Strings are borrowed from the subject and live as long as the trial. */
typedef struct tn_tensor_name {
    const char *node;      /* "dense_2"; "input" for the batch itself */
    const char *parameter; /* "weight"; NULL for activations */
    const char *op;        /* "dense" */
    size_t node_index;     /* in hypes.net */
    tn_role role;
    size_t count; /* values */
    size_t units; /* length of the unit axis, the last one (channels, units); count % units == 0 */
} tn_tensor_name;

/* Whose work a tensor is: the op of an activation, in backward the op that the gradient comes from (of the last activation that is the
 * loss), the optimizer of an update. */
typedef struct tn_maker {
    const char *node, *op; /* "divide_2", "divide"; of an optimizer both are "adam". NULL: unknown */
    size_t node_index;     /* in hypes.net; the number of its nodes for the loss and the optimizer */
} tn_maker;

/* The samples of the batch that a step works on. */
typedef struct tn_batch_rows {
    size_t count;         /* samples; 0 where unknown */
    const uint32_t *rows; /* [count], of the user's file, from 0; NULL where unknown */
} tn_batch_rows;

/* What is seen of one tensor on an observed step. Borrowed, valid during the call. */
typedef struct tn_tensor_seen {
    uint64_t step; /* whose pass made it, from 1 */
    const tn_tensor_name *name;
    size_t index; /* numbers the subject's tensors densely */
    const tn_vitals *vitals;
    const tn_unit_vitals *units; /* NULL where they were not taken */
    bool replayed;       /* of a step before the last, made again around an incident: later steps were seen before it (run/recorder.h) */
    tn_batch_rows batch; /* of inputs, activations and the gradients by them, whose first axis it is; count 0 for parameters */
    tn_maker maker;
} tn_tensor_seen;

/* The one name of a tensor, by which the store keeps it: "dense_2.weight", "dense_2.weight.gradient", "dense_2.weight.update", "dense_2" (an activation), "dense_2.gradient" (the
 * gradient by it), "input", "loss.samples"; cut to fit. `key` is returned. */
enum { TN_TENSOR_KEY_BYTES = 160 };
const char *tn_tensor_key(char key[TN_TENSOR_KEY_BYTES], const tn_tensor_name *name);

/* What of it does not depend on the role: "dense_2.weight", or "relu_1" for an activation, cut to fit. */
enum { TN_TENSOR_LABEL_BYTES = 96 };
void tn_tensor_label(char label[TN_TENSOR_LABEL_BYTES], const tn_tensor_name *name);

/* One tensor with its values, as a trainer shows it while it is still in cache. Borrowed, valid during the call. */
typedef struct tn_tensor_shown {
    const tn_tensor_name *name;
    size_t index; /* as in tn_tensor_seen */
    const float *
        values; /* [name->count], the unit axis last; NULL where only the vitals are left of them, as of updates and of the gradients of a large layer */
    tn_batch_rows batch; /* as in tn_tensor_seen */
    tn_maker maker;
    const tn_vitals
        *vitals; /* of the values, as tn_vitals_add_part takes them, where they were taken as the values were made; NULL: not yet */
} tn_tensor_shown;

typedef void tn_tap_fn(void *context, const tn_tensor_shown *shown);

#endif
