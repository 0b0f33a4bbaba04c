/* test_gradient_norms.c: gradients of softmax, dropout, batch_norm and layer_norm, per element, signed, in double; with planted faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"

#define NORM "{\"momentum\": 0.9, \"epsilon\": 1e-3}"

/* Widths around 8 lanes, around the 32 values that batch_norm takes at once, of one, and of primes. */
/* clang-format off */
static const tn_op_case cases[] = {
    {.label = "softmax",                .op = "softmax",    .batch = 3, .inputs = {TN_SHAPE1(7)}},
    {.label = "softmax of rows",        .op = "softmax",    .batch = 2, .inputs = {TN_SHAPE2(3, 5)}, .scale = 2},
    {.label = "softmax wide",           .op = "softmax",    .batch = 2, .inputs = {TN_SHAPE1(43)}},
    {.label = "softmax many rows",      .op = "softmax",    .batch = 61, .inputs = {TN_SHAPE1(3)}},
    {.label = "dropout",                .op = "dropout",    .attributes = "{\"rate\": 0.3}", .batch = 5, .inputs = {TN_SHAPE1(23)}},
    {.label = "dropout none",           .op = "dropout",    .attributes = "{\"rate\": 0.0}", .batch = 2, .inputs = {TN_SHAPE1(5)}},
    {.label = "dropout in evaluation",  .op = "dropout",    .attributes = "{\"rate\": 0.5}", .batch = 3, .inputs = {TN_SHAPE1(5)}, .evaluation = true},
    {.label = "batch_norm",             .op = "batch_norm", .attributes = NORM, .batch = 7, .inputs = {TN_SHAPE1(5)}},
    {.label = "batch_norm of one",      .op = "batch_norm", .attributes = NORM, .batch = 3, .inputs = {TN_SHAPE1(1)}, .scale = 3},
    {.label = "batch_norm of images",   .op = "batch_norm", .attributes = NORM, .batch = 2, .inputs = {TN_SHAPE3(3, 5, 6)}},
    {.label = "batch_norm wide",        .op = "batch_norm", .attributes = NORM, .batch = 3, .inputs = {TN_SHAPE1(37)}},
    {.label = "batch_norm evaluation",  .op = "batch_norm", .attributes = NORM, .batch = 3, .inputs = {TN_SHAPE2(2, 5)}, .evaluation = true},
    {.label = "layer_norm",             .op = "layer_norm", .attributes = NORM, .batch = 3, .inputs = {TN_SHAPE1(7)}},
    {.label = "layer_norm of rows",     .op = "layer_norm", .attributes = NORM, .batch = 2, .inputs = {TN_SHAPE3(2, 3, 19)}},
    {.label = "layer_norm of two",      .op = "layer_norm", .attributes = NORM, .batch = 5, .inputs = {TN_SHAPE1(2)}},
    {.label = "layer_norm evaluation",  .op = "layer_norm", .attributes = NORM, .batch = 3, .inputs = {TN_SHAPE1(5)}, .evaluation = true},
};

/* Enough rows for several tiles, whose sums are added up; the pool of the check is NULL, other tests compare pools. */
static const tn_op_case tiled[] = {
    {.label = "batch_norm in tiles",    .op = "batch_norm", .attributes = NORM, .batch = 1031, .inputs = {TN_SHAPE2(11, 3)}},
    {.label = "layer_norm in tiles",    .op = "layer_norm", .attributes = NORM, .batch = 1031, .inputs = {TN_SHAPE2(11, 3)}},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_gradcheck_assert_op(&cases[i]);
    }
}

static void check_tiles(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof tiled / sizeof *tiled; i++) {
        tn_gradcheck_assert_sampled(&tiled[i], 997);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(check_tiles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
