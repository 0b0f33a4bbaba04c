/* rule_update_ratio.c: steps that are out of proportion to the weights they change.
 *
 * For each weight (tn_tensor_is_matrix) on each observed step: ratio = root mean square of its update / root mean square of its values.
 *
 * Too large: the median of the last observed steps of a weight, at most WINDOW and at least OBSERVED_MIN, is over `high`: each step makes another
 * network. The first observed step of a weight is left out, since a weight that starts at 0 has no size yet, and so are weights that are 0.
 *
 * Too small: the median of the largest ratio of any weight is below `low`, the learning rate is no less than RATE_LEFT of its largest
 * (no warm-up, no end of a decay), and the median of the losses seen meanwhile is over LOSS_LEFT of the first. Where the loss has fallen, small steps are the rest
 * after the work.
 *
 * Thresholds
 *   high  0.3, a ratio of root mean squares. Healthy is about 0.001; MindInsight and torchmortem have 0.1, SageMaker 10. Adam at its usual
 *         rate of 0.001 starts near 0.02 for weights of 0.05. Moved by tiny nets at high rates.
 *   low   1e-7: a single-precision weight cannot hold a change below 6e-8 of it. SageMaker has 1e-8, MindInsight 1e-4, which fine-tuning with a
 *         small rate passes in health.
 *   OBSERVED_MIN 5 observed steps; RATE_LEFT 0.5; LOSS_LEFT 0.95: own choice.
 * Blind spots: weights whose updates nobody shows; a few reckless steps among many good ones (spiky_gradients); biases. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 9, OBSERVED_MIN = 5, LOSSES = 20 };

static const double RATE_LEFT = 0.5, LOSS_LEFT = 0.95;

enum { HIGH, LOW, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [HIGH] = {"high", 0.3, 0, 1e9, "of the weight's size", "A step may be so large, as a median over observed steps.", false},
    [LOW] = {"low", 1e-7, 0, 1, "of the weight's size", "The largest step of all weights must be so large while the loss has not fallen.",
             false},
};

typedef struct weight {
    double size, update; /* root mean squares */
    uint64_t size_step, update_step;
    uint64_t steps, seen; /* with both; and of these, whose ratio counts */
    float ratios[WINDOW];
} weight;

typedef struct state {
    tn_parameters parameters;
    weight weights[TN_RULE_PARAMETERS];
    uint64_t step, observed; /* the observed step, and how many there were with a ratio */
    double largest;          /* of the present step */
    double largest_of[WINDOW];
    double rate_max, rate;
    double first_losses[LOSSES], last_losses[LOSSES];
    uint64_t losses;
    size_t fired; /* 1 + slot of the weight that the signal is about; 0: none. SIZE_MAX: about all */
} state;

static double median_of_ring(const double *ring, uint64_t count, size_t size)
{
    double sorted[LOSSES];
    size_t n = count < size ? (size_t)count : size;
    memcpy(sorted, ring, n * sizeof *sorted);
    return tn_quantile(sorted, n, 0.5);
}

static bool loss_stands(const state *s)
{
    if (s->losses < 2 * LOSSES)
        return false;
    double first = median_of_ring(s->first_losses, LOSSES, LOSSES), last = median_of_ring(s->last_losses, LOSSES, LOSSES);
    return first - last < (1 - LOSS_LEFT) * fabs(first);
}

static void judge_high(state *s, const double *settings, tn_signal *signal, const tn_tensor_seen *seen, size_t slot)
{
    const weight *of = &s->weights[slot];
    double sorted[WINDOW];
    size_t count = of->seen < WINDOW ? (size_t)of->seen : WINDOW;
    if (of->seen < OBSERVED_MIN)
        return;
    for (size_t i = 0; i < count; i++)
        sorted[i] = (double)of->ratios[i];
    double median = tn_quantile(sorted, count, 0.5);
    if (median <= settings[HIGH]) {
        if (s->fired == slot + 1) {
            s->fired = 0;
            tn_signal_quiet(signal);
        }
        return;
    }
    if (s->fired && s->fired != slot + 1)
        return;
    s->fired = slot + 1;
    char label[TN_TENSOR_LABEL_BYTES];
    tn_tensor_label(label, seen->name);
    tn_signal_fire(
        signal, seen->step, label, median, settings[HIGH],
        "each step changes %s by %.2g times its size (median of the last %zu observed steps, at step %llu); about 0.001 is usual", label,
        median, count, (unsigned long long)seen->step);
}

static void judge_low(state *s, const double *settings, tn_signal *signal)
{
    if (s->step == 0 || s->largest < 0)
        return;
    s->largest_of[s->observed++ % WINDOW] = s->largest;
    if (s->observed < OBSERVED_MIN || (s->fired && s->fired != SIZE_MAX))
        return;
    double median = median_of_ring(s->largest_of, s->observed, WINDOW);
    if (median < settings[LOW] && s->rate >= RATE_LEFT * s->rate_max && loss_stands(s)) {
        s->fired = SIZE_MAX;
        tn_signal_fire(signal, s->step, NULL, median, settings[LOW],
                       "no weight moves: the largest step of all is %.2g of its weight's size, at step %llu; about 0.001 is usual", median,
                       (unsigned long long)s->step);
    } else {
        s->fired = 0;
        tn_signal_quiet(signal);
    }
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    if ((name->role != TN_ROLE_WEIGHT && name->role != TN_ROLE_UPDATE) || !tn_tensor_is_matrix(name))
        return;
    size_t slot = tn_parameters_find(&s->parameters, name);
    if (slot == TN_RULE_PARAMETERS)
        return;
    if (seen->step != s->step) {
        judge_low(s, settings, signal);
        s->step = seen->step;
        s->largest = -1;
    }
    uint64_t finite = tn_vitals_finite(seen->vitals);
    double size = finite ? tn_vitals_l2(seen->vitals) / sqrt((double)finite) : 0;
    weight *of = &s->weights[slot];
    /* A weight and its update come in either order. */
    *(name->role == TN_ROLE_WEIGHT ? &of->size : &of->update) = size;
    *(name->role == TN_ROLE_WEIGHT ? &of->size_step : &of->update_step) = seen->step;
    if (of->size_step != of->update_step || of->size == 0)
        return;
    double ratio = of->update / of->size;
    s->largest = fmax(s->largest, ratio);
    if (of->steps++ == 0)
        return;
    of->ratios[of->seen++ % WINDOW] = (float)ratio;
    judge_high(s, settings, signal, seen, slot);
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    (void)settings;
    (void)signal;
    state *s = memory;
    double loss = isfinite(step->loss) ? step->loss : INFINITY;
    s->rate = step->learning_rate;
    if (isfinite(s->rate))
        s->rate_max = fmax(s->rate_max, s->rate);
    if (s->losses < LOSSES)
        s->first_losses[s->losses] = loss;
    s->last_losses[s->losses++ % LOSSES] = loss;
    return true;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    judge_low(memory, settings, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return OBSERVED_MIN;
}

const tn_rule tn_rule_update_ratio = {
    .name = "update_ratio",
    .title = "steps are out of proportion to the weights",
    .severity = TN_SIGNAL_WARNING,
    .what = "The root mean square of a weight's update over that of its values, on observed steps. Fires where the median of a weight's "
            "last 9, at least 5, is over `high`; or where the largest of all "
            "weights is below `low`, while the rate is not decayed and the loss has not fallen by 5 %.",
    .blind_spots = "Weights whose updates nobody shows; single reckless steps; biases.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps with updates",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
    .on_end = on_end,
};
