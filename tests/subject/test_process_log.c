/* test_process_log.c: lines of $TENET_LOG, whole, in pieces, in every dialect of NaN, and nonsense, which is told with its number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject/process_parts.h"

enum { HEARD_MAX = 4096 };

typedef struct ear {
    char path[64];
    tn_process_log *log;
    tn_step steps[HEARD_MAX];
    tn_score_point scores[HEARD_MAX];
    size_t step_count, score_count, stop_at;
} ear;

static bool hear_step(void *context, const tn_step *step)
{
    ear *e = context;
    assert_true(e->step_count < HEARD_MAX);
    e->steps[e->step_count++] = *step;
    return e->step_count != e->stop_at;
}

static bool hear_score(void *context, const tn_score_point *point)
{
    ear *e = context;
    assert_true(e->score_count < HEARD_MAX);
    e->scores[e->score_count++] = *point;
    return true;
}

static ear *open_ear(void)
{
    ear *e = calloc(1, sizeof *e);
    snprintf(e->path, sizeof e->path, "/tmp/test_process_log.XXXXXX");
    int file = mkstemp(e->path);
    assert_true(file >= 0);
    close(file);
    assert_int_equal(tn_process_log_create(e->path, &e->log, NULL), TN_OK);
    return e;
}

static void close_ear(ear *e)
{
    tn_process_log_destroy(e->log);
    unlink(e->path);
    free(e);
}

static void append(ear *e, const char *bytes, size_t size)
{
    int file = open(e->path, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, bytes, size), size);
    close(file);
}

static tn_status poll_ear(ear *e, bool ended, size_t *lines, tn_error *error)
{
    const tn_log_listener listener = {e, hear_step, hear_score};
    return tn_process_log_poll(e->log, ended, &listener, lines, error);
}

static const char GOOD[] = "{\"step\": 0, \"score\": 0.25}\n"
                           "\n"
                           "{\"step\": 1, \"loss\": 2.5, \"learning_rate\": 0.1, \"samples\": 32, \"extra\": [1, {\"nan\": \"NaN inf\"}]}\n"
                           "{\"epoch\": 1, \"message\": \"hello\"}\n"
                           "{\"step\": 2.0, \"loss\": 2, \"samples\": 64, \"score\": 0.5}\r\n"
                           "  {\"score\": 0.75}\n"
                           "{\"loss\": 1e0, \"step\": 5}\n";

static void check_good(const ear *e)
{
    assert_int_equal(e->step_count, 3);
    assert_int_equal(e->steps[0].step, 1);
    assert_float_equal(e->steps[0].loss, 2.5, 0);
    assert_float_equal(e->steps[0].learning_rate, 0.1, 0);
    assert_int_equal(e->steps[0].samples, 32);
    assert_true(isnan(e->steps[0].gradient_norm));
    assert_int_equal(e->steps[1].step, 2);
    assert_true(isnan(e->steps[1].learning_rate));
    assert_int_equal(e->steps[2].step, 5);
    assert_int_equal(e->steps[2].samples, 0);
    assert_int_equal(e->score_count, 3);
    assert_int_equal(e->scores[0].step, 0);
    assert_float_equal(e->scores[0].valid_score, 0.25, 0);
    assert_true(isnan(e->scores[0].train_score));
    assert_int_equal(e->scores[1].step, 2);
    assert_int_equal(e->scores[1].samples, 64);
    assert_int_equal(e->scores[2].step, 2);
    assert_float_equal(e->scores[2].valid_score, 0.75, 0);
}

static void test_lines(void **state)
{
    (void)state;
    ear *e = open_ear();
    size_t lines;
    tn_error error;
    append(e, GOOD, strlen(GOOD));
    assert_int_equal(poll_ear(e, false, &lines, &error), TN_OK);
    assert_int_equal(lines, 7);
    check_good(e);
    assert_int_equal(poll_ear(e, true, &lines, &error), TN_OK);
    assert_int_equal(lines, 0);
    close_ear(e);
}

/* Cut at every byte, with a look at each side: nothing is told twice, nothing early. */
static void test_every_cut(void **state)
{
    (void)state;
    tn_error error;
    for (size_t cut = 0; cut <= strlen(GOOD); cut++) {
        ear *e = open_ear();
        append(e, GOOD, cut);
        assert_int_equal(poll_ear(e, false, NULL, &error), TN_OK);
        append(e, GOOD + cut, strlen(GOOD) - cut);
        assert_int_equal(poll_ear(e, false, NULL, &error), TN_OK);
        check_good(e);
        close_ear(e);
    }
}

static void test_last_line_without_newline(void **state)
{
    (void)state;
    ear *e = open_ear();
    tn_error error;
    append(e, "{\"step\": 1, \"loss\": 3}", 22);
    assert_int_equal(poll_ear(e, false, NULL, &error), TN_OK);
    assert_int_equal(e->step_count, 0);
    assert_int_equal(poll_ear(e, true, NULL, &error), TN_OK);
    assert_int_equal(e->step_count, 1);
    close_ear(e);
}

