/* test_carry.c: state that goes on from batch to batch: two halves of a sequence are the whole, streams stand in the order of the text and begin at 0, checkpoints hold the state, predictions leave it
 * alone, and what cannot carry is told. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_op.h"
#include "engine/support_text.h"
#include "engine/trainer_parts.h"

/* ---- one op ---- */

enum { BATCH = 3, HALF = 4, INPUTS = 5, UNITS = 6 };

/* Steps first .. first + HALF - 1 of each sequence of `whole`, which has twice as many. */
static void copy_half(const tn_real *whole, size_t width, size_t first, tn_real *half)
{
    for (size_t b = 0; b < BATCH; b++)
        memcpy(half + b * HALF * width, whole + (b * 2 * HALF + first) * width, HALF * width * sizeof *half);
}

static void two_halves_are_the_whole(void **state)
{
    (void)state;
    static const char *const ops[] = {"rnn", "gru", "lstm"};
    for (size_t i = 0; i < 3; i++) {
        static const char attributes[] =
            "{\"units\": 6, \"layers\": 2, \"bidirectional\": false, \"activation\": \"tanh\", \"forget_bias\": 1}";
        const tn_op_case long_case = {
            .label = "whole", .op = ops[i], .attributes = attributes, .batch = BATCH, .inputs = {TN_SHAPE2(2 * HALF, INPUTS)}};
        const tn_op_case half_case = {
            .label = "half", .op = ops[i], .attributes = attributes, .batch = BATCH, .inputs = {TN_SHAPE2(HALF, INPUTS)}, .carried = true};
        tn_op_run whole, half;
        tn_op_run_init(&whole, &long_case, NULL, 5);
        tn_op_run_init(&half, &half_case, NULL, 6);
        for (size_t p = 0; p < whole.node.parameter_count; p++)
            memcpy(half.pass.parameters[p], whole.pass.parameters[p], whole.parameter_sizes[p] * sizeof(tn_real));
        tn_op_run_forward(&whole);
        memset(half.carried, 0, half.carried_size * sizeof(tn_real));
        for (size_t first = 0; first < 2 * HALF; first += HALF) {
            tn_real expected[BATCH * HALF * UNITS];
            copy_half(whole.inputs[0], INPUTS, first, half.inputs[0]);
            tn_op_run_forward(&half);
            copy_half(whole.output, UNITS, first, expected);
            for (size_t k = 0; k < half.output_size; k++)
                if (!(fabs((double)half.output[k] - (double)expected[k]) <= 1e-6))
                    fail_msg("%s, from step %zu: value %zu is %g, and %g in one piece", ops[i], first, k, (double)half.output[k],
                             (double)expected[k]);
            memcpy(half.carried, half.carried_on, half.carried_size * sizeof(tn_real));
        }
        /* In evaluation nothing is carried. */
        half.pass.training = false;
        copy_half(whole.inputs[0], INPUTS, 0, half.inputs[0]);
        tn_op_run_forward(&half);
        assert_true(fabs((double)half.output[0] - (double)whole.output[0]) <= 1e-6);
        assert_true(isnan(half.carried_on[0]));
        tn_op_run_deinit(&whole);
        tn_op_run_deinit(&half);
    }
}

/* ---- a trainer ---- */

static void open_or_fail(support_text *of, size_t threads, const char *data, const char *solver)
{
    tn_error error = {0};
    if (support_text_open(of, threads, data, SUPPORT_TEXT_NET, solver, &error) != TN_OK)
        fail_msg("%s", error.message);
}

typedef struct rows_seen {
    size_t count;
    uint32_t rows[8];
} rows_seen;

static void see_rows(void *context, const tn_tensor_shown *shown)
{
    rows_seen *seen = context;
    if (shown->batch.count == 0)
        return;
    assert_true(shown->batch.count <= 8);
    seen->count = shown->batch.count;
    memcpy(seen->rows, shown->batch.rows, seen->count * sizeof *seen->rows);
}

