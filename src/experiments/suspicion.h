/* suspicion.h: what the rules saw in the first look, and no experiment has confirmed: leaky and constant features, imbalance, overfitting, values that are not finite, a
 * gradient that does not reach the first layers.
 *
 * The race asks which change repairs. Some faults leave nothing to repair: a leak makes the score better, columns that were read wrongly are gone. A signal that names such a cause becomes a finding
 * that is suspected, with a control where there is one:
 *   leaky_feature  on fresh seeds, the training without this feature, and with no other
 *   overfitting    the training on half of the samples: does the score still rise with their number?
 * They are never confirmed: only a person knows where a column comes from. A feature that is needed and not enough is no leak. What only keeps a network from being
 * better is a fault where the score is poor; above that an imbalance is told as advice, since accuracy hides it, and overfitting not at all. */
#ifndef TN_EXPERIMENTS_SUSPICION_H
#define TN_EXPERIMENTS_SUSPICION_H

#include "experiments/finding.h"

/* Adds what the look points at and `findings` does not name yet, where none of them is confirmed. `race`: what was tried, for the evidence. Trials of the controls are added to outcome. */
tn_status tn_suspicions_add(tn_investigation *investigation, const tn_look *look, const tn_race *race, tn_findings *findings,
                            tn_outcome *outcome, tn_error *error);

#endif