static void test_values_that_json_cannot_write(void **state)
{
    (void)state;
    static const struct {
        const char *word;
        double value;
    } WORDS[] = {{"NaN", NAN},      {"nan", NAN},        {"-nan", NAN},          {"-nan(ind)", NAN},
                 {"null", NAN},     {"\"nan\"", NAN},    {"Infinity", INFINITY}, {"-Infinity", -INFINITY},
                 {"inf", INFINITY}, {"-inf", -INFINITY}, {"Inf", INFINITY}};
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        ear *e = open_ear();
        char line[128];
        tn_error error = {0};
        snprintf(line, sizeof line, "{\"a\": \"\\\" nan\", \"step\": 1, \"loss\": %s, \"score\": nan}\n", WORDS[i].word);
        append(e, line, strlen(line));
        if (poll_ear(e, false, NULL, &error) != TN_OK)
            fail_msg("%s: %s", line, error.message);
        assert_int_equal(e->step_count, 1);
        if (isnan(WORDS[i].value))
            assert_true(isnan(e->steps[0].loss));
        else
            assert_true(e->steps[0].loss == WORDS[i].value);
        assert_int_equal(e->score_count, 0);
        close_ear(e);
    }
}

static void test_nonsense(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"step 1 loss 2\n", "is no JSON object"},
        {"[1, 2]\n", "is no JSON object"},
        {"{\"step\": 1, \"loss\": 2\n", "is no JSON object"},
        {"{\"step\": 1, \"loss\": \"low\"}\n", "\"loss\" is no number"},
        {"{\"step\": 1, \"loss\": nanny}\n", "is no JSON object"},
        {"{\"step\": 1.5, \"loss\": 2}\n", "\"step\" is no whole number"},
        {"{\"step\": -1, \"loss\": 2}\n", "\"step\" is no whole number"},
        {"{\"step\": 1e300, \"loss\": 2}\n", "\"step\" is no whole number"},
        {"{\"step\": \"nan\", \"loss\": 2}\n", "\"step\" is no whole number"},
        {"{\"step\": 1, \"samples\": true, \"loss\": 2}\n", "\"samples\" is no whole number"},
        {"{\"loss\": 2}\n", "no \"step\""},
        {"{\"step\": 1, \"loss\": 2, \"score\": []}\n", "\"score\" is no number"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        ear *e = open_ear();
        tn_error error = {0};
        append(e, "{\"other\": 1}\n\n", 14);
        append(e, BAD[i][0], strlen(BAD[i][0]));
        append(e, "{\"step\": 1, \"loss\": 2}\n", 23);
        assert_int_equal(poll_ear(e, false, NULL, &error), TN_ERROR_DATA);
        if (!strstr(error.message, BAD[i][1]) || !strstr(error.message, "line 3 "))
            fail_msg("%s: %s", BAD[i][0], error.message);
        assert_int_equal(error.line, 3);
        assert_string_equal(error.file, e->path);
        assert_int_equal(e->step_count, 0);
        /* Whoever goes on hears what follows. */
        assert_int_equal(poll_ear(e, false, NULL, &error), TN_OK);
        assert_int_equal(e->step_count, 1);
        close_ear(e);
    }
}

static void test_steps_must_rise(void **state)
{
    (void)state;
    ear *e = open_ear();
    tn_error error;
    append(e, "{\"step\": 2, \"loss\": 1}\n{\"step\": 2, \"loss\": 1}\n", 46);
    assert_int_equal(poll_ear(e, false, NULL, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "step 2 comes after step 2"));
    assert_int_equal(error.line, 2);
    close_ear(e);
}

static void test_zero_bytes_and_long_lines(void **state)
{
    (void)state;
    ear *e = open_ear();
    tn_error error;
    append(e, "{\"a\0\": 1}\n", 10);
    assert_int_equal(poll_ear(e, false, NULL, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "zero byte"));
    close_ear(e);
    e = open_ear();
    char *longer = malloc(2 << 20);
    memset(longer, 'x', 2 << 20);
    append(e, longer, 2 << 20);
    free(longer);
    assert_int_equal(poll_ear(e, false, NULL, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "more than 1 MiB"));
    close_ear(e);
}

static void test_file_that_comes_late_or_shrinks(void **state)
{
    (void)state;
    ear *e = open_ear();
    tn_error error;
    size_t lines = 9;
    unlink(e->path);
    assert_int_equal(poll_ear(e, false, &lines, &error), TN_OK);
    assert_int_equal(lines, 0);
    int file = open(e->path, O_WRONLY | O_CREAT, 0600);
    close(file);
    append(e, "{\"step\": 1, \"loss\": 1}\n", 23);
    assert_int_equal(poll_ear(e, false, &lines, &error), TN_OK);
    assert_int_equal(lines, 1);
    assert_int_equal(truncate(e->path, 3), 0);
    assert_int_equal(poll_ear(e, false, &lines, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "shorter after line 1"));
    close_ear(e);
}

static void test_listener_that_has_heard_enough(void **state)
{
    (void)state;
    ear *e = open_ear();
    tn_error error;
    e->stop_at = 2;
    for (int i = 1; i <= 1000; i++) {
        char line[64];
        snprintf(line, sizeof line, "{\"step\": %d, \"loss\": 1, \"score\": 1}\n", i);
        append(e, line, strlen(line));
    }
    assert_int_equal(poll_ear(e, false, NULL, &error), TN_OK);
    assert_int_equal(poll_ear(e, true, NULL, &error), TN_OK);
    assert_int_equal(e->step_count, 2);
    assert_int_equal(e->score_count, 1);
    close_ear(e);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_last_line_without_newline),
        cmocka_unit_test(test_values_that_json_cannot_write),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_steps_must_rise),
        cmocka_unit_test(test_zero_bytes_and_long_lines),
        cmocka_unit_test(test_file_that_comes_late_or_shrinks),
        cmocka_unit_test(test_listener_that_has_heard_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
