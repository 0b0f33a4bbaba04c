/* cadence.c: see cadence.h.
 *
 * With p the median time of the last plain steps, o that of the last observed ones, an observation costs o - p, which holds what it costs beside the recorder's own work (an update that is not
 * fused, caches that went cold). Every k-th step costs (o - p) / k a step, so
 *     k = (o - p) / (MARGIN share p), and at least bytes / BYTES_A_STEP.
 * Medians, since a busy machine stretches single steps many times over. */
#include "run/cadence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of the stated share, what is planned for; the rest is for the error of the plan. Own choice. */
static const double MARGIN = 0.6;

/* Bytes of vitals a step that the store may grow by on average: 10,000 steps stay below 40 MB. Own choice. */
static const double BYTES_A_STEP = 4096;

enum { UNMEASURED = 10 /* steps between observations where nothing is known */, PLAIN_AFTER = 64 /* observations */ };

void tn_cadence_init(tn_cadence *cadence, uint64_t every, double share)
{
    *cadence = (tn_cadence){.every = every, .share = every == 0 && share > 0 ? share : 0, .next = 1, .gap = 1, .last_gap = 1};
}

bool tn_cadence_wants(const tn_cadence *cadence, uint64_t step)
{
    if (step == 0)
        return false;
    if (cadence->every > 0)
        return (step - 1) % cadence->every == 0;
    return cadence->share > 0 && step >= cadence->next;
}

static void keep(tn_cadence_window *window, double value)
{
    window->values[window->count++ % TN_CADENCE_WINDOW] = value;
}

static int compare(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static double median(const tn_cadence_window *window)
{
    double sorted[TN_CADENCE_WINDOW];
    size_t count = window->count < TN_CADENCE_WINDOW ? (size_t)window->count : TN_CADENCE_WINDOW;
    memcpy(sorted, window->values, sizeof sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    return sorted[count / 2];
}

/* Steps from one observation to the next, by what they cost so far. */
static double affordable_gap(const tn_cadence *cadence)
{
    double by_bytes = ceil(cadence->bytes / BYTES_A_STEP);
    if (cadence->observed.count == 0 || cadence->plain.count == 0)
        return fmax(by_bytes, UNMEASURED);
    double plain = median(&cadence->plain), cost = median(&cadence->observed) - plain;
    double by_time = ceil(cost / (MARGIN * cadence->share * plain));
    /* Now and then a plain step, where all could be observed: what one takes has to be known. */
    return fmax(fmax(by_bytes, by_time), cadence->observed.count % PLAIN_AFTER == 0 ? 2 : 1);
}

void tn_cadence_tell(tn_cadence *cadence, uint64_t step, bool was_observed, uint64_t step_ns, uint64_t bytes)
{
    if (!(cadence->share > 0))
        return;
    if (step_ns > 0 && step > 1) /* the first one is cold */
        keep(was_observed ? &cadence->observed : &cadence->plain, (double)step_ns);
    if (!was_observed)
        return;
    cadence->bytes = (double)bytes;
    if (step < cadence->next)
        return; /* one that was observed beside the plan */
    double gap = affordable_gap(cadence);
    if ((double)cadence->gap < gap) { /* still in the dense start */
        uint64_t now = cadence->gap;
        cadence->gap = step == 1 ? 1 : now + cadence->last_gap;
        cadence->last_gap = now;
        gap = (double)now;
    }
    cadence->next = step + (uint64_t)fmin(gap, 1e15);
}
