/* test_rule_constant_output.c: an output that ignores its input fires; one that starts at 0, a constant input and hidden layers that are constant do not. */
#include "rules/support_rules.h"

#include <math.h>

enum { SAMPLES = 16, UNITS = 4 };

/* One observed step: an input, a hidden layer and an output that vary by these deviations about 1. */
static void observe(watch *w, double input, double hidden, double output, size_t samples)
{
    static const tn_tensor_name names[] = {{"input", NULL, NULL, 0, TN_ROLE_INPUT, SAMPLES * UNITS, UNITS},
                                           {"relu_1", NULL, "relu", 1, TN_ROLE_ACTIVATION, SAMPLES * UNITS, UNITS},
                                           {"dense_2", NULL, "dense", 2, TN_ROLE_ACTIVATION, SAMPLES * UNITS, UNITS}};
    const double deviations[] = {input, hidden, output};
    for (size_t t = 0; t < 3; t++) {
        tn_tensor_name name = names[t];
        float values[SAMPLES * UNITS];
        name.count = samples * UNITS;
        for (size_t i = 0; i < name.count; i++)
            values[i] = (float)(1 + (double)(i % UNITS) + deviations[t] * tn_rng_normal(&w->rng));
        watch_units(w, &name, t, values, name.count, -INFINITY, INFINITY, samples);
    }
    /* A loss that is a node comes last and has one value. */
    const tn_tensor_name loss = {"loss_3", NULL, "mse", 3, TN_ROLE_ACTIVATION, 1, 1};
    watch_units(w, &loss, 3, (const float[]){0.5f}, 1, -INFINITY, INFINITY, 0);
    watch_loss(w, 1);
}

static void run(watch *w, double input, double hidden, double output, size_t samples)
{
    watch_start(w, "constant_output", 1);
    for (int i = 0; i < 5; i++)
        observe(w, input, hidden, output, samples);
    watch_end(w);
}

static void test_constant(void **state)
{
    (void)state;
    watch w;
    run(&w, 1, 1, 0, SAMPLES);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_ERROR);
    assert_string_equal(w.signal.tensor, "dense_2");
    assert_int_equal(w.signal.step, 3);
    watch_stop(&w);
    run(&w, 1, 1, 1e-6, SAMPLES);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    run(&w, 1, 1, 0.001, SAMPLES); /* a deep sigmoid network at its start */
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, 1, 0, 1, SAMPLES); /* a hidden layer is another rule's business */
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "constant_output", 1);
    observe(&w, 1, 1, 0, SAMPLES); /* a last layer that starts at 0 */
    for (int i = 0; i < 4; i++)
        observe(&w, 1, 1, 0.1, SAMPLES);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, 0, 1, 0, SAMPLES); /* one sample, many times */
    assert_too_few(&w);
    watch_stop(&w);
    run(&w, 1, 1, 0, 4); /* batches too small to tell */
    assert_too_few(&w);
    watch_stop(&w);
}

static void test_settings_and_taking_back(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "constant_output", 1);
    watch_set(&w, "spread", 0.9);
    watch_set(&w, "observations", 2);
    observe(&w, 1, 1, 0.01, SAMPLES);
    observe(&w, 1, 1, 0.01, SAMPLES);
    observe(&w, 1, 1, 3, SAMPLES);
    assert_fired(&w);
    assert_int_equal(w.signal.step, 2);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

/* Five observed steps of an output [SAMPLES / units, units] that shows no units, as a program's: `values` of it again and again. */
static void run_without_units(watch *w, size_t units, const float *values)
{
    const tn_tensor_name output = {"head", NULL, "dense", 2, TN_ROLE_ACTIVATION, SAMPLES, units};
    watch_start(w, "constant_output", 1);
    for (int i = 0; i < 5; i++) {
        watch_values(w, &output, 0, values, SAMPLES);
        watch_loss(w, 1);
    }
    watch_end(w);
}

static void test_without_units(void **state)
{
    (void)state;
    watch w;
    float same[SAMPLES], other[SAMPLES], broken[SAMPLES];
    for (size_t i = 0; i < SAMPLES; i++) {
        same[i] = 1;
        other[i] = (float)(i % 2);
        broken[i] = NAN;
    }
    run_without_units(&w, 1, same); /* a softmax over a single output */
    assert_fired(&w);
    assert_int_equal(w.signal.step, 3);
    assert_string_equal(w.signal.tensor, "head");
    watch_stop(&w);
    run_without_units(&w, 1, other);
    assert_quiet(&w);
    watch_stop(&w);
    run_without_units(&w, 2, same);
    assert_fired(&w);
    watch_stop(&w);
    run_without_units(&w, 2, other); /* each unit is constant, or not: nobody can tell */
    assert_too_few(&w);
    watch_stop(&w);
    run_without_units(&w, 1, broken);
    assert_too_few(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_settings_and_taking_back),
        cmocka_unit_test(test_without_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
