/* test_rule_dead_units.c: relu layers that answer 0 to everything fire; sparse ones, and zeros of other ops, do not. */
#include "rules/support_rules.h"

#include <string.h>

enum { COUNT = 3200 };

/* One observed step of a tensor whose values are positive with probability `alive`. */
static void observe(watch *w, const char *node, const char *op, size_t index, double alive)
{
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = tn_rng_uniform(&w->rng) < alive ? (float)tn_rng_uniform(&w->rng) + 0.1f : 0.0f;
    tn_tensor_name name = {node, NULL, op, index, TN_ROLE_ACTIVATION, COUNT, 100};
    watch_values(w, &name, index, values, COUNT);
}

static void test_dead(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "dead_units", 1);
    for (int i = 0; i < 4; i++) {
        observe(&w, "relu_1", "relu", 1, 0.5);
        observe(&w, "relu_3", "relu", 3, i == 0 ? 0.4 : 0.002);
        watch_loss(&w, 2.3);
        if (i < 3)
            assert_too_few(&w);
    }
    watch_end(&w);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "relu_3");
    assert_int_equal(w.signal.step, 4);
    assert_true(w.signal.value > 0.99);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "dead_units", 1);
    for (int i = 0; i < 10; i++) {
        observe(&w, "relu_1", "relu", 1, 0.5);
        observe(&w, "relu_3", "relu", 3, 0.03);          /* sparse */
        observe(&w, "relu_5", "relu", 5, i % 2 ? 0 : 1); /* never three times in a row */
        observe(&w, "dropout_6", "dropout", 6, 0);       /* another op */
        tn_tensor_name gradient = {"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION_GRADIENT, 4, 4};
        watch_values(&w, &gradient, 7, (const float[]){0, 0, 0, 0}, 4);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_taken_back_and_next(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "dead_units", 1);
    for (int i = 0; i < 3; i++) {
        observe(&w, "relu_1", "relu", 1, 0);
        observe(&w, "relu_3", "relu", 3, 0);
        watch_loss(&w, 1);
    }
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "relu_1");
    observe(&w, "relu_1", "relu", 1, 0.5);
    assert_quiet(&w);
    observe(&w, "relu_3", "relu", 3, 0);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "relu_3");
    watch_loss(&w, 1);
    observe(&w, "relu_3", "relu", 3, 0.5);
    watch_loss(&w, 1);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_odd_input(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "dead_units", 1);
    const float zero[2] = {0, 0};
    const float nan[2] = {(float)(0.0 * __builtin_inf()), __builtin_inff()};
    tn_tensor_name name = {"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION, 2, 2};
    for (int i = 0; i < 2; i++) {
        watch_values(&w, &name, 1, nan, 2);         /* no finite value to judge */
        watch_values(&w, &name, 1u << 30, zero, 2); /* an index beyond the table */
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dead),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_taken_back_and_next),
        cmocka_unit_test(test_odd_input),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
