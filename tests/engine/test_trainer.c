/* test_trainer.c: a net compiles, trains, predicts and refuses what does not fit. Taps, checkpoints and allocation have tests of their
 * own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_trainer.h"

static const support_problem rows = {.samples = 50, .rank = 1, .dims = {12}, .classes = 3};
static const support_problem images = {.samples = 40, .rank = 3, .dims = {8, 9, 2}, .classes = 3};
static const support_problem regression = {.samples = 50, .rank = 1, .dims = {8}, .targets = 2};

static double train(tn_trainer *trainer, uint64_t steps, double *first)
{
    tn_step_result result = {0};
    for (uint64_t i = 0; i < steps; i++) {
        tn_trainer_step(trainer, false, NULL, NULL, &result);
        if (i == 0)
            *first = result.loss;
    }
    return result.loss;
}

static void expect_learning(const support_problem *problem, const char *rest, double factor)
{
    support_trainer s;
    tn_error error;
    double first = 0;
    if (support_trainer_open(&s, problem, 1, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    double last = train(s.trainer, 200, &first);
    if (!(last < factor * first))
        fail_msg("loss %g, then %g, by %s", first, last, rest);
    support_trainer_close(&s);
}

static void nets_learn(void **state)
{
    (void)state;
    expect_learning(&rows,
                    "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
                    "\"softmax_cross_entropy\","
                    "\"solver\": {\"learning_rate\": 0.1, \"batch_size\": 16, \"momentum\": 0.9}",
                    0.1);
    expect_learning(&images,
                    "\"net\": [{\"op\": \"conv2d\", \"filters\": 5, \"kernel\": 3, \"padding\": \"same\"}, {\"op\": \"relu\"}, {\"op\": "
                    "\"max_pool2d\"},"
                    "{\"op\": \"conv2d\", \"filters\": 6, \"kernel\": [3, 2]}, {\"op\": \"tanh\"}, {\"op\": \"avg_pool2d\", \"size\": 2, "
                    "\"stride\": 1}, {\"op\": \"flatten\"}, "
                    "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"opt\": \"adam\", "
                    "\"learning_rate\": 0.01, \"batch_size\": 16}",
                    0.2);
    expect_learning(
        &regression,
        "\"net\": [{\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\", \"solver\": {\"learning_rate\": 0.1, \"batch_size\": 1000}",
        0.01);
    /* An image straight into dense; two ways that join again. */
    expect_learning(&images,
                    "\"net\": [{\"op\": \"dense\", \"units\": 8, \"name\": \"a\"}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 8}, "
                    "{\"op\": \"add\", \"from\": [\"a\", \"dense_2\"]},"
                    "{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.05, "
                    "\"batch_size\": 16}",
                    0.2);
}

static void facts_are_told(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    const char *rest = "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
                       "\"softmax_cross_entropy\","
                       "\"solver\": {\"batch_size\": 16, \"epochs\": 3}";
    assert_int_equal(support_trainer_open(&s, &rows, 1, rest, &error), TN_OK);
    assert_int_equal(tn_trainer_parameters(s.trainer), 12 * 16 + 16 + 16 * 3 + 3);
    assert_int_equal(tn_trainer_steps_per_epoch(s.trainer), 4); /* 16 + 16 + 16 + 2 */
    assert_int_equal(tn_trainer_steps_total(s.trainer), 12);
    assert_int_equal(tn_trainer_output_size(s.trainer), 3);
    assert_true(fabs(tn_trainer_expected_loss(s.trainer) - log(3)) < 1e-6);
    uint64_t samples[5], epochs[5];
    tn_step_result result;
    for (int i = 0; i < 5; i++) {
        tn_trainer_step(s.trainer, i == 1, NULL, NULL, &result);
        samples[i] = result.samples;
        epochs[i] = result.epoch;
        assert_int_equal(result.step, i + 1);
        assert_true((i == 1) == !isnan(result.gradient_norm));
    }
    assert_int_equal(samples[2], 48);
    assert_int_equal(samples[3], 50);
    assert_int_equal(samples[4], 66);
    assert_int_equal(epochs[3], 0);
    assert_int_equal(epochs[4], 1);
    char name[80];
    tn_shape shape;
    const float *values;
    assert_true(tn_trainer_parameter(s.trainer, 2, name, &shape, &values));
    assert_string_equal(name, "dense_2.weight");
    assert_int_equal(shape.rank, 2);
    assert_int_equal(shape.dims[0], 16);
    assert_int_equal(shape.dims[1], 3);
    assert_false(tn_trainer_parameter(s.trainer, 4, name, &shape, &values));
    support_trainer_close(&s);
}

