/* rule_input_statistics.c: inputs from which it is hard to learn, or too easy.
 *
 * From the summary of the training data as the network sees them (run/data_summary.h); judged at the first step, when the first op is known. In this order, the worst first:
 *   non-finite  any value is NaN or infinite: an error.
 *   nothing     every feature is constant: an error.
 *   leak        of several features one alone tells the label: the share of the label's variance that it explains is at least `leak`, and no other feature comes near it (a quarter of the rest).
 *   scale       the root mean square of a feature is over `large`, or that of every feature below `small`. Not where the first op is a normalisation, or looks codes up.
 *   constant    `constant` of the features or more never change; of images, which have black margins, all but a hundredth must. Those that the user has switched off (data.input.ignore) do not count.
 *   duplicate   of a table, two columns are exactly equal and change between over `changes` of the samples.
 * Of a program's data only the whole is known, or, where nobody looked beforehand, the first batch that is observed: non-finite values and scale.
 * All but the first two are warnings: Adam, a normalisation or luck may live with them.
 *
 * Thresholds
 *   leak     0.999 of the variance. Moved by noise-free made-up data, whose label follows from one feature.
 *   large    1,000, a root mean square. UMLAUT and DeepDiagnosis have inputs outside [-1, 1], SageMaker an image's mean above 0.2, which bytes from 0 to 255 exceed; many networks do train on those.
 *   small    0.0001, likewise.
 *   constant 0.5 of the features. One-hot columns of rare categories, and a subset of the samples, move it.
 *   changes  0.1 of the samples: rare words come in pairs by chance.
 * Blind spots: leaks through several features, or that are no line; features that agree but for rounding; what a program computes of its batches before the
 * network; duplicates among more than 20,000 columns, and in data that are sorted. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rules/rule_support.h"

enum { LEAK, LARGE, SMALL, CONSTANT, CHANGES, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [LEAK] = {"leak", 0.999, 0, 1, "of the label's variance", "One feature alone may explain so much.", false},
    [LARGE] = {"large", 1000, 0, 1e30, "root mean square", "A feature may be so large.", false},
    [SMALL] = {"small", 1e-4, 0, 1e30, "root mean square", "The largest feature must be so large.", false},
    [CONSTANT] = {"constant", 0.5, 0, 1, "of the features", "From so many on that never change.", false},
    [CHANGES] = {"changes", 0.1, 0, 1, "of the samples", "Columns that change less often are not compared with each other.", false},
};

/* Of samples: fewer tell nothing of a feature. */
enum { SAMPLES_MIN = 20 };

typedef struct state {
    bool has_data; /* else the first batch that is seen must do */
    bool told, normalised;
    size_t first_node; /* of the first activation seen */
    bool has_node;
    tn_signal scale; /* what is to be said unless the first op takes care of the scale */
    tn_signal rest;
} state;

static double size_of(const tn_column_summary *of)
{
    return sqrt(of->mean * of->mean + of->std * of->std);
}

/* The feature that tells most, where it stands out; TN_NO_COLUMN: none. */
static size_t find_leak(const tn_data_summary *data, double limit)
{
    size_t best = TN_NO_COLUMN;
    double second = 0;
    for (size_t f = 0; f < data->features; f++) {
        double tells = data->feature[f].tells;
        if (isnan(tells) || data->feature[f].duplicate_of != TN_NO_COLUMN)
            continue;
        if (best == TN_NO_COLUMN || tells > data->feature[best].tells) {
            second = best == TN_NO_COLUMN ? 0 : data->feature[best].tells;
            best = f;
        } else {
            second = fmax(second, tells);
        }
    }
    bool leaks = best != TN_NO_COLUMN && data->features > 1 && data->feature[best].tells >= limit &&
                 1 - second > 4 * (1 - data->feature[best].tells);
    return leaks ? best : TN_NO_COLUMN;
}

