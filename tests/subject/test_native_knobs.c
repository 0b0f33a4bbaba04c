/* test_native_knobs.c: every knob arrives in the training, and what cannot be turned refuses the trial. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "subject/native.h"
#include "support_subject.h"

static tn_turned turn(const tn_hypes *hypes, const tn_knobs *knobs)
{
    tn_turned turned;
    tn_error error = {0};
    if (tn_native_turn(hypes, knobs, &turned, &error) != TN_OK)
        fail_msg("%s (%s)", error.message, error.pointer);
    return turned;
}

static void all_knobs_stand_in_the_hypes(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    const tn_knobs knobs = {.set = (TN_KNOB_PATCH << 1) - 1 - TN_KNOB_PATCH,
                            .steps = 7,
                            .seed = INT64_MAX,
                            .batch_size = 8,
                            .samples = 50,
                            .learning_rate = 0.25,
                            .init_scale = 3,
                            .clip_norm = 1.5,
                            .input_scale = "standardize",
                            .label_scale = "minmax",
                            .optimizer = "adam"};
    tn_turned turned = turn(hypes, &knobs);
    const tn_hypes *now = turned.hypes;
    assert_int_equal(turned.acknowledged, knobs.set);
    assert_int_equal(tn_hypes_integer(now, "solver.steps"), 7);
    assert_true(tn_hypes_integer(now, "solver.seed") == INT64_MAX);
    assert_int_equal(tn_hypes_integer(now, "solver.batch_size"), 8);
    assert_int_equal(tn_hypes_integer(now, "data.samples"), 50);
    assert_true(tn_hypes_boolean(now, "data.shuffle_labels"));
    assert_string_equal(tn_hypes_string(now, "data.input.scale"), "standardize");
    assert_string_equal(tn_hypes_string(now, "data.label.scale"), "minmax");
    assert_true(tn_hypes_number(now, "init.scale") == 3);
    assert_true(tn_hypes_number(now, "solver.clip_norm") == 1.5);
    assert_true(tn_hypes_number(now, "solver.learning_rate") == 0.25);
    assert_string_equal(tn_hypes_string(now, "solver.opt"), "adam");
    assert_true(tn_hypes_is_null(now, "solver.decay"));
    assert_true(tn_hypes_number(now, "solver.momentum") == 0);
    /* The base is as it was. */
    assert_true(tn_hypes_is_null(hypes, "solver.steps"));
    assert_true(tn_hypes_number(hypes, "solver.momentum") == 0.9);
    assert_false(tn_hypes_is_null(hypes, "solver.decay"));
    tn_turned_deinit(&turned);
    tn_hypes_destroy(hypes);
}

/* Another optimizer has its own defaults, but for the rate, and what is no setting of an optimizer stays. */
static void another_optimizer_keeps_the_rate(void **state)
{
    tn_hypes *hypes = blob_hypes(*state, "", "[{\"op\": \"dense\", \"units\": 3}]", "\"softmax_cross_entropy\"",
                                 "{\"opt\": \"adam\", \"beta1\": 0.5, \"epsilon\": 1, \"weight_decay\": 0.25}");
    const tn_knobs rmsprop = {.set = TN_KNOB_OPTIMIZER, .optimizer = "adadelta"};
    tn_turned turned = turn(hypes, &rmsprop);
    assert_int_equal(turned.acknowledged, TN_KNOB_OPTIMIZER);
    assert_true(tn_hypes_number(turned.hypes, "solver.learning_rate") == 0.001); /* adam's, which stood there */
    assert_true(tn_hypes_number(turned.hypes, "solver.beta1") == 0.9);
    assert_true(tn_hypes_number(turned.hypes, "solver.epsilon") == 1e-6);
    assert_true(tn_hypes_number(turned.hypes, "solver.rho") == 0.95);
    assert_true(tn_hypes_number(turned.hypes, "solver.weight_decay") == 0.25);
    tn_turned_deinit(&turned);
    tn_hypes_destroy(hypes);
}

