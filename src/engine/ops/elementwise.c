/* elementwise.c: splits element-by-element passes among threads where a tensor is large enough to pay for it. See elementwise.h. */
#include "engine/ops/elementwise.h"

#include <assert.h>
#include <stdint.h>

/* A tile of 16,384 floats in, as many out, is 128 KiB: it stays in L2. Two threads pay from about four tiles on: waking one costs a
 * microsecond or two. */
enum { TILE = 16384, SPLIT_FROM = 4 * TILE };

/* Row sums: a tile is worth about as much work. */
enum { ROW_TILE_ELEMENTS = 16384 };

typedef struct job {
    const void *attributes;
    size_t count;
    const tn_real *known, *d_output;
    tn_real *result;
    tn_forward_span_fn *forward;
    tn_backward_span_fn *backward;
} job;

static void run_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const size_t start = tile * TILE;
    const size_t rest = work->count - start;
    const size_t count = rest < TILE ? rest : TILE;
    assert(work->forward || work->backward);
    if (work->forward != NULL) {
        work->forward(work->attributes, count, work->known + start, work->result + start);
    } else {
        work->backward(work->attributes, count, work->known + start, work->d_output + start, work->result + start);
    }
}

static void run(const tn_pass *pass, job *work)
{
    assert(work->forward || work->backward);
    if (work->count < SPLIT_FROM || tn_pool_threads(pass->pool) == 1) {
        if (work->forward != NULL) {
            work->forward(work->attributes, work->count, work->known, work->result);
        } else {
            work->backward(work->attributes, work->count, work->known, work->d_output, work->result);
        }
        return;
    }
    tn_pool_run(pass->pool, (work->count + TILE - 1) / TILE, run_tile, work);
}

tn_status tn_activation_configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    (void)error;
    node->output = node->inputs[0];
    return TN_OK;
}

void tn_guard_read(tn_node *node, const json_t *hypes_node, const char *key, double otherwise)
{
    const json_t *value = json_object_get(hypes_node, key);
    *(tn_real *)(void *)node->attributes = (tn_real)(json_is_number(value) ? json_number_value(value) : otherwise);
}

void tn_epsilon_read(tn_node *node, const json_t *hypes_node)
{
    double epsilon = tn_attribute_number(hypes_node, "epsilon");
    *(tn_real *)(void *)node->attributes = epsilon > 0 ? (tn_real)epsilon : (tn_real)-0.0;
}

void tn_activation_forward(const tn_node *node, const tn_pass *pass, tn_forward_span_fn *span)
{
    job work = {.attributes = node->attributes,
                .count = pass->batch * tn_shape_size(&node->output),
                .known = pass->inputs[0],
                .result = pass->output,
                .forward = span};
    run(pass, &work);
}

void tn_activation_backward(const tn_node *node, const tn_pass *pass, tn_backward_span_fn *span)
{
    if (pass->d_inputs[0] == NULL) {
        return;
    }
    job work = {.attributes = node->attributes,
                .count = pass->batch * tn_shape_size(&node->output),
                .known = (node->op->flags & TN_OP_BACKWARD_FROM_OUTPUT) != 0 ? pass->output : pass->inputs[0],
                .d_output = pass->d_output,
                .result = pass->d_inputs[0],
                .backward = span};
    run(pass, &work);
}

size_t tn_last_axis(const tn_shape *shape)
{
    return shape->dims[shape->rank - 1];
}

size_t tn_row_tiles(size_t rows, size_t width)
{
    size_t tiles = rows * width / ROW_TILE_ELEMENTS;
    tiles = tiles < TN_ROW_TILES ? tiles : TN_ROW_TILES;
    tiles = tiles < rows ? tiles : rows;
    return tiles > 0 ? tiles : 1;
}
