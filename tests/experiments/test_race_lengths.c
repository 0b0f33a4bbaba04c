/* test_race_lengths.c: how long the trials of a race are: of a program whose length only a trial tells, and of a subject whose steps are costly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

/* Its length is not known before it has run once: the look is then all of it, and the trials after it are as long. */
static void a_program_that_ends_by_itself_is_raced_at_its_own_length(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.steps_total = 0;
    subject.ends_at = 700;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    json_decref(report);
}

/* The look ends in NaN, so that only a change which removes it tells how long the program is: by its trial beyond that. */
static void a_program_that_breaks_before_its_end_is_repaired(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.steps_total = 0;
    subject.ends_at = 600;
    subject.spike_every = 20;
    subject.late_nan_step = 400;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "needs_clipping");
    assert_true(json_is_true(json_object_get(report_finding(report, 0), "confirmed")));
    json_decref(report);
}

static double slow_to_learn(const tn_knobs *knobs)
{
    return knobs->steps > 2000 ? 0.9 : 0.3;
}

/* The steps of the longest trial with this fix. */
static json_int_t steps_with(const json_t *report, const char *fix)
{
    size_t i;
    const json_t *trial;
    json_int_t most = 0;
    json_array_foreach(json_object_get(report_experiment(report, "race"), "trials"), i, trial)
    {
        json_int_t steps = json_integer_value(json_object_get(trial, "steps"));
        if (strcmp(report_string(trial, "fix"), fix) == 0 && steps > most)
            most = steps;
    }
    return most;
}

static json_t *debug_slow_program(bool can_go_round)
{
    made_up subject;
    made_up_init(&subject);
    subject.facts.steps_total = 0;
    subject.facts.is_program = true;
    subject.ends_at = 700;
    subject.can_go_round = can_go_round;
    subject.reaches_at = 2500;
    subject.random_labels = true; /* so that no neighbours tell what the data allow */
    subject.score = slow_to_learn;
    return made_up_debug(&subject);
}

/* Once the look has told where the program ends, trials are told so too, and one of ten times the steps can be made. */
static void a_program_of_unknown_length_is_trained_longer(void **state)
{
    (void)state;
    json_t *report = debug_slow_program(true);
    const json_t *finding = report_finding(report, 0), *patch = json_object_get(json_object_get(finding, "fix"), "patch");
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "too_few_steps");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    assert_int_equal(json_integer_value(json_object_get(patch, "solver.steps")), 7000);
    assert_int_equal(steps_with(report, "10 times as many steps"), 2500); /* where its score says enough */
    json_decref(report);
}

/* Where it cannot be made, a poor score is no health. */
static void a_poor_program_that_cannot_be_trained_longer_is_not_healthy(void **state)
{
    (void)state;
    json_t *report = debug_slow_program(false);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    assert_non_null(strstr(report_string(report, "reason"), "the program ends by itself after 700"));
    json_decref(report);
}

/* Below a rate of 0.05 nothing is learnt. */
static double needs_a_higher_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate < 0.05 ? 0.02 : 0.9;
}

/* The steps of the trials that confirm, all alike; how many there are in *count. */
static json_int_t steps_of_confirmation(const json_t *report, size_t *count)
{
    size_t i;
    const json_t *trial;
    json_int_t steps = 0;
    *count = 0;
    json_array_foreach(json_object_get(report_experiment(report, "race"), "trials"), i, trial)
    {
        if (!json_object_get(trial, "confirms"))
            continue;
        json_int_t its = json_integer_value(json_object_get(trial, "steps"));
        assert_true(*count == 0 || its == steps);
        steps = its;
        ++*count;
    }
    return steps;
}

/* A tenth of the look shows what the rate does; so much of it is enough on fresh seeds, and the report says after how many steps. */
static void a_costly_subject_is_confirmed_as_soon_as_the_change_shows(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.work = 1e7;
    subject.score = needs_a_higher_rate;
    size_t pairs;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "lr_too_low");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    assert_int_equal(steps_of_confirmation(report, &pairs), 100);
    assert_int_equal(pairs, 10);
    char *evidence = json_dumps(json_object_get(finding, "evidence"), 0);
    assert_non_null(strstr(evidence, "mean score after 100 steps 0.90 where it was 0.02"));
    free(evidence);
    assert_int_equal(steps_with(report, "10 times as many steps"), 0);
    json_decref(report);
}

static void a_subject_that_costs_little_is_confirmed_at_its_full_length(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.work = 1e5;
    subject.score = needs_a_higher_rate;
    size_t pairs;
    json_t *report = made_up_debug(&subject);
    assert_true(json_is_true(json_object_get(report_finding(report, 0), "confirmed")));
    assert_int_equal(steps_of_confirmation(report, &pairs), 1000);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_that_ends_by_itself_is_raced_at_its_own_length),
        cmocka_unit_test(a_program_that_breaks_before_its_end_is_repaired),
        cmocka_unit_test(a_program_of_unknown_length_is_trained_longer),
        cmocka_unit_test(a_poor_program_that_cannot_be_trained_longer_is_not_healthy),
        cmocka_unit_test(a_costly_subject_is_confirmed_as_soon_as_the_change_shows),
        cmocka_unit_test(a_subject_that_costs_little_is_confirmed_at_its_full_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
