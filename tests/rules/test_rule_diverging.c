/* test_rule_diverging.c: losses that end far above their beginning fire, on every seed; noisy, spiking, falling or standing ones do not, on
 * any. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

enum { SEEDS = 200 };

static void test_grows(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        watch w;
        watch_start(&w, "diverging", seed);
        for (int i = 0; i < 300; i++)
            watch_loss(&w, 2.3 * pow(1.02, i) * (0.8 + 0.4 * tn_rng_uniform(&w.rng)));
        watch_end(&w);
        assert_fired(&w);
        assert_true(w.signal.step > 25 && w.signal.step < 120);
        assert_true(w.signal.value > w.signal.threshold);
        watch_stop(&w);
    }
}

/* Up a hundredfold and more within the first five steps. */
static void test_explodes_at_once(void **state)
{
    (void)state;
    const double steps[] = {2.3, 40, 900, 3e4, 1e6};
    watch w;
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 60; i++)
        watch_loss(&w, i < 5 ? steps[i] : 2e5);
    assert_fired(&w);
    assert_int_equal(w.signal.step, 25);
    watch_stop(&w);
    /* The same start, and then NaN. */
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 60; i++)
        watch_loss(&w, i < 3 ? steps[i] : NAN);
    assert_fired(&w);
    assert_non_null(strstr(w.signal.text, "not finite"));
    watch_stop(&w);
}

/* Up at the second step, and down from there, but never to where it began: only the score before the first step tells. */
static void test_explodes_and_sinks(void **state)
{
    (void)state;
    for (int scored = 0; scored < 2; scored++) {
        watch w;
        watch_start(&w, "diverging", 1);
        const tn_score_point point = {.step = 0, .train_loss = 2.4, .valid_loss = 2.4};
        if (scored)
            w.rule->on_score(w.state, w.settings, &w.signal, &point);
        watch_loss(&w, 2.47);
        for (int i = 0; i < 100; i++)
            watch_loss(&w, 1e5 * pow(0.95, i));
        if (scored)
            assert_fired(&w);
        else
            assert_quiet(&w);
        watch_stop(&w);
    }
}

/* A lucky first batch does not count where the run was scored. */
static void test_a_lucky_first_batch(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "diverging", 1);
    const tn_score_point point = {.step = 0, .train_loss = 2.4, .valid_loss = 2.4};
    w.rule->on_score(w.state, w.settings, &w.signal, &point);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, i < 5 ? 0.01 : 2.3);
    assert_quiet(&w);
    watch_stop(&w);
}

/* Every third loss is NaN; the others tell. */
static void test_survives_nan(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, i % 3 == 2 ? NAN : 1.0 + i);
    assert_fired(&w);
    watch_stop(&w);
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, i % 3 == 2 ? NAN : 1.0);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_negative_losses(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, -5 - 0.01 * i);
    assert_quiet(&w);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, -2); /* worse, but by less than its magnitude */
    assert_quiet(&w);
    for (int i = 0; i < 100; i++)
        watch_loss(&w, 3);
    assert_fired(&w);
    watch_stop(&w);
}

/* Squared errors of one sample each that do not change: the noisiest healthy loss there is. */
static void test_quiet_on_noise(void **state)
{
    (void)state;
    int false_alarms = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        watch w;
        watch_start(&w, "diverging", seed);
        for (int i = 0; i < 1000; i++) {
            double error = tn_rng_normal(&w.rng);
            watch_loss(&w, error * error * exp(-i / 500.0));
        }
        watch_end(&w);
        false_alarms += w.signal.state == TN_RULE_FIRED;
        watch_stop(&w);
    }
    assert_int_equal(false_alarms, 0);
}

/* A spike of thirty steps, as of a warm-up: seen, and taken back. */
static void test_taken_back(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 50; i++)
        watch_loss(&w, 2.3);
    for (int i = 0; i < 30; i++)
        watch_loss(&w, 50);
    assert_fired(&w);
    assert_int_equal(w.signal.step, 61);
    for (int i = 0; i < 50; i++)
        watch_loss(&w, 1);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_too_few(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "diverging", 1);
    for (int i = 0; i < 24; i++)
        watch_loss(&w, 1.0 + i);
    watch_end(&w);
    assert_too_few(&w);
    watch_loss(&w, 26);
    assert_fired(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows),
        cmocka_unit_test(test_explodes_at_once),
        cmocka_unit_test(test_explodes_and_sinks),
        cmocka_unit_test(test_a_lucky_first_batch),
        cmocka_unit_test(test_survives_nan),
        cmocka_unit_test(test_negative_losses),
        cmocka_unit_test(test_quiet_on_noise),
        cmocka_unit_test(test_taken_back),
        cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
