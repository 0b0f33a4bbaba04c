/* test_gradient_activations.c: gradients of the ops that work element by element, per element, signed, in double; with planted faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"

/* Shapes of one element, of primes, and of several axes. 1030 elements go past every vector's end. */
/* clang-format off */
static const tn_op_case cases[] = {
    {.label = "relu one",          .op = "relu",         .batch = 1, .inputs = {TN_SHAPE1(5)}, .kink_count = 1, .kinks = {0}},
    {.label = "relu prime",        .op = "relu",         .batch = 7, .inputs = {TN_SHAPE3(3, 5, 1)}, .kink_count = 1, .kinks = {0}},
    {.label = "leaky_relu",        .op = "leaky_relu",   .attributes = "{\"alpha\": 0.3}", .batch = 3, .inputs = {TN_SHAPE1(11)}, .kink_count = 1, .kinks = {0}},
    {.label = "leaky_relu flat",   .op = "leaky_relu",   .attributes = "{\"alpha\": 0.0}", .batch = 3, .inputs = {TN_SHAPE1(11)}, .kink_count = 1, .kinks = {0}},
    {.label = "leaky_relu steep",  .op = "leaky_relu",   .attributes = "{\"alpha\": 2.5}", .batch = 2, .inputs = {TN_SHAPE1(7)}, .kink_count = 1, .kinks = {0}},
    {.label = "elu",               .op = "elu",          .attributes = "{\"alpha\": 1.0}", .batch = 3, .inputs = {TN_SHAPE1(11)}, .kink_count = 1, .kinks = {0}},
    {.label = "elu 0.7",           .op = "elu",          .attributes = "{\"alpha\": 0.7}", .batch = 5, .inputs = {TN_SHAPE2(3, 7)}, .scale = 3, .kink_count = 1, .kinks = {0}},
    {.label = "selu",              .op = "selu",         .batch = 3, .inputs = {TN_SHAPE1(13)}, .scale = 2, .kink_count = 1, .kinks = {0}},
    {.label = "gelu",              .op = "gelu",         .batch = 3, .inputs = {TN_SHAPE1(17)}, .scale = 2},
    {.label = "sigmoid one",       .op = "sigmoid",      .batch = 1, .inputs = {TN_SHAPE1(1)}},
    {.label = "sigmoid",           .op = "sigmoid",      .batch = 3, .inputs = {TN_SHAPE1(17)}, .scale = 3},
    {.label = "hard_sigmoid",      .op = "hard_sigmoid", .batch = 3, .inputs = {TN_SHAPE1(19)}, .scale = 3, .kink_count = 2, .kinks = {-2.5, 2.5}},
    {.label = "tanh",              .op = "tanh",         .batch = 3, .inputs = {TN_SHAPE1(17)}, .scale = 2},
    {.label = "softplus",          .op = "softplus",     .batch = 3, .inputs = {TN_SHAPE1(17)}, .scale = 4},
    {.label = "exp",               .op = "exp",          .batch = 3, .inputs = {TN_SHAPE1(17)}},
    {.label = "gelu many",         .op = "gelu",         .batch = 2, .inputs = {TN_SHAPE2(5, 103)}},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_gradcheck_assert_op(&cases[i]);
    }
}

/* Every activation of the op table stands in the table above. */
static void all_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_op_count(); i++) {
        bool found = (tn_op_at(i)->flags & TN_OP_ACTIVATION) == 0;
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            found = found || tn_op_find(cases[k].op) == tn_op_at(i);
        }
        if (!found) {
            fail_msg("the gradient of %s is not checked", tn_op_at(i)->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(all_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
