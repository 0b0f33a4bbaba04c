/* test_data_open.c: splits, subsets, class filter, permuted labels and scaling, as the hypes ask for them. */
#include "support_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const mse = "\"loss\": \"mse\"";
static const char *const softmax = "\"loss\": \"softmax_cross_entropy\"";

/* table.csv: `rows` rows of x = i, z = 7 (constant), and a label. */
static void write_table(const test_folder *folder, const char *name, int rows, int classes)
{
    bytes text = {0};
    bytes_add(&text, "x,z,y\n", 6);
    for (int i = 0; i < rows; i++) {
        char row[64];
        snprintf(row, sizeof row, "%d,7,%d\n", i, classes > 0 ? i % classes : 10 * i);
        bytes_add(&text, row, strlen(row));
    }
    folder_write(folder, name, text.data, text.size);
    bytes_free(&text);
}

static int setup(void **state)
{
    test_folder *folder = malloc(sizeof *folder);
    assert_non_null(folder);
    folder_make(folder);
    write_table(folder, "table.csv", 1000, 5);
    write_table(folder, "real.csv", 1000, 0);
    write_table(folder, "small.csv", 199, 5);
    write_table(folder, "other.csv", 50, 5);
    *state = folder;
    return 0;
}

static int teardown(void **state)
{
    folder_remove(*state);
    free(*state);
    return 0;
}

#define TABLE "\"train\": {\"format\": \"csv\", \"file\": \"table.csv\", \"label\": \"y\"}"
#define REAL  "\"train\": {\"format\": \"csv\", \"file\": \"real.csv\", \"label\": \"y\"}"
#define SMALL "\"train\": {\"format\": \"csv\", \"file\": \"small.csv\", \"label\": \"y\"}"

/* Marks the rows of a set in seen [1000]; each must be new. */
static void mark_rows(const tn_dataset *set, uint8_t *seen)
{
    for (size_t i = 0; i < tn_dataset_samples(set); i++) {
        size_t row = tn_dataset_row(set, i);
        assert_in_range(row, 0, 999);
        assert_int_equal(seen[row], 0);
        seen[row] = 1;
        if (i > 0)
            assert_true(row > tn_dataset_row(set, i - 1)); /* the order of the file */
    }
}