/* Of inputs that were measured as a whole. */
static void find_whole_scale(double mean, double std, const double *settings, tn_signal *signal)
{
    double size = sqrt(mean * mean + std * std);
    bool is_large = size > settings[LARGE];
    if (is_large || size < settings[SMALL])
        tn_signal_fire(signal, 1, "input", size, is_large ? settings[LARGE] : settings[SMALL],
                       "the inputs have a root mean square of %.3g (mean %.3g, standard deviation %.3g), and steps are sized for about 1",
                       size, mean, std);
    tn_signal_blame(signal, "unscaled_input");
}

static bool find_error(const tn_data_summary *data, tn_signal *signal)
{
    if (data->nonfinite > 0) {
        char row[48] = "";
        if (data->nonfinite_row != TN_NO_ROW)
            snprintf(row, sizeof row, "; the first stands in row %llu", (unsigned long long)data->nonfinite_row);
        tn_signal_fire(signal, 1, "input", (double)data->nonfinite, 0, "%llu input values are NaN or infinite%s",
                       (unsigned long long)data->nonfinite, row);
        tn_signal_blame(signal, "nonfinite_input");
    } else if (data->constant_features == data->features) {
        tn_signal_fire(signal, 1, "input", 1, 0, "no input ever changes: all %zu features are constant over the %llu samples seen",
                       data->features, (unsigned long long)data->samples);
        tn_signal_blame(signal, "constant_feature");
    }
    return signal->state == TN_RULE_FIRED;
}

static void find_scale(const tn_data_summary *data, const double *settings, tn_signal *signal)
{
    size_t largest = 0;
    if (data->is_codes)
        return;
    for (size_t f = 1; f < data->features; f++)
        if (size_of(&data->feature[f]) > size_of(&data->feature[largest]))
            largest = f;
    double size = size_of(&data->feature[largest]);
    if (size > settings[LARGE])
        tn_signal_fire(signal, 1, "input", size, settings[LARGE],
                       "feature %zu has a root mean square of %.3g (mean %.3g, standard deviation %.3g), and steps are sized for about 1",
                       largest, size, data->feature[largest].mean, data->feature[largest].std);
    else if (size < settings[SMALL])
        tn_signal_fire(signal, 1, "input", size, settings[SMALL],
                       "no feature has a root mean square above %.3g; weights and steps are sized for about 1", size);
    tn_signal_blame(signal, "unscaled_input");
}

static void find_rest(const tn_data_summary *data, const double *settings, tn_signal *signal)
{
    size_t leak = find_leak(data, settings[LEAK]), constant = data->constant_features - data->ignored;
    double share = (double)constant / (double)(data->features - data->ignored),
           limit = data->is_table ? settings[CONSTANT] : fmax(settings[CONSTANT], 0.99);
    if (leak != TN_NO_COLUMN) {
        tn_signal_fire(signal, 1, "input", data->feature[leak].tells, settings[LEAK],
                       "feature %zu alone explains %.5g %% of the label, and no other comes near: was it made from the label?", leak,
                       100 * data->feature[leak].tells);
        tn_signal_blame(signal, "leaky_feature");
        signal->feature = leak;
        return;
    }
    if (share >= limit) {
        tn_signal_fire(signal, 1, "input", share, limit, "%zu of %zu features never change over the %llu samples seen", constant,
                       data->features - data->ignored, (unsigned long long)data->samples);
        tn_signal_blame(signal, "constant_feature");
        return;
    }
    for (size_t f = 0; f < data->features; f++) {
        const tn_column_summary *of = &data->feature[f];
        if (of->duplicate_of == TN_NO_COLUMN || of->changes <= settings[CHANGES])
            continue;
        tn_signal_fire(signal, 1, "input", of->changes, settings[CHANGES],
                       "feature %zu is feature %zu again, in each of the %llu samples seen", f, of->duplicate_of,
                       (unsigned long long)data->samples);
        return;
    }
}

