/* test_experiment_decay.c: when the rate should fall, on a native subject, and on one without hypes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"
#include "experiments/support_table_subject.h"

static json_t *decay_of(int epochs)
{
    table_subject subject;
    json_t *report = NULL;
    tn_error error = {0};
    const tn_debug_options options = {.threads = 1, .seed = 1};
    char patch[64];
    snprintf(patch, sizeof patch, "{\"solver.epochs\": %d}", epochs);
    table_subject_open(&subject, patch);
    assert_int_equal(tn_debug_experiment(subject.subject, "decay", &options, &report, &error), TN_OK);
    table_subject_close(&subject);
    return report;
}

static void pairs_are_tried_with_k_above_n(void **state)
{
    (void)state;
    json_t *report = decay_of(12);
    const json_t *entry = report_experiment(report, "decay"), *decay;
    size_t i, tried = 0;
    json_array_foreach(json_object_get(json_object_get(entry, "result"), "decays"), i, decay)
    {
        if (json_is_true(json_object_get(decay, "given"))) {
            assert_int_equal(i, 0);
            continue;
        }
        json_int_t after = json_integer_value(json_object_get(decay, "after")), every = json_integer_value(json_object_get(decay, "every"));
        assert_true(every > 0 && after > every && after < 12);
        assert_true(json_is_number(json_object_get(decay, "score")));
        tried++;
    }
    assert_true(tried >= 5);
    assert_string_not_equal(report_string(entry, "verdict"), "inconclusive");
    json_decref(report);
}

static void few_epochs_leave_nothing_to_choose(void **state)
{
    (void)state;
    json_t *report = decay_of(3);
    assert_string_equal(report_string(report_experiment(report, "decay"), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(report_experiment(report, "decay"), "summary"), "3 epochs"));
    json_decref(report);
}

static void a_program_keeps_its_own_schedule(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "decay");
    assert_string_equal(report_string(report_experiment(report, "decay"), "verdict"), "inconclusive");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 0);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_are_tried_with_k_above_n),
        cmocka_unit_test(few_epochs_leave_nothing_to_choose),
        cmocka_unit_test(a_program_keeps_its_own_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
