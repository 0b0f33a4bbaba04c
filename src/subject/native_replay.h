/* native_replay.h: going back to the steps before an incident, so that their tensors are seen although nobody knew then that they would matter. Private to src/subject/native*.c.
 *
 * Snapshots of the trainer's state are kept in memory, two in rotation, every so many steps that taking them costs little. A replay restores one and does the steps since again, which gives
 * the same numbers bit for bit, with the recorder's tap on the last TN_INCIDENT_STEPS of them that it has not seen; the trainer stands afterwards where it stood before. When snapshots are
 * taken depends on the clock; what a replay shows does not, but for how far back it reaches where an incident comes within the first steps. */
#ifndef TN_SUBJECT_NATIVE_REPLAY_H
#define TN_SUBJECT_NATIVE_REPLAY_H

#include "engine/trainer.h"
#include "run/recorder.h"

typedef struct tn_replay {
    void *states[2];         /* NULL: nothing is replayed */
    uint64_t steps[2];       /* after so many steps states[i] was saved; UINT64_MAX: it is empty */
    size_t size;             /* of a state, bytes */
    uint64_t interval, next; /* steps from one snapshot to the next, and when that is */
    uint64_t fastest_ns;     /* the least that a step took */
    uint64_t done_until;     /* the last step that was replayed */
    size_t left;             /* replays that may still be done */
} tn_replay;

/* For a training that begins now. A network whose states are too large to be kept twice has no replays. */
tn_status tn_replay_init(tn_replay *replay, const tn_trainer *trainer, tn_error *error);
void tn_replay_deinit(tn_replay *replay); /* zeroed memory is allowed */

/* Before each step: takes a snapshot where one is due. `step` steps are done; the last took last_ns (0: unknown). */
void tn_replay_before_step(tn_replay *replay, const tn_trainer *trainer, uint64_t step, uint64_t last_ns);

/* After `step`, on which an incident was seen. Does nothing where these steps were replayed already, or too often. */
tn_status tn_replay_run(tn_replay *replay, tn_trainer *trainer, tn_recorder *recorder, uint64_t step, tn_error *error);

#endif
