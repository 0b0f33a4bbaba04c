/* rule_dead_units.c: relu units that answer 0 to every sample.
 *
 * A unit (a column of a dense layer, a channel of a convolution) is dead where all its outputs were 0 over the last `values` of them at
 * least, on the observed steps whose units were taken. Fires where the share of a relu's units that are dead is at least `share` on
 * TN_STREAK observed steps in a row; an error from `broken` on, else a warning. Taken back where the layer recovers. Where a tensor shows no
 * units, its zeros tell: at least ZEROS of all its values.
 *
 * Thresholds
 *   share   0.8 of the units. SageMaker: over half of the units active less than 1 % of the time; AutoTrainer 70 % zero gradients;
 *           TheDeepChecker and torchmortem half of the units. Those fire on networks that train well: wide layers do with a third of their
 *           units. Moved by the width of the layer.
 *   broken  0.95 of the units; own choice.
 *   values  100 values of each unit. A unit that is on for 2 % of the samples is silent that long once in eight times. Moved by rare inputs:
 *           one-hot columns switch units on that are silent otherwise.
 *   ZEROS   0.99 of the values: a healthy relu layer has half zeros, and 0.9 and more after training.
 *   TN_STREAK 3 observed steps; own choice: dead units stay dead.
 * Blind spots: fewer dead units than `share`; a unit that is on for samples outside the batches observed. Leaky activations have no
 * zeros. With batches of one sample it takes as many observed steps as `values`. */
#include <math.h>

#include "rules/rule_support.h"

enum { SHARE, BROKEN, VALUES, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [SHARE] = {"share", 0.8, 0.01, 1, "of the units", "Of a layer, so many dead ones make a signal.", false},
    [BROKEN] = {"broken", 0.95, 0.01, 1, "of the units", "From here on it is an error, else a warning.", false},
    [VALUES] = {"values", 100, 1, 1e9, "values", "A unit is dead once so many of its outputs in a row were 0.", true},
};

static const double ZEROS = 0.99;

typedef struct state {
    tn_streaks streaks;
    tn_unit_runs runs;
} state;

static bool is_silent(const tn_unit_vitals *vitals, const tn_unit *unit)
{
    return unit->zeros == vitals->values;
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    uint64_t finite = tn_vitals_finite(vitals);
    tn_streaks_observe(&s->streaks, seen->step);
    if (!tn_tensor_is_activation(name, "relu") || finite == 0 || seen->index >= TN_RULE_TENSORS)
        return;
    bool has_units = s->runs.places[seen->index] > 0;
    double share = tn_unit_runs_update(&s->runs, seen, is_silent, settings[VALUES]);
    if (isnan(share) && has_units)
        return; /* its units are taken now and then */
    double zeros = (double)vitals->zeros / (double)finite, threshold = settings[SHARE];
    bool by_zeros = isnan(share);
    if (by_zeros) {
        share = zeros;
        threshold = ZEROS;
    }
    if (!tn_streaks_update(&s->streaks, signal, seen->index, share >= threshold))
        return;
    char label[TN_TENSOR_LABEL_BYTES];
    tn_tensor_label(label, name);
    if (by_zeros)
        tn_signal_fire(signal, seen->step, label, share, threshold,
                       "%.4g %% of the outputs of %s are exactly 0 at step %llu, and on %d observed steps in a row", 100 * share, label,
                       (unsigned long long)seen->step, TN_STREAK);
    else
        tn_signal_fire(signal, seen->step, label, share, threshold,
                       "%.4g %% of the %zu units of %s are dead at step %llu: each answered 0 to its last %g values or more", 100 * share,
                       seen->units->units, label, (unsigned long long)seen->step, settings[VALUES]);
    signal->severity = share >= settings[BROKEN] ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)settings;
    (void)steps;
    tn_streaks_end(&((state *)memory)->streaks, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return TN_STREAK;
}

const tn_rule tn_rule_dead_units = {
    .name = "dead_units",
    .title = "units of a relu layer answer 0 to every sample",
    .severity = TN_SIGNAL_ERROR,
    .what = "A unit is dead where its last `values` outputs or more were all 0. Fires where at least `share` of the units of a relu are, "
            "on 3 observed steps in a row. Where a tensor shows no "
            "units, 99 % of all its values must be 0.",
    .blind_spots = "Fewer dead units; units that are on for samples outside the observed batches; leaky activations. Batches of one sample "
                   "need as many observed steps as `values`.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
