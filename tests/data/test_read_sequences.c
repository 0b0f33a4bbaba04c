/* test_read_sequences.c: texts as windows of characters, and tasks that are made up: what they hold, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/reader.h"

static void parse(const char *text, size_t time, size_t stride, tn_source **source, tn_status expected, const char *words)
{
    tn_error error = {0};
    *source = tn_source_new();
    assert_non_null(*source);
    tn_status status = tn_text_parse((const uint8_t *)text, strlen(text), time, stride, *source, &error);
    if (status == TN_OK)
        status = tn_source_complete(*source, &error);
    assert_int_equal(status, expected);
    if (words && strstr(error.message, words) == NULL)
        fail_msg("\"%s\" says nothing of \"%s\"", error.message, words);
}

static void windows(void **state)
{
    (void)state;
    tn_source *source;
    parse("abcabcad", 3, 3, &source, TN_OK, NULL);
    assert_int_equal(source->samples, 2); /* abc -> bca, abc -> bca; ad fills no window */
    assert_int_equal(source->class_count, 4);
    assert_string_equal(source->class_names[3], "d");
    assert_true(source->are_tokens && source->labels_each_step);
    static const uint8_t inputs[] = {0, 1, 2, 0, 1, 2}, labels[] = {1, 2, 0, 1, 2, 0};
    assert_memory_equal(source->inputs.bytes, inputs, sizeof inputs);
    assert_memory_equal(source->labels.bytes, labels, sizeof labels);
    tn_source_release(source);
    parse("abcabcad", 3, 1, &source, TN_OK, NULL);
    assert_int_equal(source->samples, 5);
    assert_int_equal(source->inputs.bytes[12], 1); /* bca -> cad */
    assert_int_equal(source->labels.bytes[14], 3);
    tn_source_release(source);
    parse("\xC3\xA4z\xE2\x82\xAC\xF0\x9F\x98\x80", 1, 1, &source, TN_OK, NULL); /* numbered as Unicode does: z, a-umlaut, euro, a face */
    static const uint8_t of_codes[] = {1, 0, 2};
    assert_int_equal(source->samples, 3);
    assert_memory_equal(source->inputs.bytes, of_codes, sizeof of_codes);
    assert_string_equal(source->class_names[1], "\xC3\xA4");
    assert_string_equal(source->class_names[2], "\xE2\x82\xAC");
    assert_string_equal(source->class_names[3], "\xF0\x9F\x98\x80");
    tn_source_release(source);
}

static void wrong_texts(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "a\x80", "a\xC3", "a\xC3z", "\xC0\xAFz", "a\xED\xA0\x80", "\xF8\x88\x80\x80\x80", "z\xF4\x90\x80\x80"};
    tn_source *source;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        parse(bad[i], 1, 1, &source, TN_ERROR_DATA, "is no text in UTF-8: byte ");
        tn_source_release(source);
    }
    parse("abc", 3, 3, &source, TN_ERROR_DATA, "holds 3 characters; a window of 3 and the one behind it take 4");
    tn_source_release(source);
    parse("", 1, 1, &source, TN_ERROR_DATA, "holds 0 characters");
    tn_source_release(source);
    tn_error error = {0};
    source = tn_source_new();
    assert_int_equal(tn_text_parse((const uint8_t *)"a\0b", 3, 1, 1, source, &error), TN_ERROR_DATA);
    tn_source_release(source);
}

static void open_task(const char *task, size_t time, size_t seed, tn_hypes **hypes, tn_data *data)
{
    char text[600];
    tn_error error;
    int length =
        snprintf(text, sizeof text,
                 "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"%s\", \"samples\": 50, \"time\": %zu, \"vocabulary\": 7, "
                 "\"seed\": %zu}}, \"net\": [{\"op\": \"flatten\"}], \"loss\": \"%s\"}",
                 task, time, seed, strcmp(task, "adding") == 0 ? "mse" : "softmax_cross_entropy");
    assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", "", hypes, &error), TN_OK);
    tn_status status = tn_data_open(*hypes, NULL, data, &error);
    if (status != TN_OK)
        fail_msg("%s", error.message);
}

