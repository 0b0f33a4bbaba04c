/* gemm.c: see gemm.h. */
#include "engine/gemm.h"

#include <string.h>

#ifndef TN_REAL_DOUBLE
#include <dnnl.h>

void tn_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const tn_real *a, size_t lda, const tn_real *b, size_t ldb,
             bool add, tn_real *c, size_t ldc)
{
    if (k == 0) {
        for (size_t i = 0; i < m && !add; i++)
            memset(c + i * ldc, 0, n * sizeof *c);
        return;
    }
    /* It refuses only negative sizes and strides below the row, which callers do not have. */
    (void)dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', (dnnl_dim_t)m, (dnnl_dim_t)n, (dnnl_dim_t)k, 1.0f, a,
                     (dnnl_dim_t)lda, b, (dnnl_dim_t)ldb, add ? 1.0f : 0.0f, c, (dnnl_dim_t)ldc);
}

#else

void tn_gemm(bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const tn_real *a, size_t lda, const tn_real *b, size_t ldb,
             bool add, tn_real *c, size_t ldc)
{
    for (size_t i = 0; i < m; i++) {
        if (!add)
            memset(c + i * ldc, 0, n * sizeof *c);
        for (size_t p = 0; p < k; p++) {
            tn_real factor = transpose_a ? a[p * lda + i] : a[i * lda + p];
            for (size_t j = 0; j < n; j++)
                c[i * ldc + j] += factor * (transpose_b ? b[j * ldb + p] : b[p * ldb + j]);
        }
    }
}

#endif
