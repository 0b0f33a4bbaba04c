/* support_op.h: runs one op by itself for tests, in float or double: a case names the op, its attributes and shapes; a run owns every
 * buffer.
 *
 * Buffers have exactly the planned sizes, so that the address sanitizer sees a step beyond. What an op has to write is filled with NaN
 * before each pass, and so is scratch, so that a value left unwritten, or read though it was not, comes to light. support_op_double.c
 * compiles the same source in double. */
#ifndef TN_TEST_SUPPORT_OP_H
#define TN_TEST_SUPPORT_OP_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/op.h"

enum { TN_CASE_KINKS_MAX = 2 };

typedef struct tn_op_case {
    const char *label; /* for messages; unique in its table */
    const char *op;
    const char *attributes; /* JSON object, complete as the schema would make it */
    size_t batch;
    size_t input_count; /* 0 counts as 1 */
    tn_shape inputs[3];
    bool evaluation;   /* else training */
    double scale;      /* standard deviation of the inputs; 0 counts as 1 */
    size_t kink_count; /* inputs keep 0.05 away from where the op has no derivative */
    double kinks[TN_CASE_KINKS_MAX];
    bool positive; /* inputs are their magnitudes, and at least 0.2 */
    bool distinct; /* all inputs at least 0.1 apart, for maxima */
    size_t tokens; /* inputs are whole numbers below this; 0: reals */
    tn_precision factors;
    bool carried; /* the state in front of the first step is random, in place of 0 */
} tn_op_case;

typedef struct tn_op_run {
    const tn_op_case *of;
    tn_node node;
    tn_pass pass;
    tn_rng rng, rng_at_start;
    json_t *attributes;
    size_t input_sizes[TN_OP_INPUTS_MAX], parameter_sizes[TN_OP_PARAMETERS_MAX]; /* input sizes with the batch */
    size_t output_size, saved_size, scratch_size;
    tn_real *inputs[TN_OP_INPUTS_MAX], *d_inputs[TN_OP_INPUTS_MAX];
    tn_real *output, *d_output;
    size_t carried_size;
    tn_real *carried, *carried_on;                 /* NULL unless the case says so */
    tn_real *state_at_start[TN_OP_PARAMETERS_MAX]; /* of parameters that are state */
} tn_op_run;

/* Configures the op, allocates, and fills inputs, parameters and d_output with random numbers made of seed. The pool is borrowed, and may
 * be NULL.
 * Ends the test where the op refuses the case. */
void tn_op_run_init(tn_op_run *run, const tn_op_case *of, tn_pool *pool, uint64_t seed);
void tn_op_run_deinit(tn_op_run *run);

/* Each forward starts from the same rng and state, so dropout drops the same values each time. */
void tn_op_run_forward(tn_op_run *run);
void tn_op_run_backward(tn_op_run *run);

/* sum of output * d_output: the scalar whose gradient backward computes. */
double tn_op_run_objective(const tn_op_run *run);

/* Only for the case's own type: shape {rank, dims}. */
#define TN_SHAPE1(a)                                                                                                                       \
    {                                                                                                                                      \
        .rank = 1, .dims = { a }                                                                                                           \
    }
#define TN_SHAPE2(a, b)                                                                                                                    \
    {                                                                                                                                      \
        .rank = 2, .dims = { a, b }                                                                                                        \
    }
#define TN_SHAPE3(a, b, c)                                                                                                                 \
    {                                                                                                                                      \
        .rank = 3, .dims = { a, b, c }                                                                                                     \
    }

#endif
