/* test_rule_overfitting.c: a validation score that falls while training goes on, and one left far behind, fire; a gap, and a score that wavers, do not. */
#include "rules/support_rules.h"

#include <math.h>

static void run(watch *w, const double (*scores)[2], int count)
{
    watch_start(w, "overfitting", 1);
    watch_score(w, 0, 0, 2, 2); /* before training */
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < 10; k++)
            watch_loss(w, 1);
        watch_score(w, scores[i][0], scores[i][1], 1, 1);
    }
    watch_end(w);
}

static void test_faults(void **state)
{
    (void)state;
    watch w;
    static const double worse[][2] = {{0.4, 0.4}, {0.6, 0.55}, {0.8, 0.5}, {0.9, 0.42}, {0.95, 0.4}, {0.99, 0.38}};
    run(&w, worse, 6);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_int_equal(w.signal.step, 60);
    watch_stop(&w);
    static const double by_heart[][2] = {{0.5, 0.1}, {0.9, 0.1}, {0.99, 0.12}, {1, 0.12}, {1, 0.12}};
    run(&w, by_heart, 5);
    assert_fired(&w);
    assert_int_equal(w.signal.step, 40);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    static const double gap[][2] = {{0.5, 0.4}, {0.8, 0.6}, {0.95, 0.7}, {1, 0.7}, {1, 0.69}, {1, 0.68}};
    run(&w, gap, 6);
    assert_quiet(&w);
    watch_stop(&w);
    static const double wavers[][2] = {{0.5, 0.5}, {0.8, 0.7}, {0.8, 0.5}, {0.9, 0.7}, {0.9, 0.55}, {0.9, 0.7}};
    run(&w, wavers, 6);
    assert_quiet(&w);
    watch_stop(&w);
    static const double both_fall[][2] = {{0.9, 0.9}, {0.3, 0.3}, {0.3, 0.3}, {0.2, 0.2}, {0.2, 0.2}}; /* something else */
    run(&w, both_fall, 5);
    assert_quiet(&w);
    watch_stop(&w);
    static const double recovers[][2] = {{0.6, 0.6}, {0.8, 0.4}, {0.8, 0.4}, {0.8, 0.4}, {0.9, 0.7}};
    run(&w, recovers, 5);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_too_few_and_settings(void **state)
{
    (void)state;
    watch w;
    static const double two[][2] = {{1, 0}, {1, 0}},
                        without[][2] = {{1, (double)NAN}, {1, (double)NAN}, {1, (double)NAN}, {1, (double)NAN}};
    run(&w, two, 2);
    assert_too_few(&w);
    watch_stop(&w);
    run(&w, without, 4);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "overfitting", 1);
    watch_set(&w, "gap", 0.2);
    for (int i = 0; i < 4; i++) {
        watch_loss(&w, 1);
        watch_score(&w, 1, 0.7, 1, 1);
    }
    assert_fired(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_too_few_and_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
