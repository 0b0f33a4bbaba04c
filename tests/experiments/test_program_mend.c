/* test_program_mend.c: mends that a program offers are raced like other fixes; what a control proved and what is a mistake in any program is told; nothing of what it says is trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/program_mend.h"
#include "experiments/support_made_up_subject.h"

static json_t *mends(const char *name, const char *cause, bool certain, bool race, const char *control)
{
    return json_pack("[{s:s, s:s, s:s, s:s, s:f, s:b, s:b, s:s?}]", "name", name, "cause", cause, "text", "the gradients cleared", "seen",
                     "nobody cleared them", "prior", 0.9, "certain", certain, "race", race, "control", control);
}

static json_t *places(void)
{
    return json_pack("{s:{s:{s:s, s:i, s:s, s:s}}}", "program", "zero_grad", "file", "train.py", "line", 20, "text", "loss.backward()",
                     "change", "optimizer.zero_grad() before this");
}

static double needs_the_mend(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_PATCH && json_object_get(knobs->patch, "program.zero_grad") ? 0.9 : 0.02;
}

static double always_good(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.9;
}

/* The report of a debug of a program that says this of itself. Steals `told`. */
static json_t *debug(made_up *subject, json_t *told)
{
    json_t *lines = places();
    subject->facts.is_program = true;
    subject->facts.mends = told;
    subject->facts.places = lines;
    json_t *report = made_up_debug(subject);
    json_decref(lines);
    json_decref(told);
    return report;
}

static void a_mend_that_repairs_is_confirmed_with_its_line(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = needs_the_mend;
    json_t *report = debug(&subject, mends("zero_grad", "missing_zero_grad", false, true, NULL));
    const json_t *finding = report_finding(report, 0), *line = json_array_get(json_object_get(json_object_get(finding, "fix"), "lines"), 0);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "missing_zero_grad");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "line")), 20);
    assert_string_equal(report_string(line, "change"), "optimizer.zero_grad() before this");
    assert_string_equal(report_string(json_array_get(json_object_get(finding, "evidence"), 1), "text"), "nobody cleared them");
    json_decref(report);
}

static void a_mend_that_repairs_nothing_is_no_finding(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = always_good;
    json_t *report = debug(&subject, mends("zero_grad", "missing_zero_grad", false, true, NULL));
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static double never_good(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.01;
}

/* It may be one of two faults: nothing else is known, so the line is worth a look. */
static void a_mend_that_repairs_nothing_is_suspected_where_nothing_trains(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = never_good;
    json_t *report = debug(&subject, mends("zero_grad", "missing_zero_grad", false, true, NULL));
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(finding, "cause"), "missing_zero_grad");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "line")), 20);
    json_decref(report);
}

static void a_mistake_in_any_program_is_suspected(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = always_good;
    json_t *report = debug(&subject, mends("zero_grad", "missing_zero_grad", true, true, NULL));
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "line")), 20);
    json_decref(report);
}

static void a_control_convicts_without_a_race(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = always_good;
    json_t *report = debug(&subject, mends("evaluation_mode", "wrong_mode", true, false, "0.5 in one mode, 0.9 in the other"));
    const json_t *finding = report_finding(report, 0), *evidence = json_object_get(finding, "evidence");
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "wrong_mode");
    assert_string_equal(report_string(finding, "confirmed_by"), "control");
    assert_string_equal(report_string(json_array_get(evidence, 1), "text"), "0.5 in one mode, 0.9 in the other");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 1);
    json_decref(report);
}

static void what_was_seen_is_told_where_nothing_can_be_raced(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = always_good;
    subject.refused = TN_KNOB_STEPS;
    json_t *report = debug(&subject, mends("zero_grad", "missing_zero_grad", true, true, NULL));
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "missing_zero_grad");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 1);
    json_decref(report);
}

static void what_makes_no_sense_is_left_out(void **state)
{
    (void)state;
    json_t *told[] = {
        json_pack("[{s:s, s:s, s:b, s:s}]", "name", "zero_grad", "cause", "no_such_cause", "certain", 1, "control", "x"),
        json_pack("[{s:i, s:s, s:b}]", "name", 7, "cause", "wrong_mode", "certain", 1),
        json_pack("[s, i, n, {}, [i]]", "zero_grad", 3, 4),
    };
    for (size_t i = 0; i < sizeof told / sizeof *told; i++) {
        made_up subject;
        made_up_init(&subject);
        subject.score = always_good;
        assert_non_null(told[i]);
        json_t *report = debug(&subject, told[i]);
        assert_string_equal(report_string(report, "verdict"), "healthy");
        json_decref(report);
    }
}

static void only_a_path_of_a_mend_has_one(void **state)
{
    (void)state;
    json_t *told = mends("zero_grad", "missing_zero_grad", false, true, NULL);
    const tn_subject_facts facts = {.mends = told}, none = {0};
    assert_ptr_equal(tn_mend_at(&facts, "program.zero_grad"), json_array_get(told, 0));
    assert_null(tn_mend_at(&facts, "program.zero"));
    assert_null(tn_mend_at(&facts, "solver.learning_rate"));
    assert_null(tn_mend_at(&none, "program.zero_grad"));
    json_decref(told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mend_that_repairs_is_confirmed_with_its_line),
        cmocka_unit_test(a_mend_that_repairs_nothing_is_no_finding),
        cmocka_unit_test(a_mend_that_repairs_nothing_is_suspected_where_nothing_trains),
        cmocka_unit_test(a_mistake_in_any_program_is_suspected),
        cmocka_unit_test(a_control_convicts_without_a_race),
        cmocka_unit_test(what_was_seen_is_told_where_nothing_can_be_raced),
        cmocka_unit_test(what_makes_no_sense_is_left_out),
        cmocka_unit_test(only_a_path_of_a_mend_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
