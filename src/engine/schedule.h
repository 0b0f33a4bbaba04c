/* schedule.h: the learning rate over time (hypes.solver.decay).
 *
 * step: from epoch `after` on, every `every` epochs, divide by `factor` (PROTOCOL C5: factor 1.5, after > every); the first division happens when epoch `after` begins (epochs count from 0).
 * cosine: from the full rate to `floor` times it over the whole run. warmup: the rate rises linearly over the first `warmup` steps, before either. */
#ifndef TN_ENGINE_SCHEDULE_H
#define TN_ENGINE_SCHEDULE_H

#include <stdint.h>

#include "hypes/hypes.h"

typedef enum tn_decay { TN_DECAY_NONE, TN_DECAY_STEP, TN_DECAY_COSINE } tn_decay;

typedef struct tn_schedule {
    tn_decay decay;
    double learning_rate;
    double factor, floor;
    uint64_t after, every; /* epochs */
    uint64_t warmup;       /* steps */
    uint64_t steps_per_epoch, steps_total;
} tn_schedule;

tn_schedule tn_schedule_read(const tn_hypes *hypes, uint64_t steps_per_epoch, uint64_t steps_total);
double tn_schedule_rate(const tn_schedule *schedule, uint64_t step); /* step from 0 */

#endif
