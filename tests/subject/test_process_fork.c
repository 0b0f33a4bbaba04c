/* test_process_fork.c: trials that are forked from a program that has its data, with a toy of Python's standard library. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>

#include "subject/process.h"

enum { SIDES = 4 };

typedef struct program {
    const char *command[5];
    tn_process_settings settings;
} program;

static void make(program *p, const char *first, const char *second)
{
    *p = (program){.command = {"python3", TN_SOURCE_DIR "/tests/subject/programs/toy_trainer.py", first, second}};
    p->settings = (tn_process_settings){.command = p->command,
                                        .name = "toy",
                                        .python_folder = TN_SOURCE_DIR "/tests/subject/programs",
                                        .forks = true,
                                        .threads = 1,
                                        .silence_seconds = 20};
}

static tn_subject *open_it(const program *p)
{
    tn_subject *subject = NULL;
    tn_error error = {0};
    if (tn_subject_process(&p->settings, &subject, &error) != TN_OK)
        fail_msg("%s", error.message);
    return subject;
}

static tn_trial_request ask(uint64_t steps)
{
    return (tn_trial_request){.experiment = "test",
                              .knobs = {.set = TN_KNOB_STEPS | TN_KNOB_LEARNING_RATE, .steps = steps, .learning_rate = 0.2},
                              .stop_at_train_score = INFINITY};
}

static tn_trial_result run(tn_subject *subject, const tn_trial_request *request)
{
    tn_trial_result result;
    tn_error error = {0};
    if (tn_subject_run(subject, request, 1, &result, &error) != TN_OK)
        fail_msg("%s", error.message);
    return result;
}

static void is_whole(const tn_trial_result *result, uint64_t steps)
{
    if (result->end != TN_TRIAL_COMPLETED)
        fail_msg("%s", result->error.message);
    assert_int_equal(result->steps, steps);
    assert_int_equal(result->acknowledged, TN_KNOB_STEPS | TN_KNOB_LEARNING_RATE);
    assert_true(fabs(result->losses[steps - 1] - 4 * pow(0.97, (double)(steps - 1))) < 1e-9);
    assert_true(tn_trial_score(result) == 0.75);
}

static void trials_are_forks(void **state)
{
    (void)state;
    program p;
    make(&p, NULL, NULL);
    tn_subject *subject = open_it(&p);
    assert_true(tn_subject_facts_of(subject)->forks);
    assert_int_equal(tn_subject_facts_of(subject)->steps_total, 100);
    for (uint64_t steps = 10; steps < 14; steps++) {
        tn_trial_request request = ask(steps);
        tn_trial_result result = run(subject, &request);
        is_whole(&result, steps);
        tn_trial_result_deinit(&result);
    }
    tn_subject_destroy(subject);
}

/* The loss is the number of the process that read the data: the same one for all. */
static void data_are_read_once(void **state)
{
    (void)state;
    double first = 0;
    for (size_t forks = 0; forks < 2; forks++) {
        program p;
        make(&p, "pid", NULL);
        p.settings.forks = forks;
        tn_subject *subject = open_it(&p);
        tn_trial_request request = ask(2);
        for (size_t i = 0; i < 2; i++) {
            tn_trial_result result = run(subject, &request);
            assert_int_equal(result.steps, 2);
            if (i == 0)
                first = result.losses[0];
            else
                assert_int_equal(result.losses[0] == first, forks);
            tn_trial_result_deinit(&result);
        }
        tn_subject_destroy(subject);
    }
}

typedef struct side {
    tn_subject *subject;
    uint64_t steps;
    tn_trial_result result;
    tn_status status;
} side;

static void *run_side(void *context)
{
    side *s = context;
    tn_trial_request request = ask(s->steps);
    s->status = tn_subject_run(s->subject, &request, 1, &s->result, NULL);
    return NULL;
}

static void run_sides(tn_subject *subject)
{
    side sides[SIDES];
    pthread_t threads[SIDES];
    for (size_t i = 0; i < SIDES; i++) {
        sides[i] = (side){.subject = subject, .steps = 20 + i};
        assert_int_equal(pthread_create(&threads[i], NULL, run_side, &sides[i]), 0);
    }
    for (size_t i = 0; i < SIDES; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(sides[i].status, TN_OK);
        is_whole(&sides[i].result, 20 + i);
        tn_trial_result_deinit(&sides[i].result);
    }
}

static void forks_run_side_by_side(void **state)
{
    (void)state;
    program p;
    make(&p, NULL, NULL);
    tn_subject *subject = open_it(&p);
    run_sides(subject);
    tn_subject_destroy(subject);
}

static void a_fork_that_crashes_is_told(void **state)
{
    (void)state;
    program p;
    make(&p, "crash", NULL);
    tn_subject *subject = open_it(&p);
    assert_true(tn_subject_facts_of(subject)->forks);
    for (size_t i = 0; i < 2; i++) { /* and the next one is served all the same */
        tn_trial_request request = ask(50);
        tn_trial_result result = run(subject, &request);
        assert_int_equal(result.end, TN_TRIAL_REFUSED);
        assert_int_equal(result.steps, 6);
        assert_non_null(strstr(result.error.message, "signal 11"));
        assert_non_null(strstr(result.error.message, "about to crash"));
        tn_trial_result_deinit(&result);
    }
    tn_subject_destroy(subject);
}

static void who_cannot_be_forked_is_started(void **state)
{
    (void)state;
    program p;
    make(&p, "unsafe", NULL);
    tn_subject *subject = open_it(&p);
    assert_false(tn_subject_facts_of(subject)->forks);
    tn_trial_request request = ask(10);
    tn_trial_result result = run(subject, &request);
    is_whole(&result, 10);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

static void a_server_that_dies_is_done_without(void **state)
{
    (void)state;
    program p;
    make(&p, "dies", NULL);
    tn_subject *subject = open_it(&p); /* it dies when the look is to be forked */
    assert_false(tn_subject_facts_of(subject)->forks);
    run_sides(subject);
    tn_subject_destroy(subject);
}

static bool stop_at_four(void *context, const tn_step *step)
{
    (void)context;
    return step->step < 4;
}

static void a_fork_hears_stop(void **state)
{
    (void)state;
    program p;
    make(&p, NULL, NULL);
    tn_subject *subject = open_it(&p);
    const tn_observer observer = {.on_step = stop_at_four};
    tn_trial_request request = ask(10000000);
    request.observers = &observer;
    request.observer_count = 1;
    tn_trial_result result = run(subject, &request);
    assert_int_equal(result.end, TN_TRIAL_STOPPED);
    assert_int_equal(result.steps, 4);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trials_are_forks),
        cmocka_unit_test(data_are_read_once),
        cmocka_unit_test(forks_run_side_by_side),
        cmocka_unit_test(a_fork_that_crashes_is_told),
        cmocka_unit_test(who_cannot_be_forked_is_started),
        cmocka_unit_test(a_server_that_dies_is_done_without),
        cmocka_unit_test(a_fork_hears_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
