/* avx512.h: what the AVX-512 kernels of the engine share. Empty where they cannot be built (kernel.h). */
#ifndef TN_ENGINE_AVX512_H
#define TN_ENGINE_AVX512_H

#include "engine/kernel.h"

#ifdef TN_WITH_KERNELS

#define TN_WITH_AVX512 1

#define TN_TARGET_AVX512 target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#define TN_AVX512        __attribute__((TN_TARGET_AVX512))
#define TN_INLINE_AVX512 TN_INLINE_TARGET(TN_TARGET_AVX512)

enum { TN_LANES = 16 }; /* floats of a register */

/* The first `count` lanes; all from 16 on. */
static inline __mmask16 tn_lane_mask(size_t count)
{
    unsigned mask = count >= TN_LANES ? 0xffffU : (1U << count) - 1U;
    return (__mmask16)mask;
}

/* to [columns, to_step] = the transpose of from [rows, columns], whose rows are from_step apart. Rows of `to` are written up to `rows`
 * rounded up to whole registers, with zeros. */
void tn_transpose_avx512(size_t rows, size_t columns, const float *from, size_t from_step, float *to, size_t to_step);

#endif

#endif
