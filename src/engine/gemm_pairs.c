/* gemm_pairs.c: see gemm_pairs.h.
 *
 * Both factors are rounded while they are copied to the stack, as pairs along k, which the instruction adds up: a panel of op(a) in L2, then a few columns of op(b), which stay in L1 while all rows of the panel pass over
 * them. A block of c, R rows by V registers of 16 columns, stays in registers: each step loads V registers of b and broadcasts R pairs of a. Where k is odd the last pair ends in a zero. */
#include "engine/gemm_pairs.h"

#include <stdint.h>

#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

/* No function is inlined into another that is not to be: their registers stay apart, and perf tells copies from products. */
#define TN_TARGET_PAIRS target("avx512f,avx512vl,avx512bw,avx512dq,fma,avx512bf16")
#define TN_PAIRS        __attribute__((noinline, TN_TARGET_PAIRS))
#define TN_INLINE_PAIRS TN_INLINE_TARGET(TN_TARGET_PAIRS)

enum { LANES = TN_LANES };

/* 64 KB of op(a), 16 KB of op(b). Panels of b four times as wide, which read longer pieces of its rows, were no faster, nor was fetching ahead. */
enum { PANEL_ROWS = 128, PANEL_PAIRS = 128, PANEL_COLUMNS = 2 * LANES, ROWS_MAX = 12 };

/* Two neighbours along k, the first in the lower half. */
typedef uint32_t pair;

/* ---- copies ---- */

/* Values below and above 16 lanes of the same 32, rounded. */
TN_INLINE_PAIRS __m512i round_both(__m512 low, __m512 high)
{
    return (__m512i)_mm512_cvtne2ps_pbh(high, low);
}

/* Registers of pairs from a row and the one `step` behind it, or of values and zeros. */
TN_INLINE_PAIRS void zip_rows(bool with_second, size_t columns, const float *from, size_t step, pair *to)
{
    const __m512i zip = _mm512_add_epi32(
        _mm512_set1_epi32(0x00100000),
        _mm512_mullo_epi32(_mm512_set1_epi32(0x00010001), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)));
    size_t c = 0;
    for (; columns - c >= LANES; c += LANES) {
        const __m512 high = with_second ? _mm512_loadu_ps(from + step + c) : _mm512_setzero_ps();
        _mm512_storeu_si512(to + c, _mm512_permutexvar_epi16(zip, round_both(_mm512_loadu_ps(from + c), high)));
    }
    if (c < columns) {
        const __mmask16 lanes = tn_lane_mask(columns - c);
        const __m512 high = with_second ? _mm512_maskz_loadu_ps(lanes, from + step + c) : _mm512_setzero_ps();
        _mm512_storeu_si512(to + c, _mm512_permutexvar_epi16(zip, round_both(_mm512_maskz_loadu_ps(lanes, from + c), high)));
    }
}

/* to [(k + 1) / 2, step]: pairs of rows 2 p and 2 p + 1 of from [k, from_step]; whole registers are written. */
TN_PAIRS static void copy_down(size_t k, size_t columns, const float *from, size_t from_step, size_t step, pair *to)
{
    for (; k >= 2; k -= 2, from += 2 * from_step, to += step) {
        if (columns == PANEL_COLUMNS) /* a constant, so that there is no loop */
            zip_rows(true, PANEL_COLUMNS, from, from_step, to);
        else
            zip_rows(true, columns, from, from_step, to);
    }
    if (k)
        zip_rows(false, columns, from, from_step, to);
}

/* 16 pairs of a row from value k on, zeros behind the last. */
TN_INLINE_PAIRS __m512i pairs_of_row(size_t left, const float *from)
{
    return left >= 2 * LANES
               ? round_both(_mm512_loadu_ps(from), _mm512_loadu_ps(from + LANES))
               : round_both(_mm512_maskz_loadu_ps(tn_lane_mask(left), from),
                            left > LANES ? _mm512_maskz_loadu_ps(tn_lane_mask(left - LANES), from + LANES) : _mm512_setzero_ps());
}

/* to [rows, PANEL_PAIRS]: pairs of each row of from [rows, from_step], k values of it; whole registers are written. */
TN_PAIRS static void copy_along(size_t rows, size_t k, const float *from, size_t from_step, pair *to)
{
    for (size_t r = 0; r < rows; r++, from += from_step, to += PANEL_PAIRS)
        for (size_t p = 0; p < k; p += 2 * LANES)
            _mm512_storeu_si512(to + p / 2, pairs_of_row(k - p, from + p));
}

/* to [(k + 1) / 2, PANEL_COLUMNS]: the transpose of the pairs of from [rows, from_step]; whole registers are written. */
TN_PAIRS static void copy_across(size_t rows, size_t k, const float *from, size_t from_step, pair *to)
{
    for (size_t row = 0; row < rows; row += LANES) {
        for (size_t p = 0; p < k; p += 2 * LANES) {
            __m512 block[LANES];
            TN_UNROLL
            for (size_t i = 0; i < LANES; i++)
                block[i] =
                    row + i < rows ? _mm512_castsi512_ps(pairs_of_row(k - p, from + (row + i) * from_step + p)) : _mm512_setzero_ps();
            tn_transpose_registers(block);
            TN_UNROLL
            for (size_t i = 0; i < LANES; i++) {
                if (p + 2 * i < k)
                    _mm512_storeu_ps(to + (p / 2 + i) * PANEL_COLUMNS + row, block[i]);
            }
        }
    }
}

/* ---- products ---- */

typedef struct block_job {
    size_t pairs, ldc;
    __mmask16 last; /* columns of the last register */
    bool add;
} block_job;

