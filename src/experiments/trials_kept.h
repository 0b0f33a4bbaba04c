/* trials_kept.h: trials that a store holds already, so that what was cut off goes on without running anything twice. */
#ifndef TN_EXPERIMENTS_TRIALS_KEPT_H
#define TN_EXPERIMENTS_TRIALS_KEPT_H

#include "store/store.h"
#include "subject/subject.h"

typedef struct tn_trials_kept tn_trials_kept;

/* The finished trials of an experiment. `store` may be NULL: none are kept, and *kept is NULL. */
tn_status tn_trials_kept_open(tn_store *store, const char *experiment, tn_trials_kept **kept, tn_error *error);
void tn_trials_kept_close(tn_trials_kept *kept); /* NULL is allowed */

/* Whether the store holds this very trial (subject, patch, seed, instruction set, version), and what it ended in: its score, 0 at least and 0 where it broke. kept may be NULL. */
bool tn_trials_kept_find(const tn_trials_kept *kept, const tn_subject *subject, const tn_trial_request *request, double *standing,
                         tn_trial_end *end, uint64_t *end_step);

#endif
