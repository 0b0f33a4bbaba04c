/* experiment.h: what every experiment provides. One experiment, one file, one row in experiment_table.c, one test. */
#ifndef TN_EXPERIMENTS_EXPERIMENT_H
#define TN_EXPERIMENTS_EXPERIMENT_H

#include "experiments/debug.h"
#include "experiments/debug_plan.h"
#include "experiments/investigation.h"

typedef struct tn_experiment {
    tn_experiment_info info;
    const char *why; /* what it would tell, for the plan */
    /* The causes under which it is likely to fail, comma separated: what it can tell apart from the others. NULL for the race, which names the cause itself, and for those that no plan chooses. */
    const char *fails_under;
    /* Runs its trials and concludes `outcome` (initialised by the caller). A spent budget ends in TN_VERDICT_INCONCLUSIVE, and TN_OK. */
    tn_status (*run)(tn_investigation *investigation, tn_outcome *outcome, tn_error *error);
    /* What it would run, for those of the protocol; NULL for the others. */
    tn_status (*plan)(tn_investigation *investigation, tn_planned *planned, tn_error *error);
} tn_experiment;

extern const tn_experiment tn_experiment_initial_loss, tn_experiment_lr_boundary, tn_experiment_nonfinite, tn_experiment_overfit,
    tn_experiment_samples, tn_experiment_scale, tn_experiment_clip, tn_experiment_init, tn_experiment_decay, tn_experiment_race,
    tn_experiment_search, tn_experiment_batch, tn_experiment_simplify, tn_experiment_climb, tn_experiment_softmax, tn_experiment_usage,
    tn_experiment_gradcheck;

/* Of tn_debug_bisect: it needs other hypes, so it is no experiment of the table. */
extern const tn_experiment tn_experiment_bisect;

/* The experiments of a whole debug of such a subject, in the order of the protocol; debug_walk.h says in which order they run. */
const tn_experiment *const *tn_debug_protocol(const tn_subject_facts *facts, size_t *count);

/* Runs `experiment` at once where a whole debug has not run it yet, for another one that needs what it tells; `why` is for the plan. Else does nothing. */
tn_status tn_debug_ask(tn_investigation *investigation, const tn_experiment *experiment, const char *why, tn_error *error);

/* A report about the subject that says nothing yet (a new reference). */
json_t *tn_debug_document(tn_investigation *investigation);

const tn_experiment *tn_experiment_find(const char *command); /* NULL where there is none */

/* Runs an experiment and adds its entry to the report's "experiments" and, with `why`, "plan". *outcome is initialised here and deinited by the caller, in any case. */
tn_status tn_experiment_perform(tn_investigation *investigation, const tn_experiment *experiment, const char *why, json_t *report,
                                tn_outcome *outcome, tn_error *error);

/* {"experiment", "why", "steps"} onto the report's "plan". */
void tn_plan_add(tn_investigation *investigation, json_t *report, const char *name, const char *why, uint64_t steps);

#endif
