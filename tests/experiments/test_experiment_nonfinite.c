/* test_experiment_nonfinite.c: faults planted in networks of the engine, forward and backward, at the first step, after 57 and after 1,234 updates. Rule and experiment must name
 * op, direction, step and sample exactly; what does no harm must stay unnamed.
 *
 * The data come in a fixed order, two rows a step, and one row triggers the fault: the second of its step. */
#include <ftw.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "experiments/support_made_up_subject.h"

enum { BATCH = 2, STEPS = 1300 };

/* One input x, one target y; every row is (x, y) = (usual, 0.5), but for the trigger. */
typedef struct fault {
    const char *name, *net;
    double usual, x, y; /* and the row that triggers */
    const char *node, *op, *direction, *nan_node;
    bool guarded; /* a guard of the op is expected to help */
    const char *cause;
} fault;

/* A dense layer of weight 1 that hardly learns, so that what lies behind it has a backward pass. */
#define PASS "{\"op\": \"dense\", \"units\": 1, \"bias\": false, \"init\": \"ones\", \"name\": \"w\"}"
#define LAST "{\"op\": \"dense\", \"units\": 1}"

static const fault FAULTS[] = {
    /* forward */
    {"0/0", "[{\"op\": \"divide\", \"from\": [\"input\", \"input\"]}, " LAST "]", 1, 0, 0.5, "divide_0", "divide", "forward", NULL, true,
     "nonfinite_op"},
    {"log 0", "[{\"op\": \"log\"}, " LAST "]", 1, 0, 0.5, "log_0", "log", "forward", NULL, true, "nonfinite_op"},
    {"sqrt of a negative", "[{\"op\": \"sqrt\"}, " LAST "]", 1, -1, 0.5, "sqrt_0", "sqrt", "forward", NULL, true, "nonfinite_op"},
    {"exp overflow", "[{\"op\": \"exp\"}, {\"op\": \"log\"}, " LAST "]", 1, 100, 0.5, "exp_0", "exp", "forward", NULL, true,
     "nonfinite_op"},
    {"inf - inf",
     "[{\"op\": \"square\"}, {\"op\": \"square\", \"from\": \"input\"}, {\"op\": \"subtract\", \"from\": [\"square_0\", "
     "\"square_1\"]}, " LAST "]",
     1, 1e30, 0.5, "square_0", "square", "forward", "subtract_2", false, "nonfinite_op"},
    {"1/0", "[{\"op\": \"reciprocal\"}, " LAST "]", 1, 0, 0.5, "reciprocal_0", "reciprocal", "forward", NULL, true, "nonfinite_op"},
    {"the loss", "[" PASS "]", 1, 1e30, 0.5, "loss", "mse", "forward", NULL, false, "nonfinite_op"},
    /* backward: each forward pass stays finite */
    {"0/0 backward", "[" PASS ", {\"op\": \"divide\", \"from\": [\"w\", \"w\"]}]", 1, 1e-20, -1e19, "divide_1", "divide", "backward", NULL,
     true, "nonfinite_op"},
    {"log backward", "[" PASS ", {\"op\": \"log\"}]", 1, 1e-20, -1e19, "log_1", "log", "backward", NULL, true, "nonfinite_op"},
    {"sqrt backward", "[" PASS ", {\"op\": \"sqrt\"}]", 1, 0, 0.5, "sqrt_1", "sqrt", "backward", NULL, true, "nonfinite_op"},
    {"exp backward", "[" PASS ", {\"op\": \"exp\"}]", 1, 46.0517, 9e19, "exp_1", "exp", "backward", NULL, false, "nonfinite_op"},
    {"inf - inf backward",
     "[" PASS
     ", {\"op\": \"square\"}, {\"op\": \"square\", \"from\": \"w\"}, {\"op\": \"subtract\", \"from\": [\"square_1\", \"square_2\"]}]",
     1, 1.8e19, -1.8e19, "square_2", "square", "backward", NULL, false, "nonfinite_op"},
};

enum { FAULTS_COUNT = sizeof FAULTS / sizeof *FAULTS };

static const uint64_t UPDATES[] = {0, 57, 1234};

static char folder[300];

