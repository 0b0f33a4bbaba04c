/* vitals_avx512_sampled.c: the first pass of vitals_avx512.c where the histogram is sampled, as it is of most of what is watched in a training. Exponents and signs are packed of the runs
 * alone, so that each other vector costs no more than it has to: two extremes, two sums, and how many of its values have exponent 0.
 *
 * NaN takes no part in the extremes, but makes the sum NaN. Inf is an extreme. A sum may be infinite though all values are finite; only then, and where it is NaN, is the top looked for in the bits. */
#include "vitals/vitals_avx512.h"

#if defined(__x86_64__)

#include <limits.h>
#include <string.h>

enum { LANES = TN_AVX512_GROUP / 4, VECTORS = 4 };

static const uint32_t EXPONENT = 0x7F800000U;

static uint32_t exponent_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & EXPONENT) >> 23;
}

static bool is_finite(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits >> 52 & 0x7FF) != 0x7FF;
}

/* The largest exponent, from the bits. */
TN_TARGET_AVX512_CALLED static uint32_t find_top(const tn_avx512_block *b)
{
    __m512i top = _mm512_setzero_si512();
    for (size_t i = 0; i < b->count; i += LANES) {
        __m512i v = _mm512_maskz_loadu_epi32(tn_avx512_first(b->count - i), b->bytes + 4 * i);
        top = _mm512_max_epu32(top, _mm512_and_si512(v, _mm512_set1_epi32((int)EXPONENT)));
    }
    return _mm512_reduce_max_epu32(top) >> 23;
}

/* What the pass gathers in lanes. */
typedef struct lanes {
    __m512 min[2], max[2], sum[VECTORS], squares[VECTORS], shift;
    __m512i exponent_0[2]; /* how many there are */
    __m512i bits_0[2];     /* and their bits, joined */
} lanes;

TN_TARGET_AVX512 void begin(lanes *l, float shift)
{
    l->shift = _mm512_set1_ps(shift);
    for (size_t j = 0; j < VECTORS; j++)
        l->sum[j] = l->squares[j] = _mm512_setzero_ps();
    for (size_t j = 0; j < 2; j++) {
        l->min[j] = _mm512_set1_ps(__builtin_inff());
        l->max[j] = _mm512_set1_ps(-__builtin_inff());
        l->exponent_0[j] = l->bits_0[j] = _mm512_setzero_si512();
    }
}

/* Vector j of a group. */
TN_TARGET_AVX512 void absorb(lanes *l, size_t j, __m512 values, bool shifted)
{
    const __m512i bits = _mm512_castps_si512(values);
    const __mmask16 has_0 = _mm512_testn_epi32_mask(bits, _mm512_set1_epi32((int)EXPONENT));
    l->min[j & 1] = _mm512_min_ps(values, l->min[j & 1]);
    l->max[j & 1] = _mm512_max_ps(values, l->max[j & 1]);
    l->exponent_0[j & 1] = _mm512_mask_sub_epi32(l->exponent_0[j & 1], has_0, l->exponent_0[j & 1], _mm512_set1_epi32(-1));
    l->bits_0[j & 1] = _mm512_mask_or_epi32(l->bits_0[j & 1], has_0, l->bits_0[j & 1], bits);
    if (shifted)
        values = _mm512_sub_ps(values, l->shift);
    l->sum[j] = _mm512_add_ps(l->sum[j], values);
    l->squares[j] = _mm512_fmadd_ps(values, values, l->squares[j]);
}

/* The same where only the `valid` lanes hold values, the others 0. */
TN_TARGET_AVX512 void absorb_valid(lanes *l, size_t j, __mmask16 valid, __m512 values)
{
    const __m512i bits = _mm512_castps_si512(values);
    const __mmask16 has_0 = _mm512_mask_testn_epi32_mask(valid, bits, _mm512_set1_epi32((int)EXPONENT));
    const __m512 deviation = _mm512_maskz_sub_ps(valid, values, l->shift);
    l->min[0] = _mm512_mask_min_ps(l->min[0], valid, values, l->min[0]);
    l->max[0] = _mm512_mask_max_ps(l->max[0], valid, values, l->max[0]);
    l->exponent_0[0] = _mm512_mask_sub_epi32(l->exponent_0[0], has_0, l->exponent_0[0], _mm512_set1_epi32(-1));
    l->bits_0[0] = _mm512_mask_or_epi32(l->bits_0[0], has_0, l->bits_0[0], bits);
    l->sum[j] = _mm512_add_ps(l->sum[j], deviation);
    l->squares[j] = _mm512_fmadd_ps(deviation, deviation, l->squares[j]);
}

TN_TARGET_AVX512 void first_pass(tn_avx512_block *b, bool shifted)
{
    lanes l;
    begin(&l, b->shift);
    const unsigned char *at = b->bytes, *ahead = b->next;
    for (size_t left = b->count / TN_AVX512_GROUP; left > 0; left--, at += 4 * TN_AVX512_GROUP, ahead += 4 * TN_AVX512_GROUP) {
        for (size_t j = 0; j < VECTORS; j++) {
            _mm_prefetch((const char *)ahead + 64 * j, _MM_HINT_T1);
            absorb(&l, j, _mm512_loadu_ps((const void *)(at + 64 * j)), shifted);
        }
    }
    size_t rest = b->count % TN_AVX512_GROUP;
    for (size_t j = 0; LANES * j < rest; j++) {
        __mmask16 valid = tn_avx512_first(rest - LANES * j);
        absorb_valid(&l, j, valid, _mm512_maskz_loadu_ps(valid, (const void *)(at + 64 * j)));
    }
    b->min = _mm512_reduce_min_ps(_mm512_min_ps(l.min[0], l.min[1]));
    b->max = _mm512_reduce_max_ps(_mm512_max_ps(l.max[0], l.max[1]));
    b->sum = tn_avx512_add(l.sum);
    b->squares = tn_avx512_add(l.squares);
    b->exponent_0 = (uint64_t)_mm512_reduce_add_epi32(_mm512_add_epi32(l.exponent_0[0], l.exponent_0[1]));
    b->only_zeros = (_mm512_reduce_or_epi32(_mm512_or_si512(l.bits_0[0], l.bits_0[1])) & INT_MAX) == 0;
    uint32_t of_min = exponent_of(b->min), of_max = exponent_of(b->max);
    b->top = !is_finite(b->sum) ? find_top(b) : of_min > of_max ? of_min : of_max;
}

TN_TARGET_AVX512_CALLED static void first_pass_about_0(tn_avx512_block *b)
{
    first_pass(b, false);
}

TN_TARGET_AVX512_CALLED static void first_pass_about_shift(tn_avx512_block *b)
{
    first_pass(b, true);
}

/* Runs are whole groups, but for one that ends the block. */
TN_TARGET_AVX512_CALLED static void pack_runs(tn_avx512_block *b)
{
    b->groups = b->fillers = 0;
    for (size_t start = 0; start < b->count; start += TN_VITALS_SEGMENT) {
        size_t count = b->count - start < TN_VITALS_SEGMENT ? b->count - start : TN_VITALS_SEGMENT;
        tn_vitals_run run = tn_vitals_run_of(b->segment + start / TN_VITALS_SEGMENT, count);
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

void tn_avx512_first_pass_sampled(tn_avx512_block *block)
{
    if (block->shift == 0)
        first_pass_about_0(block);
    else
        first_pass_about_shift(block);
    pack_runs(block);
}

#endif
