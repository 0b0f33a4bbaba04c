/* gemm_direct.c: see gemm_direct.h.
 *
 * A block of c, R rows by V registers of 16 columns (R V at most 24), stays in registers over the whole of k: each step loads V registers
 * of a row of op(b) and broadcasts R values of a.
 * op(b) is read where it lies if its rows are contiguous. If b is to be transposed, 64 columns by 256 of k at a time are copied to the
 * stack, 16 by 16 in registers. */
#include "engine/gemm_direct.h"

#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

enum { LANES = TN_LANES, ROWS_MAX = 12, REGISTERS_MAX = 4 };

/* The part of a transposed b that is copied at once: 64 KB, which stay in L2 while all rows of a pass over them. */
enum { PANEL_COLUMNS = REGISTERS_MAX * LANES, PANEL_K = 256 };

/* Up to this size of op(b) the direct way is never slower (measured on Zen 5: 256 GFLOP/s against 252 for 64 x 512 x 784, 213 against 233
 * for 32 x 1024 x 1024). */
#define B_REALS_MAX ((size_t)1 << 19)

/* What a block needs: pointers to its first row and column, and steps in reals. */
typedef struct block_job {
    size_t k, row_step, k_step; /* from one row of op(a) to the next, and along k */
    size_t ldb, ldc;
    __mmask16 last; /* columns of the last register */
    bool add;
} block_job;

/* For the row pointers: rows three apart have a pointer, those between are reached by the address of the instruction. `columns`: a is
 * transposed, its rows are neighbours. */
TN_INLINE_AVX512 void block(const block_job *job, bool columns, size_t rows, size_t registers, const float *a, const float *b,
                            const float *bias, float *c)
{
    __m512 sums[ROWS_MAX * 2];
    TN_UNROLL
    for (size_t v = 0; v < registers; v++) {
        __mmask16 mask = v + 1 < registers ? tn_lane_mask(LANES) : job->last;
        __m512 start = bias ? _mm512_maskz_loadu_ps(mask, bias + v * LANES) : _mm512_setzero_ps();
        TN_UNROLL
        for (size_t r = 0; r < rows; r++)
            sums[r * registers + v] = job->add ? _mm512_add_ps(start, _mm512_maskz_loadu_ps(mask, c + r * job->ldc + v * LANES)) : start;
    }
    const size_t row_step = job->row_step;
    const float *at[ROWS_MAX / 3];
    TN_UNROLL
    for (size_t g = 0; g < (rows + 2) / 3; g++)
        at[g] = columns ? a + 3 * g : a + 3 * g * row_step;
    for (size_t k = 0; k < job->k; k++) {
        __m512 values[REGISTERS_MAX];
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            values[v] = v + 1 < registers ? _mm512_loadu_ps(b + v * LANES) : _mm512_maskz_loadu_ps(job->last, b + v * LANES);
        TN_UNROLL
        for (size_t r = 0; r < rows; r++) {
            __m512 factor = _mm512_set1_ps(columns ? a[r] : at[r / 3][r % 3 * row_step]);
            TN_UNROLL
            for (size_t v = 0; v < registers; v++)
                sums[r * registers + v] = _mm512_fmadd_ps(factor, values[v], sums[r * registers + v]);
        }
        a += job->k_step;
        TN_UNROLL
        for (size_t g = 0; g < (rows + 2) / 3; g++)
            at[g]++;
        b += job->ldb;
    }
    TN_UNROLL
    for (size_t r = 0; r < rows; r++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            if (v + 1 < registers)
                _mm512_storeu_ps(c + r * job->ldc + v * LANES, sums[r * registers + v]);
            else
                _mm512_mask_storeu_ps(c + r * job->ldc + v * LANES, job->last, sums[r * registers + v]);
        }
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

TN_AVX512 static void some_block(const block_job *job, bool columns, size_t rows, size_t registers, const float *a, const float *b,
                                 const float *bias, float *c)
{
#if TN_ONE_SIZE_FITS_ALL
    block(job, columns, rows, registers, a, b, bias, c);
#else
    switch (registers * 16 + rows) {
        TN_CASES_12(CASE, 1)
        TN_CASES_12(CASE, 2)
        TN_CASES_8(CASE, 3)
        TN_CASES_6(CASE, 4)
    default:
        break;
    }
#endif
}

/* All rows of c at columns first .. first + registers * 16 - 1. b: op(b) at its first row and that column. Rows go in blocks of nearly
 * equal size. */
TN_AVX512 static void all_rows(const tn_gemm_job *job, const block_job *of_block, size_t registers, const float *a, const float *b,
                               const float *bias, float *c)
{
    size_t most = registers <= 2 ? ROWS_MAX : 24 / registers, blocks = (job->m + most - 1) / most;
    for (size_t i = 0; i < blocks; i++) {
        size_t row = i * job->m / blocks, rows = (i + 1) * job->m / blocks - row;
        some_block(of_block, job->transpose_a, rows, registers, a + row * of_block->row_step, b, bias, c + row * of_block->ldc);
    }
}

/* Registers of columns of the g-th of `groups` groups; *first: columns before it. */
static size_t group_registers(size_t n, size_t g, size_t groups, size_t *first)
{
    size_t all = (n + LANES - 1) / LANES, begin = g * all / groups;
    *first = begin * LANES;
    return (g + 1) * all / groups - begin;
}

TN_AVX512 static void product(const tn_gemm_job *job)
{
    size_t groups = (job->n + PANEL_COLUMNS - 1) / PANEL_COLUMNS, first;
    _Alignas(64) float panel[PANEL_K * PANEL_COLUMNS];
    block_job of_block = {.row_step = job->transpose_a ? 1 : job->lda,
                          .k_step = job->transpose_a ? job->lda : 1,
                          .ldb = job->transpose_b ? PANEL_COLUMNS : job->ldb,
                          .ldc = job->ldc};
    for (size_t g = 0; g < groups; g++) {
        size_t registers = group_registers(job->n, g, groups, &first),
               width = job->n - first < registers * LANES ? job->n - first : registers * LANES;
        const float *bias = job->bias ? job->bias + first : NULL;
        of_block.last = tn_lane_mask(width - (registers - 1) * LANES);
        for (size_t k = 0; k < job->k; k += of_block.k) {
            of_block.k = job->transpose_b && job->k - k > PANEL_K ? PANEL_K : job->k - k;
            of_block.add = job->add || k > 0;
            if (job->transpose_b)
                tn_transpose_avx512(width, of_block.k, job->b + first * job->ldb + k, job->ldb, panel, PANEL_COLUMNS);
            all_rows(job, &of_block, registers, job->a + k * of_block.k_step, job->transpose_b ? panel : job->b + first,
                     k > 0 ? NULL : bias, job->c + first);
        }
    }
}

bool tn_gemm_direct(const tn_gemm_job *job)
{
    if (tn_isa_best() != TN_ISA_AVX512 || job->k == 0 || job->n > B_REALS_MAX / job->k)
        return false;
    product(job);
    return true;
}

#else

bool tn_gemm_direct(const tn_gemm_job *job)
{
    (void)job;
    return false;
}

#endif
