/* vitals_avx512.c: vitals with AVX-512 (F, BW, DQ, VL, VBMI, BITALG, VPOPCNTDQ) and GFNI.
 *
 * Two passes over each block of 4,096 values. The second reads only what the first left in L1.
 *
 * 1. Extremes and sums, in 32-bit lanes of at most 64 values each, added up in double at the end of the block. Beside them exponents and signs are packed,
 *    64 to a vector, by vpmultishiftqb, which picks any eight neighbouring bits of a quadword. The order of the values is lost; counting needs none.
 * 2. The histogram, as a positional popcount. With `top` the largest exponent of the block, key = max(exponent - (top - 15), 0) numbers a window of 16
 *    exponents. vpermb turns 64 keys with their signs into 64 bytes with one bit set, for eight buckets at a time; carry-save adders (a full adder is two
 *    vpternlogd) add up such vectors bit by bit; gf2p8affineqb transposes 8x8 bits, so that vpopcntb counts each bucket in a byte of its own.
 *
 * What does not fit is done again, and remembered for the next block:
 * - sums whose squares may leave float's range, or whose mean is so large that the variance would drown, are taken in double about a shift;
 * - key 0 holds what lies below the window. Zeros are counted there, a few other values one by one; if they are many the window is 32 wide, then tables count.
 * - a block with NaN or Inf: these are counted apart, and stand among exponents and signs as +0, which is later subtracted.
 *
 * Sources: W. Mula, N. Kurz, D. Lemire, "Faster population counts using AVX2 instructions", 2018 (carry-save adders), arXiv:1611.07612;
 * M. Clausecker, D. Lemire, F. Schintke, "Faster positional-population counts", 2024, arXiv:2412.16370. */
#include "vitals/vitals_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

#define TN_TARGET_AVX512                                                                                                                   \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bitalg,avx512vpopcntdq,gfni"),                     \
                   always_inline)) static inline
#define TN_TARGET_AVX512_CALLED                                                                                                            \
    __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512bitalg,avx512vpopcntdq,gfni"), noinline)) static

enum {
    GROUP = 64,                       /* values that are packed into one vector of bytes */
    GROUPS = TN_VITALS_BLOCK / GROUP, /* of a block */
    WINDOW = 16,                      /* exponents that four one-hot tables cover with both signs */
    PREFETCH_BYTES = 8192,            /* how far ahead of the reading the second level is filled; measured best of 2 to 32 KiB */
    SAFE_LOW = 127 - 50,
    SAFE_HIGH = 127 + 56, /* largest exponents of a block whose squares add up in float without loss */
    ONE_BY_ONE = 64,      /* values below the window that are cheaper to count singly than by another pass */
    RETRY = 16,           /* blocks after which a narrower window is tried again */
    TABLES_FULL = 1 << 30
};

/* Mean squared over mean of squares from which a block's variance is taken in double: the subtraction then costs less than four of float's bits. */
static const double DROWNING = 15.0 / 16.0;

/* What the passes over one block leave to each other. */
typedef struct block {
    _Alignas(64) uint8_t exponents[TN_VITALS_BLOCK];
    _Alignas(64) uint8_t signs[TN_VITALS_BLOCK]; /* sign in bit 5; the other bits are anything */
    const unsigned char *bytes;
    size_t count, groups;
    size_t fillers; /* among exponents and signs that stand for no finite value: +0 */
    float min, max;
    double sum, squares;  /* about 0, by float lanes */
    uint32_t top, bottom; /* largest and smallest exponent, fillers included in bottom */
} block;

typedef struct lanes {
    __m512 min[2], max[2], sum[4], squares[4];
    __m512i top, bottom;
} lanes;

