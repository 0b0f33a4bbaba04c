/* test_experiment_clip.c: rare large gradients, and NaN that comes late, on made-up subjects. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static const json_t *entry_of(const json_t *report)
{
    return report_experiment(report, "clip");
}

static double result_number(const json_t *report, const char *key)
{
    return json_number_value(json_object_get(json_object_get(entry_of(report), "result"), key));
}

static void late_nan_that_clipping_removes_is_found_and_confirmed(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.spike_every = 20;
    subject.late_nan_step = 400;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "fail");
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "needs_clipping");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    /* One norm in twenty is 100, so nine tenths lie at 1: that is the limit. */
    assert_true(result_number(report, "limit") == 1);
    assert_int_equal(result_number(report, "spikes"), 20);
    json_decref(report);
}

/* Its look ends in NaN before its end, so that only the clipped trial tells how long the program is. */
static void a_program_that_breaks_before_its_end_is_clipped_up_to_there(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.steps_total = 0;
    subject.ends_at = 700;
    subject.spike_every = 20;
    subject.late_nan_step = 400;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "needs_clipping");
    assert_true(json_is_true(json_object_get(report_finding(report, 0), "confirmed")));
    json_decref(report);
}

static void nan_that_stays_with_clipping_is_no_matter_of_spikes(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.late_nan_step = 400;
    subject.clip_is_no_use = true;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_non_null(strstr(report_string(entry_of(report), "summary"), "spikes are not the cause"));
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static void early_nan_is_left_to_the_learning_rate(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.late_nan_step = 50;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(entry_of(report), "summary"), "learning rate"));
    json_decref(report);
}

static void even_gradients_pass(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 1);
    json_decref(report);
}

static void spikes_that_harm_nothing_pass(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.spike_every = 20;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static void spikes_in_every_third_batch_are_not_rare(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.spike_every = 3;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 1);
    json_decref(report);
}

static void a_knob_that_is_missing_is_told(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.knobs &= ~(uint32_t)TN_KNOB_CLIP_NORM;
    json_t *report = made_up_experiment(&subject, "clip");
    assert_string_equal(report_string(entry_of(report), "verdict"), "inconclusive");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(late_nan_that_clipping_removes_is_found_and_confirmed),
        cmocka_unit_test(a_program_that_breaks_before_its_end_is_clipped_up_to_there),
        cmocka_unit_test(nan_that_stays_with_clipping_is_no_matter_of_spikes),
        cmocka_unit_test(early_nan_is_left_to_the_learning_rate),
        cmocka_unit_test(even_gradients_pass),
        cmocka_unit_test(spikes_that_harm_nothing_pass),
        cmocka_unit_test(spikes_in_every_third_batch_are_not_rare),
        cmocka_unit_test(a_knob_that_is_missing_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
