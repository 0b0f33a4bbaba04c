/* gemm_bfloat16.h: the parts of a bfloat16 product that tests try one by one. Ops call tn_gemm (gemm.h). */
#ifndef TN_ENGINE_GEMM_BFLOAT16_H
#define TN_ENGINE_GEMM_BFLOAT16_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/gemm_job.h"

/* to [count] = from [count], each to the nearest bfloat16 (8 bits of mantissa), from the middle to the even one. What is above the largest becomes infinite; NaN stays NaN. */
void tn_round_to_bfloat16(size_t count, const float *restrict from, float *restrict to);

/* The product where the processor has no instructions for it: both factors rounded, multiplied as floats. */
void tn_gemm_blocks(const tn_gemm_job *job);

/* The product by the library's matmul, factors as they are: the same calls that bfloat16 takes, on processors that have none. False where the library refuses. */
bool tn_gemm_library(const tn_gemm_job *job);

#endif
