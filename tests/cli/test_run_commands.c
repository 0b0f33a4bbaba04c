/* test_run_commands.c: tenet runs, show and compare, as the program prints them: exact output, exit codes, and what is said of every store that holds nothing to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "report/support_recorded.h"
#include "support_program.h"

#define RUN_IN(folder, ...) program_run_in(folder, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})

static const char *path_in(const char *folder, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static int make(void **state)
{
    static char folder[64];
    folder_make(folder);
    recorded_make(path_in(folder, "runs.db"));
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("TENET_STORE");
    *state = folder;
    return 0;
}

static int drop(void **state)
{
    folder_remove(*state);
    return 0;
}

static void expect(program_run run, int exit_code, const char *out, const char *err)
{
    assert_string_equal(run.err, err);
    assert_string_equal(run.out, out);
    assert_int_equal(run.exit_code, exit_code);
    program_run_deinit(&run);
}

/* The same as a text of tests/report/data, which has another time of day. */
static void expect_file(program_run run, const char *name)
{
    assert_string_equal(run.err, "");
    assert_int_equal(run.exit_code, 0);
    char *golden = file_read(name);
    assert_non_null(golden);
    for (char *at = golden; (at = strstr(at, "10:00:0"));)
        at[7] = '0', at += 7;
    assert_string_equal(run.out, golden);
    free(golden);
    program_run_deinit(&run);
}

#define GOLDEN(name) TN_SOURCE_DIR "/tests/report/data/" name ".txt"

static void text_is_exact(void **state)
{
    const char *folder = *state;
    expect_file(RUN_IN(folder, "runs", "--store", "runs.db"), GOLDEN("runs_100"));
    expect_file(RUN_IN(folder, "show", "1", "--store", "runs.db"), GOLDEN("show_100"));
    expect_file(RUN_IN(folder, "show", "last", "--store", "runs.db"), GOLDEN("show_killed"));
    expect_file(RUN_IN(folder, "show", "2", "--store", "runs.db", "--tensor", "dense_1.weight"), GOLDEN("show_tensor"));
    expect_file(RUN_IN(folder, "compare", "1", "2", "--store", "runs.db"), GOLDEN("compare_100"));
    expect(RUN_IN(folder, "runs", "--store", "runs.db", "--experiment", "lr_boundary"), 0,
           "run  started           subject                   experiment   seed  steps  loss  score  end\n"
           "  3  2026-11-28 10:00  ../long/path/to/train.py  lr_boundary     7      1   0.5      -  not ended\n"
           "     learning_rate=0.3333 steps=100\n",
           "");
    expect(RUN_IN(folder, "runs", "--store", "runs.db", "--experiment", "scale"), 0, "None of the 3 runs is of the experiment 'scale'.\n",
           "");
}

/* The store of the variable, and pictures for a terminal that knows ASCII alone. */
static void the_environment_is_heard(void **state)
{
    const char *folder = *state;
    setenv("TENET_STORE", "runs.db", 1);
    expect_file(RUN_IN(folder, "show", "1"), GOLDEN("show_100"));
    static const char *const LOCALES[] = {"C", "POSIX", "de_DE.ISO-8859-1", "en_US"};
    for (size_t i = 0; i < sizeof LOCALES / sizeof *LOCALES; i++) {
        setenv("LC_ALL", LOCALES[i], 1);
        program_run run = RUN_IN(folder, "show", "1");
        assert_int_equal(run.exit_code, 0);
        for (const char *at = run.out; *at; at++)
            assert_true((unsigned char)*at < 0x80);
        program_run_deinit(&run);
    }
    setenv("LC_ALL", "", 1);
    setenv("LANG", "en_US.utf8", 1);
    expect_file(RUN_IN(folder, "show", "1"), GOLDEN("show_100"));
    setenv("LC_ALL", "C.UTF-8", 1);
    unsetenv("TENET_STORE");
}

static void documents(void **state)
{
    static const char *const SCHEMAS[] = {"tenet.runs/1", "tenet.run/1", "tenet.compare/1"};
    const char *folder = *state;
    for (size_t i = 0; i < 3; i++) {
        program_run run = i == 0   ? RUN_IN(folder, "runs", "--json", "--last", "2", "--store", "runs.db")
                          : i == 1 ? RUN_IN(folder, "show", "2", "--json", "--store", "runs.db")
                                   : RUN_IN(folder, "compare", "1", "last", "--json", "--store", "runs.db");
        assert_string_equal(run.err, "");
        assert_int_equal(run.exit_code, 0);
        json_t *document = json_loads(run.out, 0, NULL);
        assert_non_null(document);
        assert_string_equal(json_string_value(json_object_get(document, "schema")), SCHEMAS[i]);
        if (i == 0)
            assert_int_equal(json_array_size(json_object_get(document, "runs")), 2);
        json_decref(document);
        program_run_deinit(&run);
    }
}

