/* test_rule_unchanged.c: a weight that the optimizer was not given, and one that gets no gradient, fire; frozen weights, the end of a decay and a finished training do not. */
#include "rules/support_rules.h"

#include <math.h>

enum { COUNT = 8 };

typedef struct shown {
    bool gradient, update, weight; /* which are shown */
    float gradient_value, update_value;
} shown;

static void show(watch *w, const char *node, size_t index, shown what)
{
    tn_tensor_name name = {node, "weight", "dense", index, TN_ROLE_GRADIENT, COUNT, 2};
    float values[COUNT] = {0};
    values[3] = what.gradient_value;
    if (what.gradient)
        watch_values(w, &name, 3 * index, values, COUNT);
    name.role = TN_ROLE_UPDATE;
    values[3] = what.update_value;
    if (what.update)
        watch_values(w, &name, 3 * index + 1, values, COUNT);
    name.role = TN_ROLE_WEIGHT;
    values[3] = 1 + (float)w->step * what.update_value;
    if (what.weight)
        watch_values(w, &name, 3 * index + 2, values, COUNT);
}

static void step(watch *w, double rate)
{
    w->step++;
    const tn_step made = {.step = w->step, .loss = 1, .learning_rate = rate, .gradient_norm = NAN};
    assert_true(w->rule->on_step(w->state, w->settings, &w->signal, &made));
}

static const shown GOOD = {true, true, true, 0.1f, 0.01f};

static void run(watch *w, shown second, int steps, double rate_factor)
{
    double rate = 0.1;
    watch_start(w, "unchanged", 1);
    for (int i = 0; i < steps; i++, rate *= rate_factor) {
        show(w, "dense_0", 0, GOOD);
        show(w, "dense_2", 2, second);
        step(w, rate);
    }
    watch_end(w);
}

static void test_faults(void **state)
{
    (void)state;
    watch w;
    run(&w, (shown){true, true, true, 0.1f, 0}, 5, 1); /* not given to the optimizer */
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_ERROR);
    assert_string_equal(w.signal.tensor, "dense_2.weight");
    assert_int_equal(w.signal.step, 3);
    watch_stop(&w);
    run(&w, (shown){true, false, true, 0.1f, 0}, 5, 1); /* updates are not shown: the first observation has nothing to compare with */
    assert_fired(&w);
    assert_int_equal(w.signal.step, 4);
    watch_stop(&w);
    run(&w, (shown){true, true, true, 0, 0}, 5, 1); /* cut off */
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    watch_stop(&w);
    run(&w, (shown){false, true, true, 0, 0}, 5, 1); /* not used: no gradient was made */
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    static const shown twins[] = {
        {true, true, true, 0.1f, 0.01f},
        {true, false, true, 0.1f, 0.01f},
        {false, false, true, 0, 0},   /* frozen */
        {true, true, true, 0, 0.01f}, /* momentum goes on */
    };
    watch w;
    for (size_t i = 0; i < sizeof twins / sizeof *twins; i++) {
        run(&w, twins[i], 6, 1);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_decay_and_done(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "unchanged", 1);
    for (int i = 0; i < 12; i++) { /* the end of a decay: gradients, but steps too small to count */
        show(&w, "dense_0", 0, (shown){true, true, true, 0.1f, i < 6 ? 0.01f : 0});
        step(&w, i < 6 ? 0.1 : 1e-6);
    }
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "unchanged", 1);
    for (int i = 0; i < 12; i++) { /* done: no gradient anywhere */
        show(&w, "dense_0", 0, (shown){true, true, true, i < 6 ? 0.1f : 0, i < 6 ? 0.01f : 0});
        show(&w, "dense_2", 2, (shown){true, true, true, i < 6 ? 0.1f : 0, i < 6 ? 0.01f : 0});
        step(&w, 0.1);
    }
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_settings_and_too_few(void **state)
{
    (void)state;
    watch w;
    run(&w, (shown){true, true, true, 0.1f, 0}, 2, 1);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "unchanged", 1);
    watch_set(&w, "observations", 5);
    for (int i = 0; i < 4; i++) {
        show(&w, "dense_0", 0, (shown){true, true, true, 0.1f, 0});
        step(&w, 0.1);
    }
    assert_too_few(&w);
    show(&w, "dense_0", 0, (shown){true, true, true, 0.1f, 0});
    step(&w, 0.1);
    assert_fired(&w);
    show(&w, "dense_0", 0, GOOD);
    step(&w, 0.1);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_decay_and_done),
        cmocka_unit_test(test_settings_and_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
