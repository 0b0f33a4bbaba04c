/* test_experiment_search.c: random search on a native subject, resumed from its store, and on one without hypes, with ranges of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"
#include "experiments/support_table_subject.h"

static const char RANGES[] =
    "{\"search\": {\"solver.learning_rate\": {\"log_uniform\": [0.00001, 100]}, \"net.0.bias\": {\"choice\": [true, false]}},"
    " \"solver.epochs\": 2}";

static const json_t *result_of(const json_t *report)
{
    return json_object_get(report_experiment(report, "search"), "result");
}

static json_t *search(const table_subject *subject, tn_store *store, size_t trials, uint64_t budget_steps)
{
    json_t *report = NULL;
    tn_error error = {0};
    const tn_debug_options options = {.threads = 2, .seed = 3, .store = store, .search_trials = trials, .budget_steps = budget_steps};
    assert_int_equal(tn_debug_experiment(subject->subject, "search", &options, &report, &error), TN_OK);
    return report;
}

static void the_rate_matters_and_the_bias_does_not(void **state)
{
    (void)state;
    table_subject subject;
    table_subject_open(&subject, RANGES);
    json_t *report = search(&subject, NULL, 60, 0);
    const json_t *importance = json_object_get(result_of(report), "importance"), *best = json_object_get(result_of(report), "best");
    assert_string_equal(report_string(report_experiment(report, "search"), "verdict"), "pass");
    assert_string_equal(report_string(json_array_get(importance, 0), "name"), "solver.learning_rate");
    assert_true(json_number_value(json_object_get(json_array_get(importance, 0), "importance")) > 0.4);
    assert_true(json_number_value(json_object_get(json_array_get(importance, 1), "importance")) < 0.2);
    double rate = json_number_value(json_object_get(best, "solver.learning_rate"));
    assert_true(rate > 0.001 && rate < 1);
    assert_true(json_number_value(json_object_get(result_of(report), "best_score")) > 0.8);
    assert_int_equal(json_array_size(json_object_get(result_of(report), "search")), 60);
    json_decref(report);
    table_subject_close(&subject);
}

static void trials_that_a_store_holds_are_not_run_again(void **state)
{
    (void)state;
    tn_store *store = NULL;
    tn_error error = {0};
    table_subject subject;
    assert_int_equal(tn_store_open(":memory:", &store, &error), TN_OK);
    table_subject_open_stored(&subject, RANGES, store);
    /* Cut off in the middle by its budget, then gone on with. */
    json_t *cut = search(&subject, store, 40, 1000), *whole = search(&subject, store, 40, 0), *again = search(&subject, store, 40, 0);
    size_t first = json_array_size(json_object_get(result_of(cut), "search"));
    assert_true(first > 0 && first < 40);
    assert_int_equal(json_integer_value(json_object_get(result_of(whole), "kept")), first);
    assert_int_equal(json_integer_value(json_object_get(result_of(again), "kept")), 40);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(again, "cost"), "steps")), 0);
    assert_true(json_equal(json_object_get(result_of(whole), "best"), json_object_get(result_of(again), "best")));
    for (size_t i = 0; i < 40; i++) {
        const json_t *one = json_array_get(json_object_get(result_of(whole), "search"), i),
                     *other = json_array_get(json_object_get(result_of(again), "search"), i);
        assert_true(json_equal(json_object_get(one, "values"), json_object_get(other, "values")));
        assert_true(json_number_value(json_object_get(one, "score")) == json_number_value(json_object_get(other, "score")));
    }
    json_decref(cut);
    json_decref(whole);
    json_decref(again);
    table_subject_close(&subject);
    assert_int_equal(tn_store_close(store, &error), TN_OK);
}

static void without_ranges_rates_and_scales_are_searched(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.nan_rate = 0.05;
    json_t *report = made_up_experiment(&subject, "search");
    const json_t *entry;
    size_t i;
    json_array_foreach(json_object_get(result_of(report), "search"), i, entry)
    {
        double rate = json_number_value(json_object_get(json_object_get(entry, "values"), "learning_rate"));
        double scale = json_number_value(json_object_get(json_object_get(entry, "values"), "init_scale"));
        /* 0.01 times 9 breaks: the range lies below it. */
        assert_true(rate >= 0.0009 && rate <= 0.0901);
        assert_true(scale >= 0.3 && scale <= 3);
        assert_true((rate >= 0.05) == (strcmp(report_string(entry, "end"), "nonfinite") == 0));
    }
    assert_int_equal(i, 50);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_matters_and_the_bias_does_not),
        cmocka_unit_test(trials_that_a_store_holds_are_not_run_again),
        cmocka_unit_test(without_ranges_rates_and_scales_are_searched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
