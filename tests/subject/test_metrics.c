/* test_metrics.c: metrics against scikit-learn's (tools/make_golden_metrics.py), what is not defined, and answers that are no numbers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "subject/metrics.h"
#include "subject/score.h"

static float *floats_of(const json_t *numbers)
{
    float *values = calloc(json_array_size(numbers) + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < json_array_size(numbers); i++)
        values[i] = (float)json_number_value(json_array_get(numbers, i));
    return values;
}

static size_t size_of(const json_t *object, const char *key)
{
    return (size_t)json_integer_value(json_object_get(object, key));
}

static void compare(const char *label, const char *key, const json_t *found, const json_t *expected)
{
    if (json_is_array(expected)) {
        if (!json_equal(found, expected))
            fail_msg("%s: %s differs", label, key);
        return;
    }
    /* Losses of single precision make perplexity and bits. */
    double tolerance = 1e-6 * fmax(1, fabs(json_number_value(expected)));
    if (!json_is_number(found) || !(fabs(json_number_value(found) - json_number_value(expected)) <= tolerance))
        fail_msg("%s: %s is %.12g, expected %.12g", label, key, json_number_value(found), json_number_value(expected));
}

static void check_case(const json_t *golden)
{
    const char *label = json_string_value(json_object_get(golden, "label")), *key;
    const json_t *classes = json_object_get(golden, "classes"), *targets = json_object_get(golden, "targets");
    float *outputs = floats_of(json_object_get(golden, "outputs")), *losses = floats_of(json_object_get(golden, "losses")),
          *values = floats_of(targets);
    int32_t *numbers = calloc(json_array_size(classes) + 1, sizeof *numbers);
    assert_non_null(numbers);
    for (size_t i = 0; i < json_array_size(classes); i++)
        numbers[i] = (int32_t)json_integer_value(json_array_get(classes, i));
    const tn_answers answers = {.count = size_of(golden, "count"),
                                .steps = size_of(golden, "steps"),
                                .width = size_of(golden, "width"),
                                .outputs = outputs,
                                .losses = losses,
                                .classes = classes ? numbers : NULL,
                                .targets = targets ? values : NULL,
                                .are_flags = json_is_true(json_object_get(golden, "flags")),
                                .threshold = json_number_value(json_object_get(golden, "threshold"))};
    json_t *found = tn_metrics_measure(&answers), *expected;
    assert_non_null(found);
    json_object_foreach(json_object_get(golden, "expected"), key, expected) compare(label, key, json_object_get(found, key), expected);
    assert_int_equal(json_object_size(found), json_object_size(json_object_get(golden, "expected")));
    if (answers.are_flags) {
        double score = tn_score_flags(answers.count, answers.width, outputs, values, answers.threshold);
        if (!(fabs(score - json_number_value(json_object_get(golden, "score"))) <= 1e-12))
            fail_msg("%s: score %.12g", label, score);
    }
    json_decref(found);
    free(outputs);
    free(losses);
    free(values);
    free(numbers);
}

static void as_scikit_learn_measures(void **state)
{
    (void)state;
    json_error_t error;
    json_t *golden = json_load_file(TN_TEST_DATA "/metrics.json", 0, &error), *one;
    if (!golden)
        fail_msg("metrics.json:%d: %s", error.line, error.text);
    const json_t *cases = json_object_get(golden, "cases");
    size_t i;
    assert_true(json_array_size(cases) >= 15);
    json_array_foreach(cases, i, one) check_case(one);
    json_decref(golden);
}

static double number(const json_t *metrics, const char *key)
{
    const json_t *value = json_object_get(metrics, key);
    assert_non_null(value);
    return json_is_null(value) ? (double)NAN : json_number_value(value);
}

static void what_is_not_defined_is_null(void **state)
{
    (void)state;
    const float outputs[] = {1, 2, 3, 4}, constant[] = {5, 5, 5, 5}, losses[] = {0, 0};
    const int32_t none[] = {-1, -1, -1, -1};
    json_t *found = tn_metrics_measure(&(tn_answers){.count = 4, .steps = 1, .width = 1, .outputs = outputs, .targets = constant});
    assert_true(isnan(number(found, "r2")));
    assert_true(fabs(number(found, "mae") - 2.5) < 1e-12);
    json_decref(found);
    found = tn_metrics_measure(&(tn_answers){.count = 2, .steps = 2, .width = 1, .outputs = outputs, .losses = losses, .classes = none});
    assert_true(isnan(number(found, "accuracy")) && isnan(number(found, "perplexity")));
    json_decref(found);
}

