/* recorder.h: what one trial records, and who is told.
 *
 * A subject opens a recorder for each trial and hands it every step's scalars and, on observed steps, its tensors. The recorder computes vitals, tells its observers (rules), and
 * writes to a store. It never judges. Windows survive NaN. A recorder serves one thread, and may have one
 * of its own for what follows from a step (recorder_queue.h), which changes nothing of what is heard and written.
 *
 * Vitals that the recorder takes have the histogram of a sample where a tensor is large (tn_vitals_add_part).
 *
 * Update ratio. How far a step moves a parameter is rms(update) / rms(weight), with the weight before the step (tn_update_ratio). Both vitals come on each observed step.
 *
 * Incidents. A rule that fires, and a step whose loss or gradient norm is not finite, are incidents. A subject that can do steps again (the engine) then does so, and shows the tensors of the
 * last TN_INCIDENT_STEPS steps up to the incident that were not seen yet, in order, each tensor of a step once; the next TN_INCIDENT_STEPS steps are observed as well. So a tensor that is
 * `replayed` may come after later steps' scalars, and after the tensors of an observed step between: a rule that counts observed steps in a row leaves it aside, one that looks for the first
 * place of something takes the earliest step. Where a scalar is not finite the replay comes before the on_step of that very step; else after it. The training goes on from the same state, bit
 * for bit.
 *
 * In the store: the series "loss", "learning_rate", "gradient_norm" and "wall_ns" (the last two where somebody computed them), "score.train", "score.valid", "loss.train" and
 * "loss.valid" (where taken); packed vitals under "dense_2.weight", "dense_2.weight.gradient", "dense_2.weight.update", "dense_2" (an activation), "dense_2.gradient"
 * (the gradient by it) and "input"; the name of each of these tensors, once; and the signals of observers that have rules. A write that fails ends the writing, never the trial; tn_recorder_end and the store's own close tell it. */
#ifndef TN_RUN_RECORDER_H
#define TN_RUN_RECORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"
#include "run/data_summary.h"
#include "store/store.h"
#include "vitals/tensor.h"
#include "vitals/vitals.h"

/* The scalars of one optimizer step. */
typedef struct tn_step {
    uint64_t step;    /* from 1 */
    uint64_t samples; /* processed since the start */
    double loss;      /* of the batch, before the update; may be non-finite */
    double learning_rate;
    double gradient_norm; /* global L2 before clipping; of a program INFINITY where a gradient is NaN; NAN where nobody computed it */
    uint64_t wall_ns;     /* what the step took, without the recorder's own time; 0 where nobody measured */
} tn_step;

/* A score taken while training. */
typedef struct tn_score_point {
    uint64_t step; /* after this many steps; 0 before the first */
    uint64_t samples;
    double train_score;            /* on training samples of the trial; NAN where not taken */
    double valid_score;            /* on the probe set; NAN where there is none */
    double train_loss, valid_loss; /* mean over the same samples, evaluation mode */
} tn_score_point;

/* Where somebody else found that finite numbers broke: a program's own trace knows the function and its line. Strings are borrowed during the call; NULL where not known. */
typedef struct tn_told_origin {
    uint64_t step;
    const char *op, *direction; /* "log"; "forward", "backward", "update" or "data" */
    const char *file;
    int line;        /* from 1; 0: not known */
    bool has_sample; /* `sample`, of the batch and from 0, is known */
    uint64_t sample;
    bool exact;       /* what it was made from is known to have been finite */
    const char *then; /* what made NaN of an infinity */
    const char *text; /* all of it as a sentence; never NULL */
} tn_told_origin;

/* One that reads a run online. Any function may be NULL. on_data comes where the data are known, usually once and before the first step; of a program that is only trained, when enough labels were
 * seen, and again at the end. on_origin comes before the on_step of its step. Calls come in the order of the training, from one thread. Return false from on_step to end the trial
 * (it is then `stopped`). */
typedef struct tn_observer {
    void *context;
    bool (*on_step)(void *context, const tn_step *step);
    void (*on_tensor)(void *context, const tn_tensor_seen *seen);
    void (*on_score)(void *context, const tn_score_point *point);
    void (*on_data)(void *context, const tn_data_summary *data); /* borrowed during the call */
    void (*on_origin)(void *context, const tn_told_origin *origin);
    void (*on_end)(void *context, uint64_t steps);
    /* It may hear of tensors and steps later than the training makes them, and on another thread, while prompt observers and the training go on: all the same calls in the same order, but for
     * batch.rows of tensors that hold finite values alone, which are NULL. Of scores, data, origins and the end it hears on the training's thread, with nothing still to come. Where it lags
     * (tn_recorder_config.may_lag) its on_step ends no trial, and what it says is asked for at a hand-over to the store alone. */
    bool may_lag;
    /* How many of its rules have fired, as of now; more than after the step before is an incident. */
    size_t (*fired)(void *context);
    /* What its rules say so far, for the store: rule number `i`, and whether it has fired (else only signal->rule is set). false past the last. Strings are the observer's. */
    bool (*signal_at)(void *context, size_t i, tn_store_signal *signal, bool *fired);
} tn_observer;

