/* gemm_pairs.h: products of factors rounded to bfloat16 by AVX-512 BF16, which multiplies pairs of them and adds both to a float at the pace of one multiply-add. For gemm_bfloat16.c and tests.
 *
 * Values are rounded by the processor: to the nearest, from the middle to the even one, NaN and infinities kept. Unlike the other ways it takes values below 2^-126 for 0, in factors and in sums. */
#ifndef TN_ENGINE_GEMM_PAIRS_H
#define TN_ENGINE_GEMM_PAIRS_H

#include "engine/gemm_job.h"

/* Computes the product, or returns false where k = 0 or the processor lacks the instructions. */
bool tn_gemm_pairs(const tn_gemm_job *job);

#endif
