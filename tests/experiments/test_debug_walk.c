/* test_debug_walk.c: the odds of the causes, what an experiment tells about them, and the walk that is chosen by both: nothing that could change a verdict is left out, and nothing else is run. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/odds.h"
#include "experiments/support_made_up_subject.h"

/* ---- odds ---- */

static void every_cause_that_an_experiment_tells_is_in_the_catalogue(void **state)
{
    (void)state;
    size_t count, told = 0;
    const tn_subject_facts facts = {.is_program = true};
    const tn_experiment *const *protocol = tn_debug_protocol(&facts, &count);
    for (size_t e = 0; e < count; e++) {
        const char *list = protocol[e]->fails_under;
        if (!list)
            assert_ptr_equal(protocol[e], &tn_experiment_race);
        for (const char *at = list; at && *at; told++) {
            char name[64] = "";
            size_t length = strcspn(at, ",");
            assert_true(length < sizeof name);
            memcpy(name, at, length);
            if (!tn_cause_find(name))
                fail_msg("%s fails under '%s', which is no cause", protocol[e]->info.name, name);
            at += length + strspn(at + length, ", ");
        }
    }
    assert_true(told > 20);
}

static double sum(const tn_odds *odds)
{
    double total = 0;
    for (size_t i = 0; i < TN_ODDS_COUNT; i++) {
        assert_true(odds->of[i] >= 0);
        total += odds->of[i];
    }
    return total;
}

/* Half healthy; the other half shared by three causes, which the race would try. */
static tn_odds some_odds(void)
{
    tn_odds odds = {.of = {[TN_CAUSE_lr_too_high] = 0.2, [TN_CAUSE_wrong_output] = 0.2, [TN_CAUSE_no_decay] = 0.1, [TN_ODDS_HEALTHY] = 0.5},
                    .raced = {[TN_CAUSE_lr_too_high] = true, [TN_CAUSE_wrong_output] = true, [TN_CAUSE_no_decay] = true}};
    return odds;
}

static void an_outcome_moves_the_odds_by_what_it_tells(void **state)
{
    (void)state;
    tn_odds odds = some_odds();
    tn_odds_update(&odds, &tn_experiment_lr_boundary, TN_VERDICT_FAIL);
    assert_true(fabs(sum(&odds) - 1) < 1e-12);
    assert_true(odds.of[TN_CAUSE_lr_too_high] > 0.5);
    assert_true(odds.of[TN_ODDS_HEALTHY] < 0.1);
    odds = some_odds();
    tn_odds_update(&odds, &tn_experiment_lr_boundary, TN_VERDICT_PASS);
    assert_true(fabs(sum(&odds) - 1) < 1e-12);
    assert_true(odds.of[TN_CAUSE_lr_too_high] < 0.1);
    assert_true(odds.of[TN_ODDS_HEALTHY] > 0.5);
    const tn_odds before = some_odds();
    odds = before;
    tn_odds_update(&odds, &tn_experiment_lr_boundary, TN_VERDICT_INCONCLUSIVE);
    assert_memory_equal(&odds, &before, sizeof odds);
}

static void what_tells_nothing_new_is_worth_no_bits(void **state)
{
    (void)state;
    tn_odds odds = some_odds();
    double open = tn_odds_bits(&odds, &tn_experiment_lr_boundary), race = tn_odds_bits(&odds, &tn_experiment_race);
    /* Four hypotheses have at most two bits; an outcome of two, at most one. */
    assert_true(open > 0.1 && open < 1);
    assert_true(race > open && race < 2);
    tn_odds known = {.of = {[TN_CAUSE_lr_too_high] = 1}};
    assert_true(tn_odds_bits(&known, &tn_experiment_lr_boundary) < 1e-12);
    assert_true(tn_odds_bits(&known, &tn_experiment_race) < 1e-12);
}

static void the_likeliest_are_described_first(void **state)
{
    (void)state;
    tn_odds odds = some_odds();
    char text[160];
    tn_odds_describe(&odds, text, sizeof text);
    assert_string_equal(text, "healthy 50 %, lr_too_high 20 %, wrong_output 20 %");
    tn_odds_update(&odds, &tn_experiment_lr_boundary, TN_VERDICT_FAIL);
    tn_odds_describe(&odds, text, sizeof text);
    assert_int_equal(strncmp(text, "lr_too_high ", 12), 0);
}