static void on_data(void *memory, const double *settings, tn_signal *signal, const tn_data_summary *data)
{
    state *s = memory;
    if (data->features == 0)
        return; /* it is about labels alone */
    s->has_data = true;
    s->scale = s->rest = (tn_signal){.rule = signal->rule, .severity = TN_SIGNAL_WARNING};
    if (data->samples == 0)
        return;
    if (find_error(data, signal)) {
        signal->severity = TN_SIGNAL_ERROR;
        return;
    }
    if (data->samples < SAMPLES_MIN)
        return;
    s->told = true;
    if (!data->feature) {
        if (!data->is_codes)
            find_whole_scale(data->mean, data->std, settings, &s->scale);
        return;
    }
    find_scale(data, settings, &s->scale);
    find_rest(data, settings, &s->rest);
}

/* Nobody looked at the data beforehand. */
static void see_batch(state *s, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    const tn_vitals *vitals = seen->vitals;
    uint64_t bad = vitals->count - tn_vitals_finite(vitals);
    if (bad > 0) {
        tn_signal_fire(signal, seen->step, "input", (double)bad, 0,
                       "%llu of %llu input values of the batch of step %llu are NaN or infinite", (unsigned long long)bad,
                       (unsigned long long)vitals->count, (unsigned long long)seen->step);
        tn_signal_blame(signal, "nonfinite_input");
        signal->severity = TN_SIGNAL_ERROR;
        return;
    }
    if (vitals->count < SAMPLES_MIN || signal->state != TN_RULE_TOO_FEW_STEPS)
        return;
    s->told = true;
    s->scale = s->rest = (tn_signal){.rule = signal->rule, .severity = TN_SIGNAL_WARNING};
    find_whole_scale(vitals->mean, sqrt(tn_vitals_variance(vitals)), settings, &s->scale);
}

static void on_tensor(void *memory, const double *settings, tn_signal *signal, const tn_tensor_seen *seen)
{
    state *s = memory;
    const tn_tensor_name *name = seen->name;
    if (name->role == TN_ROLE_INPUT && !s->has_data)
        see_batch(s, settings, signal, seen);
    if (name->role != TN_ROLE_ACTIVATION || !name->op || (s->has_node && name->node_index >= s->first_node))
        return;
    bool is_flat = strcmp(name->op, "flatten") == 0;
    if (is_flat)
        return;
    s->has_node = true;
    s->first_node = name->node_index;
    s->normalised = strstr(name->op, "norm") || strcmp(name->op, "embedding") == 0;
}

static bool on_step(void *memory, const double *settings, tn_signal *signal, const tn_step *step)
{
    (void)settings;
    (void)step;
    state *s = memory;
    if (!s->told || signal->state == TN_RULE_FIRED)
        return true;
    s->told = false;
    if (s->rest.state == TN_RULE_FIRED)
        *signal = s->rest;
    if (s->scale.state == TN_RULE_FIRED && !s->normalised && s->rest.state != TN_RULE_FIRED)
        *signal = s->scale;
    if (signal->state != TN_RULE_FIRED)
        tn_signal_quiet(signal);
    return true;
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return SAMPLES_MIN;
}

const tn_rule tn_rule_input_statistics = {
    .name = "input_statistics",
    .title = "the inputs are hard to learn from, or give the label away",
    .severity = TN_SIGNAL_ERROR,
    .what = "Values that are not finite, or no feature that changes: errors. Warnings: one of several features alone explains `leak` of "
            "the label; a feature's root mean square is over `large`, or "
            "that of all below `small`, unless the first op normalises; `constant` of the features or more never change; two columns of a "
            "table are equal.",
    .blind_spots = "Leaks through several features, or that follow no line; features that agree but for rounding.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "samples that are shown",
    .needs = needs,
    .state_size = sizeof(state),
    .on_step = on_step,
    .on_tensor = on_tensor,
    .on_data = on_data,
};
