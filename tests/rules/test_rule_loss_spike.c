/* test_rule_loss_spike.c: a loss far above all before it fires, at its step; noisy batches, heavy tails and a falling loss do not. */
#include "rules/support_rules.h"

#include <math.h>

static void test_spike(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "loss_spike", 1);
    for (int i = 1; i <= 400; i++) {
        double loss = 2 * exp(-0.01 * i) + 0.1 * fabs(tn_rng_normal(&w.rng));
        watch_loss(&w, i == 250 ? 30 : i == 300 ? 60 : loss);
        if (i < 101)
            assert_too_few(&w);
        else if (i < 250)
            assert_quiet(&w);
    }
    watch_end(&w);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_int_equal(w.signal.step, 250);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    for (int kind = 0; kind < 6; kind++) {
        for (uint64_t seed = 1; seed <= 20; seed++) {
            watch w;
            watch_start(&w, "loss_spike", seed);
            for (int i = 0; i < 1000; i++) {
                double noise = tn_rng_normal(&w.rng), uniform = tn_rng_uniform(&w.rng), fall = exp(-0.005 * i);
                watch_loss(&w, kind == 0   ? 2.3 * fall + 0.05 * noise
                               : kind == 1 ? noise * noise * fall               /* squared errors of one sample */
                               : kind == 2 ? -log(1e-9 + uniform) * fall        /* cross entropies of one sample */
                               : kind == 3 ? (uniform < 0.01 ? 3 : 0.01) + fall /* a sample that is misjudged now and then */
                               : kind == 4 ? -100 + noise                       /* a log likelihood */
                                           : 1 + 0.5 * (i % 100 < 50)) /* two kinds of batches in turn */;
            }
            watch_end(&w);
            assert_quiet(&w);
            watch_stop(&w);
        }
    }
}

static void test_odd(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "loss_spike", 1);
    for (int i = 0; i < 300; i++)
        watch_loss(&w, i % 3 ? 1 : NAN); /* not counted, and not taken for spikes */
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
    watch_start(&w, "loss_spike", 1);
    for (int i = 0; i < 90; i++)
        watch_loss(&w, i == 80 ? 1e9 : 1);
    watch_end(&w);
    assert_too_few(&w);
    watch_stop(&w);
    watch_start(&w, "loss_spike", 1);
    watch_set(&w, "factor", 1000);
    for (int i = 0; i < 200; i++)
        watch_loss(&w, i == 150 ? 30 : 1 + 0.1 * tn_rng_normal(&w.rng));
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spike),
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_odd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
