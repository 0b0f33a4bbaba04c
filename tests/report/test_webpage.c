/* test_webpage.c: the page of a run holds the numbers of its history, is never too long, and no name can break it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include <math.h>

#include "report/webpage.h"
#include "support_history.h"

static const char HOSTILE[] = "</script><script>alert(1)</script><!-- \" ' & \\ \n \x01 \xff \xc3\xa9 {{run}}";

static const tn_run_facts FACTS = {.title = "net.json",
                                   .kind = "native",
                                   .state = "running",
                                   .steps_total = 100,
                                   .parameters = 12,
                                   .seconds = 1.5,
                                   .written = 1700000000,
                                   .refresh = 3};

static json_t *page_json(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, size_t most)
{
    tn_text text;
    json_error_t mistake;
    tn_text_init(&text);
    tn_error error = {0};
    if (tn_webpage_json(facts, history, shown, most, &text, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_true(text.length <= most);
    json_t *json = json_loadb(text.data, text.length, 0, &mistake);
    if (!json)
        fail_msg("%s\n%s", mistake.text, text.data);
    tn_text_deinit(&text);
    return json;
}

static double number_at(const json_t *array, size_t i)
{
    const json_t *value = json_array_get(array, i);
    return json_is_number(value) ? json_number_value(value) : NAN;
}

static void near(double found, double expected)
{
    if (!(fabs(found - expected) <= 1e-5 * fabs(expected)))
        fail_msg("%.9g, expected %.9g", found, expected);
}

static void numbers_are_those_of_the_history(void **state)
{
    (void)state;
    tn_history *history = support_history();
    support_history_run(history, 57, "dense_1");
    support_history_signal(history, "diverging", 12, "dense_1.weight", "it grows");
    json_t *json = page_json(&FACTS, history, NULL, TN_WEBPAGE_MAX);
    assert_string_equal(json_string_value(json_object_get(json, "schema")), "tenet.page/1");
    assert_string_equal(json_string_value(json_object_get(json, "state")), "running");
    assert_int_equal(json_integer_value(json_object_get(json, "step")), 57);
    assert_int_equal(json_integer_value(json_object_get(json, "steps_total")), 100);
    assert_int_equal(json_integer_value(json_object_get(json, "written")), 1700000000);
    assert_true(json_is_null(json_object_get(json, "train_samples"))); /* not known */

    const json_t *loss = json_object_get(json_object_get(json, "series"), "loss");
    assert_int_equal(json_array_size(json_object_get(loss, "step")), 57);
    assert_null(json_object_get(loss, "min")); /* a point is one step */
    for (size_t i = 0; i < 57; i++) {
        assert_int_equal(json_integer_value(json_array_get(json_object_get(loss, "step"), i)), i + 1);
        near(number_at(json_object_get(loss, "mean"), i), 2 / (double)(i + 1));
    }
    near(json_number_value(json_object_get(loss, "last")), 2 / 57.0);
    const json_t *score = json_object_get(json_object_get(json, "series"), "score.valid");
    assert_int_equal(json_array_size(json_object_get(score, "step")), 2);
    near(number_at(json_object_get(score, "mean"), 1), 0.75);
    assert_null(json_object_get(json_object_get(json, "series"), "score.train"));

    const json_t *signal = json_array_get(json_object_get(json, "signals"), 0);
    assert_string_equal(json_string_value(json_object_get(signal, "text")), "it grows");
    assert_int_equal(json_integer_value(json_object_get(signal, "step")), 12);

    /* Tensors: six, on one grid of steps 1, 11 .. 51. */
    const json_t *tensors = json_object_get(json, "tensors"), *grids = json_object_get(json, "grids");
    assert_int_equal(json_array_size(tensors), 6);
    assert_int_equal(json_array_size(grids), 1);
    assert_int_equal(json_array_size(json_array_get(grids, 0)), 6);
    assert_int_equal(json_integer_value(json_array_get(json_array_get(grids, 0), 5)), 51);
    for (size_t i = 0; i < 6; i++) {
        const json_t *tensor = json_array_get(tensors, i);
        const tn_history_tensor *kept = tn_history_tensor_at(history, i);
        const char *cells = json_string_value(json_object_get(tensor, "cells"));
        assert_string_equal(json_string_value(json_object_get(tensor, "key")), kept->key);
        assert_string_equal(json_string_value(json_object_get(tensor, "role")), tn_role_name(kept->role));
        for (size_t row = 0; row < 6; row++) {
            const tn_history_row *from = tn_history_row_at(kept, row);
            if (kept->role == TN_ROLE_UPDATE) {
                near(number_at(json_object_get(tensor, "ratio"), row), from->ratio);
                continue;
            }
            near(number_at(json_object_get(tensor, "rms"), row), from->rms);
            near(number_at(json_object_get(tensor, "zeros"), row), from->zeros);
            assert_int_equal(json_integer_value(json_array_get(json_object_get(tensor, "top"), row)), from->top);
            for (size_t k = 0; k < 2 * TN_HISTORY_BUCKETS; k++) {
                unsigned level = tn_page_share_level(from->histogram[k / TN_HISTORY_BUCKETS][k % TN_HISTORY_BUCKETS]);
                assert_int_equal(cells[row * 2 * TN_HISTORY_BUCKETS + k], tn_page_digit(level));
            }
        }
    }
    json_decref(json);
    tn_history_destroy(history);
}

