/* test_trainer_ahead.c: batches that are made while the step before them runs are those that a step makes itself, bit for bit: over epochs, for every kind of label, changed at random, observed, restored, with
 * predictions between, beside others, and around a fork. Run under the thread sanitizer too. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/support_text.h"
#include "engine/support_trainer.h"
#include "engine/trainer_parts.h"

enum { SAMPLES = 70, OUTPUTS_MAX = 4 };

#define AUGMENT ", \"augment\": {\"flip\": true, \"crop\": 2, \"noise\": 0.1}"
#define SOLVER  "\"solver\": {\"learning_rate\": 0.01, \"momentum\": 0.9, \"batch_size\": 32, \"epochs\": 1000}"
#define CONV                                                                                                                               \
    "\"net\": [{\"op\": \"conv2d\", \"filters\": 4, \"kernel\": 3}, {\"op\": \"batch_norm\"}, {\"op\": \"relu\"}, {\"op\": \"flatten\"}, " \
    "{\"op\": \"dropout\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\", " SOLVER

static const support_problem images = {.samples = SAMPLES, .rank = 3, .dims = {10, 9, 3}, .classes = 4, .data = AUGMENT};

/* Nets whose first nodes rename the batch or overwrite it, so that more than one tensor lies where it does; labels of each kind. */
static const struct {
    support_problem problem;
    const char *rest;
} KINDS[] = {
    {{.samples = SAMPLES, .rank = 3, .dims = {10, 9, 3}, .classes = 4, .data = AUGMENT}, CONV},
    {{.samples = SAMPLES, .rank = 3, .dims = {10, 9, 3}, .classes = 4, .data = AUGMENT},
     "\"net\": [{\"op\": \"flatten\"}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
     "\"softmax_cross_entropy\", " SOLVER},
    {{.samples = SAMPLES, .rank = 1, .dims = {12}, .targets = 3},
     "\"net\": [{\"op\": \"relu\", \"name\": \"a\"}, {\"op\": \"tanh\", \"from\": \"input\", \"name\": \"b\"}, {\"op\": \"concat\", "
     "\"from\": [\"a\", \"b\", \"input\"]}, {\"op\": \"dense\", \"units\": 3}], \"loss\": \"mse\", " SOLVER},
    {{.samples = SAMPLES, .rank = 1, .dims = {12}, .classes = 3},
     "\"net\": [{\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 3}, {\"op\": \"softmax\"}], \"loss\": \"mse\", " SOLVER},
    {{.samples = SAMPLES,
      .rank = 1,
      .dims = {6},
      .classes = 5,
      .steps = 6,
      .tokens = 9,
      .data = ", \"label\": {\"each_step\": true, \"padding\": 5}"},
     "\"net\": [{\"op\": \"embedding\", \"vocabulary\": 9, \"units\": 4}, {\"op\": \"gru\", \"units\": 6}, {\"op\": \"dense\", \"units\": "
     "6}], "
     "\"loss\": \"softmax_cross_entropy\", " SOLVER},
};
enum { KIND_COUNT = sizeof KINDS / sizeof *KINDS };

static void open_or_fail(support_trainer *s, const support_problem *problem, const char *rest, size_t threads, bool ahead)
{
    tn_error error;
    if (support_trainer_open(s, problem, threads, rest, &error) || (ahead && tn_trainer_start_ahead(s->trainer, &error)))
        fail_msg("%s (%s)", error.message, error.pointer);
    assert_true(tn_trainer_works_ahead(s->trainer) == ahead);
}

static void step(const support_trainer *s, tn_step_result *result)
{
    tn_trainer_step(s->trainer, false, NULL, NULL, result);
}

/* One step of both, which is the same. */
static void step_both(const support_trainer *a, const support_trainer *b)
{
    tn_step_result first, second;
    step(a, &first);
    step(b, &second);
    assert_memory_equal(&first.loss, &second.loss, sizeof first.loss);
    assert_int_equal(first.step, second.step);
    assert_int_equal(first.samples, second.samples);
    assert_int_equal(first.epoch, second.epoch);
}

