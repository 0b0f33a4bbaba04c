/* op_concat.c: the nodes in "from" side by side along one axis of a sample, the last unless "axis" (from 0) says otherwise.
 *
 * With `rows` the product of the batch and the axes before it, and w_i that of the axis and those behind it in input i: y [rows, sum of w_i] is made of
 * pieces [rows, w_i], and dx_i is its piece of dy. */
#include <string.h>

#include "engine/ops/ops.h"
#include "engine/tiles.h"

typedef struct attributes {
    size_t outer; /* rows of a sample */
    size_t width; /* of a row of the output */
    size_t widths[TN_OP_INPUTS_MAX];
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    const json_t *given = json_object_get(hypes_node, "axis");
    const tn_shape *first = &node->inputs[0];
    const size_t axis = json_is_integer(given) ? (size_t)json_integer_value(given) : first->rank - 1;
    char one[96], other[96];
    if (axis >= first->rank)
        return tn_fail(error, TN_ERROR_HYPES, "concat joins along axis %zu, but a sample has the shape %s: axes 0 to %zu", axis,
                       tn_shape_format(one, first), first->rank - 1);
    node->output = *first;
    node->output.dims[axis] = 0;
    own->outer = 1;
    size_t inner = 1;
    for (size_t i = 0; i < first->rank; i++) {
        own->outer *= i < axis ? first->dims[i] : 1;
        inner *= i > axis ? first->dims[i] : 1;
    }
    for (size_t k = 0; k < node->input_count; k++) {
        const tn_shape *in = &node->inputs[k];
        bool fits = in->rank == first->rank;
        for (size_t i = 0; fits && i < in->rank; i++)
            fits = i == axis || in->dims[i] == first->dims[i];
        if (!fits)
            return tn_fail(error, TN_ERROR_HYPES,
                           "concat along axis %zu needs inputs that are alike in all other axes; the first is %s, number %zu is %s", axis,
                           tn_shape_format(one, first), k + 1, tn_shape_format(other, in));
        own->widths[k] = in->dims[axis] * inner;
        node->output.dims[axis] += in->dims[axis];
        own->width += own->widths[k];
    }
    return TN_OK;
}

typedef struct job {
    const tn_node *node;
    const tn_pass *pass;
    bool backward;
    tn_tiles tiles;
} job;

static void run_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = attributes_of(j->node);
    size_t first, count, before = 0;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t k = 0; k < j->node->input_count; k++) {
        const size_t width = own->widths[k];
        for (size_t r = first; r < first + count; r++) {
            const size_t at = r * own->width + before;
            if (!j->backward)
                memcpy(j->pass->output + at, j->pass->inputs[k] + r * width, width * sizeof(tn_real));
            else if (j->pass->d_inputs[k])
                memcpy(j->pass->d_inputs[k] + r * width, j->pass->d_output + at, width * sizeof(tn_real));
        }
        before += width;
    }
}

static void run(const tn_node *node, const tn_pass *pass, bool is_backward)
{
    const attributes *own = attributes_of(node);
    job j = {node, pass, is_backward, tn_tiles_split(pass->batch * own->outer, own->width, 1, TN_TILES_MAX)};
    tn_pool_run(pass->pool, j.tiles.count, run_tile, &j);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, false);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, true);
}

const tn_op tn_op_concat = {
    .name = "concat",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS | TN_OP_MANY_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
