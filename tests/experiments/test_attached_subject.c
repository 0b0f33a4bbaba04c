/* test_attached_subject.c: what experiments make of a subject that is a program: knobs that it lacks, lines to change, no score, and the plan beforehand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/source_place.h"
#include "experiments/support_made_up_subject.h"

static double needs_a_small_rate(const tn_knobs *knobs)
{
    return knobs->learning_rate > 0.2 ? 0 : 0.9;
}

static double never_learns(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.01;
}

static json_t *places(void)
{
    return json_pack("{s:[{s:s,s:i,s:s},{s:s,s:i,s:s}],s:{s:s,s:i,s:s},s:{s:s,s:i,s:s}}", "net", "file", "train.py", "line", 7, "text",
                     "nn.Linear(2, 4)", "file", "train.py", "line", 8, "text", "nn.Sigmoid()", "loss", "file", "train.py", "line", 20,
                     "text", "loss = F.mse_loss(y, t)", "optimizer", "file", "train.py", "line", 12, "text",
                     "optimizer = SGD(model.parameters(), lr=50)");
}

static void the_finding_points_to_the_line(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *lines = places();
    subject.facts.places = lines;
    subject.facts.is_program = true;
    subject.facts.learning_rate = 50;
    subject.nan_rate = 1;
    subject.score = needs_a_small_rate;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0), *where = json_object_get(finding, "where");
    assert_string_equal(report_string(finding, "cause"), "lr_too_high");
    assert_string_equal(report_string(where, "file"), "train.py");
    assert_int_equal(json_integer_value(json_object_get(where, "line")), 12);
    const json_t *line = json_array_get(json_object_get(json_object_get(finding, "fix"), "lines"), 0);
    assert_string_equal(report_string(line, "was"), "optimizer = SGD(model.parameters(), lr=50)");
    assert_non_null(strstr(report_string(line, "change"), "learning_rate: "));
    json_decref(report);
    json_decref(lines);
}

static void a_path_finds_its_line(void **state)
{
    (void)state;
    json_t *lines = places();
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "net.1"), "line")), 8);
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "net.0.init"), "line")), 7);
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "net.2"), "line")), 20);
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "loss"), "line")), 20);
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "init"), "line")), 7);
    assert_int_equal(json_integer_value(json_object_get(tn_source_place(lines, "solver.learning_rate"), "line")), 12);
    assert_null(tn_source_place(lines, "solver.batch_size"));
    assert_null(tn_source_place(NULL, "loss"));
    json_decref(lines);
}

/* The words for one path of a patch, of a program whose network is dense, sigmoid. */
static void asks_of_the_line(const char *path, const char *value, const char *expected)
{
    static const char NET[] = "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 0}}, \"net\": [{\"op\": "
                              "\"dense\", \"units\": 4}, {\"op\": \"sigmoid\"}], \"loss\": \"mse\"}";
    tn_error error = {0};
    tn_hypes *hypes;
    if (tn_hypes_parse(NET, strlen(NET), "test.json", ".", &hypes, &error) != TN_OK)
        fail_msg("%s", error.message);
    json_t *all = places();
    const tn_subject_facts facts = {.places = all, .is_program = true};
    tn_investigation investigation = {.facts = &facts, .hypes = hypes};
    json_t *patch = json_object();
    assert_int_equal(json_object_set_new(patch, path, json_loads(value, JSON_DECODE_ANY, NULL)), 0);
    json_t *lines = tn_source_lines(&investigation, patch);
    assert_string_equal(report_string(json_array_get(lines, 0), "change"), expected);
    json_decref(lines);
    json_decref(patch);
    json_decref(all);
    tn_hypes_destroy(hypes);
}

