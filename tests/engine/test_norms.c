/* test_norms.c: softmax, batch_norm and layer_norm in float: what must hold whatever the values are, statistics by hand, threads, and hard
 * inputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_op.h"

enum { GAIN, BIAS, RUNNING_MEAN, RUNNING_VARIANCE };

static void set_all(tn_real *values, size_t count, tn_real value)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = value;
    }
}

static void assert_near(double found, double expected, double tolerance)
{
    if (!(fabs(found - expected) <= tolerance)) {
        fail_msg("found %.9g, expected %.9g", found, expected);
    }
}

/* Rows [1, 3], [3, 7], [8, 2]: means 4 and 4, variances 26/3 and 14/3 over three rows, 13 and 7 over two. */
static void batch_norm_by_hand(void **state)
{
    (void)state;
    const tn_op_case of = {
        .label = "by hand", .op = "batch_norm", .attributes = "{\"momentum\": 0.75, \"epsilon\": 0}", .batch = 3, .inputs = {TN_SHAPE1(2)}};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    const tn_real x[] = {1, 3, 3, 7, 8, 2};
    memcpy(run.inputs[0], x, sizeof x);
    set_all(run.pass.parameters[GAIN], 2, 2);
    set_all(run.pass.parameters[BIAS], 2, 10);
    set_all(run.state_at_start[RUNNING_MEAN], 2, 8);
    set_all(run.state_at_start[RUNNING_VARIANCE], 2, 1);
    tn_op_run_forward(&run);
    const double variances[] = {26.0 / 3, 14.0 / 3};
    for (size_t i = 0; i < 6; i++) {
        assert_near((double)run.output[i], 10 + 2 * ((double)x[i] - 4) / sqrt(variances[i % 2]), 1e-5);
    }
    assert_near((double)run.pass.parameters[RUNNING_MEAN][0], 0.75 * 8 + 0.25 * 4, 1e-6);
    assert_near((double)run.pass.parameters[RUNNING_VARIANCE][0], 0.75 * 1 + 0.25 * 13, 1e-6);
    assert_near((double)run.pass.parameters[RUNNING_VARIANCE][1], 0.75 * 1 + 0.25 * 7, 1e-6);
    tn_op_run_deinit(&run);
}

/* In evaluation the running statistics are used, and not moved. */
static void batch_norm_in_evaluation(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "evaluation",
                           .op = "batch_norm",
                           .attributes = "{\"momentum\": 0.75, \"epsilon\": 0}",
                           .batch = 2,
                           .inputs = {TN_SHAPE1(3)},
                           .evaluation = true};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    set_all(run.pass.parameters[GAIN], 3, 1);
    set_all(run.pass.parameters[BIAS], 3, 0);
    set_all(run.state_at_start[RUNNING_MEAN], 3, 2);
    set_all(run.state_at_start[RUNNING_VARIANCE], 3, 4);
    tn_op_run_forward(&run);
    for (size_t i = 0; i < 6; i++) {
        assert_near((double)run.output[i], ((double)run.inputs[0][i] - 2) / 2, 1e-6);
    }
    assert_memory_equal(run.pass.parameters[RUNNING_MEAN], run.state_at_start[RUNNING_MEAN], 3 * sizeof(tn_real));
    assert_memory_equal(run.pass.parameters[RUNNING_VARIANCE], run.state_at_start[RUNNING_VARIANCE], 3 * sizeof(tn_real));
    tn_op_run_deinit(&run);
}

/* Output has mean 0 and variance 1 for each feature, also where the input stands far from 0 (a single pass over squares in float would
 * lose all digits). */