static void the_patch_comes_first(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    json_t *patch = json_pack("{s:f,s:s,s:{s:{s:s}},s:f}", "solver.learning_rate", 0.5, "net.1.op", "tanh", "net.2", "$insert", "op",
                              "relu", "solver.momentum", 0.5);
    assert_non_null(patch);
    const tn_knobs knobs = {.set = TN_KNOB_PATCH | TN_KNOB_LEARNING_RATE, .patch = patch, .learning_rate = 0.125};
    tn_turned turned = turn(hypes, &knobs);
    assert_int_equal(turned.acknowledged, knobs.set);
    assert_true(tn_hypes_number(turned.hypes, "solver.learning_rate") == 0.125);
    assert_true(tn_hypes_number(turned.hypes, "solver.momentum") == 0.5);
    assert_int_equal(tn_hypes_node_count(turned.hypes), 4);
    assert_string_equal(tn_hypes_string(turned.hypes, "net.1.op"), "tanh");
    json_t *record = json_loads(turned.record, 0, NULL);
    assert_non_null(record);
    assert_true(json_equal(json_object_get(record, "patch"), patch));
    assert_true(json_number_value(json_object_get(json_object_get(record, "knobs"), "solver.learning_rate")) == 0.125);
    json_decref(record);
    json_decref(patch);
    tn_turned_deinit(&turned);
    tn_hypes_destroy(hypes);
}

static void no_knob_changes_nothing(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    const tn_knobs knobs = {0};
    tn_turned turned = turn(hypes, &knobs);
    assert_int_equal(turned.acknowledged, 0);
    assert_true(json_equal(tn_hypes_root(hypes), tn_hypes_root(turned.hypes)));
    assert_string_equal(turned.record, "{\"knobs\":{},\"patch\":{}}");
    tn_turned_deinit(&turned);
    tn_hypes_destroy(hypes);
}

static void refuse(tn_subject *subject, const tn_knobs *knobs, const char *expected)
{
    tn_trial_request request = plain_request(3);
    request.knobs = *knobs;
    tn_trial_result result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_REFUSED);
    assert_int_not_equal(result.error.code, TN_OK);
    assert_int_equal(result.acknowledged, 0);
    assert_int_equal(result.steps, 0);
    assert_int_equal(result.score_count, 0);
    assert_true(isnan(tn_trial_score(&result)));
    if (!strstr(result.error.message, expected))
        fail_msg("\"%s\" lacks \"%s\"", result.error.message, expected);
    tn_trial_result_deinit(&result);
}

static void what_does_not_fit_is_refused(void **state)
{
    tn_hypes *hypes = usual_hypes(*state);
    tn_subject *subject = open_subject(hypes, NULL, NULL);
    refuse(subject, &(tn_knobs){.set = TN_KNOB_OPTIMIZER, .optimizer = "sdg"}, "sgd");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_OPTIMIZER}, "no value");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_LEARNING_RATE, .learning_rate = -1}, "-1");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_LEARNING_RATE, .learning_rate = NAN}, "nan");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_CLIP_NORM, .clip_norm = INFINITY}, "inf");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_SEED, .seed = UINT64_MAX}, "18446744073709551615");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_BATCH_SIZE, .batch_size = 0}, "0");
    refuse(subject, &(tn_knobs){.set = TN_KNOB_LABEL_SCALE, .label_scale = "minmax"}, "knob"); /* classes have no scale */
    refuse(subject, &(tn_knobs){.set = TN_KNOB_PATCH << 1}, "knob");
    const struct {
        const char *patch, *expected;
    } patches[] = {
        {"{\"net.7.op\": \"relu\"}", "net.7"},
        {"{\"solver.learing_rate\": 1}", "learning_rate"},
        {"{\"net.2.units\": 2}", "class"},   /* valid, but does not compile */
        {"{\"data.classes\": [0, 9]}", "9"}, /* valid, but not in the data */
        {"{\"data.train.file\": \"missing.csv\"}", "missing.csv"},
    };
    for (size_t i = 0; i + 1 < sizeof patches / sizeof patches[0]; i++) {
        json_t *patch = json_loads(patches[i].patch, 0, NULL);
        assert_non_null(patch);
        refuse(subject, &(tn_knobs){.set = TN_KNOB_PATCH, .patch = patch}, patches[i].expected);
        json_decref(patch);
    }
    /* A file that cannot be read is the machine's failure, and no verdict about the knobs. */
    json_t *patch = json_loads(patches[4].patch, 0, NULL);
    tn_trial_request request = {.knobs = {.set = TN_KNOB_PATCH, .patch = patch}};
    tn_trial_result result;
    tn_error error = {0};
    assert_int_equal(tn_subject_run(subject, &request, 1, &result, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.file, patches[4].expected));
    tn_trial_result_deinit(&result);
    json_decref(patch);
    /* After all that it still runs. */
    request = plain_request(2);
    result = run_trial(subject, &request, 1);
    assert_int_equal(result.end, TN_TRIAL_COMPLETED);
    tn_trial_result_deinit(&result);
    tn_subject_destroy(subject);
    tn_hypes_destroy(hypes);
}

