/* test_suspicion.c: what the rules saw of the data and of the scores becomes a finding of a debug, with its control; healthy twins get none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/rng.h"
#include "experiments/debug.h"
#include "experiments/support_made_up_subject.h"

/* Rows of four features and a label, or two targets, as a test wants them. */
typedef struct row {
    double features[4], label, second;
} row;

typedef void make_row(tn_rng *rng, int i, row *made);

typedef struct network {
    char folder[64];
    tn_hypes *hypes;
    tn_subject *subject;
} network;

static void write_rows(const char *path, int count, make_row *make, bool has_second)
{
    FILE *file = fopen(path, "w");
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    assert_non_null(file);
    fprintf(file, "a,b,c,d,y%s\n", has_second ? ",z" : "");
    for (int i = 0; i < count; i++) {
        row made = {0};
        make(&rng, i, &made);
        for (int k = 0; k < 4; k++)
            fprintf(file, "%.6f,", made.features[k]);
        fprintf(file, "%.6g", made.label);
        if (has_second)
            fprintf(file, ",%.6f", made.second);
        fputc('\n', file);
    }
    assert_int_equal(fclose(file), 0);
}

/* The report of a whole debug of a small network on such rows; label: "y", or a list, as JSON. */
static json_t *debug_labelled(const char *label, int count, make_row *make, const char *data, const char *net_and_loss, int steps)
{
    char path[96], text[1024];
    tn_error error = {0};
    json_t *report = NULL;
    network made = {.folder = "/tmp/tenet_suspicion_XXXXXX"};
    const tn_debug_options options = {.threads = 2, .seed = 1};
    assert_non_null(mkdtemp(made.folder));
    snprintf(path, sizeof path, "%s/rows.csv", made.folder);
    write_rows(path, count, make, label[0] == '[');
    snprintf(text, sizeof text,
             "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"rows.csv\", \"label\": %s}, \"valid\": {\"fraction\": 0.3}%s}, %s,"
             " \"solver\": {\"opt\": \"adam\", \"learning_rate\": 0.01, \"batch_size\": 16, \"steps\": %d}}",
             label, data, net_and_loss, steps);
    if (tn_hypes_parse(text, strlen(text), "rows.json", made.folder, &made.hypes, &error) != TN_OK ||
        tn_subject_native(made.hypes, NULL, NULL, &made.subject, &error) != TN_OK ||
        tn_debug_run(made.subject, &options, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    tn_subject_destroy(made.subject);
    tn_hypes_destroy(made.hypes);
    unlink(path);
    rmdir(made.folder);
    return report;
}

static json_t *debug_rows(int count, make_row *make, const char *data, const char *net_and_loss, int steps)
{
    return debug_labelled("\"y\"", count, make, data, net_and_loss, steps);
}

#define CLASSES                                                                                                                            \
    "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}], \"loss\": "                     \
    "\"softmax_cross_entropy\""
#define NUMBERS "\"net\": [{\"op\": \"dense\", \"units\": 48}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}], \"loss\": \"mse\""

/* Two groups that three features tell apart, mostly. */
static void two_groups(tn_rng *rng, int i, row *made)
{
    made->label = i % 2;
    for (int k = 0; k < 3; k++)
        made->features[k] = (i % 2 ? 1 : -1) + tn_rng_normal(rng);
    made->features[3] = tn_rng_normal(rng);
}

static void leaking(tn_rng *rng, int i, row *made)
{
    two_groups(rng, i, made);
    made->features[3] = 5 * made->label - 2;
}

static const json_t *evidence_of(const json_t *finding, const char *source)
{
    size_t i;
    const json_t *entry;
    json_array_foreach(json_object_get(finding, "evidence"), i,
                       entry) if (strcmp(report_string(entry, "source"), source) == 0) return entry;
    fail_msg("there is no evidence from %s", source);
    return NULL;
}

static void a_leak_is_suspected_by_its_control(void **state)
{
    (void)state;
    json_t *report = debug_rows(600, leaking, "", CLASSES, 400);
    const json_t *finding = report_finding(report, 0), *patch = json_object_get(json_object_get(finding, "fix"), "patch");
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_string_equal(report_string(finding, "cause"), "leaky_feature");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(finding, "where"), "feature")), 3);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(patch, "data.input.ignore"), 0)), 3);
    const json_t *alone = evidence_of(finding, "control: one feature");
    assert_true(json_number_value(json_object_get(alone, "value")) >= 0.95 * json_number_value(json_object_get(alone, "threshold")));
    json_decref(report);
}