static void batch_norm_normalises(void **state)
{
    (void)state;
    const tn_shape shapes[] = {TN_SHAPE1(1), TN_SHAPE1(5), TN_SHAPE3(3, 3, 6), TN_SHAPE1(33), TN_SHAPE3(5, 7, 32)};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        const tn_op_case of = {
            .label = "far", .op = "batch_norm", .attributes = "{\"momentum\": 0.5, \"epsilon\": 0}", .batch = 64, .inputs = {shapes[s]}};
        tn_op_run run;
        tn_op_run_init(&run, &of, NULL, s);
        const size_t width = shapes[s].dims[shapes[s].rank - 1], rows = run.output_size / width;
        set_all(run.pass.parameters[GAIN], width, 1);
        set_all(run.pass.parameters[BIAS], width, 0);
        for (size_t i = 0; i < run.output_size; i++) {
            run.inputs[0][i] = run.inputs[0][i] * 4 + 1000;
        }
        tn_op_run_forward(&run);
        for (size_t f = 0; f < width; f++) {
            double sum = 0, squares = 0;
            for (size_t r = 0; r < rows; r++) {
                sum += (double)run.output[r * width + f];
                squares += (double)run.output[r * width + f] * (double)run.output[r * width + f];
            }
            assert_near(sum / (double)rows, 0, 1e-4);
            assert_near(squares / (double)rows, 1, 1e-4);
        }
        tn_op_run_deinit(&run);
    }
}

/* One row has no variance: the output is the bias, the gradient 0, and the running variance moves towards 0, not to NaN. */
static void batch_norm_of_one_row(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "one row",
                           .op = "batch_norm",
                           .attributes = "{\"momentum\": 0.5, \"epsilon\": 1e-3}",
                           .batch = 1,
                           .inputs = {TN_SHAPE1(4)}};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    tn_op_run_forward(&run);
    tn_op_run_backward(&run);
    for (size_t i = 0; i < 4; i++) {
        assert_near((double)run.output[i], (double)run.pass.parameters[BIAS][i], 1e-6);
        assert_near((double)run.d_inputs[0][i], 0, 1e-6);
        assert_near((double)run.pass.parameters[RUNNING_VARIANCE][i], 0.5 * (double)run.state_at_start[RUNNING_VARIANCE][i], 1e-6);
    }
    tn_op_run_deinit(&run);
}

/* State is never trained, and a frozen node trains nothing at all. */
static void batch_norm_parameters(void **state)
{
    (void)state;
    const tn_op_case of = {.label = "parameters",
                           .op = "batch_norm",
                           .attributes = "{\"momentum\": 0.5, \"epsilon\": 1e-3}",
                           .batch = 1,
                           .inputs = {TN_SHAPE1(4)}};
    tn_op_run run;
    tn_op_run_init(&run, &of, NULL, 1);
    static const char *const names[] = {"gain", "bias", "running_mean", "running_variance"};
    static const tn_scheme schemes[] = {TN_SCHEME_ONES, TN_SCHEME_ZEROS, TN_SCHEME_ZEROS, TN_SCHEME_ONES};
    assert_int_equal(run.node.parameter_count, 4);
    for (size_t p = 0; p < 4; p++) {
        assert_string_equal(run.node.parameters[p].name, names[p]);
        assert_int_equal(run.node.parameters[p].initializer.scheme, schemes[p]);
        assert_true(run.node.parameters[p].initializer.scale == 1);
        assert_int_equal(run.node.parameters[p].is_state, p >= 2);
        assert_int_equal(run.node.parameters[p].trainable, p < 2);
    }
    tn_op_run_deinit(&run);
}

/* Adding a constant to a row, and multiplying it, change nothing. */
static void layer_norm_is_invariant(void **state)
{
    (void)state;
    const size_t widths[] = {2, 7, 8, 9, 64, 131};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const tn_op_case of = {
            .label = "rows", .op = "layer_norm", .attributes = "{\"epsilon\": 0}", .batch = 3, .inputs = {TN_SHAPE2(2, widths[w])}};
        tn_op_run plain, moved;
        tn_op_run_init(&plain, &of, NULL, w);
        tn_op_run_init(&moved, &of, NULL, w);
        for (size_t i = 0; i < moved.output_size; i++) {
            moved.inputs[0][i] = moved.inputs[0][i] * 8 + 64; /* little is lost in float */
        }
        tn_op_run_forward(&plain);
        tn_op_run_forward(&moved);
        for (size_t i = 0; i < plain.output_size; i++) {
            assert_near((double)moved.output[i], (double)plain.output[i],
                        2e-4 * (1 + fabs((double)plain.output[i])) * (widths[w] == 2 ? 20 : 1));
        }
        tn_op_run_deinit(&plain);
        tn_op_run_deinit(&moved);
    }
}