/* Packs exponents and signs of four vectors. Byte 2j of quadword q belongs to value 2q of vector j, byte 2j + 1 to value 2q + 1. */
TN_TARGET_AVX512 void pack(__m512i a, __m512i b, __m512i c, __m512i d, __m512i *exponents, __m512i *signs)
{
    const __m512i exponent_at = _mm512_set1_epi16(23 | (32 + 23) << 8); /* bits 23 to 30 of either half of a quadword */
    const __m512i sign_at = _mm512_set1_epi16(26 | (32 + 26) << 8);     /* bit 31 comes to stand in bit 5 */
    const __mmask64 second = 0x0c0c0c0c0c0c0c0cu, third = 0x3030303030303030u, fourth = 0xc0c0c0c0c0c0c0c0u;
    __m512i e = _mm512_multishift_epi64_epi8(exponent_at, a), s = _mm512_multishift_epi64_epi8(sign_at, a);
    e = _mm512_mask_multishift_epi64_epi8(e, second, exponent_at, b);
    s = _mm512_mask_multishift_epi64_epi8(s, second, sign_at, b);
    e = _mm512_mask_multishift_epi64_epi8(e, third, exponent_at, c);
    s = _mm512_mask_multishift_epi64_epi8(s, third, sign_at, c);
    *exponents = _mm512_mask_multishift_epi64_epi8(e, fourth, exponent_at, d);
    *signs = _mm512_mask_multishift_epi64_epi8(s, fourth, sign_at, d);
}

/* Values of a vector from memory, the first `count` of them; the others are +0. */
TN_TARGET_AVX512 __mmask16 first_lanes(size_t count)
{
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << count) - 1u);
}

TN_TARGET_AVX512 void absorb(lanes *l, size_t j, __m512 values, bool sums)
{
    l->min[j & 1] = _mm512_min_ps(values, l->min[j & 1]);
    l->max[j & 1] = _mm512_max_ps(values, l->max[j & 1]);
    if (sums) {
        l->sum[j] = _mm512_add_ps(l->sum[j], values);
        l->squares[j] = _mm512_fmadd_ps(values, values, l->squares[j]);
    }
}

TN_TARGET_AVX512 double add_lanes(const __m512 sums[4])
{
    __m512d total = _mm512_setzero_pd();
    for (size_t j = 0; j < 4; j++) {
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm512_castps512_ps256(sums[j])));
        total = _mm512_add_pd(total, _mm512_cvtps_pd(_mm512_extractf32x8_ps(sums[j], 1)));
    }
    return _mm512_reduce_add_pd(total);
}

