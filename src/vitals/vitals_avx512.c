/* vitals_avx512.c: vitals with AVX-512 (F, BW, DQ, VL, VBMI, BITALG, VPOPCNTDQ) and GFNI.
 *
 * Two passes over each block of 4,096 values. The second reads only what the first left in L1.
 *
 * 1. Extremes and sums, in 32-bit lanes of at most 64 values each, added up in double at the end of the block. Beside them exponents and
 *    signs are packed, 64 to a vector, by vpmultishiftqb, which picks any eight neighbouring bits of a quadword. The order of the values is
 *    lost; counting needs none.
 * 2. The histogram, as a positional popcount. With `top` the largest exponent of the block, keys number a window of 15 exponents below it,
 *    and exponent 0. vpermb turns 64 keys with their signs into 64 bytes with one bit set, for eight keys at a time; carry-save adders (a
 *    full adder is two vpternlogd) add up such vectors bit by bit; gf2p8affineqb transposes 8x8 bits, so that vpopcntb counts each key in a
 *    byte of its own.
 *
 * Where the histogram is sampled another first pass packs the groups of the runs alone (vitals_avx512_sampled.c).
 *
 * What does not fit is done again:
 * - sums whose squares may leave float's range, or whose mean is so large that the variance would drown, are taken in double about a value
 *   of the block. The next blocks' sums are then taken in float about that block's mean;
 * - a few values below the window are counted one by one; many get a second window. Where that is not enough, tables count the next blocks;
 * - where the exponent is 0 somewhere, subnormals are told from zeros in a pass of their own;
 * - a block with NaN or Inf: these are counted apart, and stand among exponents and signs as +0, which is later subtracted.
 *
 * Prefetching: both passes together fetch the next block, half of it each, so that memory is never idle.
 *
 * Sources: W. Mula, N. Kurz, D. Lemire, "Faster population counts using AVX2 instructions", 2018 (carry-save adders), arXiv:1611.07612;
 * M. Clausecker, D. Lemire, F. Schintke, "Faster positional-population counts for AVX2, AVX-512, and ASIMD", 2024, arXiv:2412.16370. */
#if defined(__x86_64__)

#include <string.h>

#include "vitals/vitals_avx512.h"

enum {
    BUCKETS = 16, /* that four one-hot tables tell apart with both signs */
    KEY_OUTSIDE = 16,
    KEY_EXPONENT_0 = 17,
    WINDOW = BUCKETS - 1, /* exponents with a key of their own */
    ONE_BY_ONE = 64,      /* values below the window that are cheaper to count singly than by another pass */
    RETRY = 16,           /* blocks after which windows are tried again in place of tables */
    TABLES_FULL = 1 << 30 /* values after which the tables are emptied, far below what their 32 bits hold */
};

typedef struct lanes {
    __m512 min[2], max[2], sum[4], squares[4], shift;
    __m512i top;
} lanes;

TN_TARGET_AVX512 void absorb(lanes *l, size_t j, __m512 values, bool shifted)
{
    l->min[j & 1] = _mm512_min_ps(values, l->min[j & 1]);
    l->max[j & 1] = _mm512_max_ps(values, l->max[j & 1]);
    if (shifted)
        values = _mm512_sub_ps(values, l->shift);
    l->sum[j] = _mm512_add_ps(l->sum[j], values);
    l->squares[j] = _mm512_fmadd_ps(values, values, l->squares[j]);
}

