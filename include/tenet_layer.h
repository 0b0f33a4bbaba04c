/* tenet_layer.h: what a layer of your own provides, so that tenet trains networks with it and finds its mistakes.
 *
 * This header is all that a plug-in needs; it links to nothing of tenet. A plug-in is a shared library that defines one object, `tenet_layer`:
 *
 *     #include <tenet_layer.h>
 *
 *     static void shape(const tn_layer_question *question, tn_layer_plan *plan)
 *     {
 *         plan->output = question->inputs[0];
 *     }
 *
 *     static void forward(const tn_layer_pass *pass)
 *     {
 *         for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
 *             pass->output[i] = 2 * pass->inputs[0][i];
 *     }
 *
 *     static void backward(const tn_layer_pass *pass)
 *     {
 *         for (size_t i = 0; pass->d_inputs[0] && i < pass->batch * pass->input_sizes[0]; i++)
 *             pass->d_inputs[0][i] = 2 * pass->d_output[i];
 *     }
 *
 *     const tn_layer tenet_layer = {TN_LAYER_ABI, "twice", .shape = shape, .forward = forward, .backward = backward};
 *
 * Build it by `cc -O2 -fPIC -shared twice.c -o twice.so`, check it by `tenet gradcheck twice.so`, use it in a net as {"plugin": "twice.so"}. `tenet gradcheck --new NAME` writes a first one.
 * docs/plugins.md tells the rest. In C++ write `extern "C" const tn_layer tenet_layer`.
 *
 * Tensors are dense, row by row, the batch first, each aligned to 64 bytes. A plug-in runs in a process of its own, on one thread unless it starts more: it cannot harm the training, and what it
 * writes outside its tensors, or into those that it may only read, is found at once. It keeps nothing between calls but parameters and `saved`. */
#ifndef TENET_LAYER_H
#define TENET_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    TN_LAYER_ABI = 1,
    TN_LAYER_AXES_MAX = 4,
    TN_LAYER_INPUTS_MAX = 8,
    TN_LAYER_PARAMETERS_MAX = 8,
    TN_LAYER_ARGUMENTS_MAX = 16,
    TN_LAYER_NAME_SIZE = 24,
    TN_LAYER_REFUSAL_SIZE = 256
};

/* Of one sample, without the batch. */
typedef struct tn_layer_shape {
    size_t rank; /* 1 to 4 */
    size_t dims[TN_LAYER_AXES_MAX];
} tn_layer_shape;

/* A number that the hypes may give beside "plugin": {"plugin": "swish.so", "slope": 1.5}. */
typedef struct tn_layer_argument {
    const char *name;
    double otherwise;   /* where the hypes give none */
    double least, most; /* both included; both 0: any */
    bool is_whole;
} tn_layer_argument;

typedef enum tn_layer_start {
    TN_LAYER_ZEROS = 0,
    TN_LAYER_CONSTANT = 1, /* `value` */
    TN_LAYER_NORMAL = 2,   /* mean 0, standard deviation `value` */
    TN_LAYER_UNIFORM = 3,  /* from -value to value */
    TN_LAYER_AS_HYPES = 4  /* as the hypes' "init" says, by the fans; give it the name "weight" */
} tn_layer_start;

/* A tensor that lives across steps. */
typedef struct tn_layer_parameter {
    char name[TN_LAYER_NAME_SIZE]; /* of letters, digits and _ */
    tn_layer_shape shape;
    tn_layer_start start;
    double value;
    size_t fan_in, fan_out; /* of TN_LAYER_AS_HYPES */
    bool
        is_state; /* forward may write it while training, as running means; it has no gradient. Every other parameter is read only, and trained by its gradient */
} tn_layer_parameter;

/* What `shape` is asked. */
typedef struct tn_layer_question {
    size_t input_count;
    tn_layer_shape inputs[TN_LAYER_INPUTS_MAX];
    const double *arguments; /* in the order of tn_layer.arguments */
} tn_layer_question;

/* What it answers; zeroed before. */
typedef struct tn_layer_plan {
    tn_layer_shape output;
    size_t parameter_count;
    tn_layer_parameter parameters[TN_LAYER_PARAMETERS_MAX];
    size_t saved_per_sample;             /* floats that forward keeps for backward, for each sample of the batch */
    size_t saved_per_batch;              /* and once a batch */
    char refusal[TN_LAYER_REFUSAL_SIZE]; /* not empty: these inputs do not fit, and why: "needs an even number of features; there are 7" */
} tn_layer_plan;

/* One call of forward or backward. Sizes are those of one sample, in floats. */
typedef struct tn_layer_pass {
    size_t batch;  /* B >= 1 */
    bool training; /* false where the network is only asked: dropout drops nothing, running statistics are used */
    size_t input_count;
    size_t input_sizes[TN_LAYER_INPUTS_MAX];
    size_t output_size;
    size_t parameter_sizes[TN_LAYER_PARAMETERS_MAX];
    const tn_layer_shape *input_shapes; /* [input_count] */
    const tn_layer_shape *output_shape;
    const double *arguments;
    const float *inputs[TN_LAYER_INPUTS_MAX];     /* [B, input_sizes[i]] */
    float *output;                                /* [B, output_size]; forward writes all of it, backward may read it */
    float *parameters[TN_LAYER_PARAMETERS_MAX];   /* [parameter_sizes[i]] */
    float *saved;                                 /* [B * saved_per_sample + saved_per_batch] */
    const float *d_output;                        /* [B, output_size], backward only: the gradient of the loss by the output */
    float *d_inputs[TN_LAYER_INPUTS_MAX];         /* [B, input_sizes[i]], backward only; NULL where nobody needs it */
    float *d_parameters[TN_LAYER_PARAMETERS_MAX]; /* [parameter_sizes[i]], backward only; NULL for state and frozen parameters */
} tn_layer_pass;

/* What a layer does on purpose, and gradcheck therefore does not hold against it. */
typedef enum tn_layer_flags {
    TN_LAYER_MIXES_SAMPLES = 1,     /* the output of a sample depends on the others of its batch, as in batch normalisation */
    TN_LAYER_ESTIMATES_GRADIENT = 2 /* backward is not the derivative of forward, as in a straight-through estimator */
} tn_layer_flags;

typedef struct tn_layer {
    unsigned abi;                     /* TN_LAYER_ABI */
    const char *name;                 /* of letters, digits and _ */
    unsigned flags;                   /* of tn_layer_flags */
    size_t least_inputs, most_inputs; /* nodes in "from"; both 0: one */
    double input_least,
        input_most; /* inputs that the layer is made for, such as 0 and 1 of probabilities; both 0: any. gradcheck stays within */
    const tn_layer_argument *arguments; /* [argument_count] */
    size_t argument_count;
    void (*shape)(const tn_layer_question *question, tn_layer_plan *plan);
    void (*forward)(const tn_layer_pass *pass);
    /* Writes (never adds to) every d_inputs and d_parameters that is not NULL. Follows a forward of the same batch. */
    void (*backward)(const tn_layer_pass *pass);
} tn_layer;

#ifdef __cplusplus
}
#endif

#endif
