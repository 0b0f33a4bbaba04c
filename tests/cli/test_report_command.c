/* test_report_command.c: tenet debug --html, and tenet report of what a store kept and of what --json printed: the same page each time; refusals and exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_program.h"

#define RUN_IN(folder, ...) program_run_in(folder, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})

static const char NET[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"data.csv\", \"label\": \"class\"}, \"valid\": {\"fraction\": 0.25}},\n"
    "\"net\": [{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}],\n"
    "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 1000, \"batch_size\": 16, \"epochs\": 20, \"seed\": 1}}\n";

static int make(void **state)
{
    static char folder[64], text[1 << 14];
    folder_make(folder);
    size_t used = (size_t)snprintf(text, sizeof text, "a,b,class\n");
    for (int i = 0; i < 200; i++) {
        int a = i * 37 % 101, b = i * 53 % 97;
        used += (size_t)snprintf(text + used, sizeof text - used, "%.2f,%.2f,%d\n", a / 50.0 - 1, b / 48.0 - 1, a * 48 > b * 50);
    }
    file_write(folder, "data.csv", text);
    file_write(folder, "net.json", NET);
    *state = folder;
    return 0;
}

static int drop(void **state)
{
    folder_remove(*state);
    return 0;
}

static char *file_in(const char *folder, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return file_read(path);
}

/* The document in the page's script of this id. */
static json_t *document_in(const char *page, const char *id)
{
    char opening[80];
    snprintf(opening, sizeof opening, "<script type=\"application/json\" id=\"%s\">", id);
    const char *begin = page ? strstr(page, opening) : NULL, *end = begin ? strstr(begin, "</script>") : NULL;
    assert_non_null(end);
    begin += strlen(opening);
    json_t *document = json_loadb(begin, (size_t)(end - begin), 0, NULL);
    assert_non_null(document);
    return document;
}

static void a_debug_and_its_page(void **state)
{
    const char *folder = *state;
    program_run run = RUN_IN(folder, "debug", "-q", "--json", "--store", "runs.db", "--html", "debug.html", "net.json");
    assert_int_equal(run.exit_code, 1);
    json_t *brief = json_loads(run.out, 0, NULL);
    file_write(folder, "brief.json", run.out);
    program_run_deinit(&run);
    /* The store has the whole document. */
    run = RUN_IN(folder, "report", "--json", "--store", "runs.db");
    assert_int_equal(run.exit_code, 0);
    file_write(folder, "report.json", run.out);
    json_t *report = json_loads(run.out, 0, NULL);
    assert_non_null(report);
    program_run_deinit(&run);

    /* What is printed at once has the same findings, and no more than pictures are missing. */
    assert_null(json_object_get(brief, "look"));
    assert_true(json_array_size(json_object_get(brief, "findings")) > 0);
    assert_string_equal(json_string_value(json_object_get(brief, "verdict")), json_string_value(json_object_get(report, "verdict")));
    assert_int_equal(json_array_size(json_object_get(brief, "experiments")), json_array_size(json_object_get(report, "experiments")));
    program_run_check(RUN_IN(folder, "report", "brief.json", "--output=brief.html"), 0, "brief.html\n", "");
    char *thin = file_in(folder, "brief.html");
    json_t *thin_report = document_in(thin, "report");
    assert_true(json_equal(thin_report, brief));
    json_decref(thin_report);
    json_decref(brief);
    free(thin);

    /* However it is asked for, it is the same page, and it holds the report. */
    char *page = file_in(folder, "debug.html");
    json_t *shown = document_in(page, "report"), *look = document_in(page, "run");
    assert_true(json_equal(look, json_object_get(report, "look")));
    json_object_del(report, "look");
    assert_true(json_equal(shown, report));
    program_run_check(RUN_IN(folder, "report", "--store", "runs.db"), 0, "tenet-report.html\n", "");
    program_run_check(RUN_IN(folder, "report", "1", "--store", "runs.db", "--output", "run.html"), 0, "run.html\n", "");
    program_run_check(RUN_IN(folder, "report", "report.json", "--output=file.html"), 0, "file.html\n", "");
    static const char *const PAGES[] = {"tenet-report.html", "run.html", "file.html"};
    for (size_t i = 0; i < sizeof PAGES / sizeof *PAGES; i++) {
        char *other = file_in(folder, PAGES[i]);
        assert_non_null(other);
        assert_string_equal(other, page);
        free(other);
    }
    run = RUN_IN(folder, "report", "last", "--store", "runs.db", "--output", "-");
    assert_int_equal(run.exit_code, 0);
    assert_true(strncmp(run.out, page, strlen(page)) == 0);
    program_run_deinit(&run);

    /* What the page draws of the training as given: each step's loss, and the trial that the race began with. */
    size_t i;
    const json_t *experiment, *race = NULL, *loss = json_object_get(json_object_get(look, "series"), "loss");
    json_array_foreach(json_object_get(report, "experiments"), i, experiment)
    {
        if (strcmp(json_string_value(json_object_get(experiment, "name")), "race") == 0)
            race = experiment;
    }
    const json_t *first = json_array_get(json_object_get(race, "trials"), 0);
    assert_non_null(first);
    assert_int_equal(json_integer_value(json_object_get(look, "step")), json_integer_value(json_object_get(first, "steps")));
    assert_true(json_array_size(json_object_get(loss, "step")) > 10);
    assert_non_null(json_object_get(json_object_get(first, "curve"), "loss"));
    json_decref(shown);
    json_decref(look);
    json_decref(report);
    free(page);
}

static void mistakes_are_told(void **state)
{
    const char *folder = *state;
    file_write(folder, "other.json", "{\"schema\": \"tenet.runs/1\"}");
    file_write(folder, "broken.json", "{\n\"schema\":");
    program_run_check(RUN_IN(folder, "report"), 2, "", "which store? Give --store PATH");
    program_run_check(RUN_IN(folder, "report", "--store", "none.db"), 3, "", "there is no store at none.db: No such file or directory");
    program_run_check(RUN_IN(folder, "report", "999999", "--store", "runs.db"), 2, "", "has no report that run 999999 belongs to");
    program_run_check(RUN_IN(folder, "report", "report.json", "--store", "runs.db"), 2, "", "a file stands by itself");
    program_run_check(RUN_IN(folder, "report", "missing.json"), 3, "", "missing.json cannot be read: No such file or directory");
    program_run_check(RUN_IN(folder, "report", "other.json"), 3, "",
                      "other.json is no report; expected a document of the schema tenet.report/1");
    program_run_check(RUN_IN(folder, "report", "broken.json"), 3, "", "broken.json is no JSON, in line 2");
    program_run_check(RUN_IN(folder, "report", "report.json", "--output", "missing/x.html"), 3, "",
                      "The page 'missing/x.html' cannot be written: No such file or directory.");
    program_run_check(RUN_IN(folder, "report", "report.json", "--output="), 2, "", "--output is empty");
    /* The report of a debug is printed all the same. */
    program_run_check(RUN_IN(folder, "lr", "-q", "--html", "missing/x.html", "net.json"), 3, "lr_boundary",
                      "The page 'missing/x.html' cannot be written");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_debug_and_its_page), cmocka_unit_test(mistakes_are_told)};
    return cmocka_run_group_tests(tests, make, drop);
}