/* A linear net without bias on one full batch: loss, prediction and the first step are known in closed form. */
static void a_step_is_gradient_descent(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    const char *rest = "\"net\": [{\"op\": \"dense\", \"units\": 2, \"bias\": false}], \"loss\": \"mse\", \"solver\": {\"learning_rate\": "
                       "0.5, \"batch_size\": 1000}";
    assert_int_equal(support_trainer_open(&s, &regression, 1, rest, &error), TN_OK);
    enum { N = 50, IN = 8, OUT = 2 };
    float x[N * IN], y[N * OUT], predicted[N * OUT], losses[N];
    double before[IN * OUT], expected_loss = 0;
    tn_dataset_inputs(s.data.train, NULL, N, x);
    tn_dataset_target_labels(s.data.train, NULL, N, y);
    char name[80];
    tn_shape shape;
    const float *w;
    assert_true(tn_trainer_parameter(s.trainer, 0, name, &shape, &w));
    for (int i = 0; i < IN * OUT; i++)
        before[i] = (double)w[i];
    tn_trainer_predict(s.trainer, s.data.train, NULL, N, predicted, losses);
    double gradient[IN * OUT] = {0}, norm = 0;
    for (int n = 0; n < N; n++) {
        double sample = 0;
        for (int k = 0; k < OUT; k++) {
            double out = 0;
            for (int i = 0; i < IN; i++)
                out += (double)x[n * IN + i] * before[i * OUT + k];
            double residue = out - (double)y[n * OUT + k];
            assert_true(fabs(out - (double)predicted[n * OUT + k]) < 1e-5);
            sample += residue * residue / OUT;
            for (int i = 0; i < IN; i++)
                gradient[i * OUT + k] += 2 * residue * (double)x[n * IN + i] / OUT / N;
        }
        assert_true(fabs(sample - (double)losses[n]) < 1e-4 * (1 + sample));
        expected_loss += sample / N;
    }
    for (int i = 0; i < IN * OUT; i++)
        norm += gradient[i] * gradient[i];
    tn_step_result result;
    tn_trainer_step(s.trainer, true, NULL, NULL, &result);
    assert_true(fabs(result.loss - expected_loss) < 1e-5 * (1 + expected_loss));
    assert_true(fabs(result.gradient_norm - sqrt(norm)) < 1e-5 * (1 + sqrt(norm)));
    for (int i = 0; i < IN * OUT; i++)
        assert_true(fabs((double)w[i] - (before[i] - 0.5 * gradient[i])) < 1e-5);
    support_trainer_close(&s);
}