static void groups_are_no_leak(void **state)
{
    (void)state;
    json_t *report = debug_rows(600, two_groups, ", \"input\": {\"scale\": \"standardize\"}", CLASSES, 400);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

/* The second target is a feature, and the first has nothing to do with it. */
static void one_target_is_a_feature(tn_rng *rng, int i, row *made)
{
    (void)i;
    for (int k = 0; k < 4; k++)
        made->features[k] = tn_rng_normal(rng);
    made->label = made->features[0] - made->features[1];
    made->second = made->features[3];
}

static void a_feature_that_is_not_enough_is_no_leak(void **state)
{
    (void)state;
    json_t *report = debug_labelled(
        "[\"y\", \"z\"]", 600, one_target_is_a_feature, "",
        "\"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}], \"loss\": \"mse\"", 600);
    size_t i;
    const json_t *signal;
    bool fired = false;
    json_array_foreach(json_object_get(report, "signals"), i, signal) fired =
        fired || strcmp(report_string(signal, "cause") ? report_string(signal, "cause") : "", "leaky_feature") == 0;
    assert_true(fired); /* the rule sees it, and the control clears it */
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
    json_decref(report);
}

static void half_constant(tn_rng *rng, int i, row *made)
{
    two_groups(rng, i, made);
    made->features[2] = made->features[3] = 1;
}

static void columns_that_never_change_are_suspected(void **state)
{
    (void)state;
    json_t *report = debug_rows(600, half_constant, "", CLASSES, 400);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "constant_feature");
    assert_string_equal(report_string(finding, "severity"), "suspected");
    assert_non_null(strstr(report_string(evidence_of(finding, "input_statistics"), "text"), "2 of 4 features never change"));
    json_decref(report);
    /* Who has left them out knows. */
    report = debug_rows(600, half_constant, ", \"input\": {\"ignore\": \"constant\"}", CLASSES, 400);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    json_decref(report);
}

/* One sample in thirty is of another class, far away: rare, and easy. */
static void rare_but_easy(tn_rng *rng, int i, row *made)
{
    made->label = i % 30 == 29;
    for (int k = 0; k < 4; k++)
        made->features[k] = (made->label > 0 ? 3 : 0) + tn_rng_normal(rng);
}

/* Or amidst the others. */
static void rare_and_unknown(tn_rng *rng, int i, row *made)
{
    made->label = i % 40 == 39;
    for (int k = 0; k < 4; k++)
        made->features[k] = tn_rng_normal(rng);
}

static const char *first_advice(const json_t *report)
{
    const char *cause = json_string_value(json_object_get(json_array_get(json_object_get(report, "advice"), 0), "cause"));
    return cause ? cause : "";
}

static void rare_classes_are_advice_where_the_network_learns_them(void **state)
{
    (void)state;
    json_t *report = debug_rows(900, rare_but_easy, "", CLASSES, 400);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_string_equal(first_advice(report), "class_imbalance");
    json_decref(report);
    /* One to one is nothing to speak of. */
    report = debug_rows(600, two_groups, "", CLASSES, 400);
    assert_string_equal(first_advice(report), "");
    json_decref(report);
}

static bool names(const json_t *report, const char *cause)
{
    size_t i;
    const json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), i,
                       finding) if (strcmp(report_string(finding, "cause"), cause) == 0) return true;
    return false;
}

