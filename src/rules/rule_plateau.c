/* rule_plateau.c: learning has not begun (PROTOCOL B1).
 *
 * Judged first after `steps` iterations, then every EVERY, and at the end. The last LATE losses are compared with the first 5, 20, 100 and
 * 400: the loss has fallen where, for one of these,
 *     early - late > fall * |early|   and   early - late > errors * standard error of that difference,
 * with medians, and 1.2533 * sqrt(s_early^2 / n_early + s_late^2 / n_late) as standard error of a difference of medians, s from the median
 * absolute deviation. So the noise of the batches decides what counts as a fall. Several early windows, since some networks learn within a
 * few steps, and with batches of one sample a few losses say nothing. (Five losses give no usable deviation of their own; the late one
 * stands in.) Fires where none has fallen; taken back where learning begins later. Losses that are not finite are left out.
 *
 * Thresholds
 *   steps   2,000 steps. PROTOCOL B1. Some good networks need more; before that many the rule has seen too few.
 *   fall    0.01 of the initial loss. SageMaker has 0.001 over 10 steps, losslint 0.01 over a quarter. Without it a full batch, which has
 *           no noise, would count any fall. A loss with a high floor (noisy regression, language) moves it.
 *   errors  4 standard errors; own choice: four comparisons on each of some ten occasions.
 * Blind spots: a loss that falls from a bad start only to that of the best constant answer has fallen (the score tells); a network that
 * starts trained stands still rightly. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { EVERY = 500, EARLY = 400, LATE = 500, LATE_MIN = 200, WINDOWS = 4 };

enum { STEPS, FALL, ERRORS, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [STEPS] = {"steps", 2000, 600, 1e9, "steps", "Learning has to begin within so many (B1).", true},
    [FALL] = {"fall", 0.01, 0, 1, "of the initial loss", "A smaller fall counts as none.", false},
    [ERRORS] = {"errors", 4, 0, 1000, "standard errors", "The fall must stand out of the noise of the batches by so many.", false},
};

static const double MEDIAN_ERROR = 1.2533;
static const size_t EARLY_WINDOWS[WINDOWS] = {5, 20, 100, EARLY};
enum { SPREAD_FROM = 20 /* losses that give a deviation of their own */ };

typedef struct state {
    double early[EARLY]; /* the first finite losses */
    size_t early_count;
    double late[LATE]; /* a ring; NaN where the loss was not finite */
    uint64_t steps;
    double scratch[LATE];
} state;

static void judge(state *s, const double *settings, tn_signal *signal, uint64_t step)
{
    size_t count = 0;
    for (size_t i = 0; i < LATE; i++)
        if (isfinite(s->late[i]))
            s->scratch[count++] = s->late[i];
    if (count < LATE_MIN || s->early_count < EARLY)
        return;
    double late_spread, shown_early = 0, shown_spread = 0, shown_error = 0;
    double late = tn_median_and_spread(s->scratch, count, &late_spread);
    for (size_t w = 0; w < WINDOWS; w++) {
        size_t n = EARLY_WINDOWS[w];
        double spread;
        memcpy(s->scratch, s->early, n * sizeof *s->scratch);
        double early = tn_median_and_spread(s->scratch, n, &spread);
        if (n < SPREAD_FROM)
            spread = late_spread;
        double error = MEDIAN_ERROR * sqrt(spread * spread / (double)n + late_spread * late_spread / (double)count);
        if (early - late > settings[FALL] * fabs(early) && early - late > settings[ERRORS] * error) {
            tn_signal_quiet(signal);
            return;
        }
        if (n == SPREAD_FROM) {
            shown_early = early;
            shown_spread = spread;
            shown_error = error;
        }
    }
    double scale = shown_early != 0 ? fabs(shown_early) : 1;
    tn_signal_fire(
        signal, step, NULL, (shown_early - late) / scale, fmax(settings[FALL], settings[ERRORS] * shown_error / scale),
        "the loss has not fallen beyond its noise: %.4g at first, %.4g after %llu steps, with a spread of %.2g from batch to batch",
        shown_early, late, (unsigned long long)s->steps, fmax(shown_spread, late_spread));
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    bool finite = isfinite(step->loss);
    if (finite && s->early_count < EARLY)
        s->early[s->early_count++] = step->loss;
    s->late[s->steps % LATE] = finite ? step->loss : NAN;
    s->steps++;
    uint64_t first = (uint64_t)settings[STEPS];
    if (s->steps >= first && (s->steps - first) % EVERY == 0)
        judge(s, settings, signal, step->step);
    return true;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    state *s = memory;
    if (s->steps >= (uint64_t)settings[STEPS])
        judge(s, settings, signal, steps);
}

static uint64_t needs(const double *settings)
{
    return (uint64_t)settings[STEPS];
}

const tn_rule tn_rule_plateau = {
    .name = "plateau",
    .title = "the loss does not fall",
    .severity = TN_SIGNAL_ERROR,
    .what = "After `steps` steps, and every 500 from there, the median of the last 500 losses is not below that of the first 5, 20, 100 "
            "and 400 by more than `fall` of it and `errors` standard "
            "errors. Taken back where learning begins later.",
    .blind_spots = "A loss that falls from a bad start only to that of the best constant answer has fallen; a network that starts trained "
                   "stands still rightly.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_end = on_end,
};
