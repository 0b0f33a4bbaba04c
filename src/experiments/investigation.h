/* investigation.h: one debug of one subject: what its experiments share, and how they run trials.
 *
 * Trials of one batch run side by side, one a thread. A budget or a cancel ends the running ones at their next step and sets `spent`; what was found until then stands.
 * Cadence and halving count steps, so a debug repeats; the clock only stops it. */
#ifndef TN_EXPERIMENTS_INVESTIGATION_H
#define TN_EXPERIMENTS_INVESTIGATION_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/threads.h"
#include "causes/causes.h"
#include "experiments/debug.h"
#include "subject/subject.h"

/* The verdict of one experiment. */
typedef enum tn_verdict { TN_VERDICT_INCONCLUSIVE, TN_VERDICT_PASS, TN_VERDICT_FAIL } tn_verdict;

const char *tn_verdict_name(tn_verdict verdict); /* "inconclusive", "pass", "fail" */

/* What an experiment ends in. The JSON values are owned; deinit frees them. */
typedef struct tn_outcome {
    tn_verdict verdict;
    char summary[512]; /* one sentence */
    json_t *evidence;  /* array of {"text", "value", "threshold", "source"} */
    json_t *trials;    /* array, see tn_outcome_add_trial */
    json_t *result;    /* object, the experiment's own */
} tn_outcome;

/* The rates that lr_boundary found, for those after it. NAN: not known. */
typedef struct tn_known_rates {
    double clean;     /* highest rate known to run 100 steps clean */
    double boundary;  /* lowest rate tried that broke */
    double steepest;  /* the clean rate whose loss was lowest after 100 steps */
    bool given_broke; /* the user's rate did */
} tn_known_rates;

/* Where numbers first broke in the training as given, by nonfinite_origin.h. */
typedef struct tn_known_origin {
    bool examined; /* whether a trial has looked */
    bool found;    /* the training as given turns non-finite, at step `step` (from 1) */
    uint64_t step;
    json_t *
        where; /* {"node", "op", "direction", "step", "updates", "tensor", "sample", "row", "file", "line"} as far as known; owned, or NULL */
    char text[320];      /* the same in a sentence */
    bool is_suspicion;   /* the loss stays finite; only the norm of the gradient speaks */
    bool is_data;        /* it came in with the data */
    bool is_overflow;    /* a program's dtype is too narrow for it: the same function of the same values is finite in float32 */
    tn_verdict persists; /* however small the rate is: pass; fail where a smaller one runs clean; inconclusive where that is not known */
    char persists_text[256];
    json_t *guard; /* a patch that guards the op; owned, or NULL where there is none */
    char guard_text[96];
    tn_verdict guard_helps; /* pass: the same trial with the guard, and nothing else changed, stays finite */
} tn_known_origin;

/* What the race found, for the experiments behind it. All false and 0 before it, `known` too. */
typedef struct tn_known_race {
    bool explained; /* a finding is confirmed, or stands beyond doubt */
    bool broken, nonfinite;
    double standing; /* of the subject as given */
    double known;    /* a score that these data are known to allow, by their nearest neighbours; NAN: not asked */
    uint64_t
        untried_beyond; /* the subject scores poorly, and ends by itself after so many steps: more of them could not be tried; 0: else */
} tn_known_race;

struct tn_look;
struct tn_walk;

typedef struct tn_investigation {
    tn_subject *subject;
    const tn_subject_facts *facts;
    const tn_hypes *hypes; /* of the subject; NULL where it has none */
    const tn_debug_options *options;
    tn_pool *pool;                  /* of options->threads, for trials side by side */
    uint64_t start_ns, deadline_ns; /* deadline 0: none */
    uint64_t own_steps;             /* after which the subject ended by itself, where only a look could tell; 0: not seen */
    uint64_t trials;                /* run so far */
    struct tn_results_kept *kept;   /* of a debug that goes on (trials_kept.h); NULL */
    size_t taken;                   /* trials that were taken from there */
    atomic_uint_fast64_t steps;     /* run so far, by all trials */
    uint64_t planned_steps;         /* expected in all, for the progress */
    uint64_t announced_steps;       /* of tn_investigation_expect so far */
    double progress;
    const char *activity;
    atomic_bool spent;         /* the budget ran out or the user cancelled */
    struct tn_look *kept_look; /* a first look that the next one who looks takes over (look.h); owned, or NULL */
    tn_known_rates rates;
    tn_known_origin origin;
    tn_known_race raced;
    bool is_settled; /* the cause is confirmed, and what comes behind in the protocol is left out */
    bool mends_told; /* what was seen of a program's use of its framework stands in the report already */
    struct tn_look
        *look; /* the first look, shared by all experiments of a whole debug (look.h); NULL before it and for one experiment alone */
    struct tn_walk *walk;      /* a whole debug (debug_walk.h); NULL for one experiment alone */
    uint64_t asked_steps;      /* of experiments that ran within another, which asked for them */
    bool is_whole;             /* the whole protocol, not one experiment of it */
    atomic_bool saw_nonfinite; /* a trial that changed no more than steps and seed turned non-finite */
    tn_verdict overfits; /* whether ten samples can be learnt by heart; inconclusive until overfit has run, as where nothing asks for it */
    bool out_of_memory;  /* a JSON value could not be made; told once, at the end */
} tn_investigation;

