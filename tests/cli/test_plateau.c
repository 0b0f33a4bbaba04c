/* test_plateau.c: where learning has not begun in time, tenet train says so at that moment, with the command that finds out why, or debugs at once (PROTOCOL B1). */
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

#include "cli/support_program.h"

#define RUN(...) program_run_in(NULL, PROGRAM_STDOUT_TAKEN, (const char *const[]){__VA_ARGS__, NULL})

typedef struct folder {
    char path[64], hypes[96], data[96];
} folder;

/* Two classes that anything learns, and a rate at which nothing moves. */
static int make_folder(void **state)
{
    folder *made = calloc(1, sizeof *made);
    if (!made)
        return -1;
    snprintf(made->path, sizeof made->path, "/tmp/tenet-plateau-XXXXXX");
    if (!mkdtemp(made->path))
        return -1;
    snprintf(made->hypes, sizeof made->hypes, "%s/a net.json", made->path);
    snprintf(made->data, sizeof made->data, "%s/x.csv", made->path);
    FILE *file = fopen(made->data, "w");
    if (!file)
        return -1;
    for (int i = 0; i < 200; i++)
        fprintf(file, "%.3f,%.3f,%d\n", (i * 37 % 200) / 100.0 - 1, (i * 71 % 200) / 100.0 - 1, i * 37 % 200 > 100);
    fclose(file);
    file = fopen(made->hypes, "w");
    if (!file)
        return -1;
    fputs("{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": -1}},"
          " \"net\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}],"
          " \"loss\": \"softmax_cross_entropy\", \"solver\": {\"learning_rate\": 1e-9, \"steps\": 3000, \"batch_size\": 8}}",
          file);
    fclose(file);
    *state = made;
    return 0;
}

static int remove_folder(void **state)
{
    folder *made = *state;
    unlink(made->hypes);
    unlink(made->data);
    rmdir(made->path);
    free(made);
    return 0;
}

static void it_is_said_at_that_moment(void **state)
{
    const folder *made = *state;
    char offer[256];
    program_run run = RUN("train", "--seed", "3", "--rule", "update_ratio.enabled=false", made->hypes);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.err, "after 2000 steps"));
    assert_non_null(strstr(run.err, "tenet explain plateau)\n"));
    assert_null(strstr(run.err, "explain update_ratio"));
    snprintf(offer, sizeof offer, "to find out why: tenet debug --rule update_ratio.enabled=false --seed 3 '%s'\n", made->hypes);
    assert_non_null(strstr(run.err, offer));
    assert_non_null(strstr(run.out, "3,000 steps")); /* and goes on */
    program_run_deinit(&run);
}

static void thresholds_and_quiet_are_respected(void **state)
{
    const folder *made = *state;
    program_run run = RUN("train", "--quiet", made->hypes);
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.err, "");
    program_run_deinit(&run);
    run = RUN("train", "--rule", "plateau.steps=700", made->hypes);
    assert_non_null(strstr(run.err, "after 700 steps"));
    program_run_deinit(&run);
    run = RUN("train", "--set", "debug.rules.plateau.steps=900", made->hypes);
    assert_non_null(strstr(run.err, "after 900 steps"));
    program_run_deinit(&run);
    run = RUN("train", "--set", "debug.rules.plateau=false", made->hypes);
    assert_null(strstr(run.err, "explain plateau"));
    program_run_deinit(&run);
    run = RUN("train", "--set", "debug.rules.plataeu.steps=900", made->hypes);
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.err, "plateau"));
    program_run_deinit(&run);
    run = RUN("train", "--rule", "plateau.stesp=900", made->hypes);
    assert_int_equal(run.exit_code, 2);
    assert_non_null(strstr(run.err, "The rule plateau has no setting 'stesp'; did you mean 'steps'?"));
    program_run_deinit(&run);
}

static void the_debug_begins_at_once(void **state)
{
    const folder *made = *state;
    program_run run = RUN("train", "--json", "--debug-on-plateau", made->hypes);
    assert_int_equal(run.exit_code, 1);
    assert_non_null(strstr(run.err, "this training ends here, and its debug begins: tenet debug "));
    assert_non_null(strstr(run.out, "\"lr_too_low\""));
    assert_non_null(strstr(run.out, "\"lr_boundary\""));
    program_run_deinit(&run);
    /* A training that learns ends as it would without. */
    run = RUN("train", "--json", "--debug-on-plateau", "--set", "solver.learning_rate=0.1", made->hypes);
    assert_int_equal(run.exit_code, 0);
    assert_non_null(strstr(run.out, "\"trained\""));
    program_run_deinit(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_said_at_that_moment, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(thresholds_and_quiet_are_respected, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(the_debug_begins_at_once, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
