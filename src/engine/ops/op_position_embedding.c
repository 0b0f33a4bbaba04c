/* op_position_embedding.c: adds to each step of a sequence a row that tells its place: x [B, T, C], y = x + P, P [T, C].
 *
 * "learned": P is a weight; dP = sum over B of dy. "sinusoidal" (Vaswani et al. 2017, arXiv:1706.03762): P[t, 2 i] = sin(t 10000^(-2 i / C)), P[t, 2 i + 1] the cosine of the same;
 * nothing is learned. dx = dy in either case. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

enum { WEIGHT };

#define BASE 10000.0

typedef struct attributes {
    size_t steps, width;
    bool learned;
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
    if (in->rank != 2)
        return tn_fail(error, TN_ERROR_HYPES, "position_embedding needs a sequence [time, features], and a sample has the shape %s",
                       tn_shape_format(shape, in));
    own->steps = in->dims[0];
    own->width = in->dims[1];
    own->learned = strcmp(json_string_value(json_object_get(hypes_node, "kind")), "learned") == 0;
    node->output = *in;
    node->scratch_shared = own->learned ? 0 : own->steps * own->width;
    if (own->learned) {
        tn_parameter *weight = tn_node_add_parameter(node, "weight", in);
        weight->fan_in = 1; /* one row is taken, as of an embedding */
        weight->fan_out = own->width;
    }
    return TN_OK;
}

static void fill_sinusoids(size_t steps, size_t width, tn_real *rows)
{
    for (size_t c = 0; c < width; c++) {
        const double frequency = pow(BASE, -(double)(c - c % 2) / (double)width);
        for (size_t t = 0; t < steps; t++)
            rows[t * width + c] = (tn_real)(c % 2 == 0 ? sin((double)t * frequency) : cos((double)t * frequency));
    }
}

typedef struct job {
    const tn_pass *pass;
    const tn_real *rows;
    size_t size;
    tn_tiles tiles;
} job;

TN_SIMD_CLONES
static void add_places(size_t count, const tn_real *restrict x, const tn_real *restrict rows, tn_real *restrict y)
{
    for (size_t i = 0; i < count; i++)
        y[i] = x[i] + rows[i];
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    for (size_t b = first; b < first + count; b++)
        add_places(j->size, j->pass->inputs[0] + b * j->size, j->rows, j->pass->output + b * j->size);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {.pass = pass, .size = own->steps * own->width};
    if (own->learned) {
        j.rows = pass->parameters[WEIGHT];
    } else {
        tn_real *rows = tn_pass_shared_scratch(node, pass);
        fill_sinusoids(own->steps, own->width, rows);
        j.rows = rows;
    }
    j.tiles = tn_tiles_split(pass->batch, j.size, 1, TN_TILES_MAX);
    tn_pool_run(pass->pool, j.tiles.count, forward_tile, &j);
}

TN_SIMD_CLONES
static void sum_gradient_samples(size_t batch, size_t size, const tn_real *restrict d_output, tn_real *restrict d_weight)
{
    memcpy(d_weight, d_output, size * sizeof *d_weight);
    for (size_t b = 1; b < batch; b++)
        for (size_t i = 0; i < size; i++)
            d_weight[i] += d_output[b * size + i];
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    const size_t size = own->steps * own->width;
    if (pass->d_inputs[0])
        memcpy(pass->d_inputs[0], pass->d_output, pass->batch * size * sizeof(tn_real));
    if (own->learned && pass->d_parameters[WEIGHT])
        sum_gradient_samples(pass->batch, size, pass->d_output, pass->d_parameters[WEIGHT]);
}

const tn_op tn_op_position_embedding = {
    .name = "position_embedding",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
