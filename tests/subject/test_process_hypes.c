/* test_process_hypes.c: a program's own file of hypes takes the knobs that it maps and the paths that are its, and tells which; the user's file stays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "subject/process_parts.h"

static const char TEXT[] =
    "{\n"
    "  \"optim\": {\"lr\": 0.1, \"kind\": \"sgd\"}, \"n\": 50, \"seed\": null,\n"
    "  \"data\": {\"shuffle\": false, \"list\": [1, 2]},\n"
    "  \"knobs\": {\"learning_rate\": \"optim.lr\", \"steps\": \"n\", \"seed\": \"seed\", \"shuffle_labels\": \"data.shuffle\"}\n"
    "}\n";

typedef struct files {
    char folder[64], given[96], copy[96];
    tn_process_settings settings;
} files;

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static void open_files(files *f, const char *text)
{
    *f = (files){.folder = "/tmp/test_process_hypes.XXXXXX"};
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->given, sizeof f->given, "%s/given.json", f->folder);
    snprintf(f->copy, sizeof f->copy, "%s/copy.json", f->folder);
    write_text(f->given, text);
    f->settings.hypes_path = f->given;
}

static void close_files(files *f)
{
    unlink(f->given);
    unlink(f->copy);
    assert_int_equal(rmdir(f->folder), 0);
}

/* The copy has these values, and the user's file its own. */
static void check_files(const files *f, const char *given, const char *expected)
{
    json_t *copy = json_load_file(f->copy, 0, NULL), *file = json_load_file(f->given, 0, NULL), *whole = json_loads(given, 0, NULL);
    json_t *parts = json_loads(expected, 0, NULL);
    const char *key;
    json_t *value;
    assert_non_null(copy);
    assert_non_null(parts);
    json_object_foreach(parts, key, value)
    {
        if (!json_equal(json_object_get(copy, key), value))
            fail_msg("\"%s\" is %s", key, json_dumps(json_object_get(copy, key), JSON_ENCODE_ANY));
    }
    assert_true(json_equal(file, whole));
    json_decref(copy);
    json_decref(file);
    json_decref(whole);
    json_decref(parts);
}

static void test_knobs_and_paths(void **state)
{
    (void)state;
    files f;
    open_files(&f, TEXT);
    uint32_t knobs;
    json_t *mapping;
    tn_error error;
    assert_int_equal(tn_process_hypes_knobs(&f.settings, &knobs, &mapping, &error), TN_OK);
    assert_string_equal(json_string_value(json_object_get(mapping, "learning_rate")), "optim.lr");
    json_decref(mapping);
    assert_int_equal(knobs, TN_KNOB_LEARNING_RATE | TN_KNOB_STEPS | TN_KNOB_SEED | TN_KNOB_SHUFFLE_LABELS);
    json_t *patch = json_loads("{\"hypes.optim.kind\": \"adam\", \"hypes.data.list.0\": {\"$remove\": true}, \"loss\": \"mse\"}", 0, NULL);
    tn_knobs turn = {.set =
                         TN_KNOB_LEARNING_RATE | TN_KNOB_STEPS | TN_KNOB_SEED | TN_KNOB_SHUFFLE_LABELS | TN_KNOB_BATCH_SIZE | TN_KNOB_PATCH,
                     .learning_rate = 0.025,
                     .steps = 7,
                     .seed = 1001,
                     .batch_size = 3,
                     .patch = patch};
    tn_process_turned turned;
    assert_int_equal(tn_process_hypes_write(&f.settings, &turn, f.copy, &turned, &error), TN_OK);
    /* A batch size has no key; of the patch one path is the program's, so the patch is not done by the file alone. */
    assert_int_equal(turned.written, TN_KNOB_LEARNING_RATE | TN_KNOB_STEPS | TN_KNOB_SEED | TN_KNOB_SHUFFLE_LABELS);
    assert_int_equal(json_object_size(turned.rest), 1);
    assert_string_equal(json_string_value(json_object_get(turned.rest, "loss")), "mse");
    check_files(&f, TEXT,
                "{\"optim\": {\"lr\": 0.025, \"kind\": \"adam\"}, \"n\": 7, \"seed\": 1001, \"data\": {\"shuffle\": true, \"list\": [2]}}");
    tn_process_turned_deinit(&turned);
    json_object_del(patch, "loss");
    assert_int_equal(tn_process_hypes_write(&f.settings, &turn, f.copy, &turned, &error), TN_OK);
    assert_true(turned.written & TN_KNOB_PATCH);
    assert_null(turned.rest);
    tn_process_turned_deinit(&turned);
    json_decref(patch);
    close_files(&f);
}

