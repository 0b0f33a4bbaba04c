/* test_report_page.c: the page of a report holds the report as it is, is never too long, no name can break it, and no key has to be there. */
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

#include "report/report_page.h"
#include "report/webpage.h"

static const char HOSTILE[] = "</script><script>alert(1)</script><!-- \" ' & \\ \n {{report}} \xc3\xa9";

static char *page_of(const json_t *report)
{
    tn_text html;
    tn_error error = {0};
    tn_text_init(&html);
    if (tn_report_page_html(report, &html, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_true(html.length <= TN_WEBPAGE_MAX);
    return tn_text_take(&html);
}

/* The document in the script of this id. */
static json_t *document_in(const char *page, const char *id)
{
    char opening[80];
    json_error_t mistake;
    snprintf(opening, sizeof opening, "<script type=\"application/json\" id=\"%s\">", id);
    const char *begin = strstr(page, opening);
    assert_non_null(begin);
    begin += strlen(opening);
    const char *end = strstr(begin, "</script>");
    assert_non_null(end);
    json_t *document = json_loadb(begin, (size_t)(end - begin), 0, &mistake);
    if (!document)
        fail_msg("%s: %s", id, mistake.text);
    return document;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;
    for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
        count++;
    return count;
}

/* A report of one finding and one experiment of `trials` trials with curves of `points` points, and a look with `tensors` tensors. */
static json_t *make_report(const char *name, size_t trials, size_t points, size_t tensors)
{
    json_t *list = json_array(), *seen = json_array();
    for (size_t i = 0; i < trials; i++) {
        json_t *steps = json_array(), *losses = json_array();
        for (size_t k = 0; k < points; k++) {
            json_array_append_new(steps, json_integer((json_int_t)k + 1));
            json_array_append_new(losses, json_real((double)(i + k + 3) / 8));
        }
        json_array_append_new(list, json_pack("{s:s, s:{s:o, s:o}}", "end", "completed", "curve", "step", steps, "loss", losses));
    }
    for (size_t i = 0; i < tensors; i++)
        json_array_append_new(
            seen, json_pack("{s:s, s:s}", "key", name, "cells",
                            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"));
    return json_pack("{s:s, s:{s:s}, s:s, s:[{s:s, s:b, s:{s:s}}], s:[{s:s, s:s, s:o, s:{}}], s:{s:{s:{s:[i], s:[f]}}, s:o, s:[[i]], s:i}}",
                     "schema", "tenet.report/1", "subject", "name", name, "verdict", "faulty", "findings", "cause", "lr_too_high",
                     "confirmed", 1, "fix", "text", name, "experiments", "name", "race", "summary", name, "trials", list, "result", "look",
                     "series", "loss", "step", 1, "mean", 0.1234567890123, "tensors", seen, "grids", 1, "step", 1);
}

static void the_page_holds_the_report(void **state)
{
    (void)state;
    json_t *report = make_report("net.json", 3, 4, 2);
    assert_non_null(report);
    char *page = page_of(report);
    json_t *shown = document_in(page, "report"), *look = document_in(page, "run"), *causes = document_in(page, "causes"),
           *without = json_deep_copy(report);
    json_object_del(without, "look");
    assert_true(json_equal(shown, without));
    assert_true(json_equal(look, json_object_get(report, "look")));
    const json_t *words = json_object_get(causes, "lr_too_high");
    assert_int_equal(json_object_size(causes), 1);
    assert_string_equal(json_string_value(json_object_get(words, "title")), "the learning rate is too high");
    assert_true(json_string_length(json_object_get(words, "explanation")) > 50);
    assert_non_null(strstr(page, "<title>net.json</title>"));
    assert_non_null(strstr(page, "faulty: the learning rate is too high (confirmed)")); /* in words, for those without scripts */
    assert_null(strstr(page, "{{"));
    json_decref(shown);
    json_decref(look);
    json_decref(causes);
    json_decref(without);
    json_decref(report);
    free(page);
}

static void names_cannot_break_it(void **state)
{
    (void)state;
    json_t *plain = make_report("net.json", 1, 1, 1), *hostile = make_report(HOSTILE, 1, 1, 1);
    char *page = page_of(plain), *attacked = page_of(hostile);
    assert_int_equal(count_of(attacked, "<script"), count_of(page, "<script"));
    assert_int_equal(count_of(attacked, "</script"), count_of(page, "</script"));
    assert_int_equal(count_of(attacked, "<!--"), count_of(page, "<!--"));
    json_t *shown = document_in(attacked, "report");
    assert_string_equal(json_string_value(json_object_get(json_object_get(shown, "subject"), "name")), HOSTILE);
    json_decref(shown);
    json_decref(plain);
    json_decref(hostile);
    free(page);
    free(attacked);
}

/* Without anything, and with other types than are expected: the page is made all the same. */
static void keys_may_be_missing_or_of_another_type(void **state)
{
    (void)state;
    static const char *const DOCUMENTS[] = {
        "{}", "{\"schema\": \"tenet.report/1\"}", "{\"experiments\": [1, {\"trials\": \"x\"}, null], \"findings\": 3, \"look\": []}",
        "{\"look\": {\"series\": 1, \"tensors\": {}}, \"subject\": [], \"ruled_out\": [{\"cause\": 7}, {\"cause\": \"no such cause\"}]}"};
    for (size_t i = 0; i < sizeof DOCUMENTS / sizeof *DOCUMENTS; i++) {
        json_t *report = json_loads(DOCUMENTS[i], 0, NULL);
        char *page = page_of(report);
        json_t *look = document_in(page, "run"), *causes = document_in(page, "causes");
        assert_int_equal(json_integer_value(json_object_get(look, "step")), 0);
        assert_int_equal(json_array_size(json_object_get(look, "tensors")), 0);
        assert_int_equal(json_object_size(causes), 0);
        json_decref(look);
        json_decref(causes);
        json_decref(report);
        free(page);
    }
}

static void a_long_report_is_thinned_and_says_so(void **state)
{
    (void)state;
    const struct {
        size_t trials, points, tensors;
        bool keeps_curves, keeps_series;
    } CASES[] = {{4, 4, 30000, true, true}, {4000, 48, 4, false, true}, {4000, 48, 30000, false, true}};
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        json_t *report = make_report("net.json", CASES[i].trials, CASES[i].points, CASES[i].tensors);
        char *page = page_of(report);
        json_t *shown = document_in(page, "report"), *look = document_in(page, "run");
        const json_t *trials = json_object_get(json_array_get(json_object_get(shown, "experiments"), 0), "trials");
        assert_true(json_is_true(json_object_get(shown, "thinned")));
        assert_int_equal(json_array_size(trials), CASES[i].trials);
        assert_int_equal(json_object_get(json_array_get(trials, 0), "curve") != NULL, CASES[i].keeps_curves);
        assert_int_equal(json_object_size(json_object_get(look, "series")) > 0, CASES[i].keeps_series);
        assert_int_equal(json_array_size(json_object_get(look, "tensors")), 0);
        /* The report itself is as it was. */
        assert_null(json_object_get(report, "thinned"));
        assert_int_equal(json_array_size(json_object_get(json_object_get(report, "look"), "tensors")), CASES[i].tensors);
        json_decref(shown);
        json_decref(look);
        json_decref(report);
        free(page);
    }
}

static void what_no_page_can_hold_is_refused(void **state)
{
    (void)state;
    json_t *report = make_report("net.json", 120000, 1, 0);
    tn_text html;
    tn_error error = {0};
    tn_text_init(&html);
    assert_int_equal(tn_report_page_html(report, &html, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "expected at most 2000000"));
    tn_text_deinit(&html);
    json_decref(report);
}

static void the_file_is_whole_or_not_there(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet-report-XXXXXX", path[80];
    struct stat found;
    tn_error error = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report.html", folder);
    json_t *report = make_report("net.json", 1, 1, 1);
    char *page = page_of(report);
    assert_int_equal(tn_report_page_write(path, report, &error), TN_OK);
    assert_int_equal(stat(path, &found), 0);
    assert_int_equal(found.st_size, strlen(page));
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof path, "%s/missing/report.html", folder);
    assert_int_equal(tn_report_page_write(path, report, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.message, path));
    assert_int_equal(rmdir(folder), 0);
    json_decref(report);
    free(page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_holds_the_report),
        cmocka_unit_test(names_cannot_break_it),
        cmocka_unit_test(keys_may_be_missing_or_of_another_type),
        cmocka_unit_test(a_long_report_is_thinned_and_says_so),
        cmocka_unit_test(what_no_page_can_hold_is_refused),
        cmocka_unit_test(the_file_is_whole_or_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
