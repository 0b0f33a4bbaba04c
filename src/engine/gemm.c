/* gemm.c: see gemm.h. The one file that calls the library. */
#include "engine/gemm.h"

#include <string.h>

#include "base/simd.h"
#include "engine/gemm_direct.h"
#include "engine/gemm_job.h"

/* c before the product: zeros, itself, with bias. */
TN_SIMD_CLONES
static void start(size_t m, size_t n, const tn_real *bias, bool add, tn_real *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++, c += ldc) {
        if (add) {
            for (size_t j = 0; j < n && bias; j++)
                c[j] += bias[j];
        } else if (bias) {
            memcpy(c, bias, n * sizeof *c);
        } else {
            memset(c, 0, n * sizeof *c);
        }
    }
}

#ifndef TN_REAL_DOUBLE
#include <dnnl.h>

static char letter(bool transposed)
{
    return transposed ? 'T' : 'N';
}

void tn_gemm_float32(const tn_gemm_job *job)
{
    if (tn_gemm_direct(job))
        return;
    if (job->bias || job->k == 0)
        start(job->m, job->n, job->bias, job->add, job->c, job->ldc);
    if (job->k == 0)
        return;
    /* It refuses only negative sizes and steps below the row, which callers do not have. */
    (void)dnnl_sgemm(letter(job->transpose_a), letter(job->transpose_b), (dnnl_dim_t)job->m, (dnnl_dim_t)job->n, (dnnl_dim_t)job->k, 1.0f,
                     job->a, (dnnl_dim_t)job->lda, job->b, (dnnl_dim_t)job->ldb, job->add || job->bias ? 1.0f : 0.0f, job->c,
                     (dnnl_dim_t)job->ldc);
}

void tn_gemm(tn_precision factors, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const tn_real *a, size_t lda,
             const tn_real *b, size_t ldb, const tn_real *bias, bool add, tn_real *c, size_t ldc)
{
    const tn_gemm_job job = {transpose_a, transpose_b, m, n, k, a, b, lda, ldb, bias, add, c, ldc};
    if (factors == TN_BFLOAT16)
        tn_gemm_bfloat16(&job);
    else
        tn_gemm_float32(&job);
}

#else

void tn_gemm(tn_precision factors, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const tn_real *a, size_t lda,
             const tn_real *b, size_t ldb, const tn_real *bias, bool add, tn_real *c, size_t ldc)
{
    (void)factors;
    if (bias || !add)
        start(m, n, bias, add, c, ldc);
    for (size_t i = 0; i < m; i++) {
        for (size_t p = 0; p < k; p++) {
            tn_real factor = transpose_a ? a[p * lda + i] : a[i * lda + p];
            for (size_t j = 0; j < n; j++)
                c[i * ldc + j] += factor * (transpose_b ? b[j * ldb + p] : b[p * ldb + j]);
        }
    }
}

#endif
