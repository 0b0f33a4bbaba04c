/* test_gemm.c: products of every kind and size against plain sums in double: every way of computing them, with steps beyond the row, bias
 * and sum, and nothing written beside c. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/simd.h"
#include "base/threads.h"
#include "engine/gemm.h"
#include "engine/gemm_bfloat16.h"
#include "engine/gemm_direct.h"
#include "engine/gemm_pairs.h"

typedef enum way { CHOSEN, DIRECT, ROUNDED, LIBRARY, BLOCKS, PAIRS } way;

/* clang-format off */
static const size_t sizes[][3] = { /* m, n, k */
    {1, 1, 1}, {1, 16, 7}, {2, 17, 3}, {3, 15, 16}, {12, 32, 5}, {13, 33, 31}, {7, 64, 64}, {25, 65, 40}, {11, 48, 300}, {5, 130, 257},
    {32, 128, 64}, {64, 10, 512}, {1, 1000, 1}, {100, 3, 2}, {6, 100, 600}, {4, 900, 700}, {131, 37, 259}, {257, 1, 2}, {129, 47, 521},
};
/* clang-format on */

static float *random_values(tn_rng *rng, size_t count)
{
    float *values = tn_memory_create(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)tn_rng_normal(rng);
    return values;
}

/* To eight bits of mantissa, by arithmetic in place of bits. Of values far from the limits of the exponent. */
static double rounded(float value)
{
    int exponent;
    double mantissa = frexp((double)value, &exponent);
    return ldexp(nearbyint(ldexp(mantissa, 8)), exponent - 8);
}

static bool multiply(way by, const tn_gemm_job *job)
{
    if (by == DIRECT)
        return tn_gemm_direct(job);
    if (by == LIBRARY)
        return tn_gemm_library(job);
    if (by == PAIRS)
        return tn_gemm_pairs(job);
    if (by == BLOCKS) {
        tn_gemm_blocks(job);
        return true;
    }
    tn_gemm(by == ROUNDED ? TN_BFLOAT16 : TN_FLOAT32, job->transpose_a, job->transpose_b, job->m, job->n, job->k, job->a, job->lda, job->b,
            job->ldb, job->bias, job->add, job->c, job->ldc);
    return true;
}

static void check(const size_t size[3], unsigned kind, way by)
{
    size_t m = size[0], n = size[1], k = size[2];
    bool ta = kind & 1, tb = kind & 2, add = kind & 4, with_bias = kind & 8;
    size_t lda = (ta ? m : k) + (kind & 16 ? 3 : 0), ldb = (tb ? k : n) + (kind & 16 ? 5 : 0), ldc = n + (kind & 16 ? 2 : 0);
    tn_rng rng;
    tn_rng_init(&rng, m + n + k, TN_STREAM_TEST);
    float *a = random_values(&rng, (ta ? k : m) * lda), *b = random_values(&rng, (tb ? n : k) * ldb), *bias = random_values(&rng, n);
    float *c = random_values(&rng, m * ldc), *before = tn_memory_create(m * ldc, sizeof *before);
    assert_non_null(before);
    memcpy(before, c, m * ldc * sizeof *c);
    const tn_gemm_job job = {ta, tb, m, n, k, a, b, lda, ldb, with_bias ? bias : NULL, add, c, ldc};
    const bool done = multiply(by, &job), is_rounded = by == ROUNDED || by == BLOCKS || by == PAIRS;
    assert_true(done || by == DIRECT || (by == PAIRS && !tn_isa_has_bfloat16()));
    for (size_t i = 0; i < m * ldc; i++) {
        size_t row = i / ldc, column = i % ldc;
        if (!done || column >= n) {
            assert_true(c[i] == before[i]);
            continue;
        }
        double added = add ? (double)before[i] : 0, start = with_bias ? (double)bias[column] : 0;
        double sum = added + start, terms = fabs(added) + fabs(start);
        for (size_t p = 0; p < k; p++) {
            float left = ta ? a[p * lda + row] : a[row * lda + p], right = tb ? b[column * ldb + p] : b[p * ldb + column];
            double term = is_rounded ? rounded(left) * rounded(right) : (double)left * (double)right;
            sum += term;
            terms += fabs(term);
        }
        if (!(fabs((double)c[i] - sum) <= 2e-6 * terms))
            fail_msg("%zu x %zu x %zu, kind %u: value %zu is %.9g, expected %.9g", m, n, k, kind, i, (double)c[i], sum);
    }
    tn_memory_destroy(a);
    tn_memory_destroy(b);
    tn_memory_destroy(bias);
    tn_memory_destroy(c);
    tn_memory_destroy(before);
}

