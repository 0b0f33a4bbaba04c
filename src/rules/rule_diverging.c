/* rule_diverging.c: the loss ends far above where it began (PROTOCOL A2).
 *
 * Fires while the median of the last WINDOW losses is over `factor` times the initial loss, and over every one of the first losses. The
 * initial loss is the median of the first INITIAL losses. Where those explode, GROWTH times at every step and ENORMOUS times in all, it is
 * the first, and the median must reach ENORMOUS times that. A loss that is not finite counts as infinite, so the windows outlive NaN. The
 * signal is taken back where the median falls again: a spike in the warm-up is no divergence.
 *
 * Where the run was scored before its first step, the initial loss is that of those samples, and all this guessing falls away.
 *
 * Thresholds
 *   factor    2, a ratio of losses. PROTOCOL A2; TheDeepChecker has 2 times the minimum, losslint 1.25 times the first tenth. Losses that
 *             may be negative move it: there the loss must rise by the initial loss's magnitude.
 *   WINDOW    20 steps, INITIAL 5 steps. PROTOCOL A2. Small batches move them: a median of five squared errors of one sample each is often
 *             half of a later one, hence the second condition, over every one of the first losses (own choice).
 *   GROWTH    3, ENORMOUS 100, ratios of losses; own choice. Five squared errors of one sample each look like that once in 10,000 runs.
 * Blind spots: a loss that rises by less than twice; one that explodes in the first steps and then stands where it began (dead units):
 * rule_plateau and rule_dead_units. An initial loss of exactly 0 has no double: the rule stays quiet. */
#include <math.h>

#include "rules/rule_support.h"

enum { INITIAL = 5, WINDOW = 20 };

static const double GROWTH = 3, ENORMOUS = 100;

enum { FACTOR, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [FACTOR] = {"factor", 2, 1, 1e9, "times the initial loss", "The median of the last 20 losses may be this high.", false},
};

typedef struct state {
    double first[INITIAL], recent[WINDOW];
    uint64_t steps;
    double initial, threshold;
    double scored; /* the loss before the first step, of many samples; 0: not told */
} state;

/* Sets initial and threshold; both NaN where no loss was finite or the initial one is 0. */
static void judge_beginning(state *s, double factor)
{
    if (s->scored > 0) {
        s->initial = s->scored;
        s->threshold = factor * s->scored;
        return;
    }
    double sorted[INITIAL], highest = -INFINITY;
    size_t finite = 0;
    bool exploding = true;
    for (size_t i = 0; i < INITIAL; i++) {
        exploding = exploding && (i == 0 || s->first[i] > GROWTH * s->first[i - 1] || isinf(s->first[i]));
        if (isinf(s->first[i]))
            continue;
        sorted[finite++] = s->first[i];
        highest = fmax(highest, s->first[i]);
    }
    s->initial = s->threshold = NAN;
    if (finite == 0)
        return;
    double begin = s->first[0];
    if (exploding && begin > 0 && s->first[INITIAL - 1] > ENORMOUS * begin) {
        s->initial = begin;
        s->threshold = ENORMOUS * begin;
        return;
    }
    s->initial = tn_quantile(sorted, finite, 0.5);
    if (s->initial != 0)
        s->threshold = fmax(s->initial + (factor - 1) * fabs(s->initial), highest);
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    double loss = isfinite(step->loss) ? step->loss : INFINITY;
    uint64_t at = s->steps++;
    if (at < INITIAL) {
        s->first[at] = loss;
        if (at == INITIAL - 1)
            judge_beginning(s, settings[FACTOR]);
        return true;
    }
    s->recent[(at - INITIAL) % WINDOW] = loss;
    if (s->steps < INITIAL + WINDOW)
        return true;
    size_t over = 0;
    for (size_t i = 0; i < WINDOW; i++)
        over += s->recent[i] > s->threshold;
    if (over <= WINDOW / 2) {
        tn_signal_quiet(signal);
        return true;
    }
    double sorted[WINDOW];
    for (size_t i = 0; i < WINDOW; i++)
        sorted[i] = s->recent[i];
    double median = tn_quantile(sorted, WINDOW, 0.5);
    if (isfinite(median))
        tn_signal_fire(signal, step->step, NULL, median, s->threshold,
                       "the loss diverges: its median over the last %d steps is %.4g, and it began at %.4g", WINDOW, median, s->initial);
    else
        tn_signal_fire(signal, step->step, NULL, median, s->threshold,
                       "the loss diverges: most of the last %d losses are not finite, and it began at %.4g", WINDOW, s->initial);
    return true;
}

static void on_score(void *memory, const double *settings, tn_signal *signal, const tn_score_point *point)
{
    (void)settings;
    (void)signal;
    state *s = memory;
    if (point->step == 0 && isfinite(point->train_loss))
        s->scored = point->train_loss;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return INITIAL + WINDOW;
}

const tn_rule tn_rule_diverging = {
    .name = "diverging",
    .title = "the loss ends far above where it began",
    .severity = TN_SIGNAL_ERROR,
    .what = "The median of the last 20 losses is over `factor` times the initial loss, and over every one of the first losses. The initial "
            "loss is that of a fixed choice of samples before the "
            "first step, or the median of the first 5 losses. Taken back where the loss falls again.",
    .blind_spots = "A loss that rises by less; one that explodes within the first steps and then stands where it began.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_score = on_score,
};