typedef struct tn_recorder tn_recorder;

typedef struct tn_recorder_config {
    tn_store *store;       /* NULL: nothing is written */
    tn_store_trial trial;  /* used with a store */
    uint64_t vitals_every; /* observe tensors of step 1, 1 + n, 1 + 2n ...; 0: as vitals_share says */
    double vitals_share;   /* as often as costs at most this share of the step time (cadence.h), the recorder measuring itself; 0: never */
    uint64_t watch_from, watch_to; /* and these steps, both included; 0: none */
    size_t units_max; /* of the tensors that are tapped; unit vitals are taken of those with at most TN_UNITS_MAX. 0: of none */
    tn_pool *pool;    /* takes the vitals of large tensors that are tapped, and is idle then; borrowed. NULL: one thread */
    bool
        may_lag; /* leave observers that may lag, and the store, to a thread of their own where there is a processor for it and every step is observed: incidents change nothing then */
    const tn_observer *observers; /* [observer_count], borrowed until the end */
    size_t observer_count;
} tn_recorder_config;

tn_status tn_recorder_create(const tn_recorder_config *config, tn_recorder **recorder, tn_error *error);

/* Whether it keeps a processor busy beside the training's, since observers and store may lag. */
bool tn_recorder_has_thread(const tn_recorder *recorder);

/* Whether the coming step's tensors are wanted. */
bool tn_recorder_wants_tensors(const tn_recorder *recorder, uint64_t step);

/* A tn_tap_fn with the recorder as context: takes the tensor's vitals, and those of its units where it is an input, a weight or an activation and they are due
 * (tn_unit_vitals_are_due). */
void tn_recorder_tap(void *recorder, const tn_tensor_shown *shown);

/* The same for a tensor whose vitals somebody else took. */
void tn_recorder_tensor(tn_recorder *recorder, const tn_tensor_seen *seen);

/* Nanoseconds that went into taps so far; 0 where steps are counted and nothing is measured. */
uint64_t tn_recorder_spent_ns(const tn_recorder *recorder);

enum { TN_INCIDENT_STEPS = 8 };

/* Whether observers raised an incident at the last step; if so the next TN_INCIDENT_STEPS steps are observed. */
bool tn_recorder_incident(tn_recorder *recorder);

/* Whether tensors of `step`, one of the last 64, were seen. */
bool tn_recorder_has_seen(const tn_recorder *recorder, uint64_t step);

/* The tensors that are tapped from here on are those of `step`, made again; 0: those of the coming step. */
void tn_recorder_replay(tn_recorder *recorder, uint64_t step);

/* rms(update) / rms(weight before), from the vitals of the update and of the weight before it. NAN where the weight was all zero or either holds no finite value. */
double tn_update_ratio(const tn_vitals *update, const tn_vitals *weight);

/* The end of a step: its scalars. false where an observer ends the trial. */
bool tn_recorder_step(tn_recorder *recorder, const tn_step *step);
void tn_recorder_score(tn_recorder *recorder, const tn_score_point *point);

/* What the training data look like, and where finite numbers broke. Tell the observers; nothing is written. */
void tn_recorder_data(tn_recorder *recorder, const tn_data_summary *data);
void tn_recorder_origin(tn_recorder *recorder, const tn_told_origin *origin);

/* Hands over to the store what is gathered: before something that takes long, so that little is lost with a killed process. Chunks are handed over by themselves
 * when they are full, and at the first step a quarter of a second after the last. */
void tn_recorder_flush(tn_recorder *recorder);

/* Ends the run: `end` and `result_json` (may be NULL) go to the store, and the observers hear it. Destroys the recorder; NULL is allowed. A failed write is told here. */
tn_status tn_recorder_end(tn_recorder *recorder, const char *end, const char *result_json, tn_error *error);

/* Vitals as a blob of the store (versioned, little-endian, buckets that are zero left out), and back. */
size_t tn_vitals_pack(const tn_vitals *vitals, unsigned char *bytes,
                      size_t capacity); /* bytes needed; writes only where capacity suffices */
enum { TN_VITALS_PACKED_MAX = 8192 };   /* bytes that are always enough */
tn_status tn_vitals_unpack(const unsigned char *bytes, size_t size, tn_vitals *vitals, tn_error *error);

#endif