/* Rows sum to one; a constant added to a row changes nothing; logits of 1e38 do not overflow. */
static void softmax_rows(void **state)
{
    (void)state;
    const size_t widths[] = {1, 2, 7, 8, 10, 17, 1000, 5000};
    for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
        const tn_op_case of = {.label = "rows", .op = "softmax", .batch = 5, .inputs = {TN_SHAPE1(widths[w])}, .scale = 4};
        tn_op_run run;
        tn_op_run_init(&run, &of, NULL, w);
        run.inputs[0][0] = 1e38F;
        tn_op_run_forward(&run);
        for (size_t r = 0; r < 5; r++) {
            double sum = 0;
            for (size_t c = 0; c < widths[w]; c++) {
                const double p = (double)run.output[r * widths[w] + c];
                assert_true(p >= 0 && p <= 1);
                sum += p;
            }
            assert_near(sum, 1, 1e-5);
        }
        assert_true(run.output[0] == 1);
        tn_op_run_deinit(&run);
    }
}

/* NaN and +Inf spoil their own row, wherever they stand in it, and no other. -Inf is a probability of 0. */
static void softmax_lets_nan_through(void **state)
{
    (void)state;
    enum { WIDTH = 19 };
    const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t b = 0; b < 3; b++) {
        for (size_t at = 0; at < WIDTH; at++) {
            const tn_op_case of = {.label = "bad", .op = "softmax", .batch = 3, .inputs = {TN_SHAPE1(WIDTH)}};
            tn_op_run run;
            tn_op_run_init(&run, &of, NULL, 5);
            run.inputs[0][WIDTH + at] = bad[b];
            tn_op_run_forward(&run);
            for (size_t i = 0; i < run.output_size; i++) {
                const bool spoilt = b < 2 && i / WIDTH == 1;
                assert_int_equal(isnan(run.output[i]) != 0, spoilt);
            }
            assert_true(b < 2 || run.output[WIDTH + at] == 0);
            tn_op_run_deinit(&run);
        }
    }
}

/* The same bits with one thread and with three, also where rows are summed in tiles. */
static void threads_do_not_matter(void **state)
{
    (void)state;
    static const tn_op_case cases[] = {
        {.label = "batch_norm",
         .op = "batch_norm",
         .attributes = "{\"momentum\": 0.5, \"epsilon\": 1e-3}",
         .batch = 67,
         .inputs = {TN_SHAPE3(13, 11, 6)}},
        {.label = "batch_norm wide",
         .op = "batch_norm",
         .attributes = "{\"momentum\": 0.5, \"epsilon\": 1e-3}",
         .batch = 129,
         .inputs = {TN_SHAPE1(1023)}},
        {.label = "layer_norm", .op = "layer_norm", .attributes = "{\"epsilon\": 1e-3}", .batch = 67, .inputs = {TN_SHAPE2(31, 61)}},
        {.label = "softmax", .op = "softmax", .batch = 1031, .inputs = {TN_SHAPE1(37)}},
        {.label = "dropout", .op = "dropout", .attributes = "{\"rate\": 0.25}", .batch = 71, .inputs = {TN_SHAPE1(1009)}},
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
        for (size_t p = 0; p < alone.node.parameter_count; p++) {
            assert_memory_equal(alone.pass.parameters[p], together.pass.parameters[p], alone.parameter_sizes[p] * sizeof(tn_real));
            if (alone.pass.d_parameters[p] != NULL) {
                assert_memory_equal(alone.pass.d_parameters[p], together.pass.d_parameters[p], alone.parameter_sizes[p] * sizeof(tn_real));
            }
        }
        tn_op_run_deinit(&alone);
        tn_op_run_deinit(&together);
    }
    tn_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batch_norm_by_hand),    cmocka_unit_test(batch_norm_in_evaluation), cmocka_unit_test(batch_norm_normalises),
        cmocka_unit_test(batch_norm_of_one_row), cmocka_unit_test(batch_norm_parameters),    cmocka_unit_test(layer_norm_is_invariant),
        cmocka_unit_test(softmax_rows),          cmocka_unit_test(softmax_lets_nan_through), cmocka_unit_test(threads_do_not_matter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
