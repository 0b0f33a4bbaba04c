/* test_report_text.c: documents made by hand against the exact text that they become, at a common width, a narrow one and in colour.
 *
 * TENET_UPDATE_GOLDEN=1 writes the texts anew; read the difference before committing it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/layout.h"
#include "report/report.h"
#include "report/text_parts.h"

static json_t *load(const char *name)
{
    char path[512];
    json_error_t error;
    snprintf(path, sizeof path, "%s/%s.json", TN_TEST_DATA, name);
    json_t *document = json_load_file(path, 0, &error);
    if (!document)
        fail_msg("%s:%d: %s", path, error.line, error.text);
    return document;
}

static char *read_all(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    size_t size = fread(text, 1, (1 << 16) - 1, file);
    assert_true(size < (1 << 16) - 1);
    fclose(file);
    return text;
}

static void check_golden(const char *name, const char *suffix, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s%s.txt", TN_TEST_DATA, name, suffix);
    if (getenv("TENET_UPDATE_GOLDEN")) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fputs(text, file) >= 0, 1);
        assert_int_equal(fclose(file), 0);
    }
    char *golden = read_all(path);
    if (!golden)
        fail_msg("%s is missing; TENET_UPDATE_GOLDEN=1 writes it", path);
    assert_string_equal(text, golden);
    free(golden);
}

static void check(const char *name, const char *suffix, bool colour, size_t width)
{
    json_t *document = load(name);
    char *text = tn_report_text(document, &(tn_report_style){.colour = colour, .width = width});
    assert_non_null(text);
    check_golden(name, suffix, text);
    free(text);
    json_decref(document);
}

static const char *const DOCUMENTS[] = {"lr_too_high", "healthy", "suspected",   "misaligned", "inconclusive", "experiment_lr",
                                        "samples",     "trained", "trained_nan", "hostile",    "empty",        "unexplained"};
enum { DOCUMENT_COUNT = sizeof DOCUMENTS / sizeof *DOCUMENTS };

static void documents_become_their_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENT_COUNT; i++)
        check(DOCUMENTS[i], "", false, 80);
}

static void narrow_terminals_get_narrow_text(void **state)
{
    (void)state;
    check("lr_too_high", ".narrow", false, 44);
    check("samples", ".narrow", false, 30);
}

static void colour_only_where_asked(void **state)
{
    (void)state;
    check("lr_too_high", ".colour", true, 80);
    check("samples", ".colour", true, 80);
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        json_t *document = load(DOCUMENTS[i]);
        char *plain = tn_report_text(document, &(tn_report_style){.width = 80});
        assert_non_null(plain);
        assert_null(strchr(plain, '\033'));
        free(plain);
        json_decref(document);
    }
}

/* Text without its colours. */
static void strip(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (*from == '\033') {
            from += strcspn(from, "m");
            from += *from == 'm';
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

static void colour_changes_nothing_but_colour(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        for (size_t width = 1; width <= 140; width += 7) {
            json_t *document = load(DOCUMENTS[i]);
            char *plain = tn_report_text(document, &(tn_report_style){.width = width});
            char *coloured = tn_report_text(document, &(tn_report_style){.colour = true, .width = width});
            assert_non_null(plain);
            assert_non_null(coloured);
            strip(coloured);
            assert_string_equal(coloured, plain);
            free(plain);
            free(coloured);
            json_decref(document);
        }
    }
}

/* Lines of prose keep to the width, none ends in a space, and no two empty lines follow each other. */
static void lines_are_tidy(void **state)
{
    (void)state;
    static const char *const TIDY[] = {"lr_too_high", "healthy", "suspected", "misaligned", "inconclusive", "experiment_lr", "trained"};
    for (size_t i = 0; i < sizeof TIDY / sizeof *TIDY; i++) {
        for (size_t width = 72; width <= 120; width += 6) {
            json_t *document = load(TIDY[i]);
            char *text = tn_report_text(document, &(tn_report_style){.width = width});
            assert_non_null(text);
            assert_null(strstr(text, "\n\n\n"));
            assert_null(strstr(text, " \n"));
            char *rest = text;
            for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
                if (tn_columns(line) > width && !strstr(line, "--set"))
                    fail_msg("%s at width %zu: %s", TIDY[i], width, line);
            free(text);
            json_decref(document);
        }
    }
}

static void patch_is(const char *patch, const char *expected)
{
    json_t *object = json_loads(patch, 0, NULL);
    assert_non_null(object);
    tn_page page;
    tn_page_init(&page, false, 1000);
    tn_part_patch(&page, 0, object);
    char *text = tn_page_take(&page);
    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
    json_decref(object);
}

static void patches_can_be_pasted_into_a_shell(void **state)
{
    (void)state;
    patch_is("{}", "");
    patch_is("{\"a\": 0.01, \"b\": 3, \"c\": true, \"d\": null}", "--set a=0.01 --set b=3 --set c=true --set d=null\n");
    patch_is("{\"a\": 0.1, \"b\": 0.0033333333333333335, \"c\": 1e-7, \"d\": 1000.0}",
             "--set a=0.1 --set b=0.0033333333333333335 --set c=1e-07 --set d=1e+03\n");
    patch_is("{\"net.1.op\": \"relu\"}", "--set net.1.op=relu\n");
    patch_is("{\"a\": \"true\", \"b\": \"12\", \"c\": \"\"}", "--set 'a=\"true\"' --set 'b=\"12\"' --set 'c=\"\"'\n");
    patch_is("{\"net.4\": {\"$remove\": true}}", "--set 'net.4={\"$remove\":true}'\n");
    patch_is("{\"a\": \"it's; rm -rf $HOME\"}", "--set 'a=it'\\''s; rm -rf $HOME'\n");
    patch_is("{\"a\": [0, 1]}", "--set 'a=[0,1]'\n");
}

static void evidence_repeats_no_figure(void **state)
{
    (void)state;
    const char *document = "[{\"text\": \"loss 2.31\", \"value\": 2.3101, \"threshold\": 2.5},"
                           " {\"text\": \"said\", \"value\": 1},"
                           " {\"text\": \"norm\", \"value\": 123456, \"threshold\": 0.1},"
                           " {\"text\": \"10 samples, score 0.86, at most 5.\", \"value\": 0.8612, \"threshold\": 5},"
                           " {\"text\": \"rows 17 and 0.7 and 7.5 and 1,007\", \"value\": 7},"
                           " {\"text\": \"none\", \"value\": null}]";
    json_t *list = json_loads(document, 0, NULL);
    assert_non_null(list);
    tn_page page;
    tn_page_init(&page, false, 80);
    tn_part_evidence(&page, 1, list, "said");
    char *text = tn_page_take(&page);
    assert_string_equal(text, " - loss 2.31 (against 2.5)\n - norm (123,456 against 0.1)\n - 10 samples, score 0.86, at most 5.\n"
                              " - rows 17 and 0.7 and 7.5 and 1,007 (7)\n - none\n");
    free(text);
    json_decref(list);
}

static void bars_have_their_length(void **state)
{
    (void)state;
    const struct {
        double fraction;
        const char *bar;
    } BARS[] = {{0, "····"}, {1, "████"}, {0.5, "██··"}, {0.53125, "██▏·"}, {0.001, "▏···"}, {-1, "····"}, {5, "████"}, {NAN, "····"}};
    for (size_t i = 0; i < sizeof BARS / sizeof *BARS; i++) {
        tn_page page;
        tn_page_init(&page, false, 80);
        tn_page_bar(&page, TN_STYLE_PLAIN, BARS[i].fraction, 4, true);
        assert_int_equal(page.column, 4);
        char *text = tn_page_take(&page);
        assert_string_equal(text, BARS[i].bar);
        free(text);
    }
}

static void exit_codes(void **state)
{
    (void)state;
    const struct {
        const char *document;
        int code;
    } CODES[] = {
        {"{\"verdict\": \"healthy\", \"findings\": []}", 0},
        {"{\"verdict\": \"faulty\", \"findings\": [{\"cause\": \"x\", \"confirmed\": true}]}", 1},
        {"{\"verdict\": \"faulty\", \"findings\": [{\"cause\": \"x\", \"confirmed\": false}, {\"cause\": \"y\", \"confirmed\": true}]}", 1},
        {"{\"verdict\": \"faulty\", \"findings\": [{\"cause\": \"x\", \"confirmed\": false}]}", 4},
        {"{\"verdict\": \"healthy\", \"findings\": [{\"cause\": \"x\", \"confirmed\": false}]}", 4},
        {"{\"verdict\": \"faulty\", \"findings\": []}", 4},
        {"{\"verdict\": \"inconclusive\", \"findings\": []}", 4},
        {"{\"verdict\": \"trained\", \"findings\": [], \"run\": {\"end\": \"completed\"}}", 0},
        {"{\"verdict\": \"trained\", \"findings\": [], \"run\": {\"end\": \"nonfinite\"}}", 4},
        {"{\"verdict\": \"trained\"}", 4},
        {"{\"verdict\": \"inconclusive\", \"experiments\": [{\"verdict\": \"pass\"}]}", 0},
        {"{\"verdict\": \"inconclusive\", \"experiments\": [{\"verdict\": \"fail\"}]}", 4},
        {"{\"verdict\": \"inconclusive\", \"experiments\": [{\"verdict\": \"pass\"}, {\"verdict\": \"pass\"}]}", 4},
        {"{}", 4},
        {"[]", 4},
    };
    for (size_t i = 0; i < sizeof CODES / sizeof *CODES; i++) {
        json_t *document = json_loads(CODES[i].document, 0, NULL);
        assert_non_null(document);
        if (tn_report_exit_code(document) != CODES[i].code)
            fail_msg("%s: exit code %d, not %d", CODES[i].document, tn_report_exit_code(document), CODES[i].code);
        json_decref(document);
    }
}

static void json_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < DOCUMENT_COUNT; i++) {
        json_t *document = load(DOCUMENTS[i]);
        char *text = tn_report_json(document);
        assert_non_null(text);
        json_t *again = json_loads(text, 0, NULL);
        assert_true(json_equal(document, again));
        free(text);
        json_decref(again);
        json_decref(document);
    }
}

