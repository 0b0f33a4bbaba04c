/* op.h: what every op of a network provides, and what the graph gives it.
 *
 * One op, one file in ops/, one row in ops/op_table.c, one test. All tensors are dense and row-major with the batch first; images are [B,
 * H, W, C].
 * An op has no state of its own: attributes are set once by configure and read-only afterwards; everything else comes with the pass. */
#ifndef TN_ENGINE_OP_H
#define TN_ENGINE_OP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/rng.h"
#include "base/threads.h"
#include "data/dataset.h"
#include "engine/gemm.h"
#include "engine/initializer.h"
#include "engine/real.h"

enum { TN_OP_INPUTS_MAX = 8, TN_OP_PARAMETERS_MAX = 16, TN_OP_ATTRIBUTES_BYTES = 192 };

/* A tensor of the op that lives across steps. */
typedef struct tn_parameter {
    char name[24];          /* "weight", "bias", "gain", "running_mean"; names that begin by "weight" or "bias" take init and bias_init */
    tn_shape shape;         /* weight of dense: [inputs, units]; of conv2d: [kernel_h, kernel_w, channels, filters] */
    size_t fan_in, fan_out; /* for initialisers, as Keras counts them */
    size_t fan_torch;       /* for the scheme "torch", where PyTorch goes by another number than fan_in; else 0 */
    size_t gates;           /* parts of the last axis that are drawn one by one, each a matrix of its own; 0 counts as 1 */
    size_t shifted_gate;    /* the part that starts at gate_shift more than was drawn */
    double gate_shift;
    bool is_recurrent; /* weights from a step to the next, which take the node's "recurrent_init" where it is not null */
    size_t unit_axis;  /* the axis of shape that numbers the units */
    tn_initializer initializer;
    bool trainable; /* false for a frozen node's parameters and for state such as running means */
    bool is_state;  /* kept across steps but never touched by an optimizer, nor by weight decay */
} tn_parameter;

typedef struct tn_node {
    const struct tn_op *op;
    char name[48]; /* unique: the user's "name", else op and index, as in "dense_2" */
    size_t index;  /* in hypes.net */
    size_t input_count;
    tn_shape inputs[TN_OP_INPUTS_MAX];
    tn_shape output;
    tn_precision factors; /* of its matrix products; set before configure */
    size_t parameter_count;
    tn_parameter parameters[TN_OP_PARAMETERS_MAX];
    double
        multiply_adds; /* of values with values in the forward pass of one sample: what its weights cost; 0 for an op that multiplies no matrices */
    size_t saved_per_sample;   /* reals that forward keeps for backward, for each sample of the batch */
    size_t saved_per_batch;    /* and once a batch */
    size_t scratch_per_worker; /* reals of scratch for each pool thread; contents do not outlive a call */
    size_t scratch_shared;     /* reals of scratch that all workers share in one call */
    size_t scratch_per_sample; /* and further ones for each sample of the batch */
    size_t carried_count,
        carried_width; /* matrices [B, carried_width] of state that the last step of a sample hands on; a width of 0: there is state, but none that could be */
    const struct tn_hypes *hypes;                                  /* while it is configured, for paths; else NULL */
    _Alignas(16) unsigned char attributes[TN_OP_ATTRIBUTES_BYTES]; /* the op's own struct */
} tn_node;

/* Where a backward may hand a finished slice of a parameter's gradient while it is still in cache, in place of writing d_parameters. The
 * optimizer then changes the weights of that slice at once, so an op does so only after its last reading of them. Thread-safe for slices
 * that do not overlap. */
enum { TN_SINK_ROWS = 8 };

typedef struct tn_gradient_sink {
    /* gradients [count] belong to the values offset .. offset + count - 1 of node->parameters[parameter]: whole rows (of its last axis), from a row whose number is a multiple of
     * TN_SINK_ROWS on, and up to such a row or the last. tile: below TN_TILES_MAX, rising with the offset; the slices of one tile come in order, one after another. */
    void (*take)(void *context, size_t parameter, size_t tile, size_t offset, size_t count, const tn_real *gradients);
    void *context;
} tn_gradient_sink;

