/* test_health_command.c: tenet train --weights, and tenet health of its file and of the recorded run; refusals and exit codes. */
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
    "\"net\": [{\"op\": \"dense\", \"units\": 128}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 64}, {\"op\": \"relu\"}, {\"op\": "
    "\"dense\", \"units\": 10}],\n"
    "\"loss\": \"softmax_cross_entropy\",\n"
    "\"solver\": {\"opt\": \"sgd\", \"momentum\": 0.9, \"learning_rate\": 0.05, \"batch_size\": 16, \"epochs\": 100, \"seed\": 1}}\n";

/* Eight features of noise, and the class is where the sum of two of them lies. */
static int make(void **state)
{
    static char folder[64], text[1 << 16];
    unsigned seed = 1;
    folder_make(folder);
    size_t used = (size_t)snprintf(text, sizeof text, "a,b,c,d,e,f,g,h,class\n");
    for (int i = 0; i < 400; i++) {
        double values[8];
        for (int k = 0; k < 8; k++) {
            seed = seed * 1664525u + 1013904223u;
            values[k] = (double)(seed >> 8) / 8388608.0 - 1;
            used += (size_t)snprintf(text + used, sizeof text - used, "%.3f,", values[k]);
        }
        int class = (int)((values[0] + values[1] + 2) * 2.5);
        used += (size_t)snprintf(text + used, sizeof text - used, "%d\n", class > 9 ? 9 : class);
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

static json_t *document_of(program_run run)
{
    json_t *document = json_loads(run.out, 0, NULL);
    assert_non_null(document);
    program_run_deinit(&run);
    return document;
}

static void a_trained_network_is_healthy(void **state)
{
    const char *folder = *state;
    program_run_check(RUN_IN(folder, "train", "-q", "--weights", "w.safetensors", "--store", "runs.sqlite", "net.json"), 0, "", "");
    program_run_check(RUN_IN(folder, "health", "w.safetensors"), 0, "healthy  w.safetensors", "");
    json_t *file = document_of(RUN_IN(folder, "health", "--json", "w.safetensors")),
           *run = document_of(RUN_IN(folder, "health", "--json", "1", "--store", "runs.sqlite"));
    assert_string_equal(json_string_value(json_object_get(file, "schema")), "tenet.health/1");
    assert_int_equal(json_array_size(json_object_get(file, "components")), 6);
    assert_int_equal(json_array_size(json_object_get(run, "components")), 6);
    /* The run was observed a few steps before its end: the same network, nearly. */
    assert_string_equal(json_string_value(json_object_get(run, "verdict")), "healthy");
    assert_true(json_integer_value(json_object_get(json_object_get(run, "source"), "step")) > 0);
    json_decref(file);
    json_decref(run);
}

static void one_step_leaves_it_untrained_or_inconclusive(void **state)
{
    const char *folder = *state;
    program_run_check(RUN_IN(folder, "train", "-q", "--set", "solver.learning_rate=1e-9", "--set", "solver.epochs=1", "--weights",
                             "new.safetensors", "net.json"),
                      0, "", "");
    program_run_check(RUN_IN(folder, "health", "new.safetensors"), 4, "initialiser", "");
}

static void an_exploding_rate_makes_it_unhealthy(void **state)
{
    const char *folder = *state;
    program_run_check(RUN_IN(folder, "train", "-q", "--set", "solver.learning_rate=100", "--weights", "bad.safetensors", "net.json"), 4, "",
                      "");
    program_run_check(RUN_IN(folder, "health", "bad.safetensors"), 1, "unhealthy", "");
}

static void mistakes_are_told(void **state)
{
    const char *folder = *state;
    file_write(folder, "model.pt", "\x80\x02}q\x01.");
    program_run_check(RUN_IN(folder, "health"), 2, "", "which weights?");
    program_run_check(RUN_IN(folder, "health", "3"), 2, "", "needs the store it is in: --store PATH");
    program_run_check(RUN_IN(folder, "health", "x.npz", "--store", "runs.sqlite"), 2, "", "a file stands by itself");
    program_run_check(RUN_IN(folder, "health", "model.pt"), 2, "", "save_file(model.state_dict(), 'model.safetensors')");
    program_run_check(RUN_IN(folder, "health", "nothing.safetensors"), 3, "", "nothing.safetensors");
    program_run_check(RUN_IN(folder, "health", "99", "--store", "runs.sqlite"), 2, "", "no run 99");
    program_run_check(RUN_IN(folder, "health", "1", "--store", "none.sqlite"), 2, "", "there is no store none.sqlite");
    program_run_check(RUN_IN(folder, "train", "-q", "--weights", "missing/w.safetensors", "net.json"), 3, "",
                      "the weights could not be written");
    program_run_check(RUN_IN(folder, "train", "--weights", "w.safetensors", "--", "true"), 2, "", "a program saves its own");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trained_network_is_healthy),
        cmocka_unit_test(one_step_leaves_it_untrained_or_inconclusive),
        cmocka_unit_test(an_exploding_rate_makes_it_unhealthy),
        cmocka_unit_test(mistakes_are_told),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
