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

/* rows [16] become the columns of the same 16 by 16 matrix. */
TN_INLINE_AVX512 void tn_transpose_registers(__m512 rows[TN_LANES])
{
    __m512 t[TN_LANES];
    TN_UNROLL
    for (int i = 0; i < TN_LANES; i += 2) {
        t[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        t[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
    }
    /* rows[4 g + c]: of rows 4 g .. 4 g + 3 column c of each quarter */
    TN_UNROLL
    for (int g = 0; g < TN_LANES; g += 4) {
        __m512d a = _mm512_castps_pd(t[g]), b = _mm512_castps_pd(t[g + 1]), c = _mm512_castps_pd(t[g + 2]), d = _mm512_castps_pd(t[g + 3]);
        rows[g] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
        rows[g + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
        rows[g + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
        rows[g + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
    }
    TN_UNROLL
    for (int c = 0; c < 4; c++) {
        __m512 low = _mm512_shuffle_f32x4(rows[c], rows[c + 4], 0x88), high = _mm512_shuffle_f32x4(rows[c + 8], rows[c + 12], 0x88);
        __m512 low_odd = _mm512_shuffle_f32x4(rows[c], rows[c + 4], 0xdd), high_odd = _mm512_shuffle_f32x4(rows[c + 8], rows[c + 12], 0xdd);
        t[c] = _mm512_shuffle_f32x4(low, high, 0x88);
        t[c + 4] = _mm512_shuffle_f32x4(low_odd, high_odd, 0x88);
        t[c + 8] = _mm512_shuffle_f32x4(low, high, 0xdd);
        t[c + 12] = _mm512_shuffle_f32x4(low_odd, high_odd, 0xdd);
    }
    TN_UNROLL
    for (int i = 0; i < TN_LANES; i++)
        rows[i] = t[i];
}

/* to [columns, to_step] = the transpose of from [rows, columns], whose rows are from_step apart. Rows of `to` are written up to `rows`
 * rounded up to whole registers, with zeros. */
void tn_transpose_avx512(size_t rows, size_t columns, const float *from, size_t from_step, float *to, size_t to_step);

#endif

#endif
