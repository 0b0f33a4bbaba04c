/* test_read_tasks.c: points and pictures that are made up: their labels are those of the rule, told again from the samples themselves. */
#include "support_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { SAMPLES = 400 };

static void open_task(const char *keys, const char *loss, tn_data *data)
{
    static const test_folder none = {.path = ""};
    char text[600];
    snprintf(text, sizeof text, "{\"train\": {\"format\": \"task\", \"samples\": %d, %s}, \"valid\": {\"fraction\": 0}}", SAMPLES, keys);
    data_must_open(&none, text, loss, data);
}

static const char CLASSES[] = "\"loss\": \"softmax_cross_entropy\"", TARGETS[] = "\"loss\": \"mse\"";

static void read_points(const tn_data *data, float points[SAMPLES][2], int32_t classes[SAMPLES])
{
    assert_int_equal(tn_dataset_samples(data->train), SAMPLES);
    assert_int_equal(tn_shape_size(tn_dataset_shape(data->train)), 2);
    tn_dataset_inputs(data->train, NULL, SAMPLES, points[0]);
    tn_dataset_class_labels(data->train, NULL, SAMPLES, classes);
}

static void xor_by_signs(void **state)
{
    (void)state;
    tn_data data;
    float points[SAMPLES][2];
    int32_t classes[SAMPLES], ones = 0;
    open_task("\"task\": \"xor\", \"noise\": 0", CLASSES, &data);
    read_points(&data, points, classes);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_true(fabsf(points[i][0]) <= 1 && fabsf(points[i][1]) <= 1);
        assert_int_equal(classes[i], points[i][0] * points[i][1] < 0);
        ones += classes[i];
    }
    assert_in_range(ones, SAMPLES / 3, 2 * SAMPLES / 3);
    tn_data_close(&data);
}

/* A point at radius r of arm k stands 1.75 r + k / classes turns from the axis. */
static void spirals_by_angle(void **state)
{
    (void)state;
    tn_data data;
    float points[SAMPLES][2];
    int32_t classes[SAMPLES];
    open_task("\"task\": \"spirals\", \"classes\": 3, \"noise\": 0", CLASSES, &data);
    assert_int_equal(tn_dataset_classes(data.train), 3);
    read_points(&data, points, classes);
    for (size_t i = 0; i < SAMPLES; i++) {
        const double radius = hypot((double)points[i][0], (double)points[i][1]);
        const double turns = atan2((double)points[i][1], (double)points[i][0]) / (2 * acos(-1.0));
        const double off = turns - 1.75 * radius - classes[i] / 3.0;
        assert_true(radius <= 1);
        if (radius > 1e-3)
            assert_near(off, round(off), 1e-4);
    }
    tn_data_close(&data);
}

static void blobs_by_nearest_place(void **state)
{
    (void)state;
    tn_data data;
    float points[SAMPLES][2];
    int32_t classes[SAMPLES];
    double squares = 0;
    open_task("\"task\": \"blobs\", \"classes\": 4, \"noise\": 0.1", CLASSES, &data);
    read_points(&data, points, classes);
    for (size_t i = 0; i < SAMPLES; i++) {
        const double angle = classes[i] * acos(-1.0) / 2;
        const double x = (double)points[i][0] - cos(angle), y = (double)points[i][1] - sin(angle);
        assert_true(hypot(x, y) < 0.6);
        squares += x * x + y * y;
    }
    assert_near(sqrt(squares / (2 * SAMPLES)), 0.1, 0.01); /* 800 normal numbers: the deviation's own is 0.0025 */
    tn_data_close(&data);
}

static void seeds(void **state)
{
    (void)state;
    static const char *const tasks[] = {"xor", "spirals", "blobs", "boxes"};
    for (size_t n = 0; n < 4; n++) {
        static float inputs[3][SAMPLES * 16 * 16 * 3];
        size_t width = 0;
        for (size_t k = 0; k < 3; k++) { /* the same seed, and another */
            char keys[100];
            tn_data data;
            snprintf(keys, sizeof keys, "\"task\": \"%s\", \"size\": 16, \"seed\": %d", tasks[n], k < 2 ? 3 : 4);
            open_task(keys, n == 3 ? TARGETS : CLASSES, &data);
            width = tn_shape_size(tn_dataset_shape(data.train));
            assert_int_equal(width, n == 3 ? 16 * 16 * 3 : 2);
            tn_dataset_inputs(data.train, NULL, SAMPLES, inputs[k]);
            tn_data_close(&data);
        }
        assert_memory_equal(inputs[0], inputs[1], SAMPLES * width * sizeof(float));
        assert_memory_not_equal(inputs[0], inputs[2], SAMPLES * width * sizeof(float));
    }
}

