/* test_command_line.c: what the program prints, where, and how it ends, for everything that trains nothing.
 *
 * Help is compared with the texts in data/; TENET_UPDATE_GOLDEN=1 writes them anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_program.h"

static void expect(program_run run, int exit_code, const char *out, const char *err)
{
    assert_string_equal(run.err, err);
    assert_string_equal(run.out, out);
    assert_int_equal(run.exit_code, exit_code);
    program_run_deinit(&run);
}

static void expect_golden(program_run run, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s.txt", TN_TEST_DATA, name);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.err, "");
    if (getenv("TENET_UPDATE_GOLDEN"))
        file_write(TN_TEST_DATA, strrchr(path, '/') + 1, run.out);
    char *golden = file_read(path);
    if (!golden)
        fail_msg("%s is missing; TENET_UPDATE_GOLDEN=1 writes it", path);
    assert_string_equal(run.out, golden);
    free(golden);
    program_run_deinit(&run);
}

static void version(void **state)
{
    (void)state;
    expect(RUN("--version"), 0, "tenet 0.1.0\n", "");
    expect(RUN("-V"), 0, "tenet 0.1.0\n", "");
}

static void help_is_exact(void **state)
{
    (void)state;
    expect_golden(RUN("--help"), "help");
    expect_golden(RUN("help"), "help");
    expect_golden(RUN("-h"), "help");
    expect_golden(RUN("debug", "--help"), "help_debug");
    expect_golden(RUN("--help", "debug"), "help_debug");
    expect_golden(RUN("lr", "--help"), "help_lr");
    expect_golden(RUN("hypes", "--help"), "help_hypes");
    expect_golden(RUN("explain", "--help"), "help_explain");
}

static void mistakes_end_with_two_and_say_nothing_on_stdout(void **state)
{
    (void)state;
    const char *const nothing[] = {NULL};
    expect(program_run_in(NULL, PROGRAM_STDOUT_TAKEN, nothing), 2, "", "tenet: which command?\n'tenet --help' shows how it is used.\n");
    expect(RUN("dbug"), 2, "", "tenet: there is no command 'dbug'; did you mean 'debug'?\n'tenet --help' shows how it is used.\n");
    expect(RUN("xyzzy"), 2, "", "tenet: there is no command 'xyzzy'\n'tenet --help' shows how it is used.\n");
    expect(RUN("debug"), 2, "",
           "tenet debug: which hypes? Give the path of a hypes file, or a program behind '--', as in: -- python train.py\n'tenet debug "
           "--help' shows how it is used.\n");
    expect(RUN("lr"), 2, "",
           "tenet lr: which hypes? Give the path of a hypes file, or a program behind '--', as in: -- python train.py\n'tenet lr --help' "
           "shows how it is used.\n");
    expect(RUN("hypes"), 2, "",
           "tenet hypes: which hypes? Give the path of a hypes file, or --help-all\n'tenet hypes --help' shows how it is used.\n");
    expect(RUN("debug", "x", "--sead", "1"), 2, "",
           "tenet debug: unknown option --sead; did you mean --seed?\n'tenet debug --help' shows how it is used.\n");
    expect(RUN("hypes", "x", "--json"), 2, "", "tenet hypes: --json does not apply here\n'tenet hypes --help' shows how it is used.\n");
    expect(RUN("hypes", "x", "--markdown"), 2, "",
           "tenet hypes: --markdown goes with --help-all\n'tenet hypes --help' shows how it is used.\n");
    expect(RUN("debug", "--"), 2, "",
           "tenet debug: which program? Give its command behind '--', as in: -- python train.py\n"
           "'tenet debug --help' shows how it is used.\n");
    expect(RUN("debug", "x.json", "--", "python", "train.py"), 2, "",
           "tenet debug: give either a hypes file or, behind '--', a program; for the hypes that a program reads there is --hypes FILE\n"
           "'tenet debug --help' shows how it is used.\n");
    expect(RUN("debug", "--set", "a=1", "--", "python", "train.py"), 2, "",
           "tenet debug: --set changes a file of hypes; name the one that the program reads by --hypes FILE\n"
           "'tenet debug --help' shows how it is used.\n");
    expect(RUN("debug", "--hypes", "x.json"), 2, "",
           "tenet debug: --hypes names what a program behind '--' reads; a hypes file of tenet's own stands by itself\n"
           "'tenet debug --help' shows how it is used.\n");
    expect(RUN("hypes", "--", "python", "train.py"), 2, "", "tenet hypes: unexpected '--'\n'tenet hypes --help' shows how it is used.\n");
    expect(RUN("debug", "x", "--quiet", "--budget", "60q"), 2, "",
           "tenet debug: The budget is '60q'; expected seconds, such as 60s, or training steps, such as 5000steps.\n");
}

static void hypes_that_are_wrong_end_with_two(void **state)
{
    (void)state;
    char folder[64];
    folder_make(folder);
    file_write(folder, "broken.json", "{\n  \"net\": [\n}\n");
    file_write(folder, "unknown.json",
               "{\n  \"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": 0}},\n  \"net\": [{\"op\": \"dense\", "
               "\"units\": 2}],\n"
               "  \"loss\": \"mse\",\n  \"solvr\": {}\n}\n");
    const char *const commands[] = {"hypes", "debug", "train", "lr"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *const broken[] = {commands[i], "broken.json", NULL}, *const unknown[] = {commands[i], "unknown.json", NULL};
        program_run run = program_run_in(folder, PROGRAM_STDOUT_TAKEN, broken);
        assert_int_equal(run.exit_code, 2);
        assert_string_equal(run.out, "");
        assert_non_null(strstr(run.err, "broken.json:3: "));
        program_run_deinit(&run);
        run = program_run_in(folder, PROGRAM_STDOUT_TAKEN, unknown);
        assert_int_equal(run.exit_code, 2);
        assert_string_equal(run.out, "");
        assert_non_null(strstr(run.err, "unknown.json:5: "));
        assert_non_null(strstr(run.err, "solver"));
        program_run_deinit(&run);
    }
    folder_remove(folder);
}

static void files_that_are_not_there_end_with_three(void **state)
{
    (void)state;
    const char *const commands[] = {"hypes", "debug", "train", "lr"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        program_run run = RUN(commands[i], "/nonexistent/x.json");
        assert_int_equal(run.exit_code, 3);
        assert_string_equal(run.out, "");
        assert_non_null(strstr(run.err, "/nonexistent/x.json"));
        program_run_deinit(&run);
    }
}

static void hypes_are_completed(void **state)
{
    (void)state;
    char folder[64];
    folder_make(folder);
    file_write(folder, "net.json",
               "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": 0}}, \"net\": [{\"op\": \"dense\", \"units\": "
               "2}], \"loss\": \"mse\"}");
    const char *const arguments[] = {"hypes", "net.json", "--set", "solver.learning_rate=0.125", "--set", "solver.opt=adam", NULL};
    program_run run = program_run_in(folder, PROGRAM_STDOUT_TAKEN, arguments);
    assert_string_equal(run.err, "");
    assert_int_equal(run.exit_code, 0);
    json_t *tree = json_loads(run.out, 0, NULL);
    assert_non_null(tree);
    json_t *solver = json_object_get(tree, "solver");
    assert_true(json_number_value(json_object_get(solver, "learning_rate")) == 0.125);
    assert_string_equal(json_string_value(json_object_get(solver, "opt")), "adam");
    assert_non_null(json_object_get(solver, "batch_size"));
    json_decref(tree);
    program_run_deinit(&run);
    folder_remove(folder);
}

static void explanations(void **state)
{
    (void)state;
    program_run run = RUN("explain");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "lr_too_high"));
    assert_non_null(strstr(run.out, "vanishing "));
    assert_null(strchr(run.out, '\033'));
    program_run_deinit(&run);
    run = RUN("explain", "lr_too_high");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "lr_too_high: the learning rate is too high\n"));
    program_run_deinit(&run);
    expect(RUN("explain", "lr_to_high"), 2, "", "tenet explain: There is no cause or symptom 'lr_to_high'; did you mean 'lr_too_high'?\n");
    expect(RUN("explain", "zzzz"), 2, "", "tenet explain: There is no cause or symptom 'zzzz'; 'tenet explain' lists them all.\n");
    run = RUN("explain", "--markdown");
    char *docs = file_read(TN_SOURCE_DIR "/docs/causes.md");
    assert_non_null(docs);
    assert_string_equal(run.out, docs);
    free(docs);
    program_run_deinit(&run);
}

/* What stands below the marker of docs/rules.md was measured. */
static void rules_are_explained(void **state)
{
    (void)state;
    static const char marker[] = "\n<!-- Below: the zoo, written by bench/rules_zoo.py";
    program_run run = RUN("explain", "--rules");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "  plateau           error    the loss does not fall\n"));
    program_run_deinit(&run);
    run = RUN("explain", "--rules", "plateau");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "plateau.steps=2000"));
    program_run_deinit(&run);
    expect(RUN("explain", "--rules", "platau"), 2, "", "tenet explain: There is no rule 'platau'; did you mean 'plateau'?\n");
    run = RUN("explain", "--rules", "--markdown");
    char *docs = file_read(TN_SOURCE_DIR "/docs/rules.md");
    assert_non_null(docs);
    char *end = strstr(docs, marker);
    assert_non_null(end);
    *end = '\0';
    assert_string_equal(run.out, docs);
    free(docs);
    program_run_deinit(&run);
}

