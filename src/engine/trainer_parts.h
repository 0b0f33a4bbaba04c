/* trainer_parts.h: the inside of a tn_trainer, for the files trainer*.c only.
 *
 * All parameters lie in one block `values`: first those that train, then frozen ones and state. The gradients and each slot of the
 * optimizer are blocks of the trainable part's layout. Every parameter starts on a cache line; what lies between two stays 0 in every
 * block. */
#ifndef TN_ENGINE_TRAINER_PARTS_H
#define TN_ENGINE_TRAINER_PARTS_H

#include "data/augment.h"
#include "engine/graph.h"
#include "engine/loss.h"
#include "engine/optimizer.h"
#include "engine/plan.h"
#include "engine/schedule.h"
#include "engine/trainer.h"

#define TN_TENSOR_NONE ((size_t)-1)

/* A parameter of some vertex and where it lies. */
typedef struct tn_trainer_parameter_view {
    size_t vertex, index; /* node->parameters[index] */
    size_t offset, size;  /* in reals */
    bool trainable;
    size_t group, first_square; /* reals of TN_SINK_ROWS rows, whose squares are summed as one; the first of its sums in trainer->squares */
    size_t weight_tensor, gradient_tensor, update_tensor; /* for the tap */
    size_t streamed; /* number of its vitals in trainer->streamed; TN_TENSOR_NONE: its gradients are kept on observed steps */
} tn_trainer_parameter_view;

/* The indices of a vertex's tensors for the tap. */
typedef struct tn_trainer_vertex_view {
    size_t activation, gradient;
    size_t gradient_maker;  /* the vertex that the gradient came from in the last step; graph.count: the loss */
    bool maker_is_known;    /* where several hand gradients on: one of them was not finite */
    size_t first_parameter; /* in trainer->parameters */
    size_t carried;         /* where its state lies in trainer->carried and carried_on */
} tn_trainer_vertex_view;

/* What an observed update left of a tile of a parameter, or of all of it. */
typedef struct tn_trainer_observed {
    tn_vitals gradients; /* only of what is streamed */
    tn_vitals changes;
    tn_vitals values;
} tn_trainer_observed;

/* Where the samples of a batch lie: [plan.batch] of each. */
typedef struct tn_trainer_place {
    tn_real *inputs;  /* [, input size] */
    int32_t *classes; /* [, label_steps] */
    tn_real *targets; /* [, output_size]; empty where each step has a label */
    float *staging;   /* the double build only: [, the larger of input and targets] */
} tn_trainer_place;

/* What a batch, or a part of one, is made of. */
typedef struct tn_trainer_wanted {
    const tn_dataset *set;
    const uint32_t *samples;
    size_t values, steps; /* inputs of a sample and labels: all of them, or as far as the net reads that is in use for it */
    bool training;        /* inputs and labels are changed as data.augment says */
    uint64_t number;      /* then: that of samples[0] among all that were trained on */
} tn_trainer_wanted;

typedef struct tn_trainer_ahead tn_trainer_ahead;     /* trainer_ahead.c */
typedef struct tn_trainer_buckets tn_trainer_buckets; /* trainer_buckets.c */

struct tn_trainer {
    tn_graph graph; /* with buckets, that of the net in use, as plan, passes, label_steps and output_size; between steps the longest */
    tn_plan plan;
    const tn_data *data;
    tn_pool *pool;
    const tn_loss *loss;
    tn_loss_options loss_options;
    const tn_optimizer *optimizer;
    tn_optimizer_options optimizer_options;
    tn_schedule schedule;
    double clip_norm; /* 0: never */
    bool shuffle;
    bool carries; /* sequences go on from batch to batch, in streams side by side; trainer_carry.c */
    tn_augment augment;

    size_t parameter_count;
    tn_trainer_parameter_view *parameters;
    tn_trainer_vertex_view *vertices; /* [graph.count] */
    size_t values_size, trainable_size;
    uint64_t trainable_values; /* without what lies between */
    size_t slot_count;
    tn_real *values;                        /* [values_size] */
    tn_real *gradients;                     /* [trainable_size] */
    tn_real *slots[TN_OPTIMIZER_SLOTS_MAX]; /* [trainable_size] each */

    size_t carried_size;           /* 0 unless `carries` */
    tn_real *carried, *carried_on; /* [carried_size]: the state of each sequence of a batch before it and behind it */

