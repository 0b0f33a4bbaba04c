/* native_replay.c: see native_replay.h.
 *
 *     states[0]           states[1]                incident
 *         |------------------|------------------------|          steps
 *                       the last 8 steps:       [xxxxxxxx]
 *
 * The newer snapshot serves where it lies before the last TN_INCIDENT_STEPS steps, else the older one. */
#include "subject/native_replay.h"

#include <string.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
    LEAST_INTERVAL = 2 * TN_INCIDENT_STEPS, /* so that the older snapshot always lies far enough back */
    MOST_INTERVAL = 1024,                   /* a replay does at most twice as many steps */
    REPLAYS = 16                            /* a training; a rule that fires again and again must not double its time */
};

/* Of the step time, what snapshots may take. Own choice: a tenth of what watching may. */
static const double SHARE = 0.005;

/* Bytes. A larger state is not kept twice. */
#define STATE_MAX ((size_t)512 << 20)

tn_status tn_replay_init(tn_replay *replay, const tn_trainer *trainer, tn_error *error)
{
    *replay = (tn_replay){.steps = {UINT64_MAX, UINT64_MAX},
                          .size = tn_trainer_state_size(trainer),
                          .interval = LEAST_INTERVAL,
                          .fastest_ns = UINT64_MAX,
                          .left = REPLAYS};
    if (replay->size > STATE_MAX)
        return TN_OK;
    for (size_t i = 0; i < 2; i++) {
        replay->states[i] = tn_memory_create(replay->size, 1);
        if (!replay->states[i]) {
            tn_replay_deinit(replay);
            return tn_fail_memory(error, replay->size);
        }
    }
    return TN_OK;
}

void tn_replay_deinit(tn_replay *replay)
{
    tn_memory_destroy(replay->states[0]);
    tn_memory_destroy(replay->states[1]);
    *replay = (tn_replay){0};
}

void tn_replay_before_step(tn_replay *replay, const tn_trainer *trainer, uint64_t step, uint64_t last_ns)
{
    if (last_ns > 0 && last_ns < replay->fastest_ns)
        replay->fastest_ns = last_ns;
    if (!replay->states[0] || step < replay->next || replay->left == 0)
        return;
    size_t older = replay->steps[0] == UINT64_MAX || (replay->steps[1] != UINT64_MAX && replay->steps[0] < replay->steps[1]) ? 0 : 1;
    uint64_t start_ns = tn_clock_ns();
    tn_trainer_save(trainer, replay->states[older]);
    replay->steps[older] = step;
    double save_ns = (double)(tn_clock_ns() - start_ns), wanted = LEAST_INTERVAL;
    if (replay->fastest_ns != UINT64_MAX)
        wanted = save_ns / (SHARE * (double)replay->fastest_ns);
    replay->interval = wanted < LEAST_INTERVAL ? LEAST_INTERVAL : wanted > MOST_INTERVAL ? MOST_INTERVAL : (uint64_t)wanted;
    replay->next = step + replay->interval;
}

/* The snapshot from which all of first .. can be done again: the newest that is old enough, else the oldest there is. */
static size_t choose(const tn_replay *replay, uint64_t first)
{
    size_t newer = replay->steps[1] != UINT64_MAX && (replay->steps[0] == UINT64_MAX || replay->steps[1] > replay->steps[0]) ? 1 : 0;
    if (replay->steps[newer] >= first && replay->steps[1 - newer] != UINT64_MAX)
        return 1 - newer;
    return newer;
}

tn_status tn_replay_run(tn_replay *replay, tn_trainer *trainer, tn_recorder *recorder, uint64_t step, tn_error *error)
{
    if (!replay->states[0] || replay->left == 0 || (replay->done_until > 0 && step < replay->done_until + TN_INCIDENT_STEPS))
        return TN_OK;
    uint64_t first = step > TN_INCIDENT_STEPS ? step - TN_INCIDENT_STEPS + 1 : 1;
    size_t from = choose(replay, first);
    replay->left--;
    replay->done_until = step;
    tn_status status = tn_trainer_restore(trainer, replay->states[from], replay->size, error);
    for (uint64_t at = replay->steps[from] + 1; at <= step && status == TN_OK; at++) {
        bool is_shown = at >= first && !tn_recorder_has_seen(recorder, at);
        tn_step_result result;
        tn_recorder_replay(recorder, at);
        tn_trainer_step(trainer, false, is_shown ? tn_recorder_tap : NULL, recorder, &result);
    }
    tn_recorder_replay(recorder, 0);
    return status;
}