static void check_size(void *context, size_t tile, size_t worker)
{
    (void)worker;
    for (unsigned kind = 0; kind < 32; kind++)
        check(sizes[tile], kind, *(const way *)context);
}

/* In a tile of the pool, as in training, so that oneDNN stays on one thread. */
static void products_are_right(void **state)
{
    (void)state;
    way by = CHOSEN;
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &by);
}

static void direct_products_are_right(void **state)
{
    (void)state;
    way by = DIRECT;
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &by);
}

static void rounded_products_are_right(void **state)
{
    (void)state;
    way by = ROUNDED;
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &by);
}

/* Both ways of bfloat16, whichever tn_gemm takes here: each as near to the same sums as these are in floats. */
static void rounded_products_are_the_same_with_and_without_instructions(void **state)
{
    (void)state;
    way with = PAIRS, without = BLOCKS;
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &with);
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &without);
}

/* c [0] and [1] = values of a row times 1. */
static void sum_row(bool in_pairs, size_t k, const float *values, float c[2])
{
    float ones[8];
    for (size_t i = 0; i < 8; i++)
        ones[i] = 1;
    const tn_gemm_job job = {.m = 1, .n = 2, .k = k, .a = values, .lda = k, .b = ones, .ldb = 2, .c = c, .ldc = 2};
    if (in_pairs)
        assert_true(tn_gemm_pairs(&job));
    else
        tn_gemm_blocks(&job);
}

/* As by the bits of tn_round_to_bfloat16, but for what is below 2^-126. */
static void pairs_round_and_keep_what_is_not_finite(void **state)
{
    (void)state;
    if (!tn_isa_has_bfloat16())
        return;
    const float below = ldexpf(1, -8),
                values[] = {1 + below, 1 + 3 * below, 1 + below + ldexpf(1, -20), -1 - below, FLT_MAX, -INFINITY, NAN, ldexpf(1, -126),
                            -0.0f,     3e38f};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        float pairs[2], blocks[2];
        sum_row(true, 1, &values[i], pairs);
        sum_row(false, 1, &values[i], blocks);
        assert_true(isnan(values[i]) ? isnan(pairs[0]) && isnan(blocks[0]) : pairs[0] == blocks[0] && pairs[1] == blocks[0]);
    }
    float c[2];
    const float denormal[] = {1e-39f, 0, 1e-39f}, opposite[] = {INFINITY, 1, -INFINITY};
    sum_row(true, 3, denormal, c);
    assert_true(c[0] == 0 && c[1] == 0);
    sum_row(true, 3, opposite, c);
    assert_true(isnan(c[0]) && isnan(c[1]));
}

/* The way that bfloat16 takes on AMX, with factors as they are. */
static void products_of_the_library_are_right(void **state)
{
    (void)state;
    way by = LIBRARY;
    tn_pool_run(NULL, sizeof sizes / sizeof *sizes, check_size, &by);
}