/* With a limit below the norm, the first step of plain SGD is exactly limit * rate long. */
static void clipping_limits_the_step(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    const char *rest = "\"net\": [{\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\", \"solver\": {\"learning_rate\": 0.5, "
                       "\"batch_size\": 1000, \"clip_norm\": 0.01}";
    assert_int_equal(support_trainer_open(&s, &regression, 1, rest, &error), TN_OK);
    char name[80];
    tn_shape shape;
    const float *values[2];
    double before[18], length = 0;
    size_t count = 0;
    for (size_t p = 0; tn_trainer_parameter(s.trainer, p, name, &shape, &values[p < 2 ? p : 1]); p++) {
        for (size_t i = 0; i < tn_shape_size(&shape); i++)
            before[count++] = (double)values[p][i];
    }
    assert_int_equal(count, 18);
    tn_step_result result;
    tn_trainer_step(s.trainer, false, NULL, NULL, &result);
    assert_true(result.gradient_norm > 0.01);
    for (size_t i = 0; i < 18; i++) {
        double now = (double)(i < 16 ? values[0][i] : values[1][i - 16]);
        length += (now - before[i]) * (now - before[i]);
    }
    assert_true(fabs(sqrt(length) - 0.005) < 1e-5);
    support_trainer_close(&s);
}