/* The first pass. With `shifted` false the shift is 0. */
TN_TARGET_AVX512 void first_pass(tn_avx512_block *b, bool shifted)
{
    lanes l = {.shift = _mm512_set1_ps(b->shift), .top = _mm512_setzero_si512()};
    for (size_t j = 0; j < 4; j++)
        l.sum[j] = l.squares[j] = _mm512_setzero_ps();
    l.min[0] = l.min[1] = _mm512_set1_ps(__builtin_inff());
    l.max[0] = l.max[1] = _mm512_set1_ps(-__builtin_inff());
    const unsigned char *at = b->bytes, *ahead = b->next;
    size_t whole = b->count / TN_AVX512_GROUP, rest = b->count % TN_AVX512_GROUP;
    __m512 v[4];
    __m512i e, s;
    for (size_t g = 0; g < whole; g++, at += 4 * TN_AVX512_GROUP, ahead += 2 * TN_AVX512_GROUP) {
        _mm_prefetch((const char *)ahead, _MM_HINT_T1);
        _mm_prefetch((const char *)ahead + 64, _MM_HINT_T1);
        for (size_t j = 0; j < 4; j++)
            v[j] = _mm512_loadu_ps((const void *)(at + 64 * j));
        tn_avx512_pack(_mm512_castps_si512(v[0]), _mm512_castps_si512(v[1]), _mm512_castps_si512(v[2]), _mm512_castps_si512(v[3]), &e, &s);
        _mm512_store_si512(b->exponents + TN_AVX512_GROUP * g, e);
        _mm512_store_si512(b->signs + TN_AVX512_GROUP * g, s);
        l.top = _mm512_max_epu8(l.top, e);
        for (size_t j = 0; j < 4; j++)
            absorb(&l, j, v[j], shifted);
    }
    b->groups = whole;
    b->fillers = 0;
    if (rest > 0) {
        for (size_t j = 0; j < 4; j++) {
            __mmask16 valid = tn_avx512_first(rest > 16 * j ? rest - 16 * j : 0);
            v[j] = _mm512_maskz_loadu_ps(valid, (const void *)(at + 64 * j));
            __m512 deviation = _mm512_maskz_sub_ps(valid, v[j], l.shift);
            l.min[0] = _mm512_mask_min_ps(l.min[0], valid, v[j], l.min[0]);
            l.max[0] = _mm512_mask_max_ps(l.max[0], valid, v[j], l.max[0]);
            l.sum[j] = _mm512_add_ps(l.sum[j], deviation);
            l.squares[j] = _mm512_fmadd_ps(deviation, deviation, l.squares[j]);
        }
        tn_avx512_pack(_mm512_castps_si512(v[0]), _mm512_castps_si512(v[1]), _mm512_castps_si512(v[2]), _mm512_castps_si512(v[3]), &e, &s);
        _mm512_store_si512(b->exponents + TN_AVX512_GROUP * whole, e);
        _mm512_store_si512(b->signs + TN_AVX512_GROUP * whole, s);
        l.top = _mm512_max_epu8(l.top, e);
        b->groups++;
        b->fillers = TN_AVX512_GROUP - rest;
    }
    b->min = _mm512_reduce_min_ps(_mm512_min_ps(l.min[0], l.min[1]));
    b->max = _mm512_reduce_max_ps(_mm512_max_ps(l.max[0], l.max[1]));
    b->sum = tn_avx512_add(l.sum);
    b->squares = tn_avx512_add(l.squares);
    b->top = tn_avx512_largest(l.top);
}

TN_TARGET_AVX512_CALLED static void first_pass_about_0(tn_avx512_block *b)
{
    first_pass(b, false);
}

TN_TARGET_AVX512_CALLED static void first_pass_about_shift(tn_avx512_block *b)
{
    first_pass(b, true);
}

/* The block's sums about its shift once more, in double. Lanes past the end count as the shift and so add nothing. */
TN_TARGET_AVX512_CALLED static void sums_in_double(tn_avx512_block *b)
{
    __m512 filler = _mm512_set1_ps(b->shift);
    __m512d center = _mm512_set1_pd((double)b->shift), s[4], q[4];
    for (size_t j = 0; j < 4; j++)
        s[j] = q[j] = _mm512_setzero_pd();
    for (size_t i = 0; i < b->count; i += 32) {
        for (size_t j = 0; j < 2; j++) {
            size_t start = i + 16 * j;
            __mmask16 valid = tn_avx512_first(b->count > start ? b->count - start : 0);
            __m512 values = _mm512_mask_loadu_ps(filler, valid, (const void *)(b->bytes + 4 * start));
            __m512d low = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(values)), center);
            __m512d high = _mm512_sub_pd(_mm512_cvtps_pd(_mm512_extractf32x8_ps(values, 1)), center);
            s[2 * j] = _mm512_add_pd(s[2 * j], low);
            q[2 * j] = _mm512_fmadd_pd(low, low, q[2 * j]);
            s[2 * j + 1] = _mm512_add_pd(s[2 * j + 1], high);
            q[2 * j + 1] = _mm512_fmadd_pd(high, high, q[2 * j + 1]);
        }
    }
    b->sum = _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(s[0], s[1]), _mm512_add_pd(s[2], s[3])));
    b->squares = _mm512_reduce_add_pd(_mm512_add_pd(_mm512_add_pd(q[0], q[1]), _mm512_add_pd(q[2], q[3])));
}