/* An answer that is no number is wrong, and in no column of the matrix. */
static void undefined_answers_are_wrong(void **state)
{
    (void)state;
    const float outputs[] = {1, 0, NAN, 0, 3, 3, 0, 2};
    const int32_t classes[] = {0, 0, 1, 1};
    json_t *found = tn_metrics_measure(&(tn_answers){.count = 4, .steps = 1, .width = 2, .outputs = outputs, .classes = classes});
    json_t *confusion = json_pack("[[i,i],[i,i]]", 1, 0, 0, 1);
    assert_true(fabs(number(found, "accuracy") - 0.5) < 1e-12);
    assert_true(json_equal(json_object_get(found, "confusion"), confusion));
    json_decref(confusion);
    json_decref(found);
    const float flags[] = {NAN, 9, -9, NAN}, yes[] = {0, 1, 0, 0};
    found = tn_metrics_measure(&(tn_answers){.count = 2, .steps = 1, .width = 2, .outputs = flags, .targets = yes, .are_flags = true});
    assert_true(fabs(number(found, "hamming_loss") - 0.5) < 1e-12);
    assert_true(fabs(number(found, "subset_accuracy")) < 1e-12);
    json_decref(found);
    assert_true(fabs(tn_score_flags(2, 2, flags, yes, 0) - -1) < 1e-12); /* two wrong, where the trivial predictor has one */
}

static void flags_of_one_answer_cannot_be_scored(void **state)
{
    (void)state;
    const float outputs[] = {1, -1, 1, -1}, targets[] = {1, 0, 1, 0};
    assert_true(isnan(tn_score_flags(2, 2, outputs, targets, 0)));
    const float mixed[] = {1, 0, 0, 0};
    assert_true(fabs(tn_score_flags(2, 2, outputs, mixed, 0)) < 1e-12); /* one wrong of one */
}

/* One box against several answers, each by itself. */
static void boxes_by_their_overlap(void **state)
{
    (void)state;
    static const struct {
        float box[4], answer[4];
        double overlap;
    } CASES[] = {
        {{1, 2, 3, 4}, {1, 2, 3, 4}, 1},    {{0, 0, 2, 2}, {1, 0, 2, 2}, 1.0 / 3}, {{0, 0, 2, 2}, {-1, -1, 2, 2}, 1.0 / 7},
        {{0, 0, 4, 4}, {1, 1, 2, 2}, 0.25}, /* within it */
        {{1, 1, 2, 2}, {0, 0, 2, 4}, 0.2},  /* 2 shared of 4 + 8 - 2 */
        {{0, 0, 2, 2}, {2, 0, 2, 2}, 0},    /* side by side */
        {{0, 0, 2, 2}, {2, 2, -2, -2}, 0},  /* the same corners, of a box that is none */
        {{0, 0, 2, 2}, {NAN, 0, 2, 2}, 0},  {{0, 0, 2, 2}, {0, 0, 2, NAN}, 0},     {{0, 0, 2, 2}, {0, 0, INFINITY, 2}, 0},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        json_t *found = tn_metrics_measure(
            &(tn_answers){.count = 1, .steps = 1, .width = 4, .outputs = CASES[i].answer, .targets = CASES[i].box, .are_boxes = true});
        if (!(fabs(number(found, "iou") - CASES[i].overlap) < 1e-6))
            fail_msg("case %zu: %g", i, number(found, "iou"));
        assert_true(fabs(number(found, "iou50") - (CASES[i].overlap >= 0.5)) < 1e-12);
        json_decref(found);
    }
}

/* Two pictures of at most two boxes; what is answered for one that is not there does not count. */
static void boxes_that_are_not_there(void **state)
{
    (void)state;
    const float targets[] = {0, 0, 2, 2, 4, 4, 2, 2, 1, 1, 3, 3, 0, 0, 0, 0}, none[8] = {0};
    const float outputs[] = {0, 0, 2, 2, 4, 4, 2, 1, 9, 9, 1, 1, 5, 5, 5, 5};
    json_t *found =
        tn_metrics_measure(&(tn_answers){.count = 2, .steps = 1, .width = 8, .outputs = outputs, .targets = targets, .are_boxes = true});
    assert_true(fabs(number(found, "iou") - 1.5 / 3) < 1e-12);
    assert_true(fabs(number(found, "iou50") - 2.0 / 3) < 1e-12);
    json_decref(found);
    found = tn_metrics_measure(&(tn_answers){.count = 1, .steps = 1, .width = 8, .outputs = outputs, .targets = none, .are_boxes = true});
    assert_true(isnan(number(found, "iou")) && isnan(number(found, "iou50")));
    json_decref(found);
}

static void counts_are_rounded(void **state)
{
    (void)state;
    const float outputs[] = {0.4f, 1.6f, 2.51f, NAN, 3.0f}, targets[] = {0, 2, 2, 1, 3};
    json_t *found =
        tn_metrics_measure(&(tn_answers){.count = 5, .steps = 1, .width = 1, .outputs = outputs, .targets = targets, .are_counts = true});
    assert_true(fabs(number(found, "exact") - 0.6) < 1e-12);
    json_decref(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_scikit_learn_measures),    cmocka_unit_test(what_is_not_defined_is_null),
        cmocka_unit_test(undefined_answers_are_wrong), cmocka_unit_test(flags_of_one_answer_cannot_be_scored),
        cmocka_unit_test(boxes_by_their_overlap),      cmocka_unit_test(boxes_that_are_not_there),
        cmocka_unit_test(counts_are_rounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
