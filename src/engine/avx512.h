/* avx512.h: what the AVX-512 kernels of the engine share. Empty where they cannot be built: another processor, or the engine in double.
 *
 * Kernels are built for AVX-512 function by function, whatever the rest is built for, and are called only where tn_isa_best() says so. */
#ifndef TN_ENGINE_AVX512_H
#define TN_ENGINE_AVX512_H

#include "base/simd.h"
#include "engine/real.h"

#if defined(__x86_64__) && !defined(TN_REAL_DOUBLE)

#define TN_WITH_AVX512 1

#include <immintrin.h>
#include <stddef.h>

#define TN_TARGET_AVX512 target("avx512f,avx512vl,avx512bw,avx512dq,fma")
#define TN_AVX512        __attribute__((TN_TARGET_AVX512))

/* A kernel is written once for any size of its block, and inlined with constants for each size, so that all sums are registers. Under a
 * sanitizer those many instrumented copies take minutes to compile: there it stays one function, called with the size as it is
 * (TN_ONE_SIZE_FITS_ALL). */
#ifdef TN_SANITIZED
#define TN_ONE_SIZE_FITS_ALL 1
#define TN_UNROLL
#define TN_INLINE_AVX512 static __attribute__((TN_TARGET_AVX512))
#else
#define TN_ONE_SIZE_FITS_ALL 0
#define TN_UNROLL            _Pragma("GCC unroll 32")
#define TN_INLINE_AVX512     static inline __attribute__((always_inline, TN_TARGET_AVX512))
#endif

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
