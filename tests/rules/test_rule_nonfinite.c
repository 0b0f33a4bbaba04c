/* test_rule_nonfinite.c: a NaN or an infinity anywhere fires; large finite numbers do not. */
#include "rules/support_rules.h"

#include <float.h>
#include <math.h>
#include <string.h>

static const tn_tensor_name WEIGHT = {"dense_0", "weight", "dense", 0, TN_ROLE_WEIGHT, 4, 2};
static const tn_tensor_name OUTPUT = {"exp_1", NULL, "exp", 1, TN_ROLE_ACTIVATION, 4, 2};

static void test_losses(void **state)
{
    (void)state;
    const double bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        watch w;
        watch_start(&w, "nonfinite", 1);
        assert_too_few(&w);
        watch_loss(&w, 2.3);
        assert_quiet(&w);
        watch_loss(&w, bad[i]);
        watch_loss(&w, 2.3);
        assert_fired(&w);
        assert_int_equal(w.signal.step, 2);
        assert_true(w.signal.tensor[0] == '\0');
        watch_stop(&w);
    }
}

static void test_first_tensor_is_named(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    const float good[4] = {FLT_MAX, -FLT_MAX, 0, 1e-45f}, bad[4] = {1, INFINITY, NAN, -INFINITY};
    watch_values(&w, &WEIGHT, 0, good, 4);
    watch_loss(&w, 1e300);
    assert_quiet(&w);
    watch_values(&w, &OUTPUT, 1, bad, 4);
    watch_values(&w, &WEIGHT, 0, bad, 4);
    watch_loss(&w, NAN);
    assert_fired(&w);
    assert_string_equal(w.signal.tensor, "exp_1");
    assert_int_equal(w.signal.step, 2);
    assert_true(w.signal.value == 3);
    assert_non_null(strstr(w.signal.text, "1 NaN and 2 infinite values of 4"));
    assert_string_equal(w.signal.origin.node, "exp_1");
    assert_string_equal(w.signal.origin.op, "exp");
    assert_string_equal(w.signal.origin.direction, "forward");
    assert_true(w.signal.origin.exact);
    watch_stop(&w);
}

/* A net of two branches, as a tap shows it: dense_0 -> exp_1, dense_0 and exp_1 -> subtract_2 -> loss. */
static const tn_tensor_name INPUT = {"input", NULL, "input", 0, TN_ROLE_INPUT, 4, 2};
static const tn_tensor_name DENSE = {"dense_0", NULL, "dense", 0, TN_ROLE_ACTIVATION, 4, 2};
static const tn_tensor_name SUBTRACT = {"subtract_2", NULL, "subtract", 2, TN_ROLE_ACTIVATION, 4, 2};
static const tn_tensor_name LOSS = {"loss", NULL, "mse", 3, TN_ROLE_LOSS, 2, 1};
static const tn_tensor_name D_SUBTRACT = {"subtract_2", NULL, "subtract", 2, TN_ROLE_ACTIVATION_GRADIENT, 4, 2};
static const tn_tensor_name D_OUTPUT = {"exp_1", NULL, "exp", 1, TN_ROLE_ACTIVATION_GRADIENT, 4, 2};
static const tn_tensor_name D_DENSE = {"dense_0", NULL, "dense", 0, TN_ROLE_ACTIVATION_GRADIENT, 4, 2};
static const tn_tensor_name D_WEIGHT = {"dense_0", "weight", "dense", 0, TN_ROLE_GRADIENT, 4, 2};
static const tn_tensor_name UPDATE = {"dense_0", "weight", "dense", 0, TN_ROLE_UPDATE, 4, 2};
static const tn_tensor_name *const ORDER[] = {&INPUT,    &DENSE,   &OUTPUT,   &SUBTRACT, &LOSS,  &D_SUBTRACT,
                                              &D_OUTPUT, &D_DENSE, &D_WEIGHT, &UPDATE,   &WEIGHT};
enum { TENSORS = sizeof ORDER / sizeof *ORDER };

static const uint32_t ROWS[2] = {70, 41};

/* One step; tensors `from` to `to` hold `bad` as their value number 3, in the second sample (the loss: number 1). */
static void show_step(watch *w, size_t from, size_t to, float bad, tn_maker maker)
{
    for (size_t i = 0; i < TENSORS; i++) {
        float values[4] = {1, 2, 3, 4};
        size_t count = ORDER[i] == &LOSS ? 2 : 4;
        if (i >= from && i <= to)
            values[count - 1] = bad;
        bool of_samples = ORDER[i]->role == TN_ROLE_INPUT || ORDER[i]->role >= TN_ROLE_ACTIVATION;
        watch_seen(w,
                   (tn_tensor_seen){.name = ORDER[i],
                                    .index = i,
                                    .batch = of_samples ? (tn_batch_rows){2, ROWS} : (tn_batch_rows){0},
                                    .maker = i == from ? maker : (tn_maker){0}},
                   values, count);
    }
    watch_loss(w, from <= 4 && to >= 4 ? (double)bad : 1);
}

enum { NEVER = TENSORS };

