/* rule_constant_output.c: the network answers the same to every sample.
 *
 * Of the last activation that has a value or more for each of SAMPLES_MIN samples (a loss that is a node has one in all): spread = (max - min) /
 * max(|min|, |max|) of each unit over the batch, and of all units the largest. Fires where it is at most `spread` on
 * `observations` observed steps in a row on which units were taken; taken back where the output varies again. Batches whose input does not vary
 * either are left out.
 *
 * Thresholds
 *   spread       0.0001 of the output; own choice: deep sigmoid networks start with 0.001 and train. Moved by outputs with a large common
 *                offset.
 *   observations 3 observed steps in a row: a last layer that starts at 0 is constant before the first update.
 *   SAMPLES_MIN  8 samples.
 * Where a tensor shows no units (programs), an output of one unit is judged, and one of several where all their values agree.
 * Blind spots: an output that varies, but not with the input; batches of fewer samples; several units that are not shown, or more than TN_UNITS_MAX; of several
 * outputs only the last. */
#include <math.h>

#include "rules/rule_support.h"

enum { SAMPLES_MIN = 8 };

enum { SPREAD, OBSERVATIONS, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [SPREAD] = {"spread", 1e-4, 0, 1, "of the output", "A unit's range over a batch must be more than this.", false},
    [OBSERVATIONS] = {"observations", 3, 1, 1000, "observed steps", "So often in a row the output must be constant.", true},
};

typedef struct state {
    uint64_t step; /* whose tensors are being seen */
    bool seen, constant_input;
    size_t node_index;
    double spread;
    char label[TN_TENSOR_LABEL_BYTES];
    uint64_t judged, in_a_row;
} state;

/* The largest spread of a unit; NAN where no unit has two finite values. */
static double spread_of(const tn_unit_vitals *units)
{
    double most = NAN;
    for (size_t u = 0; u < units->units; u++) {
        const tn_unit *unit = &units->unit[u];
        if (unit->nonfinite == units->values)
            continue;
        double size = fmax(fabs((double)unit->min), fabs((double)unit->max)), range = (double)unit->max - (double)unit->min;
        double spread = size > 0 ? range / size : 0;
        most = isnan(most) || spread > most ? spread : most;
    }
    return most;
}

/* The spread of a tensor that shows no units: of its only unit, or of all units alike. NAN where units that each are constant may differ. */
static double spread_of_whole(const tn_tensor_name *name, const tn_vitals *vitals, double least)
{
    double size = fmax(fabs((double)vitals->min), fabs((double)vitals->max)), range = (double)vitals->max - (double)vitals->min;
    double spread = size > 0 ? range / size : 0;
    return name->units == 1 || spread <= least ? spread : NAN;
}

static void close_step(state *s, const double *settings, tn_signal *signal)
{
    if (s->step == 0 || !s->seen || isnan(s->spread) || s->constant_input)
        return;
    s->judged++;
    s->in_a_row = s->spread <= settings[SPREAD] ? s->in_a_row + 1 : 0;
    if ((double)s->in_a_row >= settings[OBSERVATIONS])
        tn_signal_fire(
            signal, s->step, s->label, s->spread, settings[SPREAD],
            "%s answers the same to every sample of a batch at step %llu, and on %llu observed steps in a row: no output varies by "
            "more than %.2g of itself",
            s->label, (unsigned long long)s->step, (unsigned long long)s->in_a_row, s->spread);
    else if ((double)s->judged >= settings[OBSERVATIONS])
        tn_signal_quiet(signal);
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    if (seen->step != s->step) {
        close_step(s, settings, signal);
        s->step = seen->step;
        s->seen = s->constant_input = false;
    }
    bool has_units = seen->units && seen->units->units > 0;
    if (!has_units &&
        (name->units == 0 || seen->vitals->count == seen->vitals->nan + seen->vitals->positive_infinity + seen->vitals->negative_infinity))
        return;
    double spread = has_units ? spread_of(seen->units) : spread_of_whole(name, seen->vitals, settings[SPREAD]);
    if (name->role == TN_ROLE_INPUT) {
        s->constant_input = has_units ? !(spread > 0) : spread == 0;
        return;
    }
    uint64_t values = has_units ? seen->units->values : name->count / name->units;
    uint64_t samples = seen->batch.count ? seen->batch.count : values;
    if (name->role != TN_ROLE_ACTIVATION || samples < SAMPLES_MIN || values < samples || (s->seen && name->node_index < s->node_index))
        return;
    s->seen = true;
    s->node_index = name->node_index;
    s->spread = spread;
    tn_tensor_label(s->label, name);
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

const tn_rule tn_rule_constant_output = {
    .name = "constant_output",
    .title = "the answer is the same for every sample",
    .severity = TN_SIGNAL_ERROR,
    .what = "Over the samples of a batch no unit of the last activation varies by more than `spread` of itself, on `observations` observed "
            "steps in a row, while the inputs do vary. Taken back where "
            "the output varies again.",
    .blind_spots = "Outputs that vary, but not with the input; batches of fewer than 8 samples; of several outputs only the last.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "observed steps with units",
    .needs = needs,
    .state_size = sizeof(state),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
