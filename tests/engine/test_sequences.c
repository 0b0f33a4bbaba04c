/* test_sequences.c: labels of each step, padding and tokens, from files to the loss; and the ops for sequences in float: threads, and
 * what they refuse. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/loss.h"
#include "engine/support_op.h"
#include "engine/support_trainer.h"
#include "engine/trainer_parts.h"

/* Labels are 0, 1, 2 and 3 in turn; 3 is padding. */
static const support_problem steps = {.samples = 10,
                                      .rank = 1,
                                      .dims = {6},
                                      .classes = 3,
                                      .steps = 6,
                                      .tokens = 11,
                                      .data = ", \"label\": {\"each_step\": true, \"padding\": 3}"};
#define NET    "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 5}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
#define SOLVER ", \"solver\": {\"batch_size\": 4, \"learning_rate\": 0.5, \"shuffle\": false}"

static void check_close(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-5 * (1 + fabs(expected))))
        fail_msg("found %.9g, expected %.9g", found, expected);
}

/* The loss of a step is the mean over all labels of the batch; that of a sample over its own; padding has no part in either. */
static void losses_of_steps(void **state)
{
    (void)state;
    support_trainer support;
    tn_error error;
    assert_int_equal(support_trainer_open(&support, &steps, 1, NET "\"softmax_cross_entropy\"" SOLVER, &error), TN_OK);
    assert_int_equal(tn_dataset_label_steps(support.data.train), 6);
    assert_int_equal(tn_dataset_classes(support.data.train), 3);
    assert_int_equal(tn_trainer_label_width(support.trainer), 3);
    assert_true(tn_trainer_takes_tokens(support.trainer));
    check_close(tn_trainer_expected_loss(support.trainer), log(3));
    float outputs[10 * 18], losses[10];
    int32_t classes[60];
    tn_trainer_predict(support.trainer, support.data.train, NULL, 10, outputs, losses);
    tn_dataset_class_labels(support.data.train, NULL, 10, classes);
    double total = 0;
    size_t labels = 0;
    for (size_t i = 0; i < 10; i++) {
        double sum = 0;
        size_t own = 0;
        for (size_t k = 0; k < 6; k++) {
            const int32_t class = classes[i * 6 + k];
            assert_int_equal(class, (i + k) % 4 == 3 ? -1 : (int32_t)((i + k) % 4));
            if (class < 0)
                continue;
            const float *logits = outputs + (i * 6 + k) * 3;
            sum -= (double)logits[class] - log(exp((double)logits[0]) + exp((double)logits[1]) + exp((double)logits[2]));
            own++;
        }
        check_close((double)losses[i], sum / (double)own);
        if (i < 4) {
            total += sum;
            labels += own;
        }
    }
    tn_step_result result;
    tn_trainer_step(support.trainer, false, NULL, NULL, &result);
    check_close(result.loss, total / (double)labels);
    for (int i = 0; i < 300; i++)
        tn_trainer_step(support.trainer, false, NULL, NULL, &result);
    assert_true(result.loss < 0.9 * log(3)); /* tokens tell something about labels here */
    support_trainer_close(&support);
}

/* A row without a label changes no other row's loss, and gets no gradient, NaN or not. */
static void missing_labels(void **state)
{
    (void)state;
    const tn_loss *loss = tn_loss_find("softmax_cross_entropy");
    const tn_loss_options options[] = {{.sum = false}, {.sum = true}};
    const tn_real outputs[] = {1, 2, 3, NAN, 0, 0, 3, -1, 0};
    const int32_t all[] = {2, -1, 0}, two[] = {2, 0};
    for (size_t o = 0; o < 2; o++) {
        const tn_labels labels = {.classes = all, .counted = 2}, present = {.classes = two};
        tn_real rows[6], losses[3], gradient[9], expected_losses[2], expected[6];
        memcpy(rows, outputs, 3 * sizeof *rows);
        memcpy(rows + 3, outputs + 6, 3 * sizeof *rows);
        loss->compute(&options[o], 3, 3, outputs, &labels, losses, gradient);
        loss->compute(&options[o], 2, 3, rows, &present, expected_losses, expected);
        assert_true(losses[0] == expected_losses[0] && losses[1] == 0 && losses[2] == expected_losses[1]);
        assert_memory_equal(gradient, expected, 3 * sizeof *gradient);
        assert_memory_equal(gradient + 6, expected + 3, 3 * sizeof *gradient);
        assert_true(gradient[3] == 0 && gradient[4] == 0 && gradient[5] == 0);
    }
}

