/* rule_exploding.c: gradients that grow out of proportion: while training goes on, or on their way back through the layers.
 *
 * In time: with norm the global L2 norm of the gradient before clipping, the median of the last WINDOW norms is over `growth` times that of
 * the first WINDOW, and the median of the last losses is no lower than that of the first. A network that learns may well have larger gradients than at
 * its start, where its last layer was 0 or its activations small; one whose loss has not fallen meanwhile is being thrown about.
 * Norms and losses that are not finite count as infinite.
 *
 * In depth: the norm of the gradient of the first weights over that of the last (tn_tensor_is_matrix), as the median of up to RATIOS
 * observed steps, is over `ratio`. That is a warning: the first layer's gradient is proportional to the inputs, whose scale a rate or Adam may take up.
 *
 * Thresholds
 *   growth  1000, a ratio of norms; own choice. TheDeepChecker has a norm of 1e6 or a growth by 2 for each layer, torchmortem a norm of 1000:
 *           absolute norms depend on the scale of loss and labels. Moved by initialisations that start with almost no gradient.
 *   ratio   10,000, a ratio of norms. AutoTrainer has 70, which unscaled inputs of a few hundred exceed in networks that train.
 *   WINDOW  20 steps, so nothing is said in time before 40; RATIOS 16 observed steps, at least 3.
 * Blind spots: gradients that are enormous from the start in all layers alike (update_ratio sees what they do); within the steps of one
 * recurrent op; norms that nobody computed. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 20 };

enum { GROWTH, RATIO, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [GROWTH] = {"growth", 1000, 1, 1e30, "times the first norms", "The gradient may grow so far while the loss does not fall.", false},
    [RATIO] = {"ratio", 1e4, 1, 1e30, "a ratio of norms", "The first weights' gradient may be so many times that of the last.", false},
};

typedef struct state {
    double first[WINDOW], last[WINDOW], first_loss[WINDOW], last_loss[WINDOW];
    uint64_t norms;
    double begin; /* the median of the first norms */
    tn_depth depth;
    bool fired_in_time;
} state;

static double median(const double *values)
{
    double sorted[WINDOW];
    memcpy(sorted, values, sizeof sorted);
    return tn_quantile(sorted, WINDOW, 0.5);
}

/* Whether the median of values may lie above `limit`: it is asked at every step, where looking for the median would be a good part of a small network's step. */
static bool may_be_above(const double *values, double limit)
{
    size_t above = 0;
    for (size_t i = 0; i < WINDOW; i++)
        above += values[i] > limit;
    return above >= WINDOW / 2;
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    if (isnan(step->gradient_norm) && isfinite(step->loss))
        return true; /* nobody computed it */
    double norm = isfinite(step->gradient_norm) ? step->gradient_norm : INFINITY, loss = isfinite(step->loss) ? step->loss : INFINITY;
    uint64_t at = s->norms++;
    (at < WINDOW ? s->first : s->last)[at % WINDOW] = norm;
    (at < WINDOW ? s->first_loss : s->last_loss)[at % WINDOW] = loss;
    if (s->norms < 2 * WINDOW)
        return true;
    if (s->norms == 2 * WINDOW)
        s->begin = median(s->first);
    double begin = s->begin, now = begin > 0 && may_be_above(s->last, settings[GROWTH] * begin) ? median(s->last) : 0;
    if (isfinite(begin) && now > settings[GROWTH] * begin && median(s->last_loss) >= median(s->first_loss)) {
        s->fired_in_time = true;
        tn_signal_fire(signal, step->step, NULL, now / begin, settings[GROWTH],
                       "the gradient explodes: its norm is %.3g at step %llu, the median of the last %d, and was %.3g at first", now,
                       (unsigned long long)step->step, WINDOW, begin);
        signal->severity = TN_SIGNAL_ERROR;
    } else if (s->fired_in_time || signal->state == TN_RULE_TOO_FEW_STEPS) {
        s->fired_in_time = false;
        tn_signal_quiet(signal);
    }
    return true;
}

static void judge_depth(state *s, const double *settings, tn_signal *signal)
{
    double ratio = tn_depth_close(&s->depth);
    if (isnan(ratio) || s->fired_in_time)
        return;
    const tn_depth_end *first = &s->depth.first, *last = &s->depth.last;
    if (ratio <= settings[RATIO]) {
        tn_signal_quiet(signal);
        return;
    }
    tn_signal_fire(signal, s->depth.step, first->label, ratio, settings[RATIO],
                   "the gradient grows on its way back: that of %s is %.2g times that of %s (norms %.2g and %.2g at step %llu)",
                   first->label, ratio, last->label, first->norm, last->norm, (unsigned long long)s->depth.step);
    signal->severity = TN_SIGNAL_WARNING;
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    if (seen->name->role != TN_ROLE_GRADIENT || !tn_tensor_is_matrix(seen->name))
        return;
    if (seen->step != s->depth.step)
        judge_depth(s, settings, signal);
    tn_depth_see(&s->depth, seen);
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    judge_depth(memory, settings, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return 2 * WINDOW;
}

const tn_rule tn_rule_exploding = {
    .name = "exploding",
    .title = "gradients grow out of proportion",
    .severity = TN_SIGNAL_ERROR,
    .what = "The median norm of the last 20 gradients is over `growth` times that of the first 20, while the loss is no lower than at "
            "first: an error. Or the gradient of the first weights is "
            "over `ratio` times that of the last, as the median of up to 16 observed steps: a warning.",
    .blind_spots =
        "Gradients that are enormous from the start in all layers alike (update_ratio sees what they do); norms that nobody computed.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "steps with a norm, or 3 observed steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
    .on_end = on_end,
};
