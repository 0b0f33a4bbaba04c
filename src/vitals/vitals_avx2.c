/* vitals_avx2.c: vitals with AVX2, FMA and POPCNT.
 *
 * One pass over a block takes extremes and moments (in double: conversion is cheap beside the histogram) and packs exponents and signs into
 * bytes. A second counts them by a positional popcount, as vitals_avx512.c does with better tools: vpshufb makes a key one-hot, carry-save
 * adders add sixteen such vectors up bit by bit, and vpmovmskb with popcnt counts what carries out. Exponents outside the window of 15 are
 * counted one by one; where they are many, tables count. */
#include "vitals/vitals_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define TN_TARGET_AVX2 __attribute__((target("avx2,fma,popcnt,bmi")))

enum {
    GROUP = 32,            /* values that are packed into one vector of bytes */
    CHUNK = 16 * GROUP,    /* values whose one-hot vectors are added up before bits are counted */
    WINDOW = 15,           /* exponents with a key of their own; key 15 is all others */
    KEYS = 16,             /* of one sign */
    ONE_BY_ONE = 64,       /* values outside the window that are cheaper to count singly than by tables */
    RETRY = 16,            /* blocks after which the window is tried again in place of tables */
    SMALL = 96,            /* values below which each is counted in the histogram at once */
    PREFETCH_BYTES = 8192, /* how far ahead of the reading the second level is filled */
    TABLES_FROM = 2048,    /* values of a block from which tables cost less than the histogram itself */
    TABLES_FULL = 1 << 30  /* values after which the tables are emptied, far below what their 32 bits hold */
};

typedef struct block {
    _Alignas(32) uint8_t exponents[TN_VITALS_BLOCK];
    _Alignas(32) uint8_t signs[TN_VITALS_BLOCK]; /* 128 for a negative value, else 0 */
    const unsigned char *bytes;
    size_t count;
    size_t filled;  /* count rounded up to whole groups; the rest stands for the block's first value */
    uint32_t first; /* the bits of that value */
    uint32_t top;   /* largest exponent */
} block;

/* Lanes of one pass. Two vectors take turns in sums, so that an addition need not wait for the one before. */
typedef struct lanes {
    __m256 min, max;
    __m256d sum[4], squares[4], shift;
    __m256i top, bottom; /* largest and smallest exponent, in bytes */
} lanes;

/* Eight values into the sums of `turn`, 0 or 1. Returns sign and exponent, 9 bits, in 32-bit lanes. */
TN_TARGET_AVX2 static inline __m256i absorb(lanes *l, size_t turn, const unsigned char *bytes)
{
    __m256 values = _mm256_loadu_ps((const void *)bytes);
    l->min = _mm256_min_ps(values, l->min);
    l->max = _mm256_max_ps(values, l->max);
    __m256d low = _mm256_sub_pd(_mm256_cvtps_pd(_mm_loadu_ps((const void *)bytes)), l->shift);
    __m256d high = _mm256_sub_pd(_mm256_cvtps_pd(_mm_loadu_ps((const void *)(bytes + 16))), l->shift);
    l->sum[turn] = _mm256_add_pd(l->sum[turn], low);
    l->sum[turn + 2] = _mm256_add_pd(l->sum[turn + 2], high);
    l->squares[turn] = _mm256_fmadd_pd(low, low, l->squares[turn]);
    l->squares[turn + 2] = _mm256_fmadd_pd(high, high, l->squares[turn + 2]);
    return _mm256_srli_epi32(_mm256_castps_si256(values), 23);
}

/* Thirty-two values: sums, and bytes at `at`, in no particular order. */
TN_TARGET_AVX2 static inline void absorb_group(block *b, lanes *l, const unsigned char *bytes, size_t at)
{
    __m256i first = absorb(l, 0, bytes), second = absorb(l, 1, bytes + 32);
    __m256i low = _mm256_packus_epi32(first, second), byte = _mm256_set1_epi16(255);
    first = absorb(l, 0, bytes + 64);
    second = absorb(l, 1, bytes + 96);
    __m256i high = _mm256_packus_epi32(first, second);
    __m256i exponents = _mm256_packus_epi16(_mm256_and_si256(low, byte), _mm256_and_si256(high, byte));
    __m256i signs = _mm256_packus_epi16(_mm256_srli_epi16(low, 8), _mm256_srli_epi16(high, 8));
    l->top = _mm256_max_epu8(l->top, exponents);
    l->bottom = _mm256_min_epu8(l->bottom, exponents);
    _mm256_store_si256((void *)(b->exponents + at), exponents);
    _mm256_store_si256((void *)(b->signs + at), _mm256_slli_epi16(signs, 7));
}

