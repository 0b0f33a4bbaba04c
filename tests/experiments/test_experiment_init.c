/* test_experiment_init.c: the grid of initial scales and learning rates on made-up subjects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static const json_t *grid_of(const json_t *report)
{
    return json_object_get(json_object_get(report_experiment(report, "init"), "result"), "grid");
}

static double wants_large_weights(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_INIT_SCALE && knobs->init_scale > 2 ? 0.9 : 0.1;
}

static double wants_a_high_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate > 0.05 ? 0.9 : 0.1;
}

static void a_scale_that_helps_fails_and_is_named(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = wants_large_weights;
    json_t *report = made_up_experiment(&subject, "init");
    assert_string_equal(report_string(report_experiment(report, "init"), "verdict"), "fail");
    assert_non_null(strstr(report_string(report_experiment(report, "init"), "summary"), "times 3"));
    json_decref(report);
}

static void a_rate_that_helps_is_not_the_scale(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = wants_a_high_rate;
    json_t *report = made_up_experiment(&subject, "init");
    assert_string_equal(report_string(report_experiment(report, "init"), "verdict"), "pass");
    json_decref(report);
}

static void the_frontier_is_the_lowest_rate_that_breaks(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.nan_rate = 0.05;
    json_t *report = made_up_experiment(&subject, "init");
    const json_t *frontier = json_object_get(grid_of(report), "frontier");
    assert_int_equal(json_array_size(frontier), 5);
    /* The rate is 0.01; of 0.03 and 0.09 only the second breaks. */
    for (size_t i = 0; i < 5; i++)
        assert_true(json_number_value(json_array_get(frontier, i)) > 0.08 && json_number_value(json_array_get(frontier, i)) < 0.1);
    const json_t *row = json_array_get(json_object_get(grid_of(report), "cells"), 0);
    assert_true(json_is_true(json_object_get(json_array_get(row, 4), "nonfinite")));
    assert_true(json_is_null(json_object_get(json_array_get(row, 4), "score")));
    assert_true(json_is_false(json_object_get(json_array_get(row, 3), "nonfinite")));
    json_decref(report);
}

static void where_all_breaks_nothing_passes(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.always_nan = true;
    json_t *report = made_up_experiment(&subject, "init");
    assert_string_equal(report_string(report_experiment(report, "init"), "verdict"), "fail");
    assert_non_null(strstr(report_string(report_experiment(report, "init"), "summary"), "all 25"));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scale_that_helps_fails_and_is_named),
        cmocka_unit_test(a_rate_that_helps_is_not_the_scale),
        cmocka_unit_test(the_frontier_is_the_lowest_rate_that_breaks),
        cmocka_unit_test(where_all_breaks_nothing_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
