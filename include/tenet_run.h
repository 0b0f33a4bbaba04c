/* tenet_run.h: what a training loop in C or C++ calls once a step, so that tenet can watch it and turn its knobs. Part of tenet.h.
 *
 *     tn_run *run = tn_run_begin("my loop", NULL, NULL);
 *     double rate = tn_knob_f64(run, "learning_rate", 0.1);
 *     long steps = (long)tn_knob_i64(run, "steps", 2000);
 *     for (long step = 1; step <= steps; step++) {
 *         ... forward, backward, update ...
 *         tn_run_tensor(run, "dense_1.weight", TN_TENSOR_GRADIENT, TN_DTYPE_FLOAT32, 2, (int64_t[]){10, 784}, NULL, gradient);
 *         if (!tn_run_step(run, loss, rate, 32))
 *             break;
 *     }
 *     tn_run_end(run, NULL);
 *
 * Under `tenet debug -- ./loop` and `tenet train -- ./loop` the run talks to tenet, which turns the knobs that the loop has asked for. By itself it records into a store of its own,
 * where tn_run_begin names one, and otherwise does nothing: every knob has the value that the loop gives, and every step goes on.
 *
 * Every function takes a NULL run, and then acts as if nobody watched. One run serves one thread at a time. Nothing here prints, exits or aborts. */
#ifndef TENET_RUN_H
#define TENET_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenet_status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tn_run tn_run;

/* `name` is what the run is called in a store. `store_path`: a store to record into where no tenet has started this program; NULL: none. NULL where memory is out, the store cannot be opened or
 * the tenet that started the program is gone; *error (may be NULL) tells, and the program can go on with the NULL. */
tn_run *tn_run_begin(const char *name, const char *store_path, tn_error *error);

/* The value that this run should use, which is `otherwise` unless tenet turns the knob. A knob that is asked for before the first step can be turned by experiments:
 *
 *     learning_rate, clip_norm (largest global norm of the gradient), init_scale (factor on the initial weights): numbers
 *     steps, seed (of initial weights and batch order), batch_size, samples (only the first n training samples of a fixed order), shuffle_labels (0 or 1): whole numbers
 *     input_scale, label_scale ("none", "minmax", "standardize"), optimizer ("sgd", "adam", ...), decay ("on", "off"): words, valid until the run ends */
double tn_knob_f64(tn_run *run, const char *knob, double otherwise);
int64_t tn_knob_i64(tn_run *run, const char *knob, int64_t otherwise);
const char *tn_knob_text(tn_run *run, const char *knob, const char *otherwise);

typedef enum tn_tensor_role {
    TN_TENSOR_INPUT = 0,
    TN_TENSOR_WEIGHT = 1,
    TN_TENSOR_GRADIENT = 2, /* of a weight, by its name */
    TN_TENSOR_UPDATE = 3,   /* what the optimizer added to a weight, by its name */
    TN_TENSOR_ACTIVATION = 4,
    TN_TENSOR_ACTIVATION_GRADIENT = 5
} tn_tensor_role;

typedef enum tn_dtype { TN_DTYPE_FLOAT32 = 0, TN_DTYPE_FLOAT64 = 1, TN_DTYPE_FLOAT16 = 2, TN_DTYPE_BFLOAT16 = 3 } tn_dtype;

/* Whether the tensors of the coming step are wanted. Saves copying them for nothing; tn_run_tensor itself returns at once where they are not. */
bool tn_run_wants_tensors(const tn_run *run);

/* Shows a tensor of the coming step; only its statistics are kept. "dense_1.weight": the part after the last dot is the parameter; the last axis counts as units. An activation
 * whose name ends in an op ("relu", "block2.tanh_3") is judged as that op's output. The first axis of inputs and activations is the batch's; units are looked at in float32 tensors without gaps. `shape` [rank]; `strides` [rank] in elements, of any sign, NULL: row by row without gaps.
 * false where shape, strides, role or dtype make no sense; nothing is kept then. Show tensors in the order of the forward pass. */
bool tn_run_tensor(tn_run *run, const char *name, tn_tensor_role role, tn_dtype dtype, size_t rank, const int64_t *shape,
                   const int64_t *strides, const void *data);

/* The end of a step: the batch's loss before the update, the rate used, and the samples of the batch. false: the run should stop here. */
bool tn_run_step(tn_run *run, double loss, double learning_rate, uint64_t batch_samples);

/* A score of the loop's own, after the steps so far: 0 what a constant answer would get, 1 perfect. Without any, tenet takes 1 - loss / first loss. */
void tn_run_score(tn_run *run, double score);

/* Sends or writes the rest and releases the run. A store that could not be written is told here. */
tn_status tn_run_end(tn_run *run, tn_error *error);

#ifdef __cplusplus
}
#endif

#endif
