/* test_gradient_losses.c: gradients of the losses by the network's output, per element, signed, in double; with planted faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/double/support_gradcheck.h"

#define MEAN                                                                                                                               \
    {                                                                                                                                      \
        .clip = 1e-7, .delta = 1                                                                                                           \
    }
#define SUM                                                                                                                                \
    {                                                                                                                                      \
        .clip = 1e-7, .delta = 1, .sum = true                                                                                              \
    }
#define UNCLIPPED                                                                                                                          \
    {                                                                                                                                      \
        .clip = 0, .delta = 1                                                                                                              \
    }

/* 1030 and 2051 outputs go past the block of 1024 that the losses work on. */
/* clang-format off */
static const tn_loss_case cases[] = {
    {"softmax_ce classes",       "softmax_cross_entropy",     5, 7,    true,  MEAN, -2, 2, 0, 1, false},
    {"softmax_ce sum",           "softmax_cross_entropy",     3, 11,   true,  SUM,  -2, 2, 0, 1, false},
    {"softmax_ce soft targets",  "softmax_cross_entropy",     4, 5,    false, MEAN, -2, 2, 0, 1, false},
    {"softmax_ce one-hot",       "softmax_cross_entropy",     1, 3,    false, SUM,  -2, 2, 0, 1, true},
    {"softmax_ce many rows",     "softmax_cross_entropy",     397, 3,  true,  SUM,  -2, 2, 0, 1, false},
    {"softmax_ce wide",          "softmax_cross_entropy",     2, 1030, true,  SUM,  -2, 2, 0, 1, false},
    {"softmax_ce wide targets",  "softmax_cross_entropy",     2, 1030, false, MEAN, -2, 2, 0, .01, false},
    {"sigmoid_ce",               "sigmoid_cross_entropy",     5, 3,    false, MEAN, -4, 4, 0, 1, false},
    {"sigmoid_ce of one",        "sigmoid_cross_entropy",     7, 1,    false, MEAN, -4, 4, 0, 1, true},
    {"sigmoid_ce sum",           "sigmoid_cross_entropy",     2, 5,    false, SUM,  -4, 4, 0, 1, false},
    {"categorical_ce classes",   "categorical_cross_entropy", 5, 3,    true,  MEAN, .1, .9, 0, 1, false},
    {"categorical_ce targets",   "categorical_cross_entropy", 5, 3,    false, SUM,  .1, .9, 0, 1, false},
    {"categorical_ce unclipped", "categorical_cross_entropy", 3, 7,    true,  UNCLIPPED, .1, 1.5, 0, 1, false},
    {"categorical_ce clipped",   "categorical_cross_entropy", 11, 3,   false, {.clip = .3, .delta = 1}, 0, 1, .2, 1, false},
    {"categorical_ce wide",      "categorical_cross_entropy", 2, 1030, true,  SUM,  .1, .9, 0, 1, false},
    {"binary_ce",                "binary_cross_entropy",      5, 3,    false, MEAN, .1, .9, 0, 1, false},
    {"binary_ce of one",         "binary_cross_entropy",      11, 1,   false, SUM,  .1, .9, 0, 1, true},
    {"binary_ce unclipped",      "binary_cross_entropy",      5, 2,    false, UNCLIPPED, .1, .9, 0, 1, false},
    {"binary_ce clipped",        "binary_cross_entropy",      13, 3,   false, {.clip = .2, .delta = 1}, 0, 1, 0, 1, false},
    {"mse",                      "mse",                       5, 3,    false, MEAN, -2, 2, -1, 1, false},
    {"mse of one",               "mse",                       7, 1,    false, SUM,  -2, 2, -1, 1, false},
    {"mse past a block",         "mse",                       3, 683,  false, SUM,  -2, 2, -1, 1, false},
    {"mae",                      "mae",                       5, 3,    false, MEAN, -2, 2, -9, -3, false},
    {"mae both sides",           "mae",                       11, 1,   false, SUM,  -2, 2, -1, 1, false},
    {"huber both parts",         "huber",                     17, 3,   false, SUM,  -3, 3, -1, 1, false},
    {"huber delta",              "huber",                     5, 3,    false, {.delta = .25, .sum = true}, -2, 2, -1, 1, false},
};
/* clang-format on */

static void check(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_gradcheck_assert_loss(&cases[i]);
    }
}

static void all_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_loss_count(); i++) {
        bool found = false;
        for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
            found = found || tn_loss_find(cases[k].loss) == tn_loss_at(i);
        }
        if (!found) {
            fail_msg("the gradient of %s is not checked", tn_loss_at(i)->name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(check), cmocka_unit_test(all_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
