/* test_rng.c: the random numbers are those of xoshiro256++, and they are random enough.
 *
 * Golden values: the published sequence of xoshiro256++ from the state {1, 2, 3, 4}, and values of an independent Python implementation for states
 * filled by splitmix64. Statistics use fixed seeds, so they pass always or never; each bound is beyond what one seed in a million gives. The chi-square
 * helper must itself catch a planted bias. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

static void gives_the_published_sequence(void **state)
{
    (void)state;
    static const uint64_t expected[] = {41943041,
                                        58720359,
                                        3588806011781223,
                                        3591011842654386,
                                        9228616714210784205u,
                                        9973669472204895162u,
                                        14011001112246962877u,
                                        12406186145184390807u,
                                        15849039046786891736u,
                                        10450023813501588000u};
    tn_rng rng = {.state = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_int_equal(tn_rng_bits(&rng), expected[i]);
}

static void fills_its_state_from_seed_and_stream(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, bits[3];
    } golden[] = {
        {0, 1, {0x704560ced7cc0501, 0x4eef90036c89c53a, 0xdce05af2ba1364d7}},
        {1, 1, {0x8d6176e2f1f41696, 0x4488d4fc02c8f1e9, 0x0f2c0ec18a408301}},
        {1, 2, {0x511f463eff8daca9, 0xd6d13713b9480f3e, 0x7ac8aa9b7159c81e}},
        {2, 1, {0xf0af956594200c45, 0x326129ba704186f8, 0xcf6abe707de6f972}},
        {UINT64_MAX, 9, {0x1f1d73b8889eb9df, 0xe88ffba22e4dee48, 0x86d140779a463403}},
    };
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        tn_rng rng;
        tn_rng_init(&rng, golden[i].seed, golden[i].stream);
        for (size_t k = 0; k < 3; k++)
            assert_int_equal(tn_rng_bits(&rng), golden[i].bits[k]);
    }
}

static void derived_numbers_are_pinned(void **state)
{
    (void)state;
    static const double uniform[] = {0.9205906033504826, 0.8090779444312929, 0.49844593767067524};
    tn_rng rng;
    tn_rng_init(&rng, 42, TN_STREAM_TEST);
    for (size_t i = 0; i < 3; i++)
        assert_true(tn_rng_uniform(&rng) == uniform[i]);

    static const double normal[] = {-1.0914025230618891, -0.09787179418026494, 0.41221882992128417, 1.9076143782711845};
    tn_rng_init(&rng, 3, TN_STREAM_INIT);
    for (size_t i = 0; i < 4; i++)
        assert_true(fabs(tn_rng_normal(&rng) - normal[i]) < 1e-15);

    static const uint32_t order[] = {2, 7, 9, 6, 3, 4, 0, 5, 1, 8};
    uint32_t shuffled[10];
    tn_rng_init(&rng, 7, TN_STREAM_SUBSET);
    tn_rng_permutation(&rng, shuffled, 10);
    assert_memory_equal(shuffled, order, sizeof order);
}

static void starts_anew_from_the_same_seed(void **state)
{
    (void)state;
    tn_rng first, second;
    tn_rng_init(&first, 5, TN_STREAM_DROPOUT);
    tn_rng_normal(&first);
    /* Half a polar pair must not survive into the new start. */
    tn_rng_init(&first, 5, TN_STREAM_DROPOUT);
    tn_rng_init(&second, 5, TN_STREAM_DROPOUT);
    for (size_t i = 0; i < 9; i++)
        assert_true(tn_rng_normal(&first) == tn_rng_normal(&second));
}

/* Chi-square of counts [cells] against equal shares, as standard deviations from its mean (cells - 1, variance twice that). */
static double chi_square_deviation(const uint64_t *counts, size_t cells)
{
    double total = 0, sum = 0;
    for (size_t i = 0; i < cells; i++)
        total += (double)counts[i];
    double expected = total / (double)cells;
    for (size_t i = 0; i < cells; i++)
        sum += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
    double freedom = (double)(cells - 1);
    return (sum - freedom) / sqrt(2 * freedom);
}

enum { SAMPLES = 200000 };

static void bits_and_uniforms_are_evenly_spread(void **state)
{
    (void)state;
    uint64_t cells[64] = {0}, ones[64] = {0};
    double sum = 0, least = 1, most = 0;
    tn_rng rng;
    tn_rng_init(&rng, 11, TN_STREAM_TEST);
    for (size_t i = 0; i < SAMPLES; i++) {
        double value = tn_rng_uniform(&rng);
        assert_true(value >= 0 && value < 1);
        cells[(size_t)(value * 64)]++;
        sum += value;
        least = fmin(least, value);
        most = fmax(most, value);
        uint64_t bits = tn_rng_bits(&rng);
        for (size_t bit = 0; bit < 64; bit++)
            ones[bit] += bits >> bit & 1;
    }
    assert_true(fabs(chi_square_deviation(cells, 64)) < 5);
    assert_true(fabs(sum / SAMPLES - 0.5) < 5 / sqrt(12.0 * SAMPLES));
    assert_true(least < 1e-3 && most > 1 - 1e-3);
    for (size_t bit = 0; bit < 64; bit++)
        assert_true(fabs((double)ones[bit] - SAMPLES / 2.0) < 5 * sqrt(SAMPLES) / 2);
}

