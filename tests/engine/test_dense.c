/* test_dense.c: dense layers large enough to be cut into tiles and blocks, in float, against plain sums in double; and what goes to a sink. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/threads.h"
#include "engine/op.h"
#include "engine/support_op.h"

enum { WEIGHT, BIAS };

/* Several blocks of rows of the weights in one tile; several tiles; one row; more columns than a block holds. */
static const tn_op_case cases[] = {
    {.label = "blocks", .op = "dense", .attributes = "{\"units\": 100, \"bias\": true}", .batch = 3, .inputs = {TN_SHAPE1(900)}},
    {.label = "tiles", .op = "dense", .attributes = "{\"units\": 260, \"bias\": true}", .batch = 40, .inputs = {TN_SHAPE3(9, 10, 8)}},
    {.label = "no bias", .op = "dense", .attributes = "{\"units\": 260, \"bias\": false}", .batch = 40, .inputs = {TN_SHAPE1(600)}},
    {.label = "one", .op = "dense", .attributes = "{\"units\": 300, \"bias\": true}", .batch = 1, .inputs = {TN_SHAPE1(1)}},
    {.label = "wide", .op = "dense", .attributes = "{\"units\": 5000, \"bias\": true}", .batch = 2, .inputs = {TN_SHAPE1(20)}},
};
enum { CASES = sizeof cases / sizeof *cases };

/* sum of a[i a_step] b[i b_step], and near enough to `found`. */
static void expect_sum(const tn_op_case *of, const char *what, float found, size_t count, const float *a, size_t a_step, const float *b,
                       size_t b_step, double start)
{
    double sum = start, size = fabs(start);
    for (size_t i = 0; i < count; i++) {
        double term = (double)a[i * a_step] * (b ? (double)b[i * b_step] : 1);
        sum += term;
        size += fabs(term);
    }
    if (!(fabs((double)found - sum) <= 2e-6 * size))
        fail_msg("%s of %s: %.9g, expected %.9g", what, of->label, (double)found, sum);
}

static void expect_sums(const tn_op_case *of, const tn_op_run *run)
{
    size_t batch = of->batch, in = tn_shape_size(&run->node.inputs[0]), units = run->node.output.dims[0];
    const float *weight = run->pass.parameters[WEIGHT], *x = run->inputs[0], *dy = run->d_output;
    bool bias = run->node.parameter_count > 1;
    for (size_t i = 0; i < batch * units; i++)
        expect_sum(of, "y", run->output[i], in, x + i / units * in, 1, weight + i % units, units,
                   bias ? (double)run->pass.parameters[BIAS][i % units] : 0);
    for (size_t i = 0; i < batch * in; i++)
        expect_sum(of, "dx", run->d_inputs[0][i], units, dy + i / in * units, 1, weight + i % in * units, 1, 0);
    for (size_t i = 0; i < in * units; i++)
        expect_sum(of, "dweight", run->pass.d_parameters[WEIGHT][i], batch, x + i / units, in, dy + i % units, units, 0);
    for (size_t i = 0; i < units && bias; i++)
        expect_sum(of, "dbias", run->pass.d_parameters[BIAS][i], batch, dy + i, units, NULL, 0, 0);
}

static void large_layers_are_right(void **state)
{
    (void)state;
    tn_error error;
    tn_pool *pool;
    assert_int_equal(tn_pool_create(3, &pool, &error), TN_OK);
    for (size_t i = 0; i < CASES; i++) {
        tn_op_run run;
        tn_op_run_init(&run, &cases[i], pool, 5);
        tn_op_run_forward(&run);
        tn_op_run_backward(&run);
        expect_sums(&cases[i], &run);
        tn_op_run_deinit(&run);
    }
    tn_pool_destroy(pool);
}

enum { TILES = 16 };

/* A sink that keeps what it is given, and counts how often each value comes. */
typedef struct kept {
    float *values[2];
    unsigned char *times[2];
    size_t ends[2][TILES]; /* of the last slice of each tile */
} kept;

static void keep(void *context, size_t parameter, size_t tile, size_t offset, size_t count, const tn_real *gradients)
{
    kept *k = context;
    assert_true(tile < TILES && offset >= k->ends[parameter][tile]);
    for (size_t later = tile + 1; later < TILES; later++)
        assert_true(k->ends[parameter][later] == 0 || offset + count < k->ends[parameter][later]);
    k->ends[parameter][tile] = offset + count;
    memcpy(k->values[parameter] + offset, gradients, count * sizeof *gradients);
    for (size_t i = 0; i < count; i++)
        k->times[parameter][offset + i]++;
}

/* Every value once, the same to the last bit, and nothing elsewhere. */
static void a_sink_gets_the_same_gradients(void **state)
{
    (void)state;
    tn_error error;
    tn_pool *pool;
    assert_int_equal(tn_pool_create(2, &pool, &error), TN_OK);
    for (size_t i = 0; i < CASES; i++) {
        tn_op_run run;
        tn_op_run_init(&run, &cases[i], pool, 5);
        tn_op_run_forward(&run);
        tn_op_run_backward(&run);
        kept k = {{0}, {0}, {{0}}};
        float *gradients[2];
        for (size_t p = 0; p < run.node.parameter_count; p++) {
            size_t size = run.parameter_sizes[p];
            k.values[p] = calloc(size, sizeof *k.values[p]);
            k.times[p] = calloc(size, 1);
            gradients[p] = malloc(size * sizeof *gradients[p]);
            assert_true(k.values[p] && k.times[p] && gradients[p]);
            memcpy(gradients[p], run.pass.d_parameters[p], size * sizeof *gradients[p]);
        }
        const tn_gradient_sink sink = {keep, &k};
        run.pass.sink = &sink;
        run.node.op->backward(&run.node, &run.pass);
        for (size_t p = 0; p < run.node.parameter_count; p++) {
            assert_memory_equal(k.values[p], gradients[p], run.parameter_sizes[p] * sizeof *gradients[p]);
            assert_memory_equal(run.pass.d_parameters[p], gradients[p], run.parameter_sizes[p] * sizeof *gradients[p]);
            for (size_t v = 0; v < run.parameter_sizes[p]; v++)
                assert_int_equal(k.times[p][v], 1);
            free(k.values[p]);
            free(k.times[p]);
            free(gradients[p]);
        }
        tn_op_run_deinit(&run);
    }
    tn_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_layers_are_right),
        cmocka_unit_test(a_sink_gets_the_same_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