static void splits_by_size(void **state)
{
    tn_data data;
    data_must_open(*state, "{" TABLE "}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 800);
    assert_int_equal(tn_dataset_samples(data.valid), 200);
    assert_null(data.test);
    tn_data_close(&data);
    data_must_open(*state, "{" SMALL "}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 199);
    assert_null(data.valid);
    tn_data_close(&data);
    write_table(*state, "large.csv", 2000, 5);
    data_must_open(*state, "{\"train\": {\"format\": \"csv\", \"file\": \"large.csv\", \"label\": \"y\"}}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.valid), 200);
    tn_data_close(&data);
    data_must_open(*state, "{" TABLE ", \"valid\": {\"fraction\": 0}}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 1000);
    assert_null(data.valid);
    tn_data_close(&data);
    data_must_open(*state, "{" TABLE ", \"valid\": {\"format\": \"csv\", \"file\": \"other.csv\", \"label\": \"y\"}}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 1000);
    assert_int_equal(tn_dataset_samples(data.valid), 50);
    tn_data_close(&data);
}

static void splits_are_disjoint_and_complete(void **state)
{
    tn_data data;
    data_must_open(*state, "{" TABLE ", \"valid\": {\"fraction\": 0.25}, \"test\": {\"fraction\": 0.1}}", softmax, &data);
    assert_int_equal(tn_dataset_samples(data.valid), 250);
    assert_int_equal(tn_dataset_samples(data.test), 100);
    uint8_t seen[1000] = {0};
    mark_rows(data.train, seen);
    mark_rows(data.valid, seen);
    mark_rows(data.test, seen);
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(seen[i], 1);
    tn_data_close(&data);
}

static void assert_same_rows(const tn_dataset *a, const tn_dataset *b, bool same)
{
    size_t equal = 0;
    assert_int_equal(tn_dataset_samples(a), tn_dataset_samples(b));
    for (size_t i = 0; i < tn_dataset_samples(a); i++)
        equal += tn_dataset_row(a, i) == tn_dataset_row(b, i);
    assert_true((equal == tn_dataset_samples(a)) == same);
}

static void splits_are_stable(void **state)
{
    tn_data first, again, seeded, tested;
    data_must_open(*state, "{" TABLE "}", softmax, &first);
    data_must_open(*state, "{" TABLE ", \"samples\": 10, \"shuffle_labels\": true}", softmax, &again);
    data_must_open(*state, "{" TABLE ", \"seed\": 2}", softmax, &seeded);
    data_must_open(*state, "{" TABLE ", \"test\": {\"fraction\": 0.1}}", softmax, &tested);
    assert_same_rows(first.valid, again.valid, true); /* neither the subset nor the labels move it */
    assert_same_rows(first.valid, seeded.valid, false);
    assert_same_rows(first.valid, tested.valid, true);
    tn_data_close(&first);
    tn_data_close(&again);
    tn_data_close(&seeded);
    tn_data_close(&tested);
}

static void refuses_to_hold_out_all(void **state)
{
    tn_error error;
    data_must_fail(*state, "{" TABLE ", \"valid\": {\"fraction\": 0.6}, \"test\": {\"fraction\": 0.4}}", softmax, TN_ERROR_HYPES,
                   "leaves none to train on", &error);
    assert_string_equal(error.pointer, "/data/valid");
}

static void subsets_are_nested(void **state)
{
    tn_data ten, hundred, all;
    data_must_open(*state, "{" TABLE ", \"samples\": 10}", softmax, &ten);
    data_must_open(*state, "{" TABLE ", \"samples\": 100}", softmax, &hundred);
    data_must_open(*state, "{" TABLE ", \"samples\": 5000}", softmax, &all);
    assert_int_equal(tn_dataset_samples(ten.train), 10);
    assert_int_equal(tn_dataset_samples(hundred.train), 100);
    assert_int_equal(tn_dataset_samples(all.train), 800);
    assert_int_equal(tn_dataset_classes(ten.train), 5);
    for (size_t i = 0; i < 10; i++) {
        bool found = false;
        for (size_t j = 0; j < 100; j++)
            found = found || tn_dataset_row(ten.train, i) == tn_dataset_row(hundred.train, j);
        assert_true(found);
    }
    tn_data_close(&ten);
    tn_data_close(&hundred);
    tn_data_close(&all);
}

static void leaves_out_rows(void **state)
{
    tn_data all, data;
    data_must_open(*state, "{" TABLE ", \"samples\": 100}", softmax, &all);
    assert_null(all.left_out);
    size_t first = tn_dataset_row(all.train, 0), third = tn_dataset_row(all.train, 2), held_out = tn_dataset_row(all.valid, 0);
    char description[256];
    snprintf(description, sizeof description, "{" TABLE ", \"samples\": 100, \"exclude\": [%zu, %zu, %zu]}", third, held_out, first);
    data_must_open(*state, description, softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 98); /* the subset is the same, but for them */
    assert_int_equal(tn_dataset_row(data.train, 0), tn_dataset_row(all.train, 1));
    assert_int_equal(tn_dataset_row(data.train, 97), tn_dataset_row(all.train, 99));
    assert_int_equal(tn_dataset_samples(data.left_out), 2);
    assert_int_equal(tn_dataset_row(data.left_out, 0), first);
    assert_int_equal(tn_dataset_row(data.left_out, 1), third);
    int32_t class;
    tn_dataset_class_labels(data.left_out, NULL, 1, &class);
    assert_int_equal(class, first % 5);
    assert_same_rows(all.valid, data.valid, true);
    tn_data_close(&data);
    tn_data_close(&all);
    tn_error error;
    data_must_fail(*state, "{" TABLE ", \"exclude\": [1000]}", softmax, TN_ERROR_HYPES, "leaves out row 1000, but data.train has 1000 rows",
                   &error);
    assert_string_equal(error.pointer, "/data/exclude");
    data_must_open(*state, "{" TABLE ", \"samples\": 1}", softmax, &all);
    snprintf(description, sizeof description, "{" TABLE ", \"samples\": 1, \"exclude\": [%zu]}", tn_dataset_row(all.train, 0));
    data_must_fail(*state, description, softmax, TN_ERROR_HYPES, "leaves out every training sample", &error);
    tn_data_close(&all);
}

static void filters_classes(void **state)
{
    tn_data data;
    data_must_open(*state, "{" TABLE ", \"classes\": [4, 1], \"valid\": {\"format\": \"csv\", \"file\": \"other.csv\", \"label\": \"y\"}}",
                   softmax, &data);
    assert_int_equal(tn_dataset_samples(data.train), 400);
    assert_int_equal(tn_dataset_samples(data.valid), 20);
    assert_int_equal(tn_dataset_classes(data.train), 2);
    assert_int_equal(tn_dataset_classes(data.valid), 2);
    int32_t classes[400];
    float numbers[400];
    tn_dataset_class_labels(data.train, NULL, 400, classes);
    tn_dataset_target_labels(data.train, NULL, 400, numbers);
    for (size_t i = 0; i < 400; i++) {
        assert_int_equal(classes[i], tn_dataset_row(data.train, i) % 5 == 4 ? 0 : 1); /* numbered in the order of the list */
        assert_near(numbers[i], classes[i], 0);
    }
    tn_data_close(&data);
    tn_error error;
    data_must_fail(*state, "{" TABLE ", \"classes\": [0, 5]}", softmax, TN_ERROR_HYPES,
                   "there is no class 5: the labels hold classes 0 to 4", &error);
    assert_string_equal(error.pointer, "/data/classes");
    data_must_fail(*state, "{" REAL ", \"classes\": [1]}", mse, TN_ERROR_HYPES, "real numbers", &error);
}

static void permutes_labels(void **state)
{
    tn_data data, plain;
    data_must_open(*state, "{" REAL ", \"shuffle_labels\": true}", mse, &data);
    data_must_open(*state, "{" REAL "}", mse, &plain);
    const tn_dataset *sets[2] = {data.train, data.valid}, *plain_sets[2] = {plain.train, plain.valid};
    for (size_t s = 0; s < 2; s++) {
        size_t count = tn_dataset_samples(sets[s]), moved = 0;
        float labels[800], before[800], inputs[1600];
        uint8_t seen[1000] = {0};
        tn_dataset_target_labels(sets[s], NULL, count, labels);
        tn_dataset_target_labels(plain_sets[s], NULL, count, before);
        tn_dataset_inputs(sets[s], NULL, count, inputs);
        for (size_t i = 0; i < count; i++) {
            assert_near(inputs[2 * i], tn_dataset_row(sets[s], i), 0); /* inputs stay */
            seen[(size_t)labels[i] / 10]++;
            moved += labels[i] != before[i];
        }
        for (size_t i = 0; i < count; i++)
            assert_int_equal(seen[(size_t)before[i] / 10], 1); /* the same labels, each once: none came from the other set */
        assert_true(moved > count * 9 / 10);
    }
    tn_data_close(&data);
    tn_data_close(&plain);
}

static void permutes_classes_likewise(void **state)
{
    tn_data data;
    data_must_open(*state, "{" TABLE ", \"shuffle_labels\": true, \"valid\": {\"fraction\": 0}}", softmax, &data);
    int32_t classes[1000];
    size_t times[5] = {0}, kept = 0;
    tn_dataset_class_labels(data.train, NULL, 1000, classes);
    for (size_t i = 0; i < 1000; i++) {
        times[classes[i]]++;
        kept += (size_t)classes[i] == i % 5;
    }
    for (size_t c = 0; c < 5; c++)
        assert_int_equal(times[c], 200);
    assert_in_range(kept, 100, 300); /* 200 by chance */
    tn_data_close(&data);
}

/* The column x of the training split of real.csv. */
static void moments_of_train(const tn_dataset *train, double *mean, double *deviation, double *low, double *high)
{
    size_t count = tn_dataset_samples(train);
    *mean = *deviation = 0;
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t i = 0; i < count; i++) {
        double x = (double)tn_dataset_row(train, i);
        *mean += x / (double)count;
        *low = fmin(*low, x);
        *high = fmax(*high, x);
    }
    for (size_t i = 0; i < count; i++)
        *deviation += pow((double)tn_dataset_row(train, i) - *mean, 2) / (double)count;
    *deviation = sqrt(*deviation);
}

static void assert_maps(const tn_dataset *set, double shift, double gain, double constant)
{
    size_t count = tn_dataset_samples(set);
    float *inputs = malloc(2 * count * sizeof *inputs), *raw = malloc(2 * count * sizeof *raw);
    assert_non_null(inputs);
    assert_non_null(raw);
    tn_dataset_inputs(set, NULL, count, inputs);
    tn_dataset_raw_inputs(set, NULL, count, raw);
    for (size_t i = 0; i < count; i++) {
        double x = (double)tn_dataset_row(set, i);
        assert_near(inputs[2 * i], (x - shift) * gain, 1e-5 * (1 + fabs(x * gain)));
        assert_near(inputs[2 * i + 1], constant, 0);
        assert_near(raw[2 * i], x, 0);
        assert_near(raw[2 * i + 1], 7, 0);
    }
    free(inputs);
    free(raw);
}

static void scales_inputs_by_the_training_split(void **state)
{
    tn_data data;
    double mean, deviation, low, high;
    /* A subset sees the scaling of the whole split. */
    static const char *const subsets[] = {"", ", \"samples\": 20"};
    for (size_t s = 0; s < 2; s++) {
        char text[300];
        snprintf(text, sizeof text, "{" REAL ", \"input\": {\"scale\": \"standardize\"}}");
        data_must_open(*state, text, mse, &data);
        moments_of_train(data.train, &mean, &deviation, &low, &high);
        tn_data_close(&data);
        snprintf(text, sizeof text, "{" REAL ", \"input\": {\"scale\": \"standardize\"}%s}", subsets[s]);
        data_must_open(*state, text, mse, &data);
        assert_maps(data.train, mean, 1 / deviation, 0);
        assert_maps(data.valid, mean, 1 / deviation, 0);
        tn_data_close(&data);
        snprintf(text, sizeof text, "{" REAL ", \"input\": {\"scale\": \"minmax\"}%s}", subsets[s]);
        data_must_open(*state, text, mse, &data);
        assert_maps(data.train, low, 1 / (high - low), 0);
        assert_maps(data.valid, low, 1 / (high - low), 0);
        tn_data_close(&data);
    }
    data_must_open(*state, "{" REAL ", \"input\": {\"scale\": 0.5}}", mse, &data);
    assert_maps(data.train, 0, 0.5, 3.5);
    tn_data_close(&data);
}

static void scales_labels(void **state)
{
    tn_data data;
    double mean, deviation, low, high, shift, gain;
    data_must_open(*state, "{" REAL ", \"label\": {\"scale\": \"standardize\"}}", mse, &data);
    assert_int_equal(data.task, TN_TASK_REGRESSION);
    assert_int_equal(tn_dataset_classes(data.train), 0);
    moments_of_train(data.train, &mean, &deviation, &low, &high);
    tn_dataset_label_scaling(data.valid, 0, &shift, &gain);
    assert_near(shift, 10 * mean, 1e-6);
    assert_near(gain, 1 / (10 * deviation), 1e-9);
    float labels[200];
    tn_dataset_target_labels(data.valid, NULL, 200, labels);
    for (size_t i = 0; i < 200; i++)
        assert_near(labels[i], ((double)tn_dataset_row(data.valid, i) - mean) / deviation, 1e-5);
    tn_data_close(&data);
    data_must_open(*state, "{" REAL ", \"label\": {\"scale\": \"minmax\"}}", mse, &data);
    tn_dataset_label_scaling(data.train, 0, &shift, &gain);
    assert_near(shift, 10 * low, 1e-6);
    assert_near(gain, 1 / (10 * (high - low)), 1e-9);
    tn_data_close(&data);
    data_must_open(*state, "{" REAL ", \"label\": {\"scale\": 0.25}}", mse, &data);
    tn_dataset_label_scaling(data.train, 0, &shift, &gain);
    assert_near(shift, 0, 0);
    assert_near(gain, 0.25, 0);
    tn_data_close(&data);
    data_must_open(*state, "{" TABLE ", \"label\": {\"scale\": 0.25}}", softmax, &data);
    tn_dataset_label_scaling(data.train, 0, &shift, &gain); /* classes are not scaled */
    assert_near(gain, 1, 0);
    tn_data_close(&data);
}

/* The validation file stores its columns with other offsets than the training file; the maps must mean the same. */
static void scales_large_numbers_across_files(void **state)
{
    const test_folder *folder = *state;
    const char *train = "3232235776,0\n3232235777,10\n3232235780,20\n3232235783,30\n", *valid = "3232235990,0\n3232235993,1\n";
    folder_write(folder, "a.csv", train, strlen(train));
    folder_write(folder, "b.csv", valid, strlen(valid));
    tn_data data;
    data_must_open(folder,
                   "{\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 1}, \"valid\": {\"format\": \"csv\", \"file\": "
                   "\"b.csv\", \"label\": 1}, "
                   "\"input\": {\"scale\": \"standardize\"}}",
                   mse, &data);
    float inputs[4], expected = (float)sqrt(30.0 / 4.0); /* deviation of 0, 1, 4, 7: mean 3 */
    tn_dataset_inputs(data.train, NULL, 4, inputs);
    assert_near(inputs[0], -3 / expected, 1e-6);
    assert_near(inputs[3], 4 / expected, 1e-6);
    tn_dataset_inputs(data.valid, NULL, 2, inputs);
    assert_near(inputs[0], 211 / expected, 1e-4);
    assert_near(inputs[1], 214 / expected, 1e-4);
    tn_dataset_raw_inputs(data.valid, NULL, 2, inputs);
    assert_near(inputs[0], 3232235990.0f, 0);
    tn_data_close(&data);
    data_must_open(folder,
                   "{\"train\": {\"format\": \"csv\", \"file\": \"a.csv\", \"label\": 1}, \"valid\": {\"format\": \"csv\", \"file\": "
                   "\"b.csv\", \"label\": 1}, "
                   "\"input\": {\"scale\": 0.5}}",
                   mse, &data);
    tn_dataset_inputs(data.valid, NULL, 2, inputs);
    assert_near(inputs[1], 3232235993.0f * 0.5f, 0);
    tn_data_close(&data);
}

static void scales_images_by_one_map(void **state)
{
    const test_folder *folder = *state;
    bytes images = idx_bytes(3, (uint32_t[]){60, 2, 2}), labels = idx_header(0x08, 1, (uint32_t[]){60});
    for (size_t i = 0; i < 60; i++)
        bytes_add(&labels, i % 2 ? "\1" : "\0", 1);
    folder_write(folder, "images", images.data, images.size);
    folder_write(folder, "labels", labels.data, labels.size);
    tn_data data;
    data_must_open(
        folder,
        "{\"train\": {\"format\": \"idx\", \"inputs\": \"images\", \"labels\": \"labels\"}, \"input\": {\"scale\": \"standardize\"}}",
        softmax, &data);
    const tn_shape *shape = tn_dataset_shape(data.train);
    assert_int_equal(shape->rank, 3);
    assert_int_equal(shape->dims[2], 1);
    double mean = 239 / 2.0, deviation = sqrt((240.0 * 240.0 - 1) / 12); /* of 0 .. 239 */
    float inputs[240];
    tn_dataset_inputs(data.train, NULL, 60, inputs);
    for (size_t i = 0; i < 240; i++)
        assert_near(inputs[i], ((double)i - mean) / deviation, 1e-6);
    tn_data_close(&data);
    data_must_open(folder,
                   "{\"train\": {\"format\": \"idx\", \"inputs\": \"images\", \"labels\": \"labels\"}, \"input\": {\"scale\": \"minmax\"}}",
                   softmax, &data);
    tn_dataset_inputs(data.train, NULL, 60, inputs);
    assert_near(inputs[0], 0, 0);
    assert_near(inputs[239], 1, 1e-6);
    tn_data_close(&data);
    bytes_free(&images);
    bytes_free(&labels);
}

static void reports_files(void **state)
{
    const test_folder *folder = *state;
    tn_error error;
    data_must_fail(folder, "{\"train\": {\"format\": \"csv\", \"file\": \"none.csv\", \"label\": 0}}", mse, TN_ERROR_IO, "cannot open",
                   &error);
    assert_contains(error.file, "none.csv");
    data_must_fail(folder, "{\"train\": {\"format\": \"csv\", \"file\": \".\", \"label\": 0}}", mse, TN_ERROR_IO, "is a folder", &error);
    folder_write(folder, "empty.csv", "", 0);
    data_must_fail(folder, "{\"train\": {\"format\": \"csv\", \"file\": \"empty.csv\", \"label\": 0}}", mse, TN_ERROR_DATA, "is empty",
                   &error);
    folder_write(folder, "bad.csv", "a,b\n1,2\nx,3\n", 12);
    data_must_fail(folder, "{\"train\": {\"format\": \"csv\", \"file\": \"bad.csv\", \"label\": \"b\"}}", mse, TN_ERROR_DATA,
                   "cell 1 of this row (column 'a') holds 'x'", &error);
    assert_contains(error.file, "bad.csv");
    assert_int_equal(error.line, 3);
    bytes images = idx_bytes(3, (uint32_t[]){6, 2, 2}), labels = idx_bytes(1, (uint32_t[]){5});
    folder_write(folder, "images", images.data, images.size);
    folder_write(folder, "labels", labels.data, labels.size);
    data_must_fail(folder, "{\"train\": {\"format\": \"idx\", \"inputs\": \"images\", \"labels\": \"labels\"}}", softmax, TN_ERROR_DATA,
                   "5 labels for 6 samples", &error);
    assert_contains(error.file, "labels");
    data_must_fail(folder, "{\"train\": {\"format\": \"idx\", \"inputs\": \"labels\", \"labels\": \"images\"}}", softmax, TN_ERROR_DATA,
                   "swapped", &error);
    data_must_fail(folder, "{" TABLE ", \"valid\": {\"format\": \"idx\", \"inputs\": \"labels\", \"labels\": \"labels\"}}", softmax,
                   TN_ERROR_HYPES, "must be alike", &error);
    assert_string_equal(error.pointer, "/data/valid");
    bytes_free(&images);
    bytes_free(&labels);
}

/* The inputs of the first training sample are those of its row, but for what is ignored. */
static void assert_first_inputs(const test_folder *folder, const char *data, const char *loss, double x, double z, size_t ignored)
{
    tn_data opened;
    float inputs[2];
    data_must_open(folder, data, loss, &opened);
    tn_dataset_inputs(opened.train, NULL, 1, inputs);
    double row = (double)tn_dataset_row(opened.train, 0);
    assert_near(inputs[0], x * row, 1e-6);
    assert_near(inputs[1], z, 1e-6);
    assert_int_equal(tn_dataset_ignored(opened.train), ignored);
    tn_data_close(&opened);
}

static void ignores_features(void **state)
{
    tn_error error;
    assert_first_inputs(*state, "{" REAL "}", mse, 1, 7, 0);
    assert_first_inputs(*state, "{" REAL ", \"input\": {\"ignore\": [0]}}", mse, 0, 7, 1);
    assert_first_inputs(*state, "{" REAL ", \"input\": {\"ignore\": [1]}}", mse, 1, 0, 1);
    assert_first_inputs(*state, "{" REAL ", \"input\": {\"scale\": 0.5, \"ignore\": \"constant\"}}", mse, 0.5, 0, 1);
    assert_first_inputs(*state, "{" TABLE ", \"samples\": 1, \"input\": {\"ignore\": \"constant\"}}", softmax, 1, 0, 1);
    data_must_fail(*state, "{" REAL ", \"input\": {\"ignore\": [2]}}", mse, TN_ERROR_HYPES, "leaves out feature 2, but a sample has 2",
                   &error);
    assert_string_equal(error.pointer, "/data/input/ignore");
    data_must_fail(*state, "{" REAL ", \"input\": {\"ignore\": [0, 1]}}", mse, TN_ERROR_HYPES, "keep at least one", &error);
}

/* The means of the other features stay what they are, and so does what other sets see. */
static void ignoring_changes_no_other_feature(void **state)
{
    tn_data given, ignoring;
    float expected[2], inputs[2];
    data_must_open(*state, "{" REAL ", \"input\": {\"scale\": \"standardize\"}}", mse, &given);
    data_must_open(*state, "{" REAL ", \"input\": {\"scale\": \"standardize\", \"ignore\": [1]}}", mse, &ignoring);
    for (uint32_t i = 0; i < 100; i++) {
        tn_dataset_inputs(given.valid, &i, 1, expected);
        tn_dataset_inputs(ignoring.valid, &i, 1, inputs);
        assert_near(inputs[0], expected[0], 0);
        assert_near(inputs[1], 0, 0);
        tn_dataset_raw_inputs(ignoring.valid, &i, 1, inputs);
        assert_near(inputs[1], 7, 0); /* a person sees it all the same */
    }
    tn_data_close(&given);
    tn_data_close(&ignoring);
}

static void balances_the_training_set_alone(void **state)
{
    tn_data given, balanced;
    tn_error error;
    size_t counts[2] = {0};
    /* Class 0 and, of the file's last fifty rows, class 1. */
    bytes text = {0};
    bytes_add(&text, "x,y\n", 4);
    for (int i = 0; i < 1000; i++) {
        char row[32];
        snprintf(row, sizeof row, "%d,%d\n", i, i >= 950);
        bytes_add(&text, row, strlen(row));
    }
    folder_write(*state, "rare.csv", text.data, text.size);
    bytes_free(&text);
#define RARE "\"train\": {\"format\": \"csv\", \"file\": \"rare.csv\", \"label\": \"y\"}"
    data_must_open(*state, "{" RARE "}", softmax, &given);
    data_must_open(*state, "{" RARE ", \"balance\": true}", softmax, &balanced);
    for (uint32_t i = 0; i < tn_dataset_samples(balanced.train); i++) {
        int32_t class;
        tn_dataset_class_labels(balanced.train, &i, 1, &class);
        assert_int_equal(class, tn_dataset_row(balanced.train, i) >= 950);
        counts[class]++;
    }
    assert_int_equal(counts[0], counts[1]);
    assert_in_range(counts[0], 740, 780);
    assert_same_rows(given.valid, balanced.valid, true);
    tn_data_close(&given);
    tn_data_close(&balanced);
    data_must_fail(*state, "{" REAL ", \"balance\": true}", mse, TN_ERROR_HYPES, "needs one class a sample, and these samples have targets",
                   &error);
    assert_string_equal(error.pointer, "/data/balance");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_by_size),
        cmocka_unit_test(splits_are_disjoint_and_complete),
        cmocka_unit_test(splits_are_stable),
        cmocka_unit_test(refuses_to_hold_out_all),
        cmocka_unit_test(subsets_are_nested),
        cmocka_unit_test(leaves_out_rows),
        cmocka_unit_test(filters_classes),
        cmocka_unit_test(permutes_labels),
        cmocka_unit_test(permutes_classes_likewise),
        cmocka_unit_test(scales_inputs_by_the_training_split),
        cmocka_unit_test(scales_labels),
        cmocka_unit_test(scales_large_numbers_across_files),
        cmocka_unit_test(scales_images_by_one_map),
        cmocka_unit_test(ignores_features),
        cmocka_unit_test(ignoring_changes_no_other_feature),
        cmocka_unit_test(balances_the_training_set_alone),
        cmocka_unit_test(reports_files),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
