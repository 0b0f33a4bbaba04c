/* global_pool.c: see global_pool.h. */
#include "engine/ops/global_pool.h"

#include "engine/tiles.h"

size_t tn_global_pool_places(const tn_node *node)
{
    return tn_shape_size(&node->inputs[0]) / node->output.dims[0];
}

tn_status tn_global_pool_configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (in->rank < 2)
        return tn_fail(error, TN_ERROR_HYPES,
                       "%s needs a sequence [time, features] or an image [h, w, channels], and a sample has the shape %s", node->op->name,
                       tn_shape_format(shape, in));
    node->output = (tn_shape){.rank = 1, .dims = {in->dims[in->rank - 1]}};
    return TN_OK;
}

typedef struct job {
    const tn_node *node;
    const tn_pass *pass;
    tn_global_pool_fn *of_sample;
    tn_tiles tiles;
} job;

static void run_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t i = first; i < first + count; i++)
        j->of_sample(j->node, j->pass, i);
}

void tn_global_pool_run(const tn_node *node, const tn_pass *pass, tn_global_pool_fn *of_sample)
{
    job j = {node, pass, of_sample, tn_tiles_split(pass->batch, 2 * tn_shape_size(&node->inputs[0]), 1, TN_TILES_MAX)};
    tn_pool_run(pass->pool, j.tiles.count, run_tile, &j);
}