TN_TARGET_AVX512 uint32_t largest_byte(__m512i bytes)
{
    __m256i half = _mm256_max_epu8(_mm512_castsi512_si256(bytes), _mm512_extracti64x4_epi64(bytes, 1));
    __m128i quarter = _mm_max_epu8(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
    /* The least 16-bit word of the complement holds the largest high byte only; so even and odd bytes are joined first. */
    __m128i low = _mm_max_epu8(quarter, _mm_srli_epi16(quarter, 8));
    __m128i words = _mm_xor_si128(_mm_and_si128(low, _mm_set1_epi16(255)), _mm_set1_epi16(255));
    return 255u - ((uint32_t)_mm_cvtsi128_si32(_mm_minpos_epu16(words)) & 255u);
}

/* The first pass. With `sums` false they are left out: somebody takes them in double. */
TN_TARGET_AVX512 void first_pass(block *b, bool sums)
{
    lanes l;
    for (size_t j = 0; j < 4; j++)
        l.sum[j] = l.squares[j] = _mm512_setzero_ps();
    l.min[0] = l.min[1] = _mm512_set1_ps(__builtin_inff());
    l.max[0] = l.max[1] = _mm512_set1_ps(-__builtin_inff());
    l.top = _mm512_setzero_si512();
    l.bottom = _mm512_set1_epi8(-1);
    const unsigned char *at = b->bytes;
    size_t whole = b->count / GROUP, rest = b->count % GROUP;
    __m512i e, s;
    for (size_t g = 0; g < whole; g++, at += 4 * GROUP) {
        __m512 values[4];
        for (size_t j = 0; j < 4; j++) {
            _mm_prefetch((const char *)at + 64 * j + PREFETCH_BYTES, _MM_HINT_T1);
            values[j] = _mm512_loadu_ps((const void *)(at + 64 * j));
        }
        pack(_mm512_castps_si512(values[0]), _mm512_castps_si512(values[1]), _mm512_castps_si512(values[2]), _mm512_castps_si512(values[3]),
             &e, &s);
        _mm512_store_si512(b->exponents + GROUP * g, e);
        _mm512_store_si512(b->signs + GROUP * g, s);
        l.top = _mm512_max_epu8(l.top, e);
        l.bottom = _mm512_min_epu8(l.bottom, e);
        for (size_t j = 0; j < 4; j++)
            absorb(&l, j, values[j], sums);
    }
    b->groups = whole;
    b->fillers = 0;
    if (rest > 0) {
        __m512 values[4];
        for (size_t j = 0; j < 4; j++) {
            __mmask16 valid = first_lanes(rest > 16 * j ? rest - 16 * j : 0);
            values[j] = _mm512_maskz_loadu_ps(valid, (const void *)(at + 64 * j));
            l.min[0] = _mm512_mask_min_ps(l.min[0], valid, values[j], l.min[0]);
            l.max[0] = _mm512_mask_max_ps(l.max[0], valid, values[j], l.max[0]);
            if (sums) {
                l.sum[j] = _mm512_add_ps(l.sum[j], values[j]);
                l.squares[j] = _mm512_fmadd_ps(values[j], values[j], l.squares[j]);
            }
        }
        pack(_mm512_castps_si512(values[0]), _mm512_castps_si512(values[1]), _mm512_castps_si512(values[2]), _mm512_castps_si512(values[3]),
             &e, &s);
        _mm512_store_si512(b->exponents + GROUP * whole, e);
        _mm512_store_si512(b->signs + GROUP * whole, s);
        l.top = _mm512_max_epu8(l.top, e);
        l.bottom = _mm512_setzero_si512();
        b->groups++;
        b->fillers = GROUP - rest;
    }
    b->min = _mm512_reduce_min_ps(_mm512_min_ps(l.min[0], l.min[1]));
    b->max = _mm512_reduce_max_ps(_mm512_max_ps(l.max[0], l.max[1]));
    if (sums) {
        b->sum = add_lanes(l.sum);
        b->squares = add_lanes(l.squares);
    }
    b->top = largest_byte(l.top);
    b->bottom = 255u - largest_byte(_mm512_xor_si512(l.bottom, _mm512_set1_epi8(-1)));
}

TN_TARGET_AVX512_CALLED void first_pass_with_sums(block *b)
{
    first_pass(b, true);
}

TN_TARGET_AVX512_CALLED void first_pass_without_sums(block *b)
{
    first_pass(b, false);
}

/* sum(x - shift) and its squares in double, of finite values. Lanes past the end count as the shift and so add nothing. */
TN_TARGET_AVX512_CALLED void sums_in_double(const unsigned char *bytes, size_t count, float shift, double *sum, double *squares)
{
    __m512d center = _mm512_set1_pd((double)shift), s[4], q[4];
    for (size_t j = 0; j < 4; j++)
        s[j] = q[j] = _mm512_setzero_pd();
    for (size_t i = 0; i < count; i += 32) {
        for (size_t j = 0; j < 2; j++) {
            size_t start = i + 16 * j;
            __mmask16 valid = first_lanes(count > start ? count - start : 0);
            __m512 values = _mm512_mask_loadu_ps(_mm512_set1_ps(shift), valid, (const void *)(bytes + 4 * start));
            __m512d low = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(values)), center);
            __m512d high = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)), center);
            s[2 * j] = _mm512_add_pd(s[2 * j], low);
            q[2 * j] = _mm512_fmadd_pd(low, low, q[2 * j]);
            s[2 * j + 1] = _mm512_add_pd(s[2 * j + 1], high);
            q[2 * j + 1] = _mm512_fmadd_pd(high, high, q[2 * j + 1]);
        }
    }
    *sum = _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(s[0], s[1]), _mm512_add_pd(s[2], s[3])));
    *squares = _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(q[0], q[1]), _mm512_add_pd(q[2], q[3])));
}

