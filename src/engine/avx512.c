/* avx512.c: see avx512.h. */
#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

TN_AVX512 void tn_transpose_avx512(size_t rows, size_t columns, const float *from, size_t from_step, float *to, size_t to_step)
{
    for (size_t row = 0; row < rows; row += TN_LANES) {
        for (size_t column = 0; column < columns; column += TN_LANES) {
            size_t count = columns - column < TN_LANES ? columns - column : TN_LANES;
            __mmask16 lanes = tn_lane_mask(count);
            __m512 block[TN_LANES];
            TN_UNROLL
            for (size_t i = 0; i < TN_LANES; i++)
                block[i] = row + i < rows ? _mm512_maskz_loadu_ps(lanes, from + (row + i) * from_step + column) : _mm512_setzero_ps();
            tn_transpose_registers(block);
            TN_UNROLL
            for (size_t i = 0; i < TN_LANES; i++) {
                if (i < count)
                    _mm512_storeu_ps(to + (column + i) * to_step + row, block[i]);
            }
        }
    }
}

#endif