static void normals_have_the_moments_of_a_normal(void **state)
{
    (void)state;
    double sums[5] = {0};
    size_t beyond_two = 0;
    tn_rng rng;
    tn_rng_init(&rng, 12, TN_STREAM_TEST);
    for (size_t i = 0; i < SAMPLES; i++) {
        double value = tn_rng_normal(&rng), power = 1;
        for (size_t k = 0; k < 5; k++, power *= value)
            sums[k] += power;
        beyond_two += fabs(value) > 2;
    }
    double root = sqrt(SAMPLES);
    /* The standard errors of the first four moments of N samples are 1, sqrt 2, sqrt 15 and sqrt 96 over sqrt N. */
    assert_true(fabs(sums[1] / SAMPLES) < 5 / root);
    assert_true(fabs(sums[2] / SAMPLES - 1) < 5 * sqrt(2) / root);
    assert_true(fabs(sums[3] / SAMPLES) < 5 * sqrt(15) / root);
    assert_true(fabs(sums[4] / SAMPLES - 3) < 5 * sqrt(96) / root);
    assert_true(fabs((double)beyond_two / SAMPLES - 0.0455003) < 5 * sqrt(0.0455 * 0.9545) / root);
}

static void seeds_and_streams_are_unrelated(void **state)
{
    (void)state;
    /* Neighbouring seeds and streams, and swapped ones: the correlation of their uniforms is that of independent numbers. */
    static const struct {
        uint64_t first[2], second[2];
    } pairs[] = {{{1, 1}, {2, 1}}, {{1, 1}, {1, 2}}, {{1, 2}, {2, 1}}, {{0, 3}, {3, 0}}, {{4, 5}, {5, 4}}};
    for (size_t p = 0; p < sizeof pairs / sizeof *pairs; p++) {
        tn_rng first, second;
        tn_rng_init(&first, pairs[p].first[0], pairs[p].first[1]);
        tn_rng_init(&second, pairs[p].second[0], pairs[p].second[1]);
        double sum = 0;
        for (size_t i = 0; i < SAMPLES / 10; i++)
            sum += (tn_rng_uniform(&first) - 0.5) * (tn_rng_uniform(&second) - 0.5);
        assert_true(fabs(sum / (SAMPLES / 10)) < 5 / (12 * sqrt(SAMPLES / 10)));
    }
}

/* Counts of draws below 3 * 2^62 in three equal parts. A plain remainder of 64 bits falls in the first part twice as often. */
static void count_thirds(bool planted, uint64_t counts[3])
{
    const uint64_t third = (uint64_t)1 << 62;
    tn_rng rng;
    tn_rng_init(&rng, 13, TN_STREAM_TEST);
    memset(counts, 0, 3 * sizeof *counts);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint64_t value = planted ? tn_rng_bits(&rng) % (3 * third) : tn_rng_below(&rng, 3 * third);
        assert_true(value < 3 * third);
        counts[value / third]++;
    }
}

static void below_is_unbiased_and_in_range(void **state)
{
    (void)state;
    uint64_t counts[3];
    count_thirds(false, counts);
    assert_true(fabs(chi_square_deviation(counts, 3)) < 8);
    count_thirds(true, counts); /* the planted bias must be seen */
    assert_true(chi_square_deviation(counts, 3) > 100);

    tn_rng rng;
    tn_rng_init(&rng, 14, TN_STREAM_TEST);
    for (size_t i = 0; i < 100; i++)
        assert_int_equal(tn_rng_below(&rng, 1), 0);
    for (uint64_t bound = 2; bound < 40; bound++) {
        uint64_t seen = 0;
        for (size_t i = 0; i < 2000; i++) {
            uint64_t value = tn_rng_below(&rng, bound);
            assert_true(value < bound);
            seen |= (uint64_t)1 << value;
        }
        assert_int_equal(seen, ((uint64_t)1 << bound) - 1);
    }
}

static void permutations_hold_each_number_once(void **state)
{
    (void)state;
    static uint32_t order[5000];
    static unsigned char seen[5000];
    tn_rng rng;
    tn_rng_init(&rng, 15, TN_STREAM_TEST);
    tn_rng_permutation(&rng, order, 0);
    static const size_t sizes[] = {1, 2, 3, 10, 255, 256, 5000};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        memset(seen, 0, sizeof seen);
        tn_rng_permutation(&rng, order, sizes[k]);
        for (size_t i = 0; i < sizes[k]; i++) {
            assert_true(order[i] < sizes[k]);
            assert_int_equal(seen[order[i]]++, 0);
        }
    }
}

static void all_permutations_are_equally_likely(void **state)
{
    (void)state;
    uint64_t counts[120] = {0};
    tn_rng rng;
    tn_rng_init(&rng, 16, TN_STREAM_TEST);
    for (size_t i = 0; i < SAMPLES; i++) {
        uint32_t order[5];
        tn_rng_permutation(&rng, order, 5);
        size_t rank = 0; /* Lehmer code */
        for (size_t a = 0; a < 5; a++) {
            size_t smaller = 0;
            for (size_t b = a + 1; b < 5; b++)
                smaller += order[b] < order[a];
            rank = rank * (5 - a) + smaller;
        }
        counts[rank]++;
    }
    assert_true(fabs(chi_square_deviation(counts, 120)) < 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_the_published_sequence),        cmocka_unit_test(fills_its_state_from_seed_and_stream),
        cmocka_unit_test(derived_numbers_are_pinned),          cmocka_unit_test(starts_anew_from_the_same_seed),
        cmocka_unit_test(bits_and_uniforms_are_evenly_spread), cmocka_unit_test(normals_have_the_moments_of_a_normal),
        cmocka_unit_test(seeds_and_streams_are_unrelated),     cmocka_unit_test(below_is_unbiased_and_in_range),
        cmocka_unit_test(permutations_hold_each_number_once),  cmocka_unit_test(all_permutations_are_equally_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
