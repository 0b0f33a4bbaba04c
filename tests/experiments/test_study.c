/* test_study.c: draws stay in their ranges and repeat, and importance finds what mattered and nothing else. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "experiments/study.h"

enum { TRIALS = 400 };

/* Draws TRIALS values of a range. */
static void draw(const char *range, double values[TRIALS])
{
    json_t *parsed = json_loads(range, 0, NULL);
    const tn_dimension dimension = {.name = "x", .range = parsed};
    for (size_t i = 0; i < TRIALS; i++) {
        json_t *value = tn_dimension_draw(&dimension, 7, i, 0), *again = tn_dimension_draw(&dimension, 7, i, 0);
        assert_true(json_equal(value, again));
        values[i] = json_number_value(value);
        json_decref(value);
        json_decref(again);
    }
    json_decref(parsed);
}

static size_t count_below(const double values[TRIALS], double limit)
{
    size_t below = 0;
    for (size_t i = 0; i < TRIALS; i++)
        below += values[i] < limit;
    return below;
}

/* Half of them within four standard deviations, of 400: 200 +- 40. */
static void is_about_half(size_t count)
{
    assert_in_range(count, 160, 240);
}

static void draws_fill_their_ranges(void **state)
{
    (void)state;
    double values[TRIALS];
    draw("{\"uniform\": [2, 4]}", values);
    assert_int_equal(count_below(values, 2), 0);
    assert_int_equal(count_below(values, 4), TRIALS);
    is_about_half(count_below(values, 3));
    draw("{\"log_uniform\": [0.0001, 1]}", values);
    assert_int_equal(count_below(values, 0.0001), 0);
    is_about_half(count_below(values, 0.01));
    draw("{\"int_uniform\": [3, 4]}", values);
    is_about_half(count_below(values, 3.5));
    for (size_t i = 0; i < TRIALS; i++)
        assert_true(values[i] == 3 || values[i] == 4);
    draw("{\"choice\": [5, 9]}", values);
    is_about_half(count_below(values, 7));
}

static void dimensions_are_drawn_apart(void **state)
{
    (void)state;
    json_t *range = json_loads("{\"uniform\": [0, 1]}", 0, NULL);
    const tn_dimension dimension = {.name = "x", .range = range};
    size_t equal = 0, both_low = 0;
    for (size_t i = 0; i < TRIALS; i++) {
        json_t *first = tn_dimension_draw(&dimension, 7, i, 0), *second = tn_dimension_draw(&dimension, 7, i, 1);
        equal += json_equal(first, second) != 0;
        both_low += json_number_value(first) < 0.5 && json_number_value(second) < 0.5;
        json_decref(first);
        json_decref(second);
    }
    assert_int_equal(equal, 0);
    assert_in_range(both_low, 65, 135); /* a quarter of 400 */
    json_decref(range);
}

static void importance_sees_what_the_score_depends_on(void **state)
{
    (void)state;
    static double matters[TRIALS], idle[TRIALS], scores[TRIALS];
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    for (size_t i = 0; i < TRIALS; i++) {
        matters[i] = tn_rng_uniform(&rng);
        idle[i] = tn_rng_uniform(&rng);
        scores[i] = (matters[i] > 0.5 ? 0.8 : 0.2) + 0.02 * tn_rng_normal(&rng);
    }
    tn_importance found;
    assert_int_equal(tn_importance_measure(matters, scores, TRIALS, false, &found, NULL), TN_OK);
    assert_true(found.importance > 0.85); /* a bin may lie across the edge */
    assert_int_equal(found.bins, TN_STUDY_BINS_MAX);
    assert_true(found.mean[0] < 0.3 && found.mean[TN_STUDY_BINS_MAX - 1] > 0.7);
    assert_int_equal(tn_importance_measure(idle, scores, TRIALS, false, &found, NULL), TN_OK);
    assert_true(found.importance < 0.06);
}

static void bins_of_choices_are_the_choices(void **state)
{
    (void)state;
    const double positions[] = {0, 0, 1, 1, 2, 2}, scores[] = {0.1, 0.1, 0.9, 0.9, 0.1, 0.1};
    tn_importance found;
    assert_int_equal(tn_importance_measure(positions, scores, 6, true, &found, NULL), TN_OK);
    assert_int_equal(found.bins, 3);
    assert_true(found.mean[1] > 0.89 && found.mean[2] < 0.11);
    assert_true(found.importance > 0.99);
}

static void equal_scores_and_no_trials_explain_nothing(void **state)
{
    (void)state;
    const double positions[] = {1, 2, 3}, scores[] = {0.5, 0.5, 0.5};
    tn_importance found;
    assert_int_equal(tn_importance_measure(positions, scores, 3, false, &found, NULL), TN_OK);
    assert_true(found.importance == 0);
    assert_int_equal(tn_importance_measure(positions, scores, 0, false, &found, NULL), TN_OK);
    assert_int_equal(found.bins, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_fill_their_ranges),
        cmocka_unit_test(dimensions_are_drawn_apart),
        cmocka_unit_test(importance_sees_what_the_score_depends_on),
        cmocka_unit_test(bins_of_choices_are_the_choices),
        cmocka_unit_test(equal_scores_and_no_trials_explain_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