static void test_as_given(void **state)
{
    (void)state;
    files f;
    open_files(&f, TEXT);
    tn_error error;
    tn_process_turned turned;
    assert_int_equal(tn_process_hypes_write(&f.settings, NULL, f.copy, &turned, &error), TN_OK);
    assert_int_equal(turned.written, 0);
    check_files(&f, TEXT, TEXT);
    /* --set holds for every trial, and a trial's own knob is stronger. */
    json_t *all = json_loads("{\"optim.lr\": 3, \"n\": 9}", 0, NULL);
    f.settings.hypes_patch = all;
    tn_knobs turn = {.set = TN_KNOB_STEPS, .steps = 2};
    assert_int_equal(tn_process_hypes_write(&f.settings, &turn, f.copy, &turned, &error), TN_OK);
    assert_int_equal(turned.written, TN_KNOB_STEPS);
    check_files(&f, TEXT, "{\"optim\": {\"lr\": 3, \"kind\": \"sgd\"}, \"n\": 2, \"seed\": null}");
    json_decref(all);
    close_files(&f);
}

static void test_no_file(void **state)
{
    (void)state;
    tn_process_settings settings = {0};
    tn_process_turned turned;
    tn_error error;
    uint32_t knobs = 99;
    json_t *mapping;
    assert_int_equal(tn_process_hypes_knobs(&settings, &knobs, &mapping, &error), TN_OK);
    assert_null(mapping);
    assert_int_equal(knobs, 0);
    json_t *patch = json_loads("{\"net.0.op\": \"relu\"}", 0, NULL);
    tn_knobs turn = {.set = TN_KNOB_PATCH | TN_KNOB_STEPS, .patch = patch};
    assert_int_equal(tn_process_hypes_write(&settings, &turn, "/nowhere/copy", &turned, &error), TN_OK);
    assert_int_equal(turned.written, 0);
    assert_true(json_equal(turned.rest, patch));
    tn_process_turned_deinit(&turned);
    json_object_set_new(patch, "hypes.lr", json_real(1));
    assert_int_equal(tn_process_hypes_write(&settings, &turn, "/nowhere/copy", &turned, &error), TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "hypes.lr"));
    assert_non_null(strstr(error.message, "--hypes"));
    assert_null(turned.rest);
    json_decref(patch);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message;
        int line;
    } BAD[] = {
        {"{\"knobs\": 3}", "expected an object", 1},
        {"{\"lr\": 1,\n\"knobs\": {\"learning_rat\": \"lr\"}}", "did you mean \"learning_rate\"?", 2},
        {"{\"lr\": 1,\n\"knobs\": {\n\"learning_rate\": 3}}", "expected the path", 3},
        {"{\"lr\": 1,\n\"knobs\": {\n\"learning_rate\": \"rl\"}}", "leads to nothing", 3},
        {"{\"lr\": \"fast\",\n\"knobs\": {\"learning_rate\": \"lr\"}}", "expected a number", 1},
        {"{\"s\": 1,\n\"knobs\": {\"shuffle_labels\": \"s\"}}", "expected true or false", 1},
        {"{\"lr\": }", "no valid JSON", 1},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        files f;
        tn_error error;
        uint32_t knobs;
        json_t *mapping;
        open_files(&f, BAD[i].text);
        assert_int_equal(tn_process_hypes_knobs(&f.settings, &knobs, &mapping, &error), TN_ERROR_HYPES);
        assert_null(mapping);
        if (!strstr(error.message, BAD[i].message) || error.line != BAD[i].line || strcmp(error.file, f.given) != 0)
            fail_msg("%s: line %d of %s: %s", BAD[i].text, error.line, error.file, error.message);
        close_files(&f);
    }
    files f;
    tn_error error;
    tn_process_turned turned;
    open_files(&f, TEXT);
    json_t *patch = json_loads("{\"hypes.optim.kinds\": 1}", 0, NULL);
    tn_knobs turn = {.set = TN_KNOB_PATCH, .patch = patch};
    assert_int_equal(tn_process_hypes_write(&f.settings, &turn, f.copy, &turned, &error), TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "did you mean \"kind\"?"));
    json_decref(patch);
    assert_int_equal(tn_process_hypes_write(&f.settings, NULL, "/nowhere/at/all", &turned, &error), TN_ERROR_IO);
    close_files(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knobs_and_paths),
        cmocka_unit_test(test_as_given),
        cmocka_unit_test(test_no_file),
        cmocka_unit_test(test_mistakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
