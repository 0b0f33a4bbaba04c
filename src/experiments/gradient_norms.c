/* gradient_norms.c: see gradient_norms.h. */
#include "experiments/gradient_norms.h"

#include <math.h>

#include "base/memory.h"
#include "base/quantile.h"

static const double LIMIT_QUANTILE = 0.9, RARE_SHARE = 0.1;

static void count_spikes(const tn_trial_result *result, tn_gradient_norms *norms)
{
    double largest = -INFINITY;
    for (uint64_t i = 0; i < result->steps; i++) {
        double norm = result->gradient_norms[i];
        if (isnan(norm))
            continue;
        norms->spikes += norm > TN_SPIKE_FACTOR * norms->median;
        if (norm > largest) {
            largest = norm;
            norms->largest_step = i + 1;
        }
    }
    norms->rare = norms->spikes > 0 && (double)norms->spikes <= RARE_SHARE * (double)result->steps;
}

tn_status tn_gradient_norms_measure(const tn_trial_result *result, tn_gradient_norms *norms, tn_error *error)
{
    *norms = (tn_gradient_norms){.median = NAN, .largest = NAN, .limit = NAN};
    if (!result->gradient_norms || result->steps == 0)
        return TN_OK;
    double *kept = tn_memory_create((size_t)result->steps, sizeof *kept);
    if (!kept)
        return tn_fail_memory(error, (size_t)result->steps * sizeof *kept);
    size_t count = 0;
    for (uint64_t i = 0; i < result->steps; i++)
        if (isfinite(result->gradient_norms[i]))
            kept[count++] = result->gradient_norms[i];
    if (count > 0) {
        norms->measured = count;
        norms->limit = tn_quantile(kept, count, LIMIT_QUANTILE);
        norms->median = tn_quantile(kept, count, 0.5);
        norms->largest = tn_quantile(kept, count, 1);
        count_spikes(result, norms);
    }
    tn_memory_destroy(kept);
    return TN_OK;
}
