/* test_rule_init_statistics.c: symmetric, zero and stuck weights, and a signal that dies or explodes, fire on the first step; zero last layers, gains, identities and usual initialisers do not. */
#include "rules/support_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { INPUTS = 16, UNITS = 8, COUNT = INPUTS * UNITS };

typedef enum kind { NORMAL, ZERO, CONSTANT, COPIES, IDENTITY } kind;

/* A weight of the first step, after its update; `step_size` 0: it has not moved. */
static void show(watch *w, const char *node, size_t index, kind made, float step_size)
{
    float values[COUNT], updates[COUNT];
    tn_tensor_name name = {node, "weight", "dense", index, TN_ROLE_UPDATE, COUNT, UNITS};
    for (size_t i = 0; i < COUNT; i++) {
        size_t row = i / UNITS, unit = i % UNITS;
        double start = made == NORMAL     ? 0.3 * tn_rng_normal(&w->rng)
                       : made == CONSTANT ? 0.1
                       : made == COPIES   ? 0.3 * sin((double)row)
                       : made == IDENTITY ? row == unit
                                          : 0;
        bool symmetric = made == CONSTANT || made == COPIES;
        updates[i] = step_size * (float)(symmetric ? cos((double)row) : tn_rng_normal(&w->rng));
        values[i] = (float)start + updates[i];
    }
    watch_values(w, &name, 2 * index, updates, COUNT);
    name.role = TN_ROLE_WEIGHT;
    watch_units(w, &name, 2 * index + 1, values, COUNT, -INFINITY, INFINITY, 0);
}

static void activation(watch *w, const char *node, const char *op, size_t index, double deviation)
{
    float values[COUNT];
    const tn_tensor_name name = {node, NULL, op, index, TN_ROLE_ACTIVATION, COUNT, UNITS};
    for (size_t i = 0; i < COUNT; i++)
        values[i] = (float)(deviation * tn_rng_normal(&w->rng));
    watch_values(w, &name, 100 + index, values, COUNT);
}

static void run(watch *w, kind first, kind second, float step_size)
{
    watch_start(w, "init_statistics", 1);
    show(w, "dense_0", 0, first, step_size);
    show(w, "dense_2", 2, second, step_size);
    watch_loss(w, 1);
    watch_loss(w, 1);
    watch_end(w);
}

static void test_symmetric(void **state)
{
    (void)state;
    watch w;
    static const kind kinds[] = {CONSTANT, COPIES};
    for (size_t i = 0; i < 2; i++) {
        for (int moved = 0; moved < 2; moved++) {
            run(&w, kinds[i], NORMAL, moved ? 0.01f : 0);
            assert_fired(&w);
            assert_severity(&w, TN_SIGNAL_ERROR);
            assert_string_equal(w.signal.tensor, "dense_0.weight");
            assert_int_equal(w.signal.step, 1);
            assert_true(w.signal.value == 1);
            watch_stop(&w);
        }
    }
    run(&w, ZERO, ZERO, 0);
    assert_fired(&w);
    watch_stop(&w);
    run(&w, NORMAL, NORMAL, 1e20f); /* what they began at is lost in the update */
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, ZERO, ZERO, 0.01f); /* the update shows that they began at 0 */
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_ERROR);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    static const kind kinds[] = {NORMAL, ZERO, IDENTITY};
    for (size_t i = 0; i < 3; i++) {
        run(&w, kinds[i], NORMAL, 0);
        assert_quiet(&w);
        watch_stop(&w);
        run(&w, NORMAL, kinds[i], kinds[i] == IDENTITY ? 0 : 0.01f);
        assert_quiet(&w);
        watch_stop(&w);
    }
    watch_start(&w, "init_statistics", 1);
    const float ones[4] = {1, 1, 1, 1};
    const tn_tensor_name gain = {"layer_norm_1", "weight", "layer_norm", 1, TN_ROLE_WEIGHT, 4, 4};
    watch_units(&w, &gain, 5, ones, 4, -INFINITY, INFINITY, 0);
    show(&w, "dense_2", 2, NORMAL, 0);
    watch_loss(&w, 1);
    assert_quiet(&w);
    watch_stop(&w);
}

