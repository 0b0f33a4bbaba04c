/* test_native_store.c: what a trial leaves in a store, and that a store's failure costs no trial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "store/store_sqlite.h"
#include "support_subject.h"

typedef struct kept {
    size_t trials, losses, scores, blobs;
    char keys[8][32];
    char results[8][2048];
    int64_t ids[8];
    const double *expected;
} kept;

static bool keep_trial(void *context, const tn_store_trial_row *row)
{
    kept *all = context;
    assert_true(all->trials < 8);
    assert_string_equal(row->trial.subject, "test.json");
    assert_string_equal(row->trial.experiment, "test");
    assert_string_equal(row->trial.version, TENET_VERSION);
    assert_string_equal(row->trial.isa, tn_isa_name(tn_isa_best()));
    assert_int_equal(strlen(row->trial.key), 16);
    assert_string_equal(row->end, "completed");
    all->ids[all->trials] = row->id;
    snprintf(all->keys[all->trials], sizeof all->keys[0], "%s", row->trial.key);
    snprintf(all->results[all->trials], sizeof all->results[0], "%s", row->result);
    all->trials++;
    return true;
}

static bool keep_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    kept *all = context;
    for (size_t i = 0; i < count && strcmp(series, "loss") == 0; i++, all->losses++) {
        assert_int_equal(steps[i], all->losses + 1);
        assert_true(values[i] == all->expected[all->losses]);
    }
    if (strcmp(series, "score.valid") == 0)
        all->scores += count;
    return true;
}

static bool keep_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    kept *all = context;
    tn_vitals vitals;
    assert_int_equal(step % 10, 1);
    assert_int_equal(tn_vitals_unpack(bytes, size, &vitals, NULL), TN_OK);
    if (strcmp(tensor, "dense_0.weight") == 0)
        assert_int_equal(vitals.count, 2 * 16);
    all->blobs += strcmp(tensor, "dense_0.weight.gradient") == 0;
    return true;
}

static void a_trial_is_recorded(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    tn_subject *recorded = open_subject(hypes, store, NULL), *plain = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(30);
    request.score_every = 10;
    tn_trial_result unrecorded = run_trial(plain, &request, 1);
    request.vitals_every = 10;
    tn_trial_result result = run_trial(recorded, &request, 1);
    assert_same_result(&result, &unrecorded); /* recording changes nothing */
    kept all = {.expected = result.losses};
    assert_int_equal(tn_store_read_trials(store, keep_trial, &all, NULL), TN_OK);
    assert_int_equal(all.trials, 1);
    assert_int_equal(tn_store_read_series(store, all.ids[0], keep_series, &all, NULL), TN_OK);
    assert_int_equal(tn_store_read_blobs(store, all.ids[0], keep_blob, &all, NULL), TN_OK);
    assert_int_equal(all.losses, 30);
    assert_int_equal(all.scores, 4);
    assert_int_equal(all.blobs, 3);
    json_t *stored = json_loads(all.results[0], 0, NULL);
    assert_true(json_real_value(json_object_get(stored, "score")) == tn_trial_score(&result));
    assert_int_equal(json_integer_value(json_object_get(stored, "steps")), 30);
    json_decref(stored);
    tn_trial_result_deinit(&result);
    tn_trial_result_deinit(&unrecorded);
    tn_subject_destroy(recorded);
    tn_subject_destroy(plain);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    tn_hypes_destroy(hypes);
}

/* The same trial has the same key, from subjects that are made anew too; any other has another. */
static void keys_tell_trials_apart(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    tn_subject *subject = open_subject(hypes, store, NULL), *other = NULL;
    tn_trial_request requests[4] = {plain_request(2), plain_request(2), plain_request(3), plain_request(2)};
    requests[3].knobs.set |= TN_KNOB_SEED;
    requests[3].knobs.seed = 9;
    for (size_t i = 0; i < 4; i++) {
        tn_trial_result result = run_trial(subject, &requests[i], 1);
        tn_trial_result_deinit(&result);
    }
    tn_hypes *patched;
    json_t *patch = json_pack("{s:f}", "solver.learning_rate", 0.2);
    assert_int_equal(tn_hypes_patch(hypes, patch, &patched, NULL), TN_OK);
    assert_int_equal(tn_subject_repatched(subject, patched, &other, NULL), TN_OK);
    tn_trial_result result = run_trial(other, &requests[0], 1);
    tn_trial_result_deinit(&result);
    kept all = {0};
    assert_int_equal(tn_store_read_trials(store, keep_trial, &all, NULL), TN_OK);
    assert_int_equal(all.trials, 5);
    assert_string_equal(all.keys[0], all.keys[1]);
    for (size_t i = 2; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_true(strcmp(all.keys[i], all.keys[k]) != 0);
    json_decref(patch);
    tn_subject_destroy(other);
    tn_subject_destroy(subject);
    tn_hypes_destroy(patched);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    tn_hypes_destroy(hypes);
}

static void a_full_store_costs_no_trial(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(sqlite3_exec(store->database, "PRAGMA max_page_count = 12", NULL, NULL, NULL), SQLITE_OK);
    tn_subject *subject = open_subject(hypes, store, NULL);
    tn_trial_request request = plain_request(6000);
    request.unscored = true;
    for (size_t i = 0; i < 2; i++) {
        tn_trial_result result = run_trial(subject, &request, 1);
        assert_int_equal(result.end, TN_TRIAL_COMPLETED);
        assert_int_equal(result.steps, 6000);
        tn_trial_result_deinit(&result);
        assert_int_equal(tn_store_flush(store, NULL), TN_ERROR_STORE);
    }
    tn_subject_destroy(subject);
    tn_error error = {0};
    assert_int_equal(tn_store_close(store, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, "full"));
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trial_is_recorded),
        cmocka_unit_test(keys_tell_trials_apart),
        cmocka_unit_test(a_full_store_costs_no_trial),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}
