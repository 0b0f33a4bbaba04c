/* test_labels.c: the task that loss, metric and labels imply, and labels as class numbers, words and one-hot rows. */
#include "support_data.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int setup(void **state)
{
    test_folder *folder = malloc(sizeof *folder);
    assert_non_null(folder);
    folder_make(folder);
    static const struct {
        const char *name, *text;
    } files[] = {{"zero_one.csv", "5,0\n6,1\n7,1\n"},
                 {"ones.csv", "5,1\n6,1\n"},
                 {"signs.csv", "5,-1\n6,1\n"},
                 {"three.csv", "5,0\n6,1\n7,2\n"},
                 {"halves.csv", "5,0\n6,0.5\n7,1\n"},
                 {"one_hot.csv", "5,1,0,0\n6,0,0,1\n7,0,1,0\n"},
                 {"two_hot.csv", "5,1,0,0\n6,0,1,1\n7,0,1,0\n"},
                 {"words.csv", "x,y\n5,dog\n6,cat\n7,dog\n8,ant\n"},
                 {"more_words.csv", "x,y\n6,dog\n7,ant\n"},
                 {"new_words.csv", "x,y\n6,dog\n7,bat\n"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        folder_write(folder, files[i].name, files[i].text, strlen(files[i].text));
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

#define ONE(file)   "{\"train\": {\"format\": \"csv\", \"file\": \"" file "\", \"label\": -1}}"
#define THREE(file) "{\"train\": {\"format\": \"csv\", \"file\": \"" file "\", \"label\": [1, 2, 3]}}"

static void finds_the_task(void **state)
{
    static const struct {
        const char *data, *loss;
        tn_task task;
        size_t classes, targets;
    } cases[] = {
        {ONE("zero_one.csv"), "\"loss\": \"mae\"", TN_TASK_CLASSIFICATION, 2, 1},
        {ONE("zero_one.csv"), "\"loss\": \"mse\", \"solver\": {\"metric\": \"r2\"}", TN_TASK_REGRESSION, 0, 1},
        {ONE("ones.csv"), "\"loss\": \"mse\"", TN_TASK_REGRESSION, 0, 1},
        {ONE("signs.csv"), "\"loss\": \"mse\"", TN_TASK_REGRESSION, 0, 1},
        {ONE("three.csv"), "\"loss\": \"huber\"", TN_TASK_REGRESSION, 0, 1},
        {ONE("three.csv"), "\"loss\": \"mse\", \"solver\": {\"metric\": \"accuracy\"}", TN_TASK_CLASSIFICATION, 3, 1},
        {ONE("three.csv"), "\"loss\": \"softmax_cross_entropy\"", TN_TASK_CLASSIFICATION, 3, 1},
        {ONE("zero_one.csv"), "\"loss\": \"binary_cross_entropy\"", TN_TASK_CLASSIFICATION, 2, 1},
        {ONE("zero_one.csv"), "\"loss\": \"sigmoid_cross_entropy\"", TN_TASK_CLASSIFICATION, 2, 1},
        {THREE("one_hot.csv"), "\"loss\": \"mse\"", TN_TASK_CLASSIFICATION, 3, 1},
        {THREE("one_hot.csv"), "\"loss\": \"categorical_cross_entropy\"", TN_TASK_CLASSIFICATION, 3, 1},
        {THREE("two_hot.csv"), "\"loss\": \"mse\"", TN_TASK_REGRESSION, 0, 3},
        {THREE("two_hot.csv"), "\"loss\": \"sigmoid_cross_entropy\"", TN_TASK_MULTILABEL, 0, 3},
        {THREE("two_hot.csv"), "\"loss\": \"binary_cross_entropy\"", TN_TASK_MULTILABEL, 0, 3},
        {THREE("two_hot.csv"), "\"loss\": \"mse\", \"solver\": {\"metric\": \"f1\"}", TN_TASK_MULTILABEL, 0, 3},
        {THREE("one_hot.csv"), "\"loss\": \"sigmoid_cross_entropy\"", TN_TASK_CLASSIFICATION, 3, 1},
        {THREE("one_hot.csv"), "\"loss\": \"sigmoid_cross_entropy\", \"solver\": {\"metric\": \"f1\"}", TN_TASK_MULTILABEL, 0, 3},
        {ONE("zero_one.csv"), "\"loss\": \"sigmoid_cross_entropy\", \"solver\": {\"metric\": \"f1\"}", TN_TASK_MULTILABEL, 0, 1},
        {ONE("words.csv"), "\"loss\": \"mse\"", TN_TASK_CLASSIFICATION, 3, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tn_data data;
        data_must_open(*state, cases[i].data, cases[i].loss, &data);
        assert_int_equal(data.task, cases[i].task);
        static const tn_label_kind kinds[] = {
            [TN_TASK_CLASSIFICATION] = TN_LABELS_CLASSES, [TN_TASK_REGRESSION] = TN_LABELS_TARGETS, [TN_TASK_MULTILABEL] = TN_LABELS_FLAGS};
        assert_int_equal(tn_dataset_label_kind(data.train), kinds[cases[i].task]);
        assert_int_equal(tn_dataset_classes(data.train), cases[i].classes);
        assert_int_equal(tn_dataset_targets(data.train), cases[i].targets);
        tn_data_close(&data);
    }
}

/* The hypes of these tests have one unit; a patch gives them more. */
static void an_output_for_each_class_number_makes_classes(void **state)
{
    static const struct {
        const char *data;
        int units;
        tn_task task;
    } cases[] = {{ONE("three.csv"), 3, TN_TASK_CLASSIFICATION},
                 {ONE("three.csv"), 2, TN_TASK_REGRESSION},
                 {ONE("three.csv"), 1, TN_TASK_REGRESSION},
                 {ONE("halves.csv"), 3, TN_TASK_REGRESSION},
                 {ONE("signs.csv"), 3, TN_TASK_REGRESSION}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tn_error error = {0};
        tn_hypes *hypes = hypes_make(*state, cases[i].data, "\"loss\": \"mse\""), *patched = NULL;
        json_t *patch = json_pack("{s:i}", "net.0.units", cases[i].units);
        assert_int_equal(tn_hypes_patch(hypes, patch, &patched, &error), TN_OK);
        tn_data data;
        assert_int_equal(tn_data_open(patched, NULL, &data, &error), TN_OK);
        assert_int_equal(data.task, cases[i].task);
        tn_data_close(&data);
        json_decref(patch);
        tn_hypes_destroy(patched);
        tn_hypes_destroy(hypes);
    }
}

static void reads_one_hot_rows_as_classes(void **state)
{
    tn_data data;
    data_must_open(*state, THREE("one_hot.csv"), "\"loss\": \"softmax_cross_entropy\"", &data);
    int32_t classes[3];
    uint32_t order[3] = {2, 0, 1};
    tn_dataset_class_labels(data.train, order, 3, classes);
    assert_int_equal(classes[0], 1);
    assert_int_equal(classes[1], 0);
    assert_int_equal(classes[2], 2);
    tn_data_close(&data);
    data_must_open(*state, THREE("two_hot.csv"), "\"loss\": \"mse\"", &data);
    float targets[9];
    tn_dataset_target_labels(data.train, order, 2, targets);
    static const float expected[6] = {0, 1, 0, 1, 0, 0};
    for (size_t i = 0; i < 6; i++)
        assert_near(targets[i], expected[i], 0);
    tn_data_close(&data);
}

/* Yes is 1 and no is 0, whatever scale is asked for. */
static void flags_are_not_scaled(void **state)
{
    tn_data data;
    data_must_open(
        *state,
        "{\"train\": {\"format\": \"csv\", \"file\": \"two_hot.csv\", \"label\": [1, 2, 3]}, \"label\": {\"scale\": \"standardize\"}}",
        "\"loss\": \"sigmoid_cross_entropy\"", &data);
    float flags[9];
    tn_dataset_target_labels(data.train, NULL, 3, flags);
    static const float expected[9] = {1, 0, 0, 0, 1, 1, 0, 1, 0};
    for (size_t i = 0; i < 9; i++)
        assert_near(flags[i], expected[i], 0);
    double shift, gain;
    tn_dataset_label_scaling(data.train, 1, &shift, &gain);
    assert_near(shift, 0, 0);
    assert_near(gain, 1, 0);
    tn_data_close(&data);
}

static void refuses_flags_that_are_neither_yes_nor_no(void **state)
{
    tn_error error;
    data_must_fail(*state, ONE("halves.csv"), "\"loss\": \"sigmoid_cross_entropy\", \"solver\": {\"metric\": \"f1\"}", TN_ERROR_DATA,
                   "label 0 of row 1 (both from 0) is 0.5; expected 1 for yes or 0 for no", &error);
    assert_int_equal(error.line, 2);
    data_must_fail(*state, ONE("words.csv"), "\"loss\": \"sigmoid_cross_entropy\", \"solver\": {\"metric\": \"f1\"}", TN_ERROR_DATA,
                   "the number of a word", &error);
    data_must_fail(*state, "{\"train\": {\"format\": \"csv\", \"file\": \"two_hot.csv\", \"label\": [1, 2, 3]}, \"classes\": [0, 1]}",
                   "\"loss\": \"sigmoid_cross_entropy\"", TN_ERROR_HYPES, "each has several labels", &error);
}

static void refuses_labels_that_are_no_classes(void **state)
{
    tn_error error;
    data_must_fail(*state, THREE("two_hot.csv"), "\"loss\": \"softmax_cross_entropy\"", TN_ERROR_DATA, "no one-hot row", &error);
    assert_int_equal(error.line, 2);
    data_must_fail(*state, ONE("signs.csv"), "\"loss\": \"softmax_cross_entropy\"", TN_ERROR_DATA, "is -1; expected a class number",
                   &error);
    assert_int_equal(error.line, 1);
    assert_contains(error.file, "signs.csv");
    data_must_fail(*state, ONE("halves.csv"), "\"loss\": \"softmax_cross_entropy\"", TN_ERROR_DATA, "is 0.5", &error);
    assert_int_equal(error.line, 2);
    data_must_fail(*state, ONE("words.csv"), "\"loss\": \"mse\", \"solver\": {\"metric\": \"r2\"}", TN_ERROR_HYPES,
                   "labels are words (such as 'ant')", &error);
}

static void words_mean_the_same_in_every_file(void **state)
{
    tn_data data;
    data_must_open(*state,
                   "{\"train\": {\"format\": \"csv\", \"file\": \"words.csv\", \"label\": \"y\"}, \"valid\": {\"format\": \"csv\", "
                   "\"file\": \"more_words.csv\", \"label\": \"y\"}}",
                   "\"loss\": \"softmax_cross_entropy\"", &data);
    int32_t classes[4];
    tn_dataset_class_labels(data.train, NULL, 4, classes);
    assert_int_equal(classes[0], 2);
    assert_int_equal(classes[1], 1);
    assert_int_equal(classes[3], 0);
    tn_dataset_class_labels(data.valid, NULL, 2, classes);
    assert_int_equal(classes[0], 2);
    assert_int_equal(classes[1], 0);
    tn_data_close(&data);
    tn_error error;
    data_must_fail(*state,
                   "{\"train\": {\"format\": \"csv\", \"file\": \"words.csv\", \"label\": \"y\"}, \"valid\": {\"format\": \"csv\", "
                   "\"file\": \"new_words.csv\", \"label\": \"y\"}}",
                   "\"loss\": \"softmax_cross_entropy\"", TN_ERROR_DATA, "the label 'bat' occurs in no training sample", &error);
    assert_int_equal(error.line, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_task),
        cmocka_unit_test(an_output_for_each_class_number_makes_classes),
        cmocka_unit_test(reads_one_hot_rows_as_classes),
        cmocka_unit_test(flags_are_not_scaled),
        cmocka_unit_test(refuses_flags_that_are_neither_yes_nor_no),
        cmocka_unit_test(refuses_labels_that_are_no_classes),
        cmocka_unit_test(words_mean_the_same_in_every_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
