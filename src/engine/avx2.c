/* avx2.c: see avx2.h. */
#include "engine/avx2.h"

#ifdef TN_WITH_AVX2

enum { LANES = TN_LANES_AVX2 };

/* rows [8] become the columns of the same 8 by 8 matrix. */
TN_INLINE_AVX2 void transpose_registers(__m256 rows[LANES])
{
    __m256 t[LANES];
    TN_UNROLL
    for (int i = 0; i < LANES; i += 2) {
        t[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        t[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    /* rows[4 g + c]: of rows 4 g .. 4 g + 3 column c of each half */
    TN_UNROLL
    for (int g = 0; g < LANES; g += 4) {
        rows[g] = _mm256_shuffle_ps(t[g], t[g + 2], 0x44);
        rows[g + 1] = _mm256_shuffle_ps(t[g], t[g + 2], 0xee);
        rows[g + 2] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0x44);
        rows[g + 3] = _mm256_shuffle_ps(t[g + 1], t[g + 3], 0xee);
    }
    TN_UNROLL
    for (int c = 0; c < 4; c++) {
        t[c] = _mm256_permute2f128_ps(rows[c], rows[c + 4], 0x20);
        t[c + 4] = _mm256_permute2f128_ps(rows[c], rows[c + 4], 0x31);
    }
    TN_UNROLL
    for (int i = 0; i < LANES; i++)
        rows[i] = t[i];
}

TN_AVX2 void tn_transpose_avx2(size_t rows, size_t columns, const float *from, size_t from_step, float *to, size_t to_step)
{
    for (size_t row = 0; row < rows; row += LANES) {
        for (size_t column = 0; column < columns; column += LANES) {
            size_t count = columns - column < LANES ? columns - column : LANES;
            __m256i lanes = tn_lane_bits_avx2(count);
            __m256 block[LANES];
            TN_UNROLL
            for (size_t i = 0; i < LANES; i++)
                block[i] = row + i < rows ? _mm256_maskload_ps(from + (row + i) * from_step + column, lanes) : _mm256_setzero_ps();
            transpose_registers(block);
            TN_UNROLL
            for (size_t i = 0; i < LANES; i++) {
                if (i < count)
                    _mm256_storeu_ps(to + (column + i) * to_step + row, block[i]);
            }
        }
    }
}

#endif
