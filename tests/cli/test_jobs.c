/* test_jobs.c: the program on a tiny network: reports on stdout, progress on stderr, exit codes, Ctrl-C. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_program.h"

/* Two features, and the class is which of them is larger. */
static void write_data(const char *folder)
{
    char text[8192];
    size_t used = (size_t)snprintf(text, sizeof text, "a,b,class\n");
    for (int i = 0; i < 200; i++) {
        int a = i * 37 % 101, b = i * 53 % 97;
        used += (size_t)snprintf(text + used, sizeof text - used, "%.2f,%.2f,%d\n", a / 50.0 - 1, b / 48.0 - 1, a * 48 > b * 50);
    }
    file_write(folder, "data.csv", text);
}

static const char NET[] =
    "{\n"
    "  \"data\": {\"train\": {\"format\": \"csv\", \"file\": \"data.csv\", \"label\": \"class\"}, \"valid\": {\"fraction\": 0.25}},\n"
    "  \"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}],\n"
    "  \"loss\": \"softmax_cross_entropy\",\n"
    "  \"solver\": {\"opt\": \"sgd\", \"momentum\": 0.9, \"learning_rate\": 0.05, \"batch_size\": 16, \"epochs\": 40, \"seed\": 1}\n"
    "}\n";

static int make(void **state)
{
    static char folder[64];
    folder_make(folder);
    write_data(folder);
    file_write(folder, "net.json", NET);
    *state = folder;
    return 0;
}

static int drop(void **state)
{
    folder_remove(*state);
    return 0;
}

#define RUN_IN(folder, ...) program_run_in(folder, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})

static void check(program_run run, int exit_code, const char *begins)
{
    if (run.exit_code != exit_code)
        fail_msg("exit code %d, not %d\n%s%s", run.exit_code, exit_code, run.out, run.err);
    if (strncmp(run.out, begins, strlen(begins)) != 0)
        fail_msg("\"%s\" expected at the beginning of:\n%s", begins, run.out);
    assert_null(strchr(run.out, '\033'));
    assert_null(strchr(run.err, '\033'));
    assert_string_equal(run.err, "");
    program_run_deinit(&run);
}

static void assert_no_file(const char *folder, const char *name)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_not_equal(access(path, F_OK), 0);
}

/* The file is written anywhere, finds its data, keeps what the user wrote, and is healthy. */
static void fixed_hypes_are_written(void **state)
{
    const char *folder = *state;
    char deeper[160];
    program_run run = RUN_IN(folder, "debug", "net.json", "-q", "--set", "solver.learning_rate=1000", "--write", "fixed.json");
    assert_int_equal(run.exit_code, 1);
    assert_non_null(strstr(run.out, "with it made, a second debug finds nothing wrong"));
    assert_non_null(strstr(run.out, "The fixed hypes are in fixed.json"));
    program_run_deinit(&run);
    check(RUN_IN(folder, "debug", "fixed.json", "-q"), 0, "healthy: ");

    snprintf(deeper, sizeof deeper, "%s/deeper", folder);
    assert_int_equal(mkdir(deeper, 0755), 0);
    run = RUN_IN(folder, "debug", "net.json", "-q", "--set", "solver.learning_rate=1000", "--write", "deeper/fixed.json");
    assert_int_equal(run.exit_code, 1);
    program_run_deinit(&run);
    check(RUN_IN(deeper, "debug", "fixed.json", "-q"), 0, "healthy: ");
    folder_remove(deeper);

    run = RUN_IN(folder, "debug", "net.json", "-q", "--write", "none.json");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "No change was confirmed, so no fixed hypes were written."));
    program_run_deinit(&run);
    assert_no_file(folder, "none.json");

    run = RUN_IN(folder, "debug", "net.json", "-q", "--write", "nowhere/fixed.json");
    assert_int_equal(run.exit_code, 3);
    assert_string_equal(run.err, "tenet debug: The fixed hypes cannot be written to 'nowhere/fixed.json': No such file or directory.\n");
    program_run_deinit(&run);
    run = RUN_IN(folder, "debug", "-q", "--write", "fixed.json", "--", "true");
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.err, "What repairs a program is lines of it"));
    program_run_deinit(&run);
}

static void every_job_reports(void **state)
{
    const char *folder = *state;
    check(RUN_IN(folder, "train", "net.json", "-q"), 0, "trained: 400 steps, loss ");
    check(RUN_IN(folder, "debug", "net.json", "-q"), 0, "healthy: ");
    check(RUN_IN(folder, "debug", "net.json", "-q", "--set", "solver.learning_rate=1000"), 1, "faulty: ");
    check(RUN_IN(folder, "lr", "net.json", "-q"), 0, "pass: ");
    check(RUN_IN(folder, "overfit", "net.json", "-q"), 0, "pass: ");
    check(RUN_IN(folder, "samples", "net.json", "-q"), 0, "pass: ");
    check(RUN_IN(folder, "initial-loss", "net.json", "-q"), 0, "pass: ");
    check(RUN_IN(folder, "train", "net.json", "-q", "--budget", "10steps"), 4, "stopped: 10 steps, loss ");
    check(RUN_IN(folder, "debug", "net.json", "-q", "--budget", "10steps"), 4, "inconclusive: ");
}