/* One forward or backward call. Pointers that do not apply are NULL. Buffers are 64-byte aligned. */
typedef struct tn_pass {
    size_t batch;                                /* B >= 1; at most the batch the graph was planned for */
    bool training;                               /* dropout drops, batch_norm uses the batch */
    tn_pool *pool;                               /* may be NULL */
    tn_rng *rng;                                 /* of this node, for dropout */
    tn_error *fault;                             /* where an op that may fail says so, unless there is something already; never NULL then */
    const tn_real *inputs[TN_OP_INPUTS_MAX];     /* [B, inputs[i]] */
    tn_real *output;                             /* [B, output] */
    const tn_real *d_output;                     /* [B, output], backward only */
    tn_real *d_inputs[TN_OP_INPUTS_MAX];         /* [B, inputs[i]], backward only; NULL where nobody needs it */
    tn_real *parameters[TN_OP_PARAMETERS_MAX];   /* backward and optimizers write only state */
    tn_real *d_parameters[TN_OP_PARAMETERS_MAX]; /* NULL for frozen parameters and state */
    const tn_gradient_sink
        *sink;      /* backward only; NULL: write d_parameters. Set only for an op with TN_OP_FEEDS_SINK, which takes all or none */
    tn_real *saved; /* [B * saved_per_sample + saved_per_batch] */
    const tn_real *
        carried; /* [carried_count, B, carried_width]: the state in front of the first step; NULL: it is 0. Read in training only, and no gradient passes */
    tn_real *carried_on; /* the same behind the last step, written by forward where carried is read */
    tn_real *
        scratch; /* [threads * scratch_per_worker + scratch_shared + B * scratch_per_sample]: worker w's at w * scratch_per_worker, the rest behind them */
} tn_pass;

/* The scratch behind that of the workers: [scratch_shared + B * scratch_per_sample]. */
tn_real *tn_pass_shared_scratch(const tn_node *node, const tn_pass *pass);

typedef enum tn_op_flags {
    TN_OP_BACKWARD_FROM_OUTPUT =
        1,           /* backward reads output, never inputs: the graph may run it in place, output = inputs[0] and d_inputs[0] = d_output */
    TN_OP_ALIAS = 2, /* output is the input's memory under another shape (flatten): forward and backward are not called */
    TN_OP_ACTIVATION = 4, /* element by element, no parameters, same shape */
    TN_OP_RANDOM = 8,     /* draws from rng when training */
    TN_OP_IGNORES_OUTPUT =
        16, /* backward never reads output: the next op may overwrite it in place. Without this flag output is kept for backward */
    TN_OP_IGNORES_INPUTS =
        32, /* backward never reads inputs, whose memory is then reused earlier. Without this flag and the first they are kept */
    TN_OP_FEEDS_SINK = 64,       /* backward uses pass->sink where it is set */
    TN_OP_MANY_INPUTS = 128,     /* takes a list of nodes; the graph refuses a list for any other op */
    TN_OP_PASSES_GRADIENT = 512, /* every input gets d_output as it is, so that d_inputs[0] may be the same memory */
    TN_OP_TAKES_TOKENS = 256     /* inputs are numbers of tokens, below the first axis of parameter 0; the trainer checks the data for it */
} tn_op_flags;

typedef struct tn_op {
    const char *name; /* as in the hypes */
    unsigned flags;
    /* Reads its attributes from the complete JSON `hypes_node`, checks node->inputs, and sets output, parameters and sizes. A shape that
     * does not fit is TN_ERROR_HYPES with a message that shows the shape found and the one expected; the graph adds file, line and
     * pointer. */
    tn_status (*configure)(tn_node *node, const json_t *hypes_node, tn_error *error);
    void (*forward)(const tn_node *node, const tn_pass *pass);
    /* Writes (never adds to) every non-NULL d_inputs and d_parameters. Follows a forward of the same batch. */
    void (*backward)(const tn_node *node, const tn_pass *pass);
    /* Ends what configure, which may have failed, has left in the attributes; NULL where that is nothing. */
    void (*release)(tn_node *node);
} tn_op;

const tn_op *tn_op_find(const char *name); /* NULL where there is none */
size_t tn_op_count(void);
const tn_op *tn_op_at(size_t index);

/* For configure: an attribute that the schema guarantees. */
double tn_attribute_number(const json_t *hypes_node, const char *key);
size_t tn_attribute_size(const json_t *hypes_node, const char *key);
bool tn_attribute_boolean(const json_t *hypes_node, const char *key);

/* Adds a parameter to a node and returns it for the caller to fill fans and initializer. */
tn_parameter *tn_node_add_parameter(tn_node *node, const char *name, const tn_shape *shape);

/* "[28, 28, 1]" into buffer, which is returned. */
const char *tn_shape_format(char buffer[96], const tn_shape *shape);

#endif