static void shares_keep_their_size(void **state)
{
    (void)state;
    assert_int_equal(tn_page_share_level(0), 0);
    assert_int_equal(tn_page_share_level(1), 1);
    assert_int_equal(tn_page_share_level(65535), 63);
    for (unsigned share = 1; share <= 65535; share++) {
        /* As the page reads it back. */
        double back = pow(2, ((double)tn_page_share_level((uint16_t)share) - 1) * 16 / 62);
        if (!(back / share < 1.1 && share / back < 1.1))
            fail_msg("%u comes back as %g", share, back);
    }
    assert_int_equal(tn_page_digit(0), 'A');
    assert_int_equal(tn_page_digit(25), 'Z');
    assert_int_equal(tn_page_digit(26), 'a');
    assert_int_equal(tn_page_digit(52), '0');
    assert_int_equal(tn_page_digit(62), '+');
    assert_int_equal(tn_page_digit(63), '/');
}

static void what_is_not_finite_is_told(void **state)
{
    (void)state;
    tn_history *history = support_history();
    for (uint64_t step = 1; step <= 9; step++)
        support_history_step(history, step, step == 4 ? (double)INFINITY : step > 7 ? (double)NAN : 1, 0.1, NAN);
    json_t *json = page_json(&FACTS, history, NULL, TN_WEBPAGE_MAX);
    const json_t *series = json_object_get(json, "series"), *loss = json_object_get(series, "loss");
    assert_true(json_is_null(json_array_get(json_object_get(loss, "mean"), 3)));
    assert_true(json_is_null(json_object_get(loss, "last")));
    assert_int_equal(json_integer_value(json_object_get(loss, "bad")), 3);
    assert_int_equal(json_array_size(json_object_get(loss, "nonfinite")), 3);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(loss, "nonfinite"), 0)), 4);
    assert_null(json_object_get(series, "gradient_norm")); /* nobody computed it */
    json_decref(json);
    tn_history_destroy(history);
}

/* Of a long run, as many points as fit, and nothing between them is lost: the extremes and the last value stand. */
static void long_runs_are_thinned(void **state)
{
    (void)state;
    tn_history *history = support_history();
    for (uint64_t step = 1; step <= 100000; step++)
        support_history_step(history, step, step == 77777 ? 1000 : step == 33333 ? -5 : 1 + (double)(step % 2), 0.1, 1);
    json_t *json = page_json(&FACTS, history, NULL, TN_WEBPAGE_MAX);
    const json_t *loss = json_object_get(json_object_get(json, "series"), "loss");
    size_t points = json_array_size(json_object_get(loss, "step"));
    assert_true(points > 200 && points <= 512);
    assert_int_equal(json_integer_value(json_array_get(json_object_get(loss, "step"), points - 1)), 100000);
    double least = INFINITY, most = -INFINITY;
    for (size_t i = 0; i < points; i++) {
        least = fmin(least, number_at(json_object_get(loss, "min"), i));
        most = fmax(most, number_at(json_object_get(loss, "max"), i));
        if (i > 0)
            assert_true(json_integer_value(json_array_get(json_object_get(loss, "step"), i)) >
                        json_integer_value(json_array_get(json_object_get(loss, "step"), i - 1)));
    }
    near(least, -5);
    near(most, 1000);
    json_decref(json);
    tn_history_destroy(history);
}

/* The largest history there can be stays under the limit; a smaller limit takes points, then tensors, and says how many. */
static void it_is_never_too_long(void **state)
{
    (void)state;
    char node[64];
    tn_history *history = support_history();
    for (uint64_t step = 1; step <= 300; step++) {
        for (size_t i = 0; i < TN_HISTORY_TENSORS + 3; i++) {
            snprintf(node, sizeof node, "a_layer_with_a_long_name_of_its_own_%zu", i);
            if (step % 2 == 1)
                support_history_tensor(history, step, node, "weight", i % 3 == 0 ? TN_ROLE_UPDATE : TN_ROLE_WEIGHT, i, (float)step);
        }
        support_history_step(history, step, 1, 0.1, 1);
    }
    tn_text html;
    tn_text_init(&html);
    assert_int_equal(tn_webpage_html(&FACTS, history, NULL, &html, NULL), TN_OK);
    assert_true(html.length <= TN_WEBPAGE_MAX);
    tn_text_deinit(&html);
    json_t *json = page_json(&FACTS, history, NULL, 300000);
    size_t shown = json_array_size(json_object_get(json, "tensors"));
    assert_true(shown >= 100);
    assert_int_equal(json_integer_value(json_object_get(json, "left_out")) + (json_int_t)shown, TN_HISTORY_TENSORS + 3);
    /* The last row stays. */
    const json_t *grid = json_array_get(json_object_get(json, "grids"), 0);
    assert_int_equal(json_integer_value(json_array_get(grid, json_array_size(grid) - 1)), 299);
    json_decref(json);
    tn_text text;
    tn_error error;
    tn_text_init(&text);
    assert_int_equal(tn_webpage_json(&FACTS, history, NULL, 1000, &text, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "expected at most 1000"));
    tn_text_deinit(&text);
    tn_history_destroy(history);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, word)); at++)
        count++;
    return count;
}