static void output_that_is_lost_is_told(void **state)
{
    (void)state;
    const char *const arguments[][3] = {
        {"--help", NULL}, {"explain", NULL}, {"explain", "--markdown", NULL}, {"hypes", "--help-all", NULL}, {"--version", NULL}};
    const program_stdout places[] = {PROGRAM_STDOUT_FULL, PROGRAM_STDOUT_CLOSED_PIPE, PROGRAM_STDOUT_CLOSED};
    for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++) {
        for (size_t place = 0; place < sizeof places / sizeof *places; place++) {
            program_run run = program_run_in(NULL, places[place], arguments[i]);
            assert_int_equal(run.exit_code, 3);
            assert_non_null(strstr(run.err, "tenet: the output could not be written"));
            program_run_deinit(&run);
        }
    }
}

static void keys_are_documented(void **state)
{
    (void)state;
    program_run run = RUN("hypes", "--help-all");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.err, "");
    assert_non_null(strstr(run.out, "learning_rate"));
    program_run_deinit(&run);
    run = RUN("hypes", "--help-all", "--markdown");
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "learning_rate"));
    program_run_deinit(&run);
    expect(RUN("hypes", "--help-all", "x.json"), 2, "",
           "tenet hypes: --help-all takes no hypes file\n'tenet hypes --help' shows how it is used.\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version),
        cmocka_unit_test(help_is_exact),
        cmocka_unit_test(mistakes_end_with_two_and_say_nothing_on_stdout),
        cmocka_unit_test(hypes_that_are_wrong_end_with_two),
        cmocka_unit_test(files_that_are_not_there_end_with_three),
        cmocka_unit_test(hypes_are_completed),
        cmocka_unit_test(explanations),
        cmocka_unit_test(rules_are_explained),
        cmocka_unit_test(output_that_is_lost_is_told),
        cmocka_unit_test(keys_are_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