/* Three steps an epoch, the last with 6 samples. After each step both could be saved, and the states are equal: nothing that is made ahead shows in them. */
static void batches_are_the_same(void **state)
{
    (void)state;
    for (size_t k = 0; k < KIND_COUNT; k++)
        for (size_t threads = 1; threads <= 2; threads++) {
            support_trainer plain, ahead;
            open_or_fail(&plain, &KINDS[k].problem, KINDS[k].rest, 1, false);
            open_or_fail(&ahead, &KINDS[k].problem, KINDS[k].rest, threads, true);
            for (int i = 0; i < 11; i++) {
                step_both(&plain, &ahead);
                support_expect_equal_states(plain.trainer, ahead.trainer);
            }
            support_trainer_close(&plain);
            support_trainer_close(&ahead);
        }
}

/* What an observed step is shown. */
typedef struct seen {
    size_t count, rows;
    uint64_t hash;
} seen;

static void mix(seen *s, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        s->hash = (s->hash ^ ((const unsigned char *)bytes)[i]) * UINT64_C(1099511628211);
}

static void look(void *context, const tn_tensor_shown *shown)
{
    seen *s = context;
    s->count++;
    s->rows += shown->batch.count;
    if (shown->values)
        mix(s, shown->values, shown->name->count * sizeof *shown->values);
    if (shown->batch.count > 0)
        mix(s, shown->batch.rows, shown->batch.count * sizeof *shown->batch.rows);
}

static void observed_steps_and_predictions_are_the_same(void **state)
{
    (void)state;
    support_trainer plain, ahead;
    static float outputs[2][SAMPLES * OUTPUTS_MAX], losses[2][SAMPLES];
    open_or_fail(&plain, &images, CONV, 1, false);
    open_or_fail(&ahead, &images, CONV, 1, true);
    support_trainer *const both[] = {&plain, &ahead};
    for (int i = 0; i < 8; i++) {
        seen shown[2] = {{0}, {0}};
        tn_step_result results[2];
        for (size_t k = 0; k < 2; k++) {
            tn_trainer_step(both[k]->trainer, true, i % 2 == 0 ? look : NULL, &shown[k], &results[k]);
            tn_trainer_predict(both[k]->trainer, both[k]->data.train, NULL, SAMPLES, outputs[k], losses[k]);
        }
        assert_true(i % 2 == 1 || (shown[0].count > 10 && shown[0].rows > 0));
        assert_int_equal(shown[0].count, shown[1].count);
        assert_true(shown[0].hash == shown[1].hash);
        assert_true(results[0].loss == results[1].loss && results[0].gradient_norm == results[1].gradient_norm);
        assert_memory_equal(outputs[0], outputs[1], sizeof outputs[0]);
        assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
    }
    support_trainer_close(&plain);
    support_trainer_close(&ahead);
}

/* From states of any step, at the end of an epoch too, and of a trainer that works ahead or does not. */
static void restoring_forgets_what_was_made(void **state)
{
    (void)state;
    enum { STEPS = 7 };
    support_trainer plain, ahead;
    open_or_fail(&plain, &images, CONV, 1, false);
    open_or_fail(&ahead, &images, CONV, 1, true);
    void *states[2][STEPS + 1];
    size_t size = 0;
    for (size_t i = 0; i <= STEPS; i++) {
        states[0][i] = support_state_of(plain.trainer, &size);
        states[1][i] = support_state_of(ahead.trainer, &size);
        assert_memory_equal(states[0][i], states[1][i], size);
        step_both(&plain, &ahead);
    }
    for (size_t i = 0; i <= STEPS; i++) {
        tn_error error;
        size_t from = (i * 5 + 3) % (STEPS + 1);
        assert_int_equal(tn_trainer_restore(plain.trainer, states[1][from], size, &error), TN_OK);
        assert_int_equal(tn_trainer_restore(ahead.trainer, states[0][from], size, &error), TN_OK);
        support_expect_equal_states(plain.trainer, ahead.trainer);
        for (size_t k = 0; k < 1 + i % 4; k++)
            step_both(&plain, &ahead);
        support_expect_equal_states(plain.trainer, ahead.trainer);
    }
    for (size_t i = 0; i <= STEPS; i++) {
        free(states[0][i]);
        free(states[1][i]);
    }
    support_trainer_close(&plain);
    support_trainer_close(&ahead);
}

