/* test_experiment_usage.c: what a program was seen to misuse is tried before all else, and ends the debug where it is confirmed; what is not confirmed is left to the rest of the protocol. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"
#include "hypes/hypes.h"

static const char CONTROL[] = "measured";

static json_t *mend(const char *name, const char *cause, bool race, const char *control)
{
    return json_pack("[{s:s, s:s, s:s, s:s, s:f, s:b, s:b, s:s?}]", "name", name, "cause", cause, "text", "the line mended", "seen",
                     "it was seen", "prior", 0.9, "certain", 0, "race", race, "control", control);
}

static bool has_mend(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_PATCH && json_object_get(knobs->patch, "program.zero_grad");
}

static double needs_the_mend(const tn_knobs *knobs)
{
    return has_mend(knobs) ? 0.9 : 0.02;
}

/* Shows only after more than a third of the 1,000 steps. */
static double needs_the_mend_and_time(const tn_knobs *knobs)
{
    return has_mend(knobs) && knobs->steps > 500 ? 0.9 : 0.02;
}

static double needs_a_lower_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate < 0.005 ? 0.9 : 0.02;
}

static double never_good(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.02;
}

static double needs_no_softmax(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_PATCH && json_object_get(knobs->patch, "net.1") ? 0.9 : 0.02;
}

static void make_program(made_up *subject, double (*score)(const tn_knobs *effective), json_t *mends)
{
    made_up_init(subject);
    subject->facts.is_program = true;
    subject->facts.mends = mends;
    subject->facts.work = 1e6; /* so much that nothing is cheap, and so little that a look has all 1,000 steps */
    if (score)
        subject->score = score;
}

static size_t count_experiments(const json_t *report)
{
    return json_array_size(json_object_get(report, "experiments"));
}

static size_t count_trials(const json_t *report, const char *experiment)
{
    return json_array_size(json_object_get(report_experiment(report, experiment), "trials"));
}

static uint64_t steps_of(const json_t *report, size_t trial)
{
    const json_t *trials = json_object_get(report_experiment(report, "usage"), "trials");
    return (uint64_t)json_integer_value(json_object_get(json_array_get(trials, trial), "steps"));
}

static void a_misuse_that_is_confirmed_ends_the_debug(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("zero_grad", "missing_zero_grad", true, NULL);
    make_program(&subject, needs_the_mend, mends);
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "missing_zero_grad");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    assert_int_equal(count_experiments(report), 1);
    assert_int_equal(count_trials(report, "usage"), 1 + 1 + 10); /* as given, mended, five pairs of fresh seeds */
    assert_int_equal(steps_of(report, 0), 100);
    json_decref(report);
    json_decref(mends);
}

static void what_shows_late_is_tried_for_longer(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("zero_grad", "missing_zero_grad", true, NULL);
    make_program(&subject, needs_the_mend_and_time, mends);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report_finding(report, 0), "confirmed_by"), "fix");
    assert_int_equal(count_experiments(report), 1);
    assert_int_equal(steps_of(report, 2), 350);
    assert_int_equal(steps_of(report, 4), 1000);
    json_decref(report);
    json_decref(mends);
}

static void a_misuse_that_repairs_nothing_leaves_the_rest_its_turn(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("zero_grad", "missing_zero_grad", true, NULL);
    make_program(&subject, NULL, mends);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_string_equal(report_string(report_experiment(report, "usage"), "verdict"), "inconclusive");
    assert_string_equal(report_string(report_experiment(report, "race"), "verdict"), "pass");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
    json_decref(mends);
}

static void a_program_without_misuse_costs_no_trial(void **state)
{
    (void)state;
    made_up subject;
    make_program(&subject, NULL, NULL);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report_experiment(report, "usage"), "verdict"), "pass");
    assert_int_equal(count_trials(report, "usage"), 0);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    json_decref(report);
}

static void what_a_control_proved_needs_no_fresh_seeds(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("zero_grad", "missing_zero_grad", true, CONTROL);
    make_program(&subject, needs_the_mend, mends);
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0), *evidence = json_object_get(finding, "evidence");
    assert_string_equal(report_string(finding, "confirmed_by"), "control");
    assert_int_equal(count_trials(report, "usage"), 2);
    assert_non_null(strstr(report_string(json_array_get(evidence, json_array_size(evidence) - 1), "text"), "score 0.90 after 100 steps"));
    json_decref(report);
    json_decref(mends);
}

