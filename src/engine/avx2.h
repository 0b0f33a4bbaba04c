/* avx2.h: what the AVX2 kernels of the engine share, as avx512.h does for AVX-512. Empty where they cannot be built.
 *
 * AVX2 means AVX2 and FMA: kernels are called only where tn_isa_best() is TN_ISA_AVX2 or better. */
#ifndef TN_ENGINE_AVX2_H
#define TN_ENGINE_AVX2_H

#include "engine/kernel.h"

#ifdef TN_WITH_KERNELS

#define TN_WITH_AVX2 1

#define TN_TARGET_AVX2 target("avx2,fma")
#define TN_AVX2        __attribute__((TN_TARGET_AVX2))
#define TN_INLINE_AVX2 TN_INLINE_TARGET(TN_TARGET_AVX2)

enum { TN_LANES_AVX2 = 8 }; /* floats of a register */

/* All bits of the first `count` <= 8 lanes. */
TN_INLINE_AVX2 __m256i tn_lane_bits_avx2(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* to [columns, to_step] = the transpose of from [rows, columns], whose rows are from_step apart. Rows of `to` are written up to `rows`
 * rounded up to whole registers, with zeros. */
void tn_transpose_avx2(size_t rows, size_t columns, const float *from, size_t from_step, float *to, size_t to_step);

#endif

#endif
