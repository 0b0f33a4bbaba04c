/* test_rule_vanishing.c: gradients that fade before the first layer fire; ordinary, small or odd ones do not. */
#include "rules/support_rules.h"

#include <math.h>

enum { COUNT = 200 };

/* One observed step: gradients of `layers` dense layers, the last first as backward makes them, with biases; layer i has standard deviation
 * scales[i]. */
static void observe(watch *w, size_t layers, const double *scales)
{
    static const char *const names[] = {"dense_0", "dense_2", "dense_4", "dense_6"};
    for (size_t i = layers; i-- > 0;) {
        float values[COUNT];
        for (size_t k = 0; k < COUNT; k++)
            values[k] = (float)(scales[i] * tn_rng_normal(&w->rng));
        tn_tensor_name weight = {names[i], "weight", "dense", 2 * i, TN_ROLE_GRADIENT, COUNT, 20};
        tn_tensor_name bias = {names[i], "bias", "dense", 2 * i, TN_ROLE_GRADIENT, 20, 20};
        tn_tensor_name weights = {names[i], "weight", "dense", 2 * i, TN_ROLE_WEIGHT, COUNT, 20};
        watch_values(w, &weight, 10 * i, values, COUNT);
        /* The weights themselves are not gradients. */
        float ones[COUNT];
        for (size_t k = 0; k < COUNT; k++)
            ones[k] = 1;
        watch_values(w, &weights, 10 * i + 2, ones, COUNT);
        /* A bias gradient of zero must not be taken for the first or last weight's. */
        float zero[20] = {0};
        watch_values(w, &bias, 10 * i + 1, zero, 20);
    }
    watch_loss(w, 1);
}

static void run(watch *w, size_t layers, const double *scales, int steps)
{
    watch_start(w, "vanishing", 1);
    for (int i = 0; i < steps; i++)
        observe(w, layers, scales);
    watch_end(w);
}

static void test_fades(void **state)
{
    (void)state;
    watch w;
    run(&w, 4, (const double[]){1e-7, 1e-5, 1e-3, 0.1}, 5);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "dense_0.weight");
    assert_int_equal(w.signal.step, 3);
    assert_true(w.signal.value > 5e-7 && w.signal.value < 2e-6);
    watch_stop(&w);
    run(&w, 2, (const double[]){0, 1e-3}, 5);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    run(&w, 4, (const double[]){0.01, 0.02, 0.05, 0.1}, 5);
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, 4, (const double[]){1e-9, 1e-9, 1e-9, 1e-9}, 5); /* a small loss scale is no fault */
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, 1, (const double[]){0.1}, 5); /* nothing to compare */
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_odd_steps(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "vanishing", 1);
    for (int i = 0; i < 9; i++)
        observe(&w, 2, i % 3 == 0 ? (const double[]){1e-8, 0.1} : (const double[]){0.1, 0.1});
    watch_end(&w);
    assert_quiet(&w); /* the median is healthy */
    watch_stop(&w);
    run(&w, 2, (const double[]){1e-8, NAN}, 9);
    assert_too_few(&w);
    watch_stop(&w);
    run(&w, 2, (const double[]){0, 0}, 9);
    assert_too_few(&w);
    watch_stop(&w);
    run(&w, 4, (const double[]){1e-7, 1e-5, 1e-3, 0.1}, 2);
    assert_too_few(&w);
    watch_stop(&w);
}

/* A gradient with a NaN among its values says nothing about the others. */
static void test_half_broken_gradient(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "vanishing", 1);
    tn_tensor_name first = {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, 4, 2},
                   last = {"dense_2", "weight", "dense", 2, TN_ROLE_GRADIENT, 4, 2};
    for (int i = 0; i < 5; i++) {
        watch_values(&w, &last, 1, (const float[]){1, 1, 1, 1}, 4);
        watch_values(&w, &first, 0, (const float[]){NAN, 0, 0, 1e-9f}, 4);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
}

/* dense with one input: the weight has as many values as units, and is a weight all the same. */
static void test_narrow_weight(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "vanishing", 1);
    for (int i = 0; i < 4; i++) {
        tn_tensor_name first = {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, 5, 5},
                       last = {"dense_2", "weight", "dense", 2, TN_ROLE_GRADIENT, 5, 1};
        watch_values(&w, &last, 1, (const float[]){1, 2, 3, 4, 5}, 5);
        watch_values(&w, &first, 0, (const float[]){1e-6f, 0, 0, 0, 0}, 5);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fades),         cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_odd_steps),     cmocka_unit_test(test_half_broken_gradient),
        cmocka_unit_test(test_narrow_weight),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