/* Turns what stands for NaN and Inf among exponents and signs into fillers, and finds top and bottom anew. */
TN_TARGET_AVX512_CALLED void remove_nonfinite(block *b)
{
    __m512i top = _mm512_setzero_si512();
    size_t removed = 0;
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + GROUP * g), s = _mm512_load_si512(b->signs + GROUP * g);
        __mmask64 finite = _mm512_cmpneq_epi8_mask(e, _mm512_set1_epi8(-1));
        e = _mm512_maskz_mov_epi8(finite, e);
        _mm512_store_si512(b->exponents + GROUP * g, e);
        _mm512_store_si512(b->signs + GROUP * g, _mm512_maskz_mov_epi8(finite, s));
        top = _mm512_max_epu8(top, e);
        removed += (size_t)__builtin_popcountll(~finite);
    }
    b->fillers += removed;
    b->top = largest_byte(top);
    b->bottom = 0;
}

/* A one-hot vector's 64 bytes with one bit set at most, as counts: byte i of each quadword counts bit i of its eight bytes. */
TN_TARGET_AVX512 __m512i count_bits(__m512i one_hot)
{
    const __m512i identity = _mm512_set1_epi64((long long)0x8040201008040201u);
    return _mm512_popcnt_epi8(_mm512_gf2p8affine_epi64_epi8(identity, one_hot, 0));
}

/* Byte counts as count_bits gives them, summed over the quadwords: eight numbers. */
TN_TARGET_AVX512 __m512i sum_quadwords(__m512i counts)
{
    _Alignas(64) static const uint8_t transposed[64] = {
        0, 8,  16, 24, 32, 40, 48, 56, 1, 9,  17, 25, 33, 41, 49, 57, 2, 10, 18, 26, 34, 42, 50, 58, 3, 11, 19, 27, 35, 43, 51, 59,
        4, 12, 20, 28, 36, 44, 52, 60, 5, 13, 21, 29, 37, 45, 53, 61, 6, 14, 22, 30, 38, 46, 54, 62, 7, 15, 23, 31, 39, 47, 55, 63,
    };
    return _mm512_sad_epu8(_mm512_permutexvar_epi8(_mm512_load_si512(transposed), counts), _mm512_setzero_si512());
}

/* The table that vpermb looks up for eight buckets: bit k - first of entry k is set for keys first .. first + 7. The index is key + 32 for a negative value. */
TN_TARGET_AVX512 __m512i one_hot_table(size_t first)
{
    return _mm512_maskz_set1_epi64((__mmask8)(1u << first / 8), (long long)0x8040201008040201u);
}

/* Counts keys first .. first + 15 of both signs, key = max(exponent - low, 0), into counts [2][16]. */
TN_TARGET_AVX512_CALLED void count_window(const block *b, uint32_t low, size_t first, uint64_t counts[2][WINDOW])
{
    const __m512i lowest = _mm512_set1_epi8((char)low), sign_bit = _mm512_set1_epi8(32);
    __m512i tables[4], totals[4];
    for (size_t t = 0; t < 4; t++) {
        tables[t] = one_hot_table(first + 8 * (t & 1) + 32 * (t >> 1));
        totals[t] = _mm512_setzero_si512();
    }
    for (size_t g = 0; g < b->groups;) {
        /* A byte counts up to eight a group, so 31 groups fit. */
        size_t end = g + 31 < b->groups ? g + 31 : b->groups;
        __m512i counted[4];
        for (size_t t = 0; t < 4; t++)
            counted[t] = _mm512_setzero_si512();
        for (; g < end; g++) {
            __m512i e = _mm512_load_si512(b->exponents + GROUP * g), s = _mm512_load_si512(b->signs + GROUP * g);
            __m512i keys = _mm512_subs_epu8(e, lowest);
            __m512i index = _mm512_ternarylogic_epi32(keys, s, sign_bit, 0xf8); /* keys | (s & sign_bit) */
            for (size_t t = 0; t < 4; t++)
                counted[t] = _mm512_add_epi8(counted[t], count_bits(_mm512_permutexvar_epi8(index, tables[t])));
        }
        for (size_t t = 0; t < 4; t++)
            totals[t] = _mm512_add_epi64(totals[t], sum_quadwords(counted[t]));
    }
    for (size_t t = 0; t < 4; t++)
        _mm512_storeu_si512(counts[t >> 1] + 8 * (t & 1), totals[t]);
}

