/* test_gradcheck_command.c: tenet gradcheck of libraries, of networks, and of the layer that it writes itself; training with a layer that crashes. */
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
    "{\"data\": {\"train\": {\"format\": \"task\", \"task\": \"adding\", \"samples\": 200, \"time\": 4}},\n"
    "\"net\": [{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 8}, {\"plugin\": \"" TN_PLUGINS "/%s.so\"}, {\"op\": \"dense\", "
    "\"units\": 1}],\n"
    "\"loss\": \"mse\", \"solver\": {\"batch_size\": 16, \"steps\": 50, \"seed\": 1}}\n";

static const char PLANTED_REFUSES[] = TN_PLUGINS "/planted_refuses.so";
static const char SWISH[] = TN_PLUGINS "/swish.so";
static const char WRONG_FACTOR[] = TN_PLUGINS "/wrong_factor.so";
static const char SOURCE[] = TN_SOURCE_DIR "/examples/plugins/swish.c";

static int make(void **state)
{
    static char folder[64];
    folder_make(folder);
    *state = folder;
    return 0;
}

static int drop(void **state)
{
    folder_remove(*state);
    return 0;
}

static void write_net(const char *folder, const char *layer)
{
    char text[2048];
    snprintf(text, sizeof text, NET, layer);
    file_write(folder, "net.json", text);
}

static void libraries_are_checked(void **state)
{
    (void)state;
    program_run_check(RUN("gradcheck", "-q", SWISH), 0, "pass: ", "");
    program_run_check(RUN("gradcheck", "-q", SWISH, "--set", "slope=3", "--set", "inputs=[[4,4,3]]"), 0, "[4,4,3]: pass", "");
    program_run_check(RUN("gradcheck", "-q", WRONG_FACTOR), 1, "faulty: an operation's backward pass is wrong (confirmed)", "");
    program_run_check(RUN("gradcheck", "-q", PLANTED_REFUSES), 4, "needs 11", "");
    program_run_check(RUN("gradcheck", "-q", SWISH, "--set", "slope=0"), 2, "",
                      "\"slope\" is 0; the plug-in swish takes a number from 0.01 to 100");
    program_run_check(RUN("gradcheck", "-q", SWISH, "--set", "inputs=7"), 2, "", "inputs has to be a list of shapes");
    program_run_check(RUN("gradcheck", "-q", "none.so"), 2, "", "cannot open the plug-in \"none.so\"");
    program_run_check(RUN("gradcheck", "-q", SOURCE), 2, "", "is the source of a plug-in; build it");
    program_run_check(RUN("debug", "-q", SWISH), 2, "", "");
}

static void networks_are_checked(void **state)
{
    const char *folder = *state;
    write_net(folder, "swish");
    program_run_check(RUN_IN(folder, "gradcheck", "-q", "net.json"), 0, "pass: ", "");
    write_net(folder, "writes_outside");
    program_run run = RUN_IN(folder, "debug", "-q", "--json", "net.json");
    json_t *report = json_loads(run.out, 0, NULL);
    const char *cause = json_string_value(json_object_get(json_array_get(json_object_get(report, "findings"), 0), "cause"));
    assert_int_equal(run.exit_code, 1);
    assert_non_null(cause);
    assert_string_equal(cause, "faulty_layer");
    json_decref(report);
    program_run_deinit(&run);
}

/* A training is made whatever its layers do, and says which of them is wrong: nothing else would show it. */
static void training_tells_a_wrong_gradient(void **state)
{
    static const struct {
        const char *layer, *cause, *part;
    } CASES[] = {
        {"swish", NULL, NULL},
        {"planted_flipped_sign", "wrong_gradient", "Its sign is flipped in all of them. `tenet gradcheck net.json` tells"},
        {"planted_logarithm", "nonfinite_op", "The layer logarithm, net.2 ("},
        {"planted_leaks", NULL, NULL}, /* harmless to a training */
    };
    const char *folder = *state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        write_net(folder, CASES[i].layer);
        program_run run = RUN_IN(folder, "train", "-q", "--json", "net.json");
        json_t *report = json_loads(run.out, 0, NULL), *advice = json_object_get(report, "advice");
        assert_string_equal(json_string_value(json_object_get(report, "verdict")), "trained");
        assert_int_equal(json_array_size(json_object_get(report, "findings")), 0);
        assert_int_equal(json_array_size(advice), CASES[i].cause ? 1 : 0);
        if (CASES[i].cause) {
            const json_t *entry = json_array_get(advice, 0);
            assert_string_equal(json_string_value(json_object_get(entry, "cause")), CASES[i].cause);
            assert_non_null(strstr(json_string_value(json_object_get(entry, "text")), CASES[i].part));
        }
        json_decref(report);
        program_run_deinit(&run);
    }
}

/* What it has trained until then stands in the report and in the store. */
static void training_with_a_layer_that_crashes_ends_in_a_report(void **state)
{
    const char *folder = *state;
    write_net(folder, "planted_crashes_late");
    program_run_check(RUN_IN(folder, "train", "-q", "--store", "runs.db", "net.json"), 1,
                      "faulty: a layer of your own breaks the rules of its interface (confirmed)", "");
    program_run_check(RUN_IN(folder, "runs", "--store", "runs.db"), 0, "failed", "");
}

/* The layer that `new` writes is built by its own Makefile, and passes. */
static void a_new_layer_builds_and_passes(void **state)
{
    const char *folder = *state;
    char command[1024];
    program_run_check(RUN_IN(folder, "gradcheck", "new", "first"), 0, "make -C first check", "");
    snprintf(command, sizeof command, "make -s -C %s/first TENET='%s' CFLAGS='-O2 -Wall -Wextra -Werror' check > /dev/null 2>&1", folder,
             TN_PROGRAM);
    assert_int_equal(system(command), 0);
    program_run_check(RUN_IN(folder, "gradcheck", "new", "first"), 3, "", "cannot write first: File exists");
    program_run_check(RUN_IN(folder, "gradcheck", "new", "1st"), 2, "", "letters, digits and _");
    program_run_check(RUN_IN(folder, "gradcheck", "new"), 2, "", "letters, digits and _");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(libraries_are_checked),
        cmocka_unit_test_setup_teardown(networks_are_checked, make, drop),
        cmocka_unit_test_setup_teardown(training_tells_a_wrong_gradient, make, drop),
        cmocka_unit_test_setup_teardown(training_with_a_layer_that_crashes_ends_in_a_report, make, drop),
        cmocka_unit_test_setup_teardown(a_new_layer_builds_and_passes, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
