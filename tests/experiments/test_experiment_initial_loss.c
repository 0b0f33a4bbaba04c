/* test_experiment_initial_loss.c: first losses that fit ln C, and some that do not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

/* The made-up subject starts at ln 4, and its first step has half of that; what loss and classes imply is set by each test. */
static void expect_verdict(double expected_loss, const char *verdict, bool tells_scores_alone)
{
    made_up subject;
    made_up_init(&subject);
    subject.tells_scores_alone = tells_scores_alone;
    subject.facts.expected_loss = expected_loss;
    json_t *report = made_up_experiment(&subject, "initial-loss");
    const json_t *entry = report_experiment(report, "initial_loss");
    assert_string_equal(report_string(entry, "verdict"), verdict);
    const float first = tells_scores_alone ? logf(4) / 2 : logf(4);
    assert_float_equal((float)json_number_value(json_object_get(json_object_get(entry, "result"), "initial_loss")), first, 1e-5);
    json_decref(report);
}

static void the_entropy_of_a_uniform_guess_passes(void **state)
{
    (void)state;
    expect_verdict(log(4), "pass", false);
    expect_verdict(log(3), "pass", false);
}

static void a_first_loss_far_above_fails(void **state)
{
    (void)state;
    expect_verdict(log(4) / 3.5, "fail", false);
}

static void a_first_loss_far_below_fails(void **state)
{
    (void)state;
    expect_verdict(log(4) * 2.5, "fail", false);
}

static void a_loss_that_implies_nothing_is_set_against_the_best_constant(void **state)
{
    (void)state;
    expect_verdict(NAN, "pass", false);
}

static void a_score_without_a_loss_leaves_that_of_the_first_step(void **state)
{
    (void)state;
    expect_verdict(log(4) / 2, "pass", true);
    expect_verdict(log(4) / 7, "fail", true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_entropy_of_a_uniform_guess_passes),
        cmocka_unit_test(a_first_loss_far_above_fails),
        cmocka_unit_test(a_first_loss_far_below_fails),
        cmocka_unit_test(a_loss_that_implies_nothing_is_set_against_the_best_constant),
        cmocka_unit_test(a_score_without_a_loss_leaves_that_of_the_first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
