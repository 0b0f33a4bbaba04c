/* recorder_taker.h: the vitals of a tensor's values, and those of its units. Private to src/run.
 *
 * The same for everybody who takes them: the training's thread, which has the values in cache, and the recorder's own (recorder_queue.h). One caller at a time. */
#ifndef TN_RUN_RECORDER_TAKER_H
#define TN_RUN_RECORDER_TAKER_H

#include "run/recorder.h"

typedef struct tn_taker {
    tn_pool *pool; /* for large tensors, borrowed; may be NULL */
    tn_vitals vitals;
    tn_vitals *tiles; /* of one tensor */
    tn_unit_vitals known_units;
    tn_unit *units; /* [units_max] */
} tn_taker;

tn_status tn_taker_init(tn_taker *taker, size_t units_max, tn_pool *pool, tn_error *error);
void tn_taker_deinit(tn_taker *taker); /* zeroed memory is allowed */

/* Sets seen->vitals and, where they are wanted, seen->units, of the tensor seen->name with these values. known: its vitals, NULL where nobody took them yet. Valid until the next call. */
void tn_taker_take(tn_taker *taker, const float *values, const tn_vitals *known, bool with_units, tn_tensor_seen *seen);

#endif
