/* test_experiment_bisect.c: the smallest set of differences that breaks a training: one, two that only break it together, and none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"
#include "experiments/support_table_subject.h"

static json_t *bisect(const char *bad_patch)
{
    table_subject subject;
    json_t *report = NULL;
    tn_error error = {0};
    table_subject_open(&subject, NULL);
    tn_hypes *bad = table_subject_patched(&subject, bad_patch);
    const tn_debug_options options = {.threads = 2, .seed = 1, .other = bad};
    assert_int_equal(tn_debug_bisect(subject.subject, &options, &report, &error), TN_OK);
    tn_hypes_destroy(bad);
    table_subject_close(&subject);
    return report;
}

static const json_t *entry_of(const json_t *report)
{
    return report_experiment(report, "bisect");
}

static const json_t *minimal_of(const json_t *report)
{
    return json_object_get(json_object_get(entry_of(report), "result"), "minimal");
}

static double score_of(const json_t *report, const char *key)
{
    return json_number_value(json_object_get(json_object_get(entry_of(report), "result"), key));
}

static void the_one_that_breaks_is_found_among_harmless_ones(void **state)
{
    (void)state;
    json_t *report =
        bisect("{\"solver.learning_rate\": 50, \"solver.batch_size\": 8, \"solver.momentum\": 0.5, \"init.scale\": 0.5, \"net.0.bias\": "
               "false, \"data.input.scale\": \"standardize\"}");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_array_size(minimal_of(report)), 1);
    assert_true(json_number_value(json_object_get(json_array_get(minimal_of(report), 0), "solver.learning_rate")) == 50);
    assert_non_null(strstr(report_string(entry_of(report), "summary"), "1 of 6"));
    assert_true(score_of(report, "good_score") > 0.8);
    assert_true(score_of(report, "bad_score") < 0.1);
    assert_true(score_of(report, "undone_score") > 0.8);
    json_decref(report);
}

/* A twelfth of the rate learns enough in ten epochs, and the given rate in one; a twelfth of the rate in one epoch does not. */
static void two_that_break_only_together_are_both_found(void **state)
{
    (void)state;
    json_t *report = bisect("{\"solver.learning_rate\": 0.004, \"solver.epochs\": 1, \"net.0.bias\": false}");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_array_size(minimal_of(report)), 2);
    json_decref(report);
}

static void ends_that_train_alike_are_not_searched(void **state)
{
    (void)state;
    json_t *report = bisect("{\"solver.batch_size\": 8}");
    assert_string_equal(report_string(entry_of(report), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(entry_of(report), "summary"), "do not differ enough"));
    /* Two ends, three seeds. */
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 6);
    json_decref(report);
}

static void the_same_hypes_are_told_to_be_the_same(void **state)
{
    (void)state;
    json_t *report = bisect("{\"solver.seed\": 4}");
    assert_string_equal(report_string(entry_of(report), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(entry_of(report), "summary"), "say the same"));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 0);
    json_decref(report);
}

static void combinations_that_do_not_compile_break_nothing(void **state)
{
    (void)state;
    /* The second node alone names a node that only the first one brings. */
    json_t *report =
        bisect("{\"net\": [{\"op\": \"dense\", \"units\": 4, \"name\": \"a\"}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4, "
               "\"name\": \"b\"},"
               " {\"op\": \"add\", \"from\": [\"a\", \"b\"]}, {\"op\": \"dense\", \"units\": 1}], \"solver.learning_rate\": 50}");
    assert_string_equal(report_string(entry_of(report), "verdict"), "pass");
    assert_int_equal(json_array_size(minimal_of(report)), 1);
    assert_non_null(json_object_get(json_array_get(minimal_of(report), 0), "solver.learning_rate"));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_breaks_is_found_among_harmless_ones), cmocka_unit_test(two_that_break_only_together_are_both_found),
        cmocka_unit_test(ends_that_train_alike_are_not_searched),           cmocka_unit_test(the_same_hypes_are_told_to_be_the_same),
        cmocka_unit_test(combinations_that_do_not_compile_break_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