/* `columns`: a is [PANEL_PAIRS, PANEL_ROWS], else [PANEL_ROWS, PANEL_PAIRS]. b [PANEL_PAIRS, PANEL_COLUMNS]. */
TN_INLINE_PAIRS void block(const block_job *job, bool columns, size_t rows, size_t registers, const pair *a, const pair *b,
                           const float *bias, float *c)
{
    __m512 sums[ROWS_MAX * PANEL_COLUMNS / LANES];
    TN_UNROLL
    for (size_t v = 0; v < registers; v++) {
        __mmask16 mask = v + 1 < registers ? tn_lane_mask(LANES) : job->last;
        __m512 start = bias ? _mm512_maskz_loadu_ps(mask, bias + v * LANES) : _mm512_setzero_ps();
        TN_UNROLL
        for (size_t r = 0; r < rows; r++)
            sums[r * registers + v] = job->add ? _mm512_add_ps(start, _mm512_maskz_loadu_ps(mask, c + r * job->ldc + v * LANES)) : start;
    }
    const size_t row_step = columns ? 1 : PANEL_PAIRS, pair_step = columns ? PANEL_ROWS : 1;
    for (size_t p = 0; p < job->pairs; p++, a += pair_step, b += PANEL_COLUMNS) {
        __m512bh values[PANEL_COLUMNS / LANES];
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            values[v] = (__m512bh)_mm512_loadu_si512(b + v * LANES);
        TN_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m512bh factor = (__m512bh)_mm512_set1_epi32((int)a[r * row_step]);
            TN_UNROLL
            for (size_t v = 0; v < registers; v++)
                sums[r * registers + v] = _mm512_dpbf16_ps(sums[r * registers + v], values[v], factor);
        }
    }
    TN_UNROLL
    for (size_t r = 0; r < rows; r++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            _mm512_mask_storeu_ps(c + r * job->ldc + v * LANES, v + 1 < registers ? tn_lane_mask(LANES) : job->last,
                                  sums[r * registers + v]);
    }
}

/* One function for each size, so that all sums are registers. */
#define CASE(r, v)                                                                                                                         \
    case (v)*16 + (r):                                                                                                                     \
        if (columns)                                                                                                                       \
            block(job, true, r, v, a, b, bias, c);                                                                                         \
        else                                                                                                                               \
            block(job, false, r, v, a, b, bias, c);                                                                                        \
        break;

TN_PAIRS static void block_of_pairs(const block_job *job, bool columns, size_t rows, size_t registers, const pair *a, const pair *b,
                                    const float *bias, float *c)
{
#if TN_ONE_SIZE_FITS_ALL
    block(job, columns, rows, registers, a, b, bias, c);
#else
    switch (registers * 16 + rows) {
        TN_CASES_12(CASE, 1)
        TN_CASES_12(CASE, 2)
    default:
        break;
    }
#endif
}

static size_t at_most(size_t left, size_t most)
{
    return left < most ? left : most;
}

/* All rows of a panel of a by `width` columns. */
TN_PAIRS static void multiply_columns(const block_job *job, bool columns, size_t rows, size_t width, const pair *a, const pair *b,
                                      const float *bias, float *c)
{
    const size_t registers = (width + LANES - 1) / LANES, blocks = (rows + ROWS_MAX - 1) / ROWS_MAX;
    for (size_t i = 0; i < blocks; i++) {
        const size_t at = i * rows / blocks, count = (i + 1) * rows / blocks - at;
        block_of_pairs(job, columns, count, registers, a + at * (columns ? 1 : PANEL_PAIRS), b, bias, c + at * job->ldc);
    }
}

/* Rows of c from `row` on, at most PANEL_ROWS, over values k .. of the sum, at most two for each of PANEL_PAIRS. */
TN_PAIRS static void multiply_panel(const tn_gemm_job *job, size_t row, size_t k)
{
    _Alignas(64) pair a[PANEL_ROWS * PANEL_PAIRS], b[PANEL_PAIRS * PANEL_COLUMNS];
    const size_t rows = at_most(job->m - row, PANEL_ROWS), sums = at_most(job->k - k, (size_t)2 * PANEL_PAIRS);
    block_job of_block = {.pairs = (sums + 1) / 2, .ldc = job->ldc, .add = job->add || k > 0};
    if (job->transpose_a)
        copy_down(sums, rows, job->a + k * job->lda + row, job->lda, PANEL_ROWS, a);
    else
        copy_along(rows, sums, job->a + row * job->lda + k, job->lda, a);
    for (size_t column = 0; column < job->n; column += PANEL_COLUMNS) {
        const size_t width = at_most(job->n - column, PANEL_COLUMNS);
        if (job->transpose_b)
            copy_across(width, sums, job->b + column * job->ldb + k, job->ldb, b);
        else
            copy_down(sums, width, job->b + k * job->ldb + column, job->ldb, PANEL_COLUMNS, b);
        of_block.last = tn_lane_mask((width - 1) % LANES + 1);
        multiply_columns(&of_block, job->transpose_a, rows, width, a, b, job->bias && k == 0 ? job->bias + column : NULL,
                         job->c + row * job->ldc + column);
    }
}

bool tn_gemm_pairs(const tn_gemm_job *job)
{
    if (job->k == 0 || !tn_isa_has_bfloat16())
        return false;
    for (size_t row = 0; row < job->m; row += PANEL_ROWS)
        for (size_t k = 0; k < job->k; k += 2 * PANEL_PAIRS)
            multiply_panel(job, row, k);
    return true;
}

#else

bool tn_gemm_pairs(const tn_gemm_job *job)
{
    (void)job;
    return false;
}

#endif