/* ---- the walk ---- */

static const json_t *planned(const json_t *report, const char *name)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(report, "plan"), i, entry)
    {
        if (strcmp(report_string(entry, "experiment"), name) == 0)
            return entry;
    }
    fail_msg("the plan has no %s", name);
    return NULL;
}

static json_int_t steps_of(const json_t *entry)
{
    return json_integer_value(json_object_get(entry, "steps"));
}

/* Every experiment of the protocol stands once in the plan, with a reason, and the plan's steps are those that were run. */
static void check_plan(const json_t *report)
{
    size_t count, i;
    const tn_subject_facts facts = {.is_program = false};
    const tn_experiment *const *protocol = tn_debug_protocol(&facts, &count);
    const json_t *entry, *plan = json_object_get(report, "plan");
    json_int_t steps = 0;
    assert_int_equal(json_array_size(plan), count + 1);
    assert_string_equal(report_string(json_array_get(plan, 0), "experiment"), "look");
    for (i = 0; i < count; i++)
        assert_true(strlen(report_string(planned(report, protocol[i]->info.name), "why")) > 10);
    json_array_foreach(plan, i, entry) steps += steps_of(entry);
    assert_int_equal(steps, steps_of(json_object_get(report, "cost")));
}

static double only_below_a_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate < 0.01 ? 0.9 : 0.02;
}

static void what_cannot_change_a_confirmed_cause_is_left_out(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = only_below_a_rate;
    subject.facts.learning_rate = 1;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    check_plan(report);
    const json_t *overfit = planned(report, "overfit");
    assert_int_equal(steps_of(overfit), 0);
    assert_int_equal(strncmp(report_string(overfit, "why"), "left out: ", 10), 0);
    assert_true(steps_of(planned(report, "race")) > 0);
    assert_non_null(strstr(report_string(planned(report, "race"), "why"), " bits for at most "));
    json_decref(report);
}

static void a_healthy_network_is_proven_so_by_all_that_could_say_otherwise(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    check_plan(report);
    assert_string_equal(report_string(report_experiment(report, "overfit"), "verdict"), "pass");
    assert_string_equal(report_string(report_experiment(report, "lr_boundary"), "verdict"), "pass");
    assert_string_equal(report_string(report_experiment(report, "race"), "verdict"), "pass");
    assert_true(steps_of(planned(report, "overfit")) > 0);
    assert_non_null(strstr(report_string(planned(report, "overfit"), "why"), "healthy"));
    json_decref(report);
}

static double nearly_perfect(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.97;
}

static void where_no_change_can_be_dramatic_none_is_raced(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = nearly_perfect;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    check_plan(report);
    assert_int_equal(steps_of(planned(report, "race")), 0);
    assert_non_null(strstr(report_string(report_experiment(report, "race"), "summary"), "no change could be dramatically better"));
    json_decref(report);
}

static double nothing_helps(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.02;
}

static void ten_samples_are_asked_about_where_no_single_change_repairs(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = nothing_helps;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    check_plan(report);
    assert_non_null(strstr(report_string(planned(report, "overfit"), "why"), "no single change repairs it"));
    assert_true(steps_of(planned(report, "overfit")) > 0);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_cause_that_an_experiment_tells_is_in_the_catalogue),
        cmocka_unit_test(an_outcome_moves_the_odds_by_what_it_tells),
        cmocka_unit_test(what_tells_nothing_new_is_worth_no_bits),
        cmocka_unit_test(the_likeliest_are_described_first),
        cmocka_unit_test(what_cannot_change_a_confirmed_cause_is_left_out),
        cmocka_unit_test(a_healthy_network_is_proven_so_by_all_that_could_say_otherwise),
        cmocka_unit_test(where_no_change_can_be_dramatic_none_is_raced),
        cmocka_unit_test(ten_samples_are_asked_about_where_no_single_change_repairs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
