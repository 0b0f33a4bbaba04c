/* support_recorded.h: a store with three made-up runs, the same each time.
 *
 * Run 1 learns, with vitals. Run 2 is the same at a hundred times the rate: NaN from step 57 on, and two signals. Run 3 is one step of an experiment, without vitals, and its process was killed. */
#ifndef TN_SUPPORT_RECORDED_H
#define TN_SUPPORT_RECORDED_H

#include "run/recorder.h"
#include "store/store.h"

enum { RECORDED_STEPS = 200, RECORDED_BROKEN = 57 };

/* Records the three runs; `live` (may be NULL) observes the first one. */
void recorded_write(tn_store *store, const tn_observer *live);

/* A store at `path` with the three runs, all begun at 2026-11-28T10:00:00Z. */
void recorded_make(const char *path);

/* Changes the file: a damage, an older time. */
void recorded_sql(const char *path, const char *sql);

#endif
