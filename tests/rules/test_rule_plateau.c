/* test_rule_plateau.c: a loss that stands still fires after 2,000 steps; one that falls, however early, late or noisily, does not. */
#include "rules/support_rules.h"

#include <math.h>

enum { SEEDS = 60 };

static void test_stands_still(void **state)
{
    (void)state;
    int fired = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        watch w;
        watch_start(&w, "plateau", seed);
        for (int i = 0; i < 1999; i++)
            watch_loss(&w, 2.3 + 0.1 * tn_rng_normal(&w.rng));
        assert_too_few(&w);
        for (int i = 0; i < 2000; i++)
            watch_loss(&w, 2.3 + 0.1 * tn_rng_normal(&w.rng));
        watch_end(&w);
        fired += w.signal.state == TN_RULE_FIRED;
        if (w.signal.state == TN_RULE_FIRED)
            assert_true(w.signal.step >= 2000 && w.signal.value < w.signal.threshold);
        watch_stop(&w);
    }
    assert_true(fired >= SEEDS - 1); /* four standard errors leave room for a loss that seems to fall */
}

/* Full batch: no noise, and a fall of a thousandth. */
static void test_crawls_without_noise(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 2500; i++)
        watch_loss(&w, 0.6931 * (1 - 4e-7 * i));
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

/* The same below 0. */
static void test_crawls_below_0(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 2500; i++)
        watch_loss(&w, -1 - 4e-7 * i);
    watch_end(&w);
    assert_fired(&w);
    watch_stop(&w);
}

/* How healthy losses fall: value(step) times or plus noise. */
typedef enum fall {
    FALL_SLOW,
    FALL_AT_ONCE,
    FALL_LATE,
    FALL_SINGLE_SAMPLES,
    FALL_SQUARED_ERRORS,
    FALL_A_LITTLE,
    FALL_NEGATIVE,
    FALL_COUNT
} fall;

static double falling(watch *w, fall how, int i)
{
    double noise = tn_rng_normal(&w->rng), t = i;
    switch (how) {
    case FALL_SLOW:
        return 2.3 * exp(-t / 1500) + 0.1 * noise;
    case FALL_AT_ONCE: /* learnt within ten steps */
        return 0.3 + 2 * exp(-t / 4) + 0.03 * noise;
    case FALL_LATE:
        return (t < 1200 ? 2.3 : 1.5) + 0.1 * noise;
    case FALL_SINGLE_SAMPLES: /* cross entropy of one sample: exponential, mean from 2.3 to 0.9 */
        return -log(1 - tn_rng_uniform(&w->rng)) * (0.9 + 1.4 * exp(-t / 400));
    case FALL_SQUARED_ERRORS:
        return noise * noise * (0.2 + exp(-t / 300));
    case FALL_A_LITTLE: /* language: a high floor */
        return 4.17 - 0.25 * (1 - exp(-t / 500)) + 0.05 * noise;
    case FALL_NEGATIVE:
        return -1 - t / 1000 + 0.1 * noise;
    case FALL_COUNT:
        break;
    }
    return NAN;
}

static void test_quiet_where_it_falls(void **state)
{
    (void)state;
    for (fall how = 0; how < FALL_COUNT; how++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            watch w;
            watch_start(&w, "plateau", seed);
            for (int i = 0; i < 2600; i++)
                watch_loss(&w, falling(&w, how, i));
            watch_end(&w);
            if (w.signal.state != TN_RULE_QUIET)
                fail_msg("fall %d, seed %d: %s", (int)how, (int)seed, w.signal.text);
            watch_stop(&w);
        }
    }
}

static void test_taken_back(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 3000; i++)
        watch_loss(&w, 2.3 + 0.1 * tn_rng_normal(&w.rng));
    assert_fired(&w);
    assert_int_equal(w.signal.step, 2000);
    for (int i = 0; i < 500; i++)
        watch_loss(&w, 1.2 + 0.1 * tn_rng_normal(&w.rng));
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

static void test_survives_nan(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 2500; i++)
        watch_loss(&w, i % 4 == 0 ? NAN : 2.3 + 0.1 * tn_rng_normal(&w.rng));
    assert_fired(&w);
    watch_stop(&w);
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 2500; i++)
        watch_loss(&w, NAN);
    assert_too_few(&w); /* rule_nonfinite tells */
    watch_stop(&w);
    watch_start(&w, "plateau", 1);
    for (int i = 0; i < 2500; i++)
        watch_loss(&w, i < 1500 ? 2.3 : NAN);
    assert_too_few(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stands_still),         cmocka_unit_test(test_crawls_without_noise), cmocka_unit_test(test_crawls_below_0),
        cmocka_unit_test(test_quiet_where_it_falls), cmocka_unit_test(test_taken_back),           cmocka_unit_test(test_survives_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
