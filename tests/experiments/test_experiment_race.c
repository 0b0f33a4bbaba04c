/* test_experiment_race.c: the whole debug on made-up subjects: what it must convict, what it must leave in peace, and when it must not be sure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

static void a_subject_that_trains_is_healthy(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    assert_true(json_array_size(json_object_get(report, "evidence")) >= 4);
    json_decref(report);
}

static double needs_a_small_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate > 0.2 ? 0 : 0.9;
}

static void a_rate_that_breaks_is_convicted_by_its_fix(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.learning_rate = 50;
    subject.nan_rate = 1;
    subject.score = needs_a_small_rate;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0), *patch = json_object_get(json_object_get(finding, "fix"), "patch");
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "lr_too_high");
    assert_string_equal(report_string(finding, "severity"), "error");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    assert_true(json_number_value(json_object_get(patch, "solver.learning_rate")) <= 0.7);
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "step")), 3);
    json_decref(report);
}

static double needs_scaled_inputs(const tn_knobs *knobs)
{
    bool scaled = (knobs->set & TN_KNOB_INPUT_SCALE) != 0;
    /* A tiny rate hides the fault as well, as it often does. */
    return scaled || knobs->learning_rate < 0.001 ? 0.85 : 0.02;
}

static void a_specific_fix_goes_before_a_general_remedy(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.input_std = 2500;
    subject.facts.input_std_max = 2500;
    subject.score = needs_scaled_inputs;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "unscaled_input");
    json_decref(report);
}

static double lucky_on_the_first_seed(const tn_knobs *knobs)
{
    bool changed = knobs->learning_rate != 0.01;
    return changed && knobs->seed == 1 ? 0.9 : 0.02;
}

static void luck_on_the_screening_seed_convicts_nobody(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = lucky_on_the_first_seed;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static double half_of_the_seeds(const tn_knobs *knobs)
{
    return knobs->learning_rate > 0.01 && knobs->seed % 4 != 2 ? 0.9 : 0.02;
}

static void a_fix_that_helps_most_seeds_is_suspected(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = half_of_the_seeds;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_true(json_is_false(json_object_get(finding, "confirmed")));
    json_decref(report);
}

/* A slow net: three times the rate is there in time on most seeds, ten times and more on all. */
static double slow_on_some_seeds(const tn_knobs *knobs)
{
    bool is_higher = knobs->learning_rate > 0.02, is_high = knobs->learning_rate > 0.05;
    return is_high ? 0.7 : is_higher && knobs->seed % 4 != 2 ? 0.9 : 0.02;
}

static void a_higher_rate_is_tried_where_the_first_is_suspected_only(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = slow_on_some_seeds;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "lr_too_low");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    assert_true(json_number_value(json_object_get(json_object_get(json_object_get(finding, "fix"), "patch"), "solver.learning_rate")) >
                0.05);
    json_decref(report);
}