/* Turns what stands for NaN and Inf among exponents and signs into fillers, and finds the top anew. */
TN_TARGET_AVX512_CALLED static void remove_nonfinite(tn_avx512_block *b)
{
    __m512i top = _mm512_setzero_si512();
    size_t removed = 0;
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + TN_AVX512_GROUP * g), s = _mm512_load_si512(b->signs + TN_AVX512_GROUP * g);
        __mmask64 finite = _mm512_cmpneq_epi8_mask(e, _mm512_set1_epi8(-1));
        e = _mm512_maskz_mov_epi8(finite, e);
        _mm512_store_si512(b->exponents + TN_AVX512_GROUP * g, e);
        _mm512_store_si512(b->signs + TN_AVX512_GROUP * g, _mm512_maskz_mov_epi8(finite, s));
        top = _mm512_max_epu8(top, e);
        removed += (size_t)__builtin_popcountll(~finite);
    }
    b->fillers += removed;
    b->top = tn_avx512_largest(top);
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

/* The table that vpermb looks up for eight buckets: the first or the second eight of one sign. Bucket b < 15 is key b, bucket 15 is
 * KEY_EXPONENT_0. */
TN_TARGET_AVX512 __m512i one_hot_table(size_t sign, size_t half)
{
    const __m512i first = _mm512_set_epi64(0, 0, 0, 0, 0, 0, 0, (long long)0x8040201008040201u);
    const __m512i second = _mm512_set_epi64(0, 0, 0, 0, 0, 0x8000, 0x0040201008040201, 0);
    __m512i table = half ? second : first;
    return sign ? _mm512_shuffle_i64x2(table, table, 0x4e) : table;
}

/* A full adder of 512 bits: a + b + c = 2 * carry + sum, bit by bit. The sum replaces a. */
TN_TARGET_AVX512 __m512i add_bits(__m512i *a, __m512i b, __m512i c)
{
    __m512i carry = _mm512_ternarylogic_epi32(*a, b, c, 0xe8);
    *a = _mm512_ternarylogic_epi32(*a, b, c, 0x96);
    return carry;
}

/* What vpermb looks up for group g: a key, and 32 more for a negative value. Key k < 15 is exponent top - k; other exponents have
 * KEY_OUTSIDE, or the key 15, which no table knows. */
TN_TARGET_AVX512 __m512i keys_of(const tn_avx512_block *b, size_t g, __m512i top)
{
    __m512i e = _mm512_load_si512(b->exponents + TN_AVX512_GROUP * g);
    __m512i keys = _mm512_min_epu8(_mm512_sub_epi8(top, e), _mm512_set1_epi8(KEY_OUTSIDE));
    keys = _mm512_mask_mov_epi8(keys, _mm512_testn_epi8_mask(e, e), _mm512_set1_epi8(KEY_EXPONENT_0));
    return _mm512_ternarylogic_epi32(keys, _mm512_load_si512(b->signs + TN_AVX512_GROUP * g), _mm512_set1_epi8(32),
                                     0xf8); /* keys | (signs & 32) */
}

/* Counts the window below `top`, and exponent 0 as the last bucket, into counts [2][16]. */
TN_TARGET_AVX512_CALLED static void count_keys(const tn_avx512_block *b, uint32_t top, uint64_t counts[2][BUCKETS])
{
    const __m512i highest = _mm512_set1_epi8((char)top);
    __m512i tables[4], ones[4], twos[4], fours[4];
    for (size_t t = 0; t < 4; t++) {
        tables[t] = one_hot_table(t >> 1, t & 1);
        ones[t] = twos[t] = fours[t] = _mm512_setzero_si512();
    }
    /* A byte of fours counts up to eight a turn, so the 16 turns of a block fit. */
    size_t g = 0;
    for (; g + 4 <= b->groups; g += 4) {
        for (size_t k = 0; k < 8; k++)
            _mm_prefetch((const char *)b->next + 2 * TN_VITALS_BLOCK + 128 * g + 64 * k, _MM_HINT_T1);
        __m512i k0 = keys_of(b, g, highest), k1 = keys_of(b, g + 1, highest), k2 = keys_of(b, g + 2, highest),
                k3 = keys_of(b, g + 3, highest);
        for (size_t t = 0; t < 4; t++) {
            __m512i first = add_bits(&ones[t], _mm512_permutexvar_epi8(k0, tables[t]), _mm512_permutexvar_epi8(k1, tables[t]));
            __m512i second = add_bits(&ones[t], _mm512_permutexvar_epi8(k2, tables[t]), _mm512_permutexvar_epi8(k3, tables[t]));
            fours[t] = _mm512_add_epi8(fours[t], count_bits(add_bits(&twos[t], first, second)));
        }
    }
    for (size_t t = 0; t < 4; t++) {
        __m512i one = count_bits(ones[t]), two = count_bits(twos[t]);
        one = _mm512_add_epi8(one, _mm512_add_epi8(two, two));
        for (size_t h = g; h < b->groups; h++)
            one = _mm512_add_epi8(one, count_bits(_mm512_permutexvar_epi8(keys_of(b, h, highest), tables[t])));
        __m512i total = _mm512_add_epi64(sum_quadwords(one), _mm512_slli_epi64(sum_quadwords(fours[t]), 2));
        _mm512_storeu_si512(counts[t >> 1] + 8 * (t & 1), total);
    }
}