TN_TARGET_AVX2 static inline double sum_lanes(const __m256d parts[4])
{
    double values[4];
    _mm256_storeu_pd(values, _mm256_add_pd(_mm256_add_pd(parts[0], parts[1]), _mm256_add_pd(parts[2], parts[3])));
    return (values[0] + values[1]) + (values[2] + values[3]);
}

TN_TARGET_AVX2 static uint64_t count_zeros(const block *b)
{
    __m256i counted = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 8 <= b->count; i += 8) {
        __m256i bits = _mm256_loadu_si256((const void *)(b->bytes + 4 * i));
        counted = _mm256_sub_epi32(counted, _mm256_cmpeq_epi32(_mm256_add_epi32(bits, bits), _mm256_setzero_si256()));
    }
    uint32_t counts[8];
    uint64_t zeros = 0;
    _mm256_storeu_si256((void *)counts, counted);
    for (size_t lane = 0; lane < 8; lane++)
        zeros += counts[lane];
    for (; i < b->count; i++) {
        uint32_t bits;
        memcpy(&bits, b->bytes + 4 * i, sizeof bits);
        zeros += bits << 1 == 0;
    }
    return zeros;
}

/* The first pass over the block at `bytes`: everything but the histogram. */
TN_TARGET_AVX2 static void first_pass(block *b, const unsigned char *bytes, size_t count, tn_vitals *vitals)
{
    float first;
    memcpy(&first, bytes, sizeof first);
    memcpy(&b->first, bytes, sizeof b->first);
    b->bytes = bytes;
    b->count = count;
    lanes l = {.min = _mm256_set1_ps(first), .max = _mm256_set1_ps(first), .shift = _mm256_set1_pd((double)first)};
    l.top = _mm256_setzero_si256();
    l.bottom = _mm256_set1_epi8(-1);
    for (size_t part = 0; part < 4; part++)
        l.sum[part] = l.squares[part] = _mm256_setzero_pd();
    size_t i = 0;
    for (; i + GROUP <= b->count; i += GROUP) {
        _mm_prefetch((const char *)b->bytes + 4 * i + PREFETCH_BYTES, _MM_HINT_T1);
        _mm_prefetch((const char *)b->bytes + 4 * i + PREFETCH_BYTES + 64, _MM_HINT_T1);
        absorb_group(b, &l, b->bytes + 4 * i, i);
    }
    b->filled = i;
    if (i < b->count) {
        /* Fillers equal the first value, so they add nothing to sums about it and leave the extremes alone. */
        unsigned char last[4 * GROUP];
        memcpy(last, b->bytes + 4 * i, 4 * (b->count - i));
        for (size_t k = b->count - i; k < GROUP; k++)
            memcpy(last + 4 * k, &first, sizeof first);
        absorb_group(b, &l, last, i);
        b->filled += GROUP;
    }
    uint8_t tops[32], bottoms[32];
    float mins[8], maxs[8];
    _mm256_storeu_si256((void *)tops, l.top);
    _mm256_storeu_si256((void *)bottoms, l.bottom);
    _mm256_storeu_ps(mins, l.min);
    _mm256_storeu_ps(maxs, l.max);
    for (size_t lane = 1; lane < 32; lane++) {
        tops[0] = tops[lane] > tops[0] ? tops[lane] : tops[0];
        bottoms[0] = bottoms[lane] < bottoms[0] ? bottoms[lane] : bottoms[0];
    }
    for (size_t lane = 1; lane < 8; lane++) {
        mins[0] = mins[lane] < mins[0] ? mins[lane] : mins[0];
        maxs[0] = maxs[lane] > maxs[0] ? maxs[lane] : maxs[0];
    }
    b->top = tops[0];
    if (b->top == 255) {
        tn_vitals_add_careful(vitals, b->bytes, b->count);
    } else {
        tn_vitals_fold(vitals, b->count, (double)first, sum_lanes(l.sum), sum_lanes(l.squares));
        tn_vitals_fold_extremes(vitals, mins[0], maxs[0]);
    }
    if (bottoms[0] == 0)
        vitals->zeros += count_zeros(b);
}

