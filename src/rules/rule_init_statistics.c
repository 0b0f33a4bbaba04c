/* rule_init_statistics.c: initial weights from which a network cannot train well. Judged once, on the first step.
 *
 * Weights are shown after the update, and each update right before its weight. Units that start alike get the same update, and a weight that
 * started at 0 is its update.
 *
 *   all zero    every weight (tn_tensor_is_matrix), of two at least, is 0: nothing will ever move. Single weights that are 0 are legitimate: last layers, residual
 *               branches, low-rank adapters.
 *   stuck       a weight is 0, and the gradient of every weight, of two at least, is exactly 0: what is 0 keeps all others from learning, and itself. A last layer that is 0 gets a gradient,
 *               and so lets the others have theirs from the second step on. Updates are not asked: a warm-up that begins at a rate of 0 leaves them at 0.
 *   constant    all values of a weight are the same number other than 0, or those of at least `alike` of its units are: such units stay copies of each other.
 *   alike       at least `alike` of the units of a weight have a twin with the same smallest and largest value. Two independent units of four values or more do
 *               not agree in both by chance. Units that are mostly 0 (identity matrices) do not count.
 *   signal      the standard deviation of the outputs of the weighted ops, the last left out, changes by more than `factor` from the first of them to another: the signal
 *               dies or explodes on its way.
 *
 * Symmetric, all-zero and stuck weights are errors, a signal out of scale is a warning.
 *
 * Thresholds
 *   alike   0.5 of the units; own choice: one pair of twins costs one unit.
 *   factor  1000, a ratio of standard deviations. SageMaker has a ratio of 10 between variances of layers, TheDeepChecker deviations within [0.5, 2]; PyTorch's
 *           default initialisation alone loses a factor of 2.4 for each layer of relu, and networks of six such layers train.
 *   VALUES_MIN 4 values of a unit.
 *   SWALLOWING 1e4: beside an update of that size a float no longer shows a weight of 1e-3, so such a weight is not judged by its update.
 * Blind spots: weights whose first observed step comes after training began; symmetric kernels that are fixed by design and multiply different inputs each
 * (depthwise blurs) look alike; a signal whose layers differ in scale by design. */
#include <math.h>
#include <string.h>

#include "rules/rule_support.h"

enum { VALUES_MIN = 4, COMPARED_MAX = 4096 /* units of a weight */ };

static const double ROUNDING = 1e-6, SWALLOWING = 1e4;

enum { ALIKE, FACTOR, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [ALIKE] = {"alike", 0.5, 0, 1, "of the units", "Of a weight, so many units with a twin are symmetric.", false},
    [FACTOR] = {"factor", 1000, 1, 1e30, "a ratio of standard deviations", "The signal may change so far from layer to layer in all.",
                false},
};

typedef struct layer {
    bool seen;
    size_t node_index;
    double deviation;
    char label[TN_TENSOR_LABEL_BYTES];
} layer;

typedef struct state {
    uint64_t step; /* that is judged */
    bool judged;
    size_t weights, zero_weights, gradients, zero_gradients;
    bool symmetric;
    double share;
    char label[TN_TENSOR_LABEL_BYTES]; /* of the first symmetric weight */
    size_t units;
    const char *update_node, *update_parameter; /* of the last update seen; NULL: none */
    tn_print update;
    layer first, weakest, strongest, last; /* of the outputs of weighted ops; `last` is not yet among the others */
    float pairs[COMPARED_MAX][2];
} state;

/* But for rounding, which may differ from column to column of a product. */
static bool is_alike(const tn_unit *a, const float b[2])
{
    double size = fmax(fabs((double)b[0]), fabs((double)b[1]));
    return fabs((double)a->min - (double)b[0]) <= ROUNDING * size && fabs((double)a->max - (double)b[1]) <= ROUNDING * size;
}

/* The share of units that have a twin, or are constant. */
static double share_alike(state *s, const tn_unit_vitals *units)
{
    size_t count = units->units < COMPARED_MAX ? units->units : COMPARED_MAX, alike = 0, kept = 0;
    if (units->values < VALUES_MIN || count < 2)
        return 0;
    for (size_t u = 0; u < count; u++) {
        const tn_unit *unit = &units->unit[u];
        bool counts = 2 * unit->zeros < units->values && unit->nonfinite == 0;
        if (!counts)
            continue;
        bool twin = unit->min == unit->max;
        for (size_t v = 0; v < kept && !twin; v++)
            twin = is_alike(unit, s->pairs[v]);
        alike += twin;
        s->pairs[kept][0] = unit->min;
        s->pairs[kept++][1] = unit->max;
    }
    /* Of a group of twins the first was not counted. */
    return alike > 0 ? (double)(alike + 1 < count ? alike + 1 : count) / (double)count : 0;
}

static void see_update(state *s, const tn_tensor_seen *seen)
{
    s->update_node = seen->name->node;
    s->update_parameter = seen->name->parameter;
    s->update = tn_print_of(seen->vitals);
}

static void see_gradient(state *s, const tn_tensor_seen *seen)
{
    s->gradients++;
    s->zero_gradients += seen->vitals->zeros == seen->vitals->count;
}