/* A net of three hidden layers with exp. */
static tn_hypes *deep_net(void)
{
    static const char text[] =
        "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 0}}, \"loss\": \"softmax_cross_entropy\", \"net\": ["
        "{\"op\": \"dense\", \"units\": 5}, {\"op\": \"exp\"}, {\"op\": \"dense\", \"units\": 5}, {\"op\": \"exp\"}, "
        "{\"op\": \"dense\", \"units\": 5}, {\"op\": \"exp\"}, {\"op\": \"dense\", \"units\": 4}]}";
    tn_hypes *parsed = NULL;
    tn_error error = {0};
    if (tn_hypes_parse(text, strlen(text), "test.json", ".", &parsed, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return parsed;
}

/* What becomes of the first activation: its op, "removed", or "" where it stays. */
static const char *first_activation(const tn_knobs *knobs)
{
    if (!(knobs->set & TN_KNOB_PATCH))
        return "";
    const char *op = json_string_value(json_object_get(json_object_get(knobs->patch, "net.1"), "op"));
    return op ? op : json_object_get(knobs->patch, "net.2") ? "removed" : "";
}

/* relu is born dead on two seeds of eight; the net without its inner layers trains, and so, or not, does elu. */
static double deep_and_narrow(const tn_knobs *knobs, bool elu_trains)
{
    const char *op = first_activation(knobs);
    bool born_dead = knobs->seed % 4 == 2;
    bool trains =
        strcmp(op, "removed") == 0 || (strcmp(op, "relu") == 0 && !born_dead) || (strcmp(op, "elu") == 0 && (elu_trains || !born_dead));
    return trains ? 0.9 : 0.02;
}

static double elu_trains(const tn_knobs *knobs)
{
    return deep_and_narrow(knobs, true);
}

static double elu_is_no_better(const tn_knobs *knobs)
{
    return deep_and_narrow(knobs, false);
}

static json_t *debug_deep_net(double (*score)(const tn_knobs *))
{
    made_up subject;
    made_up_init(&subject);
    tn_hypes *net = deep_net();
    subject.hypes = net;
    subject.score = score;
    json_t *report = made_up_debug(&subject);
    tn_hypes_destroy(net);
    return report;
}

/* relu is born dead on three fresh seeds of eight, so that its mean is no repair. */
static double relu_is_often_dead(const tn_knobs *knobs)
{
    const char *op = first_activation(knobs);
    uint64_t which = knobs->seed % 8;
    bool born_dead = which == 2 || which == 3 || which == 6;
    return strcmp(op, "elu") == 0 ? 0.7 : strcmp(op, "relu") == 0 && !born_dead ? 0.75 : 0.02;
}

static void another_form_of_a_change_that_works_on_most_seeds_is_tried(void **state)
{
    (void)state;
    json_t *report = debug_deep_net(relu_is_often_dead);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "wrong_activation");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    assert_string_equal(report_string(json_object_get(finding, "fix"), "text"), "elu in the hidden layers");
    json_decref(report);
}

static void another_form_of_a_suspected_change_goes_before_another_cause(void **state)
{
    (void)state;
    json_t *report = debug_deep_net(elu_trains);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "wrong_activation");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    assert_string_equal(report_string(json_object_get(finding, "fix"), "text"), "elu in the hidden layers");
    json_decref(report);
}

static void where_no_form_is_confirmed_the_other_cause_has_its_turn(void **state)
{
    (void)state;
    json_t *report = debug_deep_net(elu_is_no_better);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "too_deep");
    assert_true(json_is_true(json_object_get(report_finding(report, 0), "confirmed")));
    assert_string_equal(report_string(report_finding(report, 1), "cause"), "wrong_activation");
    assert_string_equal(report_string(report_finding(report, 1), "severity"), "suspected");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 2);
    json_decref(report);
}

/* A higher rate trains on six seeds of eight, and with relu on all; relu alone does nothing. */
static double rate_needs_help(const tn_knobs *knobs)
{
    bool is_high = knobs->learning_rate > 0.02, has_relu = strcmp(first_activation(knobs), "relu") == 0;
    return is_high && (has_relu || knobs->seed % 4 != 2) ? 0.9 : 0.02;
}

static void a_pair_is_named_by_the_change_that_was_suspected_alone(void **state)
{
    (void)state;
    json_t *report = debug_deep_net(rate_needs_help);
    const json_t *finding = report_finding(report, 0), *patch = json_object_get(json_object_get(finding, "fix"), "patch");
    assert_string_equal(report_string(finding, "cause"), "lr_too_low");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    assert_non_null(json_object_get(patch, "solver.learning_rate"));
    assert_non_null(json_object_get(patch, "net.1"));
    json_decref(report);
}

static double never(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.01;
}

static void misaligned_labels_are_convicted_by_the_control(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = never;
    subject.random_labels = true;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "misaligned_labels");
    assert_string_equal(report_string(finding, "confirmed_by"), "control");
    json_decref(report);
}

static double by_chance(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.13;
}

static json_t *debug_of_chance(uint64_t probe_samples)
{
    made_up subject;
    made_up_init(&subject);
    subject.score = by_chance;
    subject.random_labels = subject.memorises = true;
    subject.facts.majority = 0.5;
    subject.facts.probe_samples = probe_samples;
    return made_up_debug(&subject);
}

/* Of two classes and 300 samples, one network in a hundred that knows nothing scores 0.13; of 5,000 samples none does. */
static void what_chance_reaches_on_few_samples_is_no_learning(void **state)
{
    (void)state;
    json_t *report = debug_of_chance(300);
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "misaligned_labels");
    json_decref(report);
    report = debug_of_chance(5000);
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static double by_heart(const tn_knobs *knobs)
{
    return knobs->steps >= 5000 ? 0.4 : 0.01;
}

