/* test_native_plugin.c: networks with a layer of the user's own: the same numbers as the engine's own op, mistakes told at their line, and a layer that fails in training takes nothing with it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "support_subject.h"

static const char SOLVER[] = "{\"opt\": \"adam\", \"learning_rate\": 0.01, \"batch_size\": 16, \"seed\": 3}";

/* A network with `node` as its activation. */
static tn_hypes *hypes_with(const problem *files, const char *node)
{
    char net[1024];
    snprintf(net, sizeof net, "[{\"op\": \"dense\", \"units\": 8}, %s, {\"op\": \"dense\", \"units\": 3}]", node);
    return blob_hypes(files, "", net, "\"softmax_cross_entropy\"", SOLVER);
}

static const char *plugin_node(const char *name, const char *more, char node[512])
{
    snprintf(node, 512, "{\"plugin\": \"%s/%s.so\"%s}", TN_PLUGINS, name, more);
    return node;
}

/* Same seed, same activation: the layer's process changes no bit of the training, whatever batches its scores take between the steps. */
static void a_layer_trains_as_the_op_does(void **state)
{
    char node[512];
    tn_hypes *own = hypes_with(*state, plugin_node("planted_relu", "", node)), *built_in = hypes_with(*state, "{\"op\": \"relu\"}");
    tn_subject *of_own = open_subject(own, NULL, NULL), *of_built_in = open_subject(built_in, NULL, NULL);
    tn_trial_request request = plain_request(60);
    request.score_every = 7;
    tn_trial_result first = run_trial(of_own, &request, 1), second = run_trial(of_built_in, &request, 1);
    assert_int_equal(first.end, TN_TRIAL_COMPLETED);
    assert_same_result(&first, &second);
    tn_trial_result_deinit(&first);
    tn_trial_result_deinit(&second);
    tn_subject_destroy(of_own);
    tn_subject_destroy(of_built_in);
    tn_hypes_destroy(own);
    tn_hypes_destroy(built_in);
}

/* With parameters of its own, at any number of threads, and the same again. */
static void its_parameters_learn(void **state)
{
    char node[512];
    tn_hypes *hypes = hypes_with(*state, plugin_node("swish", ", \"slope\": 0.5", node));
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(300);
    assert_int_equal(tn_subject_facts_of(subject)->parameters, 2 * 8 + 8 + 8 + 8 * 3 + 3);
    assert_int_equal(tn_subject_facts_of(subject)->layers, 1);
    tn_trial_result first = run_trial(subject, &request, 1), second = run_trial(subject, &request, 2);
    assert_same_result(&first, &second);
    assert_true(tn_trial_score(&first) > 0.8);
    tn_trial_result_deinit(&first);
    tn_trial_result_deinit(&second);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

static void a_layer_that_crashes_ends_its_trial_alone(void **state)
{
    char node[512];
    tn_hypes *hypes = hypes_with(*state, plugin_node("planted_crashes_late", "", node));
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    tn_trial_request request = plain_request(60);
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    assert_int_equal(result.error.code, TN_ERROR_LAYER);
    assert_non_null(strstr(result.error.message, "planted_crashes_late.so crashed in backward (abort: "));
    assert_non_null(strstr(result.error.message, "steps of training"));
    assert_true(result.steps < 60);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

typedef struct mistake {
    const char *layer, *more, *text;
} mistake;

static void mistakes_are_told_at_their_line(void **state)
{
    static const mistake MISTAKES[] = {
        {"none", "", "No such file or directory. Is it built, and its path relative to this file?"},
        {"swish", ", \"slop\": 1", "the plug-in swish has no argument \"slop\"; did you mean \"slope\"?"},
        {"swish", ", \"slope\": 1000", "\"slope\" is 1000; the plug-in swish takes a number from 0.01 to 100 there"},
        {"planted_relu", ", \"rate\": 1", "the plug-in relu has no argument \"rate\"; it takes none"},
        {"planted_product", "", "the plug-in product takes 2 to 2 inputs; there are 1"},
        {"planted_refuses", "", "refuses: needs 11 features; there are 8"},
        {"planted_crashes_in_shape", "", "crashed in shape (segmentation fault)"},
        {"planted_no_shape", "", "answers nonsense in shape: output has no shape"},
    };
    for (size_t i = 0; i < sizeof MISTAKES / sizeof *MISTAKES; i++) {
        char node[512];
        tn_error error = {0};
        tn_subject *subject = NULL;
        tn_hypes *hypes = hypes_with(*state, plugin_node(MISTAKES[i].layer, MISTAKES[i].more, node));
        assert_int_equal(tn_subject_native(hypes, NULL, NULL, &subject, &error), TN_ERROR_HYPES);
        if (!strstr(error.message, MISTAKES[i].text))
            fail_msg("%s, expected: %s", error.message, MISTAKES[i].text);
        assert_string_equal(error.pointer, "/net/1");
        assert_true(error.line > 0);
        tn_hypes_destroy(hypes);
    }
}

/* Two layers that differ in their library alone have trials of other keys. */
static void a_trials_key_knows_the_library(void **state)
{
    char node[512], keys[2][TN_TRIAL_KEY_SIZE], path[300];
    tn_trial_request request = plain_request(10);
    const problem *files = *state;
    snprintf(path, sizeof path, "%s/own.so", files->folder);
    for (size_t i = 0; i < 2; i++) {
        static const char *const NAMES[] = {"planted_relu", "planted_sine"};
        char from[512];
        snprintf(from, sizeof from, "%s/%s.so", TN_PLUGINS, NAMES[i]);
        remove(path);
        FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
        assert_true(in && out);
        for (int byte = fgetc(in); byte != EOF; byte = fgetc(in))
            fputc(byte, out);
        fclose(in);
        assert_int_equal(fclose(out), 0);
        snprintf(node, sizeof node, "{\"plugin\": \"%s\"}", path);
        tn_hypes *hypes = hypes_with(files, node);
        tn_subject *subject = open_subject(hypes, NULL, NULL);
        assert_true(tn_subject_trial_key(subject, &request, keys[i]));
        tn_subject_destroy(subject);
        tn_hypes_destroy(hypes);
    }
    remove(path);
    assert_string_not_equal(keys[0], keys[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_layer_trains_as_the_op_does),
        cmocka_unit_test(its_parameters_learn),
        cmocka_unit_test(a_layer_that_crashes_ends_its_trial_alone),
        cmocka_unit_test(mistakes_are_told_at_their_line),
        cmocka_unit_test(a_trials_key_knows_the_library),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}