static void see_weight(state *s, const double *settings, const tn_tensor_seen *seen)
{
    const tn_vitals *vitals = seen->vitals;
    if (tn_vitals_finite(vitals) < vitals->count)
        return; /* nonfinite's business */
    const tn_print print = tn_print_of(vitals);
    bool is_update = s->update_node && strcmp(s->update_node, seen->name->node) == 0 &&
                     strcmp(s->update_parameter, seen->name->parameter) == 0 && tn_print_equal(&print, &s->update);
    if (is_update && fmax(-s->update.min, s->update.max) >= SWALLOWING)
        return;
    s->weights++;
    if (vitals->zeros == vitals->count || is_update) {
        s->zero_weights++;
        return;
    }
    bool constant = vitals->min == vitals->max && vitals->count >= VALUES_MIN && seen->name->units > 1;
    double share = constant ? 1 : seen->units ? share_alike(s, seen->units) : 0;
    if (s->symmetric || share == 0 || share < settings[ALIKE])
        return;
    s->symmetric = true;
    s->share = share;
    s->units = seen->name->units;
    tn_tensor_label(s->label, seen->name);
}

static void take_last(state *s)
{
    if (!s->last.seen || !(s->last.deviation >= 0))
        return;
    if (!s->first.seen)
        s->first = s->weakest = s->strongest = s->last;
    if (s->last.deviation < s->weakest.deviation)
        s->weakest = s->last;
    if (s->last.deviation > s->strongest.deviation)
        s->strongest = s->last;
}

static void see_activation(state *s, const tn_tensor_seen *seen)
{
    static const char *const WEIGHTED[] = {"dense", "linear", "conv1d", "conv2d", "conv2d_transpose", "conv3d"};
    const tn_tensor_name *name = seen->name;
    bool is_weighted = false;
    for (size_t i = 0; i < sizeof WEIGHTED / sizeof *WEIGHTED; i++)
        is_weighted = is_weighted || (name->op && strcmp(name->op, WEIGHTED[i]) == 0);
    if (!is_weighted || tn_vitals_finite(seen->vitals) == 0)
        return;
    take_last(s);
    s->last = (layer){.seen = true, .node_index = name->node_index, .deviation = sqrt(tn_vitals_variance(seen->vitals))};
    tn_tensor_label(s->last.label, name);
}

static void judge(state *s, const double *settings, tn_signal *signal)
{
    if (s->judged || s->step == 0)
        return;
    s->judged = true;
    double fall = s->weakest.deviation > 0 ? s->first.deviation / s->weakest.deviation : INFINITY,
           rise = s->first.deviation > 0 ? s->strongest.deviation / s->first.deviation : 0;
    bool fades = s->first.seen && s->first.deviation > 0 && fall > settings[FACTOR];
    if (s->weights >= 2 && s->zero_weights == s->weights) {
        tn_signal_fire(signal, s->step, NULL, (double)s->zero_weights, 0,
                       "all %zu weights start at 0: every gradient behind the last layer is 0, and stays so", s->weights);
        signal->severity = TN_SIGNAL_ERROR;
    } else if (s->zero_weights > 0 && s->gradients >= 2 && s->zero_gradients == s->gradients) {
        tn_signal_fire(signal, s->step, NULL, (double)s->zero_weights, 0,
                       "%zu of %zu weights start at 0, and the gradient of every weight is exactly 0: none of them will ever move",
                       s->zero_weights, s->weights);
        signal->severity = TN_SIGNAL_ERROR;
    } else if (s->symmetric) {
        tn_signal_fire(signal, s->step, s->label, s->share, settings[ALIKE],
                       "%.3g %% of the %zu units of %s start alike: they get the same gradient, and stay copies of each other",
                       100 * s->share, s->units, s->label);
        signal->severity = TN_SIGNAL_ERROR;
    } else if (fades || rise > settings[FACTOR]) {
        const layer *far = fades ? &s->weakest : &s->strongest;
        tn_signal_fire(signal, s->step, far->label, far->deviation / s->first.deviation, fades ? 1 / settings[FACTOR] : settings[FACTOR],
                       "the signal %s on its way through the fresh network: its standard deviation is %.2g after %s and %.2g after %s",
                       fades ? "fades" : "explodes", s->first.deviation, s->first.label, far->deviation, far->label);
        signal->severity = TN_SIGNAL_WARNING;
    } else {
        tn_signal_quiet(signal);
    }
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    if (s->judged)
        return;
    bool is_part =
        (name->role == TN_ROLE_WEIGHT || name->role == TN_ROLE_GRADIENT || name->role == TN_ROLE_UPDATE) && tn_tensor_is_matrix(name);
    if (!is_part && name->role != TN_ROLE_ACTIVATION)
        return;
    if (s->step == 0)
        s->step = seen->step;
    if (seen->step != s->step)
        judge(s, settings, signal);
    else if (seen->step != 1)
        return; /* trained already: neither its weights nor its signal are initial */
    else if (name->role == TN_ROLE_GRADIENT)
        see_gradient(s, seen);
    else if (name->role == TN_ROLE_UPDATE)
        see_update(s, seen);
    else if (name->role == TN_ROLE_WEIGHT)
        see_weight(s, settings, seen);
    else
        see_activation(s, seen);
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    state *s = memory;
    if (s->step == step->step && s->step == 1)
        judge(s, settings, signal);
    return true;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return 1;
}

const tn_rule tn_rule_init_statistics = {
    .name = "init_statistics",
    .title = "the initial weights are symmetric, zero or out of scale",
    .severity = TN_SIGNAL_ERROR,
    .what = "On the first step: all weights are 0, or some are and the gradient of every weight is exactly 0; at least `alike` of a "
            "weight's units have the same smallest and largest value as "
            "another, or one value throughout; or the standard deviation of the "
            "outputs of dense and convolution layers, the last left out, changes by more than `factor` from the first of them on (a "
            "warning). Single layers, biases and gains that start at 0 or 1 are "
            "legitimate.",
    .blind_spots = "Runs whose first step is not observed; fixed kernels that are alike by design; layers that differ in scale by design.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "step, the first, with tensors observed",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
};