static json_t *debug_program_that_takes_long(bool labels_mean_nothing)
{
    made_up subject;
    made_up_init(&subject);
    subject.facts.is_program = true;
    subject.score = by_heart;
    subject.random_labels = subject.memorises = labels_mean_nothing;
    return made_up_debug(&subject);
}

/* A program is scored on what it trains on: ten times the steps raise its score even where the labels mean nothing. */
static void a_change_that_only_memorises_repairs_nothing(void **state)
{
    (void)state;
    json_t *report = debug_program_that_takes_long(true);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "misaligned_labels");
    assert_string_equal(report_string(finding, "confirmed_by"), "control");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 1);
    json_decref(report);
}

static void a_change_that_learns_what_permuted_labels_do_not_tell_repairs(void **state)
{
    (void)state;
    json_t *report = debug_program_that_takes_long(false);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(finding, "cause"), "too_few_steps");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    json_decref(report);
}

static void labels_that_neighbours_tell_are_not_misaligned(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = never;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static void a_net_that_cannot_learn_ten_samples_does_not_blame_the_labels(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = never;
    subject.random_labels = true;
    subject.cannot_overfit = true;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(report_experiment(report, "overfit"), "verdict"), "fail");
    json_decref(report);
}

static double slow_but_sure(const tn_knobs *knobs)
{
    double work = knobs->learning_rate * (double)knobs->steps;
    return work >= 30 ? 0.95 : 0.6;
}

static void slow_is_advice_not_a_fault(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = slow_but_sure;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_true(json_array_size(json_object_get(report, "advice")) > 0);
    json_decref(report);
}

static double learns_late(const tn_knobs *knobs)
{
    return knobs->steps >= 3000 ? 0.9 : 0.2;
}

/* What only trains longer leads by nothing in the short rounds. */
static void a_poor_score_that_time_mends_is_a_fault(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = learns_late;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "too_few_steps");
    assert_true(json_is_true(json_object_get(finding, "confirmed")));
    json_decref(report);
}

static void values_that_are_not_finite_are_told_first(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.always_nan = true;
    subject.facts.nonfinite_inputs = 3;
    subject.facts.nonfinite_input_row = 17;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "nonfinite_input");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "sample")), 17);
    json_decref(report);
}

static void a_spent_budget_ends_inconclusive(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    tn_debug_options options = {.threads = 1, .seed = 1, .budget_steps = 150};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_run(&subject.base, &options, &report, &error), TN_OK);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_true(json_is_true(json_object_get(report, "spent")));
    assert_true(json_integer_value(json_object_get(json_object_get(report, "cost"), "steps")) < 200);
    json_decref(report);
}

static double trains_at_a_tenth_of_the_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate <= 0.0034 ? 0.9 : 0.01;
}

/* The look and the ladder, and all but the last changes of the race: no fresh seed was run. */
static void a_spent_budget_gives_the_best_answer_so_far(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = trains_at_a_tenth_of_the_rate;
    tn_debug_options options = {.threads = 1, .seed = 1, .budget_steps = 9000};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_run(&subject.base, &options, &report, &error), TN_OK);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_true(json_is_true(json_object_get(report, "spent")));
    assert_string_equal(report_string(finding, "cause"), "lr_too_high");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_int_equal(json_array_size(json_object_get(json_object_get(json_object_get(finding, "fix"), "effect"), "before")), 0);
    json_decref(report);
}

static void a_cancel_ends_at_once(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    tn_cancel cancel = {true};
    tn_debug_options options = {.threads = 1, .seed = 1, .cancel = &cancel};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_run(&subject.base, &options, &report, &error), TN_OK);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(report, "cost"), "trials")), 0);
    json_decref(report);
}

static void an_unknown_experiment_is_refused(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    tn_debug_options options = {.threads = 1, .seed = 1};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_experiment(&subject.base, "horoscope", &options, &report, &error), TN_ERROR_USAGE);
    assert_null(report);
}

/* Scaled inputs are slow to show it, and lower rates quick to flatter; a clip scores best of all. */
static double needs_scaled_inputs_and_time(const tn_knobs *knobs)
{
    bool is_late = knobs->steps > 100;
    if (knobs->set & TN_KNOB_CLIP_NORM)
        return is_late ? 0.95 : 0.3;
    if (knobs->set & TN_KNOB_INPUT_SCALE)
        return is_late ? 0.9 : 0.3;
    return knobs->learning_rate < 0.01 && !is_late ? 0.5 : 0.2;
}