/* The last step of a training makes nothing ahead; those beyond it make their batches themselves. */
static void a_training_ends(void **state)
{
    (void)state;
    static const char rest[] = "\"net\": [{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": \"softmax_cross_entropy\", "
                               "\"solver\": {\"batch_size\": 32, \"steps\": 4}";
    support_trainer plain, ahead;
    open_or_fail(&plain, &images, rest, 1, false);
    open_or_fail(&ahead, &images, rest, 1, true);
    for (int i = 0; i < 7; i++)
        step_both(&plain, &ahead);
    support_expect_equal_states(plain.trainer, ahead.trainer);
    support_trainer_close(&plain);
    support_trainer_close(&ahead);
    /* One that is given up in the middle of an epoch, and one that has not begun. */
    tn_step_result result;
    for (int steps = 0; steps < 4; steps++) {
        open_or_fail(&ahead, &images, CONV, 1, true);
        for (int i = 0; i < steps; i++)
            step(&ahead, &result);
        support_trainer_close(&ahead);
    }
}

static void carried_states_are_the_same(void **state)
{
    (void)state;
    support_text plain, ahead;
    tn_error error;
    support_text *const both[] = {&plain, &ahead};
    for (size_t k = 0; k < 2; k++)
        if (support_text_open(both[k], 1, SUPPORT_TEXT_ALL, SUPPORT_TEXT_NET, ", \"batch_size\": 4, \"epochs\": 100", &error))
            fail_msg("%s", error.message);
    assert_int_equal(tn_trainer_start_ahead(ahead.trainer, &error), TN_OK);
    for (int i = 0; i < 17; i++) {
        tn_step_result first, second;
        tn_trainer_step(plain.trainer, false, NULL, NULL, &first);
        tn_trainer_step(ahead.trainer, false, NULL, NULL, &second);
        assert_true(first.loss == second.loss);
        support_expect_equal_states(plain.trainer, ahead.trainer);
    }
    support_text_close(&plain);
    support_text_close(&ahead);
}

