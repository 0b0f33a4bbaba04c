/* test_history_store.c: a run that is replayed from a store gives the picture that it gave live, whatever kind of run it was; and what is damaged is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <unistd.h>

#include "report/history.h"
#include "report/support_recorded.h"

static void same_series(const tn_history *a, const tn_history *b)
{
    for (tn_history_kind kind = 0; kind < TN_HISTORY_KINDS; kind++) {
        const tn_history_series *left = tn_history_series_of(a, kind), *right = tn_history_series_of(b, kind);
        assert_int_equal(left->count, right->count);
        assert_int_equal(left->seen, right->seen);
        assert_memory_equal(left->points, right->points, left->count * sizeof *left->points);
    }
}

static void a_replay_is_as_the_run_was(void **state)
{
    (void)state;
    tn_store *store;
    tn_history *live, *replayed;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(tn_history_create(&live, NULL), TN_OK);
    tn_observer observer = tn_history_observer(live);
    recorded_write(store, &observer);
    assert_int_equal(tn_history_from_store(store, 1, true, &replayed, NULL), TN_OK);
    same_series(live, replayed);
    assert_int_equal(tn_history_tensor_count(live), 4);
    assert_int_equal(tn_history_tensor_count(replayed), 4);
    for (size_t i = 0; i < 4; i++) {
        const tn_history_tensor *left = tn_history_tensor_at(live, i), *right = tn_history_tensor_at(replayed, i);
        assert_string_equal(left->key, right->key);
        assert_string_equal(left->node, right->node);
        assert_string_equal(left->op, right->op);
        if (left->parameter)
            assert_string_equal(left->parameter, right->parameter);
        else
            assert_null(right->parameter);
        assert_int_equal(left->role, right->role);
        assert_int_equal(left->node_index, right->node_index);
        assert_int_equal(left->count, right->count);
        assert_int_equal(left->units, right->units);
        assert_int_equal(left->row_count, right->row_count);
        for (size_t row = 0; row < left->row_count; row++) {
            assert_int_equal(left->rows[row].step, right->rows[row].step);
            assert_true(left->rows[row].rms == right->rows[row].rms && left->rows[row].std == right->rows[row].std);
            assert_true(left->rows[row].ratio == right->rows[row].ratio || isnan(left->rows[row].ratio));
            assert_memory_equal(left->rows[row].histogram, right->rows[row].histogram, sizeof left->rows[row].histogram);
        }
    }
    assert_int_equal(tn_history_last_step(replayed), RECORDED_STEPS);
    assert_true(tn_history_has_ended(live) && tn_history_has_ended(replayed));
    assert_int_equal(tn_history_signal_count(replayed), 0);
    tn_history_destroy(live);
    tn_history_destroy(replayed);

    assert_int_equal(tn_history_from_store(store, 2, true, &replayed, NULL), TN_OK);
    assert_int_equal(tn_history_signal_count(replayed), 2);
    assert_string_equal(tn_history_signal_at(replayed, 0)->rule, "diverging"); /* by step */
    assert_true(isnan(tn_history_signal_at(replayed, 0)->value));
    assert_string_equal(tn_history_signal_at(replayed, 1)->tensor, "dense_1.weight");
    assert_int_equal(tn_history_tensor_find(replayed, "dense_1.weight")->nonfinite_step, RECORDED_BROKEN);
    tn_history_destroy(replayed);

    assert_int_equal(tn_history_from_store(store, 3, false, &replayed, NULL), TN_OK);
    assert_int_equal(tn_history_tensor_count(replayed), 0);
    assert_int_equal(tn_history_series_of(replayed, TN_HISTORY_LOSS)->count, 1);
    assert_false(tn_history_has_ended(replayed));
    tn_history_destroy(replayed);

    assert_int_equal(tn_history_from_store(store, 99, false, &replayed, NULL), TN_OK); /* that there is such a run is asked elsewhere */
    assert_int_equal(tn_history_series_of(replayed, TN_HISTORY_LOSS)->count, 0);
    tn_history_destroy(replayed);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* Blobs under labels that nobody named are activations. */
static void labels_without_a_name_are_kept(void **state)
{
    (void)state;
    tn_store *store;
    tn_history *history;
    int64_t id;
    unsigned char packed[TN_VITALS_PACKED_MAX];
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, (const float[]){1, 2, 3}, 3);
    size_t size = tn_vitals_pack(&vitals, packed, sizeof packed);
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL), TN_OK);
    for (uint64_t step = 1; step <= 3; step++)
        for (size_t i = 0; i < 2; i++)
            assert_int_equal(tn_store_blob(store, id, i ? "a.b" : "c", step, packed, size, NULL), TN_OK);
    assert_int_equal(tn_history_from_store(store, id, false, &history, NULL), TN_OK);
    assert_int_equal(tn_history_tensor_count(history), 2);
    const tn_history_tensor *tensor = tn_history_tensor_find(history, "a.b");
    assert_int_equal(tensor->role, TN_ROLE_ACTIVATION);
    assert_int_equal(tensor->seen, 3);
    assert_int_equal(tensor->count, 3);
    tn_history_destroy(history);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void more_tensors_than_are_kept(void **state)
{
    (void)state;
    tn_store *store;
    tn_history *history;
    int64_t id;
    char label[32];
    unsigned char packed[TN_VITALS_PACKED_MAX];
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    size_t size = tn_vitals_pack(&vitals, packed, sizeof packed);
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL), TN_OK);
    for (size_t i = 0; i < TN_HISTORY_TENSORS + 5; i++) {
        snprintf(label, sizeof label, "t%zu", i);
        assert_int_equal(tn_store_blob(store, id, label, 1, packed, size, NULL), TN_OK);
    }
    assert_int_equal(tn_history_from_store(store, id, false, &history, NULL), TN_OK);
    assert_int_equal(tn_history_tensor_count(history), TN_HISTORY_TENSORS);
    assert_true(tn_history_tensors_left_out(history) > 0);
    tn_history_destroy(history);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void damage_is_told(void **state)
{
    (void)state;
    static const char *const WRONG[] = {"UPDATE tensor SET bytes = x'00'", "UPDATE tensor SET bytes = zeroblob(200)",
                                        "UPDATE series SET count = 3 WHERE name = 'loss'", "DROP TABLE tensor_name"};
    char path[64];
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        snprintf(path, sizeof path, "/tmp/tenet-damaged-%d-%zu.db", (int)getpid(), i);
        recorded_make(path);
        tn_store *store;
        tn_history *history;
        tn_error error = {0};
        assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
        recorded_sql(path, WRONG[i]);
        assert_int_equal(tn_history_from_store(store, 1, true, &history, &error), TN_ERROR_STORE);
        assert_null(history);
        assert_true(error.message[0] != '\0');
        (void)tn_store_close(store, NULL);
        unlink(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_replay_is_as_the_run_was),
        cmocka_unit_test(labels_without_a_name_are_kept),
        cmocka_unit_test(more_tensors_than_are_kept),
        cmocka_unit_test(damage_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
