/* rule_saturated.c: sigmoid or tanh units that sit at their bounds, where the slope is almost 0.
 *
 * The mean slope of a layer follows exactly from its vitals: a sigmoid's slope is y (1 - y), so the mean slope is mean - mean of squares;
 * a tanh's is 1 - y^2. With r the mean slope over the largest (1/4 and 1), at most 10 r of the values can have a tenth of the largest slope
 * or more, so at least
 *     share = 1 - 10 r
 * of them sit at a bound: sigmoid beyond +-3.6, tanh beyond +-1.8. For a hard sigmoid share counts the values that are exactly 0 or 1
 * (bucket 127 of the histogram holds 1 to 2). Fires where the share of a hidden layer is at least SHARE, of a hard sigmoid HARD_SHARE, on
 * TN_STREAK observed steps in a row; taken back where that layer recovers. The last activation of the net is left out: the output of a good
 * classifier sits at its bounds.
 *
 * Thresholds
 *   SHARE       0.5 of the values, as a lower bound: the true share is higher, near 0.9 and more. SageMaker: over half of the units beyond
 *               9.5 (tanh), -23 or 17 (sigmoid); DeepDiagnosis +-5; TheDeepChecker rho above 0.85 for half of the units.
 *   HARD_SHARE  0.95 of the values; own choice: a hard sigmoid works as a gate at its bounds.
 *   TN_STREAK   3 observed steps; own choice.
 * Blind spots: single saturated units among good ones; layers of saturated and linear units mixed (the mean slope hides a share of up
 * to 0.95); gates inside recurrent ops. */
#include "rules/rule_support.h"

enum { EXPONENT_OF_1 = 127 };

static const double SHARE = 0.5, HARD_SHARE = 0.95, TENTH = 0.1;

typedef struct state {
    tn_streaks streaks;
    size_t last_node; /* of all activations seen */
} state;

/* The share of values at a bound and its threshold; false for other ops. */
static bool share_at_bounds(const tn_tensor_name *name, const tn_vitals *vitals, double *share, double *threshold)
{
    double n = (double)tn_vitals_finite(vitals), mean_square = vitals->sum_of_squares / n;
    *threshold = SHARE;
    if (tn_tensor_is_activation(name, "sigmoid")) {
        *share = 1 - 4 * (vitals->mean - mean_square) / TENTH;
    } else if (tn_tensor_is_activation(name, "tanh")) {
        *share = 1 - (1 - mean_square) / TENTH;
    } else if (tn_tensor_is_activation(name, "hard_sigmoid")) {
        *share = (double)(vitals->zeros + vitals->histogram[0][EXPONENT_OF_1]) / n;
        *threshold = HARD_SHARE;
    } else {
        return false;
    }
    return true;
}

static void on_tensor(void *memory, tn_signal *signal, const tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    uint64_t step = seen->step;
    size_t index = seen->index;
    state *s = memory;
    tn_streaks_observe(&s->streaks, step);
    if (name->role == TN_ROLE_ACTIVATION && name->node_index > s->last_node)
        s->last_node = name->node_index;
    double share, threshold;
    if (tn_vitals_finite(vitals) == 0 || !share_at_bounds(name, vitals, &share, &threshold))
        return;
    /* The last node is known by the second observed step, and nothing fires before the third. */
    if (!tn_streaks_update(&s->streaks, signal, index,
                           share >= threshold && (name->node_index < s->last_node || s->streaks.steps < TN_STREAK)))
        return;
    char label[96];
    tn_tensor_label(label, name);
    tn_signal_fire(signal, step, label, share, threshold,
                   "at least %.3g %% of the outputs of %s sit at their bounds at step %llu (they lie in [%.3g, %.3g], mean %.3g)",
                   100 * share, label, (unsigned long long)step, (double)vitals->min, (double)vitals->max, vitals->mean);
}

static void on_end(void *memory, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    tn_streaks_end(&((state *)memory)->streaks, signal);
}

const tn_rule tn_rule_saturated = {
    .name = "saturated",
    .title = "a sigmoid or tanh layer sits at its bounds",
    .state_size = sizeof(state),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
