/* test_experiment_batch.c: wrong labels are listed and convicted, clean ones are not; the batch and permuted labels, on subjects whose answer is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_blobs.h"
#include "experiments/support_made_up_subject.h"

enum { WRONG_EVERY = 4 };

static const json_t *result_of(const json_t *report)
{
    return json_object_get(report_experiment(report, "batch"), "result");
}

static void wrong_labels_are_listed_and_convicted(void **state)
{
    (void)state;
    /* Large and long enough to learn the wrong ones by heart. */
    json_t *report = blobs_experiment(WRONG_EVERY, "{\"net.0.units\": 128, \"solver.epochs\": 60}", "batch");
    const json_t *finding = report_finding(report, 0), *suspects = json_object_get(result_of(report), "suspects"), *entry;
    assert_string_equal(report_string(finding, "cause"), "label_noise");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    size_t i, right = 0, all = 0;
    json_array_foreach(suspects, i, entry)
    {
        if (i < 3)
            assert_int_equal(json_array_size(json_object_get(entry, "inputs")), 4); /* shown */
        if (strcmp(json_string_value(json_array_get(json_object_get(entry, "by"), 0)), "network") != 0)
            continue;
        all++;
        right += json_integer_value(json_object_get(entry, "row")) % WRONG_EVERY == 0;
        assert_true(json_integer_value(json_object_get(entry, "label")) != json_integer_value(json_object_get(entry, "suggested")));
    }
    assert_true(all > 120 && right * 10 > all * 8); /* of 720 rows 180 are wrong */
    const json_t *fix = json_object_get(finding, "fix"), *rows = json_object_get(json_object_get(fix, "patch"), "data.exclude");
    assert_int_equal(json_array_size(rows), all);
    assert_string_equal(report_string(report_experiment(report, "batch"), "verdict"), "fail");
    json_decref(report);
}

static void clean_labels_are_not_doubted(void **state)
{
    (void)state;
    json_t *report = blobs_experiment(0, NULL, "batch");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    assert_string_equal(report_string(report_experiment(report, "batch"), "verdict"), "pass");
    assert_true(json_array_size(json_object_get(result_of(report), "suspects")) < 60);
    double permuted = json_number_value(json_object_get(result_of(report), "permuted_score"));
    assert_true(permuted < 0.2);
    json_decref(report);
}

static void targets_are_told_to_have_no_list(void **state)
{
    (void)state;
    json_t *report = blobs_experiment(0, "{\"loss\": \"mse\", \"solver.metric\": \"r2\", \"net.2.units\": 1}", "batch");
    assert_null(json_object_get(result_of(report), "suspects"));
    size_t i;
    const json_t *entry;
    bool told = false;
    json_array_foreach(json_object_get(report_experiment(report, "batch"), "evidence"), i, entry) told =
        told || strstr(report_string(entry, "text"), "among classes only");
    assert_true(told);
    json_decref(report);
}

/* Only batches of one sample train. */
static double one_sample_trains(const tn_knobs *effective)
{
    return effective->batch_size == 1 ? 0.9 : 0.01;
}

static void a_failure_that_vanishes_at_batch_size_1_is_the_batch(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = one_sample_trains;
    json_t *report = made_up_experiment(&subject, "batch");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "batch_size");
    assert_true(json_is_true(json_object_get(report_finding(report, 0), "confirmed")));
    json_decref(report);
    /* In a program, which can mix samples, and where a lower rate does not help. */
    subject.facts.is_program = true;
    report = made_up_experiment(&subject, "batch");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "batch_computation");
    json_decref(report);
}

static double nothing_trains(const tn_knobs *effective)
{
    (void)effective;
    return 0.01;
}

static void a_failure_that_stays_is_not_the_batch(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = nothing_trains;
    json_t *report = made_up_experiment(&subject, "batch");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    assert_non_null(strstr(report_string(report_experiment(report, "batch"), "summary"), "fails just so"));
    json_decref(report);
}

static void labels_that_tell_nothing_are_convicted_by_the_control(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = nothing_trains;
    subject.random_labels = true;
    json_t *report = made_up_experiment(&subject, "batch");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "misaligned_labels");
    assert_string_equal(report_string(report_experiment(report, "batch"), "verdict"), "fail");
    json_decref(report);
}

static void a_debug_asks_only_where_nothing_is_explained(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_debug(&subject);
    const json_t *entry = report_experiment(report, "batch");
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_string_equal(report_string(entry, "verdict"), "pass");
    assert_int_equal(json_array_size(json_object_get(entry, "trials")), 0);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_labels_are_listed_and_convicted),
        cmocka_unit_test(clean_labels_are_not_doubted),
        cmocka_unit_test(targets_are_told_to_have_no_list),
        cmocka_unit_test(a_failure_that_vanishes_at_batch_size_1_is_the_batch),
        cmocka_unit_test(a_failure_that_stays_is_not_the_batch),
        cmocka_unit_test(labels_that_tell_nothing_are_convicted_by_the_control),
        cmocka_unit_test(a_debug_asks_only_where_nothing_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
