/* trials_kept.h: trials that a store holds already, so that what was cut off goes on without running anything twice. */
#ifndef TN_EXPERIMENTS_TRIALS_KEPT_H
#define TN_EXPERIMENTS_TRIALS_KEPT_H

#include "store/store.h"
#include "subject/subject.h"

/* The end of a trial that is finished, by its name in the store; false for one that was cancelled, refused or never ended. */
bool tn_kept_end(const char *name, tn_trial_end *end);

typedef struct tn_trials_kept tn_trials_kept;

/* The finished trials of an experiment. `store` may be NULL: none are kept, and *kept is NULL. */
tn_status tn_trials_kept_open(tn_store *store, const char *experiment, tn_trials_kept **kept, tn_error *error);
void tn_trials_kept_close(tn_trials_kept *kept); /* NULL is allowed */

/* Whether the store holds this very trial (subject, patch, seed, instruction set, version), and what it ended in: its score, 0 at least and 0 where it broke. kept may be NULL. */
bool tn_trials_kept_find(const tn_trials_kept *kept, const tn_subject *subject, const tn_trial_request *request, double *standing,
                         tn_trial_end *end, uint64_t *end_step);

/* ---- for --resume: whole results ---- */

typedef struct tn_results_kept tn_results_kept;

/* All finished trials of a store whose results can be made again. `subject` is the name under which they stand. Borrows the store until closed. */
tn_status tn_results_kept_open(tn_store *store, const char *subject, tn_results_kept **kept, tn_error *error);
void tn_results_kept_close(tn_results_kept *kept); /* NULL is allowed */

/* Where the store holds this very trial, *result is what it gave, and *taken is true. Not of a trial that is watched or shows samples: what its observers saw is not kept. May be called from several
 * threads. kept NULL: nothing is taken. */
tn_status tn_results_kept_take(const tn_results_kept *kept, const tn_subject *subject, const tn_trial_request *request, bool *taken,
                               tn_trial_result *result, tn_error *error);

/* How many there are under the subject's name. */
size_t tn_results_kept_count(const tn_results_kept *kept);

#endif
