/* test_native_metrics.c: test samples are scored once, after a training that came to its end, as validation samples are; and they change nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <math.h>

#include "support_subject.h"

#define SOLVER "\"solver\": {\"steps\": 40, \"learning_rate\": 0.05, \"batch_size\": 32}}"

static tn_hypes *parse(const problem *files, const char *text)
{
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    if (tn_hypes_parse(text, strlen(text), "test.json", files->folder, &hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return hypes;
}

static tn_trial_result train(const tn_hypes *hypes, tn_cancel *cancel, bool is_training)
{
    tn_subject *subject = open_subject(hypes, NULL, cancel);
    tn_trial_request request = plain_request(40);
    request.is_training = is_training;
    tn_trial_result result = run_trial(subject, &request, 2);
    tn_subject_destroy(subject);
    return result;
}

static double number_in(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value))
        fail_msg("no number \"%s\"", key);
    return json_number_value(value);
}

/* Where both are the same samples, the test samples get the metrics of the validation samples, the score of the last point, and its loss. */
static void as_validation_samples(void **state)
{
    static const struct {
        const char *train, *other, *rest;
    } CASES[] = {
        {"{\"format\": \"task\", \"task\": \"blobs\", \"classes\": 3, \"samples\": 300}",
         "{\"format\": \"task\", \"task\": \"blobs\", \"classes\": 3, \"samples\": 200, \"noise\": 0.5, \"seed\": 7}",
         "\"net\": [{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\", "},
        /* Targets far from 0, scaled for the training: metrics are in original units. */
        {"{\"format\": \"csv\", \"file\": \"line.csv\", \"label\": [\"target\", \"other\"]}",
         "{\"format\": \"csv\", \"file\": \"line.csv\", \"label\": [\"target\", \"other\"]}",
         "\"net\": [{\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\", "},
        /* A label for each step. */
        {"{\"format\": \"task\", \"task\": \"copy\", \"samples\": 100, \"time\": 3}",
         "{\"format\": \"task\", \"task\": \"copy\", \"samples\": 30, \"time\": 3, \"seed\": 7}",
         "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 10, \"units\": 4}, {\"op\": \"gru\", \"units\": 8}, {\"op\": \"dense\", "
         "\"units\": 10}], \"loss\": \"softmax_cross_entropy\", "},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[2048];
        snprintf(text, sizeof text, "{\"data\": {\"train\": %s, \"valid\": %s, \"test\": %s%s}, %s" SOLVER, CASES[i].train, CASES[i].other,
                 CASES[i].other, i == 1 ? ", \"label\": \"standardize\"" : "", CASES[i].rest);
        tn_hypes *hypes = parse(*state, text);
        tn_trial_result result = train(hypes, NULL, true);
        const tn_score_point *last = &result.scores[result.score_count - 1];
        assert_true(json_is_object(result.test) && json_is_object(result.metrics));
        assert_string_equal(json_string_value(json_object_get(result.test, "of")), "test");
        assert_float_equal(number_in(result.test, "score"), last->valid_score, 1e-12);
        assert_float_equal(number_in(result.test, "loss"), last->valid_loss, 1e-12);
        assert_true(last->valid_score < 0.999); /* or all would be the same without a look */
        const char *key;
        json_t *value;
        size_t same = 0;
        json_object_foreach(result.metrics, key, value)
        {
            if (strcmp(key, "of") == 0)
                continue;
            if (!json_equal(value, json_object_get(result.test, key)))
                fail_msg("case %zu: \"%s\" differs", i, key);
            same++;
        }
        assert_true(same >= 3);
        assert_int_equal(json_object_size(result.test), same + 3);
        tn_trial_result_deinit(&result);
        tn_hypes_destroy(hypes);
    }
}

