/* test_gradient_graph.c: the gradient of whole nets by each weight, signed, in double. Checks what no op alone shows: memory that is
 * shared and overwritten in place, tensors that are read twice, aliases, frozen nodes, and the loss at the end. With a planted fault that
 * the check must catch. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_trainer.h"
#include "engine/trainer_parts.h"

/* With a limit that no norm reaches, so that gradients stay where they can be read and go to no sink. */
#define SOLVER                                                                                                                             \
    "\"solver\": {\"learning_rate\": 0, \"batch_size\": 1000, \"shuffle\": false, \"clip_norm\": 1e30}, \"init\": \"normal\", "            \
    "\"bias_init\": {\"scheme\": \"normal\", \"std\": 0.3}"

static const support_problem rows = {.samples = 6, .rank = 1, .dims = {5}, .classes = 3};
static const support_problem images = {.samples = 4, .rank = 3, .dims = {6, 5, 2}, .classes = 3};
static const support_problem regression = {.samples = 6, .rank = 1, .dims = {8}, .targets = 2};

/* Activations are smooth where a kink could lie within the step of the difference. */
static const struct {
    const support_problem *problem;
    const char *rest;
} nets[] = {
    {&rows, "\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
            "\"softmax_cross_entropy\","},
    /* in place upon in place, and an input that is overwritten */
    {&rows, "\"net\": [{\"op\": \"tanh\"}, {\"op\": \"sigmoid\"}, {\"op\": \"dense\", \"units\": 3}, {\"op\": \"tanh\"}, {\"op\": "
            "\"sigmoid\"}], \"loss\": \"binary_cross_entropy\","},
    /* one tensor read by an op in place, by one that keeps it, and by add */
    {&rows, "\"net\": [{\"op\": \"dense\", \"units\": 4, \"name\": \"a\"}, {\"op\": \"tanh\"}, {\"op\": \"gelu\", \"from\": \"a\", "
            "\"name\": \"g\"}, {\"op\": \"dense\", \"units\": 4, \"from\": \"a\"},"
            "{\"op\": \"add\", \"from\": [\"a\", \"tanh_1\", \"g\", \"dense_3\"]}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
            "\"softmax_cross_entropy\","},
    /* flatten: of an in-place result, read twice, and of a tensor that others read too */
    {&images, "\"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"tanh\", \"name\": \"t\"}, "
              "{\"op\": \"flatten\", \"name\": \"f\"},"
              "{\"op\": \"dense\", \"units\": 3, \"name\": \"d\"}, {\"op\": \"sigmoid\", \"from\": \"f\"}, {\"op\": \"dense\", \"units\": "
              "3, \"name\": \"e\"},"
              "{\"op\": \"avg_pool2d\", \"from\": \"t\"}, {\"op\": \"dense\", \"units\": 3, \"name\": \"h\"}, {\"op\": \"add\", \"from\": "
              "[\"d\", \"e\", \"h\"]}],"
              "\"loss\": \"softmax_cross_entropy\","},
    /* a residual block with norms */
    {&images, "\"net\": [{\"op\": \"conv2d\", \"filters\": 3, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"batch_norm\", \"name\": "
              "\"in\"}, {\"op\": \"conv2d\", \"filters\": 3, \"kernel\": 3, \"padding\": 1},"
              "{\"op\": \"batch_norm\"}, {\"op\": \"softplus\"}, {\"op\": \"add\", \"from\": [\"in\", \"softplus_4\"]}, {\"op\": "
              "\"tanh\"}, {\"op\": \"max_pool2d\"}, {\"op\": \"flatten\"},"
              "{\"op\": \"layer_norm\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\","},
    /* a frozen node in the middle, and one before all others */
    {&rows, "\"net\": [{\"op\": \"dense\", \"units\": 4, \"trainable\": false}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 4}, "
            "{\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 4, \"trainable\": false},"
            "{\"op\": \"sigmoid\"}, {\"op\": \"dense\", \"units\": 3}, {\"op\": \"softmax\"}], \"loss\": \"categorical_cross_entropy\","},
    {&regression, "\"net\": [{\"op\": \"dense\", \"units\": 3}, {\"op\": \"elu\"}, {\"op\": \"dense\", \"units\": 2}], \"loss\": "
                  "{\"name\": \"mse\", \"reduction\": \"sum\"},"},
};

static double loss_of(tn_trainer *trainer)
{
    tn_step_result result;
    tn_trainer_step(trainer, true, NULL, NULL, &result);
    return result.loss;
}

enum { VALUES_MAX = 4096 };

/* The number of weights whose gradient is wrong. */
static size_t count_wrong(tn_trainer *t, const double *gradients)
{
    size_t wrong = 0;
    for (size_t p = 0; p < t->parameter_count; p++) {
        const tn_trainer_parameter_view *view = &t->parameters[p];
        for (size_t i = view->offset; i < view->offset + view->size && view->trainable; i++) {
            const double step = 1e-5, value = t->values[i];
            t->values[i] = value + step;
            double above = loss_of(t);
            t->values[i] = value - step;
            double below = loss_of(t);
            t->values[i] = value;
            double slope = (above - below) / (2 * step);
            if (!(fabs(slope - gradients[i]) <= 1e-7 + 1e-5 * fabs(slope)))
                wrong++;
        }
    }
    return wrong;
}

static void open_net(support_trainer *s, size_t net, double gradients[VALUES_MAX])
{
    char rest[2048];
    tn_error error;
    snprintf(rest, sizeof rest, "%s %s", nets[net].rest, SOLVER);
    if (support_trainer_open(s, nets[net].problem, 2, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    loss_of(s->trainer);
    assert_true(s->trainer->trainable_size <= VALUES_MAX);
    memcpy(gradients, s->trainer->gradients, s->trainer->trainable_size * sizeof *gradients);
}

static void gradients_of_nets_are_right(void **state)
{
    (void)state;
    static double gradients[VALUES_MAX];
    for (size_t n = 0; n < sizeof nets / sizeof *nets; n++) {
        support_trainer s;
        open_net(&s, n, gradients);
        size_t wrong = count_wrong(s.trainer, gradients);
        if (wrong > 0)
            fail_msg("%zu of %llu gradients of net %zu are wrong", wrong, (unsigned long long)s.trainer->trainable_values, n);
        support_trainer_close(&s);
    }
}

/* Each weight's gradient with the sign turned, or one per cent off, is found. */
static void a_wrong_gradient_is_found(void **state)
{
    (void)state;
    static double gradients[VALUES_MAX];
    support_trainer s;
    open_net(&s, 2, gradients);
    size_t weights = (size_t)s.trainer->trainable_values, found_sign = 0, found_size = 0, zeros = 0;
    for (size_t p = 0; p < s.trainer->parameter_count; p++) {
        const tn_trainer_parameter_view *view = &s.trainer->parameters[p];
        for (size_t i = view->offset; i < view->offset + view->size; i++) {
            double right = gradients[i];
            zeros += fabs(right) < 1e-5;
            gradients[i] = -right;
            found_sign += count_wrong(s.trainer, gradients) == 1;
            gradients[i] = 1.01 * right;
            found_size += count_wrong(s.trainer, gradients) == 1;
            gradients[i] = right;
        }
    }
    assert_int_equal(zeros, 0);
    assert_int_equal(found_sign, weights);
    assert_int_equal(found_size, weights);
    support_trainer_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_nets_are_right),
        cmocka_unit_test(a_wrong_gradient_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
