/* test_rule_saturated_units.c: hidden sigmoids and tanhs at their bounds fire; healthy ones, and the output of a good classifier, do not. */
#include "rules/support_rules.h"

#include <math.h>

enum { COUNT = 3000 };

static double hard(double x)
{
    return fmin(1, fmax(0, 0.2 * x + 0.5));
}

/* One observed step of an activation whose input is normal with this standard deviation, followed by a dense output where `hidden`. */
static void observe(watch *w, const char *op, double deviation, bool hidden)
{
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        double x = deviation * tn_rng_normal(&w->rng);
        values[i] = (float)(op[0] == 't' ? tanh(x) : op[0] == 'h' ? hard(x) : 1 / (1 + exp(-x)));
    }
    tn_tensor_name name = {"act_1", NULL, op, 1, TN_ROLE_ACTIVATION, COUNT, 100},
                   output = {"dense_2", NULL, "dense", 2, TN_ROLE_ACTIVATION, COUNT, 10};
    watch_values(w, &name, 1, values, COUNT);
    if (hidden)
        watch_values(w, &output, 2, values, COUNT);
    watch_loss(w, 1);
}

static void run(watch *w, const char *op, double deviation, bool hidden, int steps)
{
    watch_start(w, "saturated_units", 1);
    for (int i = 0; i < steps; i++)
        observe(w, op, deviation, hidden);
    watch_end(w);
}

static void test_saturated(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        double deviation;
    } cases[] = {{"sigmoid", 100}, {"tanh", 50}, {"hard_sigmoid", 200}};
    for (size_t i = 0; i < 3; i++) {
        watch w;
        run(&w, cases[i].op, cases[i].deviation, true, 5);
        assert_fired(&w);
        assert_string_equal(w.signal.tensor, "act_1");
        assert_int_equal(w.signal.step, 3);
        assert_true(w.signal.value >= w.signal.threshold && w.signal.value <= 1);
        watch_stop(&w);
    }
}

/* All at one bound: the mean slope is small although nothing varies. */
static void test_one_bound(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "saturated_units", 1);
    float values[COUNT];
    for (size_t i = 0; i < COUNT; i++)
        values[i] = 1e-4f * (float)tn_rng_uniform(&w.rng);
    tn_tensor_name name = {"sigmoid_1", NULL, "sigmoid", 1, TN_ROLE_ACTIVATION, COUNT, 100},
                   output = {"dense_2", NULL, "dense", 2, TN_ROLE_ACTIVATION, COUNT, 10};
    for (int i = 0; i < 3; i++) {
        watch_values(&w, &name, 1, values, COUNT);
        watch_values(&w, &output, 2, values, COUNT);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    static const char *const ops[] = {"sigmoid", "tanh", "hard_sigmoid"};
    static const double deviations[] = {0.01, 1, 3, 6, 10};
    for (size_t i = 0; i < 3; i++) {
        for (size_t d = 0; d < 5; d++) {
            watch w;
            run(&w, ops[i], deviations[d], true, 6);
            assert_quiet(&w);
            watch_stop(&w);
        }
    }
}

static void test_output_may_saturate(void **state)
{
    (void)state;
    watch w;
    run(&w, "sigmoid", 100, false, 6);
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, "relu", 100, true, 6); /* another op */
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_taken_back(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "saturated_units", 1);
    for (int i = 0; i < 4; i++)
        observe(&w, "tanh", 50, true);
    assert_fired(&w);
    observe(&w, "tanh", 1, true);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, "tanh", 50, true, 2);
    assert_too_few(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_saturated),           cmocka_unit_test(test_one_bound),  cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_output_may_saturate), cmocka_unit_test(test_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