static void general_remedies_crowd_no_specific_change_out(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.input_std = 2500;
    subject.facts.input_std_max = 2500;
    subject.spike_every = 20;
    subject.score = needs_scaled_inputs_and_time;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    /* Huge gradients come from somewhere. */
    assert_string_equal(report_string(finding, "cause"), "unscaled_input");
    assert_string_equal(report_string(finding, "confirmed_by"), "fix");
    json_decref(report);
}

static double adam_lifts_it(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_OPTIMIZER ? 0.68 : 0.36;
}

static double adam_helps_a_little(const tn_knobs *knobs)
{
    return knobs->set & TN_KNOB_OPTIMIZER ? 0.58 : 0.36;
}

static void what_lifts_a_poor_subject_repairs_it(void **state)
{
    (void)state;
    for (int lifts = 0; lifts < 2; lifts++) {
        made_up subject;
        made_up_init(&subject);
        subject.random_labels = true;
        subject.score = lifts ? adam_lifts_it : adam_helps_a_little;
        json_t *report = made_up_debug(&subject);
        assert_string_equal(report_string(report, "verdict"), lifts ? "faulty" : "healthy");
        assert_int_equal(json_array_size(json_object_get(report, "findings")), lifts);
        json_decref(report);
    }
}

static bool exp_breaks(const tn_knobs *knobs)
{
    return first_activation(knobs)[0] == '\0';
}

/* It breaks at once, and only other layers keep it from that: a trial of them tells how long it is. */
static void a_program_that_only_another_network_keeps_finite_is_repaired(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    tn_hypes *net = deep_net();
    subject.hypes = net;
    subject.facts.steps_total = 0;
    subject.ends_at = 700;
    subject.breaks = exp_breaks;
    subject.score = elu_trains;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "wrong_activation");
    assert_string_equal(report_string(report_finding(report, 0), "confirmed_by"), "fix");
    json_decref(report);
    tn_hypes_destroy(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_subject_that_trains_is_healthy),
        cmocka_unit_test(a_rate_that_breaks_is_convicted_by_its_fix),
        cmocka_unit_test(a_specific_fix_goes_before_a_general_remedy),
        cmocka_unit_test(luck_on_the_screening_seed_convicts_nobody),
        cmocka_unit_test(a_fix_that_helps_most_seeds_is_suspected),
        cmocka_unit_test(a_higher_rate_is_tried_where_the_first_is_suspected_only),
        cmocka_unit_test(another_form_of_a_change_that_works_on_most_seeds_is_tried),
        cmocka_unit_test(another_form_of_a_suspected_change_goes_before_another_cause),
        cmocka_unit_test(where_no_form_is_confirmed_the_other_cause_has_its_turn),
        cmocka_unit_test(a_pair_is_named_by_the_change_that_was_suspected_alone),
        cmocka_unit_test(misaligned_labels_are_convicted_by_the_control),
        cmocka_unit_test(a_change_that_only_memorises_repairs_nothing),
        cmocka_unit_test(a_change_that_learns_what_permuted_labels_do_not_tell_repairs),
        cmocka_unit_test(labels_that_neighbours_tell_are_not_misaligned),
        cmocka_unit_test(what_chance_reaches_on_few_samples_is_no_learning),
        cmocka_unit_test(a_net_that_cannot_learn_ten_samples_does_not_blame_the_labels),
        cmocka_unit_test(slow_is_advice_not_a_fault),
        cmocka_unit_test(a_poor_score_that_time_mends_is_a_fault),
        cmocka_unit_test(values_that_are_not_finite_are_told_first),
        cmocka_unit_test(a_spent_budget_ends_inconclusive),
        cmocka_unit_test(a_spent_budget_gives_the_best_answer_so_far),
        cmocka_unit_test(a_cancel_ends_at_once),
        cmocka_unit_test(an_unknown_experiment_is_refused),
        cmocka_unit_test(general_remedies_crowd_no_specific_change_out),
        cmocka_unit_test(what_lifts_a_poor_subject_repairs_it),
        cmocka_unit_test(a_program_that_only_another_network_keeps_finite_is_repaired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