/* Whether sequence b began the last step in a state of 0; all of it, or nothing of it. */
static bool began_anew(const tn_trainer *t, size_t b)
{
    size_t zeros = 0, values = 0;
    for (size_t i = 0; i < t->graph.count; i++) {
        const tn_node *node = &t->graph.vertices[i].node;
        for (size_t m = 0; m < node->carried_count; m++)
            for (size_t k = 0; k < node->carried_width; k++, values++)
                zeros += t->carried[t->vertices[i].carried + (m * t->batch + b) * node->carried_width + k] == 0;
    }
    assert_int_equal(values, 2 * 4 + 3);
    assert_true(zeros == 0 || zeros == values);
    return zeros > 0;
}

/* 22 windows in streams of 4: 5 steps an epoch, and the last two windows stay away. Then whatever batch size, a subset, and rows left out in the middle. */
static void streams_stand_in_order(void **state)
{
    (void)state;
    static const struct {
        const char *data, *solver;
        size_t batch, steps;
        uint32_t gap; /* the row that is left out; 0: none */
    } cases[] = {
        {SUPPORT_TEXT_ALL, ", \"batch_size\": 4", 4, 5, 0},
        {SUPPORT_TEXT_ALL, ", \"batch_size\": 1, \"shuffle\": true", 1, 22, 0},
        {SUPPORT_TEXT_ALL ", \"samples\": 7", ", \"batch_size\": 3, \"shuffle\": false", 3, 2, 0},
        {SUPPORT_TEXT_ALL ", \"samples\": 3", ", \"batch_size\": 8", 3, 1, 0},
        {SUPPORT_TEXT_ALL ", \"exclude\": [2]", ", \"batch_size\": 4", 4, 5, 2},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        support_text of;
        open_or_fail(&of, 1, cases[c].data, cases[c].solver);
        assert_int_equal(tn_trainer_steps_per_epoch(of.trainer), cases[c].steps);
        for (size_t step = 0; step < 3 * cases[c].steps; step++) {
            rows_seen seen = {0};
            tn_step_result result;
            tn_trainer_step(of.trainer, false, see_rows, &seen, &result);
            assert_int_equal(result.epoch, step / cases[c].steps);
            assert_int_equal(seen.count, cases[c].batch);
            const size_t at = step % cases[c].steps;
            for (size_t b = 0; b < seen.count; b++) {
                const size_t sample = b * cases[c].steps + at, skips = cases[c].gap > 0 && sample >= cases[c].gap;
                assert_int_equal(seen.rows[b], sample + skips);
                assert_int_equal(began_anew(of.trainer, b), at == 0 || (cases[c].gap > 0 && sample == cases[c].gap));
            }
        }
        support_text_close(&of);
    }
}

/* What is carried is what the last step left, and it changes the training. */
static void state_goes_on(void **state)
{
    (void)state;
    support_text carrying, forgetting;
    open_or_fail(&carrying, 1, SUPPORT_TEXT_ALL, ", \"batch_size\": 4");
    open_or_fail(&forgetting, 1, SUPPORT_TEXT_ALL, ", \"batch_size\": 4");
    tn_step_result a, b;
    tn_trainer_step(carrying.trainer, false, NULL, NULL, &a);
    tn_trainer_step(forgetting.trainer, false, NULL, NULL, &b);
    assert_true(a.loss == b.loss);
    const size_t size = carrying.trainer->carried_size;
    tn_real *left = malloc(size * sizeof *left);
    assert_non_null(left);
    memcpy(left, carrying.trainer->carried_on, size * sizeof *left);
    memset(forgetting.trainer->carried_on, 0, size * sizeof *left);
    tn_trainer_step(carrying.trainer, false, NULL, NULL, &a);
    tn_trainer_step(forgetting.trainer, false, NULL, NULL, &b);
    assert_memory_equal(left, carrying.trainer->carried, size * sizeof *left);
    assert_true(a.loss != b.loss);
    free(left);
    support_text_close(&carrying);
    support_text_close(&forgetting);
}

