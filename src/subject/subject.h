/* subject.h: the training program under debug, as experiments see it.
 *
 * An experiment asks for trials: bounded, reproducible training runs under given knobs. It does not know whether the engine, a PyTorch script or a shell command runs
 * them. native.c implements the interface on the engine. */
#ifndef TN_SUBJECT_H
#define TN_SUBJECT_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "hypes/hypes.h"
#include "run/recorder.h"

/* What a trial may turn. */
typedef enum tn_knob {
    TN_KNOB_STEPS = 1 << 0,
    TN_KNOB_SEED = 1 << 1, /* initial weights, batch order, dropout; never the split or the subset */
    TN_KNOB_LEARNING_RATE = 1 << 2,
    TN_KNOB_BATCH_SIZE = 1 << 3,
    TN_KNOB_SAMPLES = 1 << 4,        /* a fixed random subset of n training samples */
    TN_KNOB_SHUFFLE_LABELS = 1 << 5, /* training and probe labels permuted among their samples */
    TN_KNOB_INPUT_SCALE = 1 << 6,
    TN_KNOB_LABEL_SCALE = 1 << 7,
    TN_KNOB_INIT_SCALE = 1 << 8,
    TN_KNOB_CLIP_NORM = 1 << 9,
    TN_KNOB_OPTIMIZER = 1 << 10,
    TN_KNOB_DECAY = 1 << 11, /* off */
    TN_KNOB_PATCH = 1 << 12
} tn_knob;

/* "learning_rate": its name in trial files, in refusals and in the "knobs" of a program's hypes. And the knob of a name as a bit; 0 where there is none, or for NULL. */
const char *tn_knob_name(tn_knob knob);
uint32_t tn_knob_by_name(const char *name);

/* Knob values; only those whose bit is in `set` apply, the rest stays as the user wrote it. */
typedef struct tn_knobs {
    uint32_t set; /* of tn_knob */
    uint64_t steps, seed, batch_size, samples;
    double learning_rate, init_scale, clip_norm;
    const char *input_scale, *label_scale; /* "standardize", "minmax", "none" */
    const char *optimizer;                 /* with its default settings, learning rate excepted */
    const json_t *patch;                   /* borrowed; applied before the other knobs */
} tn_knobs;

typedef enum tn_trial_end {
    TN_TRIAL_COMPLETED, /* all its steps, or the score it was to reach */
    TN_TRIAL_NONFINITE, /* the loss, or a weight, became NaN or Inf */
    TN_TRIAL_STOPPED,   /* by an observer */
    TN_TRIAL_CANCELLED, /* by the user or the budget */
    TN_TRIAL_REFUSED    /* the knobs do not fit the subject (a patch that does not compile): see error */
} tn_trial_end;

const char *tn_trial_end_name(tn_trial_end end); /* "completed", "nonfinite", "stopped", "cancelled", "refused" */

typedef struct tn_trial_result tn_trial_result;

/* What the network makes of the shown samples after `step` steps: result->shown has their inputs and labels. outputs [shown_count, output_size], of targets in original
 * units, and losses [shown_count] are borrowed for the call. */
typedef void tn_shown_fn(void *context, uint64_t step, const tn_trial_result *result, const float *outputs, const float *losses);

typedef struct tn_trial_request {
    const char *experiment; /* who asks, for the store */
    tn_knobs knobs;
    uint64_t score_every;       /* steps between scores; 0: before the first and after the last step only */
    double stop_at_train_score; /* end early once the training score reaches this; INFINITY: never */
    uint64_t vitals_every;      /* observe tensors every n steps; 0: as vitals_share says */
    double
        vitals_share; /* observe them as often as costs at most this share of the step time, by the clock: for a training, never for a trial; 0: never */
    bool
        is_training; /* of the user's, not a trial: each step's gradient norm and time are recorded, and the steps around an incident are seen (run/recorder.h) */
    uint64_t watch_from, /* observe tensors of these steps too, both included, whatever it costs: the steps around an incident. 0: none */
        watch_to;
    bool train_scores_only;   /* score training samples, not the probe set: cheaper where that is the question */
    bool unscored;            /* take no scores at all: cheaper, where only the losses matter */
    size_t shown_samples;     /* fill result.shown for this many training samples */
    bool shown_left_out;      /* ... of those that data.exclude leaves out, in place of those trained on. By native subjects only */
    const char *weights_path; /* of a native subject: write the weights after the last step to this safetensors file; NULL: nowhere */
    tn_shown_fn *
        on_shown; /* told of them before the first step, at each score and at the end; NULL. By native subjects only: a program shows its samples at its end */
    void *shown_context;
    bool want_norms;      /* fill result.gradient_norms */
    uint64_t own_steps;   /* after which the subject is known to end by itself, where its facts do not say (steps_total 0); 0: not known */
    uint64_t deadline_ns; /* by tn_clock_ns: where a trial that waits for its program to start ends as cancelled; 0: none */
    size_t
        processors; /* that the trial may keep busy, its threads among them: where one is left, the next batch is made there. 0: no more than its threads */
    bool may_lag; /* of a native training that is observed at every step: observers that may hear of it late do (run/recorder.h) */
    const tn_observer *observers;
    size_t observer_count;
    const atomic_bool *spent; /* true where the budget is: a trial that an observer ends then is cancelled, not stopped; NULL: never */
} tn_trial_request;

