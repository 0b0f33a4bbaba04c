/* op_permute.c: the axes of a sample in another order; the batch stays first.
 *
 * Axis i of the output is axis order[i] of the input, both from 0: {"order": [1, 0]} turns [time, features] into [features, time].
 *   y[j] = x[i],  dx[i] = dy[j],  where the coordinates of j are those of i in the new order */
#include "engine/ops/ops.h"
#include "engine/tiles.h"

typedef struct attributes {
    size_t rank, size;
    size_t dims[TN_SHAPE_RANK_MAX];    /* of the output */
    size_t strides[TN_SHAPE_RANK_MAX]; /* of the input, along each axis of the output */
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    const json_t *order = json_object_get(hypes_node, "order");
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (json_array_size(order) != in->rank)
        return tn_fail(error, TN_ERROR_HYPES,
                       "permute orders %zu axes, but a sample has the shape %s; name each of its %zu axes once, from 0",
                       json_array_size(order), tn_shape_format(shape, in), in->rank);
    size_t strides[TN_SHAPE_RANK_MAX] = {0};
    own->rank = in->rank;
    own->size = 1;
    for (size_t i = in->rank; i-- > 0;) {
        strides[i] = own->size;
        own->size *= in->dims[i];
    }
    node->output.rank = in->rank;
    for (size_t i = 0; i < in->rank; i++) {
        const size_t axis = (size_t)json_integer_value(json_array_get(order, i));
        if (axis >= in->rank)
            return tn_fail(error, TN_ERROR_HYPES, "permute names the axis %zu, but a sample has the shape %s: axes 0 to %zu", axis,
                           tn_shape_format(shape, in), in->rank - 1);
        node->output.dims[i] = own->dims[i] = in->dims[axis];
        own->strides[i] = strides[axis];
    }
    return TN_OK;
}

typedef struct job {
    const attributes *own;
    const tn_real *from;
    tn_real *to;
    bool backward; /* from: d_output, to: d_input */
    tn_tiles tiles;
} job;

/* One sample. The output is walked through in order; `at` follows in the input. */
static void permute_sample(const job *j, const tn_real *from, tn_real *to)
{
    const attributes *own = j->own;
    size_t index[TN_SHAPE_RANK_MAX] = {0}, at = 0;
    const size_t last = own->rank - 1, step = own->strides[last];
    for (size_t done = 0; done < own->size; done += own->dims[last]) {
        for (size_t k = 0; k < own->dims[last]; k++) {
            if (j->backward)
                to[at + k * step] = from[done + k];
            else
                to[done + k] = from[at + k * step];
        }
        for (size_t axis = last; axis-- > 0;) {
            at += own->strides[axis];
            if (++index[axis] < own->dims[axis])
                break;
            at -= own->strides[axis] * own->dims[axis];
            index[axis] = 0;
        }
    }
}

static void run_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t i = first; i < first + count; i++)
        permute_sample(j, j->from + i * j->own->size, j->to + i * j->own->size);
}

static void run(const tn_node *node, const tn_pass *pass, const tn_real *from, tn_real *to, bool is_backward)
{
    const attributes *own = attributes_of(node);
    job j = {own, from, to, is_backward, tn_tiles_split(pass->batch, 4 * own->size, 1, TN_TILES_MAX)};
    tn_pool_run(pass->pool, j.tiles.count, run_tile, &j);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, pass->inputs[0], pass->output, false);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0])
        run(node, pass, pass->d_output, pass->d_inputs[0], true);
}

const tn_op tn_op_permute = {
    .name = "permute",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
