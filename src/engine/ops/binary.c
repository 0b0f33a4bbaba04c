/* binary.c: see binary.h. */
#include "engine/ops/binary.h"

#include <assert.h>
#include <string.h>

#include "base/threads.h"

/* Cut for the pool: a tile of 64 KiB stays in cache, and fewer than four are not worth waking a thread. */
enum { TILE = 16384, SPLIT_FROM = 4 * TILE };

tn_status tn_binary_configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    char first[96], second[96];
    const tn_shape *a = &node->inputs[0], *b = &node->inputs[1];
    if (node->input_count != 2)
        return tn_fail(error, TN_ERROR_HYPES, "%s takes two inputs and has %zu; name both, as in \"from\": [\"dense_0\", \"dense_1\"]",
                       node->op->name, node->input_count);
    if (a->rank != b->rank || memcmp(a->dims, b->dims, a->rank * sizeof *a->dims) != 0)
        return tn_fail(error, TN_ERROR_HYPES, "%s needs inputs of one shape; the first is %s, the second %s", node->op->name,
                       tn_shape_format(first, a), tn_shape_format(second, b));
    node->output = *a;
    return TN_OK;
}

typedef struct job {
    const tn_node *node;
    const tn_pass *pass;
    size_t count;
    tn_binary_forward_fn *forward;
    tn_binary_backward_fn *backward;
} job;

static tn_real *moved(tn_real *values, size_t by)
{
    return values ? values + by : NULL;
}

static void run_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const tn_pass *pass = work->pass;
    const size_t first = tile * TILE, rest = work->count - first, count = rest < TILE ? rest : TILE;
    const tn_real *a = pass->inputs[0] + first, *b = pass->inputs[1] + first;
    assert(work->forward || work->backward);
    if (work->forward != NULL)
        work->forward(work->node->attributes, count, a, b, pass->output + first);
    else
        work->backward(work->node->attributes, count, a, b, pass->d_output + first, moved(pass->d_inputs[0], first),
                       moved(pass->d_inputs[1], first));
}

static void run(job *work)
{
    work->count = work->pass->batch * tn_shape_size(&work->node->output);
    tn_pool_run(work->count < SPLIT_FROM ? NULL : work->pass->pool, (work->count + TILE - 1) / TILE, run_tile, work);
}

void tn_binary_forward(const tn_node *node, const tn_pass *pass, tn_binary_forward_fn *span)
{
    run(&(job){.node = node, .pass = pass, .forward = span});
}

void tn_binary_backward(const tn_node *node, const tn_pass *pass, tn_binary_backward_fn *span)
{
    run(&(job){.node = node, .pass = pass, .backward = span});
}
