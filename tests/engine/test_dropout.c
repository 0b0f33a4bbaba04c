/* test_dropout.c: what is dropped, how often, and that it repeats. Golden values cannot check it: its random numbers are our own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "engine/support_op.h"

enum { COUNT = 40000 };

static void run_with(tn_op_run *run, const tn_op_case *of, uint64_t seed)
{
    tn_op_run_init(run, of, NULL, seed);
    for (size_t i = 0; i < run->input_sizes[0]; i++) {
        run->inputs[0][i] = 3;
        run->d_output[i] = 5;
    }
    tn_op_run_forward(run);
    tn_op_run_backward(run);
}

/* A value is 0 or x / (1 - rate), its gradient likewise; the share that is dropped is within five standard deviations of the rate, and
 * neighbours are independent. */
static void drops_at_the_rate(void **state)
{
    (void)state;
    static const struct {
        const char *attributes;
        double rate;
    } rates[] = {{"{\"rate\": 0.1}", 0.1}, {"{\"rate\": 0.5}", 0.5}, {"{\"rate\": 0.9}", 0.9}};
    for (size_t r = 0; r < 3; r++) {
        const tn_op_case of = {
            .label = "rate", .op = "dropout", .attributes = rates[r].attributes, .batch = 40, .inputs = {TN_SHAPE1(1000)}};
        tn_op_run run;
        run_with(&run, &of, r);
        const double keep = 1 - rates[r].rate, factor = 1 / keep;
        size_t dropped = 0, pairs[3] = {0};
        static const size_t lags[3] = {1, 2, 1000}; /* the neighbour, the one after it, the same value of the next sample */
        for (size_t i = 0; i < COUNT; i++) {
            const bool is_dropped = run.output[i] == 0;
            dropped += is_dropped;
            assert_true(is_dropped || fabs((double)run.output[i] - 3 * factor) < 1e-5 * factor);
            assert_true(is_dropped ? run.d_inputs[0][i] == 0 : fabs((double)run.d_inputs[0][i] - 5 * factor) < 1e-5 * factor);
            for (size_t l = 0; l < 3; l++) {
                pairs[l] += is_dropped && i + lags[l] < COUNT && run.output[i + lags[l]] == 0;
            }
        }
        const double share = rates[r].rate, both = share * share;
        assert_true(fabs((double)dropped / COUNT - share) < 5 * sqrt(share * keep / COUNT));
        for (size_t l = 0; l < 3; l++) {
            assert_true(fabs((double)pairs[l] / COUNT - both) < 10 * sqrt(both * (1 - both) / COUNT));
        }
        tn_op_run_deinit(&run);
    }
}

/* Two passes in a row drop different values; the same rng drops the same ones; another seed others. */
static void repeats_by_seed(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "repeat", .op = "dropout", .attributes = "{\"rate\": 0.5}", .batch = 10, .inputs = {TN_SHAPE1(100)}};
    tn_op_run first, second, other;
    run_with(&first, &of, 1);
    run_with(&second, &of, 1);
    run_with(&other, &of, 2);
    assert_memory_equal(first.output, second.output, first.output_size * sizeof(tn_real));
    assert_memory_not_equal(first.output, other.output, first.output_size * sizeof(tn_real));
    first.node.op->forward(&first.node, &first.pass); /* goes on with the rng where it stands */
    assert_memory_not_equal(first.output, second.output, first.output_size * sizeof(tn_real));
    tn_op_run_deinit(&first);
    tn_op_run_deinit(&second);
    tn_op_run_deinit(&other);
}

static void evaluation_changes_nothing(void **state)
{
    (void)state;
    const tn_op_case of = {
        .label = "evaluation", .op = "dropout", .attributes = "{\"rate\": 0.5}", .batch = 3, .inputs = {TN_SHAPE1(7)}, .evaluation = true};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    tn_op_run_forward(&run);
    tn_op_run_backward(&run);
    assert_memory_equal(run.output, run.inputs[0], run.output_size * sizeof(tn_real));
    assert_memory_equal(run.d_inputs[0], run.d_output, run.output_size * sizeof(tn_real));
    tn_op_run_deinit(&run);
}

/* A dropped NaN is still NaN: dropout must not hide where it came from. */
static void nan_is_not_dropped(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "NaN", .op = "dropout", .attributes = "{\"rate\": 0.5}", .batch = 10, .inputs = {TN_SHAPE1(10)}};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    for (size_t i = 0; i < run.output_size; i++) {
        run.inputs[0][i] = NAN;
    }
    tn_op_run_forward(&run);
    for (size_t i = 0; i < run.output_size; i++) {
        assert_true(isnan(run.output[i]));
    }
    tn_op_run_deinit(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(drops_at_the_rate), cmocka_unit_test(repeats_by_seed),
                                       cmocka_unit_test(evaluation_changes_nothing), cmocka_unit_test(nan_is_not_dropped)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
