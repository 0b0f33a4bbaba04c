/* test_experiment_gradcheck.c: a debug names a faulty layer of the user's own first, with the numbers of its check; a healthy one, and one whose faults the training does not meet, are left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support_blobs.h"

static json_t *debug(const char *patch)
{
    blobs_subject subject;
    json_t *report = NULL;
    tn_error error = {0};
    const tn_debug_options options = {.threads = 1, .seed = 1};
    blobs_open(&subject, 0, patch);
    if (tn_debug_run(subject.subject, &options, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    blobs_close(&subject);
    return report;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

/* The layer in the place of the network's activation, or behind it. */
static const char *with_layer(const char *name, bool behind, char patch[512])
{
    snprintf(patch, 512, behind ? "{\"net.2\": {\"$insert\": {\"plugin\": \"%s/%s.so\"}}}" : "{\"net.1\": {\"plugin\": \"%s/%s.so\"}}",
             TN_PLUGINS, name);
    return patch;
}

static const json_t *first_finding(const json_t *report)
{
    return json_array_get(json_object_get(report, "findings"), 0);
}

static bool is_mentioned(const json_t *list, const char *key, const char *words)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        if (strstr(text_of(entry, key), words))
            return true;
    }
    return false;
}

typedef struct planted {
    const char *layer;
    bool behind;
    const char *cause, *evidence;
} planted;

static void a_faulty_layer_is_named_first(void **state)
{
    static const planted LAYERS[] = {
        {"wrong_factor", false, "wrong_gradient", "It is 0.5 times the difference in all of them"},
        {"forgets_gradient", false, "wrong_gradient", "unwritten"},
        {"writes_outside", false, "faulty_layer", "behind the end of that tensor"},
        {"planted_assumes_input", false, "faulty_layer", "d_inputs[0] is NULL then"},
        {"planted_mixes", false, "batch_computation", "samples leak into each other"},
        {"divides_by_zero", true, "nonfinite_op", "in the training as given"}, /* behind a relu, which gives zeros */
    };
    (void)state;
    for (size_t i = 0; i < sizeof LAYERS / sizeof *LAYERS; i++) {
        char patch[512];
        json_t *report = debug(with_layer(LAYERS[i].layer, LAYERS[i].behind, patch));
        const json_t *finding = first_finding(report);
        assert_string_equal(text_of(report, "verdict"), "faulty");
        assert_string_equal(text_of(finding, "cause"), LAYERS[i].cause);
        assert_string_equal(text_of(finding, "confirmed_by"), "control");
        assert_true(is_mentioned(json_object_get(finding, "evidence"), "text", LAYERS[i].evidence));
        assert_non_null(strstr(text_of(json_object_get(finding, "where"), "op"), LAYERS[i].behind ? "net.2 (" : "net.1 ("));
        /* It is known before anything else runs. */
        assert_int_equal(json_array_size(json_object_get(report, "experiments")), 1);
        json_decref(report);
    }
}

/* The numbers stand in the report, for programs. */
static void a_wrong_gradient_has_its_numbers(void **state)
{
    char patch[512];
    (void)state;
    json_t *report = blobs_experiment(0, with_layer("wrong_factor", false, patch), "gradcheck");
    const json_t *fault = json_object_get(first_finding(report), "fault");
    double analytic = json_number_value(json_object_get(fault, "analytic")), numeric = json_number_value(json_object_get(fault, "numeric"));
    assert_string_equal(text_of(report, "verdict"), "faulty");
    assert_true(analytic / numeric > 0.499 && analytic / numeric < 0.501);
    json_decref(report);
}

static void a_healthy_layer_trains(void **state)
{
    char patch[512];
    (void)state;
    json_t *report = debug(with_layer("swish", false, patch));
    assert_string_equal(text_of(report, "verdict"), "healthy");
    assert_string_equal(text_of(json_array_get(json_object_get(report, "experiments"), 0), "name"), "gradcheck");
    assert_string_equal(text_of(json_array_get(json_object_get(report, "experiments"), 0), "verdict"), "pass");
    json_decref(report);
}

/* It divides by zero at 0, and no unit is ever exactly 0 here: that is advice. */
static void what_training_does_not_meet_is_advice(void **state)
{
    char patch[512];
    (void)state;
    json_t *report = debug(with_layer("divides_by_zero", false, patch));
    assert_string_equal(text_of(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    assert_true(is_mentioned(json_object_get(report, "advice"), "text", "This training does not meet it"));
    json_decref(report);
}

/* No probe breaks it; the first look at the training does. */
static void a_layer_that_fails_in_training_is_named(void **state)
{
    char patch[512], whole[640];
    (void)state;
    with_layer("planted_crashes_late", false, patch);
    snprintf(whole, sizeof whole, "%.*s, \"solver.batch_size\": 16}", (int)strlen(patch) - 1, patch);
    json_t *report = debug(whole);
    const json_t *finding = first_finding(report);
    assert_string_equal(text_of(report, "verdict"), "faulty");
    assert_string_equal(text_of(finding, "cause"), "faulty_layer");
    assert_true(is_mentioned(json_object_get(finding, "evidence"), "text", "crashed in backward (abort"));
    assert_true(is_mentioned(json_object_get(finding, "evidence"), "text", "steps of training"));
    json_decref(report);
}

static void a_net_without_layers_is_not_asked(void **state)
{
    (void)state;
    json_t *report = blobs_experiment(0, NULL, "gradcheck");
    assert_string_equal(text_of(json_array_get(json_object_get(report, "experiments"), 0), "verdict"), "inconclusive");
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_faulty_layer_is_named_first),
        cmocka_unit_test(a_wrong_gradient_has_its_numbers),
        cmocka_unit_test(a_healthy_layer_trains),
        cmocka_unit_test(what_training_does_not_meet_is_advice),
        cmocka_unit_test(a_layer_that_fails_in_training_is_named),
        cmocka_unit_test(a_net_without_layers_is_not_asked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
