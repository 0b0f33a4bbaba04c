/* test_hypes_parse.c: what readers meet after a file was read: defaults, normal forms, getters, the printed file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support_hypes.h"

static void defaults_are_filled_in(void **state)
{
    (void)state;
    tn_hypes *hypes = tn_test_parse(tn_small_hypes);
    tn_test_value_is(hypes, "data.train", "{\"format\":\"csv\",\"file\":\"x.csv\",\"label\":-1,\"header\":null,\"delimiter\":\",\"}");
    tn_test_value_is(hypes, "data.valid", "null");
    tn_test_value_is(hypes, "data.input", "{\"scale\":\"none\"}");
    tn_test_value_is(hypes, "loss", "{\"name\":\"mse\",\"clip\":1e-7,\"reduction\":\"mean\",\"delta\":1}");
    tn_test_value_is(hypes, "init", "{\"scheme\":\"glorot_uniform\",\"scale\":1}");
    tn_test_value_is(hypes, "net.0",
                     "{\"op\":\"dense\",\"units\":4,\"bias\":true,\"init\":{\"scheme\":\"glorot_uniform\",\"scale\":1},"
                     "\"bias_init\":{\"scheme\":\"zeros\",\"scale\":1},\"trainable\":true}");
    tn_test_value_is(hypes, "net.1", "{\"op\":\"leaky_relu\",\"alpha\":0.2}");
    tn_test_value_is(hypes, "solver.learning_rate", "0.001");
    tn_test_value_is(hypes, "solver.epochs", "3");
    tn_test_value_is(hypes, "solver.steps", "null");
    tn_test_value_is(hypes, "name", "absent");
    tn_test_value_is(hypes, "levels", "[]");
    tn_test_value_is(hypes, "debug.nan_steps", "100");
    tn_hypes_destroy(hypes);
}

static void defaults_follow_the_optimizer(void **state)
{
    (void)state;
    static const char *const expected[][4] = {
        {"sgd", "0.01", "1e-8", "0.9"},      {"adam", "0.001", "1e-8", "0.9"},     {"adamw", "0.001", "1e-8", "0.9"},
        {"rmsprop", "0.001", "1e-8", "0.9"}, {"adagrad", "0.001", "1e-10", "0.9"}, {"adadelta", "0.001", "1e-6", "0.95"},
    };
    const char *const *names;
    assert_int_equal(tn_hypes_optimizer_names(&names), sizeof expected / sizeof *expected);
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        char patch[64];
        snprintf(patch, sizeof patch, "{\"solver.opt\": \"%s\"}", expected[i][0]);
        tn_hypes *hypes = tn_test_patch(base, patch);
        assert_string_equal(names[i], expected[i][0]);
        tn_test_value_is(hypes, "solver.learning_rate", expected[i][1]);
        tn_test_value_is(hypes, "solver.epsilon", expected[i][2]);
        tn_test_value_is(hypes, "solver.rho", expected[i][3]);
        tn_hypes_destroy(hypes);
    }
    tn_hypes_destroy(base);
}

static void shorthands_become_one_form(void **state)
{
    (void)state;
    tn_hypes *hypes = tn_test_parse(
        "{\"data\": {\"train\": {\"format\": \"npz\", \"file\": \"a.npz\"}, \"valid\": 0.25, \"input\": \"minmax\", \"label\": 100},"
        " \"net\": [{\"op\": \"conv2d\", \"filters\": 8.0, \"kernel\": 3, \"stride\": [2, 1.0], \"init\": \"normal\"},"
        " {\"op\": \"max_pool2d\", \"size\": 3}, {\"op\": \"avg_pool2d\", \"stride\": null}, {\"op\": \"batch_norm\"}],"
        " \"loss\": {\"name\": \"binary_cross_entropy\", \"clip\": 0}, \"init\": {\"scheme\": \"uniform\", \"limit\": 0.5, \"scale\": 2},"
        " \"bias_init\": {\"scheme\": \"constant\", \"value\": 0.1},"
        " \"solver\": {\"steps\": 1e3, \"decay\": \"cosine\", \"batch_size\": 64.0}}");
    tn_test_value_is(hypes, "data.train", "{\"format\":\"npz\",\"file\":\"a.npz\",\"inputs\":\"x\",\"labels\":\"y\"}");
    tn_test_value_is(hypes, "data.valid", "{\"fraction\":0.25}");
    tn_test_value_is(hypes, "data.input", "{\"scale\":\"minmax\"}");
    tn_test_value_is(hypes, "data.label", "{\"scale\":100}");
    tn_test_value_is(hypes, "net.0.filters", "8");
    tn_test_value_is(hypes, "net.0.kernel", "[3,3]");
    tn_test_value_is(hypes, "net.0.stride", "[2,1]");
    tn_test_value_is(hypes, "net.0.padding", "\"valid\"");
    tn_test_value_is(hypes, "net.0.init", "{\"scheme\":\"normal\",\"std\":0.05,\"scale\":1}");
    tn_test_value_is(hypes, "net.0.bias_init", "{\"scheme\":\"constant\",\"value\":0.1,\"scale\":1}");
    tn_test_value_is(hypes, "net.1", "{\"op\":\"max_pool2d\",\"size\":[3,3],\"stride\":[3,3],\"padding\":\"valid\"}");
    tn_test_value_is(hypes, "net.2", "{\"op\":\"avg_pool2d\",\"size\":[2,2],\"stride\":[2,2],\"padding\":\"valid\"}");
    tn_test_value_is(hypes, "net.3", "{\"op\":\"batch_norm\",\"momentum\":0.9,\"epsilon\":1e-5,\"trainable\":true}");
    tn_test_value_is(hypes, "loss.clip", "0");
    tn_test_value_is(hypes, "solver.steps", "1000");
    tn_test_value_is(hypes, "solver.batch_size", "64");
    tn_test_value_is(hypes, "solver.decay", "{\"kind\":\"cosine\",\"factor\":1.5,\"after\":6,\"every\":2,\"floor\":0}");
    tn_hypes_destroy(hypes);
}

/* A node takes scheme and argument from the file's init, but never its scale, which the engine multiplies on top. */
static void nodes_inherit_init(void **state)
{
    (void)state;
    tn_hypes *hypes =
        tn_test_parse("{\"data\": {\"train\": {\"format\": \"npy\", \"inputs\": \"x\", \"labels\": \"y\"}}, \"loss\": \"mae\","
                      " \"init\": {\"scheme\": \"normal\", \"std\": 0.3, \"scale\": 5},"
                      " \"net\": [{\"op\": \"dense\", \"units\": 1}, {\"op\": \"dense\", \"units\": 1, \"init\": {\"scale\": 2}},"
                      " {\"op\": \"dense\", \"units\": 1, \"init\": {\"scheme\": \"normal\"}}, {\"op\": \"dense\", \"units\": 1, \"init\": "
                      "{\"std\": 0.7}},"
                      " {\"op\": \"dense\", \"units\": 1, \"init\": {\"scheme\": \"uniform\"}}, {\"op\": \"relu\", \"init\": \"zeros\"}]}");
    tn_test_value_is(hypes, "net.0.init", "{\"scheme\":\"normal\",\"std\":0.3,\"scale\":1}");
    tn_test_value_is(hypes, "net.1.init", "{\"scheme\":\"normal\",\"std\":0.3,\"scale\":2}");
    tn_test_value_is(hypes, "net.2.init", "{\"scheme\":\"normal\",\"std\":0.3,\"scale\":1}");
    tn_test_value_is(hypes, "net.3.init", "{\"scheme\":\"normal\",\"std\":0.7,\"scale\":1}");
    tn_test_value_is(hypes, "net.4.init", "{\"scheme\":\"uniform\",\"limit\":0.05,\"scale\":1}");
    tn_test_value_is(hypes, "net.5", "{\"op\":\"relu\",\"init\":{\"scheme\":\"zeros\",\"scale\":1}}");
    tn_hypes_destroy(hypes);
}

