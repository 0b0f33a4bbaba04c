/* test_history.c: the picture of a run stays bounded, forgets neither its ends nor its spikes, and is the same each time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "report/history.h"

static tn_history *create(void)
{
    tn_history *history;
    assert_int_equal(tn_history_create(&history, NULL), TN_OK);
    return history;
}

static void step(tn_history *history, uint64_t number, double loss)
{
    tn_observer observer = tn_history_observer(history);
    assert_true(observer.on_step(observer.context, &(tn_step){.step = number, .loss = loss, .learning_rate = 0.5, .gradient_norm = NAN}));
}

static const tn_tensor_name WEIGHT = {
    .node = "dense_2", .parameter = "weight", .op = "dense", .node_index = 3, .role = TN_ROLE_WEIGHT, .count = 4, .units = 2};

static void show(tn_history *history, uint64_t number, tn_role role, size_t index, const float *values, size_t count)
{
    tn_tensor_name name = WEIGHT;
    tn_vitals vitals;
    name.role = role;
    name.count = count;
    if (role == TN_ROLE_ACTIVATION || role == TN_ROLE_ACTIVATION_GRADIENT)
        name.parameter = NULL;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, count);
    tn_observer observer = tn_history_observer(history);
    observer.on_tensor(observer.context, &(tn_tensor_seen){.step = number, .name = &name, .index = index, .vitals = &vitals});
}

static void short_runs_are_kept_whole(void **state)
{
    (void)state;
    tn_history *history = create();
    for (uint64_t i = 1; i <= TN_HISTORY_POINTS; i++)
        step(history, i, i == 7 ? NAN : 1 / (double)i);
    const tn_history_series *loss = tn_history_series_of(history, TN_HISTORY_LOSS);
    assert_int_equal(loss->count, TN_HISTORY_POINTS);
    assert_int_equal(loss->stride, 1);
    for (size_t i = 0; i < loss->count; i++) {
        assert_int_equal(loss->points[i].first_step, i + 1);
        assert_int_equal(loss->points[i].last_step, i + 1);
        if (i == 6)
            assert_true(isnan(loss->points[i].last) && loss->points[i].nan == 1 && isnan(tn_history_point_mean(&loss->points[i])));
        else
            assert_true(tn_history_point_mean(&loss->points[i]) == 1 / (double)(i + 1));
    }
    assert_int_equal(tn_history_series_of(history, TN_HISTORY_LEARNING_RATE)->count, TN_HISTORY_POINTS);
    assert_int_equal(tn_history_series_of(history, TN_HISTORY_GRADIENT_NORM)->count, 0); /* nobody computed it */
    assert_int_equal(tn_history_last_step(history), TN_HISTORY_POINTS);
    assert_false(tn_history_has_ended(history));
    tn_history_destroy(history);
}

/* Of every length around the powers of two: nothing is counted twice or lost. */
static void long_runs_are_thinned(void **state)
{
    (void)state;
    static const uint64_t LENGTHS[] = {1023, 1024, 1025, 1026, 2047, 2048, 2049, 5000, 100000};
    for (size_t l = 0; l < sizeof LENGTHS / sizeof *LENGTHS; l++) {
        tn_history *history = create();
        uint64_t steps = LENGTHS[l], spike = steps / 3, nans = 0, infinities = 0, total = 0, next = 1;
        for (uint64_t i = 1; i <= steps; i++) {
            double loss = i == spike ? 1e6 : i % 100 == 51 ? NAN : i % 1000 == 77 ? -INFINITY : 2;
            nans += isnan(loss) ? 1 : 0;
            infinities += isinf(loss) ? 1 : 0;
            step(history, i, loss);
        }
        const tn_history_series *loss = tn_history_series_of(history, TN_HISTORY_LOSS);
        assert_true(loss->count <= TN_HISTORY_POINTS && (steps < TN_HISTORY_POINTS || loss->count >= TN_HISTORY_POINTS / 2));
        assert_int_equal(loss->seen, steps);
        bool spiked = false;
        for (size_t i = 0; i < loss->count; i++) {
            const tn_history_point *point = &loss->points[i];
            assert_int_equal(point->first_step, next);
            assert_int_equal(point->last_step, next + point->count - 1);
            if (i + 1 < loss->count)
                assert_int_equal(point->count, loss->stride);
            next += point->count;
            total += point->count;
            nans -= point->nan;
            infinities -= point->infinite;
            bool here = point->first_step <= spike && spike <= point->last_step;
            assert_true(point->min == 2 || point->min == 1e6 || point->min == INFINITY);
            assert_true(here ? point->max == 1e6 : point->max == 2 || point->max == -INFINITY);
            spiked |= here;
        }
        assert_int_equal(total, steps);
        assert_true(nans == 0 && infinities == 0 && spiked);
        assert_true(loss->points[0].first == 2 && loss->points[loss->count - 1].last_step == steps);
        tn_history_destroy(history);
    }
}