/* A network of three weights, the middle one made as told, whose gradients have such sizes; no weight is shown to move. */
static void run_with_gradients(watch *w, kind middle, float first, float second, float third)
{
    static const char *const NODES[] = {"embedding_0", "lstm_1", "dense_2"};
    const float sizes[] = {first, second, third};
    float values[COUNT];
    watch_start(w, "init_statistics", 1);
    for (size_t i = 3; i-- > 0;) {
        const tn_tensor_name name = {NODES[i], "weight", "dense", i, TN_ROLE_GRADIENT, COUNT, UNITS};
        for (size_t k = 0; k < COUNT; k++)
            values[k] = sizes[i] * (float)tn_rng_normal(&w->rng);
        watch_values(w, &name, 10 + i, values, COUNT);
    }
    for (size_t i = 0; i < 3; i++)
        show(w, NODES[i], i, i == 1 ? middle : NORMAL, 0);
    watch_loss(w, 1);
    watch_loss(w, 1);
    watch_end(w);
}

static void test_stuck(void **state)
{
    (void)state;
    watch w;
    run_with_gradients(&w, ZERO, 0, 0, 0);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_ERROR);
    assert_int_equal(w.signal.step, 1);
    assert_true(w.signal.value == 1);
    assert_non_null(strstr(w.signal.text, "1 of 3 weights start at 0, and the gradient of every weight is exactly 0"));
    watch_stop(&w);
    run_with_gradients(&w, ZERO, 0, 1e-30f, 0); /* as that of a last layer that starts at 0 */
    assert_quiet(&w);
    watch_stop(&w);
    run_with_gradients(&w, NORMAL, 0, 0, 0); /* no gradient, but nothing that is 0 is to blame */
    assert_quiet(&w);
    watch_stop(&w);
    run_with_gradients(&w, ZERO, 0.1f, 0.1f, 0.1f);
    assert_quiet(&w);
    watch_stop(&w);
}

static void signal_through(watch *w, double factor)
{
    watch_start(w, "init_statistics", 1);
    double deviation = 1;
    for (size_t i = 0; i < 6; i++, deviation *= factor) {
        char dense[16], relu[16];
        snprintf(dense, sizeof dense, "dense_%zu", 2 * i);
        snprintf(relu, sizeof relu, "relu_%zu", 2 * i + 1);
        activation(w, dense, "dense", 2 * i, i == 5 ? 1e-9 : deviation); /* a last layer may be tiny */
        activation(w, relu, "relu", 2 * i + 1, 0);
    }
    watch_loss(w, 1);
}

static void test_signal(void **state)
{
    (void)state;
    watch w;
    signal_through(&w, 0.1);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_string_equal(w.signal.tensor, "dense_8");
    watch_stop(&w);
    signal_through(&w, 10);
    assert_fired(&w);
    watch_stop(&w);
    static const double factors[] = {0.41, 0.7, 1, 2};
    for (size_t i = 0; i < 4; i++) {
        signal_through(&w, factors[i]);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_only_the_first_step(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "init_statistics", 1);
    watch_loss(&w, 1);
    show(&w, "dense_0", 0, CONSTANT, 0);
    watch_loss(&w, 1);
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "init_statistics", 1);
    watch_set(&w, "factor", 1e30);
    activation(&w, "dense_0", "dense", 0, 1);
    activation(&w, "dense_1", "dense", 1, 1e-9);
    activation(&w, "dense_2", "dense", 2, 1);
    watch_loss(&w, 1);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symmetric),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_stuck),
        cmocka_unit_test(test_signal),
        cmocka_unit_test(test_only_the_first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
