/* test_native_ahead.c: a trial makes its batches ahead where it may keep one more processor busy than its threads, and there alone; what it gives is the same, with incidents that go back to earlier steps,
 * scores between, and an early end. Threads are counted, so nothing else of this program may start one before. */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "support_subject.h"

/* 32 pictures of 16 x 16 x 3, moved and with noise: a batch that is worth a hand-over. */
static tn_hypes *picture_hypes(const char *batch)
{
    char text[700];
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    int length =
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"boxes\", \"samples\": 200, \"size\": 16, \"objects\": 2}, "
                 "\"label\": \"none\", \"augment\": {\"flip\": true, \"crop\": 1, \"noise\": 0.1}}, \"net\": [{\"op\": \"flatten\"}, "
                 "{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dropout\"}, {\"op\": \"dense\", \"units\": "
                 "3}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.001, \"batch_size\": %s}}",
                 batch);
    assert_true(length > 0 && (size_t)length < sizeof text);
    if (tn_hypes_parse(text, (size_t)length, "test.json", "", &hypes, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return hypes;
}

static size_t count_threads(void)
{
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    size_t count = 0;
    for (const struct dirent *entry = readdir(folder); entry; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    closedir(folder);
    return count;
}

/* Counts threads at the tenth step: those that are `wanted` beside the program's own. One that has ended may be listed for a moment more. */
typedef struct counter {
    size_t own, wanted, found;
    uint64_t stop_at; /* the step that ends the trial; 0: none */
} counter;

static bool count_at_step(void *context, const tn_step *step)
{
    counter *c = context;
    const uint64_t start = tn_clock_ns();
    if (step->step == 10)
        do
            c->found = count_threads() - c->own;
        while (c->found > c->wanted && tn_clock_ns() - start < UINT64_C(10000000000));
    return step->step != c->stop_at;
}

static size_t own_threads;

static tn_trial_result run(tn_subject *subject, uint64_t steps, size_t threads, size_t processors, size_t wanted, uint64_t stop_at)
{
    counter c = {.own = own_threads, .wanted = wanted, .stop_at = stop_at};
    const tn_observer observer = {.context = &c, .on_step = count_at_step};
    tn_trial_request request = plain_request(steps);
    request.score_every = 7;
    request.want_norms = true;
    request.shown_samples = 3;
    request.processors = processors;
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run_trial(subject, &request, threads);
    assert_int_equal(c.found, wanted);
    return result;
}

static void a_processor_that_is_left_idle_is_used(void **state)
{
    (void)state;
    static const struct {
        size_t threads, processors, started;
    } cases[] = {{1, 0, 0}, {1, 1, 0}, {1, 2, 1}, {1, 8, 1}, {2, 1, 1}, {2, 2, 1}, {2, 3, 2}};
    tn_hypes *hypes = picture_hypes("32");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_result plain = run(subject, 40, 1, 0, 0, 0);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tn_trial_result result = run(subject, 40, cases[i].threads, cases[i].processors, cases[i].started, 0);
        assert_same_result(&plain, &result);
        tn_trial_result_deinit(&result);
    }
    tn_trial_result whole = run(subject, 40, 1, 2, 1, 0), stopped = run(subject, 40, 1, 2, 1, 23);
    assert_int_equal(stopped.end, TN_TRIAL_STOPPED);
    assert_int_equal(stopped.steps, 23);
    assert_memory_equal(stopped.losses, whole.losses, 23 * sizeof *whole.losses);
    tn_trial_result_deinit(&plain);
    tn_trial_result_deinit(&whole);
    tn_trial_result_deinit(&stopped);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void a_batch_that_is_made_at_once_is_not_handed_over(void **state)
{
    (void)state;
    tn_hypes *hypes = picture_hypes("2");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_result result = run(subject, 20, 1, 2, 0, 0);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* A rule that fires after steps 30 and 61; the tensors of a step are mixed in one number. */
typedef struct ear {
    uint64_t step, hash;
    size_t replayed;
} ear;

static bool hear_step(void *context, const tn_step *step)
{
    ((ear *)context)->step = step->step;
    return true;
}

static void hear_tensor(void *context, const tn_tensor_seen *seen)
{
    ear *e = context;
    uint64_t bits;
    memcpy(&bits, &seen->vitals->mean, sizeof bits);
    e->hash = (e->hash ^ bits ^ seen->step) * UINT64_C(1099511628211);
    e->replayed += seen->replayed;
}

static size_t count_fired(void *context)
{
    const ear *e = context;
    return (size_t)(e->step >= 30) + (size_t)(e->step >= 61);
}

static void incidents_go_back_to_the_same_steps(void **state)
{
    (void)state;
    tn_hypes *hypes = picture_hypes("32");
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    ear ears[2] = {{0}, {0}};
    tn_trial_result results[2];
    for (size_t k = 0; k < 2; k++) {
        const tn_observer observer = {.context = &ears[k], .on_step = hear_step, .on_tensor = hear_tensor, .fired = count_fired};
        tn_trial_request request = plain_request(80);
        request.is_training = request.want_norms = true;
        request.vitals_every = 25;
        request.processors = k == 0 ? 0 : 2;
        request.observers = &observer;
        request.observer_count = 1;
        results[k] = run_trial(subject, &request, 1);
    }
    assert_true(ears[0].replayed > 0);
    assert_int_equal(ears[0].replayed, ears[1].replayed);
    assert_true(ears[0].hash == ears[1].hash);
    assert_int_equal(results[0].steps, 80);
    assert_memory_equal(results[0].losses, results[1].losses, 80 * sizeof(double));
    assert_memory_equal(results[0].gradient_norms, results[1].gradient_norms, 80 * sizeof(double));
    for (size_t k = 0; k < 2; k++)
        tn_trial_result_deinit(&results[k]);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void *note_number(void *context)
{
    *(pid_t *)context = gettid();
    return NULL;
}

/* The thread sanitizer starts one of its own together with the first of ours, so that one goes before. */
static void count_own_threads(void)
{
    pthread_t thread;
    pid_t number = 0;
    char path[64];
    if (pthread_create(&thread, NULL, note_number, &number) != 0 || pthread_join(thread, NULL) != 0)
        abort();
    snprintf(path, sizeof path, "/proc/self/task/%d", (int)number);
    while (access(path, F_OK) == 0)
        sched_yield();
    own_threads = count_threads();
}

int main(void)
{
    count_own_threads();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_processor_that_is_left_idle_is_used),
        cmocka_unit_test(a_batch_that_is_made_at_once_is_not_handed_over),
        cmocka_unit_test(incidents_go_back_to_the_same_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
