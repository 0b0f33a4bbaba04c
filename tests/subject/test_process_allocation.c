/* test_process_allocation.c: a program as a subject where the n-th allocation fails, for every n: told as such or done without, and nothing is left behind. */
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
#include "support_toy.h"

/* A look and a short trial. */
static tn_status look_and_try(const toy *program, tn_trial_end *end, uint64_t *steps)
{
    tn_subject *subject = NULL;
    tn_error error = {0};
    tn_status status = tn_subject_process(&program->settings, &subject, &error);
    if (status != TN_OK)
        return status;
    const tn_trial_request request = {
        .experiment = "test",
        .knobs = {.set = TN_KNOB_STEPS | TN_KNOB_LEARNING_RATE, .steps = 6, .learning_rate = 0.05},
        .stop_at_train_score = INFINITY,
        .vitals_every = 3,
        .shown_samples = 1,
        .want_norms = true,
    };
    tn_trial_result result;
    status = tn_subject_run(subject, &request, 1, &result, &error);
    *end = result.end;
    *steps = result.steps;
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    return status;
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    toy program;
    toy_settings(&program, "steps=6", NULL);
    program.settings.silence_seconds = 5;
    uint64_t failed = 1;
    for (uint64_t n = 1; failed; n++) {
        tn_trial_end end = TN_TRIAL_REFUSED;
        uint64_t steps = 0;
        tn_allocator_fail_at(n);
        uint64_t alive = tn_allocator_alive();
        tn_status status = look_and_try(&program, &end, &steps);
        failed = tn_allocator_failed();
        if (tn_allocator_alive() != alive)
            fail_msg("allocation %llu failed, and allocation %llu is left", (unsigned long long)n,
                     (unsigned long long)tn_allocator_oldest_alive());
        /* Out of memory, or a program that could not be heard for want of it, or all is well. */
        bool told = status == TN_ERROR_MEMORY || status == TN_ERROR_DATA || status == TN_ERROR_UNSUPPORTED || status == TN_ERROR_IO ||
                    status == TN_ERROR_HYPES;
        bool refused = status == TN_OK && end == TN_TRIAL_REFUSED;
        bool whole = status == TN_OK && end == TN_TRIAL_COMPLETED && steps == 6;
        if (!told && !refused && !whole)
            fail_msg("allocation %llu failed: status %d, end %d, %llu steps", (unsigned long long)n, (int)status, (int)end,
                     (unsigned long long)steps);
        if (!failed)
            assert_true(whole);
    }
}

int main(int argc, char **argv)
{
    int status = toy_main(argc, argv);
    if (status >= 0)
        return status;
    tn_allocator_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