static void a_proven_mistake_of_evaluation_is_all_where_it_trains(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("evaluation_mode", "wrong_mode", false, CONTROL);
    make_program(&subject, NULL, mends);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "wrong_mode");
    assert_int_equal(count_experiments(report), 1);
    json_decref(report);
    make_program(&subject, never_good, mends); /* it explains no training that fails */
    report = made_up_debug(&subject);
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "wrong_mode");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 1);
    assert_non_null(report_experiment(report, "race"));
    json_decref(report);
    json_decref(mends);
}

static void a_proven_mistake_goes_before_a_general_remedy(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("log_softmax", "unstable_softmax", true, CONTROL);
    make_program(&subject, needs_a_lower_rate, mends);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "unstable_softmax");
    assert_string_equal(report_string(report_finding(report, 0), "confirmed_by"), "control");
    assert_string_equal(report_string(report_finding(report, 1), "cause"), "lr_too_high");
    assert_string_equal(report_string(report_finding(report, 1), "confirmed_by"), "fix");
    json_decref(report);
    json_decref(mends);
}

static json_t *debug_within(made_up *subject, uint64_t budget)
{
    const tn_debug_options options = {.threads = 1, .seed = 1, .budget_steps = budget};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_run(&subject->base, &options, &report, &error), TN_OK);
    return report;
}

static void a_spent_budget_leaves_the_best_answer_so_far(void **state)
{
    (void)state;
    made_up subject;
    json_t *mends = mend("zero_grad", "missing_zero_grad", true, NULL);
    make_program(&subject, needs_the_mend, mends);
    for (uint64_t budget = 230; budget <= 830; budget += 200) {
        json_t *report = debug_within(&subject, budget);
        const json_t *finding = report_finding(report, 0);
        assert_string_equal(report_string(report, "verdict"), "inconclusive");
        assert_int_equal(json_array_size(json_object_get(report, "findings")), 1);
        assert_string_equal(report_string(finding, "cause"), "missing_zero_grad");
        assert_string_equal(report_string(finding, "severity"), "suspected");
        json_decref(report);
    }
    json_decref(mends);
}

static const char DOUBLED[] =
    "{\"data\": {\"train\": {\"format\": \"npz\", \"file\": \"x.npz\"}}, \"net\": [{\"op\": \"dense\", \"units\": 4}, "
    "{\"op\": \"softmax\"}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"opt\": \"sgd\", \"learning_rate\": 0.01, \"steps\": "
    "1000}}";

static void a_softmax_before_a_loss_with_its_own_is_a_misuse(void **state)
{
    (void)state;
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    assert_int_equal(tn_hypes_parse(DOUBLED, strlen(DOUBLED), "test.json", ".", &hypes, &error), TN_OK);
    made_up subject;
    make_program(&subject, needs_no_softmax, NULL);
    subject.hypes = hypes;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "wrong_output");
    assert_int_equal(count_experiments(report), 1);
    json_decref(report);
    tn_hypes_destroy(hypes);
}

static void a_network_of_hypes_has_no_framework(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "usage");
    assert_string_equal(report_string(report_experiment(report, "usage"), "verdict"), "inconclusive");
    json_decref(report);
    report = made_up_debug(&subject);
    assert_string_equal(report_string(json_array_get(json_object_get(report, "experiments"), 0), "name"), "initial_loss");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_misuse_that_is_confirmed_ends_the_debug),
        cmocka_unit_test(what_shows_late_is_tried_for_longer),
        cmocka_unit_test(a_misuse_that_repairs_nothing_leaves_the_rest_its_turn),
        cmocka_unit_test(a_program_without_misuse_costs_no_trial),
        cmocka_unit_test(what_a_control_proved_needs_no_fresh_seeds),
        cmocka_unit_test(a_proven_mistake_of_evaluation_is_all_where_it_trains),
        cmocka_unit_test(a_proven_mistake_goes_before_a_general_remedy),
        cmocka_unit_test(a_spent_budget_leaves_the_best_answer_so_far),
        cmocka_unit_test(a_softmax_before_a_loss_with_its_own_is_a_misuse),
        cmocka_unit_test(a_network_of_hypes_has_no_framework),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
