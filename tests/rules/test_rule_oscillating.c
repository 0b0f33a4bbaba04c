/* test_rule_oscillating.c: losses that alternate, and scores that swing, fire; noisy batches, two batches in turn and a fall do not. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

enum { STEPS = 300 };

static void test_alternating(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "oscillating", 1);
    for (int i = 0; i < STEPS; i++) {
        watch_loss(&w, i % 2 ? 1 : 4 + 0.3 * tn_rng_normal(&w.rng));
        if (i < 118)
            assert_too_few(&w);
    }
    watch_end(&w);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_int_equal(w.signal.step, 120);
    watch_stop(&w);
}

/* A step of `batch` samples. */
static void watch_batch(watch *w, uint64_t batch, double loss)
{
    w->step++;
    const tn_step step = {.step = w->step, .samples = batch * w->step, .loss = loss, .learning_rate = 0.1, .gradient_norm = NAN};
    assert_true(w->rule->on_step(w->state, w->settings, &w->signal, &step));
}

/* Each update throws the network somewhere else: batches that follow no pattern, all of them far above the first. */
static void test_leaps_above_the_start(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "oscillating", 1);
    for (int i = 0; i < STEPS; i++)
        watch_loss(&w, i == 0 ? 2.5 : 90 * exp(0.3 * tn_rng_normal(&w.rng)));
    watch_end(&w);
    assert_fired(&w);
    assert_severity(&w, TN_SIGNAL_WARNING);
    assert_int_equal(w.signal.step, 120);
    assert_non_null(strstr(w.signal.text, "far above the 2.5 that it began with"));
    watch_stop(&w);
    for (int kind = 0; kind < 4; kind++) {
        watch_start(&w, "oscillating", 2);
        for (int i = 0; i < STEPS; i++) {
            double noise = tn_rng_normal(&w.rng);
            watch_batch(&w, kind == 2 ? 1 : 32,
                        kind == 0   ? (i == 0 ? 2.5 : 90 + 0.5 * noise)   /* high, but no leaps */
                        : kind == 1 ? 2.5 + 4.0 * i                       /* it rises all the way: diverging */
                        : kind == 2 ? (i == 0 ? 1e-4 : 3 * noise * noise) /* one sample at a time, the first a lucky one */
                                    : (i == 0 ? 0.02 : 9 + 5 * noise) /* a likelihood, which passes through 0 */);
            assert_int_not_equal(w.signal.state, TN_RULE_FIRED);
        }
        watch_stop(&w);
    }
}

static void test_healthy_batches(void **state)
{
    (void)state;
    watch w;
    for (int kind = 0; kind < 5; kind++) {
        watch_start(&w, "oscillating", 1);
        bool swapped = false;
        for (int i = 0; i < STEPS; i++) {
            double noise = tn_rng_normal(&w.rng), fall = exp(-0.02 * i);
            if (i % 2 == 0)
                swapped = tn_rng_uniform(&w.rng) < 0.5;
            watch_loss(&w, kind == 0   ? exp(2 * noise)                    /* single samples */
                           : kind == 1 ? 2 * fall + 0.1 * noise            /* it learns */
                           : kind == 2 ? ((i % 2 == 1) == swapped ? 1 : 4) /* two batches, shuffled */
                           : kind == 3 ? 1 + 0.2 * (i % 2)                 /* two batches in fixed order */
                                       : fall * fall * (1 + (i < 100 ? 0 : 0.3) * (i % 2 ? 1 : -1)) /* at rest, on a valley's walls */);
            assert_int_not_equal(w.signal.state, TN_RULE_FIRED);
        }
        watch_end(&w);
        assert_quiet(&w);
        watch_stop(&w);
    }
}

static void scores(watch *w, double level, double swing, double fall, int count)
{
    watch_start(w, "oscillating", 1);
    watch_score(w, 0, 0, 2, 2);
    for (int i = 0; i < 130; i++)
        watch_loss(w, 1 + 0.1 * tn_rng_normal(&w->rng));
    for (int i = 0; i < count; i++)
        watch_score(w, 0, 0, level + (i % 2 ? swing : -swing) - fall * i, 2);
    watch_end(w);
}

static void test_scores(void **state)
{
    (void)state;
    watch w;
    scores(&w, 2, 0.5, 0, 10);
    assert_fired(&w);
    watch_stop(&w);
    scores(&w, 2, 0.05, 0, 10); /* small swings */
    assert_quiet(&w);
    watch_stop(&w);
    scores(&w, 4, 0.4, 0.3, 10); /* it falls all the same */
    assert_quiet(&w);
    watch_stop(&w);
    scores(&w, 2, 0.5, 0, 7); /* too few scores */
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_settings(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "oscillating", 1);
    watch_set(&w, "swing", 0.1);
    for (int i = 0; i < STEPS; i++)
        watch_loss(&w, 1 + 0.2 * (i % 2));
    assert_fired(&w);
    for (int i = 0; i < STEPS; i++)
        watch_loss(&w, 1 + 0.2 * tn_rng_normal(&w.rng));
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alternating),     cmocka_unit_test(test_leaps_above_the_start),
        cmocka_unit_test(test_healthy_batches), cmocka_unit_test(test_scores),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
