/* gemm_direct.h: small products of matrices in AVX-512, without copying them into panels first. For gemm.c only.
 *
 * dnnl_sgemm allocates and copies in each call, which costs 0.2 us and more: as much as the product itself where matrices are small. Not
 * for large ones: there the library's panels pay. */
#ifndef TN_ENGINE_GEMM_DIRECT_H
#define TN_ENGINE_GEMM_DIRECT_H

#include "engine/gemm_job.h"

/* Computes the product, or returns false where the library is faster or the processor lacks AVX-512. */
bool tn_gemm_direct(const tn_gemm_job *job);

#endif
