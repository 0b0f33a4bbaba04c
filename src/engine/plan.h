/* plan.h: where every tensor of a training step lies, decided once.
 *
 * One block holds all activations, their gradients, what ops save for backward, and scratch. Two tensors share memory where the second is
 * made after the last reading of the first.
 * Times: forward of vertex i is i + 1, the loss count + 1, backward of vertex i is 2 * count + 1 - i. A tensor lives from the time that
 * makes it to the last that reads it.
 *
 * In place: an op that computes backward from its output (relu) overwrites its input where nobody else reads that; an alias (flatten) has
 * no memory of its own. The first gradient that add hands on stays where it is.
 * An evaluation pass uses the same memory as the forward half of a step. */
#ifndef TN_ENGINE_PLAN_H
#define TN_ENGINE_PLAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "engine/graph.h"

/* No memory: a gradient that nobody needs. */
#define TN_PLAN_NONE ((size_t)-1)

/* Offsets into the block, in reals, multiples of a cache line. */
typedef struct tn_plan_vertex {
    size_t output;
    size_t d_output; /* gradient by the output; TN_PLAN_NONE where not needed */
    size_t saved;
    size_t d_inputs
        [TN_OP_INPUTS_MAX]; /* where backward writes: the source's d_output for the first writer, scratch for the others; TN_PLAN_NONE */
    bool accumulates[TN_OP_INPUTS_MAX]; /* d_inputs[i] is scratch that has to be added to the source's d_output */
} tn_plan_vertex;

typedef struct tn_plan {
    size_t batch;             /* samples planned for */
    size_t input;             /* offset of the batch's inputs */
    size_t scratch;           /* offset */
    size_t reals;             /* of the block */
    tn_plan_vertex *vertices; /* [graph->count] */
} tn_plan;

/* threads: of the pool, for scratch. The caller deinits *plan, also after an error. */
tn_status tn_plan_init(tn_plan *plan, const tn_graph *graph, size_t batch, size_t threads, tn_error *error);
void tn_plan_deinit(tn_plan *plan);

#endif