static void no_name_breaks_it(void **state)
{
    (void)state;
    tn_history *tame = support_history(), *wild = support_history();
    tn_text before, after;
    tn_run_facts facts = FACTS;
    tn_text_init(&before);
    tn_text_init(&after);
    support_history_run(tame, 20, "dense_1");
    support_history_run(wild, 20, HOSTILE);
    support_history_signal(tame, "plateau", 3, "dense_1", "words");
    support_history_signal(wild, "plateau", 3, HOSTILE, HOSTILE);
    assert_int_equal(tn_webpage_html(&facts, tame, NULL, &before, NULL), TN_OK);
    facts.title = facts.words = HOSTILE;
    assert_int_equal(tn_webpage_html(&facts, wild, NULL, &after, NULL), TN_OK);
    static const char *const TAGS[] = {"<script", "</script", "<!--", "<pre", "</pre", "<img", "alert(1)<"};
    for (size_t i = 0; i < sizeof TAGS / sizeof *TAGS; i++)
        assert_int_equal(count_of(before.data, TAGS[i]), count_of(after.data, TAGS[i]));
    assert_non_null(strstr(after.data, "<title>&lt;/script&gt;"));
    tn_text_deinit(&before);
    tn_text_deinit(&after);
    /* It arrives as it is, but for the byte that is no UTF-8. */
    json_t *json = page_json(&facts, wild, NULL, TN_WEBPAGE_MAX);
    const char *title = json_string_value(json_object_get(json, "title"));
    assert_string_equal(title, "</script><script>alert(1)</script><!-- \" ' & \\ \n \x01 \xef\xbf\xbd \xc3\xa9 {{run}}");
    json_decref(json);
    tn_history_destroy(tame);
    tn_history_destroy(wild);
}

static void only_utf8_is_written(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
    } CASES[] = {
        {"", "\"\""},
        {"a<b>&", "\"a\\u003cb\\u003e\\u0026\""},
        {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xc3", "\"\\ufffd\""},
        {"\xe2\x82", "\"\\ufffd\\ufffd\""},
        {"\xc0\xaf", "\"\\ufffd\\ufffd\""},                       /* overlong */
        {"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\""},            /* a surrogate */
        {"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\""}, /* past the last character */
        {"\x7f\t\"\\", "\"\\u007f\\u0009\\u0022\\u005c\""},
    };
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        tn_text text;
        tn_text_init(&text);
        tn_json_add_string(&text, CASES[i].from);
        assert_string_equal(text.data, CASES[i].to);
        tn_text_deinit(&text);
    }
    tn_text text;
    tn_text_init(&text);
    tn_json_add_string(&text, NULL);
    assert_string_equal(text.data, "null");
    tn_text_deinit(&text);
}

static void the_file_takes_the_place_of_the_one_before(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet-page-XXXXXX", path[64], first[32] = "", title[32] = "";
    struct stat status;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/run.html", folder);
    tn_history *history = support_history();
    support_history_run(history, 20, "dense_1");
    for (int round = 0; round < 2; round++) {
        tn_run_facts facts = FACTS;
        snprintf(title, sizeof title, "round %d", round);
        facts.title = title;
        assert_int_equal(tn_webpage_write(path, &facts, history, NULL, NULL), TN_OK);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        assert_true(fread(first, 1, sizeof first - 1, file) > 15);
        assert_memory_equal(first, "<!DOCTYPE html>", 15);
        fclose(file);
        assert_int_equal(stat(path, &status), 0);
        assert_true(status.st_size > 50000 && status.st_size <= TN_WEBPAGE_MAX);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(folder), 0); /* nothing else is left behind */
    tn_error error;
    assert_int_equal(tn_webpage_write(path, &FACTS, history, NULL, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.message, path));
    assert_non_null(strstr(error.message, "No such file"));
    tn_history_destroy(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_those_of_the_history),
        cmocka_unit_test(shares_keep_their_size),
        cmocka_unit_test(what_is_not_finite_is_told),
        cmocka_unit_test(long_runs_are_thinned),
        cmocka_unit_test(it_is_never_too_long),
        cmocka_unit_test(no_name_breaks_it),
        cmocka_unit_test(only_utf8_is_written),
        cmocka_unit_test(the_file_takes_the_place_of_the_one_before),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
