/* test_debug_chain.c: faults behind each other: each is fixed, the subject debugged again with it, and all changes told as one patch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"
#include "experiments/support_table_subject.h"

static json_t *debug(const char *patch, tn_debug_options options)
{
    table_subject subject;
    json_t *report = NULL;
    tn_error error = {0};
    options.threads = 2;
    options.seed = 1;
    table_subject_open(&subject, patch);
    assert_int_equal(tn_debug_run(subject.subject, &options, &report, &error), TN_OK);
    table_subject_close(&subject);
    return report;
}

static const json_t *link_at(const json_t *report, size_t index)
{
    return json_array_get(json_object_get(report, "chain"), index);
}

static const json_t *fixed_patch(const json_t *report)
{
    return json_object_get(json_object_get(report, "fixed"), "patch");
}

static void a_healthy_subject_has_no_chain(void **state)
{
    (void)state;
    json_t *report = debug(NULL, (tn_debug_options){0});
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "chain")), 0);
    assert_null(json_object_get(report, "fixed"));
    json_decref(report);
}

static void one_fault_ends_healthy(void **state)
{
    (void)state;
    json_t *report = debug("{\"solver.learning_rate\": 50}", (tn_debug_options){0});
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_int_equal(json_array_size(json_object_get(report, "chain")), 1);
    assert_string_equal(report_string(link_at(report, 0), "cause"), "lr_too_high");
    assert_string_equal(report_string(link_at(report, 0), "verdict"), "healthy");
    assert_true(json_equal(fixed_patch(report), json_object_get(json_object_get(link_at(report, 0), "fix"), "patch")));
    assert_string_equal(report_string(json_object_get(report, "fixed"), "verdict"), "healthy");
    json_decref(report);
}

/* The rate hides that the weights are held near 0. */
static const char TWO_FAULTS[] = "{\"solver.learning_rate\": 50, \"solver.weight_decay\": 3}";

static void two_faults_are_fixed_one_after_the_other(void **state)
{
    (void)state;
    json_t *report = debug(TWO_FAULTS, (tn_debug_options){0});
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_int_equal(json_array_size(json_object_get(report, "chain")), 2);
    assert_string_equal(report_string(link_at(report, 0), "verdict"), "faulty");
    assert_string_equal(report_string(link_at(report, 0), "cause"), "lr_too_high");
    assert_string_equal(report_string(link_at(report, 1), "cause"), "over_regularized");
    assert_int_equal(json_object_size(fixed_patch(report)), 2);
    assert_string_equal(report_string(link_at(report, 1), "verdict"), "healthy");
    assert_string_equal(report_string(json_object_get(report, "fixed"), "verdict"), "healthy");

    /* The whole patch, made at once, is healthy. */
    char *text = json_dumps(fixed_patch(report), 0);
    table_subject given;
    table_subject_open(&given, TWO_FAULTS);
    tn_hypes *hypes = table_subject_patched(&given, text);
    tn_subject *fixed = NULL;
    json_t *again = NULL;
    const tn_debug_options options = {.threads = 2, .seed = 1};
    assert_int_equal(tn_subject_repatched(given.subject, hypes, &fixed, NULL), TN_OK);
    assert_int_equal(tn_debug_run(fixed, &options, &again, NULL), TN_OK);
    assert_string_equal(report_string(again, "verdict"), "healthy");
    tn_subject_destroy(fixed);
    tn_hypes_destroy(hypes);
    table_subject_close(&given);
    free(text);
    json_decref(again);

    /* What it cost is that of all debugs. */
    double trials = json_number_value(json_object_get(json_object_get(report, "cost"), "trials")), later = 0;
    for (size_t i = 0; i < 2; i++)
        later += json_number_value(json_object_get(json_object_get(link_at(report, i), "cost"), "trials"));
    assert_true(trials > later && later > 0);
    json_decref(report);
}

static void a_spent_budget_ends_the_chain(void **state)
{
    (void)state;
    json_t *whole = debug("{\"solver.learning_rate\": 50}", (tn_debug_options){0});
    uint64_t steps = (uint64_t)json_integer_value(json_object_get(json_object_get(whole, "cost"), "steps"));
    uint64_t second = (uint64_t)json_integer_value(json_object_get(json_object_get(link_at(whole, 0), "cost"), "steps"));
    json_decref(whole);
    json_t *report = debug("{\"solver.learning_rate\": 50}", (tn_debug_options){.budget_steps = steps - second / 2});
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_int_equal(json_array_size(json_object_get(report, "chain")), 1);
    assert_string_equal(report_string(link_at(report, 0), "verdict"), "inconclusive");
    json_decref(report);
}

typedef struct told {
    double last;
    bool fell;
} told;

static void hear(void *context, double fraction, const char *activity)
{
    told *heard = context;
    assert_non_null(activity);
    heard->fell = heard->fell || fraction < heard->last;
    heard->last = fraction;
}

static void the_progress_never_falls(void **state)
{
    (void)state;
    told heard = {0};
    json_t *report = debug("{\"solver.learning_rate\": 50}", (tn_debug_options){.progress = hear, .progress_context = &heard});
    assert_false(heard.fell);
    assert_true(heard.last > 0.8 && heard.last <= 1);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_healthy_subject_has_no_chain),
        cmocka_unit_test(one_fault_ends_healthy),
        cmocka_unit_test(two_faults_are_fixed_one_after_the_other),
        cmocka_unit_test(a_spent_budget_ends_the_chain),
        cmocka_unit_test(the_progress_never_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