/* What stands first is what is read first; what only pictures are made of is left out, and all else is there. */
static void brief_json_has_all_but_the_pictures(void **state)
{
    (void)state;
    json_t *document =
        json_loads("{\"schema\": \"tenet.report/1\", \"subject\": {\"kind\": \"native\"}, \"experiments\": [{\"name\": \"samples\", "
                   "\"trials\": [{\"steps\": 3, \"curve\": {\"step\": [3], \"loss\": [0.1]}}], \"result\": {\"shown\": "
                   "[{\"row\": 7, \"picture\": [\"@@\"]}], \"broken\": false}}], \"verdict\": \"healthy\", \"score\": 0.123456789012, "
                   "\"findings\": [], \"look\": {\"step\": 3}, \"cost\": {\"trials\": 1}}",
                   0, NULL);
    json_t *before = json_deep_copy(document);
    assert_non_null(before);
    char *text = tn_report_brief_json(document);
    assert_non_null(text);
    assert_string_equal(
        text, "{\"schema\":\"tenet.report/1\",\"verdict\":\"healthy\",\"score\":0.12345679,\"findings\":[],\"cost\":{\"trials\":1},"
              "\"subject\":{\"kind\":\"native\"},\"experiments\":[{\"name\":\"samples\",\"trials\":[{\"steps\":3}],\"result\":{"
              "\"shown\":[{\"row\":7}],\"broken\":false}}]}");
    assert_true(json_equal(before, document));
    free(text);
    json_decref(before);
    json_decref(document);
}

static void style_may_be_absent(void **state)
{
    (void)state;
    json_t *document = load("healthy");
    char *absent = tn_report_text(document, NULL), *given = tn_report_text(document, &(tn_report_style){.width = TN_WIDTH_DEFAULT});
    assert_non_null(absent);
    assert_string_equal(absent, given);
    free(absent);
    free(given);
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_become_their_texts),
        cmocka_unit_test(narrow_terminals_get_narrow_text),
        cmocka_unit_test(colour_only_where_asked),
        cmocka_unit_test(colour_changes_nothing_but_colour),
        cmocka_unit_test(lines_are_tidy),
        cmocka_unit_test(patches_can_be_pasted_into_a_shell),
        cmocka_unit_test(evidence_repeats_no_figure),
        cmocka_unit_test(bars_have_their_length),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(json_comes_back_as_it_was),
        cmocka_unit_test(brief_json_has_all_but_the_pictures),
        cmocka_unit_test(style_may_be_absent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
