/* gemm_split.h: how the AVX-512 products cut c into blocks that stay in registers. For gemm_direct.c and gemm_pairs.c. */
#ifndef TN_ENGINE_GEMM_SPLIT_H
#define TN_ENGINE_GEMM_SPLIT_H

#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

/* A block is R rows by V registers: R at most 12 for one or two of them, 8 for three, 6 for four. */
enum { TN_BLOCK_ROWS = 12, TN_BLOCK_REGISTERS = 4, TN_BLOCK_SUMS = TN_BLOCK_ROWS * 2 };

/* Rows of a block of so many registers, at most. */
static inline size_t tn_block_rows(size_t registers)
{
    return registers <= 2 ? TN_BLOCK_ROWS : TN_BLOCK_SUMS / registers;
}

/* CASE(rows, registers) for each size of a block. */
#define TN_BLOCK_CASES(CASE) TN_CASES_12(CASE, 1) TN_CASES_12(CASE, 2) TN_CASES_8(CASE, 3) TN_CASES_6(CASE, 4)

/* Some neighbouring columns of c, a register or more. */
typedef struct tn_column_group {
    size_t first, width, registers;
    __mmask16 last; /* columns of the last register */
} tn_column_group;

/* The g-th of `groups` groups of nearly equal size. */
static inline tn_column_group tn_column_group_at(size_t n, size_t g, size_t groups)
{
    const size_t all = (n + TN_LANES - 1) / TN_LANES, begin = g * all / groups;
    tn_column_group group = {.first = begin * TN_LANES, .registers = (g + 1) * all / groups - begin};
    const size_t most = group.registers * TN_LANES;
    group.width = n - group.first < most ? n - group.first : most;
    group.last = tn_lane_mask(group.width - (most - TN_LANES));
    return group;
}

#endif

#endif