static void expect_refusal(const support_problem *problem, const char *rest, const char *words)
{
    support_trainer support;
    tn_error error = {0};
    if (support_trainer_open(&support, problem, 1, rest, &error) == TN_OK)
        fail_msg("not refused: %s", rest);
    if (strstr(error.message, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", error.message, words);
    support_trainer_close(&support);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    expect_refusal(&steps, NET "\"categorical_cross_entropy\"" SOLVER,
                   "categorical_cross_entropy takes one label a sample; for labels of each step use \"softmax_cross_entropy\"");
    expect_refusal(
        &steps,
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 5}, {\"op\": \"last\"}, {\"op\": \"dense\", \"units\": 3}], "
        "\"loss\": \"softmax_cross_entropy\"",
        "the last node puts out [3] for a sample, and each of its 6 steps has a label of 3 classes");
    expect_refusal(
        &steps,
        "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 7, \"units\": 5}, {\"op\": \"dense\", \"units\": 3}], \"loss\": "
        "\"softmax_cross_entropy\"",
        "embedding_0 knows the tokens 0 to 6, but row 0 of the data holds 9 at step 3 (both from 0); give it a \"vocabulary\" of "
        "at least 10");
    support_problem scaled = steps;
    scaled.data = ", \"label\": {\"each_step\": true, \"padding\": 3}, \"input\": 0.5";
    expect_refusal(&scaled, NET "\"softmax_cross_entropy\"",
                   "embedding_0 looks up whole numbers from 0 on, but row 0 of the data holds 0.5");
    const support_problem rows = {.samples = 4, .rank = 1, .dims = {6}, .classes = 2};
    expect_refusal(&rows, "\"net\": [{\"op\": \"reshape\", \"shape\": [0, 4]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "reshape cannot make [0, 4] of a sample of shape [6], which has 6 values (0 stands for the axis to be found)");
    expect_refusal(&rows, "\"net\": [{\"op\": \"reshape\", \"shape\": [5]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "reshape cannot make [5] of a sample of shape [6], which has 6 values; write 0 for the axis to be found");
    expect_refusal(&rows, "\"net\": [{\"op\": \"reshape\", \"shape\": [0, 0]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "\"shape\" has more than one 0");
    expect_refusal(&rows, "\"net\": [{\"op\": \"permute\", \"order\": [1, 0]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "permute orders 2 axes, but a sample has the shape [6]");
    expect_refusal(&rows, "\"net\": [{\"op\": \"permute\", \"order\": [1]}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "permute names the axis 1, but a sample has the shape [6]: axes 0 to 0");
    expect_refusal(&rows, "\"net\": [{\"op\": \"gru\", \"units\": 2}, {\"op\": \"last\"}], \"loss\": \"mse\"",
                   "gru needs a sequence [time, features], and a sample has the shape [6]; tokens become one by an embedding");
    expect_refusal(&rows,
                   "\"net\": [{\"op\": \"reshape\", \"shape\": [2, 3]}, {\"op\": \"rnn\", \"units\": 2, \"layers\": 3, \"bidirectional\": "
                   "true}], \"loss\": \"mse\"",
                   "rnn has 3 layers of 2 directions; at most 2 fit into a node");
    static const struct {
        const char *node, *words;
    } attentions[] = {
        {"{\"op\": \"attention\", \"heads\": 2}", "attention shares 3 features among 2 heads; make the first a multiple of the second"},
        {"{\"op\": \"attention\", \"heads\": 1, \"rotary\": true}", "rotary turns pairs of features, and a head has 3"},
        {"{\"op\": \"attention\", \"heads\": 1, \"from\": \"input\"}",
         "attention needs sequences [time, features], and input 1 has the shape [6]"},
        {"{\"op\": \"attention\", \"heads\": 1, \"padding\": 0, \"from\": [\"reshape_0\", \"input\"]}",
         "attention has 2 steps that answer, and the tokens that tell padding have the shape [6]"},
        {"{\"op\": \"attention\", \"heads\": 1, \"padding\": 0}",
         "attention takes a sequence, or two of which the second answers, and then"},
        {"{\"op\": \"position_embedding\", \"from\": \"input\"}",
         "position_embedding needs a sequence [time, features], and a sample has the shape [6]"},
    };
    for (size_t i = 0; i < sizeof attentions / sizeof *attentions; i++) {
        char rest[512];
        snprintf(rest, sizeof rest, "\"net\": [{\"op\": \"reshape\", \"shape\": [2, 3]}, %s, {\"op\": \"last\"}], \"loss\": \"mse\"",
                 attentions[i].node);
        expect_refusal(&rows, rest, attentions[i].words);
    }
    expect_refusal(&rows, "\"net\": [{\"op\": \"last\"}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
                   "last needs a sequence [time, features] or an image [h, w, channels], and a sample has the shape [6]");
    expect_refusal(
        &rows,
        "\"net\": [{\"op\": \"reshape\", \"shape\": [2, 3], \"name\": \"a\"}, {\"op\": \"reshape\", \"shape\": [3, 2]}, {\"op\": "
        "\"concat\", \"from\": [\"a\", \"reshape_1\"]}, {\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"",
        "concat along axis 1 needs inputs that are alike in all other axes; the first is [2, 3], number 2 is [3, 2]");
    expect_refusal(&rows,
                   "\"net\": [{\"op\": \"concat\", \"axis\": 2, \"from\": [\"input\", \"input\"]}, {\"op\": \"dense\", \"units\": 2}], "
                   "\"loss\": \"mse\"",
                   "concat joins along axis 2, but a sample has the shape [6]: axes 0 to 0");
}

/* Weights from a step to the next are an orthogonal matrix for each gate, the forget gate's bias is 1 higher, and "torch" draws within 1 / sqrt(units). */
static void recurrent_weights(void **state)
{
    (void)state;
    enum { UNITS = 8, COLUMNS = 4 * UNITS, INPUTS = 5 };
    static const char *const rests[] = {
        "{\"op\": \"lstm\", \"units\": 8}, {\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\"",
        "{\"op\": \"lstm\", \"units\": 8, \"recurrent_init\": null}, {\"op\": \"dense\", \"units\": 3}], \"init\": {\"scheme\": \"torch\", "
        "\"scale\": 2}, \"loss\": \"softmax_cross_entropy\""};
    for (size_t r = 0; r < 2; r++) {
        char rest[512];
        snprintf(rest, sizeof rest, "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 5}, %s", rests[r]);
        support_trainer support;
        tn_error error;
        assert_int_equal(support_trainer_open(&support, &steps, 1, rest, &error), TN_OK);
        const float *values[4];
        tn_shape shape;
        char name[80];
        static const char *const names[] = {"lstm_1.weight_ih_l0", "lstm_1.weight_hh_l0", "lstm_1.bias_ih_l0", "lstm_1.bias_hh_l0"};
        for (size_t k = 0; k < 4; k++) {
            assert_true(tn_trainer_parameter(support.trainer, k + 1, name, &shape, &values[k]));
            assert_string_equal(name, names[k]);
        }
        for (size_t k = 0; k < COLUMNS; k++) {
            assert_true(values[2][k] == (k / UNITS == 1 ? 1.0F : 0.0F));
            assert_true(values[3][k] == 0);
        }
        const double limit = r == 0 ? sqrt(6.0 / (INPUTS + UNITS)) : 2 / sqrt(UNITS);
        double largest = 0;
        for (size_t k = 0; k < (size_t)INPUTS * COLUMNS; k++)
            largest = fmax(largest, fabs((double)values[0][k]));
        assert_true(largest <= limit && largest > 0.9 * limit);
        for (size_t gate = 0; gate < 4 && r == 0; gate++) {
            for (size_t a = 0; a < UNITS; a++) {
                for (size_t b = 0; b < UNITS; b++) {
                    double dot = 0;
                    for (size_t k = 0; k < UNITS; k++)
                        dot += (double)values[1][a * COLUMNS + gate * UNITS + k] * (double)values[1][b * COLUMNS + gate * UNITS + k];
                    check_close(dot, a == b ? 1 : 0);
                }
            }
        }
        for (size_t k = 0; k < (size_t)UNITS * COLUMNS && r == 1; k++)
            assert_true(fabs((double)values[1][k]) <= limit);
        support_trainer_close(&support);
    }
}

/* A token that is no row, as only a program's own mistake brings about, gives NaN and not somebody else's memory. */
static void tokens_beyond_the_table(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "beyond",
                           .op = "embedding",
                           .attributes = "{\"vocabulary\": 3, \"units\": 2, \"scale\": false}",
                           .batch = 1,
                           .inputs = {TN_SHAPE1(6)},
                           .tokens = 3};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    const tn_real tokens[] = {0, 3, -1, NAN, INFINITY, 2};
    memcpy(run.inputs[0], tokens, sizeof tokens);
    tn_op_run_forward(&run);
    tn_op_run_backward(&run);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(isnan(run.output[2 * i]) != 0, i > 0 && i < 5);
    assert_memory_equal(run.output + 10, run.pass.parameters[0] + 4, 2 * sizeof(tn_real));
    const tn_real none[] = {0, 0};
    assert_memory_equal(run.pass.d_parameters[0], run.d_output, sizeof none);
    assert_memory_equal(run.pass.d_parameters[0] + 2, none, sizeof none);
    tn_op_run_deinit(&run);
}

/* The same bits with one thread and with three. */
static void threads_do_not_matter(void **state)
{
    (void)state;
    static const tn_op_case cases[] = {
        {.label = "embedding",
         .op = "embedding",
         .attributes = "{\"vocabulary\": 31, \"units\": 257, \"scale\": false}",
         .batch = 67,
         .inputs = {TN_SHAPE1(131)},
         .tokens = 31},
        {.label = "dense", .op = "dense", .attributes = "{\"units\": 67, \"bias\": true}", .batch = 13, .inputs = {TN_SHAPE2(37, 131)}},
        {.label = "permute", .op = "permute", .attributes = "{\"order\": [1, 0]}", .batch = 67, .inputs = {TN_SHAPE2(131, 131)}},
        {.label = "lstm",
         .op = "lstm",
         .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": true, \"forget_bias\": 1}",
         .batch = 21,
         .inputs = {TN_SHAPE2(17, 67)}},
        {.label = "gru",
         .op = "gru",
         .attributes = "{\"units\": 97, \"layers\": 2, \"bidirectional\": false}",
         .batch = 21,
         .inputs = {TN_SHAPE2(17, 67)},
         .carried = true},
        {.label = "attention",
         .op = "attention",
         .attributes = "{\"heads\": 4, \"causal\": true, \"bias\": true, \"rotary\": true, \"padding\": null}",
         .batch = 5,
         .inputs = {TN_SHAPE2(67, 136)},
         .scale = 0.1},
        {.label = "mean", .op = "global_avg_pool", .batch = 67, .inputs = {TN_SHAPE2(131, 131)}},
    };
    tn_pool *pool;
    tn_error error;
    assert_int_equal(tn_pool_create(3, &pool, &error), TN_OK);
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        tn_op_run alone, together;
        tn_op_run_init(&alone, &cases[c], NULL, c);
        tn_op_run_init(&together, &cases[c], pool, c);
        tn_op_run_forward(&alone);
        tn_op_run_backward(&alone);
        tn_op_run_forward(&together);
        tn_op_run_backward(&together);
        assert_memory_equal(alone.output, together.output, alone.output_size * sizeof(tn_real));
        assert_memory_equal(alone.d_inputs[0], together.d_inputs[0], alone.input_sizes[0] * sizeof(tn_real));
        for (size_t p = 0; p < alone.node.parameter_count; p++)
            assert_memory_equal(alone.pass.d_parameters[p], together.pass.d_parameters[p], alone.parameter_sizes[p] * sizeof(tn_real));
        tn_op_run_deinit(&alone);
        tn_op_run_deinit(&together);
    }
    tn_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_of_steps),   cmocka_unit_test(missing_labels),          cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(recurrent_weights), cmocka_unit_test(tokens_beyond_the_table), cmocka_unit_test(threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
