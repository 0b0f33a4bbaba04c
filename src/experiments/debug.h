/* debug.h: run the whole protocol, or one experiment of it, on a subject. The result is a document of the schema tenet.report/1.
 *
 * What the document holds beyond DESIGN's schema: each entry of "experiments" has "title", "summary" (one sentence) and "evidence" (as in findings); "subject" has the facts;
 * "signals" lists what the rules saw in the first run; each entry of "ruled_out" is {"cause", "why"}; of "advice" {"cause", "text", "patch", "effect"}; of "plan" {"experiment", "why", "steps"}; of "chain" {"cause", "fix", "verdict", "suspected", "score", "cost"}, and then
 * "fixed" is {"patch", "verdict", "score"} of all its changes together. */
#ifndef TN_EXPERIMENTS_DEBUG_H
#define TN_EXPERIMENTS_DEBUG_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "rules/rules.h"
#include "subject/subject.h"

/* Told now and then while it works: `fraction` of the expected work in [0, 1], never falling, and what is being done ("lr_boundary: rate 0.03"). May come from
 * the calling thread only. */
typedef void tn_progress_fn(void *context, double fraction, const char *activity);

typedef struct tn_debug_options {
    size_t threads;                /* trials side by side, at least 1 */
    uint64_t seed;                 /* of the first trial; the others follow from it */
    uint64_t budget_steps;         /* 0: none */
    double budget_seconds;         /* 0: none */
    const tn_rule_settings *rules; /* of the first look; NULL: the defaults */
    const tn_hypes *other;         /* of tn_debug_bisect; NULL elsewhere */
    tn_store *store;               /* whose trials a search does not run again; NULL: none */
    bool resumes;                  /* take finished trials from the store, in place of running them again */
    size_t search_trials;          /* of a search; 0: 50 */
    bool until_healthy;            /* debug again after each confirmed change, also where that takes long */
    const tn_observer *look;       /* sees the first look at the training as given, beside the rules; NULL: none */
    tn_cancel *cancel;             /* of the subject; a budget in seconds sets it */
    tn_progress_fn *progress;      /* may be NULL */
    void *progress_context;
} tn_debug_options;

/* The whole protocol; where a fix was confirmed, again with it made, until the subject is healthy. *report is a new reference. A budget spent, or a cancel, still gives TN_OK and a report, marked inconclusive. */
tn_status tn_debug_run(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error);

/* What tn_debug_run would run: verdict "planned", "plan" with every experiment's trials, steps and estimated seconds, "cost" with the sums. */
tn_status tn_debug_plan(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error);

/* One experiment by its command ("lr", "overfit"); the report holds it alone. */
tn_status tn_debug_experiment(tn_subject *subject, const char *command, const tn_debug_options *options, json_t **report, tn_error *error);

/* Which differences between the subject's hypes, which train, and options->other, which do not, break the training (PROTOCOL D3). Both must be of one kind. */
tn_status tn_debug_bisect(tn_subject *subject, const tn_debug_options *options, json_t **report, tn_error *error);

/* The experiments, in the order of the protocol. */
typedef struct tn_experiment_info {
    const char *name;     /* "lr_boundary" */
    const char *command;  /* "lr" */
    const char *protocol; /* "A1, A2" */
    const char *title;    /* one line for help */
} tn_experiment_info;
size_t tn_experiment_count(void);
const tn_experiment_info *tn_experiment_at(size_t index);

#endif