TN_TARGET_AVX512_CALLED static uint64_t count_subnormals(const tn_avx512_block *b)
{
    /* Twice the bits drops the sign, and less 1 puts the zeros above all others. A subnormal then lies below 0xffffff. */
    __m512i least[2] = {_mm512_set1_epi32(-1), _mm512_set1_epi32(-1)};
    size_t i = 0;
    for (; i + 32 <= b->count; i += 32) {
        for (size_t j = 0; j < 2; j++) {
            __m512i bits = _mm512_loadu_si512(b->bytes + 4 * i + 64 * j);
            least[j] = _mm512_min_epu32(least[j], _mm512_add_epi32(_mm512_add_epi32(bits, bits), _mm512_set1_epi32(-1)));
        }
    }
    if (i == b->count && _mm512_reduce_min_epu32(_mm512_min_epu32(least[0], least[1])) >= 0xffffffu)
        return 0;
    uint64_t subnormals = 0;
    for (i = 0; i < b->count; i += 16) {
        __m512 values = _mm512_maskz_loadu_ps(tn_avx512_first(b->count - i), (const void *)(b->bytes + 4 * i));
        subnormals += (uint64_t)__builtin_popcount(_mm512_fpclass_ps_mask(values, 0x20));
    }
    return subnormals;
}

/* Counts values of exponents 1 .. bound one by one. */
TN_TARGET_AVX512_CALLED static void count_singly(const tn_avx512_block *b, uint32_t bound, tn_vitals *vitals)
{
    const __m512i bounds = _mm512_set1_epi8((char)bound);
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + TN_AVX512_GROUP * g);
        uint64_t left = _mm512_mask_cmple_epu8_mask(_mm512_test_epi8_mask(e, e), e, bounds);
        for (; left; left &= left - 1) {
            size_t i = TN_AVX512_GROUP * g + (size_t)__builtin_ctzll(left);
            vitals->histogram[b->signs[i] >> 5 & 1][b->exponents[i]]++;
        }
    }
}

/* Returns the number of values of exponent 0, fillers included. */
TN_TARGET_AVX512_CALLED static uint64_t count_by_tables(const tn_avx512_block *b, tn_vitals_table *tables)
{
    uint64_t exponent_0 = 0;
    for (size_t g = 0; g < b->groups; g++) {
        __m512i e = _mm512_load_si512(b->exponents + TN_AVX512_GROUP * g);
        exponent_0 += (uint64_t)__builtin_popcountll(_mm512_testn_epi8_mask(e, e));
        for (size_t i = TN_AVX512_GROUP * g; i < TN_AVX512_GROUP * g + TN_AVX512_GROUP; i += TN_VITALS_TABLES)
            for (size_t t = 0; t < TN_VITALS_TABLES; t++)
                tables[t][(b->signs[i + t] & 32u) << 3 | b->exponents[i + t]]++;
    }
    return exponent_0;
}

/* exponent_0: how many values have it, where all were counted. Subnormals are rare, and looked for only where there may be some. */
static void add_exponent_0(const tn_avx512_block *b, tn_vitals *vitals, uint64_t exponent_0)
{
    bool sampled = b->sample != TN_SAMPLE_ALL;
    uint64_t subnormals = (sampled ? b->has_subnormals : exponent_0 > 0) ? count_subnormals(b) : 0;
    vitals->subnormals += subnormals;
    vitals->zeros += sampled ? b->zeros : exponent_0 - subnormals;
}

