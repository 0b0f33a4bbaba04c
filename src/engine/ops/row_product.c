/* row_product.c: see row_product.h. */
#include "engine/ops/row_product.h"

#include <string.h>

#include "base/simd.h"
#include "engine/gemm.h"
#include "engine/tiles.h"

/* Rows of a weight gradient in a tile. */
enum { TILE_WEIGHT_ROWS = 32 };

typedef struct job {
    const tn_row_product *of;
    const tn_real *from, *other; /* x, or dy; and dy beside x */
    tn_real *to;
    bool add;
    tn_tiles tiles;
} job;

static void forward_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t inputs = j->of->inputs, outputs = j->of->outputs;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->of->factors, false, false, count, outputs, inputs, j->from + first * inputs, inputs, j->of->weight, outputs, j->of->bias,
            false, j->to + first * outputs, outputs);
}

void tn_row_product_forward(const tn_row_product *of, const tn_real *x, tn_real *y)
{
    job j = {.of = of, .from = x, .to = y};
    j.tiles = tn_tiles_split(of->rows, 2 * of->inputs * of->outputs, 1, TN_TILES_MAX);
    tn_pool_run(of->pool, j.tiles.count, forward_tile, &j);
}

static void input_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t inputs = j->of->inputs, outputs = j->of->outputs;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->of->factors, false, true, count, inputs, outputs, j->from + first * outputs, outputs, j->of->weight, outputs, NULL, j->add,
            j->to + first * inputs, inputs);
}

void tn_row_product_inputs(const tn_row_product *of, const tn_real *dy, bool add, tn_real *dx)
{
    job j = {.of = of, .from = dy, .to = dx, .add = add};
    j.tiles = tn_tiles_split(of->rows, 2 * of->inputs * of->outputs, 1, TN_TILES_MAX);
    tn_pool_run(of->pool, j.tiles.count, input_tile, &j);
}

static void weight_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const size_t inputs = j->of->inputs, outputs = j->of->outputs;
    size_t first, count;
    tn_tiles_range(&j->tiles, tile, &first, &count);
    tn_gemm(j->of->factors, true, false, count, outputs, j->of->rows, j->from + first, inputs, j->other, outputs, NULL, false,
            j->to + first * outputs, outputs);
}

TN_SIMD_CLONES
static void sum_rows(size_t rows, size_t columns, const tn_real *restrict values, tn_real *restrict sums)
{
    memcpy(sums, values, columns * sizeof *sums);
    for (size_t i = 1; i < rows; i++)
        for (size_t k = 0; k < columns; k++)
            sums[k] += values[i * columns + k];
}

void tn_row_product_sum(size_t rows, size_t columns, const tn_real *values, tn_real *sums)
{
    sum_rows(rows, columns, values, sums);
}

void tn_row_product_weights(const tn_row_product *of, const tn_real *x, const tn_real *dy, tn_real *d_weight, tn_real *d_bias)
{
    if (d_weight) {
        job j = {.of = of, .from = x, .other = dy, .to = d_weight};
        j.tiles = tn_tiles_split(of->inputs, 2 * of->rows * of->outputs, 1, of->inputs / TILE_WEIGHT_ROWS);
        tn_pool_run(of->pool, j.tiles.count, weight_tile, &j);
    }
    if (d_bias)
        sum_rows(of->rows, of->outputs, dy, d_bias);
}
