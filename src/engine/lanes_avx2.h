/* lanes_avx2.h: vectors of 8 floats by AVX2 and FMA, for kernels that are written once for either width (lanes_avx512.h has the same names). Include one of the two.
 *
 * Nothing here may be called where avx2.h defines no TN_WITH_AVX2. */
#ifndef TN_ENGINE_LANES_AVX2_H
#define TN_ENGINE_LANES_AVX2_H

#include <stdint.h>

#include "engine/avx2.h"

#ifdef TN_WITH_AVX2

#define TN_LANES_ISA     TN_ISA_AVX2 /* what the processor must have */
#define TN_KERNEL        TN_AVX2
#define TN_INLINE_KERNEL TN_INLINE_AVX2

enum { LANES = TN_LANES_AVX2 };

typedef __m256 tn_lanes;

/* Some lanes, the first ones. */
typedef struct tn_lanes_mask {
    size_t count;
    __m256i bits;
} tn_lanes_mask;

typedef __m256 tn_lanes_choice; /* any lanes: all bits of them */

/* The first `count` lanes; all from LANES on. */
TN_INLINE_KERNEL tn_lanes_mask tn_lanes_first(size_t count)
{
    size_t some = count < LANES ? count : LANES;
    return (tn_lanes_mask){some, tn_lane_bits_avx2(some)};
}

TN_INLINE_KERNEL tn_lanes tn_lanes_zero(void)
{
    return _mm256_setzero_ps();
}

TN_INLINE_KERNEL tn_lanes tn_lanes_all(float value)
{
    return _mm256_set1_ps(value);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

/* Zeros in the other lanes, whose memory is not touched. */
TN_INLINE_KERNEL tn_lanes tn_lanes_load_some(tn_lanes_mask mask, const float *from)
{
    return _mm256_maskload_ps(from, mask.bits);
}

TN_INLINE_KERNEL void tn_lanes_store(float *to, tn_lanes lanes)
{
    _mm256_storeu_ps(to, lanes);
}

/* In pieces: AMD's vmaskmovps takes some forty operations to store. */
TN_INLINE_KERNEL void tn_lanes_store_some(float *to, tn_lanes_mask mask, tn_lanes lanes)
{
    if (mask.count == LANES) {
        _mm256_storeu_ps(to, lanes);
        return;
    }
    __m128 rest = _mm256_castps256_ps128(lanes);
    if (mask.count & 4) {
        _mm_storeu_ps(to, rest);
        rest = _mm256_extractf128_ps(lanes, 1);
        to += 4;
    }
    if (mask.count & 2) {
        _mm_storel_pi((__m64 *)(void *)to, rest);
        rest = _mm_movehl_ps(rest, rest);
        to += 2;
    }
    if (mask.count & 1)
        _mm_storeu_si32(to, _mm_castps_si128(rest));
}

TN_INLINE_KERNEL tn_lanes tn_lanes_add(tn_lanes a, tn_lanes b)
{
    return _mm256_add_ps(a, b);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_subtract(tn_lanes a, tn_lanes b)
{
    return _mm256_sub_ps(a, b);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_multiply(tn_lanes a, tn_lanes b)
{
    return _mm256_mul_ps(a, b);
}

/* What was loaded stays in a register: gcc would load it again for each of several products, and there are no more than two loads a cycle. */
TN_INLINE_KERNEL tn_lanes tn_lanes_keep(tn_lanes lanes)
{
    __asm__("" : "+x"(lanes));
    return lanes;
}

/* a b + c */
TN_INLINE_KERNEL tn_lanes tn_lanes_multiply_add(tn_lanes a, tn_lanes b, tn_lanes c)
{
    return _mm256_fmadd_ps(a, b, c);
}

/* The bits of a whole number in each lane. */
TN_INLINE_KERNEL tn_lanes tn_lanes_bits(uint32_t bits)
{
    return _mm256_castsi256_ps(_mm256_set1_epi32((int)bits));
}

TN_INLINE_KERNEL tn_lanes_choice tn_lanes_equal_bits(tn_lanes a, tn_lanes b)
{
    return _mm256_castsi256_ps(_mm256_cmpeq_epi32(_mm256_castps_si256(a), _mm256_castps_si256(b)));
}

/* Where a is greater than b or NaN, and b is a number. */
TN_INLINE_KERNEL tn_lanes_choice tn_lanes_beats(tn_lanes a, tn_lanes b)
{
    return _mm256_and_ps(_mm256_cmp_ps(b, b, _CMP_ORD_Q), _mm256_cmp_ps(a, b, _CMP_NLE_UQ));
}

/* a where chosen, else b */
TN_INLINE_KERNEL tn_lanes tn_lanes_choose(tn_lanes_choice choice, tn_lanes a, tn_lanes b)
{
    return _mm256_blendv_ps(b, a, choice);
}

#define tn_lanes_transpose tn_transpose_avx2

#endif

#endif