static int make_folder(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/tenet-test-XXXXXX", base && base[0] ? base : "/tmp");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static int remove_folder(void **state)
{
    (void)state;
    return nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

/* `updates` SIZE_MAX: no row triggers. */
static tn_hypes *plant(const fault *of, uint64_t updates)
{
    char path[400], text[2048];
    snprintf(path, sizeof path, "%s/rows.csv", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "x,y\n");
    for (uint64_t row = 0; row < BATCH * STEPS; row++) {
        bool triggers = row == updates * BATCH + 1;
        fprintf(file, "%.9g,%.9g\n", triggers ? of->x : of->usual, triggers ? of->y : 0.5);
    }
    assert_int_equal(fclose(file), 0);
    int length = snprintf(text, sizeof text,
                          "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"rows.csv\", \"label\": [\"y\"]}, \"valid\": "
                          "{\"fraction\": 0}, \"input\": {\"scale\": \"none\"}}, "
                          "\"net\": %s, \"loss\": \"mse\", \"solver\": {\"opt\": \"sgd\", \"learning_rate\": 1e-12, \"batch_size\": %d, "
                          "\"steps\": %d, \"shuffle\": false}}",
                          of->net, BATCH, STEPS);
    assert_true(length > 0 && (size_t)length < sizeof text);
    tn_hypes *hypes;
    tn_error error = {0};
    if (tn_hypes_parse(text, (size_t)length, "test.json", folder, &hypes, &error) != TN_OK)
        fail_msg("%s: %s (%s)", of->name, error.message, error.pointer);
    return hypes;
}

static tn_subject *open_subject(const fault *of, const tn_hypes *hypes)
{
    tn_subject *subject;
    tn_error error = {0};
    if (tn_subject_native(hypes, NULL, NULL, &subject, &error) != TN_OK)
        fail_msg("%s: %s", of->name, error.message);
    return subject;
}

/* The rule alone, on a run whose every step is observed. */
static void the_rule_names_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAULTS_COUNT; i++) {
        for (size_t u = 0; u < 3; u++) {
            const fault *of = &FAULTS[i];
            tn_hypes *hypes = plant(of, UPDATES[u]);
            tn_subject *subject = open_subject(of, hypes);
            tn_rule_set *rules;
            tn_error error = {0};
            assert_int_equal(tn_rule_set_create(NULL, &rules, &error), TN_OK);
            tn_observer observer = tn_rule_set_observer(rules);
            tn_trial_request request = {.experiment = "test",
                                        .knobs = {.set = TN_KNOB_STEPS, .steps = STEPS},
                                        .stop_at_train_score = INFINITY,
                                        .unscored = true,
                                        .vitals_every = 1,
                                        .observers = &observer,
                                        .observer_count = 1};
            tn_trial_result result = {0};
            assert_int_equal(tn_subject_run(subject, &request, 1, &result, &error), TN_OK);
            const tn_signal *signal = tn_rule_set_signal(rules, "nonfinite");
            const tn_origin *origin = &signal->origin;
            if (signal->state != TN_RULE_FIRED || strcmp(origin->node, of->node) != 0 || strcmp(origin->op, of->op) != 0 ||
                strcmp(origin->direction, of->direction) != 0 || signal->step != UPDATES[u] + 1 || !origin->exact)
                fail_msg("%s after %llu updates: %s (%s, %s)", of->name, (unsigned long long)UPDATES[u], signal->text, origin->node,
                         origin->direction ? origin->direction : "");
            assert_int_equal(origin->sample, 1);
            assert_int_equal(origin->row, UPDATES[u] * BATCH + 1);
            if (of->nan_node)
                assert_string_equal(origin->nan_node, of->nan_node);
            tn_trial_result_deinit(&result);
            tn_rule_set_destroy(rules);
            tn_subject_destroy(subject);
            tn_hypes_destroy(hypes);
        }
    }
}

