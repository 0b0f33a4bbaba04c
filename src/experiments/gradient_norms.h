/* gradient_norms.h: what the gradient norms of a run say about clipping (PROTOCOL A4). */
#ifndef TN_EXPERIMENTS_GRADIENT_NORMS_H
#define TN_EXPERIMENTS_GRADIENT_NORMS_H

#include <stdbool.h>
#include <stdint.h>

#include "subject/subject.h"

/* Global L2 norms of the gradient before clipping, over the finite ones of a run. */
typedef struct tn_gradient_norms {
    uint64_t measured; /* finite norms; 0: the run has none, and the rest is NAN or 0 */
    double median, largest;
    double limit;          /* to clip at: the 90th percentile of the norms (Google's tuning playbook; PROTOCOL A4) */
    uint64_t spikes;       /* norms over TN_SPIKE_FACTOR times the median, infinite ones among them */
    uint64_t largest_step; /* from 1; of an infinite norm where there is one */
    bool rare;             /* there are spikes, and they are at most a tenth of the norms (PROTOCOL A4: 10 % of batches or fewer) */
} tn_gradient_norms;

/* A norm is a spike above this many medians of the run. A4 says "far above the rest"; the rule spiky_gradients, which asks only while training, has 20 times the larger of two
 * medians; here the run has broken, and half of that is telling. */
#define TN_SPIKE_FACTOR 10.0

/* Reads result->gradient_norms. TN_ERROR_MEMORY where there is no room to sort them. */
tn_status tn_gradient_norms_measure(const tn_trial_result *result, tn_gradient_norms *norms, tn_error *error);

#endif
