/* vitals_avx512_sampled.c: the first pass of vitals_avx512.c where the histogram is sampled, as it is of most of what is watched in a training. Exponents and signs are packed of the runs
 * alone, so that each other vector costs no more than it has to: two extremes, two sums and the smallest magnitude.
 *
 * Extremes are taken of the bits, as integers, which any unit of the processor compares: the largest with a sign is the largest value where one is not negative, the largest without one is the smallest
 * value where one is negative; what is left is the smallest magnitude. NaN and Inf have the largest exponent, so the top comes of the same two.
 *
 * Zeros are counted where some are to be expected; where they were not and came all the same, the pass is made again. Only a smallest magnitude below the normal ones says that there are subnormals. */
#include "vitals/vitals_avx512.h"

#if defined(__x86_64__)

#include <float.h>
#include <string.h>

enum {
    LANES = TN_AVX512_GROUP / 4,
    VECTORS = 4,
    LESSER_MAGNITUDE = 2 | 2 << 2 /* what vrangeps takes: the smaller absolute value, its sign cleared */
};

static uint32_t exponent_of(uint32_t bits)
{
    return bits >> 23 & 255;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* What the pass gathers in lanes. */
typedef struct lanes {
    __m512i highest[2], lowest[2]; /* the bits' largest, with a sign and without */
    __m512 least[2];               /* smallest magnitude; where zeros are counted, of the others */
    __m512 sum[VECTORS], squares[VECTORS], shift;
    size_t others; /* values that are not 0, where zeros are counted */
} lanes;

TN_TARGET_AVX512 void begin(lanes *l, float shift)
{
    l->shift = _mm512_set1_ps(shift);
    l->others = 0;
    for (size_t j = 0; j < VECTORS; j++)
        l->sum[j] = l->squares[j] = _mm512_setzero_ps();
    for (size_t j = 0; j < 2; j++) {
        l->highest[j] = _mm512_set1_epi32(INT32_MIN);
        l->lowest[j] = _mm512_setzero_si512();
        l->least[j] = _mm512_set1_ps(__builtin_inff());
    }
}

/* Vector j of a group. */
TN_TARGET_AVX512 void absorb(lanes *l, size_t j, __m512 values, bool shifted, bool zeros)
{
    const __m512i bits = _mm512_castps_si512(values);
    l->highest[j & 1] = _mm512_max_epi32(l->highest[j & 1], bits);
    l->lowest[j & 1] = _mm512_max_epu32(l->lowest[j & 1], bits);
    if (zeros) {
        const __mmask16 other = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(INT32_MAX));
        l->others += (size_t)__builtin_popcount(other);
        l->least[j & 1] = _mm512_mask_range_ps(l->least[j & 1], other, l->least[j & 1], values, LESSER_MAGNITUDE);
    } else {
        l->least[j & 1] = _mm512_range_ps(l->least[j & 1], values, LESSER_MAGNITUDE);
    }
    if (shifted)
        values = _mm512_sub_ps(values, l->shift);
    l->sum[j] = _mm512_add_ps(l->sum[j], values);
    l->squares[j] = _mm512_fmadd_ps(values, values, l->squares[j]);
}

/* The same where only the `valid` lanes hold values, the others 0. */
TN_TARGET_AVX512 void absorb_valid(lanes *l, size_t j, __mmask16 valid, __m512 values, bool zeros)
{
    const __m512i bits = _mm512_castps_si512(values);
    const __mmask16 other = _mm512_test_epi32_mask(bits, _mm512_set1_epi32(INT32_MAX));
    const __m512 deviation = _mm512_maskz_sub_ps(valid, values, l->shift);
    l->highest[0] = _mm512_mask_max_epi32(l->highest[0], valid, l->highest[0], bits);
    l->lowest[0] = _mm512_max_epu32(l->lowest[0], bits);
    l->others += (size_t)__builtin_popcount(other);
    l->least[0] = _mm512_mask_range_ps(l->least[0], zeros ? other : valid, l->least[0], values, LESSER_MAGNITUDE);
    l->sum[j] = _mm512_add_ps(l->sum[j], deviation);
    l->squares[j] = _mm512_fmadd_ps(deviation, deviation, l->squares[j]);
}

