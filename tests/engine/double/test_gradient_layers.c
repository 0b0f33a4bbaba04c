/* test_gradient_layers.c: gradients of dense, convolution, pools, flatten's neighbours and add, per element, signed, in double; with
 * planted faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"
#include "engine/ops/ops.h"

#define CONV(filters, kernel, stride, padding, bias)                                                                                       \
    "{\"filters\": " filters ", \"kernel\": " kernel ", \"stride\": " stride ", \"padding\": " padding ", \"bias\": " bias                 \
    ", \"groups\": 1}"
#define POOL(size, stride, padding) "{\"size\": " size ", \"stride\": " stride ", \"padding\": " padding "}"

#define GROUPS(filters, kernel, stride, padding, groups)                                                                                   \
    "{\"filters\": " filters ", \"kernel\": " kernel ", \"stride\": " stride ", \"padding\": " padding                                     \
    ", \"bias\": true, \"groups\": " groups "}"
#define BACK(filters, kernel, stride, padding, bias)                                                                                       \
    "{\"filters\": " filters ", \"kernel\": " kernel ", \"stride\": " stride ", \"padding\": " padding ", \"bias\": " bias "}"
#define LARGER(size, interpolation) "{\"size\": " size ", \"interpolation\": \"" interpolation "\"}"

/* clang-format off */
static const tn_op_case cases[] = {
    {.label = "dense",                .op = "dense", .attributes = "{\"units\": 3, \"bias\": true}",  .batch = 5, .inputs = {TN_SHAPE1(7)}},
    {.label = "dense without bias",   .op = "dense", .attributes = "{\"units\": 5, \"bias\": false}", .batch = 2, .inputs = {TN_SHAPE1(3)}},
    {.label = "dense of one",         .op = "dense", .attributes = "{\"units\": 1, \"bias\": true}",  .batch = 1, .inputs = {TN_SHAPE1(1)}},
    {.label = "dense odd",            .op = "dense", .attributes = "{\"units\": 17, \"bias\": true}", .batch = 19, .inputs = {TN_SHAPE1(13)}},
    {.label = "conv 3x3",             .op = "conv2d", .attributes = CONV("4", "[3, 3]", "[1, 1]", "\"valid\"", "true"),  .batch = 2, .inputs = {TN_SHAPE3(5, 7, 3)}},
    {.label = "conv 3x3 same",        .op = "conv2d", .attributes = CONV("2", "[3, 3]", "[1, 1]", "\"same\"", "true"),   .batch = 2, .inputs = {TN_SHAPE3(5, 4, 3)}},
    {.label = "conv 1x1",             .op = "conv2d", .attributes = CONV("5", "[1, 1]", "[1, 1]", "\"valid\"", "true"),  .batch = 3, .inputs = {TN_SHAPE3(3, 2, 4)}},
    {.label = "conv 5x5 one channel", .op = "conv2d", .attributes = CONV("6", "[5, 5]", "[1, 1]", "\"valid\"", "true"),  .batch = 1, .inputs = {TN_SHAPE3(7, 8, 1)}},
    {.label = "conv stride 2",        .op = "conv2d", .attributes = CONV("3", "[3, 3]", "[2, 2]", "\"valid\"", "false"), .batch = 2, .inputs = {TN_SHAPE3(7, 6, 2)}},
    {.label = "conv stride 2 same",   .op = "conv2d", .attributes = CONV("3", "[3, 3]", "[2, 2]", "\"same\"", "true"),   .batch = 2, .inputs = {TN_SHAPE3(6, 7, 2)}},
    {.label = "conv uneven",          .op = "conv2d", .attributes = CONV("2", "[2, 3]", "[3, 1]", "\"same\"", "true"),   .batch = 2, .inputs = {TN_SHAPE3(8, 5, 3)}},
    {.label = "conv padding 2",       .op = "conv2d", .attributes = CONV("2", "[4, 3]", "[2, 1]", "2", "true"),          .batch = 1, .inputs = {TN_SHAPE3(4, 5, 2)}},
    {.label = "conv gap",             .op = "conv2d", .attributes = CONV("2", "[1, 1]", "[3, 2]", "\"valid\"", "true"),  .batch = 2, .inputs = {TN_SHAPE3(8, 5, 3)}},
    {.label = "conv of one",          .op = "conv2d", .attributes = CONV("1", "[1, 1]", "[1, 1]", "\"valid\"", "true"),  .batch = 1, .inputs = {TN_SHAPE3(1, 1, 1)}},
    {.label = "conv wide",            .op = "conv2d", .attributes = CONV("19", "[3, 3]", "[1, 1]", "\"same\"", "true"),  .batch = 1, .inputs = {TN_SHAPE3(3, 4, 17)}},
    {.label = "depthwise",            .op = "conv2d", .attributes = GROUPS("3", "[3, 3]", "[1, 1]", "\"same\"", "3"),    .batch = 2, .inputs = {TN_SHAPE3(5, 4, 3)}},
    {.label = "depthwise stride",     .op = "conv2d", .attributes = GROUPS("5", "[2, 3]", "[3, 2]", "\"valid\"", "5"),   .batch = 2, .inputs = {TN_SHAPE3(7, 6, 5)}},
    {.label = "depthwise twice",      .op = "conv2d", .attributes = GROUPS("6", "[3, 3]", "[1, 1]", "1", "3"),           .batch = 2, .inputs = {TN_SHAPE3(4, 3, 3)}},
    {.label = "conv two groups",      .op = "conv2d", .attributes = GROUPS("10", "[3, 2]", "[2, 1]", "\"same\"", "2"),   .batch = 2, .inputs = {TN_SHAPE3(5, 4, 6)}},
    {.label = "transposed",           .op = "conv2d_transpose", .attributes = BACK("4", "[3, 3]", "[1, 1]", "\"valid\"", "true"), .batch = 2, .inputs = {TN_SHAPE3(3, 4, 3)}},
    {.label = "transposed twice",     .op = "conv2d_transpose", .attributes = BACK("2", "[2, 2]", "[2, 2]", "\"valid\"", "true"), .batch = 2, .inputs = {TN_SHAPE3(3, 2, 5)}},
    {.label = "transposed same",      .op = "conv2d_transpose", .attributes = BACK("3", "[3, 4]", "[2, 2]", "\"same\"", "true"),  .batch = 2, .inputs = {TN_SHAPE3(3, 4, 2)}},
    {.label = "transposed gap",       .op = "conv2d_transpose", .attributes = BACK("3", "[2, 1]", "[3, 2]", "\"same\"", "false"), .batch = 2, .inputs = {TN_SHAPE3(2, 3, 2)}},
    {.label = "transposed padding",   .op = "conv2d_transpose", .attributes = BACK("3", "[4, 3]", "[2, 3]", "1", "true"),         .batch = 1, .inputs = {TN_SHAPE3(4, 3, 2)}},
    {.label = "transposed of one",    .op = "conv2d_transpose", .attributes = BACK("1", "[1, 1]", "[1, 1]", "\"valid\"", "true"), .batch = 1, .inputs = {TN_SHAPE3(1, 1, 1)}},
    {.label = "nearest",              .op = "upsample2d", .attributes = LARGER("[2, 2]", "nearest"),  .batch = 2, .inputs = {TN_SHAPE3(3, 4, 3)}},
    {.label = "nearest uneven",       .op = "upsample2d", .attributes = LARGER("[1, 3]", "nearest"),  .batch = 3, .inputs = {TN_SHAPE3(5, 2, 1)}},
    {.label = "bilinear",             .op = "upsample2d", .attributes = LARGER("[2, 2]", "bilinear"), .batch = 2, .inputs = {TN_SHAPE3(3, 4, 3)}},
    {.label = "bilinear uneven",      .op = "upsample2d", .attributes = LARGER("[3, 5]", "bilinear"), .batch = 2, .inputs = {TN_SHAPE3(2, 1, 2)}},
    {.label = "max pool",             .op = "max_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 2, .inputs = {TN_SHAPE3(4, 6, 3)}, .distinct = true},
    {.label = "max pool rest",        .op = "max_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 2, .inputs = {TN_SHAPE3(5, 7, 2)}, .distinct = true},
    {.label = "max pool overlap",     .op = "max_pool2d", .attributes = POOL("[3, 3]", "[2, 2]", "\"same\""),  .batch = 2, .inputs = {TN_SHAPE3(6, 5, 2)}, .distinct = true},
    {.label = "max pool padding",     .op = "max_pool2d", .attributes = POOL("[3, 2]", "[1, 2]", "1"),         .batch = 1, .inputs = {TN_SHAPE3(5, 5, 1)}, .distinct = true},
    {.label = "max pool wide",        .op = "max_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 1, .inputs = {TN_SHAPE3(4, 4, 37)}, .distinct = true},
    {.label = "avg pool",             .op = "avg_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 2, .inputs = {TN_SHAPE3(4, 6, 3)}},
    {.label = "avg pool overlap",     .op = "avg_pool2d", .attributes = POOL("[3, 3]", "[2, 2]", "\"same\""),  .batch = 2, .inputs = {TN_SHAPE3(6, 5, 2)}},
    {.label = "avg pool padding",     .op = "avg_pool2d", .attributes = POOL("[3, 2]", "[1, 2]", "1"),         .batch = 1, .inputs = {TN_SHAPE3(5, 5, 1)}},
    {.label = "avg pool gap",         .op = "avg_pool2d", .attributes = POOL("[1, 2]", "[3, 3]", "\"valid\""), .batch = 2, .inputs = {TN_SHAPE3(7, 8, 5)}},
    {.label = "add two",              .op = "add", .batch = 3, .input_count = 2, .inputs = {TN_SHAPE1(7), TN_SHAPE1(7)}},
    {.label = "add three",            .op = "add", .batch = 2, .input_count = 3, .inputs = {TN_SHAPE2(3, 5), TN_SHAPE2(3, 5), TN_SHAPE2(3, 5)}},
};

/* Cut into tiles of samples, blocks of rows and of weights. */
static const tn_op_case large[] = {
    {.label = "dense in blocks",      .op = "dense", .attributes = "{\"units\": 67, \"bias\": true}", .batch = 9, .inputs = {TN_SHAPE1(1100)}},
    {.label = "dense in tiles",       .op = "dense", .attributes = "{\"units\": 131, \"bias\": true}", .batch = 67, .inputs = {TN_SHAPE1(257)}},
    {.label = "conv in blocks",       .op = "conv2d", .attributes = CONV("7", "[3, 3]", "[1, 1]", "\"same\"", "true"), .batch = 3, .inputs = {TN_SHAPE3(61, 53, 5)}},
    {.label = "conv in tiles",        .op = "conv2d", .attributes = CONV("6", "[5, 5]", "[1, 1]", "\"valid\"", "true"), .batch = 37, .inputs = {TN_SHAPE3(28, 28, 1)}},
    {.label = "depthwise in tiles",   .op = "conv2d", .attributes = GROUPS("37", "[3, 3]", "[1, 1]", "\"same\"", "37"), .batch = 31, .inputs = {TN_SHAPE3(15, 14, 37)}},
    {.label = "groups in tiles",      .op = "conv2d", .attributes = GROUPS("32", "[3, 3]", "[1, 1]", "\"same\"", "4"), .batch = 13, .inputs = {TN_SHAPE3(15, 14, 16)}},
    {.label = "transposed in tiles",  .op = "conv2d_transpose", .attributes = BACK("16", "[4, 4]", "[2, 2]", "\"same\"", "true"), .batch = 13, .inputs = {TN_SHAPE3(7, 9, 24)}},
    {.label = "bilinear in tiles",    .op = "upsample2d", .attributes = LARGER("[2, 2]", "bilinear"), .batch = 31, .inputs = {TN_SHAPE3(24, 24, 6)}},
    {.label = "max pool in tiles",    .op = "max_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 31, .inputs = {TN_SHAPE3(24, 24, 6)}, .distinct = true},
    {.label = "avg pool in tiles",    .op = "avg_pool2d", .attributes = POOL("[2, 2]", "[2, 2]", "\"valid\""), .batch = 31, .inputs = {TN_SHAPE3(24, 24, 6)}},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_gradcheck_assert_op(&cases[i]);
    }
}

static void check_large(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof large / sizeof *large; i++) {
        tn_gradcheck_assert_sampled(&large[i], 4999);
    }
}

/* flatten computes nothing: its memory is its input's, which the flag says. */
static void flatten_is_an_alias(void **state)
{
    (void)state;
    assert_true((tn_op_flatten.flags & TN_OP_ALIAS) != 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(check_large), cmocka_unit_test(flatten_is_an_alias)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
