/* op_softmax.c: y = exp(x) / sum(exp(x)) over the last axis, in the stable form: the row's maximum is subtracted first, so that exp cannot
 * overflow.
 * A row that holds NaN or +Inf comes out as NaN. Backward needs y only: dx = y (d - sum(d y)). */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"
#include "engine/row_math.h"

/* Rows are worked on in blocks of about this many values, which stay in L1 between the passes over them; a block is also what a thread
 * takes at once. */
enum { BLOCK = 2048, SPLIT_FROM = 16384 };

typedef struct job {
    size_t rows, width, rows_per_block;
    const tn_real *x_or_y, *d_output;
    tn_real *result;
} job;

TN_SIMD_CLONES
static void forward_rows(size_t rows, size_t width, const tn_real *x, tn_real *y)
{
    tn_rows_shifted_exp(rows, width, x, y, NULL);
    for (size_t r = 0; r < rows; r++) {
        tn_real *row = y + r * width;
        const tn_real factor = (tn_real)(1.0 / tn_row_sum(row, width));
        for (size_t c = 0; c < width; c++) {
            row[c] *= factor;
        }
    }
}

TN_SIMD_CLONES
static void backward_rows(size_t rows, size_t width, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    for (size_t r = 0; r < rows; r++) {
        const size_t start = r * width;
        const tn_real dot = (tn_real)tn_row_dot(d_output + start, y + start, width);
        TN_INDEPENDENT
        for (size_t c = start; c < start + width; c++) {
            d_input[c] = y[c] * (d_output[c] - dot);
        }
    }
}

static void run_block(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *work = context;
    const size_t first = tile * work->rows_per_block, rest = work->rows - first;
    const size_t rows = rest < work->rows_per_block ? rest : work->rows_per_block;
    const size_t start = first * work->width;
    if (work->d_output == NULL) {
        forward_rows(rows, work->width, work->x_or_y + start, work->result + start);
    } else {
        backward_rows(rows, work->width, work->x_or_y + start, work->d_output + start, work->result + start);
    }
}

static void run(const tn_node *node, const tn_pass *pass, job *work)
{
    const size_t count = pass->batch * tn_shape_size(&node->output);
    work->width = tn_last_axis(&node->output);
    work->rows = count / work->width;
    work->rows_per_block = work->width < BLOCK ? BLOCK / work->width : 1;
    const size_t blocks = (work->rows + work->rows_per_block - 1) / work->rows_per_block;
    tn_pool_run(count < SPLIT_FROM ? NULL : pass->pool, blocks, run_block, work);
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    (void)hypes_node;
    (void)error;
    node->output = node->inputs[0];
    return TN_OK;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    job work = {.x_or_y = pass->inputs[0], .result = pass->output};
    run(node, pass, &work);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0] == NULL) {
        return;
    }
    job work = {.x_or_y = pass->output, .d_output = pass->d_output, .result = pass->d_inputs[0]};
    run(node, pass, &work);
}

const tn_op tn_op_softmax = {
    .name = "softmax",
    .flags = TN_OP_BACKWARD_FROM_OUTPUT, /* no TN_OP_ACTIVATION: a row's values depend on each other */
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
