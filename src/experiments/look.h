/* look.h: the first run of the subject as given, with the rules watching, and whether it is broken (DESIGN.md, "How a cause is found", steps 1 and 2). */
#ifndef TN_EXPERIMENTS_LOOK_H
#define TN_EXPERIMENTS_LOOK_H

#include "experiments/investigation.h"
#include "rules/rules.h"

/* Samples that the look shows, for a person. */
enum { TN_LOOK_SHOWN = 10 };

typedef struct tn_look {
    tn_trial_request request;
    tn_trial_result result;
    tn_rule_set *rules;
    uint64_t steps;  /* of the look; the user's own number where it is affordable */
    bool truncated;  /* the user's run is longer */
    double standing; /* its score, 0 at least; 0 where it ended in NaN */
    bool nonfinite, diverged, near_trivial;
} tn_look;

/* Runs it, or takes what tn_look_keep left. Fills *look, to be deinited in any case. A spent budget leaves look->result cancelled. */
tn_status tn_look_run(tn_investigation *investigation, tn_look *look, tn_error *error);

/* The same, for so many steps only. It takes nothing over. */
tn_status tn_look_run_steps(tn_investigation *investigation, uint64_t steps, tn_look *look, tn_error *error);

void tn_look_deinit(tn_look *look);
bool tn_look_is_valid(const tn_look *look);

/* Leaves a look to the next who asks for one; *look is empty then. TN_ERROR_MEMORY alone. */
tn_status tn_look_keep(tn_investigation *investigation, tn_look *look, tn_error *error);

/* NaN, diverged or near the trivial score. */
bool tn_look_is_broken(const tn_look *look);

/* A program whose length is not known, and that ends by itself within a trial, has told how long it is, be it the look or, where the look broke, a trial of a change that repairs: look->steps is
 * then all of it. Of a trial that ended there the steps count as acknowledged. Nothing happens to other trials. */
void tn_look_take_own_end(tn_investigation *investigation, tn_look *look, const tn_trial_request *request, tn_trial_result *result);

/* A score below this is next to that of the trivial predictor, where there are samples enough to tell. Unit: score (0 trivial, 1 perfect). Own choice. */
#define TN_NEAR_TRIVIAL 0.1

/* Multiply-adds of a step of the subject, forward and backward. */
double tn_look_step_work(const tn_subject_facts *facts);

/* Steps that a trial of the subject may take: the user's own where affordable, else PROTOCOL B1's 2,000, or as many as the work of the net allows. */
uint64_t tn_look_steps(const tn_investigation *investigation);

/* Whether the shortest trial that shows whether a network learns is more than a trial may cost: trials are then few, and no longer than what they are to show takes. */
bool tn_look_is_costly(const tn_investigation *investigation);

/* Whether the rule fired in the look. */
bool tn_look_fired(const tn_look *look, const char *rule);

/* The signal of a rule that fired in the look and named this cause; NULL where there is none. */
const tn_signal *tn_look_signal_of(const tn_look *look, tn_cause_id cause);

/* Whether the rule fired in the look, and what it saw may come from this cause: the one that its signal names, else one of those that the catalogue has behind the symptom; in *place (may be NULL)
 * after how many likelier ones. */
bool tn_look_points_at(const tn_look *look, const char *rule, tn_cause_id cause, size_t *place);

/* The signals as JSON: [{"rule", "state", "step", "tensor", "value", "threshold", "cause", "text"}]. */
json_t *tn_look_signals(tn_investigation *investigation, const tn_look *look);

#endif
