/* test_rule_update_ratio.c: steps as large as the weights, and steps that no weight can hold, fire; Adam's start, a decay to 0 and a finished training do not. */
#include "rules/support_rules.h"

#include <math.h>

enum { COUNT = 64 };

/* One observed step of two weights: `ratio` for the second, 0.001 for the first unless the second's is smaller. */
static void observe(watch *w, double size, double ratio)
{
    float weights[COUNT], updates[COUNT], others[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        weights[i] = (float)(size * tn_rng_normal(&w->rng));
        updates[i] = (float)(size * ratio * tn_rng_normal(&w->rng));
        others[i] = (float)(size * fmin(ratio, 0.001) * tn_rng_normal(&w->rng));
    }
    tn_tensor_name first = {"dense_0", "weight", "dense", 0, TN_ROLE_WEIGHT, COUNT, 8}, first_update = first,
                   second = {"dense_2", "weight", "dense", 2, TN_ROLE_WEIGHT, COUNT, 8}, second_update = second;
    first_update.role = second_update.role = TN_ROLE_UPDATE;
    watch_values(w, &first_update, 1, others, COUNT);
    watch_values(w, &first, 0, weights, COUNT);
    watch_values(w, &second_update, 3, updates, COUNT);
    watch_values(w, &second, 2, weights, COUNT);
}

static void run(watch *w, double size, double ratio, double loss_factor, double rate_factor)
{
    double loss = 2, rate = 0.1;
    watch_start(w, "update_ratio", 1);
    for (int i = 0; i < 120; i++) {
        if (i % 10 == 0)
            observe(w, size, ratio);
        w->step++;
        const tn_step step = {.step = w->step, .loss = loss, .learning_rate = rate, .gradient_norm = NAN};
        assert_true(w->rule->on_step(w->state, w->settings, &w->signal, &step));
        loss *= loss_factor;
        rate *= rate_factor;
        if (i < 39)
            assert_too_few(w);
    }
    watch_end(w);
}

static void test_faults(void **state)
{
    (void)state;
    watch w;
    run(&w, 0.05, 1, 1, 1);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "dense_2.weight");
    assert_true(w.signal.value > 0.7 && w.signal.value < 1.4 && w.signal.step == 51);
    watch_stop(&w);
    run(&w, 0.05, 1e-9, 1, 1);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "");
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    static const double ratios[] = {1e-5, 1e-3, 0.02, 0.1};
    for (size_t i = 0; i < sizeof ratios / sizeof *ratios; i++) {
        run(&w, 0.05, ratios[i], 1, 1);
        assert_quiet(&w);
        watch_stop(&w);
    }
    run(&w, 0.05, 1e-9, 0.95, 1); /* done */
    assert_quiet(&w);
    watch_stop(&w);
    run(&w, 0.05, 1e-9, 1, 0.9); /* the end of a decay */
    assert_quiet(&w);
    watch_stop(&w);
}

/* A weight that starts at 0 takes a first step of any size. */
static void test_from_zero(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "update_ratio", 1);
    for (int i = 0; i < 8; i++) {
        observe(&w, i == 0 ? 1e-6 : 0.05, i == 0 ? 1000 : 0.01);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_settings_and_taking_back(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "update_ratio", 1);
    watch_set(&w, "high", 0.01);
    for (int i = 0; i < 8; i++) {
        observe(&w, 0.05, 0.05);
        watch_loss(&w, 1);
    }
    assert_fired(&w);
    for (int i = 0; i < 9; i++) {
        observe(&w, 0.05, 0.001);
        watch_loss(&w, 1);
    }
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_from_zero),
        cmocka_unit_test(test_settings_and_taking_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
