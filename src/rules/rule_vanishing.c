/* rule_vanishing.c: the gradient fades on its way back to the first layers.
 *
 * On each observed step: ratio = L2 norm of the gradient of the first weight tensor / that of the last, first and last by their node's
 * place in the net. Weight tensors are tn_tensor_is_matrix: biases and gains do not count.
 * Fires where the median ratio of the last observed steps, at most WINDOW and at least OBSERVED_MIN of them, is below `ratio`; an error
 * below `broken`, a warning above it. Steps with a
 * non-finite gradient, or none at all in the last tensor, are left out.
 *
 * Thresholds
 *   ratio         0.001, a ratio of norms. AutoTrainer, which asks for a first norm below 1e-4 too; that depends on the scale of the loss
 *                 and was left out. SageMaker and DeepDiagnosis have a mean magnitude below 1e-7. Moved by the scale of the input, which
 *                 multiplies the first gradient, and by layers of very different sizes.
 *   broken        0.00001; own choice: what is left of ten layers of sigmoids.
 *   OBSERVED_MIN  3 observed steps; own choice: one batch may be odd.
 * Blind spots: inputs of large scale hide it; a gradient that fades and grows again, or all gradients small alike; nets of one weight
 * tensor have nothing to compare and are quiet. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { WINDOW = 16, OBSERVED_MIN = 3 };

enum { RATIO, BROKEN, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [RATIO] = {"ratio", 1e-3, 0, 1, "a ratio of norms", "The first gradient over the last: below this it fades.", false},
    [BROKEN] = {"broken", 1e-5, 0, 1, "a ratio of norms", "Below this it is an error, else a warning.", false},
};

typedef struct end {
    bool seen;
    size_t node_index, index;
    double norm;
    char label[96];
} end;

typedef struct state {
    uint64_t step; /* whose gradients are being seen; 0: none */
    bool finite;
    end first, last; /* of that step */
    double ratios[WINDOW];
    size_t observed;
} state;

static bool before(const end *a, size_t node_index, size_t index)
{
    return a->node_index < node_index || (a->node_index == node_index && a->index < index);
}

/* Judges the step whose gradients have all been seen. */
static void close_step(state *s, const double *settings, tn_signal *signal)
{
    if (s->step == 0 || !s->first.seen)
        return;
    if (s->first.index == s->last.index) {
        tn_signal_quiet(signal);
        return;
    }
    if (!s->finite || s->last.norm == 0)
        return;
    s->ratios[s->observed++ % WINDOW] = s->first.norm / s->last.norm;
    if (s->observed < OBSERVED_MIN)
        return;
    double sorted[WINDOW];
    size_t count = s->observed < WINDOW ? s->observed : WINDOW;
    memcpy(sorted, s->ratios, count * sizeof *sorted);
    double median = tn_quantile(sorted, count, 0.5);
    if (median < settings[RATIO]) {
        tn_signal_fire(signal, s->step, s->first.label, median, settings[RATIO],
                       "the gradient of %s is %.2g times that of %s (norms %.2g and %.2g at step %llu)", s->first.label, median,
                       s->last.label, s->first.norm, s->last.norm, (unsigned long long)s->step);
        signal->severity = median < settings[BROKEN] ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
    } else {
        tn_signal_quiet(signal);
    }
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    const tn_tensor_name *name = seen->name;
    const tn_vitals *vitals = seen->vitals;
    uint64_t step = seen->step;
    size_t index = seen->index;
    state *s = memory;
    if (name->role != TN_ROLE_GRADIENT || !tn_tensor_is_matrix(name))
        return;
    if (step != s->step) {
        close_step(s, settings, signal);
        s->step = step;
        s->finite = true;
        s->first.seen = s->last.seen = false;
    }
    s->finite = s->finite && tn_vitals_finite(vitals) == vitals->count;
    end here = {.seen = true, .node_index = name->node_index, .index = index, .norm = tn_vitals_l2(vitals)};
    tn_tensor_label(here.label, name);
    if (!s->first.seen || !before(&s->first, name->node_index, index))
        s->first = here;
    if (!s->last.seen || before(&s->last, name->node_index, index))
        s->last = here;
}

static void on_end(void *memory, const double *settings, tn_signal *signal, uint64_t steps)
{
    (void)steps;
    close_step(memory, settings, signal);
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return OBSERVED_MIN;
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
    .state_size = sizeof(state),
    .on_tensor = on_tensor,
    .on_end = on_end,
};