/* A full adder of 256 bits: a + b + c = 2 * carry + sum, bit by bit. The sum replaces a. */
TN_TARGET_AVX2 static inline __m256i add_bits(__m256i *a, __m256i b, __m256i c)
{
    __m256i differ = _mm256_xor_si256(*a, b);
    __m256i carry = _mm256_or_si256(_mm256_and_si256(*a, b), _mm256_and_si256(differ, c));
    *a = _mm256_xor_si256(differ, c);
    return carry;
}

/* counts[i] += weight * (how many bytes of `plane` have bit i set). */
TN_TARGET_AVX2 static inline void count_bits(__m256i plane, uint64_t weight, uint64_t counts[8])
{
    for (size_t i = 8; i-- > 0;) {
        counts[i] += weight * (uint64_t)__builtin_popcount((unsigned)_mm256_movemask_epi8(plane));
        plane = _mm256_slli_epi16(plane, 1);
    }
}

/* One-hot vectors of eight keys, for vectors k and k + 1 of a chunk, into the adders. `flip` is 128 where negative values are counted. */
TN_TARGET_AVX2 static inline __m256i add_two(__m256i *ones, const uint8_t *keys, size_t k, __m256i flip, __m256i table)
{
    __m256i a = _mm256_xor_si256(_mm256_load_si256((const void *)(keys + GROUP * k)), flip);
    __m256i b = _mm256_xor_si256(_mm256_load_si256((const void *)(keys + GROUP * (k + 1))), flip);
    return add_bits(ones, _mm256_shuffle_epi8(table, a), _mm256_shuffle_epi8(table, b));
}

/* Counts keys 0 .. 15 of both signs, key = min(top - exponent, 15). */
TN_TARGET_AVX2 static void count_keys(const block *b, uint64_t counts[2][KEYS])
{
    _Alignas(32) uint8_t keys[CHUNK];
    __m256i top = _mm256_set1_epi8((char)b->top), planes[4][4];
    memset(counts, 0, 2 * KEYS * sizeof counts[0][0]);
    for (size_t t = 0; t < 4; t++)
        for (size_t p = 0; p < 4; p++)
            planes[t][p] = _mm256_setzero_si256();
    for (size_t start = 0; start < b->filled; start += CHUNK) {
        for (size_t i = 0; i < CHUNK; i += GROUP) {
            /* Past the end stands the key 0, which is subtracted below. */
            __m256i key = _mm256_setzero_si256();
            if (start + i < b->filled) {
                __m256i e = _mm256_load_si256((const void *)(b->exponents + start + i));
                key = _mm256_min_epu8(_mm256_sub_epi8(top, e), _mm256_set1_epi8(KEYS - 1));
                key = _mm256_or_si256(key, _mm256_load_si256((const void *)(b->signs + start + i)));
            }
            _mm256_store_si256((void *)(keys + i), key);
        }
        for (size_t t = 0; t < 4; t++) {
            /* vpshufb gives 0 where bit 7 of the index is set. */
            __m256i flip = _mm256_set1_epi8(t & 2 ? (char)128 : 0);
            long long half = (long long)0x8040201008040201u;
            __m256i table = t & 1 ? _mm256_set_epi64x(half, 0, half, 0) : _mm256_set_epi64x(0, half, 0, half);
            __m256i *ones = &planes[t][0], *twos = &planes[t][1], *fours = &planes[t][2], *eights = &planes[t][3];
            __m256i eight[2];
            for (size_t k = 0; k < 2; k++) {
                __m256i two_a = add_two(ones, keys, 8 * k, flip, table), two_b = add_two(ones, keys, 8 * k + 2, flip, table);
                __m256i four_a = add_bits(twos, two_a, two_b);
                two_a = add_two(ones, keys, 8 * k + 4, flip, table);
                two_b = add_two(ones, keys, 8 * k + 6, flip, table);
                eight[k] = add_bits(fours, four_a, add_bits(twos, two_a, two_b));
            }
            count_bits(add_bits(eights, eight[0], eight[1]), 16, &counts[t >> 1][8 * (t & 1)]);
        }
    }
    for (size_t t = 0; t < 4; t++)
        for (size_t p = 0; p < 4; p++)
            count_bits(planes[t][p], (uint64_t)1 << p, &counts[t >> 1][8 * (t & 1)]);
    counts[0][0] -= (CHUNK - b->filled % CHUNK) % CHUNK;
}

