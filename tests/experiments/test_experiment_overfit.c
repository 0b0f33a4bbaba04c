/* test_experiment_overfit.c: the rungs of samples on subjects that can, or cannot, learn by heart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
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

/* Scores are taken of windows one by one, so windows that begin in a state of the training's would not seem to be learnt. */
static void windows_are_learnt_without_a_carried_state(void **state)
{
    (void)state;
    static const char *const CARRIES[] = {"false", "true"};
    for (size_t i = 0; i < 2; i++) {
        char text[500];
        tn_hypes *hypes = NULL;
        tn_error error = {0};
        int length = snprintf(text, sizeof text,
                              "{\"data\": {\"train\": {\"format\": \"text\", \"file\": \"t.txt\", \"time\": 8}}, \"net\": [{\"op\": "
                              "\"embedding\", \"vocabulary\": 9, \"units\": 4}, {\"op\": \"gru\", \"units\": 4}, {\"op\": \"dense\", "
                              "\"units\": 9}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"carry_state\": %s}}",
                              CARRIES[i]);
        assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", "", &hypes, &error), TN_OK);
        made_up subject;
        made_up_init(&subject);
        subject.hypes = hypes;
        subject.cannot_overfit = true; /* then batch size 1 and permuted labels are tried too */
        json_t *report = made_up_experiment(&subject, "overfit");
        const json_t *trials = json_object_get(report_experiment(report, "overfit"), "trials"), *trial;
        size_t k;
        assert_int_equal(json_array_size(trials), 3);
        json_array_foreach(trials, k, trial)
        {
            const json_t *patch = json_object_get(json_object_get(trial, "knobs"), "patch");
            assert_int_equal(json_object_size(patch), i);
            assert_int_equal(json_is_false(json_object_get(patch, "solver.carry_state")), i);
        }
        json_decref(report);
        tn_hypes_destroy(hypes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(climbs_from_ten_samples_to_a_hundred),
        cmocka_unit_test(stops_at_the_rung_that_is_all_samples),
        cmocka_unit_test(asks_why_at_the_rung_that_fails),
        cmocka_unit_test(a_subset_that_cannot_be_taken_proves_nothing),
        cmocka_unit_test(windows_are_learnt_without_a_carried_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
