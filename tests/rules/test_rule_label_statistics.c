/* test_rule_label_statistics.c: one class, one value, extreme imbalance and targets beyond single precision fire; uneven classes and unscaled targets do not. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

enum { SAMPLES = 1000 };

static void classes(watch *w, double majority, size_t samples)
{
    int32_t labels[SAMPLES];
    watch_start(w, "label_statistics", 1);
    for (size_t i = 0; i < samples; i++)
        labels[i] = (double)i < majority * (double)samples ? 1 : i % 2 ? 0 : 2;
    const tn_data_shape shape = {.classes = 4};
    watch_data(w, &shape, NULL, labels, NULL, samples);
    watch_loss(w, 1);
    watch_end(w);
}

static void targets(watch *w, double mean, double deviation, bool broken)
{
    float values[2 * SAMPLES];
    watch_start(w, "label_statistics", 1);
    for (size_t i = 0; i < SAMPLES; i++) {
        values[2 * i] = 1; /* one constant target among others is no fault */
        values[2 * i + 1] = broken && i == 30 ? INFINITY : (float)(mean + deviation * tn_rng_normal(&w->rng));
    }
    const tn_data_shape shape = {.targets = 2};
    watch_data(w, &shape, NULL, NULL, values, SAMPLES);
    watch_loss(w, 1);
    watch_end(w);
}

static void assert_says(const watch *w, const char *words, tn_signal_severity severity)
{
    assert_fired(w);
    assert_severity(w, severity);
    assert_string_equal(w->signal.tensor, "label");
    if (!strstr(w->signal.text, words))
        fail_msg("\"%s\" does not say \"%s\"", w->signal.text, words);
}

static void test_faults(void **state)
{
    (void)state;
    watch w;
    classes(&w, 1, SAMPLES);
    assert_says(&w, "all of the 1000 samples seen are of class 1", TN_SIGNAL_ERROR);
    watch_stop(&w);
    classes(&w, 0.99, SAMPLES);
    assert_says(&w, "class 1 has 99 % of the samples", TN_SIGNAL_WARNING);
    watch_stop(&w);
    targets(&w, 3, 0, false);
    assert_says(&w, "no target ever changes", TN_SIGNAL_ERROR);
    watch_stop(&w);
    targets(&w, 0, 1, true);
    assert_says(&w, "1 targets are NaN or infinite; the first stands in row 30", TN_SIGNAL_ERROR);
    watch_stop(&w);
    targets(&w, 0, 1e8, false);
    assert_says(&w, "target 1 has a standard deviation of", TN_SIGNAL_WARNING);
    watch_stop(&w);
    targets(&w, 0, 1e-8, false);
    assert_says(&w, "target 1 has a standard deviation of", TN_SIGNAL_WARNING);
    watch_stop(&w);
    targets(&w, 1e6, 10, false);
    assert_says(&w, "single precision keeps seven digits", TN_SIGNAL_WARNING);
    watch_stop(&w);
}

/* By which a debug knows which of the several things it was. */
static void test_causes(void **state)
{
    (void)state;
    watch w;
    classes(&w, 0.99, SAMPLES);
    assert_string_equal(w.signal.cause, "class_imbalance");
    watch_stop(&w);
    targets(&w, 0, 1, true);
    assert_string_equal(w.signal.cause, "nonfinite_input");
    watch_stop(&w);
    targets(&w, 0, 1e8, false);
    assert_string_equal(w.signal.cause, "unscaled_label");
    watch_stop(&w);
    targets(&w, 3, 0, false);
    assert_null(w.signal.cause);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    static const double shares[] = {0, 0.5, 0.9, 0.96};
    for (size_t i = 0; i < 4; i++) {
        classes(&w, shares[i], SAMPLES);
        assert_quiet(&w);
        watch_stop(&w);
    }
    static const double scales[][2] = {{0, 1}, {22, 9}, {200000, 100000}, {1960, 10}, {0, 1e-4}};
    for (size_t i = 0; i < 5; i++) {
        targets(&w, scales[i][0], scales[i][1], false);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_too_few_and_settings(void **state)
{
    (void)state;
    watch w;
    classes(&w, 1, 10);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "label_statistics", 1);
    watch_loss(&w, 1);
    watch_end(&w);
    assert_too_few(&w);
    watch_set(&w, "majority", 0.4);
    int32_t labels[100];
    for (size_t i = 0; i < 100; i++)
        labels[i] = i % 2;
    const tn_data_shape shape = {.classes = 2};
    watch_data(&w, &shape, NULL, labels, NULL, 100);
    assert_fired(&w);
    watch_stop(&w);
}

/* Of a program only the whole is known. */
static void test_without_columns(void **state)
{
    (void)state;
    static const struct {
        tn_data_summary data;
        bool fires;
    } cases[] = {
        {{.samples = 1000, .classes = 2, .majority = 0.5}, false},
        {{.samples = 1000, .classes = 2, .majority = 0.99}, true},
        {{.samples = 1000, .classes = 1, .majority = 1}, true},
        {{.samples = 1000, .targets = 1, .label_mean = 200000, .label_std = 1e5}, false},
        {{.samples = 1000, .targets = 1, .label_std = 1e9}, true},
        {{.samples = 1000, .targets = 1, .label_mean = 4}, true},
        {{.samples = 1000, .targets = 1, .label_mean = 0, .made_labels = true}, false}, /* a residual that is to vanish */
        {{.samples = 1000, .targets = 1, .label_std = 1e9, .made_labels = true}, true},
        {{.samples = 1000, .targets = 1, .label_std = 1, .nonfinite_labels = 3, .nonfinite_label_row = TN_NO_ROW}, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        watch w;
        watch_start(&w, "label_statistics", 1);
        w.rule->on_data(w.state, w.settings, &w.signal, &cases[i].data);
        if (cases[i].fires)
            assert_fired(&w);
        else
            assert_quiet(&w);
        watch_stop(&w);
    }
}

/* Sorted labels: what is seen first is of one class, and the signal is taken back where more comes. */
static void test_more_labels_come(void **state)
{
    (void)state;
    watch w;
    tn_data_summary data = {.samples = 100, .classes = 1, .majority = 1};
    watch_start(&w, "label_statistics", 1);
    w.rule->on_data(w.state, w.settings, &w.signal, &data);
    assert_says(&w, "100 % of the 100 samples seen are of one class: there is nothing to tell apart", TN_SIGNAL_ERROR);
    data = (tn_data_summary){.samples = 1000, .classes = 3, .majority = 0.4};
    w.rule->on_data(w.state, w.settings, &w.signal, &data);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),          cmocka_unit_test(test_causes),           cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_without_columns), cmocka_unit_test(test_more_labels_come), cmocka_unit_test(test_too_few_and_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
