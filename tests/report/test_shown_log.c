/* test_shown_log.c: samples are kept as they are shown, predictions as shares, and the first and last moments always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include <math.h>

#include "report/shown_log.h"

static tn_shown_log *create(const tn_shown_inputs *inputs)
{
    tn_shown_log *log;
    assert_int_equal(tn_shown_log_create(inputs, &log, NULL), TN_OK);
    return log;
}

static json_t *json_of(const tn_shown_log *log)
{
    tn_text text;
    json_error_t mistake;
    tn_text_init(&text);
    tn_shown_log_json(log, &text);
    json_t *json = json_loads(text.data, 0, &mistake);
    if (!json)
        fail_msg("%s\n%s", mistake.text, text.data);
    tn_text_deinit(&text);
    return json;
}

static const json_t *item(const json_t *json, size_t i, const char *key)
{
    return json_object_get(json_array_get(json_object_get(json, "items"), i), key);
}

static void near(const json_t *value, double expected)
{
    if (!(fabs(json_number_value(value) - expected) <= 1e-5))
        fail_msg("%g, expected %g", json_number_value(value), expected);
}

static void classes_become_shares(void **state)
{
    (void)state;
    static const float INPUTS[] = {1, -2.5f}, LABELS[] = {2, 0}, OUTPUTS[] = {0, 0, 0, 1000, 1002, 1001};
    tn_shown_log *log = create(&(tn_shown_inputs){
        .meaning = TN_SHOWN_LOGITS, .count = 2, .input_size = 2, .label_size = 1, .output_size = 3, .note = "a \"note\""});
    for (size_t i = 0; i < 2; i++)
        tn_shown_log_sample(log, i, 10 + i, INPUTS, &LABELS[i]);
    tn_shown_log_moment(log, 0);
    for (size_t i = 0; i < 2; i++)
        tn_shown_log_output(log, i, OUTPUTS + 3 * i, i ? (double)NAN : 0.5);
    json_t *json = json_of(log);
    assert_true(json_is_true(json_object_get(json, "classes")));
    assert_string_equal(json_string_value(json_object_get(json, "note")), "a \"note\"");
    assert_int_equal(json_integer_value(item(json, 1, "row")), 11);
    assert_int_equal(json_integer_value(item(json, 0, "label")), 2);
    near(json_array_get(item(json, 0, "inputs"), 1), -2.5);
    assert_null(item(json, 0, "pixels"));
    near(json_array_get(json_array_get(item(json, 0, "shares"), 0), 1), 1.0 / 3);
    near(json_array_get(item(json, 0, "loss"), 0), 0.5);
    /* Large logits do not overflow: softmax(-2, 0, -1). */
    double sum = exp(-2) + 1 + exp(-1);
    assert_int_equal(json_integer_value(json_array_get(item(json, 1, "best"), 0)), 1);
    near(json_array_get(item(json, 1, "best_share"), 0), 1 / sum);
    near(json_array_get(item(json, 1, "label_share"), 0), exp(-2) / sum);
    assert_true(json_is_null(json_array_get(item(json, 1, "loss"), 0)));
    json_decref(json);
    tn_shown_log_destroy(log);
}

static void many_classes_are_told_by_the_best(void **state)
{
    (void)state;
    float outputs[100] = {0}, label = 7, input = 1;
    outputs[99] = 0.75f;
    outputs[7] = 0.25f;
    tn_shown_log *log =
        create(&(tn_shown_inputs){.meaning = TN_SHOWN_SHARES, .count = 1, .input_size = 1, .label_size = 1, .output_size = 100});
    tn_shown_log_sample(log, 0, 0, &input, &label);
    tn_shown_log_moment(log, 5);
    tn_shown_log_output(log, 0, outputs, 1);
    json_t *json = json_of(log);
    assert_null(item(json, 0, "shares"));
    assert_int_equal(json_integer_value(json_array_get(item(json, 0, "best"), 0)), 99);
    near(json_array_get(item(json, 0, "best_share"), 0), 0.75);
    near(json_array_get(item(json, 0, "label_share"), 0), 0.25);
    json_decref(json);
    tn_shown_log_destroy(log);
}

static void numbers_stay_numbers(void **state)
{
    (void)state;
    static const float INPUTS[] = {1}, LABELS[] = {3.5f, -1}, OUTPUTS[] = {2, NAN};
    tn_shown_log *log =
        create(&(tn_shown_inputs){.meaning = TN_SHOWN_NUMBERS, .count = 1, .input_size = 1, .label_size = 2, .output_size = 2});
    tn_shown_log_sample(log, 0, 4, INPUTS, LABELS);
    tn_shown_log_moment(log, 0);
    tn_shown_log_output(log, 0, OUTPUTS, 0.1);
    json_t *json = json_of(log);
    assert_false(json_is_true(json_object_get(json, "classes")));
    near(json_array_get(item(json, 0, "label"), 0), 3.5);
    near(json_array_get(json_array_get(item(json, 0, "values"), 0), 0), 2);
    assert_true(json_is_null(json_array_get(json_array_get(item(json, 0, "values"), 0), 1)));
    json_decref(json);
    tn_shown_log_destroy(log);
}

