/* rule_vanishing.c: the gradient fades on its way back to the first layers.
 *
 * On each observed step: ratio = L2 norm of the gradient of the first weight tensor / that of the last, first and last by their node's
 * place in the net. Weight tensors are tn_tensor_is_matrix: biases and gains do not count.
 * Fires where the median ratio of the last observed steps, at most TN_DEPTH_WINDOW and at least
 * TN_DEPTH_OBSERVED_MIN of them, is below `ratio`; an error
 * below `broken`, a warning above it. Steps with a
 * non-finite gradient, or none at all in the last tensor, are left out.
 *
 * Thresholds
 *   ratio         0.001, a ratio of norms. AutoTrainer, which asks for a first norm below 1e-4 too; that depends on the scale of the loss
 *                 and was left out. SageMaker and DeepDiagnosis have a mean magnitude below 1e-7. Moved by the scale of the input, which
 *                 multiplies the first gradient, and by layers of very different sizes.
 *   broken        0.00001; own choice: what is left of ten layers of sigmoids.
 *   at least      3 observed steps; own choice: one batch may be odd.
 * Blind spots: inputs of large scale hide it; a gradient that fades and grows again, or all gradients small alike; nets of one weight
 * tensor have nothing to compare and are quiet. */
#include <math.h>

#include "rules/rule_support.h"

enum { RATIO, BROKEN, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [RATIO] = {"ratio", 1e-3, 0, 1, "a ratio of norms", "The first gradient over the last: below this it fades.", false},
    [BROKEN] = {"broken", 1e-5, 0, 1, "a ratio of norms", "Below this it is an error, else a warning.", false},
};

/* Judges the step whose gradients have all been seen. */
static void judge(tn_depth *depth, const double *settings, tn_signal *signal)
{
    double median = tn_depth_close(depth);
    const tn_depth_end *first = &depth->first, *last = &depth->last;
    if (depth->has_one_weight || median >= settings[RATIO]) {
        tn_signal_quiet(signal);
    } else if (!isnan(median)) {
        tn_signal_fire(signal, depth->step, first->label, median, settings[RATIO],
                       "the gradient of %s is %.2g times that of %s (norms %.2g and %.2g at step %llu)", first->label, median, last->label,
                       first->norm, last->norm, (unsigned long long)depth->step);
        signal->severity = median < settings[BROKEN] ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
    }
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    tn_depth *depth = memory;
    if (seen->name->role != TN_ROLE_GRADIENT || !tn_tensor_is_matrix(seen->name))
        return;
    if (seen->step != depth->step)
        judge(depth, settings, signal);
    tn_depth_see(depth, seen);
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    judge(memory, settings, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return TN_DEPTH_OBSERVED_MIN;
}

const tn_rule tn_rule_vanishing = {
    .name = "vanishing",
    .title = "the gradient fades before the first layers",
    .severity = TN_SIGNAL_ERROR,
    .what = "The norm of the gradient of the first weights over that of the last, as the median of up to 16 observed steps, is below "
            "`ratio`. First and last go by the place in the network; biases "
            "and gains do not count.",
    .blind_spots = "Inputs of large scale hide it; a gradient that fades and grows again; gradients that are all small alike; networks "
                   "with one weight tensor.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps",
    .needs = needs,
    .state_size = sizeof(tn_depth),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
