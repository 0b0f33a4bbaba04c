/* schedule.c: the learning rate of each step. See schedule.h.
 *
 * Warm-up and decay multiply: rate(step) = learning_rate * min(1, (step + 1) / warmup) * decay(step). The steps of a cosine are those
 * after the warm-up; the epochs of "step" count from the start of training. */
#include "engine/schedule.h"

#include <math.h>
#include <string.h>

tn_schedule tn_schedule_read(const tn_hypes *hypes, uint64_t steps_per_epoch, uint64_t steps_total)
{
    tn_schedule schedule = {.decay = TN_DECAY_NONE,
                            .learning_rate = tn_hypes_number(hypes, "solver.learning_rate"),
                            .warmup = (uint64_t)tn_hypes_integer(hypes, "solver.warmup"),
                            .steps_per_epoch = steps_per_epoch,
                            .steps_total = steps_total};
    if (tn_hypes_is_null(hypes, "solver.decay")) {
        return schedule;
    }
    schedule.decay = strcmp(tn_hypes_string(hypes, "solver.decay.kind"), "cosine") == 0 ? TN_DECAY_COSINE : TN_DECAY_STEP;
    schedule.factor = tn_hypes_number(hypes, "solver.decay.factor");
    schedule.floor = tn_hypes_number(hypes, "solver.decay.floor");
    schedule.after = (uint64_t)tn_hypes_integer(hypes, "solver.decay.after");
    schedule.every = (uint64_t)tn_hypes_integer(hypes, "solver.decay.every");
    return schedule;
}

static double decayed(const tn_schedule *schedule, uint64_t step)
{
    if (schedule->decay == TN_DECAY_STEP) {
        const uint64_t epoch = step / (schedule->steps_per_epoch > 0 ? schedule->steps_per_epoch : 1);
        const uint64_t divisions = epoch < schedule->after ? 0 : 1 + (epoch - schedule->after) / schedule->every;
        return pow(schedule->factor, -(double)divisions);
    }
    if (schedule->decay == TN_DECAY_COSINE) {
        if (step < schedule->warmup) {
            return 1;
        }
        if (step >= schedule->steps_total) {
            return schedule->floor;
        }
        const double share = (double)(step - schedule->warmup) / (double)(schedule->steps_total - schedule->warmup);
        return schedule->floor + (1 - schedule->floor) * 0.5 * (1 + cos(3.14159265358979323846 * share));
    }
    return 1;
}

double tn_schedule_rate(const tn_schedule *schedule, uint64_t step)
{
    const double warm = step < schedule->warmup ? (double)(step + 1) / (double)schedule->warmup : 1;
    return schedule->learning_rate * warm * decayed(schedule, step);
}
