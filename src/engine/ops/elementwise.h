/* elementwise.h: what the ops share that work element by element, and the fixed tiles of those that sum over rows.
 *
 * A span function computes `count` elements. Pointers may be equal (an op that runs in place) but overlap in no other way, so loops carry
 * TN_INDEPENDENT in place of restrict. Large tensors are split among the pool's threads; no element depends on the split. */
#ifndef TN_ENGINE_ELEMENTWISE_H
#define TN_ENGINE_ELEMENTWISE_H

#include <stddef.h>

#include "base/threads.h"
#include "engine/op.h"
#include "engine/vector_math.h"

/* y [count] from x [count]. */
typedef void tn_forward_span_fn(const void *attributes, size_t count, const tn_real *x, tn_real *y);

/* d_input [count] from d_output [count] and `known` [count]: the op's output where it has TN_OP_BACKWARD_FROM_OUTPUT, else its input. */
typedef void tn_backward_span_fn(const void *attributes, size_t count, const tn_real *known, const tn_real *d_output, tn_real *d_input);

/* configure of an activation without attributes: one input, the output of the same shape. */
tn_status tn_activation_configure(tn_node *node, const json_t *hypes_node, tn_error *error);

/* The one attribute of an op that can be guarded: the number that `key` has, or `otherwise` where it has none. */
void tn_guard_read(tn_node *node, const json_t *hypes_node, const char *key, double otherwise);

/* The same for "epsilon", which is added to a divisor: 0 is kept as -0, since x + 0 would lose the sign of x = -0. */
void tn_epsilon_read(tn_node *node, const json_t *hypes_node);

TN_INLINE tn_real tn_guard_value(const void *attributes)
{
    return *(const tn_real *)attributes;
}

/* Whole passes from spans. The node's attributes are handed to the span. */
void tn_activation_forward(const tn_node *node, const tn_pass *pass, tn_forward_span_fn *span);
void tn_activation_backward(const tn_node *node, const tn_pass *pass, tn_backward_span_fn *span);

/* The last axis and what lies before it, for ops that normalise: a sample of shape [..., width] is `rows_per_sample` rows of `width`. */
size_t tn_last_axis(const tn_shape *shape);

/* Sums over rows are made in at most this many tiles of consecutive rows, added in the order of the tiles, so that they are the same at
 * any thread count. */
enum { TN_ROW_TILES = 16 };

/* The number of tiles for `rows` rows of `width`: 1 for small tensors, never more than TN_ROW_TILES, never more than rows. Depends on
 * nothing else. */
size_t tn_row_tiles(size_t rows, size_t width);

#endif
