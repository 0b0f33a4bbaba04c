/* nonfinite_origin.h: where in the training as given a finite number first became NaN or Inf, and whether the rate or the op is to blame
 * (PROTOCOL A3). The experiment "nonfinite" and the race share it: what one has found out the other does not run again. */
#ifndef TN_EXPERIMENTS_NONFINITE_ORIGIN_H
#define TN_EXPERIMENTS_NONFINITE_ORIGIN_H

#include "experiments/finding.h"
#include "experiments/investigation.h"

/* Fills investigation->origin, once; its trials go onto the outcome's list. A spent budget, or a subject that cannot repeat the fault, leaves `found` false, or `where`
 * NULL. Errors are those of the machine. */
tn_status tn_nonfinite_examine(tn_investigation *investigation, tn_outcome *outcome, tn_error *error);

/* The finding that follows: nonfinite_input, or nonfinite_op where the rate is not to blame. None where the lists name that cause already, or nothing was found. */
void tn_nonfinite_add_finding(tn_investigation *investigation, tn_findings *findings);

#endif