/* Counts what lies outside the window: exponent 0 by popcount, others one by one. */
TN_TARGET_AVX2 static void count_outside(const block *b, tn_vitals *vitals)
{
    __m256i top = _mm256_set1_epi8((char)b->top), outside = _mm256_set1_epi8(KEYS - 1);
    for (size_t i = 0; i < b->filled; i += GROUP) {
        __m256i e = _mm256_load_si256((const void *)(b->exponents + i));
        __m256i key = _mm256_min_epu8(_mm256_sub_epi8(top, e), outside);
        uint32_t left = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(key, outside));
        if (left == 0)
            continue;
        uint32_t zero = left & (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(e, _mm256_setzero_si256()));
        uint32_t negative = (uint32_t)_mm256_movemask_epi8(_mm256_load_si256((const void *)(b->signs + i)));
        vitals->histogram[0][0] += (uint64_t)__builtin_popcount(zero & ~negative);
        vitals->histogram[1][0] += (uint64_t)__builtin_popcount(zero & negative);
        for (left &= ~zero; left; left &= left - 1) {
            size_t at = i + (size_t)__builtin_ctz(left);
            vitals->histogram[b->signs[at] >> 7][b->exponents[at]]++;
        }
    }
}

TN_TARGET_AVX2 static uint64_t count_exponent_0(const block *b)
{
    uint64_t count = 0;
    for (size_t i = 0; i < b->filled; i += GROUP) {
        __m256i zero = _mm256_cmpeq_epi8(_mm256_load_si256((const void *)(b->exponents + i)), _mm256_setzero_si256());
        count += (uint64_t)__builtin_popcount((unsigned)_mm256_movemask_epi8(zero));
    }
    return count;
}

/* The second pass. Returns false, and adds nothing, where too many exponents lie outside the window. */
static bool add_histogram(const block *b, tn_vitals *vitals)
{
    uint64_t counts[2][KEYS];
    count_keys(b, counts);
    uint64_t outside = counts[0][WINDOW] + counts[1][WINDOW];
    if (outside > ONE_BY_ONE && outside > ONE_BY_ONE + count_exponent_0(b))
        return false;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t key = 0; key < WINDOW && key <= b->top; key++)
            vitals->histogram[sign][b->top - key] += counts[sign][key];
    if (outside > 0)
        count_outside(b, vitals);
    return true;
}

static void count_by_tables(const block *b, tn_vitals_table *tables)
{
    for (size_t i = 0; i < b->filled; i += TN_VITALS_TABLES)
        for (size_t t = 0; t < TN_VITALS_TABLES; t++)
            tables[t][(uint32_t)b->signs[i + t] << 1 | b->exponents[i + t]]++;
}

void tn_vitals_add_avx2(tn_vitals *vitals, const float *values, size_t count)
{
    tn_vitals_table tables[TN_VITALS_TABLES];
    block b;
    const unsigned char *bytes = (const unsigned char *)values;
    size_t by_tables = 0, in_tables = 0;
    for (; count > 0; bytes += 4 * b.count, count -= b.count) {
        first_pass(&b, bytes, count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK, vitals);
        vitals->count += b.count;
        bool windowed = b.count >= SMALL && by_tables == 0 && add_histogram(&b, vitals);
        if (!windowed && b.count < TABLES_FROM) {
            for (size_t i = 0; i < b.filled; i++)
                vitals->histogram[b.signs[i] >> 7][b.exponents[i]]++;
        } else if (!windowed) {
            by_tables = by_tables > 0 ? by_tables - 1 : RETRY;
            if (in_tables == 0)
                memset(tables, 0, sizeof tables);
            count_by_tables(&b, tables);
            in_tables += b.count;
        }
        vitals->histogram[b.first >> 31][b.first >> 23 & 255] -= b.filled - b.count;
        if (in_tables >= TABLES_FULL || (in_tables > 0 && count == b.count)) {
            tn_vitals_fold_tables(vitals, tables);
            in_tables = 0;
        }
    }
    tn_vitals_finish(vitals);
}

#endif
