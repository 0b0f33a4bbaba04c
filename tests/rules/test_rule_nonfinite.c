/* test_rule_nonfinite.c: a NaN or an infinity anywhere fires; large finite numbers do not. */
#include "rules/support_rules.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const tn_tensor_name WEIGHT = {"dense_0", "weight", "dense", 0, TN_ROLE_WEIGHT, 4, 2};
static const tn_tensor_name OUTPUT = {"exp_1", NULL, "exp", 1, TN_ROLE_ACTIVATION, 4, 2};

static void test_losses(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        watch w;
        watch_start(&w, "nonfinite", 1);
        assert_too_few(&w);
        watch_loss(&w, 2.3);
        assert_quiet(&w);
        watch_loss(&w, bad[i]);
        watch_loss(&w, 2.3);
        assert_fired(&w);
        assert_int_equal(w.signal.step, 2);
        assert_true(w.signal.tensor[0] == '\0');
        watch_stop(&w);
    }
}

static void test_first_tensor_is_named(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    const float good[4] = {FLT_MAX, -FLT_MAX, 0, 1e-45f}, bad[4] = {1, INFINITY, NAN, -INFINITY};
    watch_values(&w, &WEIGHT, 0, good, 4);
    watch_loss(&w, 1e300);
    assert_quiet(&w);
    watch_values(&w, &OUTPUT, 1, bad, 4);
    watch_values(&w, &WEIGHT, 0, bad, 4);
    watch_loss(&w, NAN);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "exp_1");
    assert_int_equal(w.signal.step, 2);
    assert_true(w.signal.value == 3);
    assert_non_null(strstr(w.signal.text, "1 NaN, 2 infinite"));
    watch_stop(&w);
}

static void test_gradient_norm(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    watch_step(&w, 2.3, NAN); /* nobody computed it */
    assert_quiet(&w);
    watch_step(&w, 2.3, INFINITY);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    for (int i = 0; i < 1000; i++)
        watch_step(&w, 1e30 * tn_rng_uniform(&w.rng), 1e20);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_first_tensor_is_named),
        cmocka_unit_test(test_gradient_norm),
        cmocka_unit_test(test_healthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