enum { SIDE = 24, DARK = 48 };

static bool is_lit(const float *picture, size_t x, size_t y)
{
    const float *pixel = picture + 3 * (y * SIDE + x);
    return pixel[0] > DARK + 60 || pixel[1] > DARK + 60 || pixel[2] > DARK + 60;
}

/* Left upper corners of lit areas: boxes do not touch, not even at corners. */
static size_t count_corners(const float *picture)
{
    size_t corners = 0;
    for (size_t y = 0; y < SIDE; y++)
        for (size_t x = 0; x < SIDE; x++)
            corners += is_lit(picture, x, y) && (x == 0 || !is_lit(picture, x - 1, y)) && (y == 0 || !is_lit(picture, x, y - 1));
    return corners;
}

static void boxes_are_counted(void **state)
{
    (void)state;
    static float pictures[SAMPLES][SIDE * SIDE * 3];
    float counts[SAMPLES];
    size_t seen[6] = {0};
    tn_data data;
    open_task("\"task\": \"boxes\", \"size\": 24, \"objects\": 5", TARGETS, &data);
    assert_int_equal(data.task, TN_TASK_REGRESSION);
    const tn_shape *shape = tn_dataset_shape(data.train);
    assert_true(shape->rank == 3 && shape->dims[0] == SIDE && shape->dims[1] == SIDE && shape->dims[2] == 3);
    tn_dataset_inputs(data.train, NULL, SAMPLES, pictures[0]);
    tn_dataset_target_labels(data.train, NULL, SAMPLES, counts);
    for (size_t i = 0; i < SAMPLES; i++) {
        assert_in_range((size_t)counts[i], 1, 5);
        assert_int_equal(count_corners(pictures[i]), (size_t)counts[i]);
        seen[(size_t)counts[i]]++;
    }
    for (size_t k = 1; k <= 4; k++)
        assert_true(seen[k] >= SAMPLES / 20);
    tn_data_close(&data);
}

static void red_box_is_where_its_label_says(void **state)
{
    (void)state;
    static float pictures[SAMPLES][SIDE * SIDE * 3];
    static float boxes[SAMPLES][4];
    tn_data data;
    open_task("\"task\": \"boxes\", \"size\": 24, \"target\": \"box\"", TARGETS, &data);
    assert_int_equal(tn_dataset_targets(data.train), 4);
    tn_dataset_inputs(data.train, NULL, SAMPLES, pictures[0]);
    tn_dataset_target_labels(data.train, NULL, SAMPLES, boxes[0]);
    for (size_t i = 0; i < SAMPLES; i++) {
        const double x = (double)boxes[i][0] * SIDE, y = (double)boxes[i][1] * SIDE;
        const double right = x + (double)boxes[i][2] * SIDE, lower = y + (double)boxes[i][3] * SIDE;
        for (size_t row = 0; row < SIDE; row++)
            for (size_t column = 0; column < SIDE; column++) {
                const float *pixel = pictures[i] + 3 * (row * SIDE + column);
                const bool red = pixel[0] > 150 && pixel[1] < 100 && pixel[2] < 100;
                const bool inside =
                    (double)column > x - 0.5 && (double)column < right - 0.5 && (double)row > y - 0.5 && (double)row < lower - 0.5;
                assert_int_equal(red, inside);
            }
    }
    tn_data_close(&data);
}

static void wrong_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {"\"task\": \"xorr\"", "\"task\": \"boxes\", \"size\": 8", "\"task\": \"boxes\", \"target\": \"sum\"",
                                      "\"task\": \"blobs\", \"classes\": 1", "\"task\": \"xor\", \"noise\": -1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[300];
        tn_hypes *hypes = NULL;
        tn_error error = {0};
        int length =
            snprintf(text, sizeof text,
                     "{\"data\": {\"train\": {\"format\": \"task\", %s}}, \"net\": [{\"op\": \"flatten\"}], \"loss\": \"mse\"}", bad[i]);
        assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", "", &hypes, &error), TN_ERROR_HYPES);
        assert_contains(error.pointer, "/data/train/");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(xor_by_signs), cmocka_unit_test(spirals_by_angle),  cmocka_unit_test(blobs_by_nearest_place),
        cmocka_unit_test(seeds),        cmocka_unit_test(boxes_are_counted), cmocka_unit_test(red_box_is_where_its_label_says),
        cmocka_unit_test(wrong_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
