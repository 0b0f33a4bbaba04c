/* vitals_avx2.c: vitals with AVX2 and FMA.
 *
 * One pass over a block takes extremes and moments (in double: conversion is cheap beside the histogram) and stores the upper nine bits of
 * each value, sign and exponent, as 16-bit numbers. Then eight scalar tables count those numbers. */
#include "vitals/vitals_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define TN_TARGET_AVX2 __attribute__((target("avx2,fma")))

enum {
    GROUP = 16,            /* values a turn of the inner loop: what two vectors hold */
    PREFETCH_BYTES = 8192, /* how far ahead of the reading the second level is filled */
    TABLES_FROM = 2048,    /* as in vitals_scalar.c */
    TABLES_FULL = 1 << 30
};

/* What one pass over a block gives. Lanes that were never used hold the first value. */
typedef struct pass {
    __m256 min, max;
    __m256d sum[2], squares[2];
    __m256i magnitude; /* largest bits without sign */
    __m256i zeros;     /* minus the number of zeros */
    __m256d shift;
} pass;

/* Eight values into the sums; Returns sign and exponent, 9 bits, in 32-bit lanes. */
TN_TARGET_AVX2 static inline __m256i pass_vector(pass *p, __m256 values)
{
    __m256i bits = _mm256_castps_si256(values);
    __m256i magnitude = _mm256_and_si256(bits, _mm256_set1_epi32(0x7fffffff));
    p->magnitude = _mm256_max_epu32(p->magnitude, magnitude);
    p->zeros = _mm256_add_epi32(p->zeros, _mm256_cmpeq_epi32(magnitude, _mm256_setzero_si256()));
    p->min = _mm256_min_ps(p->min, values);
    p->max = _mm256_max_ps(p->max, values);
    __m256d low = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(values)), p->shift);
    __m256d high = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)), p->shift);
    p->sum[0] = _mm256_add_pd(p->sum[0], low);
    p->sum[1] = _mm256_add_pd(p->sum[1], high);
    p->squares[0] = _mm256_fmadd_pd(low, low, p->squares[0]);
    p->squares[1] = _mm256_fmadd_pd(high, high, p->squares[1]);
    return _mm256_srli_epi32(bits, 23);
}

TN_TARGET_AVX2 static inline double sum_lanes(__m256d a, __m256d b)
{
    double lanes[4];
    _mm256_storeu_pd(lanes, _mm256_add_pd(a, b));
    return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]);
}

/* One block: everything but the histogram. Its sign-and-exponent numbers go to keys [count rounded up to GROUP], in no particular order; what is past
 * the end of the block counts as the block's first value, and the number of such fillers is returned. */
TN_TARGET_AVX2 static size_t add_block(tn_vitals *vitals, const unsigned char *bytes, size_t count, uint16_t *keys)
{
    float first;
    memcpy(&first, bytes, sizeof first);
    __m256 start = _mm256_set1_ps(first);
    pass p = {.min = start,
              .max = start,
              .shift = _mm256_set1_pd((double)first),
              .magnitude = _mm256_setzero_si256(),
              .zeros = _mm256_setzero_si256()};
    for (size_t half = 0; half < 2; half++)
        p.sum[half] = p.squares[half] = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + GROUP <= count; i += GROUP) {
        const unsigned char *at = bytes + 4 * i;
        _mm_prefetch((const char *)at + PREFETCH_BYTES, _MM_HINT_T1);
        __m256i low = pass_vector(&p, _mm256_loadu_ps((const void *)at));
        __m256i high = pass_vector(&p, _mm256_loadu_ps((const void *)(at + 32)));
        _mm256_storeu_si256((void *)(keys + i), _mm256_packus_epi32(low, high));
    }
    size_t fillers = 0;
    if (i < count) {
        /* Fillers equal the first value, so they add nothing to sums about it and leave the extremes alone. */
        float last[GROUP];
        fillers = GROUP - (count - i);
        memcpy(last, bytes + 4 * i, 4 * (count - i));
        for (size_t k = GROUP - fillers; k < GROUP; k++)
            last[k] = first;
        __m256i low = pass_vector(&p, _mm256_loadu_ps(last));
        __m256i high = pass_vector(&p, _mm256_loadu_ps(last + 8));
        _mm256_storeu_si256((void *)(keys + i), _mm256_packus_epi32(low, high));
    }
    uint32_t magnitudes[8], largest = 0;
    int32_t zero_lanes[8];
    uint64_t zeros = 0;
    float mins[8], maxs[8];
    _mm256_storeu_si256((void *)magnitudes, p.magnitude);
    _mm256_storeu_si256((void *)zero_lanes, p.zeros);
    _mm256_storeu_ps(mins, p.min);
    _mm256_storeu_ps(maxs, p.max);
    for (size_t lane = 0; lane < 8; lane++) {
        largest = magnitudes[lane] > largest ? magnitudes[lane] : largest;
        zeros += (uint64_t)-zero_lanes[lane];
        mins[0] = mins[lane] < mins[0] ? mins[lane] : mins[0];
        maxs[0] = maxs[lane] > maxs[0] ? maxs[lane] : maxs[0];
    }
    if (largest >= 0x7f800000u) {
        tn_vitals_add_careful(vitals, bytes, count);
    } else {
        tn_vitals_fold(vitals, count, (double)first, sum_lanes(p.sum[0], p.sum[1]), sum_lanes(p.squares[0], p.squares[1]));
        tn_vitals_fold_extremes(vitals, mins[0], maxs[0]);
    }
    vitals->zeros += zeros - (first == 0.0f ? fillers : 0);
    vitals->count += count;
    return fillers;
}

void tn_vitals_add_avx2(tn_vitals *vitals, const float *values, size_t count)
{
    uint16_t keys[TN_VITALS_BLOCK];
    tn_vitals_table tables[TN_VITALS_TABLES];
    bool use_tables = count >= TABLES_FROM;
    if (use_tables)
        memset(tables, 0, sizeof tables);
    const unsigned char *bytes = (const unsigned char *)values;
    size_t in_tables = 0;
    while (count > 0) {
        size_t block = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        size_t fillers = add_block(vitals, bytes, block, keys), filled = block + fillers;
        uint32_t first;
        memcpy(&first, bytes, sizeof first);
        if (use_tables) {
            for (size_t i = 0; i < filled; i += 8) {
                uint64_t four, more;
                memcpy(&four, keys + i, sizeof four);
                memcpy(&more, keys + i + 4, sizeof more);
                tables[0][four & 511]++;
                tables[1][four >> 16 & 511]++;
                tables[2][four >> 32 & 511]++;
                tables[3][four >> 48]++;
                tables[4][more & 511]++;
                tables[5][more >> 16 & 511]++;
                tables[6][more >> 32 & 511]++;
                tables[7][more >> 48]++;
            }
            in_tables += block;
        } else {
            for (size_t i = 0; i < filled; i++)
                vitals->histogram[keys[i] >> 8][keys[i] & 255]++;
        }
        vitals->histogram[first >> 31][first >> 23 & 255] -= fillers;
        bytes += 4 * block;
        count -= block;
        if (use_tables && (count == 0 || in_tables >= TABLES_FULL)) {
            tn_vitals_fold_tables(vitals, tables);
            in_tables = 0;
        }
    }
    tn_vitals_finish(vitals);
}

#endif
