/* rule_spiky_gradients.c: a few batches whose gradient is far larger than the rest (PROTOCOL A4).
 *
 * From the global L2 norm of the gradient before clipping, each step. The reference of a step is the larger of two medians: of the first
 * WINDOW norms, and of the WINDOW norms before this one. A spike is a norm above `factor` times its reference, or an infinite one. Fires
 * where there are at least `spikes` of them and they are at most `rare` of all norms judged. The larger reference, since the norms of a network
 * that learns fall: late in a healthy run the one sample still misjudged stands far above its neighbours, but not above the beginning.
 *
 * Thresholds
 *   factor  20 times the reference. A4 says "far above"; losslint has 10 times a local median for losses, PyTorch Lightning 2. Batches of
 *           one sample move it: their norms spread over a factor of ten.
 *   rare    0.1 of the norms. PROTOCOL A4. More than that is no spike but the size of the gradient.
 *   spikes  3 norms; own choice: one may be a broken sample.
 *   WINDOW  100 norms, so the rule has seen too few before 101.
 * Blind spots: spikes within the first WINDOW steps; a norm that nobody computed (NaN); spikes that a clip inside the program already cut.
 * */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 100, EVERY = 10 /* steps after which the running median is taken anew */ };

enum { FACTOR, RARE, SPIKES, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [FACTOR] = {"factor", 20, 1, 1e9, "times the usual norm", "A larger norm is a spike.", false},
    [RARE] = {"rare", 0.1, 0, 1, "of the norms", "Where more of them are large, that is no spike but their size.", false},
    [SPIKES] = {"spikes", 3, 1, 1e6, "norms", "So many spikes make a signal.", true},
};

typedef struct state {
    double recent[WINDOW], scratch[WINDOW];
    uint64_t norms, judged, spikes;
    uint64_t told; /* spikes that the signal speaks of; 0 where it is to be written anew */
    double first_median, running_median, largest, largest_reference;
    uint64_t first_step, largest_step;
} state;

static double median_of_recent(state *s)
{
    memcpy(s->scratch, s->recent, sizeof s->recent);
    return tn_quantile(s->scratch, WINDOW, 0.5);
}

static void judge(state *s, const double *settings, tn_signal *signal)
{
    if (s->judged == 0)
        return;
    if ((double)s->spikes < settings[SPIKES] || (double)s->spikes > settings[RARE] * (double)s->judged) {
        s->told = 0;
        tn_signal_quiet(signal);
        return;
    }
    if (s->told == s->spikes)
        return;
    s->told = s->spikes;
    tn_signal_fire(
        signal, s->first_step, NULL, s->largest / s->largest_reference, settings[FACTOR],
        "%llu of %llu batches have a gradient more than %.3g times the usual; the largest norm is %.3g at step %llu, the median %.3g",
        (unsigned long long)s->spikes, (unsigned long long)s->judged, settings[FACTOR], s->largest, (unsigned long long)s->largest_step,
        s->largest_reference);
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    double norm = step->gradient_norm;
    if (isnan(norm))
        return true;
    if (s->norms >= WINDOW) {
        if (s->norms == WINDOW)
            s->first_median = s->running_median = median_of_recent(s);
        else if (s->norms % EVERY == 0)
            s->running_median = median_of_recent(s);
        double reference = fmax(s->first_median, s->running_median);
        s->judged++;
        if (norm > settings[FACTOR] * reference) {
            s->spikes++;
            if (s->spikes == 1)
                s->first_step = step->step;
            if (norm > s->largest) {
                s->largest = norm;
                s->largest_step = step->step;
                s->largest_reference = reference;
            }
        }
    }
    s->recent[s->norms++ % WINDOW] = norm;
    judge(s, settings, signal);
    return true;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    state *s = memory;
    s->told = 0; /* the sentence is to have the last figures */
    judge(s, settings, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return WINDOW + 1;
}

const tn_rule tn_rule_spiky_gradients = {
    .name = "spiky_gradients",
    .title = "a few gradients are far larger than the rest",
    .severity = TN_SIGNAL_WARNING,
    .what = "At least `spikes` steps, and at most `rare` of all, have a global norm of the gradient, before clipping, above `factor` times "
            "the usual: the larger of the median of the first 100 "
            "norms and of the 100 before the step.",
    .blind_spots = "Spikes within the first 100 steps; norms that nobody computed; spikes that a clip inside a program already cut.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps with a norm",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_end = on_end,
};
