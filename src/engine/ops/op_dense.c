/* op_dense.c: a fully connected layer. Input of any shape is taken as a flat row of its values.
 *
 * x [B, K], weight W [K, N], bias b [N], y [B, N]:
 *   y = x W + b,   dx = dy W^T,   dW = x^T dy,   db = sum over B of dy */
#include <stdio.h>
#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

enum { WEIGHT, BIAS };

typedef struct attributes {
    size_t inputs, units;
    bool bias;
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)error;
    attributes *own = (attributes *)(void *)node->attributes;
    own->inputs = tn_shape_size(&node->inputs[0]);
    own->units = tn_attribute_size(hypes_node, "units");
    own->bias = tn_attribute_boolean(hypes_node, "bias");
    node->output = (tn_shape){.rank = 1, .dims = {own->units}};
    tn_parameter *weight = tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 2, .dims = {own->inputs, own->units}});
    weight->fan_in = own->inputs;
    weight->fan_out = own->units;
    if (own->bias) {
        tn_parameter *bias = tn_node_add_parameter(node, "bias", &node->output);
        bias->fan_in = own->inputs;
        bias->fan_out = own->units;
    }
    return TN_OK;
}

/* Columns per tile, so that a tile is worth a thread. */
typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_tiles columns;
} job;

static void fill_with_bias(size_t batch, size_t units, size_t first, size_t count, const tn_real *bias, tn_real *y)
{
    for (size_t i = 0; i < batch; i++)
        memcpy(y + i * units + first, bias + first, count * sizeof *y);
}

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t units = j->own->units, first, count;
    tn_tiles_range(&j->columns, tile, &first, &count);
    if (j->own->bias)
        fill_with_bias(pass->batch, units, first, count, pass->parameters[BIAS], pass->output);
    tn_gemm(false, false, pass->batch, count, j->own->inputs, pass->inputs[0], j->own->inputs, pass->parameters[WEIGHT] + first, units,
            j->own->bias, pass->output + first, units);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {own, pass, tn_tiles_split(own->units, 2 * pass->batch * own->inputs, 16)};
    tn_pool_run(pass->pool, j.columns.count, forward_tile, &j);
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t inputs = j->own->inputs, first, count;
    tn_tiles_range(&j->columns, tile, &first, &count);
    tn_gemm(false, true, pass->batch, count, j->own->units, pass->d_output, j->own->units, pass->parameters[WEIGHT] + first * j->own->units,
            j->own->units, false, pass->d_inputs[0] + first, inputs);
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t units = j->own->units, first, count;
    tn_tiles_range(&j->columns, tile, &first, &count);
    tn_gemm(true, false, count, units, pass->batch, pass->inputs[0] + first, j->own->inputs, pass->d_output, units, false,
            pass->d_parameters[WEIGHT] + first * units, units);
}

TN_SIMD_CLONES
static void sum_rows(size_t rows, size_t columns, const tn_real *restrict values, tn_real *restrict sums)
{
    memcpy(sums, values, columns * sizeof *sums);
    for (size_t i = 1; i < rows; i++) {
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * columns + k];
    }
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {own, pass, tn_tiles_split(own->inputs, 2 * pass->batch * own->units, 16)};
    if (pass->d_inputs[0])
        tn_pool_run(pass->pool, j.columns.count, input_tile, &j);
    if (pass->d_parameters[WEIGHT])
        tn_pool_run(pass->pool, j.columns.count, weight_tile, &j);
    if (own->bias && pass->d_parameters[BIAS])
        sum_rows(pass->batch, own->units, pass->d_output, pass->d_parameters[BIAS]);
}

const tn_op tn_op_dense = {"dense", TN_OP_IGNORES_OUTPUT, configure, forward, backward};
