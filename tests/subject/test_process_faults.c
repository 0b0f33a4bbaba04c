/* test_process_faults.c: programs that crash, hang, talk nonsense, close everything or never call: each is told with its last step and its last words, and takes nothing with it that was
 * recorded before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "support_toy.h"

/* Heard before the fault. */
static bool count_steps(void *context, const tn_step *step)
{
    *(uint64_t *)context = step->step;
    return true;
}

/* A trial of 50 steps under a fault in step 7. */
static tn_trial_result fail_in_seventh(toy *program, uint64_t *heard)
{
    tn_subject *subject = toy_open(program);
    const tn_observer observer = {.context = heard, .on_step = count_steps};
    const tn_trial_request request = {.experiment = "test",
                                      .knobs = {.set = TN_KNOB_STEPS, .steps = 50},
                                      .stop_at_train_score = INFINITY,
                                      .observers = &observer,
                                      .observer_count = 1};
    tn_trial_result result;
    tn_error error = {0};
    *heard = 0;
    assert_int_equal(tn_subject_run(subject, &request, 1, &result, &error), TN_OK);
    tn_subject_destroy(subject);
    return result;
}

static void is_refused(toy *program, const char *first, const char *second)
{
    uint64_t heard;
    tn_trial_result result = fail_in_seventh(program, &heard);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    assert_int_equal(result.steps, 6);
    assert_int_equal(heard, 6);
    assert_true(fabs(result.losses[5] - 2 * pow(0.97, 5)) < 1e-9);
    assert_non_null(strstr(result.error.message, "after step 6"));
    if (!strstr(result.error.message, first) || !strstr(result.error.message, second))
        fail_msg("'%s' lacks '%s' or '%s'", result.error.message, first, second);
    tn_trial_result_deinit(&result);
}

static void a_crash_is_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "crash=7", NULL);
    is_refused(&program, "signal 11", "about to crash");
}

static void an_exit_status_is_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "exit=7", NULL);
    is_refused(&program, "exit status 3", "giving up");
}

static void a_hang_is_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "hang=7", NULL);
    program.settings.silence_seconds = 1;
    is_refused(&program, "told nothing for 1 seconds", "toy of mode trial");
}

static void nonsense_is_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "nonsense=7", NULL);
    is_refused(&program, "makes no sense", "at byte");
}

static void closed_descriptors_are_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "close=7", NULL);
    is_refused(&program, "closed its connection", "goes on");
}

/* A child that writes over its parent's link, calls by itself, and ends in nonsense, changes nothing. */
static void a_talking_child_is_no_matter(void **state)
{
    (void)state;
    uint64_t heard;
    toy program;
    toy_settings(&program, "forks", NULL);
    tn_trial_result result = fail_in_seventh(&program, &heard);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 50);
    assert_int_equal(heard, 50);
    tn_trial_result_deinit(&result);
}

/* Its result is whole when it says that it ends. */
static void one_that_does_not_leave_is_ended(void **state)
{
    (void)state;
    uint64_t heard;
    toy program;
    toy_settings(&program, "restless", NULL);
    tn_trial_result result = fail_in_seventh(&program, &heard);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    assert_int_equal(result.steps, 50);
    assert_int_equal(result.score_count, 2);
    tn_trial_result_deinit(&result);
}

/* ---- in the look ---- */

static void look_fails(toy *program, tn_status code, const char *first, const char *second)
{
    tn_subject *subject = NULL;
    tn_error error = {0};
    assert_int_equal(tn_subject_process(&program->settings, &subject, &error), code);
    assert_null(subject);
    if (!strstr(error.message, first) || !strstr(error.message, second))
        fail_msg("'%s' lacks '%s' or '%s'", error.message, first, second);
}

static void a_crash_in_the_look_is_an_error(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "always", "crash=7", NULL);
    look_fails(&program, TN_ERROR_IO, "signal 11", "about to crash");
    toy_settings(&program, "always", "exit=1", NULL);
    look_fails(&program, TN_ERROR_IO, "exit status 3", "giving up");
    toy_settings(&program, "silent", "always", "exit=3", NULL);
    look_fails(&program, TN_ERROR_IO, "exit status 3", "giving up");
}

static void a_program_that_never_calls_is_told_what_to_do(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "silent", NULL);
    look_fails(&program, TN_ERROR_UNSUPPORTED, "never reported", "$TENET_LOG");
    /* As is one that goes on in silence. */
    toy_settings(&program, "silent", "always", "hang=2", NULL);
    program.settings.silence_seconds = 0.5;
    look_fails(&program, TN_ERROR_UNSUPPORTED, "never reported", "torch");
}

static void a_command_that_is_none_is_told(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, NULL);
    program.command[0] = "tenet-no-such-command";
    look_fails(&program, TN_ERROR_IO, "tenet-no-such-command", "PATH");
    program.command[0] = NULL;
    look_fails(&program, TN_ERROR_USAGE, "no command", "--");
}

static void a_cancel_in_the_look_is_one(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "slow=10", NULL);
    atomic_store(&program.cancel.requested, true);
    look_fails(&program, TN_ERROR_CANCELLED, "cancelled", "");
}

int main(int argc, char **argv)
{
    int status = toy_main(argc, argv);
    if (status >= 0)
        return status;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_is_told),
        cmocka_unit_test(an_exit_status_is_told),
        cmocka_unit_test(a_hang_is_told),
        cmocka_unit_test(nonsense_is_told),
        cmocka_unit_test(closed_descriptors_are_told),
        cmocka_unit_test(a_talking_child_is_no_matter),
        cmocka_unit_test(one_that_does_not_leave_is_ended),
        cmocka_unit_test(a_crash_in_the_look_is_an_error),
        cmocka_unit_test(a_program_that_never_calls_is_told_what_to_do),
        cmocka_unit_test(a_command_that_is_none_is_told),
        cmocka_unit_test(a_cancel_in_the_look_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
