/* debug_plan.h: what a debug would run, told before it runs: every experiment with its trials, their steps and about how long they take. */
#ifndef TN_EXPERIMENTS_DEBUG_PLAN_H
#define TN_EXPERIMENTS_DEBUG_PLAN_H

#include "experiments/investigation.h"

/* The trials of one experiment, as far as they can be known beforehand: at most so many, since what is found ends a series early. */
typedef struct tn_planned {
    tn_investigation *investigation;
    uint64_t trials, steps; /* in all */
    json_t *list;           /* [{"text", "trials", "steps"}], steps of one trial; owned by the plan */
} tn_planned;

/* `trials` trials of `steps` steps each. */
void tn_planned_add(tn_planned *planned, uint64_t trials, uint64_t steps, const char *format, ...) TN_PRINTF(4, 5);

#endif
