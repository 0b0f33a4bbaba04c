/* optimizer.h: what every optimizer provides. One optimizer, one file in optimizers/, one row in optimizers/optimizer_table.c, one test.
 *
 * An update works element by element, so the trainer may apply it to any slice of a parameter, in any order, by any thread. */
#ifndef TN_ENGINE_OPTIMIZER_H
#define TN_ENGINE_OPTIMIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/real.h"
#include "hypes/hypes.h"

enum { TN_OPTIMIZER_SLOTS_MAX = 3 };

/* Settings of hypes.solver that do not change while training. Names and defaults as in Keras and PyTorch (PyTorch's epsilon placement). */
typedef struct tn_optimizer_options {
    double momentum;
    bool nesterov;
    double beta1, beta2, epsilon, rho;
    double weight_decay; /* L2 added to the gradient; decoupled in adamw */
} tn_optimizer_options;

/* What one update needs beside its arrays. */
typedef struct tn_update {
    double learning_rate;
    double gradient_scale; /* multiplies every gradient first: 1, or limit / norm where the global norm is clipped */
    uint64_t step;         /* from 1, for bias correction */
} tn_update;

typedef struct tn_optimizer {
    const char *name;
    size_t slots;                                              /* state arrays of the weights' size, all zero before the first step */
    size_t (*slots_used)(const tn_optimizer_options *options); /* NULL: all (sgd without momentum uses none) */
    /* weights [count] and slots[i] [count] change in place; gradients [count] do not. changes [count], which overlaps none of them: what was added to each weight; NULL where nobody asks. */
    void (*update)(const tn_optimizer_options *options, const tn_update *update, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes);
} tn_optimizer;

const tn_optimizer *tn_optimizer_find(const char *name);
size_t tn_optimizer_count(void);
const tn_optimizer *tn_optimizer_at(size_t index);
tn_optimizer_options tn_optimizer_options_read(const tn_hypes *hypes);

#endif
