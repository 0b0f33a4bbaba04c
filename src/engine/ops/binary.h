/* binary.h: what the ops of two inputs share: subtract, multiply and divide, element by element.
 *
 * A span function computes `count` elements. No pointers overlap. Large tensors are split among the pool's threads in fixed tiles; no element
 * depends on the split. Sums of any number of inputs are op_add.c's. */
#ifndef TN_ENGINE_BINARY_H
#define TN_ENGINE_BINARY_H

#include <stddef.h>

#include "engine/op.h"

/* y [count] from a [count] and b [count]. */
typedef void tn_binary_forward_fn(const void *attributes, size_t count, const tn_real *a, const tn_real *b, tn_real *y);

/* d_a [count] and d_b [count], of which either may be NULL, from d_output [count] and what went in. */
typedef void tn_binary_backward_fn(const void *attributes, size_t count, const tn_real *a, const tn_real *b, const tn_real *d_output,
                                   tn_real *d_a, tn_real *d_b);

/* configure: two inputs of one shape, which is that of the output; otherwise TN_ERROR_HYPES. */
tn_status tn_binary_configure(tn_node *node, const json_t *hypes_node, tn_error *error);

/* Whole passes from spans. The node's attributes are handed to the span. */
void tn_binary_forward(const tn_node *node, const tn_pass *pass, tn_binary_forward_fn *span);
void tn_binary_backward(const tn_node *node, const tn_pass *pass, tn_binary_backward_fn *span);

#endif