static void json_is_one_document(void **state)
{
    const char *const commands[] = {"debug", "train", "lr"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        program_run run = RUN_IN(*state, commands[i], "net.json", "--json", "--quiet", "--threads", "1", "--seed", "3");
        assert_int_equal(run.exit_code, 0);
        json_error_t error;
        json_t *document = json_loads(run.out, 0, &error);
        if (!document)
            fail_msg("%s: %s", commands[i], error.text);
        assert_string_equal(json_string_value(json_object_get(document, "schema")), "tenet.report/1");
        json_decref(document);
        program_run_deinit(&run);
    }
}

static void data_that_are_wrong_end_with_three(void **state)
{
    file_write(*state, "torn.csv", "a,b,class\n1,2,0\n1\n");
    program_run run = RUN_IN(*state, "train", "net.json", "--set", "data.train.file=torn.csv");
    assert_int_equal(run.exit_code, 3);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.err, "torn.csv"));
    assert_null(strchr(run.err, '\033'));
    program_run_deinit(&run);
    run = RUN_IN(*state, "train", "net.json", "--set", "solver.learning_rate=-1");
    assert_int_equal(run.exit_code, 2);
    assert_string_equal(run.out, "");
    program_run_deinit(&run);
    run = RUN_IN(*state, "train", "net.json", "--store", "/nonexistent/store.db");
    assert_int_equal(run.exit_code, 3);
    assert_string_equal(run.out, "");
    program_run_deinit(&run);
}

static void a_report_that_is_lost_is_told(void **state)
{
    const program_stdout places[] = {PROGRAM_STDOUT_FULL, PROGRAM_STDOUT_CLOSED_PIPE, PROGRAM_STDOUT_CLOSED};
    const char *const arguments[] = {"train", "net.json", "-q", "--store", "kept.db", NULL};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        program_run run = program_run_in(*state, places[i], arguments);
        assert_int_equal(run.exit_code, 3);
        assert_non_null(strstr(run.err, "could not be written"));
        program_run_deinit(&run);
    }
    /* With stdout closed, the store must not have taken its place: it still opens. */
    program_run run = RUN_IN(*state, "train", "net.json", "-q", "--store", "kept.db");
    assert_int_equal(run.exit_code, 0);
    program_run_deinit(&run);
}

/* Reads from `file` until `words` came or it ends. */
static bool wait_for(int file, const char *words, char *text, size_t size)
{
    size_t used = 0;
    while (used + 1 < size && !strstr(text, words)) {
        ssize_t got = read(file, text + used, size - 1 - used);
        if (got <= 0)
            return false;
        used += (size_t)got;
        text[used] = '\0';
    }
    return strstr(text, words) != NULL;
}

/* The first Ctrl-C ends the training; what it got to is printed. Progress in plain lines tells when the training is under way. */
static void ctrl_c_prints_the_report_so_far(void **state)
{
    char text[4096] = "", out_text[1 << 14] = "";
    int out, err, status;
    const char *const arguments[] = {"train", "net.json", "--set", "solver.epochs=100000000", NULL};
    pid_t id = program_start(*state, arguments, &out, &err);
    assert_true(wait_for(err, "% training\n", text, sizeof text));
    assert_int_equal(kill(id, SIGINT), 0);
    wait_for(out, "no such words", out_text, sizeof out_text);
    assert_int_equal(waitpid(id, &status, 0), id);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 4);
    assert_int_equal(strncmp(out_text, "stopped: ", 9), 0);
    assert_non_null(strstr(out_text, "cancelled"));
    assert_null(strchr(text, '\033'));
    close(out);
    close(err);
}

/* Where labels are words, the report of a training says which class is which. */
static void classes_have_names(void **state)
{
    static const char WORDS[] = "[\"fig\", \"pear\"]";
    char text[4096];
    size_t used = (size_t)snprintf(text, sizeof text, "a,b,class\n");
    for (int i = 0; i < 200; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%d,%d,%s\n", i % 7, i % 5, i % 7 > i % 5 ? "pear" : "fig");
    file_write(*state, "words.csv", text);
    program_run run = RUN_IN(*state, "train", "net.json", "--quiet", "--set", "data.train.file=words.csv", "--set", "solver.epochs=1");
    assert_int_equal(run.exit_code, 0);
    const char *fig = strstr(run.out, "  fig\n"), *pear = strstr(run.out, "  pear\n");
    assert_true(fig && pear && fig < pear);
    program_run_deinit(&run);
    run = RUN_IN(*state, "train", "net.json", "--quiet", "--json", "--set", "data.train.file=words.csv", "--set", "solver.epochs=1");
    json_t *report = json_loads(run.out, 0, NULL), *expected = json_loads(WORDS, 0, NULL);
    assert_true(json_equal(json_object_get(json_object_get(json_object_get(report, "run"), "metrics"), "classes"), expected));
    json_decref(report);
    json_decref(expected);
    program_run_deinit(&run);
    run = RUN_IN(*state, "train", "net.json", "--quiet", "--json", "--set", "solver.epochs=1"); /* numbers */
    report = json_loads(run.out, 0, NULL);
    assert_non_null(json_object_get(json_object_get(json_object_get(report, "run"), "metrics"), "confusion"));
    assert_null(json_object_get(json_object_get(json_object_get(report, "run"), "metrics"), "classes"));
    json_decref(report);
    program_run_deinit(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_job_reports),
        cmocka_unit_test(classes_have_names),
        cmocka_unit_test(fixed_hypes_are_written),
        cmocka_unit_test(json_is_one_document),
        cmocka_unit_test(data_that_are_wrong_end_with_three),
        cmocka_unit_test(a_report_that_is_lost_is_told),
        cmocka_unit_test(ctrl_c_prints_the_report_so_far),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
