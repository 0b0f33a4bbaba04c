/* rule_unchanged.c: weights that training does not change.
 *
 * On each observed step, for each weight (tn_tensor_is_matrix) whose gradient or update is shown:
 *   stuck   its gradient has a value other than 0, but its update is 0 throughout (where updates are not shown: the weight is the same, in sum, sum of squares
 *           and extremes, as on the observed step before), and the learning rate is at least RATE_LEFT of its largest;
 *   cut off its gradient is 0 throughout, or not there although its update is shown, while another weight's is not 0.
 * Fires where a weight was one of these on `observations` observed steps in a row. Stuck is an error: the optimizer does not have the weight, or somebody puts it back. Cut off is a warning: nothing in
 * the loss depends on it, be it by design, or what lies behind it is off.
 *
 * A frozen weight has neither, and is never reported. Nor is a weight reported where all gradients are 0: that is a network that is done, or dead_units.
 *
 * Thresholds
 *   observations 3 observed steps in a row. SageMaker has 3 steps, with a tolerance of 0.00001 of the value; here only exactly the same counts,
 *           since a decayed rate changes weights by less than any tolerance.
 *   RATE_LEFT 0.01; own choice: the end of a decay, and the start of a warm-up, change nothing rightly.
 * Blind spots: weights whose gradient nobody shows, frozen by mistake (experiments find these); single rows; biases; steps that are too small for
 * single precision where updates are not shown. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

static const double RATE_LEFT = 0.01;

enum { OBSERVATIONS, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [OBSERVATIONS] = {"observations", 3, 2, 1000, "observed steps", "So often in a row a weight must be the same.", true},
};

typedef struct weight {
    uint64_t gradient_step, update_step, weight_step; /* when each was seen last; 0: never */
    bool has_gradient, has_update, has_changed;       /* as seen then: a value other than 0; not the same as before */
    tn_print print;                                   /* of the weight */
    uint32_t stuck, cut_off;                          /* observed steps in a row */
    char label[TN_TENSOR_LABEL_BYTES];
} weight;

typedef struct state {
    tn_parameters parameters;
    weight weights[TN_RULE_PARAMETERS];
    uint64_t step, observed; /* the observed step, and how many were closed */
    double rate, rate_max;
    uint64_t rate_step;
} state;

static bool is_unchanged(const weight *of, uint64_t step)
{
    if (of->update_step == step)
        return !of->has_update;
    return of->update_step == 0 && of->weight_step == step && !of->has_changed;
}

static void tell(const state *s, const double *settings, tn_signal *signal, const weight *of, bool cut_off)
{
    if (cut_off)
        tn_signal_fire(signal, s->step, of->label, of->cut_off, settings[OBSERVATIONS],
                       "no gradient arrives at %s: it was exactly 0 on %u observed steps in a row, up to step %llu; what comes after it "
                       "does not use it, or is off",
                       of->label, (unsigned)of->cut_off, (unsigned long long)s->step);
    else
        tn_signal_fire(
            signal, s->step, of->label, of->stuck, settings[OBSERVATIONS],
            "%s gets gradients and does not change: %u observed steps in a row, up to step %llu; has the optimizer been given it?",
            of->label, (unsigned)of->stuck, (unsigned long long)s->step);
    signal->severity = cut_off ? TN_SIGNAL_WARNING : TN_SIGNAL_ERROR;
}

/* Judges the observed step whose tensors have all been seen. */
static void close_step(state *s, const double *settings, tn_signal *signal)
{
    if (s->step == 0)
        return;
    bool any = false, rate_counts = s->rate_step != s->step || !isfinite(s->rate) || s->rate >= RATE_LEFT * s->rate_max;
    for (size_t i = 0; i < s->parameters.count; i++)
        any = any || (s->weights[i].gradient_step == s->step && s->weights[i].has_gradient);
    const weight *stuck = NULL, *cut_off = NULL;
    s->observed += any;
    for (size_t i = 0; i < s->parameters.count; i++) {
        weight *of = &s->weights[i];
        if (of->gradient_step != s->step && of->update_step != s->step)
            continue;
        bool same = is_unchanged(of, s->step);
        bool has_gradient = of->gradient_step == s->step && of->has_gradient;
        of->stuck = has_gradient && same && rate_counts ? of->stuck + 1 : 0;
        of->cut_off = !has_gradient && same && any ? of->cut_off + 1 : 0;
        if (!stuck && (double)of->stuck >= settings[OBSERVATIONS])
            stuck = of;
        if (!cut_off && (double)of->cut_off >= settings[OBSERVATIONS])
            cut_off = of;
    }
    if (stuck || cut_off)
        tell(s, settings, signal, stuck ? stuck : cut_off, !stuck);
    else if ((double)s->observed >= settings[OBSERVATIONS])
        tn_signal_quiet(signal);
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    bool is_part = name->role == TN_ROLE_WEIGHT || name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_UPDATE;
    if (!is_part || !tn_tensor_is_matrix(name))
        return;
    size_t slot = tn_parameters_find(&s->parameters, name);
    if (slot == TN_RULE_PARAMETERS)
        return;
    if (seen->step != s->step) {
        close_step(s, settings, signal);
        s->step = seen->step;
    }
    weight *of = &s->weights[slot];
    if (!of->label[0])
        tn_tensor_label(of->label, name);
    if (name->role == TN_ROLE_GRADIENT) {
        of->gradient_step = seen->step;
        of->has_gradient = vitals->zeros < vitals->count;
    } else if (name->role == TN_ROLE_UPDATE) {
        of->update_step = seen->step;
        of->has_update = vitals->zeros < vitals->count;
    } else {
        const tn_print print = tn_print_of(vitals);
        of->has_changed = of->weight_step == 0 || !tn_print_equal(&print, &of->print);
        of->weight_step = seen->step;
        of->print = print;
    }
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    s->rate = step->learning_rate;
    s->rate_step = step->step;
    if (isfinite(s->rate))
        s->rate_max = fmax(s->rate_max, s->rate);
    if (s->step == step->step) {
        close_step(s, settings, signal);
        s->step = 0;
    }
    return true;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    close_step(memory, settings, signal);
}

static uint64_t needs(const double *settings)
{
    return (uint64_t)settings[OBSERVATIONS];
}

const tn_rule tn_rule_unchanged = {
    .name = "unchanged",
    .title = "weights do not change at all",
    .severity = TN_SIGNAL_ERROR,
    .what = "A weight gets a gradient but its update is exactly 0 (or, where updates are not shown, the weight is exactly the same) on "
            "`observations` observed steps in a row, at a rate that is not "
            "decayed below 1 % of its largest: an error. Or its gradient is exactly 0 while others are not: a warning. Frozen weights, "
            "which have neither, are not reported.",
    .blind_spots = "Weights that were frozen by mistake and so show no gradient; single rows; biases.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps with gradients",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
    .on_end = on_end,
};
