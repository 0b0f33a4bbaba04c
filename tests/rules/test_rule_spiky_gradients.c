/* test_rule_spiky_gradients.c: a few enormous gradients among ordinary ones fire; heavy tails, falling norms and large norms throughout do
 * not. */
#include "rules/support_rules.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SEEDS = 100, STEPS = 1500 };

/* Norms as they look in practice: log-normal. */
static double ordinary(watch *w)
{
    return 0.3 * exp(0.4 * tn_rng_normal(&w->rng));
}

static void test_spikes(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        watch w;
        watch_start(&w, "spiky_gradients", seed);
        uint64_t first = 0, spikes = 0;
        for (uint64_t i = 1; i <= STEPS; i++) {
            bool spike = i > 100 && i % 50 == 0;
            spikes += spike;
            if (spike && first == 0)
                first = i;
            watch_step(&w, 1, spike ? 60 * (1 + tn_rng_uniform(&w.rng)) : ordinary(&w));
        }
        watch_end(&w);
        assert_fired(&w);
        assert_int_equal(w.signal.step, first);
        assert_true(w.signal.value > 100);
        char counted[32];
        snprintf(counted, sizeof counted, "%d of %d", (int)spikes, STEPS - 100);
        assert_non_null(strstr(w.signal.text, counted));
        watch_stop(&w);
    }
}

static void test_infinite_spikes(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "spiky_gradients", 1);
    for (int i = 1; i <= STEPS; i++)
        watch_step(&w, 1, i % 200 == 199 ? INFINITY : ordinary(&w));
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

/* Batches of one sample that learn: most samples right, with tiny gradients; a few wrong, with gradients as at the beginning or somewhat
 * above. */
static void test_quiet_on_learning(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        watch w;
        watch_start(&w, "spiky_gradients", seed);
        for (int i = 0; i < STEPS; i++) {
            bool wrong = tn_rng_uniform(&w.rng) < 0.05;
            watch_step(&w, 1, (wrong || i < 100 ? 3 : 3 * exp(-i / 150.0)) * exp(0.5 * tn_rng_normal(&w.rng)));
        }
        watch_end(&w);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

static void test_quiet_on_others(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "spiky_gradients", 1);
    for (int i = 0; i < STEPS; i++)
        watch_step(&w, 1, 1e6 * ordinary(&w)); /* large, but all alike */
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "spiky_gradients", 1);
    for (int i = 0; i < STEPS; i++)
        watch_step(&w, 1, i % 4 == 0 ? 100 : ordinary(&w)); /* too many to be spikes */
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "spiky_gradients", 1);
    for (int i = 0; i < STEPS; i++)
        watch_step(&w, 1, i == 700 || i == 900 ? 100 : ordinary(&w)); /* two: a broken sample */
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_too_few(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "spiky_gradients", 1);
    for (int i = 0; i < 100; i++)
        watch_step(&w, 1, ordinary(&w));
    for (int i = 0; i < 1000; i++)
        watch_loss(&w, 1); /* nobody computes the norm */
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spikes),          cmocka_unit_test(test_infinite_spikes), cmocka_unit_test(test_quiet_on_learning),
        cmocka_unit_test(test_quiet_on_others), cmocka_unit_test(test_too_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
