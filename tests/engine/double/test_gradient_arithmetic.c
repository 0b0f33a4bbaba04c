/* test_gradient_arithmetic.c: gradients of functions and of the ops of two inputs, per element, signed, in double; with planted faults. And what
 * they refuse, and that a pool changes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"

#define TWO(shape) .input_count = 2, .inputs = {shape, shape}

/* clang-format off */
static const tn_op_case cases[] = {
    {.label = "log",                .op = "log",        .attributes = "{\"floor\": null}", .batch = 3, .inputs = {TN_SHAPE1(17)}, .positive = true},
    {.label = "log floor",          .op = "log",        .attributes = "{\"floor\": 0.5}",  .batch = 3, .inputs = {TN_SHAPE1(17)}, .kink_count = 1, .kinks = {0.5}},
    {.label = "sqrt",               .op = "sqrt",       .attributes = "{\"floor\": null}", .batch = 3, .inputs = {TN_SHAPE1(17)}, .positive = true},
    {.label = "sqrt floor",         .op = "sqrt",       .attributes = "{\"floor\": 0.5}",  .batch = 3, .inputs = {TN_SHAPE1(17)}, .kink_count = 1, .kinks = {0.5}},
    {.label = "square",             .op = "square",     .batch = 3, .inputs = {TN_SHAPE2(5, 7)}},
    {.label = "reciprocal",         .op = "reciprocal", .attributes = "{\"epsilon\": 0}", .batch = 3, .inputs = {TN_SHAPE1(17)}, .positive = true},
    {.label = "reciprocal epsilon", .op = "reciprocal", .attributes = "{\"epsilon\": 0.5}", .batch = 3, .inputs = {TN_SHAPE1(17)}, .positive = true},
    {.label = "exp ceiling",        .op = "exp",        .attributes = "{\"ceiling\": 0.5}", .batch = 3, .inputs = {TN_SHAPE1(17)}, .kink_count = 1, .kinks = {0.5}},
    {.label = "subtract",           .op = "subtract",   .batch = 3, TWO(TN_SHAPE2(3, 5))},
    {.label = "multiply",           .op = "multiply",   .batch = 3, TWO(TN_SHAPE1(17))},
    {.label = "divide",             .op = "divide",     .attributes = "{\"epsilon\": 0}", .batch = 3, TWO(TN_SHAPE1(17)), .positive = true},
    {.label = "divide epsilon",     .op = "divide",     .attributes = "{\"epsilon\": 0.25}", .batch = 3, TWO(TN_SHAPE1(17)), .positive = true},
};

/* More than a tile of the pool. */
static const tn_op_case large[] = {
    {.label = "subtract in tiles",  .op = "subtract",   .batch = 71, TWO(TN_SHAPE1(1009))},
    {.label = "multiply in tiles",  .op = "multiply",   .batch = 71, TWO(TN_SHAPE1(1009))},
    {.label = "divide in tiles",    .op = "divide",     .attributes = "{\"epsilon\": 0}", .batch = 71, TWO(TN_SHAPE1(1009)), .positive = true},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        tn_gradcheck_assert_op(&cases[i]);
    for (size_t i = 0; i < sizeof large / sizeof *large; i++)
        tn_gradcheck_assert_sampled(&large[i], 997);
}

static void threads_do_not_matter(void **state)
{
    (void)state;
    tn_pool *pool;
    tn_error error;
    assert_int_equal(tn_pool_create(3, &pool, &error), TN_OK);
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        tn_op_run alone, together;
        tn_op_run_init(&alone, &large[i], NULL, 3);
        tn_op_run_init(&together, &large[i], pool, 3);
        tn_op_run_forward(&alone);
        tn_op_run_backward(&alone);
        tn_op_run_forward(&together);
        tn_op_run_backward(&together);
        assert_memory_equal(alone.output, together.output, alone.output_size * sizeof(tn_real));
        for (size_t k = 0; k < 2; k++)
            assert_memory_equal(alone.d_inputs[k], together.d_inputs[k], alone.output_size * sizeof(tn_real));
        tn_op_run_deinit(&alone);
        tn_op_run_deinit(&together);
    }
    tn_pool_destroy(pool);
}

static void refusals(void **state)
{
    (void)state;
    static const char *const ops[] = {"subtract", "multiply", "divide"};
    for (size_t i = 0; i < 3; i++) {
        tn_error error = {0};
        tn_node node = {.op = tn_op_find(ops[i]), .input_count = 1, .inputs = {TN_SHAPE1(3), TN_SHAPE1(4)}};
        json_t *attributes = json_pack("{s:i}", "epsilon", 0);
        assert_int_equal(node.op->configure(&node, attributes, &error), TN_ERROR_HYPES);
        assert_non_null(strstr(error.message, "takes two inputs and has 1"));
        node.input_count = 2;
        assert_int_equal(node.op->configure(&node, attributes, &error), TN_ERROR_HYPES);
        assert_non_null(strstr(error.message, "the first is [3], the second [4]"));
        json_decref(attributes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(threads_do_not_matter), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
