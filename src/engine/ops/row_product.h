/* row_product.h: y = x W + b over many rows, and its gradients, split among the threads: for ops that hold several such maps.
 *
 * Rows of x are [inputs], of y [outputs], dense; W is [inputs, outputs]. Tiles depend on the sizes alone. */
#ifndef TN_ENGINE_ROW_PRODUCT_H
#define TN_ENGINE_ROW_PRODUCT_H

#include "base/threads.h"
#include "engine/gemm.h"
#include "engine/op.h"

typedef struct tn_row_product {
    tn_pool *pool;
    tn_precision factors;
    size_t rows, inputs, outputs;
    const tn_real *weight;
    const tn_real *bias; /* [outputs] or NULL */
} tn_row_product;

/* y [rows, outputs] = x W + b */
void tn_row_product_forward(const tn_row_product *of, const tn_real *x, tn_real *y);

/* dx [rows, inputs] = dy W^T, or += where `add`. */
void tn_row_product_inputs(const tn_row_product *of, const tn_real *dy, bool add, tn_real *dx);

/* dW = x^T dy and db = sum over rows of dy; either may be NULL. */
void tn_row_product_weights(const tn_row_product *of, const tn_real *x, const tn_real *dy, tn_real *d_weight, tn_real *d_bias);

/* sums [columns] of values [rows, columns], rows >= 1, in the order of the rows. */
void tn_row_product_sum(size_t rows, size_t columns, const tn_real *values, tn_real *sums);

#endif