static void test_every_origin(void **state)
{
    (void)state;
    static const struct {
        size_t from;
        tn_maker maker; /* where the subject tells it */
        const char *node, *op, *direction, *tensor;
        uint64_t sample;
    } cases[] = {
        {0, {0}, "input", "input", "data", "input", 1},
        {2, {0}, "exp_1", "exp", "forward", "exp_1", 1},
        {4, {0}, "loss", "mse", "forward", "loss", 1},
        {5, {"loss", "mse", 3}, "loss", "mse", "backward", "subtract_2", 1},
        {5, {0}, "loss", "loss", "backward", "subtract_2", 1},
        {6, {0}, "subtract_2", "subtract", "backward", "exp_1", 1},
        {7, {"subtract_2", "subtract", 2}, "subtract_2", "subtract", "backward", "dense_0", 1}, /* not by exp_1 */
        {7, {0}, "exp_1", "exp", "backward", "dense_0", 1},
        {8, {0}, "dense_0", "dense", "backward", "dense_0.weight", TN_ORIGIN_UNKNOWN},
        {9, {"adam", "adam", 3}, "adam", "adam", "update", "dense_0.weight", TN_ORIGIN_UNKNOWN},
        {10, {0}, "the optimizer", "update", "update", "dense_0.weight", TN_ORIGIN_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        watch w;
        watch_start(&w, "nonfinite", 1);
        for (int step = 0; step < 57; step++)
            show_step(&w, NEVER, NEVER, 0, (tn_maker){0});
        assert_quiet(&w);
        show_step(&w, cases[i].from, TENSORS, NAN, cases[i].maker);
        show_step(&w, 1, TENSORS, NAN, (tn_maker){0}); /* the next step is all NaN, and changes nothing */
        assert_fired(&w);
        const tn_origin *origin = &w.signal.origin;
        assert_int_equal(w.signal.step, 58);
        assert_non_null(strstr(w.signal.text, "at step 58 (after 57 updates)"));
        assert_string_equal(origin->node, cases[i].node);
        assert_string_equal(origin->op, cases[i].op);
        assert_string_equal(origin->direction, cases[i].direction);
        assert_string_equal(w.signal.tensor, cases[i].tensor);
        assert_int_equal(origin->sample, cases[i].sample);
        assert_int_equal(origin->row, cases[i].sample == TN_ORIGIN_UNKNOWN ? TN_ORIGIN_UNKNOWN : 41);
        assert_true(origin->exact);
        watch_stop(&w);
    }
}

/* What is not known is not claimed: a first look at step 5 may come too late. */
static void test_inexact(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    for (int step = 0; step < 4; step++)
        watch_loss(&w, 1);
    show_step(&w, 2, TENSORS, NAN, (tn_maker){0});
    assert_fired(&w);
    assert_false(w.signal.origin.exact);
    assert_non_null(strstr(w.signal.text, "may have begun before"));
    watch_stop(&w);
}

/* A mask of -Inf that a later op takes up is meant, and stays no suspect when something else breaks; where it is all there is, it is named. */
static void test_masks(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    for (int step = 0; step < 100; step++)
        show_step(&w, 1, 2, -INFINITY, (tn_maker){0});
    watch_end(&w);
    assert_quiet(&w);
    show_step(&w, 1, TENSORS, NAN, (tn_maker){0});
    assert_fired(&w);
    assert_string_equal(w.signal.origin.node, "subtract_2");
    watch_stop(&w);

    watch_start(&w, "nonfinite", 1);
    show_step(&w, 1, 1, -INFINITY, (tn_maker){0});
    for (size_t i = 0; i < 2; i++) {
        const float bad[4] = {1, -INFINITY, 2, 3};
        watch_values(&w, ORDER[1], 1, bad, 4);
        watch_loss(&w, i ? NAN : 1);
    }
    assert_fired(&w);
    assert_string_equal(w.signal.origin.node, "dense_0");
    watch_stop(&w);
}

/* An infinity that becomes NaN two ops later: both are told. */
static void test_infinity_then_nan(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    const float infinite[4] = {1, INFINITY, 2, 3}, nan[4] = {1, NAN, 2, 3};
    watch_values(&w, ORDER[2], 2, infinite, 4);
    watch_values(&w, ORDER[3], 3, nan, 4);
    watch_loss(&w, NAN);
    assert_fired(&w);
    assert_string_equal(w.signal.origin.node, "exp_1");
    assert_string_equal(w.signal.origin.nan_node, "subtract_2");
    assert_string_equal(w.signal.origin.nan_op, "subtract");
    assert_string_equal(w.signal.origin.nan_direction, "forward");
    assert_non_null(strstr(w.signal.text, "subtract_2 makes NaN of it"));
    watch_stop(&w);
}

static void test_gradient_norm(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    watch_step(&w, 2.3, NAN); /* nobody computed it */
    assert_quiet(&w);
    watch_step(&w, 2.3, INFINITY);
    assert_fired(&w);
    watch_stop(&w);
}

static void test_healthy(void **state)
{
    (void)state;
    watch w;
    watch_start(&w, "nonfinite", 1);
    for (int i = 0; i < 1000; i++)
        watch_step(&w, 1e30 * tn_rng_uniform(&w.rng), 1e20);
    watch_end(&w);
    assert_quiet(&w);
    watch_stop(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses),        cmocka_unit_test(test_first_tensor_is_named),
        cmocka_unit_test(test_every_origin),  cmocka_unit_test(test_inexact),
        cmocka_unit_test(test_masks),         cmocka_unit_test(test_infinity_then_nan),
        cmocka_unit_test(test_gradient_norm), cmocka_unit_test(test_healthy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
