/* odds.h: how likely each cause is by what was seen so far (DESIGN.md, "How a cause is found", step 1), and how much an experiment would tell about it.
 *
 * The hypotheses are the causes of the catalogue that can be told in this subject, and that it is healthy; their odds always sum to 1. They choose the order of the experiments and stand in the
 * plan. They never decide: a cause is named where its fix, or a control, confirms it. So they need only be right about what is likelier, and the numbers below are round.
 *
 * At first: a cause is one of many, the learning rate is PROTOCOL A1's first suspect, and each proposer of a fix says how well its change fits what the hypes and the data show. Each rule that
 * fired in the first look then multiplies the odds of the causes that symptoms.def lists for it, most for the first in the list. The score of the look is the chance of being healthy.
 * After: an experiment that is likely to fail under some causes (experiment.h, fails_under) and rarely under others, by Bayes' rule. */
#ifndef TN_EXPERIMENTS_ODDS_H
#define TN_EXPERIMENTS_ODDS_H

#include "experiments/experiment.h"
#include "experiments/look.h"

/* The place of "it is healthy", behind the causes. */
enum { TN_ODDS_HEALTHY = TN_CAUSE_COUNT, TN_ODDS_COUNT = TN_CAUSE_COUNT + 1 };

typedef struct tn_odds {
    double of[TN_ODDS_COUNT];   /* sum 1; 0 of what cannot be told in this subject */
    bool raced[TN_CAUSE_COUNT]; /* has a fix that the race would try */
} tn_odds;

/* By the facts and the first look. TN_ERROR_MEMORY where that is out. */
tn_status tn_odds_init(tn_odds *odds, tn_investigation *investigation, const tn_look *look, tn_error *error);

/* Bits that the outcome is expected to tell: the entropy of the outcome less what would be left of it if the cause were known; of the race, which names a cause, the entropy of the causes that
 * it tries. At least 0. */
double tn_odds_bits(const tn_odds *odds, const tn_experiment *experiment);

/* What the outcome says. An inconclusive one says nothing. */
void tn_odds_update(tn_odds *odds, const tn_experiment *experiment, tn_verdict verdict);

/* "unscaled_input 41 %, bad_init 22 %, healthy 5 %": the likeliest three of at least one in a hundred. */
void tn_odds_describe(const tn_odds *odds, char *text, size_t size);

#endif
