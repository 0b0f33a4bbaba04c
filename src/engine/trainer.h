/* trainer.h: a network compiled from hypes, and the loop that trains it. The engine's face to native.c; nothing else of the engine is
 * needed there.
 *
 * Memory is planned when the trainer is created and nothing is allocated in a step. Given hypes (with its seed), data and instruction set,
 * every step repeats bit for bit at any thread count. A trainer serves one caller at a time; trainers are independent of each other. */
#ifndef TN_ENGINE_TRAINER_H
#define TN_ENGINE_TRAINER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"
#include "data/dataset.h"
#include "hypes/hypes.h"
#include "vitals/tensor.h"

typedef struct tn_trainer tn_trainer;

typedef struct tn_step_result {
    uint64_t step; /* from 1 */
    double loss;   /* of the batch, before the update; may be non-finite */
    double learning_rate;
    double gradient_norm; /* global L2 norm before clipping; NAN where it was not asked for nor needed for clipping */
    uint64_t samples;     /* samples processed since the start */
    uint64_t epoch;       /* from 0 */
} tn_step_result;

/* Compiles hypes.net for data->train and initialises it from hypes.solver.seed. Borrows data and pool (may be NULL) until destroyed.
 * A net whose shapes do not fit, or whose output does not fit loss and labels, is TN_ERROR_HYPES with the line of the node. */
tn_status tn_trainer_create(const tn_hypes *hypes, const tn_data *data, tn_pool *pool, tn_trainer **trainer, tn_error *error);
void tn_trainer_destroy(tn_trainer *trainer);

/* From the next step on a thread of its own makes the batch behind the present one while the step runs; for whoever leaves a processor idle. All numbers stay what they are, bit for bit. Nothing where a batch is
 * made sooner than it is handed over (trainer_ahead.c says how soon), and where the system gives no thread. TN_ERROR_MEMORY. A trainer does not go on in a forked child then; its parent's does. */
tn_status tn_trainer_work_ahead(tn_trainer *trainer, tn_error *error);
bool tn_trainer_works_ahead(const tn_trainer *trainer);

uint64_t tn_trainer_parameters(const tn_trainer *trainer);  /* trainable values */
uint64_t tn_trainer_steps_total(const tn_trainer *trainer); /* steps that hypes.solver asks for (epochs or steps) */
uint64_t tn_trainer_steps_per_epoch(const tn_trainer *trainer);
double
tn_trainer_work(const tn_trainer *trainer); /* of one sample's forward pass: multiply-adds, and one for each value that a node makes */
size_t tn_trainer_output_size(const tn_trainer *trainer);   /* values that the network puts out for a sample */
size_t tn_trainer_label_width(const tn_trainer *trainer);   /* of them, those for one label: all, but for labels of each step */
bool tn_trainer_takes_tokens(const tn_trainer *trainer);    /* inputs are numbers that a node looks up (embedding), and have no scale */
double tn_trainer_expected_loss(const tn_trainer *trainer); /* of a network that knows nothing: ln C; NAN where none is implied */
size_t tn_trainer_tensor_count(const tn_trainer *trainer);  /* a tap sees indices below this */

/* The name of tensor `index`; borrowed, lives as long as the trainer. */
const tn_tensor_name *tn_trainer_tensor(const tn_trainer *trainer, size_t index);

/* One optimizer step on the next batch. want_norm: compute gradient_norm even without clipping. Weight decay, like clipping, concerns all
 * trainable parameters, biases too, as in PyTorch.
 *
 * With `tap` set every tensor of the step is shown to it, right after it is made: the input; each node's activation, in order; the loss of each sample (node "loss"); backwards,
 * each node's activation gradient (the sum, where several nodes read the activation) and then the gradients of its parameters; at last, for
 * each parameter, the update (what was added to it) and the weight after it. Nodes with nothing that trains at or before them have no
 * gradients; frozen parameters and state are shown as weights only. The count of an activation is that of the actual batch. Observed steps
 * compute the same numbers, bit for bit. (The double build shows nothing: it has no floats.) */
void tn_trainer_step(tn_trainer *trainer, bool want_norm, tn_tap_fn *tap, void *tap_context, tn_step_result *result);

/* Why a layer of the user's own failed in a step or a prediction since the trainer was made, or NULL. Such a step changes no weights of the layers below that one, and none at all where it failed in
 * forward; what comes after it means nothing. */
const tn_error *tn_trainer_fault(const tn_trainer *trainer);

/* The network in evaluation mode: outputs [count, output size] for samples of `set` (NULL: the first `count`), and, where losses is not
 * NULL, the loss of each sample [count], of a sequence the mean over its labels.
 * set must have the shape and labels of the training data. Does not disturb training. */
void tn_trainer_predict(tn_trainer *trainer, const tn_dataset *set, const uint32_t *samples, size_t count, float *outputs, float *losses);

/* All weights and state as one block [tn_trainer_state_size], for checkpoints: parameters, optimizer slots, running statistics, rng and
 * counters. */
size_t tn_trainer_state_size(const tn_trainer *trainer);
void tn_trainer_save(const tn_trainer *trainer, void *state);
tn_status tn_trainer_restore(tn_trainer *trainer, const void *state, size_t size, tn_error *error);

/* What a parameter is. Borrowed, lives as long as the trainer. */
typedef struct tn_parameter_facts {
    const char *node, *op, *name; /* "conv1", "conv2d", "weight" */
    size_t node_index;            /* in hypes.net */
    const tn_shape *shape;
    const tn_shape *
        image; /* of a dense weight, or of a norm, whose input features are an image's values, one after the other: [h, w, c], channels innermost. Else NULL */
} tn_parameter_facts;

/* Of parameter number i, running statistics among them, in the order of the nodes. false past the last. */
bool tn_trainer_parameter_facts(const tn_trainer *trainer, size_t i, tn_parameter_facts *facts);

/* New values, in the parameter's layout, for parameter number i, which exists. The optimizer's slots stay as they are. */
void tn_trainer_set_parameter(tn_trainer *trainer, size_t i, const float *values);

/* Borrowed view (NULL in the double build) of parameter number i: its name as "dense_0.weight", shape and values. false past the last. */
bool tn_trainer_parameter(const tn_trainer *trainer, size_t i, char name[80], tn_shape *shape, const float **values);

#endif
