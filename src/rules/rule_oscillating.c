/* rule_oscillating.c: the loss leaps up and down without getting anywhere.
 *
 * Batch by batch: over the last WINDOW losses, the correlation of a loss with the one before is below -`alternation`, and the mean step from one
 * to the next is over `swing` times their median and REST of the first loss: the weights jump from one side of the valley to the other. Batches drawn at random are not correlated, and two batches in turn, in random order, give -0.5.
 *
 * By the score's samples, which are always the same: of the last POINTS scores taken while training, the loss of the training samples turns (up, then down, or down, then up) at TURNS or more, each time by over
 * `fall` of the loss before training, and the last is no lower than the first of them by `fall`.
 *
 * Thresholds
 *   alternation 0.8, a correlation; own choice, beyond what the 0.5 of two batches in turn reaches by chance.
 *   swing  0.5 of the median loss; own choice: two halves of a data set that are always given in the same order seldom differ so much.
 *   fall   0.2 of the loss before training. AutoTrainer counts swings of the accuracy by 0.03, which validation sets of a few hundred samples make by chance.
 *   REST 0.05: what is left of a loss after good training may alternate. WINDOW 120 losses, POINTS 8 scores, TURNS 5 of the 6 inner ones.
 * Blind spots: swings of a period of more steps between two scores; two batches in fixed order that differ a lot look like it; a loss that leaps
 * without alternating is not told from noisy batches. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 120, POINTS = 8, TURNS = 5 };

static const double REST = 0.05;

enum { ALTERNATION, SWING, FALL, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [ALTERNATION] = {"alternation", 0.8, 0, 1, "a correlation", "Losses in a row must be so much against each other.", false},
    [SWING] = {"swing", 0.5, 0, 1e9, "of the median loss", "And differ by so much on average.", false},
    [FALL] = {"fall", 0.2, 0, 1e9, "of the loss before training", "Scores count a swing from here on.", false},
};

typedef struct state {
    double losses[WINDOW], begin; /* begin: the first */
    uint64_t steps;
    double points[POINTS], initial; /* the loss before training; 0: not told */
    uint64_t scores;
    bool by_scores;
} state;

/* The correlation of each loss with the next, and the mean step between them; NAN where a loss is not finite or nothing varies. */
static double correlation(const state *s, double *mean_step)
{
    double mean = 0, together = 0, square = 0, last = 0;
    *mean_step = 0;
    for (size_t i = 0; i < WINDOW; i++)
        mean += s->losses[i] / WINDOW;
    for (size_t i = 0; i < WINDOW; i++) {
        double loss = s->losses[(s->steps + i) % WINDOW], away = loss - mean;
        if (i > 0) {
            together += away * last;
            *mean_step += fabs(away - last) / (WINDOW - 1);
        }
        square += away * away;
        last = away;
    }
    return square > 0 && isfinite(square) ? together / square : NAN;
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    if (s->steps == 0 && isfinite(step->loss))
        s->begin = fabs(step->loss);
    s->losses[s->steps++ % WINDOW] = step->loss;
    if (s->steps < WINDOW || s->by_scores)
        return true;
    double mean_step, found = correlation(s, &mean_step), sorted[WINDOW];
    bool fires = found < -settings[ALTERNATION];
    if (fires) {
        memcpy(sorted, s->losses, sizeof sorted);
        fires = mean_step > settings[SWING] * fabs(tn_quantile(sorted, WINDOW, 0.5)) && mean_step > REST * s->begin;
    }
    if (fires)
        tn_signal_fire(signal, step->step, NULL, -found, settings[ALTERNATION],
                       "the loss leaps up and down from step to step, by %.3g on average over the last %d steps", mean_step, WINDOW);
    else
        tn_signal_quiet(signal);
    return true;
}

static void on_score(void *memory, const double *settings, tn_signal *signal, const tn_score_point *point)
{
    state *s = memory;
    if (!isfinite(point->train_loss))
        return;
    if (point->step == 0) {
        s->initial = fabs(point->train_loss);
        return;
    }
    s->points[s->scores++ % POINTS] = point->train_loss;
    if (s->scores < POINTS || s->initial <= 0)
        return;
    double limit = settings[FALL] * s->initial, swing = 0;
    size_t turns = 0;
    for (size_t i = 1; i + 1 < POINTS; i++) {
        double before = s->points[(s->scores + i - 1) % POINTS], here = s->points[(s->scores + i) % POINTS],
               after = s->points[(s->scores + i + 1) % POINTS];
        bool turn = (here - before) * (here - after) > 0 && fmin(fabs(here - before), fabs(here - after)) > limit;
        turns += turn;
        swing = turn ? fmax(swing, fabs(here - before)) : swing;
    }
    double first = s->points[s->scores % POINTS], last = s->points[(s->scores + POINTS - 1) % POINTS];
    bool fires = turns >= TURNS && first - last < limit;
    if (fires)
        tn_signal_fire(
            signal, point->step, NULL, swing / s->initial, settings[FALL],
            "the loss of the same training samples swings by up to %.3g from one score to the next, and was %.3g before training", swing,
            s->initial);
    else if (s->by_scores || signal->state == TN_RULE_TOO_FEW_STEPS)
        tn_signal_quiet(signal);
    s->by_scores = fires;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return WINDOW;
}

const tn_rule tn_rule_oscillating = {
    .name = "oscillating",
    .title = "the loss leaps up and down",
    .severity = TN_SIGNAL_WARNING,
    .what = "The last 120 losses alternate: the correlation of each with the next is below -`alternation`, and they differ by over `swing` "
            "of their median on average. Or, of the last 8 scores, the "
            "loss of the same training samples turns at 5 of the 6 inner ones or more, each time by over `fall` of the loss before "
            "training, without having fallen.",
    .blind_spots = "Leaps that do not alternate, which noisy batches make too. Two batches in fixed order that differ a lot look like it.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_score = on_score,
};
