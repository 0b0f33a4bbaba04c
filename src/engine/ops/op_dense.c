/* op_dense.c: a fully connected layer. A sequence [time, features] is mapped step by step, to [time, units], so that B below counts the steps of all samples;
 * input of any other shape is taken as a flat row of its values.
 *
 * x [B, K], weight W [K, N], bias b [N], y [B, N]:
 *   y = x W + b,   dx = dy W^T,   dW = x^T dy,   db = sum over B of dy
 * Tiles: columns of y; columns of dx; rows of W. With a sink a block of rows of dW goes to the optimizer as soon as it is made, while it
 * is in cache, and never to memory:
 * a large layer is bound by memory (dW of 784 x 512 is 1.6 MB), and this saves writing it and reading it back. */
#include "engine/gemm.h"
#include "engine/ops/ops.h"
#include "engine/ops/row_product.h"
#include "engine/tiles.h"

enum { WEIGHT, BIAS };

/* A tile narrower than this makes dnnl_sgemm slow: 64 x 512 x 512 transposed falls from 200 to 115 GFLOP/s in tiles of 64 columns. */
enum { TILE_COLUMNS = 128, TILE_ALIGNMENT = 16, ROW_ALIGNMENT = TN_SINK_ROWS };

/* Of a sequence, whose many rows make a tile's product long. */
enum { TILE_WEIGHT_ROWS = 32 };

/* Reals of dW that are handed over at once: 128 KB, so that they stay in L2 beside the weights that they change. */
enum { BLOCK_REALS = 32768 };

typedef struct attributes {
    size_t inputs, units;
    size_t steps;      /* rows of a sample: 1 but for sequences */
    size_t block_rows; /* of dW, for the sink */
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
    bool is_sequence = node->inputs[0].rank == 2;
    own->steps = is_sequence ? node->inputs[0].dims[0] : 1;
    own->inputs = tn_shape_size(&node->inputs[0]) / own->steps;
    own->units = tn_attribute_size(hypes_node, "units");
    own->bias = tn_attribute_boolean(hypes_node, "bias");
    own->block_rows = BLOCK_REALS / own->units / ROW_ALIGNMENT * ROW_ALIGNMENT;
    if (own->block_rows == 0)
        own->block_rows = ROW_ALIGNMENT;
    if (own->block_rows > own->inputs)
        own->block_rows = own->inputs;
    const tn_shape row = {.rank = 1, .dims = {own->units}};
    node->output = is_sequence ? (tn_shape){.rank = 2, .dims = {own->steps, own->units}} : row;
    node->multiply_adds = (double)own->steps * (double)own->inputs * (double)own->units;
    node->scratch_per_worker = own->block_rows * own->units;
    node->scratch_shared = own->units;
    tn_parameter *weight = tn_node_add_parameter(node, "weight", &(tn_shape){.rank = 2, .dims = {own->inputs, own->units}});
    weight->fan_in = own->inputs;
    weight->fan_out = own->units;
    if (own->bias) {
        tn_parameter *bias = tn_node_add_parameter(node, "bias", &row);
        bias->fan_in = own->inputs;
        bias->fan_out = own->units;
    }
    return TN_OK;
}

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_precision factors;
    size_t rows; /* of x and y */
    size_t scratch_each;
    tn_tiles tiles;
} job;

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t units = j->own->units, first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    const tn_real *bias = j->own->bias ? pass->parameters[BIAS] + first : NULL;
    tn_gemm(j->factors, false, false, j->rows, count, j->own->inputs, pass->inputs[0], j->own->inputs, pass->parameters[WEIGHT] + first,
            units, bias, false, pass->output + first, units);
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t inputs = j->own->inputs, units = j->own->units, first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->factors, false, true, j->rows, count, units, pass->d_output, units, pass->parameters[WEIGHT] + first * units, units, NULL,
            false, pass->d_inputs[0] + first, inputs);
}

/* Rows first .. first + count - 1 of dW. */
static void weight_rows(const job *j, size_t first, size_t count, tn_real *rows)
{
    const tn_pass *pass = j->pass;
    tn_gemm(j->factors, true, false, count, j->own->units, j->rows, pass->inputs[0] + first, j->own->inputs, pass->d_output, j->own->units,
            NULL, false, rows, j->own->units);
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    const job *j = context;
    const tn_pass *pass = j->pass;
    size_t units = j->own->units, first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    /* With or without a sink the same blocks, so that the products come out the same to the last bit. */
    for (size_t done = 0, rows; done < count; done += rows) {
        rows = count - done < j->own->block_rows ? count - done : j->own->block_rows;
        tn_real *block = pass->sink ? pass->scratch + worker * j->scratch_each : pass->d_parameters[WEIGHT] + (first + done) * units;
        weight_rows(j, first + done, rows, block);
        if (pass->sink)
            pass->sink->take(pass->sink->context, WEIGHT, tile, (first + done) * units, rows * units, block);
    }
}

/* Of a sequence, whose many rows are the tiles of y and dx. */
static tn_row_product by_rows(const job *j)
{
    return (tn_row_product){.pool = j->pass->pool,
                            .factors = j->factors,
                            .rows = j->rows,
                            .inputs = j->own->inputs,
                            .outputs = j->own->units,
                            .weight = j->pass->parameters[WEIGHT],
                            .bias = j->own->bias ? j->pass->parameters[BIAS] : NULL};
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    job j = {.own = own, .pass = pass, .factors = node->factors, .rows = pass->batch * own->steps};
    if (own->steps > 1) {
        const tn_row_product product = by_rows(&j);
        tn_row_product_forward(&product, pass->inputs[0], pass->output);
        return;
    }
    j.tiles = tn_tiles_split(own->units, 2 * j.rows * own->inputs, TILE_ALIGNMENT, own->units / TILE_COLUMNS);
    tn_pool_run(pass->pool, j.tiles.count, forward_tile, &j);
}

/* dx first: with a sink the weights change. */
static void backward(const tn_node *node, const tn_pass *pass)
{
    const attributes *own = attributes_of(node);
    bool is_sequence = own->steps > 1;
    job j = {
        .own = own, .pass = pass, .factors = node->factors, .rows = pass->batch * own->steps, .scratch_each = node->scratch_per_worker};
    size_t work = 2 * j.rows * own->units, most = own->inputs / (is_sequence ? TILE_WEIGHT_ROWS : TILE_COLUMNS);
    if (pass->d_inputs[0] && is_sequence) {
        const tn_row_product product = by_rows(&j);
        tn_row_product_inputs(&product, pass->d_output, false, pass->d_inputs[0]);
    } else if (pass->d_inputs[0]) {
        j.tiles = tn_tiles_split(own->inputs, work, TILE_ALIGNMENT, most);
        tn_pool_run(pass->pool, j.tiles.count, input_tile, &j);
    }
    if (!pass->d_parameters[WEIGHT])
        return;
    j.tiles = tn_tiles_split(own->inputs, work, ROW_ALIGNMENT, most);
    tn_pool_run(pass->pool, j.tiles.count, weight_tile, &j);
    if (!own->bias)
        return;
    tn_real *sums = pass->sink ? tn_pass_shared_scratch(node, pass) : pass->d_parameters[BIAS];
    tn_row_product_sum(j.rows, own->units, pass->d_output, sums);
    if (pass->sink)
        pass->sink->take(pass->sink->context, BIAS, 0, 0, own->units, sums);
}

const tn_op tn_op_dense = {
    .name = "dense",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_FEEDS_SINK,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