/* Bytes 0 .. 63 of a group of which `count` are left, as a mask. */
TN_TARGET_AVX512 uint64_t first_bytes(size_t count)
{
    return count >= GROUP ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1;
}

/* Counts the zeros, and values of exponent 0 by sign, fillers left out. */
TN_TARGET_AVX512_CALLED uint64_t count_zeros(const block *b, uint64_t exponent_zero[2])
{
    uint64_t zeros = 0, both = 0, negative = 0;
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + GROUP * g);
        uint64_t none = _mm512_testn_epi8_mask(e, e);
        if (none == 0)
            continue;
        both += (uint64_t)__builtin_popcountll(none);
        negative +=
            (uint64_t)__builtin_popcountll(none & _mm512_test_epi8_mask(_mm512_load_si512(b->signs + GROUP * g), _mm512_set1_epi8(32)));
        size_t left = b->count - GROUP * g;
        __mmask16 equal[4];
        for (size_t j = 0; j < 4; j++) {
            __mmask16 valid = first_lanes(left > 16 * j ? left - 16 * j : 0);
            __m512 values = _mm512_maskz_loadu_ps(valid, (const void *)(b->bytes + 4 * (GROUP * g + 16 * j)));
            equal[j] = _mm512_mask_cmp_ps_mask(valid, values, _mm512_setzero_ps(), _CMP_EQ_OQ);
        }
        __mmask32 low = _mm512_kunpackw(equal[1], equal[0]), high = _mm512_kunpackw(equal[3], equal[2]);
        zeros += (uint64_t)__builtin_popcountll(_mm512_kunpackd(high, low));
    }
    exponent_zero[0] = both - negative - b->fillers;
    exponent_zero[1] = negative;
    return zeros;
}

/* Counts values of exponents 1 .. bound one by one. */
TN_TARGET_AVX512_CALLED void count_singly(const block *b, uint32_t bound, tn_vitals *vitals)
{
    const __m512i bounds = _mm512_set1_epi8((char)bound);
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + GROUP * g);
        uint64_t left = _mm512_mask_cmple_epu8_mask(_mm512_test_epi8_mask(e, e), e, bounds);
        for (; left; left &= left - 1) {
            size_t i = GROUP * g + (size_t)__builtin_ctzll(left);
            vitals->histogram[b->signs[i] >> 5 & 1][b->exponents[i]]++;
        }
    }
}

static void count_by_tables(const block *b, tn_vitals *vitals, tn_vitals_table *tables)
{
    for (size_t i = 0; i < GROUP * b->groups; i += TN_VITALS_TABLES)
        for (size_t t = 0; t < TN_VITALS_TABLES; t++)
            tables[t][(b->signs[i + t] & 32u) << 3 | b->exponents[i + t]]++;
    vitals->histogram[0][0] -= b->fillers;
}

/* Adds keys 1 .. 15, and key 0 where it is one exponent alone, to the histogram. Returns how many values that were. */
static uint64_t add_window(tn_vitals *vitals, uint32_t low, bool with_key_0, uint64_t counts[2][WINDOW])
{
    uint64_t sum = 0;
    for (size_t sign = 0; sign < 2; sign++) {
        if (!with_key_0)
            counts[sign][0] = 0;
        for (size_t key = 0; key < WINDOW; key++) {
            vitals->histogram[sign][low + key] += counts[sign][key];
            sum += counts[sign][key];
        }
    }
    return sum;
}

