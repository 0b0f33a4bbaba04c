/* debug_walk.h: one walk through the protocol: which experiment comes next, and when it is enough (DESIGN.md, "How a cause is found").
 *
 * Of a program first what its calls of the framework show (experiment_usage.c), which may settle it. Then the look: what its rules see gives each cause its odds (odds.h). Then, again and again, of the experiments that could still change the verdict the one that is expected to tell most for its
 * cost: bits a step, its cost being what its plan says for this subject at most. What it finds moves the odds. The walk ends where a cause is confirmed, nothing is left that could change the
 * verdict, or the budget is spent. The report's "plan" has every experiment with the odds that chose it, and those left out with the reason.
 *
 * What could still change the verdict, beside that no cause is confirmed:
 *   lr_boundary   always: its rates bound those that are raced
 *   race          always, and behind lr_boundary, since a trial of it costs as much as the ladder
 *   nonfinite     where a trial of the training as given has turned non-finite; behind lr_boundary, whose ladder tells whether a smaller rate helps
 *   overfit       of a subject that trains, as a proof of its health; of a broken one only where the race confirms no single change (it asks for it then)
 *   batch         where the race explains nothing; behind overfit
 *   initial_loss and samples   always: they are read off the look, and cost nothing */
#ifndef TN_EXPERIMENTS_DEBUG_WALK_H
#define TN_EXPERIMENTS_DEBUG_WALK_H

#include "experiments/experiment.h"

/* Runs the whole protocol on the investigation's subject and fills the report (tn_debug_document) with all but its verdict and cost. A spent budget still gives TN_OK; what it kept from running
 * stands in the report as inconclusive. */
tn_status tn_debug_walk(tn_investigation *investigation, json_t *report, tn_error *error);

/* Runs one experiment for the report, and moves what it found to the report's top. The verdict goes into *verdict (may be NULL). */
tn_status tn_debug_perform(tn_investigation *investigation, const tn_experiment *experiment, const char *why, json_t *report,
                           tn_verdict *verdict, tn_error *error);

#endif