    tn_real *memory; /* [tn_trainer_memory_reals] */
    tn_pass *passes; /* [graph.count], filled but for what changes from step to step */
    tn_rng *rngs;    /* [graph.count] */
    size_t output_size;
    size_t label_steps,
        label_width; /* rows of the output of a sample that have a label each, and their width: 1 and output_size but for labels of each step */
    tn_trainer_place own;          /* its inputs are in `memory` */
    const tn_trainer_place *place; /* of the present batch: own, or one of ahead's; tn_trainer_move_to */
    tn_trainer_buckets *buckets;   /* NULL: one net for all batches */
    tn_trainer_ahead *ahead;       /* NULL: each step makes its batch itself */
    tn_real *sample_losses;        /* [plan.batch] */
    tn_real *step_losses;          /* [plan.batch, label_steps]; NULL where label_steps is 1 */
    uint32_t *numbers, *asked; /* [plan.batch] of the samples of one batch of a prediction, and their places among all that are asked for */
    tn_trainer_observed *observed; /* [at least 1, the most parameters of a vertex that is streamed][TN_TILES_MAX] */
    tn_trainer_observed *streamed; /* [streamed_count], of the last observed step */
    size_t streamed_count;
    double *
        squares; /* [square_count]: of the gradients, a sum for each group of each trainable parameter, so that the norm does not depend on who took which slice when */
    size_t square_count;

    size_t tensor_count;
    tn_tensor_name *tensors;
    size_t input_tensor, loss_tensor;

    tn_error fault; /* of a layer of the user's own; code TN_OK */
    size_t batch;   /* samples of a full step */
    uint64_t steps_per_epoch, steps_total;
    size_t epoch_samples;          /* all training samples, or as many as fill streams of one length */
    uint32_t *order;               /* [training samples] of this epoch */
    uint32_t *rows;                /* [batch] of the user's file, of the samples of an observed step */
    tn_rng batches, epoch_batches; /* now, and as it was before the order of this epoch was drawn */
    uint64_t step, samples, epoch;
    size_t position; /* samples of the epoch that are used up */
};

/* The order of the epoch that begins now. Saves the generator first, so that the order can be drawn again. */
void tn_trainer_draw_order(tn_trainer *trainer);

/* order [training samples] of the epoch that `generator` comes to next. */
void tn_trainer_draw_order_by(const tn_trainer *trainer, tn_rng *generator, uint32_t *order);

/* ---- trainer_batch.c ---- */

/* A place for plan.batch samples; `inputs` is left to the caller. false where memory is out. */
bool tn_trainer_place_init(const tn_trainer *trainer, tn_trainer_place *place);
void tn_trainer_place_deinit(tn_trainer_place *place); /* all but its inputs */

/* Samples first .. first + count - 1 of what is wanted to the rows of the same numbers. Thread-safe for rows that do not overlap. */
void tn_trainer_load_inputs(const tn_trainer *trainer, const tn_trainer_wanted *wanted, size_t first, size_t count, tn_pool *pool,
                            const tn_trainer_place *to);
void tn_trainer_load_labels(const tn_trainer *trainer, const tn_trainer_wanted *wanted, size_t first, size_t count,
                            const tn_trainer_place *to);

/* The labels of the present batch, of `count` samples of `set`, which have been loaded. */
tn_labels tn_trainer_labels(const tn_trainer *trainer, const tn_dataset *set, size_t count);

/* The present batch is the one at `place`: all passes that read the network's input read it there. */
void tn_trainer_move_to(tn_trainer *trainer, const tn_trainer_place *place);

/* ---- trainer.c ---- */

/* Everything of the passes that stays the same from step to step, of the net in use. */
void tn_trainer_prepare_passes(tn_trainer *trainer);

/* ---- trainer_buckets.c ---- */

/* What data.buckets asks for, behind everything that is laid out for the whole net but memory. Nothing where it is null. */
tn_status tn_trainer_lay_buckets(tn_trainer *trainer, const tn_hypes *hypes, tn_error *error);
void tn_trainer_join_buckets(tn_trainer *trainer); /* behind all else */
void tn_trainer_buckets_destroy(tn_trainer *trainer);

size_t tn_trainer_memory_reals(const tn_trainer *trainer); /* that the largest net needs */
size_t tn_trainer_nets(const tn_trainer *trainer);         /* by their length; the last is the whole. 1 without buckets */

/* Net `k` works until the next call. */
void tn_trainer_use(tn_trainer *trainer, size_t k);

/* The shortest net that holds a sample of any set, or all samples of a training batch. */
size_t tn_trainer_net_of(const tn_trainer *trainer, const tn_dataset *set, uint32_t sample);
size_t tn_trainer_net_of_batch(const tn_trainer *trainer, const uint32_t *samples, size_t count);

/* Samples as net `k` reads them, unchanged. */
tn_trainer_wanted tn_trainer_want(const tn_trainer *trainer, size_t k, const tn_dataset *set, const uint32_t *samples);

/* A drawn order [training samples] by buckets. */
void tn_trainer_group_order(const tn_trainer *trainer, tn_rng *generator, uint32_t *order);

/* Zeros for the gradients of vertex `index` that the net in use does not make. */
void tn_trainer_clear_rest(tn_trainer *trainer, size_t index);

/* ---- trainer_ahead.c ---- */

/* What making a batch takes in ns, counted rather than timed. */
double tn_trainer_batch_work(const tn_trainer *trainer);

/* tn_trainer_work_ahead, however little a batch takes. */
tn_status tn_trainer_start_ahead(tn_trainer *trainer, tn_error *error);