/* The second pass. Returns true where the exponents lie so far apart that tables serve the next blocks better. */
static bool add_histogram(const block *b, tn_vitals *vitals)
{
    uint64_t counts[2][WINDOW], exponent_zero[2] = {0, 0};
    uint32_t low = b->top > WINDOW - 1 ? b->top - (WINDOW - 1) : 0;
    count_window(b, low, 0, counts);
    if (b->bottom == 0)
        vitals->zeros += count_zeros(b, exponent_zero);
    if (low == 0) {
        counts[0][0] -= b->fillers;
        add_window(vitals, 0, true, counts);
        return false;
    }
    vitals->histogram[0][0] += exponent_zero[0];
    vitals->histogram[1][0] += exponent_zero[1];
    uint64_t left = counts[0][0] + counts[1][0] - b->fillers - exponent_zero[0] - exponent_zero[1];
    add_window(vitals, low, false, counts);
    if (left > ONE_BY_ONE) {
        /* Key 15 of the second window is the exponent `low`; keys of what lies above it find no bit in the tables. */
        uint32_t lower = low > WINDOW - 1 ? low - (WINDOW - 1) : 0;
        if (lower == 0) {
            /* The window would be cut off at exponent 0 and keys would no longer end at `low`. */
            count_singly(b, low, vitals);
            return true;
        }
        count_window(b, lower, 0, counts);
        left -= add_window(vitals, lower, false, counts);
        low = lower;
    }
    if (left > 0)
        count_singly(b, low, vitals);
    return left > ONE_BY_ONE;
}

/* Whether the squares of a block add up in float without over- or underflow, and leave enough of the variance. */
static bool sums_are_safe(const block *b, double sum, double squares)
{
    if (b->min == 0 && b->max == 0)
        return true;
    return b->top >= SAFE_LOW && b->top <= SAFE_HIGH && sum * (sum / (double)b->count) < DROWNING * squares;
}

void tn_vitals_add_avx512(tn_vitals *vitals, const float *values, size_t count)
{
    tn_vitals_table tables[TN_VITALS_TABLES];
    block b;
    bool in_double = false, tables_clear = false;
    size_t by_tables = 0, in_tables = 0;
    b.bytes = (const unsigned char *)values;
    for (; count > 0; b.bytes += 4 * b.count, count -= b.count) {
        b.count = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        if (in_double)
            first_pass_without_sums(&b);
        else
            first_pass_with_sums(&b);
        if (b.top == 255) {
            tn_vitals_add_careful(vitals, b.bytes, b.count);
            remove_nonfinite(&b);
        } else {
            double shift = 0, sum = b.sum, squares = b.squares;
            if (in_double || !sums_are_safe(&b, sum, squares)) {
                float first;
                memcpy(&first, b.bytes, sizeof first);
                sums_in_double(b.bytes, b.count, first, &sum, &squares);
                shift = (double)first;
                double n = (double)b.count;
                in_double = !sums_are_safe(&b, n * shift + sum, squares + shift * (2 * sum + n * shift));
            }
            tn_vitals_fold(vitals, b.count, shift, sum, squares);
            tn_vitals_fold_extremes(vitals, b.min, b.max);
        }
        if (by_tables > 0) {
            by_tables--;
            if (!tables_clear)
                memset(tables, 0, sizeof tables);
            tables_clear = true;
            count_by_tables(&b, vitals, tables);
            in_tables += b.count;
            uint64_t exponent_zero[2];
            if (b.bottom == 0)
                vitals->zeros += count_zeros(&b, exponent_zero);
            if (in_tables >= TABLES_FULL) {
                tn_vitals_fold_tables(vitals, tables);
                in_tables = 0;
            }
        } else if (add_histogram(&b, vitals)) {
            by_tables = RETRY;
        }
        vitals->count += b.count;
    }
    if (in_tables > 0)
        tn_vitals_fold_tables(vitals, tables);
    tn_vitals_finish(vitals);
}

#endif