/* A training sample as the network sees it. */
typedef struct tn_shown_sample {
    size_t row;    /* of the user's file, from 0 */
    float *inputs; /* [result.input_size], after all scaling */
    float *label;  /* [result.label_size]: the class number, or targets in original units */
    float *output_before,
        *output_after; /* [result.output_size], of the network before the first and after the last step; of targets in original units */
    double loss_before, loss_after;
} tn_shown_sample;

/* All arrays, and those of the shown samples each, are malloc'd and belong to the result. */
struct tn_trial_result {
    tn_trial_end end;
    tn_error error;          /* where refused */
    uint32_t acknowledged;   /* knobs applied; a trial with a knob missing here proves nothing */
    uint64_t steps, samples; /* run and processed */
    double *losses;          /* [steps] of each batch, before its update */
    double *gradient_norms;  /* [steps] or NULL */
    tn_score_point *scores;  /* [score_count], at least the one before the first step */
    size_t score_count;
    uint64_t nonfinite_step; /* where end is TN_TRIAL_NONFINITE; the scores are those taken before it */
    uint64_t batch_size;     /* used */
    double learning_rate;    /* used, before decay */
    uint64_t train_samples;  /* in the training set of the trial */
    tn_shown_sample *shown;  /* [shown_count] */
    size_t shown_count, input_size, label_size, output_size;
    size_t input_height, input_width, input_channels; /* of samples that are images; 0 where they are none, or nobody knows */
    double seconds;
    json_t *
        metrics; /* of a native training after its last step: what metrics.h measures, and "of" ("validation" or "training") and "samples"; owned, or NULL */
    json_t
        *test; /* the same of data.test, and "score" and "loss"; owned, or NULL: there is none, or the training did not come to its end */
    json_t *origin; /* where a program saw a number break, of the steps that were to be watched (docs/attach.md); owned, or NULL */
};

void tn_trial_result_deinit(tn_trial_result *result);

/* Score after the last step; the probe set's where there is one, else the training set's. NAN before any. */
double tn_trial_score(const tn_trial_result *result);
double tn_trial_train_score(const tn_trial_result *result);

/* Mean of the losses of steps [first, last), counted from 0, last > first: a point of a curve. */
double tn_trial_mean_loss(const tn_trial_result *result, uint64_t first, uint64_t last);

typedef enum tn_subject_task { TN_SUBJECT_CLASSIFICATION, TN_SUBJECT_REGRESSION, TN_SUBJECT_MULTILABEL } tn_subject_task;
const char *tn_subject_task_name(tn_subject_task task); /* "classification", "regression", "multi-label" */

/* Facts that need no training. Fields that a kind of subject cannot know are 0, NAN or NULL, as noted. A native subject measures inputs on up to 10,000 training
 * samples, a fixed random choice, and labels on all; non-finite inputs are looked for in all, up to 10^8 values. */
