/* test_experiment_lr_boundary.c: The ladder of learning rates on subjects whose boundary is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/debug.h"
#include "experiments/support_made_up_subject.h"
#include "experiments/support_table_subject.h"

static double number(const json_t *object, const char *key)
{
    return json_number_value(json_object_get(object, key));
}

static void finds_the_boundary_above_a_clean_rate(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.nan_rate = 0.5;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *entry = report_experiment(report, "lr_boundary"), *result = json_object_get(entry, "result");
    assert_string_equal(report_string(entry, "verdict"), "pass");
    /* 0.01, 0.03, 0.09, 0.27 run clean; 0.81 is the lowest tried that gives NaN. */
    assert_float_equal(number(result, "boundary"), 0.81, 1e-6);
    assert_float_equal(number(result, "clean_rate"), 0.27, 1e-6);
    assert_string_equal(report_string(result, "boundary_kind"), "nonfinite");
    assert_float_equal(json_number_value(json_array_get(json_object_get(result, "window"), 0)), 0.081, 1e-6);
    json_decref(report);
}

/* 0.01, 0.09 run clean, 0.81 breaks, and so 0.27 is tried: the same boundary with a trial less, and rungs in the order of their rates. */
static void climbs_faster_where_steps_are_costly(void **state)
{
    (void)state;
    static const double rates[] = {0.01, 0.09, 0.27, 0.81};
    made_up subject;
    made_up_init(&subject);
    subject.facts.work = 1e7;
    subject.nan_rate = 0.5;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *result = json_object_get(report_experiment(report, "lr_boundary"), "result"), *ladder = json_object_get(result, "ladder");
    assert_float_equal(number(result, "boundary"), 0.81, 1e-6);
    assert_float_equal(number(result, "clean_rate"), 0.27, 1e-6);
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        assert_float_equal(number(json_array_get(ladder, i), "rate"), rates[i], 1e-6);
    json_decref(report);
}

/* ... and where the rate between breaks too, it is the boundary. */
static void finds_the_boundary_between_two_costly_rates(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.work = 1e7;
    subject.nan_rate = 0.2;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *result = json_object_get(report_experiment(report, "lr_boundary"), "result");
    assert_float_equal(number(result, "boundary"), 0.27, 1e-6);
    assert_float_equal(number(result, "clean_rate"), 0.09, 1e-6);
    json_decref(report);
}

static void tells_divergence_from_nan(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.diverge_rate = 0.05;
    subject.nan_rate = 100;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *result = json_object_get(report_experiment(report, "lr_boundary"), "result");
    assert_float_equal(number(result, "boundary"), 0.09, 1e-6);
    assert_string_equal(report_string(result, "boundary_kind"), "diverged");
    json_decref(report);
}

static void divides_a_rate_that_breaks_until_one_runs_clean(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.learning_rate = 1000;
    subject.nan_rate = 0.5;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *entry = report_experiment(report, "lr_boundary"), *result = json_object_get(entry, "result");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_float_equal(number(result, "clean_rate"), 1000.0F / 2187, 1e-6);
    assert_float_equal(number(result, "boundary"), 1000.0F / 729, 1e-6);
    json_decref(report);
}

static void says_when_there_is_no_boundary(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *entry = report_experiment(report, "lr_boundary"), *result = json_object_get(entry, "result");
    assert_string_equal(report_string(entry, "verdict"), "pass");
    assert_true(json_is_null(json_object_get(result, "boundary")));
    assert_null(json_object_get(result, "window"));
    assert_int_equal(json_array_size(json_object_get(result, "ladder")), 13);
    json_decref(report);
}

static void says_when_the_rate_is_not_the_cause(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.always_nan = true;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *entry = report_experiment(report, "lr_boundary");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_non_null(strstr(report_string(entry, "summary"), "the rate is not the cause"));
    assert_true(json_is_null(json_object_get(json_object_get(entry, "result"), "clean_rate")));
    json_decref(report);
}

/* NaN in the data, or a loss that is NaN before the first update: one trial tells, and no ladder is climbed down. */
static void tries_no_rate_where_none_can_be_to_blame(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.always_nan = true;
    subject.facts.nonfinite_inputs = 3;
    json_t *report = made_up_experiment(&subject, "lr");
    const json_t *entry = report_experiment(report, "lr_boundary");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_non_null(strstr(report_string(entry, "summary"), "the inputs hold NaN or infinity: the rate is not the cause"));
    assert_int_equal(json_array_size(json_object_get(json_object_get(entry, "result"), "ladder")), 1);
    json_decref(report);
}

static void a_knob_that_is_not_acknowledged_proves_nothing(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.refused = TN_KNOB_LEARNING_RATE;
    json_t *report = made_up_experiment(&subject, "lr");
    assert_string_equal(report_string(report_experiment(report, "lr_boundary"), "verdict"), "inconclusive");
    json_decref(report);
}

/* Batch normalisation makes ones of inputs of a thousandth in training, and not where the untrained network is scored: the steps lose over twenty times as much as the probe, at any rate. */
static json_t *ladder_of_normalised(const char *rate)
{
    static const char NORMALISED[] =
        "{\"data.input.scale\": 0.001, \"data.label.scale\": 0.1, \"net\": [{\"op\": \"batch_norm\"}, {\"op\": \"dense\", \"units\": 1}],"
        " \"solver.batch_size\": 30, \"solver.epochs\": 40, \"solver.learning_rate\": %s}";
    char patch[512];
    table_subject subject;
    tn_error error = {0};
    json_t *report = NULL;
    const tn_debug_options options = {.threads = 1, .seed = 1};
    snprintf(patch, sizeof patch, NORMALISED, rate);
    table_subject_open(&subject, patch);
    if (tn_debug_experiment(subject.subject, "lr", &options, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    table_subject_close(&subject);
    return report;
}

static void a_loss_that_is_larger_in_training_has_not_diverged(void **state)
{
    (void)state;
    json_t *report = ladder_of_normalised("1e-6");
    assert_string_equal(report_string(report_experiment(report, "lr_boundary"), "verdict"), "pass");
    json_decref(report);
    report = ladder_of_normalised("30");
    assert_string_equal(report_string(report_experiment(report, "lr_boundary"), "verdict"), "fail");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_boundary_above_a_clean_rate),
        cmocka_unit_test(climbs_faster_where_steps_are_costly),
        cmocka_unit_test(finds_the_boundary_between_two_costly_rates),
        cmocka_unit_test(tells_divergence_from_nan),
        cmocka_unit_test(divides_a_rate_that_breaks_until_one_runs_clean),
        cmocka_unit_test(says_when_there_is_no_boundary),
        cmocka_unit_test(says_when_the_rate_is_not_the_cause),
        cmocka_unit_test(tries_no_rate_where_none_can_be_to_blame),
        cmocka_unit_test(a_knob_that_is_not_acknowledged_proves_nothing),
        cmocka_unit_test(a_loss_that_is_larger_in_training_has_not_diverged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