static void getters_read(void **state)
{
    (void)state;
    tn_hypes *hypes = tn_test_parse(tn_small_hypes);
    assert_true(tn_hypes_number(hypes, "solver.beta2") == 0.999);
    assert_true(tn_hypes_number(hypes, "init.scale") == 1); /* an integer in the file is a number all the same */
    assert_int_equal(tn_hypes_integer(hypes, "solver.epochs"), 3);
    assert_true(tn_hypes_boolean(hypes, "solver.shuffle"));
    assert_false(tn_hypes_boolean(hypes, "solver.nesterov"));
    assert_string_equal(tn_hypes_string(hypes, "loss.name"), "mse");
    assert_true(tn_hypes_is_null(hypes, "solver.clip_norm"));
    assert_true(tn_hypes_is_null(hypes, "name"));
    assert_false(tn_hypes_is_null(hypes, "solver.opt"));
    assert_true(tn_hypes_given(hypes, "solver.opt"));
    assert_true(tn_hypes_given(hypes, "loss.name"));
    assert_false(tn_hypes_given(hypes, "loss.clip"));
    assert_false(tn_hypes_given(hypes, "solver.learning_rate"));
    assert_null(tn_hypes_value(hypes, "net.3"));
    assert_null(tn_hypes_value(hypes, "net.-1"));
    assert_null(tn_hypes_value(hypes, "net.00"));
    assert_null(tn_hypes_value(hypes, "net.0.units.x"));
    assert_null(tn_hypes_value(hypes, ""));
    assert_null(tn_hypes_value(hypes, "."));
    assert_null(tn_hypes_value(hypes, "loss."));
    assert_int_equal(tn_hypes_node_count(hypes), 3);
    assert_string_equal(json_string_value(json_object_get(tn_hypes_node(hypes, 1), "op")), "leaky_relu");
    assert_null(tn_hypes_node(hypes, 3));
    assert_string_equal(tn_hypes_name(hypes), "t.json");
    tn_hypes_destroy(hypes);
    tn_hypes_destroy(NULL);
}

