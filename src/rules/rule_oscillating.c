/* rule_oscillating.c: the loss leaps up and down without getting anywhere.
 *
 * Batch by batch: over the last WINDOW losses, the correlation of a loss with the one before is below -`alternation`, and the mean step from one
 * to the next is over `swing` times their median and REST of the first loss: the weights jump from one side of the valley to the other. Batches drawn at random are not correlated, and two batches in turn, in random order, give -0.5.
 *
 * Far above the start: all but a TWENTIETH of the last WINDOW losses lie above the first loss, and from one to the next they rise and fall by over `leap` times the first loss (the median of the steps),
 * neither rising nor falling all the way: each update throws the network to another place. The first loss is the largest of those of the first BEGIN_SAMPLES samples, so that a lucky small batch is
 * no measure. Not for losses that may be negative, which have no such measure.
 *
 * By the score's samples, which are always the same: of the last POINTS scores taken while training, the loss of the training samples turns (up, then down, or down, then up) at TURNS or more, each time by over
 * `fall` of the loss before training, and the last is no lower than the first of them by `fall`.
 *
 * Thresholds
 *   alternation 0.8, a correlation; own choice, beyond what the 0.5 of two batches in turn reaches by chance.
 *   swing  0.5 of the median loss; own choice: two halves of a data set that are always given in the same order seldom differ so much.
 *   leap   1, of the first loss; own choice. A network that learns anything has losses below that of an untrained one, and so the steps between them.
 *   fall   0.2 of the loss before training. AutoTrainer counts swings of the accuracy by 0.03, which validation sets of a few hundred samples make by chance.
 *   REST 0.05: what is left of a loss after good training may alternate. WINDOW 120 losses, POINTS 8 scores, TURNS 5 of the 6 inner ones.
 *   BEGIN_SAMPLES 32 samples, at most BEGIN_STEPS 8 steps. RISES a quarter to three quarters of the steps rise: noise has a half.
 * Blind spots: swings of a period of more steps between two scores; two batches in fixed order that differ a lot look like it; a loss that leaps
 * without alternating, and not above where it began, is not told from noisy batches. A loss that is made larger while it trains (a weight of one of its terms that grows) looks like leaps above the start. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 120, POINTS = 8, TURNS = 5, TWENTIETH = 20, BEGIN_SAMPLES = 32, BEGIN_STEPS = 8 };

static const double REST = 0.05, RISES = 0.25;

enum { ALTERNATION, SWING, LEAP, FALL, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [ALTERNATION] = {"alternation", 0.8, 0, 1, "a correlation", "Losses in a row must be so much against each other.", false},
    [SWING] = {"swing", 0.5, 0, 1e9, "of the median loss", "And differ by so much on average.", false},
    [LEAP] = {"leap", 1, 0, 1e9, "times the first loss", "Above the start, losses in a row must differ by so much.", false},
    [FALL] = {"fall", 0.2, 0, 1e9, "of the loss before training", "Scores count a swing from here on.", false},
};

typedef struct state {
    double losses[WINDOW], begin; /* begin: the first, of enough samples */
    bool has_begun, may_be_negative;
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

/* Whether the losses leap far above where they began; *median_step: by how much. */
static bool leaps_above(const state *s, double leap, double *median_step)
{
    double steps[WINDOW], last = s->losses[s->steps % WINDOW];
    size_t below = last <= s->begin, rises = 0;
    for (size_t i = 1; i < WINDOW; i++) {
        double loss = s->losses[(s->steps + i) % WINDOW];
        if (!isfinite(loss) || !isfinite(last))
            return false;
        below += loss <= s->begin;
        rises += loss > last;
        steps[i - 1] = fabs(loss - last);
        last = loss;
    }
    if (below > WINDOW / TWENTIETH || (double)rises <= RISES * WINDOW || (double)rises >= (1 - RISES) * WINDOW)
        return false;
    *median_step = tn_quantile(steps, WINDOW - 1, 0.5);
    return s->begin > 0 && !s->may_be_negative && *median_step > leap * s->begin;
}

/* Takes a loss into the first one, until that is of enough samples. */
static void note_begin(state *s, const tn_step *step)
{
    if (!s->has_begun && isfinite(step->loss))
        s->begin = fmax(s->begin, fabs(step->loss));
    s->has_begun = s->has_begun || step->samples >= BEGIN_SAMPLES || s->steps + 1 >= BEGIN_STEPS;
    s->may_be_negative = s->may_be_negative || step->loss < 0;
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    note_begin(s, step);
    s->losses[s->steps++ % WINDOW] = step->loss;
    if (s->steps < WINDOW || s->by_scores)
        return true;
    double mean_step, found = correlation(s, &mean_step), sorted[WINDOW];
    bool fires = found < -settings[ALTERNATION];
    if (fires) {
        memcpy(sorted, s->losses, sizeof sorted);
        fires = mean_step > settings[SWING] * fabs(tn_quantile(sorted, WINDOW, 0.5)) && mean_step > REST * s->begin;
    }
    double median_step;
    if (fires)
        tn_signal_fire(signal, step->step, NULL, -found, settings[ALTERNATION],
                       "the loss leaps up and down from step to step, by %.3g on average over the last %d steps", mean_step, WINDOW);
    else if (leaps_above(s, settings[LEAP], &median_step))
        tn_signal_fire(signal, step->step, NULL, median_step / s->begin, settings[LEAP],
                       "the loss leaps up and down from step to step, by %.3g (median of the last %d steps), far above the %.3g that it "
                       "began with",
                       median_step, WINDOW, s->begin);
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
    .what =
        "The last 120 losses alternate: the correlation of each with the next is below -`alternation`, and they differ by over `swing` "
        "of their median on average. Or they lie above the first loss, and rise and fall by over `leap` times that. Or, of the last 8 "
        "scores, the loss of the same training samples turns at 5 of the 6 inner ones or more, each time by over `fall` of the loss before "
        "training, without having fallen.",
    .blind_spots = "Leaps that neither alternate nor lie above the start, which noisy batches make too. A loss whose terms are weighted up "
                   "while it trains. Two batches in fixed order that differ a lot look like it.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_score = on_score,
};