static void expect_refusal(const support_problem *problem, const char *rest, const char *pointer, const char *const *words)
{
    support_trainer s;
    tn_error error = {0};
    tn_status status = support_trainer_open(&s, problem, 1, rest, &error);
    assert_int_equal(status, TN_ERROR_HYPES);
    assert_null(s.trainer);
    assert_string_equal(error.pointer, pointer);
    assert_true(error.line > 1);
    for (; *words; words++) {
        if (!strstr(error.message, *words))
            fail_msg("\"%s\" lacks \"%s\"", error.message, *words);
    }
    support_trainer_close(&s);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void misfits_are_refused(void **state)
{
    (void)state;
    expect_refusal(&rows, "\"net\": [{\"op\": \"dense\", \"units\": 2}], \"loss\": \"softmax_cross_entropy\"", "/net/0",
                   WORDS("2 outputs", "3 classes"));
    expect_refusal(&rows, "\"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"softmax_cross_entropy\"", "/net/0",
                   WORDS("1 output", "3 classes"));
    expect_refusal(&rows, "\"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"binary_cross_entropy\"", "/net/0",
                   WORDS("1 output", "3 classes"));
    expect_refusal(&regression, "\"net\": [{\"op\": \"relu\"},\n{\"op\": \"dense\", \"units\": 3}], \"loss\": \"mse\"", "/net/1",
                   WORDS("3 outputs", "2 targets"));
    expect_refusal(&rows, "\"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 3}], \"loss\": \"mse\"", "/net/0",
                   WORDS("[12]", "[height, width, channels]"));
    expect_refusal(&images, "\"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 10}], \"loss\": \"mse\"", "/net/0",
                   WORDS("[10, 10]", "[8, 9, 2]"));
    expect_refusal(&images, "\"net\": [{\"op\": \"relu\"}], \"loss\": \"mse\", \"solver\": {\"metric\": \"accuracy\"}", "/net/0",
                   WORDS("[8, 9, 2]", "classes"));
    expect_refusal(&rows,
                   "\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"dense\", \"units\": 3}, {\"op\": \"add\", \"from\": "
                   "[\"dense_0\", \"dense_1\"]}], \"loss\": \"mse\"",
                   "/net/2", WORDS("[4]", "[3]"));
    expect_refusal(
        &rows, "\"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"dense\", \"units\": 3, \"from\": \"input\"}], \"loss\": \"mse\"",
        "/net/0", WORDS("no node takes"));
}

/* Fewer classes than outputs, and class numbers under a regression loss, are allowed. */
static void what_fits_loosely_is_allowed(void **state)
{
    (void)state;
    static const char *const allowed[] = {
        "\"net\": [{\"op\": \"dense\", \"units\": 10}], \"loss\": \"softmax_cross_entropy\"",
        "\"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"mse\"",
        "\"net\": [{\"op\": \"dense\", \"units\": 3}], \"loss\": \"mse\", \"solver\": {\"metric\": \"accuracy\"}",
        "\"net\": [{\"op\": \"dense\", \"units\": 1}], \"loss\": \"huber\", \"solver\": {\"metric\": \"accuracy\"}",
        "\"net\": [{\"op\": \"dense\", \"units\": 3}, {\"op\": \"sigmoid\"}], \"loss\": \"binary_cross_entropy\"",
        "\"net\": [{\"op\": \"dense\", \"units\": 3}, {\"op\": \"softmax\"}], \"loss\": \"categorical_cross_entropy\"",
    };
    for (size_t i = 0; i < sizeof allowed / sizeof *allowed; i++) {
        support_trainer s;
        tn_error error;
        tn_step_result result;
        if (support_trainer_open(&s, &rows, 1, allowed[i], &error))
            fail_msg("%s: %s", allowed[i], error.message);
        tn_trainer_step(s.trainer, false, NULL, NULL, &result);
        assert_true(isfinite(result.loss) && result.loss > 0);
        support_trainer_close(&s);
    }
}

/* A frozen node keeps its values, and the nodes after it still learn. */
static void frozen_nodes_stay(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    const char *rest =
        "\"net\": [{\"op\": \"dense\", \"units\": 16, \"trainable\": false}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}], "
        "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.2, \"batch_size\": 16, \"weight_decay\": 0.1}";
    assert_int_equal(support_trainer_open(&s, &rows, 1, rest, &error), TN_OK);
    assert_int_equal(tn_trainer_parameters(s.trainer), 16 * 3 + 3);
    char name[80];
    tn_shape shape;
    const float *values;
    float before[12 * 16];
    assert_true(tn_trainer_parameter(s.trainer, 0, name, &shape, &values));
    memcpy(before, values, sizeof before);
    double first = 0, last = train(s.trainer, 100, &first);
    assert_memory_equal(before, values, sizeof before);
    assert_true(last < 0.9 * first);
    support_trainer_close(&s);
}

/* Prediction does not disturb training, whatever the number of samples, and gives each sample the same outputs wherever it stands. */
static void prediction_stands_apart(void **state)
{
    (void)state;
    support_trainer a, b;
    tn_error error;
    const char *rest = "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"batch_norm\"}, {\"op\": \"dropout\", \"rate\": 0.3}, "
                       "{\"op\": \"dense\", \"units\": 3}], "
                       "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 7}";
    const support_problem many = {.samples = 150, .rank = 1, .dims = {12}, .classes = 3};
    assert_int_equal(support_trainer_open(&a, &many, 1, rest, &error), TN_OK);
    assert_int_equal(support_trainer_open(&b, &many, 1, rest, &error), TN_OK);
    float outputs[150 * 3], again[3], losses[150], loss;
    for (int i = 0; i < 30; i++) {
        tn_step_result first, second;
        tn_trainer_step(a.trainer, false, NULL, NULL, &first);
        tn_trainer_predict(b.trainer, b.data.train, NULL, 150, outputs, i % 2 ? losses : NULL);
        tn_trainer_step(b.trainer, false, NULL, NULL, &second);
        assert_true(first.loss == second.loss);
    }
    tn_trainer_predict(b.trainer, b.data.train, NULL, 150, outputs, losses);
    for (uint32_t s = 0; s < 150; s += 29) {
        tn_trainer_predict(b.trainer, b.data.train, &s, 1, again, &loss);
        for (int k = 0; k < 3; k++)
            assert_true(fabsf(again[k] - outputs[s * 3 + (uint32_t)k]) < 1e-5f);
        assert_true(fabsf(loss - losses[s]) < 1e-5f);
    }
    support_trainer_close(&a);
    support_trainer_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_learn),
        cmocka_unit_test(facts_are_told),
        cmocka_unit_test(a_step_is_gradient_descent),
        cmocka_unit_test(clipping_limits_the_step),
        cmocka_unit_test(misfits_are_refused),
        cmocka_unit_test(what_fits_loosely_is_allowed),
        cmocka_unit_test(frozen_nodes_stay),
        cmocka_unit_test(prediction_stands_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