/* Restored in the middle of an epoch, by any number of threads, with predictions in between: the same bits. */
static void checkpoints_hold_the_state(void **state)
{
    (void)state;
    support_text of, other;
    tn_error error;
    tn_step_result result;
    double losses[9];
    open_or_fail(&of, 1, SUPPORT_TEXT_ALL, ", \"batch_size\": 4");
    open_or_fail(&other, 3, SUPPORT_TEXT_ALL, ", \"batch_size\": 4");
    for (size_t i = 0; i < 3; i++)
        tn_trainer_step(of.trainer, false, NULL, NULL, &result);
    const size_t size = tn_trainer_state_size(of.trainer);
    void *middle = malloc(size), *end = malloc(size), *again = malloc(size);
    assert_true(middle && end && again);
    tn_trainer_save(of.trainer, middle);
    for (size_t i = 0; i < 9; i++) {
        tn_trainer_step(of.trainer, false, NULL, NULL, &result);
        losses[i] = result.loss;
    }
    tn_trainer_save(of.trainer, end);
    tn_trainer *const trainers[] = {of.trainer, other.trainer};
    for (size_t t = 0; t < 2; t++) {
        float outputs[22 * 20];
        assert_int_equal(tn_trainer_restore(trainers[t], middle, size, &error), TN_OK);
        for (size_t i = 0; i < 9; i++) {
            tn_trainer_predict(trainers[t], of.data.train, NULL, 22, outputs, NULL);
            tn_trainer_step(trainers[t], false, NULL, NULL, &result);
            assert_true(result.loss == losses[i]);
        }
        tn_trainer_save(trainers[t], again);
        assert_memory_equal(end, again, size);
    }
    /* A state that was lost would show. */
    assert_int_equal(tn_trainer_restore(of.trainer, middle, size, &error), TN_OK);
    memset(of.trainer->carried_on, 0, of.trainer->carried_size * sizeof(tn_real));
    tn_trainer_step(of.trainer, false, NULL, NULL, &result);
    assert_true(result.loss != losses[0]);
    free(middle);
    free(end);
    free(again);
    support_text_close(&of);
    support_text_close(&other);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    static const struct {
        const char *data, *net, *words, *pointer;
    } cases[] = {
        {", \"stride\": 2" SUPPORT_TEXT_ALL, SUPPORT_TEXT_NET,
         "and here none does; it takes the format \"text\" with a \"stride\" as long as \"time\"", "/solver/carry_state"},
        {SUPPORT_TEXT_ALL, SUPPORT_TEXT_TOKENS "{\"op\": \"dense\", \"units\": 5}",
         "there is no rnn, gru or lstm in the net that has a state to carry", "/solver/carry_state"},
        {SUPPORT_TEXT_ALL,
         SUPPORT_TEXT_TOKENS
         "{\"op\": \"gru\", \"units\": 4}, {\"op\": \"rnn\", \"units\": 3, \"bidirectional\": true}, {\"op\": \"dense\", \"units\": 5}",
         "rnn_2 reads its sequences from their end, too", "/net/2"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        support_text of;
        tn_error error = {0};
        assert_int_equal(support_text_open(&of, 1, cases[c].data, cases[c].net, "", &error), TN_ERROR_HYPES);
        assert_null(of.trainer);
        if (!strstr(error.message, cases[c].words) || strcmp(error.pointer, cases[c].pointer) != 0)
            fail_msg("%s: %s", error.pointer, error.message);
        support_text_close(&of);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_halves_are_the_whole),   cmocka_unit_test(streams_stand_in_order), cmocka_unit_test(state_goes_on),
        cmocka_unit_test(checkpoints_hold_the_state), cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