/* Adds the counts of exponents top, top - 1 ... to the histogram. Returns how many values that were. */
static uint64_t add_window(tn_vitals *vitals, uint32_t top, uint64_t counts[2][BUCKETS])
{
    uint64_t sum = 0;
    for (size_t sign = 0; sign < 2; sign++) {
        for (size_t k = 0; k < WINDOW && k < top; k++) {
            vitals->histogram[sign][top - k] += counts[sign][k];
            sum += counts[sign][k];
        }
    }
    return sum;
}

/* The second pass. *exponent_0 becomes the number of values of exponent 0. Returns true where the exponents lie so far apart that tables serve the next blocks better. */
static bool add_histogram(const tn_avx512_block *b, tn_vitals *vitals, uint64_t *exponent_0)
{
    uint64_t counts[2][BUCKETS];
    uint32_t top = b->top;
    count_keys(b, top, counts);
    vitals->histogram[0][0] += counts[0][WINDOW] - b->fillers;
    vitals->histogram[1][0] += counts[1][WINDOW];
    *exponent_0 = counts[0][WINDOW] - b->fillers + counts[1][WINDOW];
    uint64_t below = TN_AVX512_GROUP * b->groups - counts[0][WINDOW] - counts[1][WINDOW] - add_window(vitals, top, counts);
    if (below > ONE_BY_ONE) {
        top -= WINDOW;
        count_keys(b, top, counts);
        below -= add_window(vitals, top, counts);
    }
    if (below > 0)
        count_singly(b, top - WINDOW, vitals);
    return below > ONE_BY_ONE;
}

/* Sums of the block about its shift, in double where float does not do. Then the shift for the next block is its mean, where that matters.
 * */
static void add_moments(tn_avx512_block *b, tn_vitals *vitals, float *next_shift)
{
    /* All values equal to the shift: nothing was lost. */
    if (!tn_vitals_float_holds(b->top, b->count, b->sum, b->squares) && !(b->min == b->shift && b->max == b->shift)) {
        memcpy(&b->shift, b->bytes, sizeof b->shift);
        sums_in_double(b);
        *next_shift = tn_vitals_next_shift(b->top, b->count, b->shift, b->sum, b->squares);
    }
    tn_vitals_fold(vitals, b->count, (double)b->shift, b->sum, b->squares);
    tn_vitals_fold_extremes(vitals, b->min, b->max);
}

void tn_vitals_add_avx512(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample, const void *ahead)
{
    tn_vitals_table tables[TN_VITALS_TABLES];
    tn_avx512_block b;
    b.sample = sample;
    float shift = 0;
    size_t by_tables = 0, in_tables = 0;
    for (b.bytes = (const unsigned char *)values; count > 0; b.bytes += 4 * b.count, count -= b.count) {
        b.count = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        b.next = count > b.count ? b.bytes + 4 * TN_VITALS_BLOCK : b.bytes;
        if (ahead)
            b.next = (const unsigned char *)ahead + (b.bytes - (const unsigned char *)values);
        b.segment = vitals->count / TN_VITALS_SEGMENT;
        b.shift = shift;
        if (sample != TN_SAMPLE_ALL)
            tn_avx512_first_pass_sampled(&b, vitals->zeros > vitals->count / TN_VITALS_BLOCK);
        else if (shift == 0)
            first_pass_about_0(&b);
        else
            first_pass_about_shift(&b);
        if (b.top == 255) {
            tn_vitals_add_careful(vitals, b.bytes, b.count);
            remove_nonfinite(&b);
        } else {
            add_moments(&b, vitals, &shift);
        }
        uint64_t counted_0;
        if (by_tables == 0) {
            by_tables = add_histogram(&b, vitals, &counted_0) ? RETRY : 0;
        } else {
            by_tables--;
            if (in_tables == 0)
                memset(tables, 0, sizeof tables);
            counted_0 = count_by_tables(&b, tables) - b.fillers;
            vitals->histogram[0][0] -= b.fillers;
            in_tables += b.count;
            if (in_tables >= TABLES_FULL) {
                tn_vitals_fold_tables(vitals, tables);
                in_tables = 0;
            }
        }
        add_exponent_0(&b, vitals, counted_0);
        vitals->count += b.count;
    }
    if (in_tables > 0)
        tn_vitals_fold_tables(vitals, tables);
    tn_vitals_finish(vitals);
}

#endif