static void scores_are_kept_where_taken(void **state)
{
    (void)state;
    tn_history *history = create();
    tn_observer observer = tn_history_observer(history);
    observer.on_score(observer.context,
                      &(tn_score_point){.step = 5, .train_score = 0.25, .valid_score = NAN, .train_loss = 2, .valid_loss = NAN});
    assert_int_equal(tn_history_series_of(history, TN_HISTORY_TRAIN_SCORE)->count, 1);
    assert_int_equal(tn_history_series_of(history, TN_HISTORY_VALID_SCORE)->count, 0);
    assert_true(tn_history_series_of(history, TN_HISTORY_TRAIN_LOSS)->points[0].last == 2);
    assert_int_equal(tn_history_series_of(history, TN_HISTORY_TRAIN_LOSS)->points[0].last_step, 5);
    observer.on_end(observer.context, 5);
    assert_true(tn_history_has_ended(history));
    assert_string_equal(tn_history_kind_name(TN_HISTORY_VALID_LOSS), "loss.valid");
    tn_history_destroy(history);
}

static void a_row_tells_the_vitals(void **state)
{
    (void)state;
    const float values[] = {3, -4, 0, NAN, 1e-30f, INFINITY, 0, 4.5f};
    tn_history *history = create();
    show(history, 9, TN_ROLE_WEIGHT, 2, values, 8);
    const tn_history_tensor *tensor = tn_history_tensor_find(history, "dense_2.weight");
    assert_non_null(tensor);
    assert_ptr_equal(tensor, tn_history_tensor_at(history, 0));
    assert_null(tn_history_tensor_find(history, "dense_2"));
    assert_string_equal(tensor->op, "dense");
    assert_int_equal(tensor->node_index, 3);
    assert_int_equal(tensor->nonfinite_step, 9);
    assert_int_equal(tn_history_row_count(tensor), 1);
    const tn_history_row *row = tn_history_row_at(tensor, 0);
    assert_int_equal(row->step, 9);
    assert_int_equal(row->count, 8);
    assert_int_equal(row->nonfinite, 2);
    assert_true(fabs(row->l2 - sqrt(9 + 16 + 20.25)) < 1e-12);
    assert_true(fabs(row->rms - sqrt(45.25 / 6)) < 1e-12);
    assert_true(row->min == -4 && row->max == 4.5 && row->zeros == 0.25 && isnan(row->ratio));
    assert_int_equal(row->top, 2); /* 4.5 and -4 lie in [4, 8) */
    assert_int_equal(row->histogram[0][0], 8192);
    assert_int_equal(row->histogram[1][0], 8192);
    assert_int_equal(row->histogram[0][1], 8192);  /* 3 */
    assert_int_equal(row->histogram[0][15], 8192); /* 1e-30 */
    assert_int_equal(row->histogram[1][15], 0);
    tn_history_destroy(history);
}

static void the_least_share_is_not_lost(void **state)
{
    (void)state;
    enum { MANY = 200000 };
    static float values[MANY];
    for (size_t i = 0; i < MANY; i++)
        values[i] = 1;
    values[7] = -64;
    tn_history *history = create();
    show(history, 1, TN_ROLE_WEIGHT, 0, values, MANY);
    const tn_history_row *row = &tn_history_tensor_at(history, 0)->last;
    assert_int_equal(row->top, 6);
    assert_int_equal(row->histogram[1][0], 1);
    assert_int_equal(row->histogram[0][6], 65535);
    memset(values, 0, sizeof values);
    show(history, 2, TN_ROLE_WEIGHT, 0, values, MANY);
    for (size_t i = 0; i < TN_HISTORY_BUCKETS; i++)
        assert_true(row->histogram[0][i] == 0 && row->histogram[1][i] == 0);
    assert_true(row->zeros == 1 && row->rms == 0);
    tn_history_destroy(history);
}

/* A sample stands for all values, beside the zeros, which are known. */
static void samples_give_shares(void **state)
{
    (void)state;
    enum { MANY = 40960 };
    static float values[MANY];
    for (size_t i = 0; i < MANY; i++)
        values[i] = i % 4 == 0 ? 0.0F : i % 4 == 1 ? -1.0F : 2.0F;
    tn_history *history = create();
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, MANY, MANY);
    tn_observer observer = tn_history_observer(history);
    observer.on_tensor(observer.context, &(tn_tensor_seen){.step = 1, .name = &WEIGHT, .vitals = &vitals});
    const tn_history_row *row = &tn_history_tensor_at(history, 0)->last;
    assert_true(row->zeros == 0.25);
    assert_int_equal(row->top, 1);
    assert_int_equal(row->histogram[0][0], 32768);
    assert_int_equal(row->histogram[1][1], 16384);
    tn_history_destroy(history);
}