typedef struct tn_subject_facts {
    const char *kind; /* "native" */
    const char *name;
    uint64_t parameters;
    uint64_t train_samples, probe_samples; /* probe 0: scored on training samples */
    bool probe_is_validation;
    tn_subject_task task;
    size_t classes; /* distinct labels in training data; 0 in regression */
    size_t features, outputs;
    uint64_t steps_total, steps_per_epoch, batch_size;
    double learning_rate;
    double work;          /* multiply-adds of one sample's forward pass, for the cost of trials; 0 where unknown */
    double expected_loss; /* at random initialisation: ln C; NAN where none is implied */
    double majority;      /* share of the most frequent class */
    double trivial_loss;  /* the user's loss for the best constant output on the training labels; NAN where unknown */
    double input_mean, input_std, input_min, input_max; /* over all features as the network sees them */
    double input_std_min, input_std_max;                /* smallest and largest std of a feature that is not constant */
    size_t constant_features;
    uint64_t nonfinite_inputs;
    size_t nonfinite_input_row;                         /* of the first of them; SIZE_MAX: not known */
    double label_min, label_max, label_mean, label_std; /* as the loss sees them, over all targets; class numbers as numbers */
    uint32_t knobs;                                     /* which can be turned */
    size_t layers;                                      /* of the user's own, in the network (docs/plugins.md) */
    bool is_layer;                                      /* such a layer alone: there is nothing to train */

    /* Of an attached program only; 0 and NULL for a native subject. */
    bool is_program;
    double label_order;     /* of labels as they come: 0 as chance has it, or not known; 1 sorted (32 in a row are all alike) */
    bool unscored;          /* nothing is supervised, or several things are: its trials have no score */
    const char *score_note; /* why there is no score, or what it is made of where that is no prediction; NULL */
    char score_words[256];  /* what score_note points into where nothing else outlives it */
    const json_t *notes;    /* [\"a checkpoint is loaded ...\"]: what a person should know about the program, borrowed; NULL */
    const json_t *
        places; /* {"net": [{"file", "line", "text"}, ...], "loss": {...}, "optimizer", "loader", "backward", "program": {NAME: {..}}}, borrowed; NULL */
    const json_t *
        mends; /* [{"name", "cause", "text", "seen", "prior", "certain", "race", "control"}]: changes of how it uses its framework (docs/attach.md), borrowed; NULL */
    const json_t *knob_paths; /* {"learning_rate": "optim.lr"}: keys of hypes_file that are knobs, borrowed; NULL */
    const char *hypes_file;   /* that the program reads; NULL */
    const json_t *refused;    /* {"batch_size": "why it cannot be turned, and the line to add"}, borrowed; NULL */
    double start_seconds;     /* from the start of a trial to its first step */
    double step_seconds;      /* of one step, as the first look measured it */
    bool forks;               /* trials are forked from a program that has its data */
    const char *forks_note;   /* why not; NULL */
} tn_subject_facts;

/* Set by the user (Ctrl-C) or a budget; a running trial ends at its next step. */
typedef struct tn_cancel {
    atomic_bool requested;
} tn_cancel;

typedef struct tn_subject tn_subject;

/* Runs one trial. Thread-safe: trials of one subject may run side by side. A knob that cannot be turned, or a patch that does not fit, is no error but a
 * refused trial; TN_OK then. The caller deinits *result whatever is returned. `threads` is what this one trial may use. */
tn_status tn_subject_run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error);

/* What names this very trial in a store: a hash of subject, knobs, patch, seed, instruction set and version. false where the subject's trials do not repeat, or the knobs do not fit. */
enum { TN_TRIAL_KEY_SIZE = 24 };
bool tn_subject_trial_key(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE]);

/* Beside its key, what a trial was asked to measure: two trials of one key and one mark have the same result. */
enum { TN_TRIAL_MARK_SIZE = 96 };
void tn_trial_mark(const tn_trial_request *request, char mark[TN_TRIAL_MARK_SIZE]);

/* Fills a zeroed result from what the store has of it (subject_kind.h), all but losses and norms, for which there is room for result->steps. False where the text is no such result, or memory is out. */
bool tn_trial_result_restore(const char *json, bool with_norms, tn_trial_result *result);

/* Whether the subject's layers of the user's own compute what they should, which needs no training: a list with what plugin/plugin_check.h tells of each, and {"node": its number in the net, "where":
 * "net.1 (swish.so)"}. A new reference; an empty list where there are none. Errors are those of the machine. */
tn_status tn_subject_check_layers(const tn_subject *subject, json_t **checks, tn_error *error);

const tn_subject_facts *tn_subject_facts_of(const tn_subject *subject);
const tn_hypes *tn_subject_hypes(const tn_subject *subject); /* NULL where a subject has none */
void tn_subject_destroy(tn_subject *subject);

/* A subject on the engine. Reads the data and compiles the net once, so mistakes are told here. Borrows hypes, store (may be NULL) and cancel until destroyed. */
tn_status tn_subject_native(const tn_hypes *hypes, tn_store *store, tn_cancel *cancel, tn_subject **subject, tn_error *error);

/* A layer of the user's own, without a network: a plug-in's library. `assignments` as of the command line: arguments of the layer ("slope=1.5"), and "inputs", a list of shapes to try it on
 * ("inputs=[[8,8,3]]"). Mistakes in them are told here. Borrows cancel until destroyed. */
tn_status tn_subject_layer(const char *path, const char *const *assignments, size_t assignment_count, uint64_t seed, tn_cancel *cancel,
                           tn_subject **subject, tn_error *error);

/* The same subject with other hypes (a patch of its own), sharing the data already read: for a chain of fixes. */
tn_status tn_subject_repatched(const tn_subject *subject, const tn_hypes *hypes, tn_subject **other, tn_error *error);

#endif
