/* rule_loss_spike.c: a loss far above everything before it, from which training may or may not recover.
 *
 * With median and high the median and the largest of the last WINDOW losses before this one, and begin the largest of the first WINDOW: the loss is a spike where
 *     loss - median > factor * (max(high, begin) - median)   and   loss - median > factor * |the median of the first WINDOW|.
 * The largest of two windows, since the batches of a healthy network differ: one of a single sample that is misjudged late in training stands far above
 * its neighbours, but not above the beginning. Fires at the first spike and stays; what counts is the highest.
 *
 * Thresholds
 *   factor 4 times the spread; own choice. losslint has 10 times a local median, PyTorch Lightning twice: both fire on batches of one sample. Moved by data with rare
 *          outliers, where a spike is an outlier.
 *   WINDOW 100 losses, so nothing is said before 101.
 * Blind spots: spikes within the first steps; a rise that takes more than WINDOW steps (diverging); losses that are not finite (nonfinite). */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 100, EVERY = 10 /* steps after which median and largest are taken anew */ };

enum { FACTOR, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [FACTOR] = {"factor", 4, 1, 1e9, "times the spread of the losses", "So far above their median a loss is a spike.", false},
};

typedef struct state {
    double recent[WINDOW];
    uint64_t losses, spikes;
    double begin, level, median, high, worst;
} state;

static void measure(state *s)
{
    double sorted[WINDOW];
    memcpy(sorted, s->recent, sizeof sorted);
    s->median = tn_quantile(sorted, WINDOW, 0.5);
    s->high = tn_quantile(sorted, WINDOW, 1);
    if (s->losses == WINDOW)
        s->level = fabs(s->median);
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    if (!isfinite(step->loss))
        return true;
    if (s->losses < WINDOW)
        s->begin = s->losses == 0 ? step->loss : fmax(s->begin, step->loss);
    if (s->losses >= WINDOW) {
        if (s->losses % EVERY == 0)
            measure(s);
        s->high = fmax(s->high, s->recent[(s->losses - 1) % WINDOW]);
        double away = step->loss - s->median, limit = fmax(fmax(s->high, s->begin) - s->median, s->level);
        if (limit > 0 && away > settings[FACTOR] * limit) {
            s->spikes++;
            if (away / limit > s->worst) {
                s->worst = away / limit;
                tn_signal_fire(signal, step->step, NULL, away / limit, settings[FACTOR],
                               "the loss jumps to %.4g at step %llu; the %d before it had a median of %.4g, and none was above %.4g",
                               step->loss, (unsigned long long)step->step, WINDOW, s->median, fmax(s->high, s->begin));
            }
        } else if (s->spikes == 0) {
            tn_signal_quiet(signal);
        }
    }
    s->recent[s->losses++ % WINDOW] = step->loss;
    return true;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return WINDOW + 1;
}

const tn_rule tn_rule_loss_spike = {
    .name = "loss_spike",
    .title = "the loss jumps far above everything before",
    .severity = TN_SIGNAL_WARNING,
    .what = "A loss lies above the median of the 100 before it by over `factor` times what the largest of those and of the first 100 does, "
            "and by over `factor` times the median of the first 100.",
    .blind_spots = "Spikes within the first 100 steps; slow rises (diverging); data with rare outliers, where each is a spike.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps with a finite loss",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
};