/* An error of another layer about a value of the file. */
static void errors_of_others_point_into_the_file(void **state)
{
    (void)state;
    tn_hypes *hypes = tn_test_parse(tn_small_hypes);
    tn_error error;
    assert_int_equal(tn_hypes_fail(hypes, "net.2.units", &error, "found %d", 7), TN_ERROR_HYPES);
    assert_string_equal(error.message, "found 7");
    assert_string_equal(error.file, "t.json");
    assert_int_equal(error.line, 6);
    assert_string_equal(error.pointer, "/net/2/units");
    /* Not written: the line of what holds it. */
    tn_hypes_fail(hypes, "solver.learning_rate", &error, "too large");
    assert_int_equal(error.line, 9);
    assert_string_equal(error.pointer, "/solver/learning_rate");
    tn_hypes_fail(hypes, "", &error, "all wrong");
    assert_int_equal(error.line, 1);
    assert_int_equal(tn_hypes_fail(hypes, "net.2.units", NULL, "nobody listens"), TN_ERROR_HYPES);
    tn_hypes_destroy(hypes);
}

static void print_is_golden_and_reads_back(void **state)
{
    (void)state;
    char *text = tn_test_read("design.json"), *golden = tn_test_read("design.complete.json");
    tn_hypes *hypes = tn_test_parse(text);
    char *printed = tn_hypes_print(hypes);
    assert_string_equal(printed, golden);
    tn_hypes *again = tn_test_parse(printed);
    assert_true(json_equal(tn_hypes_root(hypes), tn_hypes_root(again)));
    char *printed_again = tn_hypes_print(again);
    assert_string_equal(printed_again, printed);
    free(printed_again);
    free(printed);
    free(golden);
    free(text);
    tn_hypes_destroy(again);
    tn_hypes_destroy(hypes);
}

/* Reals are the hard part: each must read back as the same number, and as a real. */
static void reals_read_back(void **state)
{
    (void)state;
    static const char *const reals[] = {"0.1",           "1.0", "1e22", "5e-324", "1.7976931348623157e308", "0.30000000000000004",
                                        "123456789.125", "1e-7"};
    tn_hypes *base = tn_test_parse(tn_small_hypes);
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        char patch[100];
        snprintf(patch, sizeof patch, "{\"solver.learning_rate\": %s, \"init.scale\": -%s}", reals[i], reals[i]);
        tn_hypes *hypes = tn_test_patch(base, patch);
        char *printed = tn_hypes_print(hypes);
        tn_hypes *again = tn_test_parse(printed);
        assert_true(json_equal(tn_hypes_root(hypes), tn_hypes_root(again)));
        free(printed);
        tn_hypes_destroy(again);
        tn_hypes_destroy(hypes);
    }
    tn_hypes_destroy(base);
}

static void paths_are_relative_to_the_file(void **state)
{
    (void)state;
    char path[] = "/tmp/tenet_hypes_XXXXXX";
    int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, tn_small_hypes, strlen(tn_small_hypes)), (ssize_t)strlen(tn_small_hypes));
    close(handle);
    tn_hypes *hypes;
    tn_error error = {0};
    assert_int_equal(tn_hypes_load(path, &hypes, &error), TN_OK);
    char *resolved = tn_hypes_resolve(hypes, "data/x.csv"), *absolute = tn_hypes_resolve(hypes, "/x.csv");
    assert_string_equal(resolved, "/tmp/data/x.csv");
    assert_string_equal(absolute, "/x.csv");
    free(resolved);
    free(absolute);
    /* A patched one resolves likewise. */
    tn_hypes *patched = tn_test_patch(hypes, "{}");
    resolved = tn_hypes_resolve(patched, "x.csv");
    assert_string_equal(resolved, "/tmp/x.csv");
    free(resolved);
    tn_hypes_destroy(patched);
    tn_hypes_destroy(hypes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(tn_hypes_load(path, &hypes, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.message, "No such file"));
    assert_null(hypes);
    assert_int_equal(tn_hypes_load("/tmp", &hypes, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.message, "Is a directory"));
    assert_int_equal(tn_hypes_load("/dev/zero", &hypes, &error), TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "more than 16 MiB"));
}

static void a_byte_order_mark_is_skipped(void **state)
{
    (void)state;
    char text[1024] = "\xEF\xBB\xBF";
    strcat(text, tn_small_hypes);
    tn_hypes *hypes = tn_test_parse(text);
    tn_error error;
    tn_hypes_fail(hypes, "loss", &error, "x");
    assert_int_equal(error.line, 8);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_filled_in),
        cmocka_unit_test(defaults_follow_the_optimizer),
        cmocka_unit_test(shorthands_become_one_form),
        cmocka_unit_test(nodes_inherit_init),
        cmocka_unit_test(getters_read),
        cmocka_unit_test(errors_of_others_point_into_the_file),
        cmocka_unit_test(print_is_golden_and_reads_back),
        cmocka_unit_test(reals_read_back),
        cmocka_unit_test(paths_are_relative_to_the_file),
        cmocka_unit_test(a_byte_order_mark_is_skipped),
    };
    return cmocka_run_group_tests_name("hypes_parse", tests, NULL, NULL);
}