/* A training is shown with what its own report ends with, its test samples too, and one whose report another training made in the same second with none. */
static void a_training_is_shown_with_its_metrics(void **state)
{
    const char *folder = *state;
    FILE *file = fopen(path_in(folder, "points.json"), "w");
    assert_non_null(file);
    fputs("{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"blobs\", \"samples\": 300}, \"test\": 0.1},"
          " \"net\": [{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"steps\": 30}}",
          file);
    assert_int_equal(fclose(file), 0);
    for (int i = 0; i < 2; i++) {
        program_run trained = RUN_IN(folder, "train", "points.json", "--json", "--store", "trained.db", "--set",
                                     i == 0 ? "solver.learning_rate=0.1" : "solver.learning_rate=0.001");
        program_run shown = RUN_IN(folder, "show", "last", "--json", "--store", "trained.db");
        program_run text = RUN_IN(folder, "show", "last", "--store", "trained.db");
        json_t *report = json_loads(trained.out, 0, NULL), *document = json_loads(shown.out, 0, NULL);
        json_t *given = json_object_get(json_object_get(report, "run"), "metrics"), *metrics = json_object_get(document, "metrics");
        const double accuracy = json_number_value(json_object_get(given, "accuracy"));
        bool is_shown = i == 0 || json_is_object(metrics);
        if (is_shown)
            assert_float_equal(json_number_value(json_object_get(metrics, "accuracy")), accuracy, 1e-6);
        assert_int_equal(strstr(text.out, "validation samples\n") != NULL, is_shown);
        assert_int_equal(strstr(text.out, "On 30 test samples\n") != NULL, is_shown);
        json_t *of_test = json_object_get(json_object_get(report, "run"), "test"), *test = json_object_get(document, "test");
        assert_int_equal(json_integer_value(json_object_get(of_test, "samples")), 30);
        assert_int_equal(json_is_object(test), is_shown);
        if (is_shown)
            assert_float_equal(json_number_value(json_object_get(test, "loss")), json_number_value(json_object_get(of_test, "loss")), 1e-6);
        json_decref(report);
        json_decref(document);
        program_run_deinit(&trained);
        program_run_deinit(&shown);
        program_run_deinit(&text);
    }
}

static void mistakes_say_what_to_do(void **state)
{
    const char *folder = *state;
    expect(RUN_IN(folder, "runs"), 2, "",
           "tenet runs: which store? Give --store PATH, or set the variable TENET_STORE to its path\n'tenet runs --help' shows how it is "
           "used.\n");
    expect(RUN_IN(folder, "runs", "3", "--store", "runs.db"), 2, "",
           "tenet runs: takes no run; 'tenet show RUN' shows one\n'tenet runs --help' shows how it is used.\n");
    expect(RUN_IN(folder, "show", "--store", "runs.db"), 2, "",
           "tenet show: which run? Give its number, as 'tenet runs' lists it, or 'last'\n'tenet show --help' shows how it is used.\n");
    expect(RUN_IN(folder, "compare", "1", "--store", "runs.db"), 2, "",
           "tenet compare: which runs? Give two numbers, as 'tenet runs' lists them, or 'last' for one\n"
           "'tenet compare --help' shows how it is used.\n");
    expect(RUN_IN(folder, "show", "1", "2", "--store", "runs.db"), 2, "",
           "tenet show: unexpected argument '2' after '1'\n'tenet show --help' shows how it is used.\n");
    expect(RUN_IN(folder, "show", "44", "--store", "runs.db"), 2, "",
           "tenet show: There is no run 44 among the 3 that the store holds; 'tenet runs' lists them.\n");
    expect(RUN_IN(folder, "compare", "1", "first", "--store", "runs.db"), 2, "",
           "tenet compare: 'first' is no run. Give its number, as 'tenet runs' lists it, or 'last'.\n");
    expect(RUN_IN(folder, "show", "1", "--tensor", "dense_1.wieght", "--store", "runs.db"), 2, "",
           "tenet show: Run 1 has no tensor 'dense_1.wieght'; did you mean 'dense_1.weight'?\n");
    expect(RUN_IN(folder, "show", "1", "--tensor", "x", "--store", "runs.db"), 2, "",
           "tenet show: Run 1 has no tensor 'x'. Its tensors are called like 'dense_1.weight'.\n");
    expect(RUN_IN(folder, "show", "3", "--tensor", "x", "--store", "runs.db"), 2, "", "tenet show: No tensors were observed in run 3.\n");
}

