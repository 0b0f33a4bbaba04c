/* test_resume.c: tenet debug --resume: a debug that was killed, or whose budget was spent, goes on from its store, runs no finished trial again, and ends in the report that it would have had. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_program.h"

#define RUN_IN(folder, ...) program_run_in(folder, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})

/* Zero weights: nothing is learnt, and nothing breaks either. */
static const char NET[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"data.csv\", \"label\": \"class\"}, \"valid\": {\"fraction\": 0.25}},\n"
    "\"net\": [{\"op\": \"dense\", \"units\": 8}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}], \"init\": {\"scheme\": "
    "\"zeros\"},\n"
    "\"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 0.1, \"batch_size\": 16, \"epochs\": 60, \"seed\": 1}}\n";

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

static json_t *report_of(program_run run, int exit_code)
{
    json_t *report = json_loads(run.out, 0, NULL);
    if (run.exit_code != exit_code || !report)
        fail_msg("exit code %d, expected %d\n%s%s", run.exit_code, exit_code, run.out, run.err);
    program_run_deinit(&run);
    return report;
}

static json_int_t cost_of(const json_t *report, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(report, "cost"), key));
}

/* Leaves out how long things took and what they cost, which differ by what was taken from the store. */
static void strip(json_t *value)
{
    size_t i;
    const char *key;
    json_t *entry;
    static const char *const GOES[] = {"seconds", "cost", "plan"};
    for (size_t k = 0; json_is_object(value) && k < sizeof GOES / sizeof *GOES; k++)
        json_object_del(value, GOES[k]);
    json_object_foreach(value, key, entry) strip(entry);
    json_array_foreach(value, i, entry) strip(entry);
}

static json_t *whole_report(const char *folder)
{
    return report_of(RUN_IN(folder, "debug", "-q", "--json", "--threads", "1", "net.json"), 1);
}

/* Goes on, and sees that nothing is missing, nothing is run twice, and the end is the same. */
static void goes_on(const char *folder, const char *store, json_int_t kept_least)
{
    json_t *whole = whole_report(folder);
    json_t *resumed = report_of(RUN_IN(folder, "debug", "-q", "--json", "--threads", "1", "--store", store, "--resume", "net.json"), 1);
    assert_int_equal(cost_of(resumed, "trials") + cost_of(resumed, "kept"), cost_of(whole, "trials"));
    if (cost_of(resumed, "kept") < kept_least)
        fail_msg("%d trials were kept; expected at least %d", (int)cost_of(resumed, "kept"), (int)kept_least);
    strip(whole);
    strip(resumed);
    assert_true(json_equal(whole, resumed));
    json_decref(whole);
    json_decref(resumed);
}

/* Trials that are watched, for what a store does not keep of them: each debug runs them anew. */
static bool is_watched(const char *experiment)
{
    return strcmp(experiment, "look") == 0 || strcmp(experiment, "label_signal") == 0;
}

/* Finished trials of a store, those apart that are watched; 0 where there is no store yet. */
static size_t finished_in(const char *folder, const char *store)
{
    program_run run = RUN_IN(folder, "runs", "--json", "--last", "10000", "--store", store);
    json_t *document = json_loads(run.out, 0, NULL);
    size_t i, count = 0;
    const json_t *entry;
    json_array_foreach(json_object_get(document, "runs"), i, entry)
    {
        const char *end = json_string_value(json_object_get(entry, "end")),
                   *experiment = json_string_value(json_object_get(entry, "experiment"));
        count += end && experiment && strcmp(end, "completed") == 0 && !is_watched(experiment);
    }
    json_decref(document);
    program_run_deinit(&run);
    return count;
}

static void a_debug_that_was_killed_goes_on(void **state)
{
    const char *folder = *state;
    const char *const arguments[] = {"debug", "-q", "--json", "--threads", "1", "--store", "killed.db", "net.json", NULL};
    int out, err, status;
    pid_t id = program_start(folder, arguments, &out, &err);
    /* In the middle as a rule; where it was too fast for us, at its end, and then it is all kept. */
    while (finished_in(folder, "killed.db") < 5 && waitpid(id, &status, WNOHANG) == 0) {
    }
    kill(id, SIGKILL);
    waitpid(id, &status, 0);
    close(out);
    close(err);
    size_t finished = finished_in(folder, "killed.db");
    assert_true(finished >= 5);
    goes_on(folder, "killed.db", (json_int_t)finished);
}

static void a_spent_budget_goes_on(void **state)
{
    const char *folder = *state;
    json_t *whole = whole_report(folder);
    char budget[64];
    snprintf(budget, sizeof budget, "%dsteps", (int)(cost_of(whole, "steps") / 8));
    json_decref(whole);
    json_t *spent =
        report_of(RUN_IN(folder, "debug", "-q", "--json", "--threads", "1", "--store", "spent.db", "--budget", budget, "net.json"), 4);
    assert_true(json_is_true(json_object_get(spent, "spent")));
    assert_string_equal(json_string_value(json_object_get(spent, "verdict")), "inconclusive");
    json_decref(spent);
    goes_on(folder, "spent.db", 3);
}

static void what_has_changed_is_run_anew_and_said(void **state)
{
    const char *folder = *state;
    json_t *report = report_of(RUN_IN(folder, "debug", "-q", "--json", "--threads", "1", "--store", "spent.db", "--resume", "--set",
                                      "solver.learning_rate=0.2", "net.json"),
                               1);
    const char *note = json_string_value(json_array_get(json_object_get(report, "notes"), 0));
    assert_int_equal(cost_of(report, "kept"), 0);
    assert_non_null(note);
    assert_non_null(strstr(note, "Everything was run anew."));
    json_decref(report);
    report = report_of(RUN_IN(folder, "debug", "-q", "--json", "--threads", "1", "--store", "new.db", "--resume", "net.json"), 1);
    note = json_string_value(json_array_get(json_object_get(report, "notes"), 0));
    assert_non_null(note);
    assert_non_null(strstr(note, "there was nothing to go on from"));
    json_decref(report);
    program_run run = RUN_IN(folder, "debug", "--resume", "net.json");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.err, "--store PATH"));
    program_run_deinit(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_debug_that_was_killed_goes_on),
        cmocka_unit_test(a_spent_budget_goes_on),
        cmocka_unit_test(what_has_changed_is_run_anew_and_said),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
