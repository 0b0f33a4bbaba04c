/* test_experiment_overfit.c: the rungs of samples on subjects that can, or cannot, learn by heart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static const json_t *result_of(const json_t *report)
{
    return json_object_get(report_experiment(report, "overfit"), "result");
}

static void climbs_from_ten_samples_to_a_hundred(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "overfit");
    const json_t *rungs = json_object_get(result_of(report), "rungs");
    assert_string_equal(report_string(report_experiment(report, "overfit"), "verdict"), "pass");
    assert_int_equal(json_array_size(rungs), 2);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rungs, 1), "samples")), 100);
    json_decref(report);
}

static void stops_at_the_rung_that_is_all_samples(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.train_samples = 4;
    json_t *report = made_up_experiment(&subject, "overfit");
    const json_t *rungs = json_object_get(result_of(report), "rungs");
    assert_int_equal(json_array_size(rungs), 1);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rungs, 0), "samples")), 4);
    json_decref(report);
}

static void asks_why_at_the_rung_that_fails(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.cannot_overfit = true;
    json_t *report = made_up_experiment(&subject, "overfit");
    assert_string_equal(report_string(report_experiment(report, "overfit"), "verdict"), "fail");
    assert_int_equal(json_integer_value(json_object_get(result_of(report), "failed_at")), 10);
    assert_true(json_is_false(json_object_get(json_object_get(result_of(report), "batch_size_1"), "passed")));
    assert_true(json_is_false(json_object_get(json_object_get(result_of(report), "permuted_labels"), "passed")));
    json_decref(report);
}

static void a_subset_that_cannot_be_taken_proves_nothing(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.cannot_overfit = true;
    subject.refused = TN_KNOB_SAMPLES;
    json_t *report = made_up_experiment(&subject, "overfit");
    assert_string_equal(report_string(report_experiment(report, "overfit"), "verdict"), "inconclusive");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(climbs_from_ten_samples_to_a_hundred),
        cmocka_unit_test(stops_at_the_rung_that_is_all_samples),
        cmocka_unit_test(asks_why_at_the_rung_that_fails),
        cmocka_unit_test(a_subset_that_cannot_be_taken_proves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