static void values_are_rounded_to_the_nearest(void **state)
{
    (void)state;
    const float below = ldexpf(1, -8),
                from[] = {1,         1 + below, 1 + 3 * below, 1 + below + ldexpf(1, -20), -(1 + below), 0.0f, -0.0f, 1e-40f, FLT_MAX,
                          -INFINITY, NAN};
    const float expected[] = {1, 1, 1 + 4 * below, 1 + 2 * below, -1, 0.0f, -0.0f, 0, INFINITY, -INFINITY, NAN};
    enum { COUNT = sizeof from / sizeof *from };
    float to[COUNT];
    tn_round_to_bfloat16(COUNT, from, to);
    for (size_t i = 0; i < COUNT; i++) {
        if (isnan(expected[i]))
            assert_true(isnan(to[i]));
        else if (i == 7)
            assert_true(fabsf(to[i] - from[i]) <= ldexpf(1, -134)); /* half of the smallest step */
        else
            assert_true(to[i] == expected[i] && !signbit(to[i]) == !signbit(expected[i]));
    }
}

/* Too large for the direct way: the library. */
static void check_large(void *context, size_t tile, size_t worker)
{
    (void)context;
    (void)tile;
    (void)worker;
    static const size_t large[3] = {3, 1500, 400}, larger[3] = {40, 500, 300}; /* the second is worth the library's way of bfloat16 */
    for (unsigned kind = 0; kind < 32; kind++) {
        check(larger, kind, ROUNDED);
        check(large, kind, (way)(kind % 3 == 0 ? CHOSEN : kind % 3 == 1 ? ROUNDED : LIBRARY));
    }
}

static void large_products_are_right(void **state)
{
    (void)state;
    tn_pool_run(NULL, 1, check_large, NULL);
}

static void an_empty_sum_leaves_the_other_terms(void **state)
{
    (void)state;
    float c[4] = {1, 2, 3, 4}, bias[2] = {10, 20}, nothing[1] = {0};
    tn_gemm(TN_FLOAT32, false, false, 2, 2, 0, nothing, 0, nothing, 2, bias, true, c, 2);
    assert_true(c[0] == 11 && c[1] == 22 && c[2] == 13 && c[3] == 24);
    tn_gemm(TN_FLOAT32, false, false, 2, 2, 0, nothing, 0, nothing, 2, bias, false, c, 2);
    assert_true(c[0] == 10 && c[1] == 20 && c[2] == 10 && c[3] == 20);
    tn_gemm(TN_FLOAT32, false, false, 2, 2, 0, nothing, 0, nothing, 2, NULL, false, c, 2);
    assert_true(c[0] == 0 && c[1] == 0 && c[2] == 0 && c[3] == 0);
    tn_gemm(TN_BFLOAT16, false, false, 2, 2, 0, nothing, 0, nothing, 2, bias, false, c, 2);
    assert_true(c[0] == 10 && c[1] == 20 && c[2] == 10 && c[3] == 20);
}

/* A value that is not finite must come through, not be lost in a mask. */
static void nonfinite_values_come_through(void **state)
{
    (void)state;
    float a[6] = {1, NAN, 3, 4, 5, 6}, b[34], c[34];
    for (int i = 0; i < 34; i++)
        b[i] = 1;
    b[3] = INFINITY;
    tn_gemm(TN_FLOAT32, false, false, 2, 17, 2, a, 3, b, 17, NULL, false, c, 17);
    for (int j = 0; j < 17; j++) {
        assert_true(isnan(c[j]));
        assert_true(j == 3 ? isinf(c[17 + j]) : c[17 + j] == 9);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right),
        cmocka_unit_test(direct_products_are_right),
        cmocka_unit_test(rounded_products_are_right),
        cmocka_unit_test(rounded_products_are_the_same_with_and_without_instructions),
        cmocka_unit_test(pairs_round_and_keep_what_is_not_finite),
        cmocka_unit_test(products_of_the_library_are_right),
        cmocka_unit_test(values_are_rounded_to_the_nearest),
        cmocka_unit_test(large_products_are_right),
        cmocka_unit_test(an_empty_sum_leaves_the_other_terms),
        cmocka_unit_test(nonfinite_values_come_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