static json_t *perform(tn_subject *subject, const char *command)
{
    tn_debug_options options = {.threads = 1, .seed = 1};
    json_t *report = NULL;
    tn_error error = {0};
    if (tn_debug_experiment(subject, command, &options, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    return report;
}

static long long whole(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return json_is_integer(value) ? (long long)json_integer_value(value) : -1;
}

static void the_experiment_names_and_proves_every_fault(void **state)
{
    (void)state;
    for (size_t i = 0; i < FAULTS_COUNT; i++) {
        for (size_t u = 0; u < 3; u++) {
            const fault *of = &FAULTS[i];
            tn_hypes *hypes = plant(of, UPDATES[u]);
            tn_subject *subject = open_subject(of, hypes);
            json_t *report = perform(subject, "nonfinite");
            const json_t *finding = json_array_get(json_object_get(report, "findings"), 0), *where = json_object_get(finding, "where");
            if (!finding)
                fail_msg("%s after %llu updates: no finding", of->name, (unsigned long long)UPDATES[u]);
            assert_string_equal(report_string(finding, "cause"), of->cause);
            assert_string_equal(report_string(where, "node"), of->node);
            assert_string_equal(report_string(where, "op"), of->op);
            assert_string_equal(report_string(where, "direction"), of->direction);
            assert_int_equal(whole(where, "step"), UPDATES[u] + 1);
            assert_int_equal(whole(where, "updates"), UPDATES[u]);
            assert_int_equal(whole(where, "sample"), 1);
            assert_int_equal(whole(where, "row"), UPDATES[u] * BATCH + 1);
            if (json_is_true(json_object_get(finding, "confirmed")) != of->guarded)
                fail_msg("%s after %llu updates: the guard %s", of->name, (unsigned long long)UPDATES[u],
                         of->guarded ? "does not help" : "helps");
            assert_string_equal(report_string(report_experiment(report, "nonfinite"), "verdict"), "fail");
            json_decref(report);
            tn_subject_destroy(subject);
            tn_hypes_destroy(hypes);
        }
    }
}

/* The same nets without the row that triggers, and infinities that come to nothing. */
static void healthy_twins_pass(void **state)
{
    (void)state;
    static const fault HARMLESS[] = {
        {.name = "1 / exp", .net = "[{\"op\": \"exp\"}, {\"op\": \"reciprocal\"}, " LAST "]", .usual = 100},
        {.name = "large", .net = "[{\"op\": \"exp\"}, {\"op\": \"log\"}, " LAST "]", .usual = 88},
    };
    for (size_t i = 0; i < FAULTS_COUNT + 2; i++) {
        const fault *of = i < FAULTS_COUNT ? &FAULTS[i] : &HARMLESS[i - FAULTS_COUNT];
        tn_hypes *hypes = plant(of, STEPS);
        tn_subject *subject = open_subject(of, hypes);
        json_t *report = perform(subject, "nonfinite");
        if (json_array_size(json_object_get(report, "findings")) > 0)
            fail_msg("%s: %s", of->name, report_string(report_experiment(report, "nonfinite"), "summary"));
        assert_string_equal(report_string(report_experiment(report, "nonfinite"), "verdict"), "pass");
        json_decref(report);
        tn_subject_destroy(subject);
        tn_hypes_destroy(hypes);
    }
}

/* A rate that is far too high overflows something in the end; the op is not the cause then. */
static void a_rate_that_is_too_high_is_no_fault_of_an_op(void **state)
{
    (void)state;
    const fault of = {.name = "rate", .net = "[" PASS ", {\"op\": \"square\"}]", .usual = 1};
    tn_hypes *hypes = plant(&of, STEPS), *steep;
    json_t *patch = json_pack("{s:f}", "solver.learning_rate", 100.0);
    tn_error error = {0};
    assert_int_equal(tn_hypes_patch(hypes, patch, &steep, &error), TN_OK);
    tn_subject *subject = open_subject(&of, steep);
    json_t *report = perform(subject, "nonfinite");
    const json_t *entry = report_experiment(report, "nonfinite");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_non_null(json_object_get(json_object_get(json_object_get(entry, "result"), "where"), "op"));
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
    json_decref(patch);
    tn_subject_destroy(subject);
    tn_hypes_destroy(steep);
    tn_hypes_destroy(hypes);
}

/* Within a whole debug: the finding stands in the report, whether the fault comes before the race or in it. */
static void a_debug_names_it(void **state)
{
    (void)state;
    for (size_t u = 1; u < 3; u++) {
        const fault *of = &FAULTS[1];
        tn_hypes *hypes = plant(of, UPDATES[u]);
        tn_subject *subject = open_subject(of, hypes);
        tn_debug_options options = {.threads = 1, .seed = 1};
        json_t *report = NULL;
        tn_error error = {0};
        assert_int_equal(tn_debug_run(subject, &options, &report, &error), TN_OK);
        size_t i;
        const json_t *finding, *named = NULL;
        json_array_foreach(json_object_get(report, "findings"), i, finding)
        {
            if (strcmp(report_string(finding, "cause"), "nonfinite_op") == 0)
                named = finding;
        }
        assert_non_null(named);
        assert_true(json_is_true(json_object_get(named, "confirmed")));
        assert_int_equal(whole(json_object_get(named, "where"), "step"), UPDATES[u] + 1);
        assert_string_equal(report_string(report, "verdict"), "faulty");
        json_decref(report);
        tn_subject_destroy(subject);
        tn_hypes_destroy(hypes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rule_names_every_fault), cmocka_unit_test(the_experiment_names_and_proves_every_fault),
        cmocka_unit_test(healthy_twins_pass),         cmocka_unit_test(a_rate_that_is_too_high_is_no_fault_of_an_op),
        cmocka_unit_test(a_debug_names_it),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
