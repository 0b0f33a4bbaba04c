/* rule_saturated_units.c: sigmoid or tanh units that sit at their bounds, where the slope is almost 0.
 *
 * The mean slope of a layer follows exactly from its vitals: a sigmoid's slope is y (1 - y), so the mean slope is mean - mean of squares;
 * a tanh's is 1 - y^2. With r the mean slope over the largest (1/4 and 1), at most 10 r of the values can have a tenth of the largest slope
 * or more, so at least
 *     share = 1 - 10 r
 * of them sit at a bound: sigmoid beyond +-3.6, tanh beyond +-1.8. For a hard sigmoid share counts the values that are exactly 0 or 1
 * (bucket 127 of the histogram holds 1 to 2). Beside that, where a tensor shows its units: a unit is saturated where at least UNIT_SHARE of
 * its last `values` outputs or more lay where the slope is below a tenth, and the share is that of such units.
 *
 * Fires where the share of a hidden layer is at least `share`, of a hard sigmoid HARD_SHARE, on TN_STREAK observed steps in a row; an error
 * from `broken` on, else a warning. Taken back where that layer recovers. The last activation of the net is left out: the output of a
 * good classifier sits at its bounds.
 *
 * Thresholds
 *   share       0.5 of the values, as a lower bound: the true share is higher, near 0.9 and more; or of the units. SageMaker: over half of the units beyond
 *               9.5 (tanh), -23 or 17 (sigmoid); DeepDiagnosis +-5; TheDeepChecker rho above 0.85 for half of the units.
 *   broken      0.8, likewise; own choice: attention and gates live with half of their units at a bound.
 *   values      100 values of each unit, UNIT_SHARE 0.95 of them; own choice: of tanh units whose input has a deviation of 10, 0.85 are.
 *   HARD_SHARE  0.95 of the values; own choice: a hard sigmoid works as a gate at its bounds.
 *   TN_STREAK   3 observed steps; own choice.
 * Blind spots: fewer saturated units; without units, layers of saturated and linear ones mixed (the mean slope hides a share of up
 * to 0.95); gates inside recurrent ops. */
#include <math.h>

#include "rules/rule_support.h"

enum { EXPONENT_OF_1 = 127 };

static const double HARD_SHARE = 0.95, UNIT_SHARE = 0.95, TENTH = 0.1;

enum { SHARE, BROKEN, VALUES, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [SHARE] = {"share", 0.5, 0.01, 1, "of the values or units", "Of a layer, so many at their bounds make a signal.", false},
    [BROKEN] = {"broken", 0.8, 0.01, 1, "of the values or units", "From here on it is an error, else a warning.", false},
    [VALUES] = {"values", 100, 1, 1e9, "values", "A unit is saturated once so many of its outputs in a row were at a bound.", true},
};

typedef struct state {
    tn_streaks streaks;
    tn_unit_runs runs;
    float unit_share[TN_RULE_TENSORS]; /* of saturated units, when they were seen last */
    size_t last_node;                  /* of all activations seen */
} state;

/* The share of values at a bound and its threshold; false for other ops. */
static bool share_at_bounds(const tn_tensor_name *name, const tn_vitals *vitals, const double *settings, double *share, double *threshold)
{
    double n = (double)tn_vitals_finite(vitals), mean_square = vitals->sum_of_squares / n;
    *threshold = settings[SHARE];
    if (tn_tensor_is_activation(name, "sigmoid")) {
        *share = 1 - 4 * (vitals->mean - mean_square) / TENTH;
    } else if (tn_tensor_is_activation(name, "tanh")) {
        *share = 1 - (1 - mean_square) / TENTH;
    } else if (tn_tensor_is_activation(name, "hard_sigmoid")) {
        *share = ((double)vitals->zeros + tn_vitals_weight(vitals) * (double)vitals->histogram[0][EXPONENT_OF_1]) / n;
        *threshold = HARD_SHARE;
    } else {
        return false;
    }
    return true;
}

static bool is_saturated(const tn_unit_vitals *vitals, const tn_unit *unit)
{
    return (double)unit->saturated >= UNIT_SHARE * (double)vitals->values;
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    state *s = memory;
    tn_streaks_observe(&s->streaks, seen->step);
    if (name->role == TN_ROLE_ACTIVATION && name->node_index > s->last_node)
        s->last_node = name->node_index;
    double share, threshold;
    if (tn_vitals_finite(vitals) == 0 || seen->index >= TN_RULE_TENSORS || !share_at_bounds(name, vitals, settings, &share, &threshold))
        return;
    double of_units = tn_unit_runs_update(&s->runs, seen, is_saturated, settings[VALUES]);
    if (!isnan(of_units))
        s->unit_share[seen->index] = (float)of_units;
    share = fmax(share, (double)s->unit_share[seen->index]);
    /* The last node is known by the second observed step, and nothing fires before the third. */
    if (!tn_streaks_update(&s->streaks, signal, seen->index,
                           share >= threshold && (name->node_index < s->last_node || s->streaks.steps < TN_STREAK)))
        return;
    char label[TN_TENSOR_LABEL_BYTES];
    tn_tensor_label(label, name);
    tn_signal_fire(signal, seen->step, label, share, threshold,
                   "at least %.3g %% of the outputs of %s sit at their bounds at step %llu (they lie in [%.3g, %.3g], mean %.3g)",
                   100 * share, label, (unsigned long long)seen->step, (double)vitals->min, (double)vitals->max, vitals->mean);
    signal->severity = share >= fmax(settings[BROKEN], threshold) ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
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

const tn_rule tn_rule_saturated_units = {
    .name = "saturated_units",
    .title = "units of a sigmoid or tanh layer sit at their bounds",
    .severity = TN_SIGNAL_ERROR,
    .what = "At least `share` of the outputs of a hidden sigmoid or tanh must lie where the slope is below a tenth of the largest: 1 - 10 "
            "x mean slope / largest slope, which follows from mean and "
            "variance; or at least `share` of its units had 95 % of their last `values` outputs there. On 3 observed steps in a row. Of a "
            "hard sigmoid, 95 % of the outputs must be exactly 0 or 1. "
            "The last activation of the network is left out.",
    .blind_spots = "Fewer saturated units; gates inside recurrent ops.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps",
    .needs = needs,
    .state_size = sizeof(state),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