/* Whichever comes first, an update finds its weight, and no other. */
static void updates_are_held_against_weights(void **state)
{
    (void)state;
    const float weight[] = {3, 4}, update[] = {0.03f, -0.04f};
    tn_history *history = create();
    show(history, 1, TN_ROLE_UPDATE, 1, update, 2);
    assert_true(isnan(tn_history_tensor_at(history, 0)->last.ratio));
    show(history, 1, TN_ROLE_WEIGHT, 0, weight, 2);
    show(history, 1, TN_ROLE_GRADIENT, 2, weight, 2);
    show(history, 1, TN_ROLE_ACTIVATION, 3, weight, 2);
    show(history, 2, TN_ROLE_UPDATE, 1, update, 2);
    const tn_history_tensor *tensor = tn_history_tensor_find(history, "dense_2.weight.update");
    assert_string_equal(tensor->weight->key, "dense_2.weight");
    assert_true(fabs(tensor->last.ratio - 0.01) < 1e-6);
    assert_null(tn_history_tensor_find(history, "dense_2.weight.gradient")->weight);
    assert_null(tn_history_tensor_find(history, "dense_2")->weight);
    assert_int_equal(tn_history_tensor_count(history), 4);
    tn_history_destroy(history);
}

static void rows_are_thinned(void **state)
{
    (void)state;
    tn_history *history = create(), *again = create();
    for (uint64_t i = 1; i <= 1000; i++) {
        const float values[] = {i == 500 ? 1e5f : i == 600 ? NAN : 1, 1};
        show(history, i, TN_ROLE_WEIGHT, 0, values, 2);
        show(again, i, TN_ROLE_WEIGHT, 0, values, 2);
    }
    const tn_history_tensor *tensor = tn_history_tensor_at(history, 0);
    assert_int_equal(tensor->stride, 8);
    assert_int_equal(tensor->row_count, 125);
    assert_int_equal(tn_history_row_count(tensor), 126);
    assert_int_equal(tn_history_row_at(tensor, 0)->step, 1);
    assert_int_equal(tn_history_row_at(tensor, 125)->step, 1000);
    assert_int_equal(tensor->nonfinite_step, 600);
    bool spiked = false, broke = false;
    for (size_t i = 0; i < tensor->row_count; i++) {
        const tn_history_row *row = &tensor->rows[i];
        assert_int_equal(row->step, 1 + 8 * i);
        spiked |= row->rms_max > 1e4;
        broke |= row->nonfinite == 1;
    }
    assert_true(spiked && broke);
    assert_memory_equal(tensor->rows, tn_history_tensor_at(again, 0)->rows, sizeof tensor->rows);
    tn_history_destroy(history);
    tn_history_destroy(again);
}

static void tensors_beyond_the_bound_are_counted(void **state)
{
    (void)state;
    const float values[] = {1};
    tn_history *history = create();
    show(history, 1, TN_ROLE_WEIGHT, TN_HISTORY_TENSORS - 1, values, 1);
    assert_int_equal(tn_history_tensors_left_out(history), 0);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < 3; i++)
            show(history, 1, TN_ROLE_WEIGHT, TN_HISTORY_TENSORS + i, values, 1);
    assert_int_equal(tn_history_tensors_left_out(history), 3);
    assert_int_equal(tn_history_tensor_count(history), 1);
    assert_int_equal(tn_history_status(history, NULL), TN_OK);
    tn_history_destroy(history);
    tn_history_destroy(NULL);
}

static void signals_are_kept_once(void **state)
{
    (void)state;
    tn_history *history = create();
    tn_history_signal signal = {.rule = "dead_units", .step = 3, .tensor = "relu_1"};
    assert_true(tn_history_add_signal(history, &signal));
    signal.step = 4;
    assert_true(tn_history_add_signal(history, &signal));
    assert_int_equal(tn_history_signal_count(history), 1);
    assert_int_equal(tn_history_signal_at(history, 0)->step, 4);
    for (int i = 0; i < TN_HISTORY_SIGNALS - 1; i++) {
        snprintf(signal.tensor, sizeof signal.tensor, "relu_%d", i + 2);
        assert_true(tn_history_add_signal(history, &signal));
    }
    snprintf(signal.tensor, sizeof signal.tensor, "one more");
    assert_false(tn_history_add_signal(history, &signal));
    assert_int_equal(tn_history_signal_count(history), TN_HISTORY_SIGNALS);
    tn_history_destroy(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(short_runs_are_kept_whole),
        cmocka_unit_test(long_runs_are_thinned),
        cmocka_unit_test(scores_are_kept_where_taken),
        cmocka_unit_test(a_row_tells_the_vitals),
        cmocka_unit_test(the_least_share_is_not_lost),
        cmocka_unit_test(samples_give_shares),
        cmocka_unit_test(updates_are_held_against_weights),
        cmocka_unit_test(rows_are_thinned),
        cmocka_unit_test(tensors_beyond_the_bound_are_counted),
        cmocka_unit_test(signals_are_kept_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
