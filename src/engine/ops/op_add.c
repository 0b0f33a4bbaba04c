/* op_add.c: the sum of two or more tensors of one shape; each input gets the output's gradient, the first one as it stands where the plan lets it. */
#include <string.h>

#include "base/simd.h"
#include "engine/ops/ops.h"

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    char first[96], other[96];
    for (size_t i = 1; i < node->input_count; i++) {
        const tn_shape *a = &node->inputs[0], *b = &node->inputs[i];
        bool equal = a->rank == b->rank;
        for (size_t k = 0; k < a->rank && equal; k++)
            equal = a->dims[k] == b->dims[k];
        if (!equal)
            return tn_fail(error, TN_ERROR_HYPES, "add needs inputs of one shape; the first is %s, number %zu is %s",
                           tn_shape_format(first, a), i + 1, tn_shape_format(other, b));
    }
    node->output = node->inputs[0];
    return TN_OK;
}

/* Cut for the pool: a tile of 64 KiB stays in cache. */
enum { TILE = 16384 };

typedef struct job {
    const tn_node *node;
    const tn_pass *pass;
    size_t count;
} job;

TN_SIMD_CLONES
static void add_two(size_t count, const tn_real *restrict a, const tn_real *restrict b, tn_real *restrict sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] = a[i] + b[i];
}

TN_SIMD_CLONES
static void add_into(size_t count, const tn_real *restrict values, tn_real *restrict sums)
{
    for (size_t i = 0; i < count; i++)
        sums[i] += values[i];
}

static size_t span(const job *j, size_t tile)
{
    size_t first = tile * TILE;
    return j->count - first < TILE ? j->count - first : TILE;
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first = tile * TILE, count = span(j, tile);
    if (j->node->input_count > 1)
        add_two(count, j->pass->inputs[0] + first, j->pass->inputs[1] + first, j->pass->output + first);
    else
        memcpy(j->pass->output + first, j->pass->inputs[0] + first, count * sizeof(tn_real));
    for (size_t i = 2; i < j->node->input_count; i++)
        add_into(count, j->pass->inputs[i] + first, j->pass->output + first);
}

static void backward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first = tile * TILE, count = span(j, tile);
    for (size_t i = 0; i < j->node->input_count; i++) {
        if (j->pass->d_inputs[i] && j->pass->d_inputs[i] != j->pass->d_output)
            memcpy(j->pass->d_inputs[i] + first, j->pass->d_output + first, count * sizeof(tn_real));
    }
}

static void run(const tn_node *node, const tn_pass *pass, tn_tile_fn *tile)
{
    job j = {node, pass, pass->batch * tn_shape_size(&node->output)};
    tn_pool_run(j.count < 4 * TILE ? NULL : pass->pool, (j.count + TILE - 1) / TILE, tile, &j);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, forward_tile);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, backward_tile);
}

const tn_op tn_op_add = {
    .name = "add",
    .flags = TN_OP_MANY_INPUTS | TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT | TN_OP_PASSES_GRADIENT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
