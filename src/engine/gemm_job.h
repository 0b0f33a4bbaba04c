/* gemm_job.h: one product of matrices, as the files behind tn_gemm hand it to each other. Ops call tn_gemm (gemm.h). */
#ifndef TN_ENGINE_GEMM_JOB_H
#define TN_ENGINE_GEMM_JOB_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/real.h"

/* c [m, n] = op(a) op(b) + bias + (add ? c : 0), as in gemm.h. */
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

/* Factors as they are. */
void tn_gemm_float32(const tn_gemm_job *job);

/* Factors rounded to bfloat16; float alone. */
void tn_gemm_bfloat16(const tn_gemm_job *job);

#endif
