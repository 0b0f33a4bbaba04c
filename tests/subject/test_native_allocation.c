/* test_native_allocation.c: whichever allocation fails, a subject and its trial end with an error of memory, or as they would have; nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support/allocator.h"
#include "support_subject.h"

/* A trial that uses everything: knobs and patch, data of its own, scores, shown and test samples, norms, two threads, vitals to a store. */
static tn_status run_all(const tn_hypes *hypes, const json_t *patch, tn_store *store, double *score, tn_error *error)
{
    tn_subject *subject = NULL, *other = NULL;
    tn_status status = tn_subject_native(hypes, store, NULL, &subject, error);
    if (status == TN_OK)
        status = tn_subject_repatched(subject, hypes, &other, error);
    if (status == TN_OK) {
        const tn_trial_request request = {
            .experiment = "test",
            .knobs = {.set = TN_KNOB_STEPS | TN_KNOB_SAMPLES | TN_KNOB_OPTIMIZER | TN_KNOB_PATCH | TN_KNOB_INPUT_SCALE,
                      .steps = 12,
                      .samples = 40,
                      .optimizer = "adam",
                      .input_scale = "minmax",
                      .patch = patch},
            .score_every = 1,
            .stop_at_train_score = INFINITY,
            .vitals_every = 4,
            .is_training = true,
            .shown_samples = 2,
            .want_norms = true,
        };
        tn_trial_result result;
        status = tn_subject_run(other, &request, 2, &result, error);
        if (status == TN_OK) {
            assert_int_equal(result.end, TN_TRIAL_COMPLETED);
            assert_int_equal(result.steps, 12);
            assert_int_equal(result.score_count, 13);
            assert_true(json_is_object(result.test));
            *score = tn_trial_score(&result);
        }
        tn_trial_result_deinit(&result);
    }
    tn_subject_destroy(other);
    tn_subject_destroy(subject);
    return status;
}

/* A store that cannot write tells it when it is closed, and the trial stands; so its failures count as told. */
static bool survives(const tn_hypes *hypes, const json_t *patch, uint64_t n, double expected)
{
    tn_error error = {0}, closing = {0};
    tn_store *store = NULL;
    double score = NAN;
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(n);
    tn_status status = tn_store_open(":memory:", &store, &error), closed;
    if (status == TN_OK)
        status = run_all(hypes, patch, store, &score, &error);
    closed = tn_store_close(store, &closing);
    bool failed = tn_allocator_failed() > 0;
    tn_allocator_fail_at(0);
    if (status == TN_OK) {
        assert_true(isnan(expected) || score == expected);
    } else if (!failed || (status != TN_ERROR_MEMORY && status != TN_ERROR_STORE)) {
        fail_msg("where allocation %d failed the error is %d: %s", (int)n, (int)status, error.message);
    }
    assert_true(closed == TN_OK || failed);
    if (tn_allocator_alive() != alive)
        fail_msg("%d blocks leaked where allocation %d failed (%s)", (int)(tn_allocator_alive() - alive), (int)n, error.message);
    return failed;
}

static void each_allocation_fails_once(void **state)
{
    tn_hypes *hypes =
        blob_hypes(*state, ", \"test\": {\"fraction\": 0.1}",
                   "[{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 3}]",
                   "\"softmax_cross_entropy\"", "{\"learning_rate\": 0.1, \"momentum\": 0.9, \"batch_size\": 32, \"epochs\": 5}");
    json_t *patch = json_pack("{s:f}", "solver.weight_decay", 0.01);
    tn_error error = {0};
    double expected = NAN;
    assert_int_equal(run_all(hypes, patch, NULL, &expected, &error), TN_OK);
    survives(hypes, patch, 0, expected); /* what libraries allocate once and keep */
    uint64_t n = 1, failures = 0, runs = 0, total;
    tn_allocator_fail_at(0);
    tn_store *store;
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    assert_int_equal(run_all(hypes, patch, store, &expected, &error), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    total = tn_allocator_count();
    for (; n <= total; n += n < 300 ? 1 : 7, runs++)
        failures += survives(hypes, patch, n, expected);
    assert_true(total > 300);
    assert_true(failures * 20 >= runs * 19); /* the store's thread batches as time allows */
    json_decref(patch);
    tn_hypes_destroy(hypes);
}

static int setup(void **state)
{
    tn_allocator_install();
    return problem_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, setup, problem_teardown);
}
