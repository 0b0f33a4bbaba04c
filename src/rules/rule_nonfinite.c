/* rule_nonfinite.c: a NaN or an infinity, in the loss, the gradient norm or an observed tensor (PROTOCOL A3 asks for the first place).
 *
 * Fires at the first of: a tensor whose vitals count a non-finite value; a loss that is not finite; a gradient norm that is infinite. The
 * first stays: tensors are seen in the order in which a step makes them, so on an observed step the tensor named is the first that broke.
 *
 * Threshold: 0 non-finite values. No other number would do: a NaN spreads to every weight in the next update.
 * Blind spots: on steps whose tensors are not observed only the loss tells, one step late. A gradient norm of NaN means that nobody
 * computed it, and says nothing. A value that overflowed and was masked or clipped away in the same op is not seen. Which op broke is the
 * business of an experiment. */
#include <math.h>

#include "rules/rule_support.h"

typedef struct state {
    bool fired;
} state;

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    (void)settings;
    state *s = memory;
    unsigned long long at = step->step;
    if (!s->fired && !isfinite(step->loss)) {
        s->fired = true;
        tn_signal_fire(signal, step->step, NULL, step->loss, 0, "the loss is %s at step %llu", isnan(step->loss) ? "NaN" : "infinite", at);
    } else if (!s->fired && isinf(step->gradient_norm)) {
        s->fired = true;
        tn_signal_fire(signal, step->step, NULL, step->gradient_norm, 0, "the norm of the gradient is infinite at step %llu", at);
    } else if (!s->fired) {
        tn_signal_quiet(signal);
    }
    return true;
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    (void)settings;
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    uint64_t step = seen->step;
    state *s = memory;
    uint64_t bad = vitals->count - tn_vitals_finite(vitals);
    if (s->fired || bad == 0)
        return;
    s->fired = true;
    char label[96];
    tn_tensor_label(label, name);
    tn_signal_fire(signal, step, label, (double)bad, 0,
                   "%s (%s) holds %llu values of %llu that are not finite at step %llu: %llu NaN, %llu infinite", label,
                   tn_role_name(name->role), (unsigned long long)bad, (unsigned long long)vitals->count, (unsigned long long)step,
                   (unsigned long long)vitals->nan, (unsigned long long)(bad - vitals->nan));
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return 1;
}

const tn_rule tn_rule_nonfinite = {
    .name = "nonfinite",
    .title = "the loss or a tensor is no longer finite",
    .severity = TN_SIGNAL_ERROR,
    .what = "The first NaN or infinity in the loss, the norm of the gradient or an observed tensor. On an observed step the tensor named "
            "is the first that broke.",
    .blind_spots = "On steps whose tensors are not observed only the loss tells, one step late. A value that overflowed and was masked "
                   "away within the same op is not seen.",
    .needs_what = "step",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
};