/* The batch of the step that comes now, of `count` samples, where it was made ahead: moves to it. Else false. */
bool tn_trainer_take_ahead(tn_trainer *trainer);

/* Begins to make the batch behind the present one of `count` samples. Nothing where the trainer does not work ahead. */
void tn_trainer_begin_ahead(tn_trainer *trainer, size_t count);

/* The order of the epoch that begins now, where it was drawn ahead: as tn_trainer_draw_order leaves it. Else false. */
bool tn_trainer_take_order(tn_trainer *trainer);

/* Forgets what was made ahead; afterwards no thread reads anything of the trainer. */
void tn_trainer_drop_ahead(tn_trainer *trainer);
void tn_trainer_ahead_destroy(tn_trainer *trainer);

/* ---- trainer_carry.c ---- */

/* Whether samples and net can carry a state where solver.carry_state asks for it; lays the state out and allocates it. */
tn_status tn_trainer_lay_carried(tn_trainer *trainer, const tn_hypes *hypes, tn_error *error);

/* order [training samples] of an epoch: step s takes the s-th sample of each stream. */
void tn_trainer_draw_streams(const tn_trainer *trainer, uint32_t *order);

/* Before a step: the state where the step before left it; 0 for sequences that begin. */
void tn_trainer_begin_carried(tn_trainer *trainer, size_t batch);

/* ---- trainer_labels.c ---- */

/* Whether the network's output fits loss and labels; else an error at the last node, or at the loss. */
tn_status tn_trainer_check_labels(const tn_trainer *trainer, const tn_hypes *hypes, tn_error *error);

/* The loss of each sample of a batch into trainer->sample_losses, that of a sequence being the mean over its steps with a label, and the gradient into d_output unless NULL. Returns the
 * reduced loss; a mean is one over all labels of the batch. */
double tn_trainer_losses(tn_trainer *trainer, size_t batch, const tn_real *output, const tn_labels *labels, tn_real *d_output);

/* Whether all inputs of the sets are numbers of tokens that the nodes which look them up know; else an error with the row. */
tn_status tn_trainer_check_tokens(tn_trainer *trainer, const tn_hypes *hypes, tn_error *error);

/* Sums the squares of gradients [count], those of the values from `offset` of parameter `index` on: whole groups, but for the parameter's last. Thread-safe for slices that do not overlap. */
void tn_trainer_add_squares(tn_trainer *trainer, size_t index, size_t offset, size_t count, const tn_real *gradients);

/* The same for all that parameter `index` has in trainer->gradients. */
void tn_trainer_square_gradients(tn_trainer *trainer, size_t index);

/* The root of all sums. */
double tn_trainer_gradient_norm(const tn_trainer *trainer);

/* Whose work tensor `index` is. Where several nodes read an activation and hand gradients back, it is the first of them whose own was not
 * finite in the last observed step, else any. */
tn_maker tn_trainer_maker(const tn_trainer *trainer, size_t index);

/* The optimizer on trainable values first .. first + count - 1 of the block, which have `gradients` [count]; changes [count], somewhere else: what was added to them, NULL where nobody asks. Thread-safe
 * for slices that do not overlap. */
void tn_trainer_apply(tn_trainer *trainer, const tn_update *update, size_t first, size_t count, const tn_real *gradients, tn_real *changes);

/* The same, by all threads, with trainer->gradients. */
void tn_trainer_update_range(tn_trainer *trainer, const tn_update *update, size_t first, size_t count);

/* The same for parameter `index` alone. Returns the vitals of its values and of what was added to them, which are taken while they are in cache, in tiles that do not depend on the
 * threads. Valid until the next call. */
const tn_trainer_observed *tn_trainer_update_observed(tn_trainer *trainer, const tn_update *update, size_t index);

/* The update alone, after which its gradients hold what was added to the weights. Of a parameter of at most TN_TRAINER_BLOCK values. */
void tn_trainer_update_kept(tn_trainer *trainer, const tn_update *update, size_t index);

/* An observed step in which the gradients of a large parameter need not be written to memory: of each slice, while it is in cache, the vitals of gradients, changes and values are added to those of its
 * tile. `parameter` of the vertex, parameter `index` of the trainer; slices as a sink gets them. */
void tn_trainer_begin_streamed(tn_trainer *trainer, size_t vertex);
void tn_trainer_update_streamed(tn_trainer *trainer, const tn_update *update, size_t index, size_t tile, size_t offset, size_t count,
                                const tn_real *gradients);
/* Brings the tiles together in trainer->streamed. */
void tn_trainer_end_streamed(tn_trainer *trainer, size_t vertex);

/* Pieces in which long blocks are worked through; fixed, so that sums do not depend on the threads. Of what is observed the values of a pass, so that all that belongs to them stays in the second cache. */
enum { TN_TRAINER_PIECE = 16384, TN_TRAINER_BLOCK = 4096 };

#endif