TN_TARGET_AVX512 void first_pass(tn_avx512_block *b, bool shifted, bool zeros)
{
    lanes l;
    begin(&l, b->shift);
    const unsigned char *at = b->bytes, *ahead = b->next;
    for (size_t left = b->count / TN_AVX512_GROUP; left > 0; left--, at += 4 * TN_AVX512_GROUP, ahead += 4 * TN_AVX512_GROUP) {
        for (size_t j = 0; j < VECTORS; j++) {
            _mm_prefetch((const char *)ahead + 64 * j, _MM_HINT_T1);
            absorb(&l, j, _mm512_loadu_ps((const void *)(at + 64 * j)), shifted, zeros);
        }
    }
    size_t rest = b->count % TN_AVX512_GROUP;
    for (size_t j = 0; LANES * j < rest; j++) {
        __mmask16 valid = tn_avx512_first(rest - LANES * j);
        absorb_valid(&l, j, valid, _mm512_maskz_loadu_ps(valid, (const void *)(at + 64 * j)), zeros);
    }
    const int32_t highest = _mm512_reduce_max_epi32(_mm512_max_epi32(l.highest[0], l.highest[1]));
    const uint32_t lowest = _mm512_reduce_max_epu32(_mm512_max_epu32(l.lowest[0], l.lowest[1]));
    const uint32_t of_highest = exponent_of((uint32_t)highest), of_lowest = exponent_of(lowest);
    b->least = _mm512_reduce_min_ps(_mm512_min_ps(l.least[0], l.least[1]));
    b->zeros = zeros ? b->count - l.others : 0;
    const float nearest = b->zeros > 0 ? 0 : b->least;
    b->min = lowest > INT32_MAX ? float_of(lowest) : nearest;
    b->max = highest >= 0 ? float_of((uint32_t)highest) : -nearest;
    b->top = of_highest > of_lowest ? of_highest : of_lowest;
    b->sum = tn_avx512_add(l.sum);
    b->squares = tn_avx512_add(l.squares);
}

/* One function for each set of constants. */
#define TN_FIRST_PASS(name, shifted, zeros)                                                                                                \
    TN_TARGET_AVX512_CALLED static void name(tn_avx512_block *b)                                                                           \
    {                                                                                                                                      \
        first_pass(b, shifted, zeros);                                                                                                     \
    }
TN_FIRST_PASS(first_pass_about_0, false, false)
TN_FIRST_PASS(first_pass_about_shift, true, false)
TN_FIRST_PASS(first_pass_with_zeros_about_0, false, true)
TN_FIRST_PASS(first_pass_with_zeros_about_shift, true, true)
#undef TN_FIRST_PASS

/* Runs are whole groups, but for one that ends the block. */
TN_TARGET_AVX512_CALLED static void pack_runs(tn_avx512_block *b)
{
    b->groups = b->fillers = 0;
    for (size_t start = 0; start < b->count; start += TN_VITALS_SEGMENT) {
        size_t count = b->count - start < TN_VITALS_SEGMENT ? b->count - start : TN_VITALS_SEGMENT;
        tn_vitals_run run = tn_vitals_run_of(b->segment + start / TN_VITALS_SEGMENT, count, b->sample);
        const unsigned char *at = b->bytes + 4 * (start + run.first);
        for (size_t done = 0; done < run.count; done += TN_AVX512_GROUP, at += 4 * TN_AVX512_GROUP, b->groups++) {
            size_t left = run.count - done;
            __m512i v[VECTORS], e, s;
            for (size_t j = 0; j < VECTORS; j++)
                v[j] = _mm512_maskz_loadu_epi32(tn_avx512_first(left > LANES * j ? left - LANES * j : 0), at + 64 * j);
            tn_avx512_pack(v[0], v[1], v[2], v[3], &e, &s);
            _mm512_store_si512(b->exponents + TN_AVX512_GROUP * b->groups, e);
            _mm512_store_si512(b->signs + TN_AVX512_GROUP * b->groups, s);
            b->fillers += left < TN_AVX512_GROUP ? TN_AVX512_GROUP - left : 0;
        }
    }
}

/* Whether one of the first values is 0. */
TN_TARGET_AVX512_CALLED static bool begins_with_zeros(const tn_avx512_block *b)
{
    const __mmask16 valid = tn_avx512_first(b->count);
    return _mm512_mask_testn_epi32_mask(valid, _mm512_maskz_loadu_epi32(valid, b->bytes), _mm512_set1_epi32(INT32_MAX)) != 0;
}

void tn_avx512_first_pass_sampled(tn_avx512_block *b, bool expects_zeros)
{
    const bool about_0 = b->shift == 0;
    bool zeros = expects_zeros || begins_with_zeros(b);
    if (!zeros) {
        (about_0 ? first_pass_about_0 : first_pass_about_shift)(b);
        /* A NaN may have hidden the smallest magnitude. */
        zeros = b->least < FLT_MIN || b->top == 255;
    }
    if (zeros)
        (about_0 ? first_pass_with_zeros_about_0 : first_pass_with_zeros_about_shift)(b);
    b->has_subnormals = b->least < FLT_MIN || b->top == 255;
    pack_runs(b);
}

#endif
