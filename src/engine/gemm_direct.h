/* gemm_direct.h: small products of matrices in AVX-512, without copying them into panels first. For gemm.c only.
 *
 * dnnl_sgemm allocates and copies in each call, which costs 0.2 us and more: as much as the product itself where matrices are small. Not
 * for large ones: there the library's panels pay. */
#ifndef TN_ENGINE_GEMM_DIRECT_H
#define TN_ENGINE_GEMM_DIRECT_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/real.h"

typedef struct tn_gemm_job {
    bool transpose_a, transpose_b;
    size_t m, n, k;
    const tn_real *a, *b;
    size_t lda, ldb;
    const tn_real *bias; /* [n] or NULL */
    bool add;
    tn_real *c;
    size_t ldc;
} tn_gemm_job;

/* Computes the product, or returns false where the library is faster or the processor lacks AVX-512. */
bool tn_gemm_direct(const tn_gemm_job *job);

#endif
