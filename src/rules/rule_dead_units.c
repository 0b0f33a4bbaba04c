/* rule_dead_units.c: a relu layer that answers 0 to nearly everything.
 *
 * For each output of a relu: share = zeros / finite values, over the batch. Fires where the share is at least SHARE on TN_STREAK observed
 * steps in a row; taken back where that layer recovers.
 *
 * Thresholds
 *   SHARE     0.99 of the values. SageMaker: over half of the units active less than 1 % of the time; AutoTrainer 70 % zero gradients;
 *             TheDeepChecker and torchmortem half of the units. Those fire on networks that train well: a healthy relu layer has half
 *             zeros, and 0.9 and more after training. Very wide sparse layers (transformers) move it.
 *   TN_STREAK 3 observed steps; own choice: dead units stay dead.
 * Blind spots: vitals of a whole tensor cannot tell half of the units dead from all units on half of the time, so a layer fires only when
 * hardly any unit is left; a unit that is on for samples outside the batches observed. Leaky activations have no zeros. */
#include "rules/rule_support.h"

static const double SHARE = 0.99;

static void on_tensor(void *memory, tn_signal *signal, const tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    uint64_t step = seen->step;
    size_t index = seen->index;
    tn_streaks *streaks = memory;
    uint64_t finite = tn_vitals_finite(vitals);
    tn_streaks_observe(streaks, step);
    if (!tn_tensor_is_activation(name, "relu") || finite == 0)
        return;
    double share = (double)vitals->zeros / (double)finite;
    if (!tn_streaks_update(streaks, signal, index, share >= SHARE))
        return;
    char label[96];
    tn_tensor_label(label, name);
    tn_signal_fire(signal, step, label, share, SHARE,
                   "%.4g %% of the outputs of %s are exactly 0 at step %llu, and on %d observed steps in a row", 100 * share, label,
                   (unsigned long long)step, TN_STREAK);
}

static void on_end(void *memory, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    tn_streaks_end(memory, signal);
}

const tn_rule tn_rule_dead_units = {
    .name = "dead_units",
    .title = "a relu layer is off for nearly every sample",
    .state_size = sizeof(tn_streaks),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
