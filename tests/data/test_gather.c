/* test_gather.c: batches by every kind of map, of odd widths and counts, through views and from several threads. */
#include "support_data.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/dataset_parts.h"

enum { ROWS = 37, WIDTH_MAX = 131 };

/* y = (x - shift) * gain with numbers that float32 holds exactly, so that every instruction set must give the same. */
static void check_map(size_t width, bool as_bytes, size_t map_width, size_t count, bool all)
{
    uint8_t *raw = tn_memory_create(ROWS * width, 1);
    float *values = tn_memory_create(ROWS * width, sizeof(float)), *to = tn_memory_create(count * width + 1, sizeof(float));
    float shift[WIDTH_MAX], gain[WIDTH_MAX];
    uint32_t rows[ROWS], samples[ROWS];
    assert_non_null(raw);
    assert_non_null(values);
    assert_non_null(to);
    for (size_t i = 0; i < ROWS * width; i++)
        values[i] = raw[i] = (uint8_t)(i * 7 % 256);
    for (size_t i = 0; i < width; i++) {
        shift[i] = (float)(i % 9);
        gain[i] = i % 2 ? 0.5f : -2;
    }
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = (uint32_t)(i * 5 % ROWS);
        samples[i] = (uint32_t)(ROWS - 1 - i);
    }
    to[count * width] = -12345; /* must stay */
    tn_array array = {
        .rank = 2, .dims = {ROWS, width}, .count = ROWS * width, .bytes = as_bytes ? raw : NULL, .floats = as_bytes ? NULL : values};
    tn_affine map = {.width = map_width, .shift = shift, .gain = gain};
    tn_gather(&array, width, width, &map, rows, all ? NULL : samples, count, to);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < width; j++) {
            float x = values[rows[all ? i : samples[i]] * width + j];
            float expected = map_width == 0 ? x : map_width == 1 ? (x - shift[0]) * gain[0] : (x - shift[j]) * gain[j];
            assert_near(to[i * width + j], expected, 0);
        }
    assert_near(to[count * width], -12345, 0);
    tn_memory_destroy(raw);
    tn_memory_destroy(values);
    tn_memory_destroy(to);
}

static void gathers_every_width(void **state)
{
    (void)state;
    static const size_t widths[] = {1, 2, 3, 7, 8, 15, 16, 17, 31, 63, 64, 65, 127, 131};
    static const size_t counts[] = {0, 1, 2, 3, 36, 37};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
            for (size_t kind = 0; kind < 12; kind++) {
                size_t maps[3] = {0, 1, widths[w]};
                check_map(widths[w], kind % 2, maps[kind / 2 % 3], counts[c], kind / 6);
            }
}

/* 300 samples of 9 values, standardised; opened from a file, since views are made of opened sets. */
static void open_table(tn_data *data)
{
    test_folder folder;
    folder_make(&folder);
    bytes inputs = idx_bytes(2, (uint32_t[]){300, 9}), labels = idx_header(0x08, 1, (uint32_t[]){300});
    for (size_t i = 0; i < 300; i++) {
        uint8_t label = (uint8_t)(i % 3);
        bytes_add(&labels, &label, 1);
    }
    folder_write(&folder, "x", inputs.data, inputs.size);
    folder_write(&folder, "y", labels.data, labels.size);
    data_must_open(&folder,
                   "{\"train\": {\"format\": \"idx\", \"inputs\": \"x\", \"labels\": \"y\"}, \"input\": {\"scale\": \"standardize\"}}",
                   "\"loss\": \"softmax_cross_entropy\"", data);
    folder_remove(&folder);
    bytes_free(&inputs);
    bytes_free(&labels);
}

static void views_show_the_same_samples(void **state)
{
    (void)state;
    tn_data data;
    open_table(&data);
    uint32_t chosen[4] = {17, 3, 200, 3}, again[2] = {2, 0};
    tn_dataset *view, *inner;
    tn_error error = {0};
    assert_int_equal(tn_dataset_view(data.train, chosen, 4, &view, &error), TN_OK);
    assert_int_equal(tn_dataset_view(view, again, 2, &inner, &error), TN_OK);
    assert_int_equal(tn_dataset_samples(inner), 2);
    assert_int_equal(tn_dataset_classes(inner), 3);
    assert_int_equal(tn_dataset_row(inner, 0), tn_dataset_row(data.train, 200));
    uint32_t direct[2] = {200, 17};
    float a[18], b[18], c[2], d[2];
    int32_t e[2], f[2];
    tn_dataset_inputs(data.train, direct, 2, a);
    tn_dataset_inputs(inner, NULL, 2, b);
    assert_memory_equal(a, b, sizeof a);
    tn_dataset_target_labels(data.train, direct, 2, c);
    tn_dataset_target_labels(inner, NULL, 2, d);
    assert_memory_equal(c, d, sizeof c);
    tn_dataset_class_labels(data.train, direct, 2, e);
    tn_dataset_class_labels(inner, NULL, 2, f);
    assert_memory_equal(e, f, sizeof e);
    tn_dataset_destroy(inner);
    assert_int_equal(tn_dataset_view(view, NULL, 3, &inner, &error), TN_OK); /* NULL: the first three */
    assert_int_equal(tn_dataset_row(inner, 2), tn_dataset_row(data.train, 200));
    tn_dataset_destroy(inner);
    tn_dataset_destroy(view);
    tn_dataset_destroy(NULL);
    tn_data_close(&data);
}

typedef struct reader_job {
    const tn_dataset *set;
    const float *expected;
    bool equal;
} reader_job;

static void *read_all(void *argument)
{
    reader_job *job = argument;
    size_t count = tn_dataset_samples(job->set);
    float inputs[9 * 300];
    job->equal = true;
    for (int round = 0; round < 50; round++) {
        tn_dataset_inputs(job->set, NULL, count, inputs);
        job->equal = job->equal && memcmp(inputs, job->expected, 9 * count * sizeof(float)) == 0;
    }
    return NULL;
}

static void threads_may_gather_at_once(void **state)
{
    (void)state;
    tn_data data;
    open_table(&data);
    float expected[9 * 300];
    tn_dataset_inputs(data.train, NULL, tn_dataset_samples(data.train), expected);
    reader_job jobs[4];
    pthread_t threads[4];
    for (size_t i = 0; i < 4; i++) {
        jobs[i] = (reader_job){.set = data.train, .expected = expected};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all, &jobs[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_true(jobs[i].equal);
    }
    tn_data_close(&data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gathers_every_width),
        cmocka_unit_test(views_show_the_same_samples),
        cmocka_unit_test(threads_may_gather_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