/* A knob gives the very training that hypes with that value give. */
static void a_knob_is_as_good_as_the_file(void **state)
{
    static const char NET[] = "[{\"op\": \"dense\", \"units\": 8}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 3}]";
    tn_hypes *plain = blob_hypes(*state, "", NET, "\"softmax_cross_entropy\"", "{\"steps\": 30}");
    tn_hypes *written =
        blob_hypes(*state, ", \"input\": \"minmax\", \"samples\": 90", NET, "\"softmax_cross_entropy\"",
                   "{\"steps\": 12, \"opt\": \"rmsprop\", \"learning_rate\": 0.03, \"batch_size\": 9, \"seed\": 5, \"clip_norm\": 0.5}");
    tn_subject *by_knobs = open_subject(plain, NULL, NULL), *by_file = open_subject(written, NULL, NULL), *other = NULL;
    tn_trial_request as_written = {.stop_at_train_score = INFINITY, .score_every = 4}, turned = as_written;
    turned.knobs = (tn_knobs){.set = TN_KNOB_STEPS | TN_KNOB_OPTIMIZER | TN_KNOB_LEARNING_RATE | TN_KNOB_BATCH_SIZE | TN_KNOB_SEED |
                                     TN_KNOB_CLIP_NORM | TN_KNOB_INPUT_SCALE | TN_KNOB_SAMPLES,
                              .steps = 12,
                              .optimizer = "rmsprop",
                              .learning_rate = 0.03,
                              .batch_size = 9,
                              .seed = 5,
                              .clip_norm = 0.5,
                              .input_scale = "minmax",
                              .samples = 90};
    tn_trial_result a = run_trial(by_file, &as_written, 1), b = run_trial(by_knobs, &turned, 1);
    assert_int_equal(a.steps, 12);
    assert_int_equal(b.acknowledged, turned.knobs.set);
    b.acknowledged = a.acknowledged;
    assert_same_result(&a, &b);
    /* And so does the subject with other hypes, which outlives the first. */
    assert_int_equal(tn_subject_repatched(by_knobs, written, &other, NULL), TN_OK);
    assert_ptr_equal(tn_subject_hypes(other), written);
    tn_subject_destroy(by_knobs);
    tn_trial_result c = run_trial(other, &as_written, 1);
    assert_same_result(&a, &c);
    tn_trial_result_deinit(&a);
    tn_trial_result_deinit(&b);
    tn_trial_result_deinit(&c);
    tn_subject_destroy(other);
    tn_subject_destroy(by_file);
    tn_hypes_destroy(plain);
    tn_hypes_destroy(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_knobs_stand_in_the_hypes), cmocka_unit_test(another_optimizer_keeps_the_rate),
        cmocka_unit_test(the_patch_comes_first),        cmocka_unit_test(no_knob_changes_nothing),
        cmocka_unit_test(what_does_not_fit_is_refused), cmocka_unit_test(a_knob_is_as_good_as_the_file),
    };
    return cmocka_run_group_tests(tests, problem_setup, problem_teardown);
}