/* Numbers that are places are told from numbers that are counts, and both from others, by the data alone. */
static void boxes_and_counts_have_their_own(void **state)
{
    static const struct {
        const char *task, *outputs, *has, *has_not;
    } CASES[] = {
        {"\"task\": \"boxes\", \"size\": 16, \"objects\": 1, \"target\": \"box\"", "4", "iou", "exact"},
        {"\"task\": \"boxes\", \"size\": 16, \"objects\": 3, \"target\": \"count\"", "1", "exact", "iou"},
        {"\"task\": \"adding\", \"time\": 4", "1", "rmse", "exact"},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char text[1024];
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"task\", \"samples\": 200, %s}, \"input\": \"standardize\"}, \"net\": [{\"op\": "
                 "\"flatten\"}, {\"op\": \"dense\", \"units\": %s}], \"loss\": \"mse\", " SOLVER,
                 CASES[i].task, CASES[i].outputs);
        tn_hypes *hypes = parse(*state, text);
        tn_trial_result result = train(hypes, NULL, true);
        double value = number_in(result.metrics, CASES[i].has);
        assert_true(value >= 0 && (i == 2 || value <= 1));
        assert_null(json_object_get(result.metrics, CASES[i].has_not));
        tn_trial_result_deinit(&result);
        tn_hypes_destroy(hypes);
    }
}

/* All of them, where validation makes do with 2,000; and the training is the one that it would be without them. */
static void all_and_no_influence(void **state)
{
    static const char FORM[] =
        "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"blobs\", \"samples\": 300}%s}, \"net\": [{\"op\": "
        "\"dense\", \"units\": 2}], \"loss\": \"softmax_cross_entropy\", " SOLVER;
    char text[1024];
    snprintf(text, sizeof text, FORM, ", \"test\": {\"format\": \"task\", \"task\": \"blobs\", \"samples\": 4500, \"seed\": 7}");
    tn_hypes *with = parse(*state, text);
    snprintf(text, sizeof text, FORM, "");
    tn_hypes *without = parse(*state, text);
    tn_trial_result tested = train(with, NULL, true), plain = train(without, NULL, true);
    assert_int_equal((size_t)number_in(tested.test, "samples"), 4500);
    assert_null(plain.test);
    assert_same_result(&tested, &plain);
    assert_true(json_equal(tested.metrics, plain.metrics));
    tn_trial_result_deinit(&tested);
    tn_trial_result_deinit(&plain);
    /* No trial of an experiment looks at them. */
    tn_trial_result trial = train(with, NULL, false);
    assert_null(trial.test);
    tn_trial_result_deinit(&trial);
    tn_hypes_destroy(with);
    tn_hypes_destroy(without);
}

static void not_after_an_end_that_is_none(void **state)
{
    tn_hypes *hypes = blob_hypes(*state, ", \"test\": {\"fraction\": 0.1}", "[{\"op\": \"dense\", \"units\": 3}]",
                                 "\"softmax_cross_entropy\"", "{\"learning_rate\": 0.1, \"batch_size\": 32, \"epochs\": 5}");
    tn_cancel cancel = {false};
    tn_trial_result result = train(hypes, &cancel, true);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal((size_t)number_in(result.test, "samples"), BLOB_ROWS / 10);
    tn_trial_result_deinit(&result);
    atomic_store(&cancel.requested, true);
    result = train(hypes, &cancel, true);
    assert_int_equal(result.end, TN_TRIAL_CANCELLED);
    assert_null(result.test);
    tn_trial_result_deinit(&result);
    tn_hypes_destroy(hypes);
    hypes = blob_hypes(*state, ", \"test\": {\"fraction\": 0.1}", "[{\"op\": \"dense\", \"units\": 3}]", "\"mse\"",
                       "{\"learning_rate\": 1e30, \"batch_size\": 32, \"epochs\": 5}");
    result = train(hypes, NULL, true);
    assert_int_equal(result.end, TN_TRIAL_NONFINITE);
    assert_null(result.test);
    tn_trial_result_deinit(&result);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_validation_samples), cmocka_unit_test(boxes_and_counts_have_their_own),
                                       cmocka_unit_test(all_and_no_influence), cmocka_unit_test(not_after_an_end_that_is_none)};
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}
