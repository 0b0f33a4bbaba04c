/* test_levels.c: simplify and climb find the level where a planted bug enters; a problem that trains passes; steps are split; levels are derived. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "experiments/levels.h"
#include "experiments/support_blobs.h"
#include "experiments/support_made_up_subject.h"

/* At the second level the labels are permuted, and so they are in the full problem. */
static const char PLANTED[] = "{\"data.shuffle_labels\": true, \"levels\": [{\"name\": \"two classes\", \"patch\": "
                              "{\"data.shuffle_labels\": false, \"data.classes\": [0, 1]}},"
                              " {\"name\": \"three classes\", \"patch\": {\"data.shuffle_labels\": false}}]}";

static const char HEALTHY[] = "{\"levels\": [{\"name\": \"two classes\", \"patch\": {\"data.classes\": [0, 1]}}]}";

static void simplify_names_both_sides_of_the_border(void **state)
{
    (void)state;
    json_t *report = blobs_experiment(0, PLANTED, "simplify");
    const json_t *entry = report_experiment(report, "simplify"), *result = json_object_get(entry, "result");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_string_equal(report_string(result, "works"), "three classes");
    assert_string_equal(report_string(result, "fails"), "the full problem");
    assert_int_equal(json_array_size(json_object_get(result, "levels")), 6);
    json_decref(report);
    report = blobs_experiment(0, HEALTHY, "simplify");
    assert_string_equal(report_string(report_experiment(report, "simplify"), "verdict"), "pass");
    json_decref(report);
}

static void climb_stops_where_the_bug_enters(void **state)
{
    (void)state;
    json_t *report = blobs_experiment(0, PLANTED, "climb");
    const json_t *entry = report_experiment(report, "climb"), *result = json_object_get(entry, "result"),
                 *path = json_object_get(result, "path");
    assert_string_equal(report_string(entry, "verdict"), "fail");
    assert_string_equal(report_string(result, "enters_at"), "the full problem");
    /* 10, 100 and all samples of two levels, then as far as permuted labels can be learnt by heart. */
    assert_true(json_array_size(path) >= 7);
    size_t i;
    const json_t *cell;
    json_array_foreach(path, i, cell) assert_true(json_is_true(json_object_get(cell, "passed")) == (i + 1 < json_array_size(path)));
    json_decref(report);
    report = blobs_experiment(0, HEALTHY, "climb");
    assert_string_equal(report_string(report_experiment(report, "climb"), "verdict"), "pass");
    json_decref(report);
}

static void derived_levels_name_what_they_leave_out(void **state)
{
    (void)state;
    static const char PATCH[] =
        "{\"net.2\": {\"$insert\": {\"op\": \"dropout\", \"rate\": 0.1}}, \"solver.clip_norm\": 1, \"data.augment\": {\"noise\": 0.1}}";
    blobs_subject subject;
    blobs_open(&subject, 0, PATCH);
    const tn_debug_options options = {.threads = 1, .seed = 1};
    tn_investigation investigation;
    tn_levels levels;
    assert_int_equal(tn_investigation_init(&investigation, subject.subject, &options, NULL), TN_OK);
    assert_int_equal(tn_levels_init(&investigation, &levels, NULL), TN_OK);
    assert_int_equal(levels.count, 5);
    assert_string_equal(levels.levels[0].name, "two classes, no dropout, no weight decay, no augmentation, plain steps");
    assert_string_equal(levels.levels[1].name, "two classes, no dropout, no weight decay, no augmentation");
    assert_string_equal(levels.levels[2].name, "two classes, no dropout, no weight decay");
    assert_string_equal(levels.levels[3].name, "two classes");
    assert_string_equal(levels.levels[4].name, "the full problem");
    assert_true(json_is_null(json_object_get(levels.levels[1].alone, "data.augment")));
    assert_true(json_is_null(json_object_get(levels.levels[0].alone, "solver.clip_norm")));
    assert_int_equal(json_object_size(levels.levels[4].patch), 0);
    tn_levels_deinit(&levels);
    tn_investigation_deinit(&investigation);
    blobs_close(&subject);
}

static void steps_are_split(void **state)
{
    (void)state;
    blobs_subject subject;
    blobs_open(&subject, 0, NULL);
    const tn_debug_options options = {.threads = 1, .seed = 1};
    tn_investigation investigation;
    assert_int_equal(tn_investigation_init(&investigation, subject.subject, &options, NULL), TN_OK);
    tn_level from = {.patch = json_pack("{s:i, s:f}", "net.0.units", 8, "solver.momentum", 0.5)}, to = {.patch = json_object()}, between;
    assert_true(tn_levels_between(&investigation, &from, &to, &between));
    assert_int_equal(json_object_size(between.patch), 1);
    json_decref(between.patch);
    json_object_del(from.patch, "solver.momentum");
    assert_true(tn_levels_between(&investigation, &from, &to, &between)); /* 8 and the full problem's 32 */
    assert_int_equal(json_integer_value(json_object_get(between.patch, "net.0.units")), 20);
    json_decref(between.patch);
    assert_false(tn_levels_between(&investigation, &to, &to, &between));
    json_decref(from.patch);
    json_decref(to.patch);
    tn_investigation_deinit(&investigation);
    blobs_close(&subject);
}

static void without_levels_there_is_nothing_to_climb(void **state)
{
    (void)state;
    made_up subject;
    made_up_init(&subject);
    json_t *report = made_up_experiment(&subject, "climb");
    assert_string_equal(report_string(report_experiment(report, "climb"), "verdict"), "inconclusive");
    assert_non_null(strstr(report_string(report_experiment(report, "climb"), "summary"), "\"levels\""));
    json_decref(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(simplify_names_both_sides_of_the_border),  cmocka_unit_test(climb_stops_where_the_bug_enters),
        cmocka_unit_test(derived_levels_name_what_they_leave_out),  cmocka_unit_test(steps_are_split),
        cmocka_unit_test(without_levels_there_is_nothing_to_climb),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