static void stores_that_cannot_be_read(void **state)
{
    const char *folder = *state;
    expect(RUN_IN(folder, "runs", "--store", "none.db"), 3, "",
           "tenet runs: there is no store at none.db: No such file or directory. 'tenet train' and 'tenet debug' record into one with "
           "--store.\n");
    assert_null(file_read(path_in(folder, "none.db"))); /* nor was one made */

    file_write(folder, "text.db", "this is no database, and too long to be taken for an empty one\n");
    program_run run = RUN_IN(folder, "show", "last", "--store", "text.db");
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(run.err, "text.db is not a store: the file is no SQLite database"));
    program_run_deinit(&run);

    recorded_make(path_in(folder, "newer.db"));
    recorded_sql(path_in(folder, "newer.db"), "PRAGMA user_version = 99");
    run = RUN_IN(folder, "runs", "--store", "newer.db");
    assert_int_equal(run.exit_code, 3);
    assert_string_equal(run.out, "");
    assert_non_null(strstr(run.err, "the store newer.db was written by a newer tenet (schema 99;"));
    program_run_deinit(&run);

    recorded_make(path_in(folder, "damaged.db"));
    static const char *const DAMAGES[][2] = {{"x'0102'", "damaged.db is damaged"}, {"x'6100020000000102'", "damaged vitals"}};
    for (size_t i = 0; i < sizeof DAMAGES / sizeof *DAMAGES; i++) {
        char sql[128];
        snprintf(sql, sizeof sql, "UPDATE tensor SET name = '', bytes = %s WHERE trial = 1", DAMAGES[i][0]);
        recorded_sql(path_in(folder, "damaged.db"), sql);
        run = RUN_IN(folder, "show", "1", "--store", "damaged.db");
        assert_int_equal(run.exit_code, 3);
        assert_string_equal(run.out, "");
        assert_non_null(strstr(run.err, DAMAGES[i][1]));
        program_run_deinit(&run);
    }
    run = RUN_IN(folder, "show", "3", "--store", "damaged.db"); /* the others can be seen all the same */
    assert_int_equal(run.exit_code, 0);
    program_run_deinit(&run);
}

static void an_empty_store(void **state)
{
    const char *folder = *state;
    tn_store *store;
    assert_int_equal(tn_store_open(path_in(folder, "empty.db"), &store, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    expect(RUN_IN(folder, "runs", "--store", "empty.db"), 0, "The store holds no run yet.\n", "");
    expect(RUN_IN(folder, "show", "last", "--store", "empty.db"), 2, "",
           "tenet show: The store holds no run yet. 'tenet train' and 'tenet debug' record into it with --store.\n");
}

/* Another process has the store open and goes on writing. */
static void a_run_that_is_still_written(void **state)
{
    const char *folder = *state;
    tn_store *store;
    int64_t id;
    assert_int_equal(tn_store_open(path_in(folder, "live.db"), &store, NULL), TN_OK);
    assert_int_equal(
        tn_store_trial_begin(store, &(tn_store_trial){.key = "k", .subject = "net", .experiment = "train", .patch = "{}"}, &id, NULL),
        TN_OK);
    for (uint64_t step = 1; step <= 3; step++) {
        assert_int_equal(tn_store_series(store, id, "loss", 1, &step, &(double){1.0 / (double)step}, NULL), TN_OK);
        assert_int_equal(tn_store_flush(store, NULL), TN_OK);
        program_run run = RUN_IN(folder, "show", "last", "--store", "live.db");
        assert_int_equal(run.exit_code, 0);
        assert_non_null(strstr(run.out, "it is still running, or its process was killed;"));
        assert_non_null(strstr(run.out, step == 1 ? "1 step" : step == 2 ? "2 steps" : "3 steps"));
        program_run_deinit(&run);
    }
    assert_int_equal(tn_store_trial_end(store, id, "completed", NULL, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    program_run run = RUN_IN(folder, "show", "last", "--store", "live.db");
    assert_non_null(strstr(run.out, "  ended      completed after 3 steps\n"));
    program_run_deinit(&run);
}

static void output_that_is_lost_is_told(void **state)
{
    const char *folder = *state;
    const char *const arguments[] = {"show", "1", "--store", "runs.db", NULL};
    program_run run = program_run_in(folder, PROGRAM_STDOUT_FULL, arguments);
    assert_int_equal(run.exit_code, 3);
    assert_non_null(strstr(run.err, "tenet: the output could not be written"));
    program_run_deinit(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_exact),
        cmocka_unit_test(the_environment_is_heard),
        cmocka_unit_test(documents),
        cmocka_unit_test(a_training_is_shown_with_its_metrics),
        cmocka_unit_test(mistakes_say_what_to_do),
        cmocka_unit_test(stores_that_cannot_be_read),
        cmocka_unit_test(an_empty_store),
        cmocka_unit_test(a_run_that_is_still_written),
        cmocka_unit_test(output_that_is_lost_is_told),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
