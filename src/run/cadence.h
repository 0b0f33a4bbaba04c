/* cadence.h: on which steps a training's tensors are observed, so that it costs at most a stated share of the step time.
 *
 * Two plans. Counted: every n-th step, whatever it costs; what a debug sees must not depend on the clock. By cost: the first steps densely (1, 2, 3, 5, 8, 13 ...), then every k-th, where k
 * follows from what observed steps were seen to take beyond the others, and from the bytes that they left in the store. Reads no clock: it is told the times. */
#ifndef TN_RUN_CADENCE_H
#define TN_RUN_CADENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TN_CADENCE_WINDOW = 15 };

/* The last few of some figure. */
typedef struct tn_cadence_window {
    double values[TN_CADENCE_WINDOW];
    uint64_t count; /* told so far */
} tn_cadence_window;

typedef struct tn_cadence {
    uint64_t every;         /* > 0: counted */
    double share;           /* > 0: by cost */
    uint64_t next;          /* the next step to observe, by cost */
    uint64_t gap, last_gap; /* of the dense start */
    tn_cadence_window plain, observed;
    double bytes; /* of an observed step in the store, the last one's */
} tn_cadence;

/* every > 0: steps 1, 1 + every, ...; else share in (0, 1): by cost; else never. */
void tn_cadence_init(tn_cadence *cadence, uint64_t every, double share);

/* Whether the tensors of `step`, from 1, are wanted. */
bool tn_cadence_wants(const tn_cadence *cadence, uint64_t step);

/* What a step took, recording included (0: not measured), and what it left in the store. */
void tn_cadence_tell(tn_cadence *cadence, uint64_t step, bool was_observed, uint64_t step_ns, uint64_t bytes);

#endif
