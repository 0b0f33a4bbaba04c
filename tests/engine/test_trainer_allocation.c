/* test_trainer_allocation.c: a step allocates nothing, and creation gives everything back whichever of its allocations fails.
 * What oneDNN allocates inside is not seen here (it is C++, linked elsewhere). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_text.h"
#include "engine/support_trainer.h"
#include "engine/trainer_parts.h"
#include "support/allocator.h"

static const support_problem images = {.samples = 20, .rank = 3, .dims = {8, 8, 2}, .classes = 3};

static const char rest[] = "\"net\": [{\"op\": \"conv2d\", \"filters\": 4, \"kernel\": 3}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\", "
                           "\"name\": \"a\"}, {\"op\": \"max_pool2d\"}, {\"op\": \"flatten\"},"
                           "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"gelu\"}, {\"op\": \"dropout\"}, {\"op\": \"dense\", \"units\": "
                           "3, \"init\": \"orthogonal\"}],"
                           "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"opt\": \"adam\", \"batch_size\": 8, \"clip_norm\": 1}";

static void look(void *context, const tn_tensor_shown *shown)
{
    (void)shown;
    ++*(size_t *)context;
}

static void a_step_allocates_nothing(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    if (support_trainer_open(&s, &images, 2, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    size_t seen = 0;
    float outputs[20 * 3], losses[20];
    tn_step_result result;
    tn_allocator_fail_at(0);
    /* Beyond the end of an epoch, with a smaller last batch, observed and not. */
    for (int i = 0; i < 8; i++)
        tn_trainer_step(s.trainer, i % 2 == 0, i % 3 == 0 ? look : NULL, &seen, &result);
    tn_trainer_predict(s.trainer, s.data.train, NULL, 20, outputs, losses);
    assert_int_equal(tn_allocator_count(), 0);
    assert_true(seen > 0);
    support_trainer_close(&s);
}

/* The same where batches are made ahead, by a thread that allocates nothing either; and what a failed allocation leaves is a trainer that makes them itself. */
static void working_ahead_allocates_at_its_beginning(void **state)
{
    (void)state;
    support_trainer s;
    tn_error error;
    tn_step_result result;
    if (support_trainer_open(&s, &images, 1, rest, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    uint64_t alive = tn_allocator_alive(), n = 1;
    tn_status status = TN_ERROR_MEMORY;
    for (; n < 50 && status; n++) {
        error = (tn_error){0};
        tn_allocator_fail_at(n);
        status = tn_trainer_start_ahead(s.trainer, &error);
        tn_allocator_fail_at(0);
        if (status == TN_OK)
            break;
        assert_int_equal(status, TN_ERROR_MEMORY);
        assert_true(strlen(error.message) > 0);
        assert_false(tn_trainer_works_ahead(s.trainer));
        assert_int_equal(tn_allocator_alive(), alive);
        tn_trainer_step(s.trainer, false, NULL, NULL, &result);
    }
    assert_int_equal(status, TN_OK);
    assert_true(n > 9 && tn_trainer_works_ahead(s.trainer));
    tn_allocator_fail_at(0);
    for (int i = 0; i < 12; i++)
        tn_trainer_step(s.trainer, false, NULL, NULL, &result);
    assert_int_equal(tn_allocator_count(), 0);
    support_trainer_close(&s);
    assert_int_equal(tn_allocator_alive(), 0);
}

/* Creates a trainer again and again, with the n-th allocation failing. */
static void sweep(const tn_hypes *hypes, const tn_data *data, tn_pool *pool)
{
    uint64_t alive = tn_allocator_alive(), n = 1;
    tn_status status = TN_ERROR_MEMORY;
    for (; n < 1000 && status; n++) {
        tn_error error = {0};
        tn_trainer *trainer;
        tn_allocator_fail_at(n);
        status = tn_trainer_create(hypes, data, pool, &trainer, &error);
        if (status) {
            assert_int_equal(status, TN_ERROR_MEMORY);
            assert_null(trainer);
            assert_true(strlen(error.message) > 0);
        }
        tn_trainer_destroy(trainer);
        tn_allocator_fail_at(0);
        assert_int_equal(tn_allocator_alive(), alive);
    }
    assert_int_equal(status, TN_OK);
    assert_true(n > 25);
}

static void every_failed_allocation_is_told_and_leaks_nothing(void **state)
{
    (void)state;
    support_trainer s;
    support_trainer_prepare(&s, &images, 1, rest);
    sweep(s.hypes, &s.data, s.pool);
    support_trainer_close(&s);
    support_text text;
    tn_error error = {0};
    if (support_text_open(&text, 1, SUPPORT_TEXT_ALL, SUPPORT_TEXT_NET, ", \"batch_size\": 4", &error))
        fail_msg("%s", error.message);
    sweep(text.hypes, &text.data, text.pool);
    tn_step_result result;
    tn_allocator_fail_at(0);
    for (int i = 0; i < 12; i++)
        tn_trainer_step(text.trainer, false, NULL, NULL, &result);
    assert_int_equal(tn_allocator_count(), 0);
    support_text_close(&text);
}

/* Nets of several lengths: what each of them allocates, and steps and predictions by all of them. */
static void buckets_allocate_at_their_beginning(void **state)
{
    (void)state;
    enum { SAMPLES = 20, STEPS = 6 };
    static const support_problem sequences = {.samples = SAMPLES,
                                              .rank = 1,
                                              .dims = {STEPS},
                                              .classes = 2,
                                              .steps = STEPS,
                                              .tokens = 9,
                                              .data = ", \"label\": {\"each_step\": true, \"padding\": 2}, \"buckets\": 3"};
    static const char net[] = "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 4}, {\"op\": \"position_embedding\"}, "
                              "{\"op\": \"attention\", \"heads\": 2, \"padding\": 8, \"from\": [\"position_embedding_1\", \"input\"]}, "
                              "{\"op\": \"dense\", \"units\": 2}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 3}";
    static const char causal[] = "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 4}, {\"op\": \"gru\", \"units\": 3}, "
                                 "{\"op\": \"dense\", \"units\": 2}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 3}";
    support_trainer s;
    tn_error error;
    support_trainer_prepare(&s, &sequences, 1, net);
    sweep(s.hypes, &s.data, s.pool);
    support_trainer_close(&s);
    if (support_trainer_open(&s, &sequences, 2, causal, &error))
        fail_msg("%s (%s)", error.message, error.pointer);
    assert_int_equal(tn_trainer_nets(s.trainer), 2);
    sweep(s.hypes, &s.data, s.pool);
    float outputs[SAMPLES * STEPS * 2], losses[SAMPLES];
    tn_step_result result;
    tn_allocator_fail_at(0);
    for (int i = 0; i < 16; i++)
        tn_trainer_step(s.trainer, true, NULL, NULL, &result);
    tn_trainer_predict(s.trainer, s.data.train, NULL, SAMPLES, outputs, losses);
    assert_int_equal(tn_allocator_count(), 0);
    support_trainer_close(&s);
}

int main(void)
{
    tn_allocator_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_allocates_nothing),
        cmocka_unit_test(working_ahead_allocates_at_its_beginning),
        cmocka_unit_test(every_failed_allocation_is_told_and_leaks_nothing),
        cmocka_unit_test(buckets_allocate_at_their_beginning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
