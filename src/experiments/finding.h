/* finding.h: findings, advice and what was ruled out, as they stand in the report (DESIGN.md, "Command line"). */
#ifndef TN_EXPERIMENTS_FINDING_H
#define TN_EXPERIMENTS_FINDING_H

#include "experiments/label_signal.h"
#include "experiments/race.h"

/* The lists that a diagnosis fills. */
typedef struct tn_findings {
    json_t *findings, *advice, *ruled_out; /* owned arrays */
} tn_findings;

void tn_findings_init(tn_findings *findings);
void tn_findings_deinit(tn_findings *findings);

/* A finding with its cause and whether it was confirmed, and by what ("fix", "control"; NULL where it was not): for the caller to fill. A new reference. */
json_t *tn_finding_create(tn_investigation *investigation, tn_cause_id cause, bool is_confirmed, const char *by);

/* Puts a finding (stolen) behind those that are confirmed, where it is; else last. */
void tn_finding_place(tn_investigation *investigation, tn_findings *findings, json_t *finding);

/* Whether a list of findings has one that is confirmed: such stand first. */
bool tn_finding_has_confirmed(const json_t *findings);

/* A fix that was tried on fresh seeds: an error where they confirmed it, else suspected. */
void tn_finding_add_fix(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_fix *fix,
                        const tn_confirmation *confirmation);

/* A fix that could not be tried from outside, of a subject that is broken: suspected, with the line to change and why nothing proves it. */
void tn_finding_add_untried(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_fix *fix,
                            const char *why);

/* Misaligned labels, convicted by the control. */
void tn_finding_add_labels(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_label_signal *signal,
                           const tn_label_control *control);

/* Values in the data that are not finite: counted, so seen rather than raced. */
void tn_finding_add_nonfinite_input(tn_investigation *investigation, tn_findings *findings);

/* A change that fresh seeds found better, for a subject which trains as it is. */
void tn_finding_add_advice(tn_investigation *investigation, tn_findings *findings, const tn_fix *fix, const tn_confirmation *confirmation);

/* The best answer so far, where the budget is spent: a candidate that did much better on the one seed of the race, as far as it ran. Suspected. */
void tn_finding_add_best_so_far(tn_investigation *investigation, tn_findings *findings, const tn_look *look, const tn_candidate *candidate);

/* Causes that were raced and did not repair, one line each: those of no finding and no advice. */
void tn_finding_rule_out(tn_investigation *investigation, tn_findings *findings, const tn_race *race);

/* Candidates that repaired in the screening but were not confirmed as findings, for the reader. */
void tn_finding_mention_others(tn_investigation *investigation, tn_findings *findings, const tn_candidate *const *ranked, size_t count);

/* Whether a finding names the cause already. */
bool tn_finding_names(const tn_findings *findings, tn_cause_id cause);

/* What the subject does as given, in words: "NaN at step 3", "a score of 0.02 after 2000 steps". */
void tn_finding_describe_look(const tn_look *look, char *text, size_t size);

#endif