static void a_line_is_told_what_to_do_with_it(void **state)
{
    (void)state;
    asks_of_the_line("net.1", "{\"$remove\": true}", "leave out: sigmoid");
    asks_of_the_line("net.1", "{\"op\": \"relu\"}", "relu in place of sigmoid");
    asks_of_the_line("net.2", "{\"$insert\": {\"op\": \"softmax\"}}", "put softmax before this");
    asks_of_the_line("net.9", "{\"$remove\": true}", "leave out: this");
    asks_of_the_line("net.0.bias_init", "{\"scheme\": \"zeros\"}", "initial biases by zeros");
    asks_of_the_line("init", "{\"scheme\": \"he_normal\"}", "initial weights by he_normal");
    asks_of_the_line("data.input.scale", "\"standardize\"",
                     "standardise what goes in here: (x - mean) / standard deviation of each feature, over the training samples");
    asks_of_the_line("data.label.scale", "\"standardize\"",
                     "standardise the targets first: (y - mean) / standard deviation, over the training samples");
    asks_of_the_line("data.input.scale", "0.5", "scale: 0.5");
    asks_of_the_line("solver.shuffle", "true", "shuffle: true");
}

static void what_cannot_be_tried_is_suspected_with_the_reason(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *refused = json_pack("{s:s}", "input_scale", "no float tensor enters its model");
    subject.facts.refused = refused;
    subject.facts.knobs &= ~(uint32_t)TN_KNOB_INPUT_SCALE;
    subject.facts.input_std = 2500;
    subject.facts.input_std_max = 2500;
    subject.score = never_learns;
    json_t *report = made_up_debug(&subject);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(finding, "cause"), "unscaled_input");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    const json_t *evidence = json_object_get(finding, "evidence");
    const char *last = report_string(json_array_get(evidence, json_array_size(evidence) - 1), "text");
    assert_non_null(strstr(last, "no float tensor enters its model"));
    json_decref(report);
    json_decref(refused);
}

static void without_a_score_it_is_not_called_healthy(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.unscored = true;
    subject.facts.score_note = "two optimizers train against each other";
    subject.score = never_learns;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(report, "reason"), "two optimizers train against each other"));
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static void without_a_score_nan_is_found_all_the_same(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.unscored = true;
    subject.facts.learning_rate = 50;
    subject.nan_rate = 1;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "faulty");
    assert_string_equal(report_string(report_finding(report, 0), "cause"), "lr_too_high");
    json_decref(report);
}

static void the_plan_lists_every_experiment_and_runs_next_to_nothing(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.facts.step_seconds = 0.01;
    subject.facts.start_seconds = 1;
    const tn_debug_options options = {.threads = 2, .seed = 1};
    json_t *report = NULL;
    tn_error error = {0};
    assert_int_equal(tn_debug_plan(&subject.base, &options, &report, &error), TN_OK);
    const json_t *plan = json_object_get(report, "plan"), *cost = json_object_get(report, "cost");
    assert_string_equal(report_string(report, "verdict"), "planned");
    assert_int_equal(json_array_size(plan), 7);
    json_int_t steps = 0, trials = 0;
    double seconds = 0;
    size_t i, k;
    const json_t *experiment, *entry;
    json_array_foreach(plan, i, experiment)
    {
        json_array_foreach(json_object_get(experiment, "trials"), k, entry)
        {
            json_int_t count = json_integer_value(json_object_get(entry, "trials"));
            trials += count;
            steps += count * json_integer_value(json_object_get(entry, "steps"));
        }
        seconds += json_number_value(json_object_get(experiment, "seconds"));
    }
    assert_true(trials > 20);
    assert_int_equal(json_integer_value(json_object_get(cost, "trials")), trials);
    assert_int_equal(json_integer_value(json_object_get(cost, "steps")), steps);
    assert_true(fabs(json_number_value(json_object_get(cost, "seconds")) - seconds) < 1e-6);
    /* Half of all trials on each of two processors, but for single ones. */
    double alone = (double)trials * 1 + (double)steps * 0.01;
    assert_true(seconds >= alone / 2 - 1e-6 && seconds <= alone);
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_finding_points_to_the_line),
        cmocka_unit_test(a_path_finds_its_line),
        cmocka_unit_test(a_line_is_told_what_to_do_with_it),
        cmocka_unit_test(what_cannot_be_tried_is_suspected_with_the_reason),
        cmocka_unit_test(without_a_score_it_is_not_called_healthy),
        cmocka_unit_test(without_a_score_nan_is_found_all_the_same),
        cmocka_unit_test(the_plan_lists_every_experiment_and_runs_next_to_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
