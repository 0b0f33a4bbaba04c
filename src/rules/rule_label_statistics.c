/* rule_label_statistics.c: labels from which there is nothing to learn, or only with care.
 *
 * From the summary of the training data as the loss sees them (run/data_summary.h). In this order:
 *   non-finite  a target is NaN or infinite: an error.
 *   constant    all samples have the same class, or every target is constant: an error.
 *   imbalance   one class has over `majority` of the samples.
 *   scale       of a target the standard deviation is over `large` or below `small`, or its mean is over `offset` deviations from 0: single precision has seven digits.
 *
 * Thresholds
 *   majority 0.97 of the samples; cleanlab warns at a smallest class of 0.1 of its fair share, SageMaker at a ratio of 10: networks learn from both.
 *   large    1,000,000, small 0.000001, a standard deviation: prices in the hundreds of thousands do train, slowly.
 *   offset   10,000 deviations.
 *   SAMPLES_MIN 20 samples.
 * Of a program that is only trained, the labels are those that its loss function was given at the steps that are scored. Classes are judged where they came with a loader's batch; targets that the
 * program may have made itself may be constant (a residual that is to vanish).
 * Blind spots: classes that are missing altogether; wrong labels; rare classes among many. */
#include <math.h>
#include <stdio.h>

#include "rules/rule_support.h"

enum { SAMPLES_MIN = 20 };

enum { MAJORITY, LARGE, SMALL, OFFSET, SETTINGS };

static const tn_rule_setting TABLE[SETTINGS] = {
    [MAJORITY] = {"majority", 0.97, 0, 1, "of the samples", "One class may have so many.", false},
    [LARGE] = {"large", 1e6, 0, 1e30, "standard deviation", "A target may vary by so much.", false},
    [SMALL] = {"small", 1e-6, 0, 1e30, "standard deviation", "And must vary by so much.", false},
    [OFFSET] = {"offset", 1e4, 0, 1e30, "standard deviations", "A target's mean may lie so far from 0.", false},
};

/* Where nobody counted each class. */
static void judge_majority(const tn_data_summary *data, const double *settings, tn_signal *signal)
{
    if (data->samples < SAMPLES_MIN || data->majority <= 0)
        return;
    tn_signal_quiet(signal);
    if (data->majority > settings[MAJORITY])
        tn_signal_fire(signal, 1, "label", data->majority, settings[MAJORITY], "%.4g %% of the %llu samples seen are of one class%s",
                       100 * data->majority, (unsigned long long)data->samples,
                       data->majority >= 1 ? ": there is nothing to tell apart" : ": answering it always is right that often");
    signal->severity = data->majority >= 1 ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
    tn_signal_blame(signal, "class_imbalance");
}

static void judge_classes(const tn_data_summary *data, const double *settings, tn_signal *signal)
{
    uint64_t most = 0, all = 0;
    size_t class = 0;
    if (!data->class_counts) {
        judge_majority(data, settings, signal);
        return;
    }
    for (size_t k = 0; k < data->classes; k++) {
        all += data->class_counts[k];
        if (data->class_counts[k] > most) {
            most = data->class_counts[k];
            class = k;
        }
    }
    if (all < SAMPLES_MIN)
        return;
    double share = (double)most / (double)all;
    tn_signal_quiet(signal);
    if (most == all)
        tn_signal_fire(signal, 1, "label", 1, 1, "all of the %llu samples seen are of class %zu: there is nothing to tell apart",
                       (unsigned long long)all, class);
    else if (share > settings[MAJORITY])
        tn_signal_fire(signal, 1, "label", share, settings[MAJORITY],
                       "class %zu has %.4g %% of the samples: answering it always is right that often", class, 100 * share);
    signal->severity = most == all ? TN_SIGNAL_ERROR : TN_SIGNAL_WARNING;
    tn_signal_blame(signal, "class_imbalance");
}

static void judge_targets(const tn_data_summary *data, const double *settings, tn_signal *signal)
{
    size_t constant = 0;
    const tn_column_summary whole = {.mean = data->label_mean, .std = data->label_std, .constant = data->label_std == 0};
    tn_signal_quiet(signal);
    signal->severity = TN_SIGNAL_WARNING;
    for (size_t k = 0; k < data->targets; k++) {
        const tn_column_summary *of = data->target ? &data->target[k] : &whole;
        constant += of->constant;
        if (of->constant || signal->state == TN_RULE_FIRED)
            continue;
        if (of->std > settings[LARGE] || of->std < settings[SMALL])
            tn_signal_fire(signal, 1, "label", of->std, of->std > settings[LARGE] ? settings[LARGE] : settings[SMALL],
                           "target %zu has a standard deviation of %.3g (mean %.3g), and a fresh network's outputs vary by about 1", k,
                           of->std, of->mean);
        else if (fabs(of->mean) > settings[OFFSET] * of->std)
            tn_signal_fire(
                signal, 1, "label", fabs(of->mean) / of->std, settings[OFFSET],
                "target %zu varies by %.3g about %.6g: single precision keeps seven digits, and little is left of the difference", k,
                of->std, of->mean);
    }
    tn_signal_blame(signal, "unscaled_label");
    if (constant < data->targets || data->made_labels)
        return;
    tn_signal_fire(signal, 1, "label", 1, 1, "no target ever changes over the %llu samples seen: there is nothing to learn",
                   (unsigned long long)data->samples);
    signal->severity = TN_SIGNAL_ERROR;
    signal->cause = NULL; /* a column that was read wrongly, as likely as any */
}

static void on_data(void *memory, const double *settings, tn_signal *signal, const tn_data_summary *data)
{
    (void)memory; /* it says all at once */
    if (data->nonfinite_labels > 0) {
        char row[64] = "";
        if (data->nonfinite_label_row != TN_NO_ROW)
            snprintf(row, sizeof row, "; the first stands in row %llu", (unsigned long long)data->nonfinite_label_row);
        tn_signal_fire(signal, 1, "label", (double)data->nonfinite_labels, 0, "%llu targets are NaN or infinite%s",
                       (unsigned long long)data->nonfinite_labels, row);
        signal->severity = TN_SIGNAL_ERROR;
        tn_signal_blame(signal, "nonfinite_input");
    } else if (data->classes > 0) {
        judge_classes(data, settings, signal);
    } else if (data->targets > 0 && data->samples >= SAMPLES_MIN) {
        judge_targets(data, settings, signal);
    }
}

static uint64_t needs(const double *settings)
{
    (void)settings;
    return SAMPLES_MIN;
}

const tn_rule tn_rule_label_statistics = {
    .name = "label_statistics",
    .title = "the labels teach nothing, or only with care",
    .severity = TN_SIGNAL_ERROR,
    .what = "Targets that are not finite, one class throughout, or targets that are all constant: errors. Warnings: one class has over "
            "`majority` of the samples; a target's standard deviation is "
            "over `large` or below `small`, or its mean over `offset` deviations from 0.",
    .blind_spots = "Classes that are missing altogether; wrong labels; rare classes among many.",
    .settings = TABLE,
    .setting_count = SETTINGS,
    .needs_what = "samples that are shown",
    .needs = needs,
    .state_size = 1,
    .on_data = on_data,
};
