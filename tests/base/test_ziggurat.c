/* test_ziggurat.c: numbers of the ziggurat are normal: moments, every part of the distribution and its tails against erf, and neighbours without a bond. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/ziggurat.h"

enum { DRAWS = 4000000 };

static double below(double x)
{
    return 0.5 * erfc(-x / sqrt(2));
}

/* Sums of powers lie within five of their standard errors, which follow of the moments of a normal number: 1, 2, 15 and 96. */
static void moments(void **state)
{
    (void)state;
    tn_ziggurat ziggurat;
    tn_rng rng;
    double sums[5] = {0}, product = 0, before = 0;
    tn_ziggurat_init(&ziggurat);
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t i = 0; i < DRAWS; i++) {
        const double x = tn_ziggurat_normal(&ziggurat, &rng);
        for (size_t k = 1; k < 5; k++)
            sums[k] += pow(x, (double)k);
        product += x * before;
        before = x;
    }
    static const double EXPECTED[] = {0, 0, 1, 0, 3}, VARIANCES[] = {0, 1, 2, 15, 96};
    for (size_t k = 1; k < 5; k++)
        if (!(fabs(sums[k] / DRAWS - EXPECTED[k]) < 5 * sqrt(VARIANCES[k] / DRAWS)))
            fail_msg("moment %zu is %g", k, sums[k] / DRAWS);
    assert_true(fabs(product / DRAWS) < 5 / sqrt(DRAWS));
}

/* Bins of 1/16 up to 5, with all beyond in the last: each count lies within five standard errors. The edges of the layers, and the beginning of the tail, lie among them. */
static void distribution(void **state)
{
    (void)state;
    enum { A_UNIT = 16, MOST = 5, BINS = 2 * A_UNIT * MOST };
    static size_t counts[BINS];
    tn_ziggurat ziggurat;
    tn_rng rng;
    tn_ziggurat_init(&ziggurat);
    tn_rng_init(&rng, 2, TN_STREAM_TEST);
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < DRAWS; i++) {
        const double place = floor(tn_ziggurat_normal(&ziggurat, &rng) * A_UNIT) + BINS / 2;
        counts[place < 0 ? 0 : place >= BINS ? BINS - 1 : (size_t)place]++;
    }
    for (size_t i = 0; i < BINS; i++) {
        const double low = ((double)i - BINS / 2) / A_UNIT, high = low + 1.0 / A_UNIT;
        const double share = i == 0 ? below(high) : i == BINS - 1 ? below(-low) : below(high) - below(low), expected = share * DRAWS;
        if (!(fabs((double)counts[i] - expected) < 5 * sqrt(expected) + 1))
            fail_msg("%zu numbers from %g on, expected %.0f", counts[i], low, expected);
    }
}

static void the_seed_decides(void **state)
{
    (void)state;
    tn_ziggurat ziggurat;
    tn_rng one, same, other;
    size_t equal = 0;
    tn_ziggurat_init(&ziggurat);
    tn_rng_init(&one, 3, TN_STREAM_TEST);
    tn_rng_init(&same, 3, TN_STREAM_TEST);
    tn_rng_init(&other, 4, TN_STREAM_TEST);
    for (size_t i = 0; i < 1000; i++) {
        const double x = tn_ziggurat_normal(&ziggurat, &one);
        assert_true(x == tn_ziggurat_normal(&ziggurat, &same));
        equal += x == tn_ziggurat_normal(&ziggurat, &other);
    }
    assert_int_equal(equal, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(moments), cmocka_unit_test(distribution), cmocka_unit_test(the_seed_decides)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
