/* op_embedding.c: each token of a sample becomes its row of a table.
 *
 * x [B, ...] holds numbers of tokens, 0 .. V - 1, as reals; W [V, D]; y [B, ..., D]:
 *   y[i] = scale * W[x[i]],   dW[v] = scale * sum of dy[i] over the places i with x[i] = v,   dx = 0
 * A token that is no row gives NaN, and its gradient goes nowhere; the trainer refuses data that hold one. Where "scale" is true, scale is
 * sqrt(D), as in Vaswani et al. 2017, arXiv:1706.03762, else 1.
 *
 * The sums over places run in the order of the batch, for one band of columns a tile, so that they are the same at any thread count. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

enum { WEIGHT };

enum { TILE_ALIGNMENT = 16 };

typedef struct attributes {
    size_t vocabulary, units, places; /* places: tokens of a sample */
    tn_real scale;
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    attributes *own = (attributes *)(void *)node->attributes;
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (in->rank >= TN_SHAPE_RANK_MAX)
        return tn_fail(error, TN_ERROR_HYPES, "embedding adds an axis to its input %s, which has %zu already; reshape it first",
                       tn_shape_format(shape, in), in->rank);
    own->vocabulary = tn_attribute_size(hypes_node, "vocabulary");
    own->units = tn_attribute_size(hypes_node, "units");
    own->scale = tn_attribute_boolean(hypes_node, "scale") ? (tn_real)sqrt((double)own->units) : 1;
    own->places = tn_shape_size(in);
    node->output = *in;
    node->output.dims[node->output.rank++] = own->units;
    tn_parameter *weight = tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 2, .dims = {own->vocabulary, own->units}});
    weight->fan_in = 1; /* one token is looked up, however many there are */
    weight->fan_out = own->units;
    return TN_OK;
}

/* The row of a token; vocabulary where there is none. */
static size_t row_of(const attributes *own, tn_real token)
{
    return token > (tn_real)-0.5 && token < (tn_real)own->vocabulary - (tn_real)0.5 ? (size_t)(token + (tn_real)0.5) : own->vocabulary;
}

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_tiles tiles;
} job;

TN_SIMD_CLONES
static void scale_row(size_t count, tn_real scale, const tn_real *restrict from, tn_real *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] = scale * from[i];
}

TN_SIMD_CLONES
static void add_row(size_t count, tn_real scale, const tn_real *restrict from, tn_real *restrict to)
{
    for (size_t i = 0; i < count; i++)
        to[i] += scale * from[i];
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = j->own;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t i = first; i < first + count; i++) {
        const size_t row = row_of(own, j->pass->inputs[0][i]);
        tn_real *to = j->pass->output + i * own->units;
        if (row < own->vocabulary) {
            scale_row(own->units, own->scale, j->pass->parameters[WEIGHT] + row * own->units, to);
        } else {
            for (size_t k = 0; k < own->units; k++)
                to[k] = (tn_real)NAN;
        }
    }
}

/* Columns first .. of dW. */
static void weight_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = j->own;
    const tn_pass *pass = j->pass;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t v = 0; v < own->vocabulary; v++)
        memset(pass->d_parameters[WEIGHT] + v * own->units + first, 0, count * sizeof(tn_real));
    for (size_t i = 0; i < pass->batch * own->places; i++) {
        const size_t row = row_of(own, pass->inputs[0][i]);
        if (row < own->vocabulary)
            add_row(count, own->scale, pass->d_output + i * own->units + first, pass->d_parameters[WEIGHT] + row * own->units + first);
    }
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {own, pass, tn_tiles_split(pass->batch * own->places, own->units, 1, TN_TILES_MAX)};
    tn_pool_run(pass->pool, j.tiles.count, forward_tile, &j);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    const size_t places = pass->batch * own->places;
    if (pass->d_inputs[0])
        memset(pass->d_inputs[0], 0, places * sizeof(tn_real));
    if (!pass->d_parameters[WEIGHT])
        return;
    job j = {own, pass, tn_tiles_split(own->units, places + own->vocabulary, TILE_ALIGNMENT, own->units / TILE_ALIGNMENT)};
    tn_pool_run(pass->pool, j.tiles.count, weight_tile, &j);
}

const tn_op tn_op_embedding = {
    .name = "embedding",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_TAKES_TOKENS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
