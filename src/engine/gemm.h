/* gemm.h: products of row-major matrices, for the ops.
 *
 * In float it is oneDNN's dnnl_sgemm, single-threaded (called inside tiles of the pool), and for small matrices gemm_direct.c; factors that are to be rounded go through gemm_bfloat16.c. In double
 * (TN_REAL_DOUBLE) a plain loop. */
#ifndef TN_ENGINE_GEMM_H
#define TN_ENGINE_GEMM_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/real.h"

/* What the factors of a product are rounded to before they are multiplied, to the nearest and from the middle to the even one. Sums are float, bias and what is added to stay as they are. Values
 * below 2^-126 may count as 0 (gemm_pairs.h). In double nothing is rounded. */
typedef enum tn_precision { TN_FLOAT32 = 0, TN_BFLOAT16 } tn_precision;

/* c [m, n] = op(a) op(b) + bias [n] (NULL: none) + (add ? c : 0), where op(a) is [m, k]: a itself, or its transpose where transpose_a;
 * likewise op(b) [k, n].
 * lda, ldb, ldc: reals from one row to the next, as stored. k = 0 leaves the other terms. Call it inside a tile of tn_pool_run. */
void tn_gemm(tn_precision factors, bool transpose_a, bool transpose_b, size_t m, size_t n, size_t k, const tn_real *a, size_t lda,
             const tn_real *b, size_t ldb, const tn_real *bias, bool add, tn_real *c, size_t ldc);

#endif
