/* test_bfloat16.c: "precision": "bfloat16" reaches the products of every op that has some, forward and backward, and nothing else; networks train with it as they do without, the same to the last bit at any number of
 * threads. How factors are rounded and multiplied is tested in test_gemm.c. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_op.h"
#include "engine/support_trainer.h"

#define CONV(groups)                                                                                                                       \
    "{\"filters\": 6, \"kernel\": [3, 3], \"stride\": [1, 1], \"padding\": \"same\", \"bias\": true, \"groups\": " groups "}"
#define UNITS "\"units\": 9, \"layers\": 2, \"bidirectional\": true"

static const tn_op_case rounding[] = {
    {.label = "dense", .op = "dense", .attributes = "{\"units\": 21, \"bias\": true}", .batch = 12, .inputs = {TN_SHAPE1(33)}},
    {.label = "dense on a sequence",
     .op = "dense",
     .attributes = "{\"units\": 9, \"bias\": true}",
     .batch = 3,
     .inputs = {TN_SHAPE2(5, 14)}},
    {.label = "conv2d", .op = "conv2d", .attributes = CONV("1"), .batch = 3, .inputs = {TN_SHAPE3(7, 6, 4)}},
    {.label = "conv2d in groups", .op = "conv2d", .attributes = CONV("2"), .batch = 3, .inputs = {TN_SHAPE3(7, 6, 4)}},
    {.label = "conv2d_transpose",
     .op = "conv2d_transpose",
     .attributes = "{\"filters\": 5, \"kernel\": [3, 3], \"stride\": [2, 2], \"padding\": \"valid\", \"bias\": true}",
     .batch = 2,
     .inputs = {TN_SHAPE3(4, 5, 3)}},
    {.label = "rnn", .op = "rnn", .attributes = "{" UNITS ", \"activation\": \"tanh\"}", .batch = 4, .inputs = {TN_SHAPE2(6, 5)}},
    {.label = "gru", .op = "gru", .attributes = "{" UNITS "}", .batch = 4, .inputs = {TN_SHAPE2(6, 5)}},
    {.label = "lstm", .op = "lstm", .attributes = "{" UNITS ", \"forget_bias\": 1}", .batch = 4, .inputs = {TN_SHAPE2(6, 5)}},
    {.label = "attention",
     .op = "attention",
     .attributes = "{\"heads\": 2, \"causal\": true, \"bias\": true, \"rotary\": false, \"padding\": null}",
     .batch = 3,
     .inputs = {TN_SHAPE2(7, 8)}},
};

static const tn_op_case exact[] = {
    {.label = "depthwise convolution",
     .op = "conv2d",
     .attributes = "{\"filters\": 4, \"kernel\": [3, 3], \"stride\": [1, 1], \"padding\": \"same\", \"bias\": true, \"groups\": 4}",
     .batch = 3,
     .inputs = {TN_SHAPE3(5, 6, 4)}},
    {.label = "layer_norm", .op = "layer_norm", .attributes = "{\"epsilon\": 1e-5}", .batch = 5, .inputs = {TN_SHAPE1(17)}},
};

/* The length of the difference of two lists, as a share of the length of the first. */
static double distance(size_t count, const tn_real *a, const tn_real *b)
{
    double difference = 0, length = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        length += (double)a[i] * (double)a[i];
    }
    return sqrt(difference / length);
}

/* A rounding is off by 2^-9 at most, a thousandth in the mean; over the steps of a recurrent layer that grows. */
static void expect_rounded(const char *label, const char *what, bool is_rounded, size_t count, const tn_real *plain, const tn_real *other)
{
    double away = distance(count, plain, other);
    bool fits = is_rounded ? away > 2e-4 && away < 0.1 : away == 0;
    if (!fits)
        fail_msg("%s: %s in bfloat16 is %.3g away from that in float32", label, what, away);
}

static void compare(const tn_op_case *of, bool is_rounded)
{
    tn_op_case other = *of;
    other.factors = TN_BFLOAT16;
    tn_op_run a, b;
    tn_op_run_init(&a, of, NULL, 3);
    tn_op_run_init(&b, &other, NULL, 3);
    tn_op_run_forward(&a);
    tn_op_run_backward(&a);
    tn_op_run_forward(&b);
    tn_op_run_backward(&b);
    expect_rounded(of->label, "the output", is_rounded, a.output_size, a.output, b.output);
    expect_rounded(of->label, "the gradient of the input", is_rounded, a.input_sizes[0], a.d_inputs[0], b.d_inputs[0]);
    for (size_t i = 0; i < a.node.parameter_count; i++)
        if (strncmp(a.node.parameters[i].name, "weight", 6) == 0)
            expect_rounded(of->label, a.node.parameters[i].name, is_rounded, a.parameter_sizes[i], a.pass.d_parameters[i],
                           b.pass.d_parameters[i]);
    tn_op_run_deinit(&a);
    tn_op_run_deinit(&b);
}

static void products_of_every_op_are_rounded(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rounding / sizeof *rounding; i++)
        compare(&rounding[i], true);
}

static void what_is_no_product_is_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++)
        compare(&exact[i], false);
}

#define NET                                                                                                                                \
    "\"net\": [{\"op\": \"conv2d\", \"filters\": 20, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"relu\"}, {\"op\": "                 \
    "\"max_pool2d\"}, "                                                                                                                    \
    "{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 300}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}], "
#define SOLVER(precision)                                                                                                                  \
    "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.01, \"momentum\": 0.9, \"batch_size\": 32, \"precision\": "    \
    "\"" precision "\"}"

enum { STEPS = 30 };

static void train(size_t threads, const char *rest, double losses[STEPS])
{
    static const support_problem images = {.samples = 70, .rank = 3, .dims = {16, 15, 3}, .classes = 4};
    support_trainer s;
    tn_error error;
    if (support_trainer_open(&s, &images, threads, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    for (size_t i = 0; i < STEPS; i++) {
        tn_step_result step;
        tn_trainer_step(s.trainer, false, NULL, NULL, &step);
        losses[i] = step.loss;
    }
    support_trainer_close(&s);
}

static void a_network_trains_as_well(void **state)
{
    (void)state;
    double plain[STEPS], rounded[STEPS], again[STEPS];
    train(1, NET SOLVER("float32"), plain);
    train(1, NET SOLVER("bfloat16"), rounded);
    train(3, NET SOLVER("bfloat16"), again);
    assert_memory_equal(rounded, again, sizeof rounded);
    double away = fabs(rounded[0] - plain[0]) / plain[0];
    assert_true(away > 1e-7 && away < 1e-2);
    assert_true(plain[STEPS - 1] < plain[0] / 4 && rounded[STEPS - 1] < rounded[0] / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_of_every_op_are_rounded),
        cmocka_unit_test(what_is_no_product_is_not),
        cmocka_unit_test(a_network_trains_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