tn_status tn_investigation_init(tn_investigation *investigation, tn_subject *subject, const tn_debug_options *options, tn_error *error);
void tn_investigation_deinit(tn_investigation *investigation);

/* A number of hypes.debug ("nan_steps"), or `otherwise` for a subject without hypes. */
double tn_investigation_setting(const tn_investigation *investigation, const char *key, double otherwise);

/* Steps of the whole training as given: those that its facts tell, else those after which it was seen to end by itself; 0: not known. */
uint64_t tn_investigation_length(const tn_investigation *investigation);

/* More work ahead: `steps` of it; `activity` (a literal) is what the progress says from now on. */
void tn_investigation_expect(tn_investigation *investigation, uint64_t steps, const char *activity);

/* A request that changes nothing: the subject as the user wrote it, for `steps` steps, scored at its ends. */
tn_trial_request tn_trial_as_given(const char *experiment, uint64_t steps);

/* Runs requests [count] side by side; results [count] are to be deinited by the caller, in any case. Trials that a spent budget kept from running end as
 * TN_TRIAL_CANCELLED. Errors are those of the machine (memory, store), never those of a trial. */
tn_status tn_trials_run(tn_investigation *investigation, const tn_trial_request *requests, tn_trial_result *results, size_t count,
                        tn_error *error);
void tn_trials_deinit(tn_trial_result *results, size_t count);

/* Whether the trial proves anything: it ran to an end of its own, with every knob applied. */
bool tn_trial_is_valid(const tn_trial_request *request, const tn_trial_result *result);

/* Whether the loss diverged: the median of the last 20 steps is over twice the initial loss (PROTOCOL A2). The initial loss is that of the training set before the first step
 * where the trial was scored, else `initial_loss`: a single batch may be lucky, and a rate far too high explodes within five steps. Where the first batches lose more than that,
 * it is theirs: batch normalisation and dropout make the same weights lose more in training than where they are scored. */
bool tn_trial_diverged(const tn_trial_result *result, double initial_loss);

/* Median of values [count]; non-finite ones count as +Inf. NAN where count is 0. */
double tn_median(const double *values, size_t count);

/* The score that counts for comparisons: that after the last step; 0, the trivial predictor's, where the trial ended in NaN or scored below it or has none. Of a subject
 * that cannot be scored: 1 for a trial that stays finite and does not diverge, so that a change which keeps it so counts. */
double tn_trial_standing(const tn_investigation *investigation, const tn_trial_result *result);

/* Whether a change from `base` to `with` is dramatic: it closes at least half of 1 - base, and at least 0.1 (DESIGN.md, "How a cause is found", step 2). Units: score. */
bool tn_standing_is_dramatic(double base, double with);

/* Whether the subject can turn these knobs (of tn_knob) and, where asked for, be scored. If not, concludes `outcome` as inconclusive with the reason, and the line to add where one is known. */
bool tn_investigation_can(const tn_investigation *investigation, uint32_t knobs, bool scored, tn_outcome *outcome);

/* Why the subject cannot turn one of `knobs`, in its own words where it gave a reason; NULL where it can turn all. */
const char *tn_investigation_refusal(const tn_investigation *investigation, uint32_t knobs);

/* ---- outcomes ---- */

void tn_outcome_init(tn_outcome *outcome);
void tn_outcome_deinit(tn_outcome *outcome);
void tn_outcome_conclude(tn_outcome *outcome, tn_verdict verdict, const char *format, ...) TN_PRINTF(3, 4);

/* {"text", "value", "threshold", "source"} onto a list; value or threshold NAN become null. source may be NULL. */
void tn_evidence_add(tn_investigation *investigation, json_t *list, double value, double threshold, const char *source, const char *format,
                     ...) TN_PRINTF(6, 7);

/* The trial's knobs and how it went, as JSON (a new reference), and onto the outcome's list. */
json_t *tn_trial_json(tn_investigation *investigation, const tn_trial_request *request, const tn_trial_result *result);
void tn_outcome_add_trial(tn_investigation *investigation, tn_outcome *outcome, const tn_trial_request *request,
                          const tn_trial_result *result);

/* JSON that remembers when memory was out. A new value is stolen; NULL sets out_of_memory. Non-finite numbers become null. */
json_t *tn_json_checked(tn_investigation *investigation, json_t *value);
void tn_json_set(tn_investigation *investigation, json_t *object, const char *key, json_t *value);
void tn_json_append(tn_investigation *investigation, json_t *array, json_t *value);
json_t *tn_json_number(double value);

#endif
