/* program_mend.h: mends of an attached program: changes of how it uses its framework, which the child offers and makes (docs/attach.md, "What only a framework program can get wrong").
 *
 * In a patch a mend is the path "program.NAME". What the child says of it is in facts->mends; nothing of that is trusted: an entry without a name or with a cause that the catalogue does not have is
 * left out. The race judges mends like every other fix; here is what it cannot: what a measurement of the child's proved by itself, and what is a mistake whatever the score. */
#ifndef TN_EXPERIMENTS_PROGRAM_MEND_H
#define TN_EXPERIMENTS_PROGRAM_MEND_H

#include "experiments/finding.h"

/* The entry of facts->mends at a path of a patch, borrowed; NULL where the path is none of a mend's, or nobody offered it. */
const json_t *tn_mend_at(const tn_subject_facts *facts, const char *path);

/* Name and cause of an entry; false where it has none that are valid. `name` is borrowed. */
bool tn_mend_read(const json_t *mend, const char **name, tn_cause_id *cause);

/* Whether a trial can show what the mend does. */
bool tn_mend_can_race(const json_t *mend);

/* Whether a control of the child's has proven a mend of this patch (NULL is allowed). */
bool tn_mend_is_proven(const tn_subject_facts *facts, const json_t *patch);

/* Whether one is proven that no trial can show. */
bool tn_mend_any_proven_unraced(const tn_subject_facts *facts);

/* Puts what the child saw of the mends in a patch, and measured, onto a list of evidence. */
void tn_mend_add_evidence(tn_investigation *investigation, json_t *evidence, const json_t *patch);

/* Findings of the mends that the child proved by a control; raced: only of those that a trial can show. Not what findings have already, nor what an earlier experiment told. */
void tn_mend_add_controls(tn_investigation *investigation, tn_findings *findings, bool raced);

/* Suspected findings of the mends that are mistakes in any program, and that no finding names yet. */
void tn_mend_add_certain(tn_investigation *investigation, tn_findings *findings);

/* The same of all that were seen, for a program that does not train and of which nothing else is known: a mistake that does not repair by itself may be one of two. */
void tn_mend_add_seen(tn_investigation *investigation, tn_findings *findings);

#endif
