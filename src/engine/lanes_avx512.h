/* lanes_avx512.h: vectors of 16 floats, for kernels that are written once for either width (lanes_avx2.h has the same names). Include one of the two.
 *
 * Nothing here may be called where avx512.h defines no TN_WITH_AVX512. */
#ifndef TN_ENGINE_LANES_AVX512_H
#define TN_ENGINE_LANES_AVX512_H

#include <stdint.h>

#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

#define TN_LANES_ISA     TN_ISA_AVX512 /* what the processor must have */
#define TN_KERNEL        TN_AVX512
#define TN_INLINE_KERNEL TN_INLINE_AVX512

enum { LANES = TN_LANES };

typedef __m512 tn_lanes;
typedef __mmask16 tn_lanes_mask;   /* some lanes, the first ones */
typedef __mmask16 tn_lanes_choice; /* any lanes */

/* The first `count` lanes; all from LANES on. */
TN_INLINE_KERNEL tn_lanes_mask tn_lanes_first(size_t count)
{
    return tn_lane_mask(count);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_zero(void)
{
    return _mm512_setzero_ps();
}

TN_INLINE_KERNEL tn_lanes tn_lanes_all(float value)
{
    return _mm512_set1_ps(value);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

/* Zeros in the other lanes, whose memory is not touched. */
TN_INLINE_KERNEL tn_lanes tn_lanes_load_some(tn_lanes_mask mask, const float *from)
{
    return _mm512_maskz_loadu_ps(mask, from);
}

TN_INLINE_KERNEL void tn_lanes_store(float *to, tn_lanes lanes)
{
    _mm512_storeu_ps(to, lanes);
}

TN_INLINE_KERNEL void tn_lanes_store_some(float *to, tn_lanes_mask mask, tn_lanes lanes)
{
    _mm512_mask_storeu_ps(to, mask, lanes);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_add(tn_lanes a, tn_lanes b)
{
    return _mm512_add_ps(a, b);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_subtract(tn_lanes a, tn_lanes b)
{
    return _mm512_sub_ps(a, b);
}

TN_INLINE_KERNEL tn_lanes tn_lanes_multiply(tn_lanes a, tn_lanes b)
{
    return _mm512_mul_ps(a, b);
}

/* Of use in lanes_avx2.h. */
TN_INLINE_KERNEL tn_lanes tn_lanes_keep(tn_lanes lanes)
{
    return lanes;
}

/* a b + c */
TN_INLINE_KERNEL tn_lanes tn_lanes_multiply_add(tn_lanes a, tn_lanes b, tn_lanes c)
{
    return _mm512_fmadd_ps(a, b, c);
}

/* The bits of a whole number in each lane. */
TN_INLINE_KERNEL tn_lanes tn_lanes_bits(uint32_t bits)
{
    return _mm512_castsi512_ps(_mm512_set1_epi32((int)bits));
}

TN_INLINE_KERNEL tn_lanes_choice tn_lanes_equal_bits(tn_lanes a, tn_lanes b)
{
    return _mm512_cmpeq_epi32_mask(_mm512_castps_si512(a), _mm512_castps_si512(b));
}

/* Where a is greater than b or NaN, and b is a number. */
TN_INLINE_KERNEL tn_lanes_choice tn_lanes_beats(tn_lanes a, tn_lanes b)
{
    return _mm512_mask_cmp_ps_mask(_mm512_cmp_ps_mask(b, b, _CMP_ORD_Q), a, b, _CMP_NLE_UQ);
}

/* a where chosen, else b */
TN_INLINE_KERNEL tn_lanes tn_lanes_choose(tn_lanes_choice choice, tn_lanes a, tn_lanes b)
{
    return _mm512_mask_mov_ps(b, choice, a);
}

#define tn_lanes_transpose tn_transpose_avx512

#endif

#endif