/* Boxes go with their pictures, which the thread moves. */
static void boxes_are_the_same(void **state)
{
    (void)state;
    static const char text[] =
        "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": 40, \"target\": \"box\"}, \"valid\": 0, "
        "\"augment\": {\"flip\": true, \"crop\": 9}}, \"net\": [{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 4}], \"loss\": "
        "\"mse\", \"solver\": {\"batch_size\": 16, \"learning_rate\": 1e-6}}";
    tn_hypes *hypes = NULL;
    tn_data data;
    tn_error error = {0};
    tn_trainer *both[2];
    if (tn_hypes_parse(text, sizeof text - 1, "t.json", "", &hypes, &error) != TN_OK || tn_data_open(hypes, NULL, &data, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    for (size_t k = 0; k < 2; k++)
        assert_int_equal(tn_trainer_create(hypes, &data, NULL, &both[k], &error), TN_OK);
    assert_int_equal(tn_trainer_work_ahead(both[1], &error), TN_OK);
    assert_true(tn_trainer_works_ahead(both[1])); /* 16 pictures of 32 x 32 x 3 are worth it */
    for (int i = 0; i < 8; i++) {
        tn_step_result results[2];
        for (size_t k = 0; k < 2; k++)
            tn_trainer_step(both[k], false, NULL, NULL, &results[k]);
        assert_true(results[0].loss == results[1].loss);
    }
    support_expect_equal_states(both[0], both[1]);
    for (size_t k = 0; k < 2; k++)
        tn_trainer_destroy(both[k]);
    tn_data_close(&data);
    tn_hypes_destroy(hypes);
}

/* A batch that is made sooner than it is handed over is made by the step. */
static void small_batches_are_not_handed_over(void **state)
{
    (void)state;
    static const support_problem small = {.samples = 64, .rank = 1, .dims = {64}, .classes = 4};
    static const char rest[] = "\"net\": [{\"op\": \"dense\", \"units\": 128}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}], "
                               "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 32}";
    support_trainer s, noisy, again;
    tn_error error;
    open_or_fail(&s, &small, rest, 1, false);
    assert_int_equal(tn_trainer_work_ahead(s.trainer, &error), TN_OK);
    assert_false(tn_trainer_works_ahead(s.trainer));
    support_trainer_close(&s);
    const support_problem changed = {.samples = 64, .rank = 1, .dims = {640}, .classes = 4, .data = ", \"augment\": {\"noise\": 0.1}"};
    open_or_fail(&noisy, &changed, rest, 1, false);
    assert_int_equal(tn_trainer_work_ahead(noisy.trainer, &error), TN_OK);
    assert_true(tn_trainer_works_ahead(noisy.trainer));
    /* What a batch takes follows from its values, whether they are changed, and its targets. */
    const support_problem plain = {.samples = 64, .rank = 1, .dims = {640}, .classes = 4};
    open_or_fail(&again, &plain, rest, 1, false);
    assert_true(tn_trainer_batch_work(noisy.trainer) > 5 * tn_trainer_batch_work(again.trainer));
    assert_false(tn_trainer_works_ahead(again.trainer));
    support_trainer_close(&noisy);
    support_trainer_close(&again);
}

typedef struct side {
    support_trainer trainer;
    double losses[9];
} side;

static void *run_side(void *context)
{
    side *s = context;
    for (size_t i = 0; i < sizeof s->losses / sizeof *s->losses; i++) {
        tn_step_result result;
        step(&s->trainer, &result);
        s->losses[i] = result.loss;
    }
    return NULL;
}

/* Trainers do not know of each other, on however few processors. */
static void trainers_work_ahead_side_by_side(void **state)
{
    (void)state;
    enum { SIDES = 4 };
    static side sides[SIDES];
    pthread_t threads[SIDES];
    for (size_t i = 0; i < SIDES; i++)
        open_or_fail(&sides[i].trainer, &images, CONV, 1, i > 0);
    for (size_t i = 0; i < SIDES; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
    for (size_t i = 0; i < SIDES; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 1; i < SIDES; i++) {
        assert_memory_equal(sides[0].losses, sides[i].losses, sizeof sides[0].losses);
        support_expect_equal_states(sides[0].trainer.trainer, sides[i].trainer.trainer);
    }
    for (size_t i = 0; i < SIDES; i++)
        support_trainer_close(&sides[i].trainer);
}

/* As plug-ins and programs are started: the child has no such thread and leaves, the parent goes on. */
static void a_fork_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    support_trainer plain, ahead;
    open_or_fail(&plain, &images, CONV, 1, false);
    open_or_fail(&ahead, &images, CONV, 1, true);
    for (int i = 0; i < 8; i++) {
        step_both(&plain, &ahead);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            _exit(17);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 17);
    }
    support_expect_equal_states(plain.trainer, ahead.trainer);
    support_trainer_close(&plain);
    support_trainer_close(&ahead);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_the_same),
        cmocka_unit_test(observed_steps_and_predictions_are_the_same),
        cmocka_unit_test(restoring_forgets_what_was_made),
        cmocka_unit_test(a_training_ends),
        cmocka_unit_test(carried_states_are_the_same),
        cmocka_unit_test(boxes_are_the_same),
        cmocka_unit_test(small_batches_are_not_handed_over),
        cmocka_unit_test(trainers_work_ahead_side_by_side),
        cmocka_unit_test(a_fork_in_the_middle_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
