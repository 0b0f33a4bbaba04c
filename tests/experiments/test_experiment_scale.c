/* test_experiment_scale.c: other scales of inputs and targets on made-up subjects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static double needs_standard_inputs(const tn_knobs *knobs)
{
    bool scaled = (knobs->set & TN_KNOB_INPUT_SCALE) != 0 && strcmp(knobs->input_scale, "standardize") == 0;
    return scaled ? 0.9 : 0.1;
}

static double needs_scaled_targets(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_LABEL_SCALE ? 0.9 : 0.2;
}

static void a_scale_that_helps_fails_and_is_named(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = needs_standard_inputs;
    json_t *report = made_up_experiment(&subject, "scale");
    const json_t *entry = json_array_get(json_object_get(report, "experiments"), 0);
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_non_null(strstr(report_string(entry, "summary"), "standard deviation 1"));
    /* As given and two scales of the inputs; targets that are classes have no scale. */
    assert_int_equal(json_array_size(json_object_get(json_object_get(report_experiment(report, "scale"), "result"), "scales")), 3);
    json_decref(report);
}

static void targets_of_a_regression_are_scaled_too(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.task = TN_SUBJECT_REGRESSION;
    subject.score = needs_scaled_targets;
    json_t *report = made_up_experiment(&subject, "scale");
    assert_string_equal(report_string(json_array_get(json_object_get(report, "experiments"), 0), "verdict"), "fail");
    assert_int_equal(json_array_size(json_object_get(json_object_get(report_experiment(report, "scale"), "result"), "scales")), 6);
    json_decref(report);
}

static void a_subject_that_trains_at_any_scale_passes(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "scale");
    assert_string_equal(report_string(json_array_get(json_object_get(report, "experiments"), 0), "verdict"), "pass");
    json_decref(report);
}

static void what_cannot_be_turned_is_inconclusive_with_the_reason(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *refused = json_pack("{s:s}", "input_scale", "no float tensor enters its model");
    subject.facts.knobs &= ~(uint32_t)TN_KNOB_INPUT_SCALE;
    subject.facts.refused = refused;
    json_t *report = made_up_experiment(&subject, "scale");
    const json_t *entry = json_array_get(json_object_get(report, "experiments"), 0);
    assert_string_equal(report_string(entry, "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(entry, "summary"), "no float tensor enters its model"));
    json_decref(report);
    json_decref(refused);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scale_that_helps_fails_and_is_named),
        cmocka_unit_test(targets_of_a_regression_are_scaled_too),
        cmocka_unit_test(a_subject_that_trains_at_any_scale_passes),
        cmocka_unit_test(what_cannot_be_turned_is_inconclusive_with_the_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
