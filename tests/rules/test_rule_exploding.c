/* test_rule_exploding.c: norms that grow while the loss does not fall, and gradients that grow on their way back, fire; a network that learns may have larger gradients. */
#include "rules/support_rules.h"

#include <math.h>

static void test_in_time(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 200; i++) {
        watch_step(&w, 2.3 + 0.01 * i, exp(0.1 * i));
        if (i < 39)
            assert_too_few(&w);
    }
    watch_end(&w);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_ERROR);
    assert_true(w.signal.step > 40 && w.signal.step < 120 && w.signal.value > 1000);
    watch_stop(&w);
}

/* Infinite norms and NaN losses count as infinite. */
static void test_overflow(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 60; i++)
        watch_step(&w, i < 30 ? 1 : NAN, i < 30 ? 1 : NAN);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy_in_time(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 300; i++) /* from a last layer of zeros */
        watch_step(&w, 2.3 * exp(-0.01 * i), 1e-5 * exp(0.1 * fmin(i, 150)));
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 300; i++) /* heavy tails, no trend */
        watch_step(&w, 1, exp(3 * tn_rng_normal(&w.rng)));
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 300; i++)
        watch_loss(&w, 1); /* nobody computed it */
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
}

static void observe(watch *w, double first, double last)
{
    const float of_first[4] = {(float)first, 0, 0, 0}, of_last[4] = {0, (float)last, 0, 0};
    tn_tensor_name one = {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, 4, 2},
                   two = {"dense_4", "weight", "dense", 4, TN_ROLE_GRADIENT, 4, 2};
    watch_values(w, &two, 1, of_last, 4);
    watch_values(w, &one, 0, of_first, 4);
    watch_loss(w, 1);
}

static void test_in_depth(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 5; i++)
        observe(&w, 1e6, 1);
    watch_end(&w);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_string_equal(w.signal.tensor, "dense_0.weight");
    watch_stop(&w);
    watch_start(&w, "exploding", 1);
    for (int i = 0; i < 5; i++)
        observe(&w, 300, 1); /* inputs of a few hundred */
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "exploding", 1);
    watch_set(&w, "ratio", 100);
    for (int i = 0; i < 5; i++)
        observe(&w, 300, 1);
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_time),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_healthy_in_time),
        cmocka_unit_test(test_in_depth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