/* Grey 8 by 8 from dark to light; a picture of 96 by 96 in three colours is made smaller by averaging. */
static void pictures_are_drawn(void **state)
{
    (void)state;
    float grey[64], large[96 * 96 * 3], label = 0;
    for (size_t i = 0; i < 64; i++)
        grey[i] = (float)i;
    tn_shown_log *log =
        create(&(tn_shown_inputs){.meaning = TN_SHOWN_LOGITS, .count = 1, .input_size = 64, .label_size = 1, .output_size = 2});
    tn_shown_log_sample(log, 0, 0, grey, &label);
    tn_shown_log_moment(log, 0);
    tn_shown_log_output(log, 0, (float[]){0, 1}, 0);
    json_t *json = json_of(log);
    assert_string_equal(json_string_value(item(json, 0, "pixels")), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    assert_int_equal(json_integer_value(json_array_get(json_object_get(json, "shape"), 0)), 8);
    json_decref(json);
    tn_shown_log_destroy(log);

    for (size_t i = 0; i < 96 * 96; i++)
        for (size_t c = 0; c < 3; c++) /* red on the left, green on the right, no blue */
            large[3 * i + c] = c == 0 ? (float)(i % 96 < 48) : c == 1 ? (float)(i % 96 >= 48) : 0;
    log = create(&(tn_shown_inputs){.meaning = TN_SHOWN_LOGITS,
                                    .count = 1,
                                    .input_size = 96 * 96 * 3,
                                    .label_size = 1,
                                    .output_size = 2,
                                    .height = 96,
                                    .width = 96,
                                    .channels = 3});
    tn_shown_log_sample(log, 0, 0, large, &label);
    tn_shown_log_moment(log, 0);
    tn_shown_log_output(log, 0, (float[]){0, 1}, 0);
    json = json_of(log);
    const char *pixels = json_string_value(item(json, 0, "pixels"));
    assert_int_equal(strlen(pixels), 48 * 48 * 3);
    assert_memory_equal(pixels, "/AA/AA", 6);
    assert_memory_equal(pixels + 3 * 47, "A/A", 3);
    json_decref(json);
    tn_shown_log_destroy(log);
}

static void codes_of_letters_are_a_text(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {"In the beginning <God> created", "7 8 9 4 5 6 1 2 3 4 5 6 7 8 9 0"};
    for (size_t t = 0; t < 2; t++) {
        float inputs[40] = {0}, label = 1;
        for (size_t i = 0; TEXTS[t][i]; i++)
            inputs[i] = (float)TEXTS[t][i];
        tn_shown_log *log =
            create(&(tn_shown_inputs){.meaning = TN_SHOWN_LOGITS, .count = 1, .input_size = 40, .label_size = 1, .output_size = 2});
        tn_shown_log_sample(log, 0, 0, inputs, &label);
        tn_shown_log_moment(log, 0);
        tn_shown_log_output(log, 0, (float[]){0, 1}, 0);
        json_t *json = json_of(log);
        if (t == 0)
            assert_string_equal(json_string_value(item(json, 0, "text")), TEXTS[0]);
        else
            assert_null(item(json, 0, "text"));
        json_decref(json);
        tn_shown_log_destroy(log);
    }
}

static void the_ends_are_always_there(void **state)
{
    (void)state;
    static const float INPUT[] = {1}, LABEL[] = {0};
    tn_shown_log *log = create(
        &(tn_shown_inputs){.meaning = TN_SHOWN_NUMBERS, .count = TN_SHOWN_SAMPLES + 5, .input_size = 1, .label_size = 1, .output_size = 1});
    for (size_t i = 0; i < TN_SHOWN_SAMPLES + 5; i++)
        tn_shown_log_sample(log, i, i, INPUT, LABEL);
    for (uint64_t moment = 0; moment < 2 * TN_SHOWN_MOMENTS; moment++) {
        const float output = (float)moment;
        for (int twice = 0; twice < 2; twice++)
            tn_shown_log_moment(log, moment);
        for (size_t i = 0; i < TN_SHOWN_SAMPLES + 5; i++)
            tn_shown_log_output(log, i, &output, 0);
    }
    assert_int_equal(tn_shown_log_moments(log), TN_SHOWN_MOMENTS);
    json_t *json = json_of(log);
    const json_t *steps = json_object_get(json, "steps");
    assert_int_equal(json_array_size(json_object_get(json, "items")), TN_SHOWN_SAMPLES);
    assert_int_equal(json_integer_value(json_array_get(steps, 0)), 0);
    assert_int_equal(json_integer_value(json_array_get(steps, 1)), 1); /* the second of one step took the first one's place */
    assert_int_equal(json_integer_value(json_array_get(steps, TN_SHOWN_MOMENTS - 1)), 2 * TN_SHOWN_MOMENTS - 1);
    near(json_array_get(json_array_get(item(json, 0, "values"), TN_SHOWN_MOMENTS - 1), 0), 2 * TN_SHOWN_MOMENTS - 1);
    json_decref(json);
    tn_shown_log_destroy(log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_become_shares),       cmocka_unit_test(many_classes_are_told_by_the_best),
        cmocka_unit_test(numbers_stay_numbers),        cmocka_unit_test(pictures_are_drawn),
        cmocka_unit_test(codes_of_letters_are_a_text), cmocka_unit_test(the_ends_are_always_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