static void rare_classes_are_suspected_where_it_does_not(void **state)
{
    (void)state;
    json_t *report = debug_rows(900, rare_and_unknown, "", CLASSES, 200);
    assert_true(names(report, "class_imbalance") || names(report, "misaligned_labels"));
    assert_string_not_equal(report_string(report, "verdict"), "healthy");
    json_decref(report);
}

/* Noise of the size of the signal: forty samples are learnt by heart. */
static void noisy(tn_rng *rng, int i, row *made)
{
    (void)i;
    for (int k = 0; k < 4; k++)
        made->features[k] = tn_rng_normal(rng);
    made->label = made->features[0] * made->features[1] + made->features[2] + 0.5 * tn_rng_normal(rng);
}

static void samples_learnt_by_heart_are_suspected(void **state)
{
    (void)state;
    json_t *report = debug_rows(60, noisy, "", NUMBERS, 3000);
    const json_t *finding = report_finding(report, 0);
    assert_string_equal(report_string(finding, "cause"), "overfitting");
    assert_true(json_number_value(json_object_get(report, "score")) < 0.5);
    json_decref(report);
    report = debug_rows(1500, noisy, "", NUMBERS, 1000);
    assert_false(names(report, "overfitting"));
    json_decref(report);
}

/* The decimal point of every sixtieth target slipped: they are all that R2 sees, whatever the network learns of the others. */
static void slipped_decimals(tn_rng *rng, int i, row *made)
{
    for (int k = 0; k < 4; k++)
        made->features[k] = tn_rng_normal(rng);
    made->label = (made->features[0] - made->features[1]) * (i % 60 == 0 ? 1e4 : 1);
}

/* The same numbers, each with another sample's inputs. */
static void of_another_sample(tn_rng *rng, int i, row *made)
{
    slipped_decimals(rng, 1, made);
    for (int k = 0; k < 4; k++)
        made->features[k] = tn_rng_normal(rng);
    (void)i;
}

static void targets_far_off_the_rest_are_not_taken_for_misaligned_labels(void **state)
{
    (void)state;
    json_t *report = debug_rows(600, slipped_decimals, "", NUMBERS, 400);
    assert_true(json_number_value(json_object_get(report, "score")) < 0.1);
    assert_false(names(report, "misaligned_labels"));
    json_decref(report);
    report = debug_rows(600, of_another_sample, "", NUMBERS, 400);
    assert_true(names(report, "misaligned_labels"));
    json_decref(report);
}

static double never_above_a_half(const tn_knobs *knobs)
{
    (void)knobs;
    return 0.45;
}

static void a_poor_score_is_not_healthy_where_neighbours_do_far_better(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    subject.score = never_above_a_half;
    json_t *report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(report, "reason"), "nearest neighbours"));
    json_decref(report);
    /* Where they do no better, it is as good as its data are known to be. */
    made_up_init(&subject);
    subject.score = never_above_a_half;
    subject.random_labels = true;
    report = made_up_debug(&subject);
    assert_string_equal(report_string(report, "verdict"), "healthy");
    assert_null(json_object_get(report, "reason"));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_leak_is_suspected_by_its_control),
        cmocka_unit_test(groups_are_no_leak),
        cmocka_unit_test(a_feature_that_is_not_enough_is_no_leak),
        cmocka_unit_test(columns_that_never_change_are_suspected),
        cmocka_unit_test(rare_classes_are_advice_where_the_network_learns_them),
        cmocka_unit_test(rare_classes_are_suspected_where_it_does_not),
        cmocka_unit_test(samples_learnt_by_heart_are_suspected),
        cmocka_unit_test(targets_far_off_the_rest_are_not_taken_for_misaligned_labels),
        cmocka_unit_test(a_poor_score_is_not_healthy_where_neighbours_do_far_better),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