static void tasks(void **state)
{
    (void)state;
    static const char *const names[] = {"copy", "translation"};
    enum { TIME = 5 };
    for (size_t n = 0; n < 2; n++) {
        tn_hypes *hypes;
        tn_data data;
        open_task(names[n], TIME, 3, &hypes, &data);
        assert_int_equal(tn_dataset_label_steps(data.train), 2 * TIME);
        assert_true(tn_dataset_classes(data.train) <= 7);
        float words[7] = {0}; /* what each word was translated to */
        for (uint32_t i = 0; i < 50; i++) {
            float x[2 * TIME];
            int32_t y[2 * TIME];
            tn_dataset_inputs(data.train, &i, 1, x);
            tn_dataset_class_labels(data.train, &i, 1, y);
            assert_true(x[TIME] == 1);
            for (size_t t = 0; t < TIME; t++) {
                const size_t from = n == 0 ? t : t % 2 ? t - 1 : t + 1 < TIME ? t + 1 : t;
                assert_int_equal(y[t], -1);
                assert_true(x[t] >= 2 && x[t] < 7);
                float *word = &words[(size_t)x[from]];
                if (*word == 0)
                    *word = (float)y[TIME + t];
                assert_true(*word == (float)y[TIME + t] && (n == 1 || *word == x[from]));
                if (t > 0)
                    assert_true(x[TIME + t] == (n == 0 ? 0 : (float)y[TIME + t - 1]));
            }
        }
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
}

static void adding(void **state)
{
    (void)state;
    tn_hypes *hypes[3];
    tn_data data[3];
    for (size_t k = 0; k < 3; k++) /* the same seed, and another */
        open_task("adding", 8, k < 2 ? 3 : 4, &hypes[k], &data[k]);
    assert_int_equal(tn_dataset_shape(data[0].train)->rank, 2);
    bool differs = false;
    for (uint32_t i = 0; i < 50; i++) {
        float x[3][16], y, sum = 0, marks = 0;
        for (size_t k = 0; k < 3; k++)
            tn_dataset_inputs(data[k].train, &i, 1, x[k]);
        tn_dataset_target_labels(data[0].train, &i, 1, &y);
        for (size_t t = 0; t < 8; t++) {
            sum += x[0][2 * t] * x[0][2 * t + 1];
            marks += x[0][2 * t + 1];
        }
        assert_true(marks == 2 && sum == y);
        assert_memory_equal(x[0], x[1], sizeof x[0]);
        differs = differs || memcmp(x[0], x[2], sizeof x[0]) != 0;
    }
    assert_true(differs);
    for (size_t k = 0; k < 3; k++) {
        tn_data_close(&data[k]);
        tn_hypes_destroy(hypes[k]);
    }
}

/* Validation data in other characters would have other numbers. */
static void other_characters(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet_text_XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    static const char *const texts[] = {"ababab", "acacac"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%zu.txt", folder, i);
        FILE *file = fopen(path, "w");
        assert_non_null(file);
        fputs(texts[i], file);
        fclose(file);
    }
    for (size_t other = 0; other < 2; other++) {
        char text[600];
        tn_hypes *hypes;
        tn_data data;
        tn_error error;
        int length = snprintf(
            text, sizeof text,
            "{\"data\": {\"train\": {\"format\": \"text\", \"file\": \"0.txt\", \"time\": 2}, \"valid\": {\"format\": \"text\", \"file\": "
            "\"%zu.txt\", \"time\": 2}}, \"net\": [{\"op\": \"flatten\"}], \"loss\": \"softmax_cross_entropy\"}",
            other);
        assert_int_equal(tn_hypes_parse(text, (size_t)length, "t.json", folder, &hypes, &error), TN_OK);
        assert_int_equal(tn_data_open(hypes, NULL, &data, &error), other ? TN_ERROR_HYPES : TN_OK);
        if (other)
            assert_non_null(strstr(error.message, "it is written in 2 other words or characters than data.train, which has 2"));
        tn_data_close(&data);
        tn_hypes_destroy(hypes);
    }
    for (size_t i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%zu.txt", folder, i);
        unlink(path);
    }
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(windows), cmocka_unit_test(wrong_texts), cmocka_unit_test(tasks),
                                       cmocka_unit_test(adding), cmocka_unit_test(other_characters)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
