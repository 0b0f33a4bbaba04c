/* test_score.c: scores of examples made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "subject/score.h"

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-12))
        fail_msg("%.17g, expected %.17g", found, expected);
}

static void classes_by_argmax(void **state)
{
    (void)state;
    const int32_t classes[] = {0, 0, 2, 1};
    const float right[] = {9, 0, 0, 1, 0, 0, -3, -2, -1, 0, INFINITY, 0};
    const float three[] = {9, 0, 0, 1, 0, 0, -1, -2, -3, 0, 5, 0};
    const float two[] = {9, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0}; /* as many as the majority has */
    const float none[] = {0, 9, 0, 0, 1, 0, 0, 1, 0, 0, 0, 1};
    near(tn_score_classification(4, 3, right, classes, 0), 1);
    near(tn_score_classification(4, 3, three, classes, 0), 0.5);
    near(tn_score_classification(4, 3, two, classes, 0), 0);
    near(tn_score_classification(4, 3, none, classes, 0), -1);
}

static void constant_and_undefined_rows_are_wrong(void **state)
{
    (void)state;
    const int32_t classes[] = {0, 1, 0, 1};
    const float equal[] = {1, 1, 0, 1, 1, 0, 0, 1};
    const float undefined[] = {1, NAN, 0, 1, NAN, 0, 0, 1};
    const float infinite[] = {INFINITY, INFINITY, 0, 1, 1, 0, 0, 1};
    const float leading[] = {1, 0, 0, 1, 1, -INFINITY, -INFINITY, 1};
    near(tn_score_classification(4, 2, equal, classes, 0), 0.5);
    near(tn_score_classification(4, 2, undefined, classes, 0), 0);
    near(tn_score_classification(4, 2, infinite, classes, 0), 0.5);
    near(tn_score_classification(4, 2, leading, classes, 0), 1);
}

static void a_single_output_has_a_threshold(void **state)
{
    (void)state;
    const int32_t classes[] = {0, 1, 1, 0};
    const float logits[] = {-0.1f, 0.1f, 3, -9}, probabilities[] = {0.1f, 0.6f, 0.9f, 0.4f}, undefined[] = {NAN, NAN, NAN, NAN};
    near(tn_score_classification(4, 1, logits, classes, 0), 1);
    near(tn_score_classification(4, 1, logits, classes, 0.5), 0.5);
    near(tn_score_classification(4, 1, probabilities, classes, 0.5), 1);
    near(tn_score_classification(4, 1, probabilities, classes, 0), 0); /* all say 1 */
    near(tn_score_classification(4, 1, undefined, classes, 0), -1);
}

static void one_class_cannot_be_scored(void **state)
{
    (void)state;
    const int32_t classes[] = {1, 1};
    const float outputs[] = {0, 1, 0, 1};
    assert_true(isnan(tn_score_classification(2, 2, outputs, classes, 0)));
    assert_true(isnan(tn_score_classification(0, 2, outputs, classes, 0)));
}

/* Class numbers beyond those counted in an array. */
static void many_classes(void **state)
{
    (void)state;
    int32_t classes[] = {5000, 999999, 5000, 4095, 0, 5000};
    static float outputs[6][10000];
    for (size_t i = 0; i < 6; i++)
        outputs[i][classes[i] < 10000 ? classes[i] : 0] = 1;
    /* The majority is three of six; five are right: 999999 has no output. */
    near(tn_score_classification(6, 10000, &outputs[0][0], classes, 0), 2.0 / 3);
}

static void regression_is_r2(void **state)
{
    (void)state;
    const float targets[] = {1, 2, 3, 4}, right[] = {1, 2, 3, 4}, mean[] = {2.5f, 2.5f, 2.5f, 2.5f}, near_by[] = {1, 2, 3, 5},
                far[] = {100, 0, 0, 0};
    near(tn_score_regression(4, 1, right, targets), 1);
    near(tn_score_regression(4, 1, mean, targets), 0);
    near(tn_score_regression(4, 1, near_by, targets), 0.8); /* 1 - 1 / 5 */
    near(tn_score_regression(4, 1, far, targets), -1);      /* never below */
    const float undefined[] = {1, 2, NAN, 4}, infinite[] = {1, 2, -INFINITY, 4};
    near(tn_score_regression(4, 1, undefined, targets), -1);
    near(tn_score_regression(4, 1, infinite, targets), -1);
}

static void regression_averages_targets(void **state)
{
    (void)state;
    /* The first target is met, the second always 0.1, the third missed beyond all measure. */
    const float targets[] = {1, 0.1f, 1, 2, 0.1f, 2, 3, 0.1f, 3}, outputs[] = {1, 7, 1e30f, 2, 8, 0, 3, 9, 0};
    near(tn_score_regression(3, 3, outputs, targets), 0);
    const float constant[] = {0.1f, 0.1f, 0.1f};
    assert_true(isnan(tn_score_regression(3, 1, constant, constant)));
    assert_true(isnan(tn_score_regression(1, 1, constant, constant)));
    assert_true(isnan(tn_score_regression(0, 1, constant, constant)));
}

/* A large offset, as raw addresses have, costs no digits that matter. */
static void regression_with_an_offset(void **state)
{
    (void)state;
    float targets[100], outputs[100];
    for (size_t i = 0; i < 100; i++) {
        targets[i] = 1e6f + (float)i;
        outputs[i] = 1e6f + 49.5f;
    }
    near(tn_score_regression(100, 1, targets, targets), 1);
    near(tn_score_regression(100, 1, outputs, targets), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_by_argmax),
        cmocka_unit_test(constant_and_undefined_rows_are_wrong),
        cmocka_unit_test(a_single_output_has_a_threshold),
        cmocka_unit_test(one_class_cannot_be_scored),
        cmocka_unit_test(many_classes),
        cmocka_unit_test(regression_is_r2),
        cmocka_unit_test(regression_averages_targets),
        cmocka_unit_test(regression_with_an_offset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
