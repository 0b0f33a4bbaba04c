/* test_hypes_free.c: hypes of a program that is not tenet's: any keys are read, and a patch changes what is there, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hypes/hypes.h"

static const char TEXT[] = "{\n"
                           "  \"optim\": {\"lr\": 0.1, \"momentum\": null},\n"
                           "  \"layers\": [16, 32, {\"width\": 8}],\n"
                           "  \"net\": [{\"op\": \"mine\", \"units\": \"many\"}],\n"
                           "  \"levels\": 3, \"search\": \"none\"\n"
                           "}\n";

static tn_status load_text(const char *text, tn_hypes **hypes, tn_error *error)
{
    char path[] = "/tmp/test_hypes_free.XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    close(file);
    tn_status status = tn_hypes_load_free(path, hypes, error);
    unlink(path);
    return status;
}

/* Applies the patch, and compares the whole. */
static void check(const char *patch_text, const char *expected)
{
    tn_hypes *hypes, *patched;
    tn_error error = {0};
    json_t *patch = json_loads(patch_text, 0, NULL), *whole = json_loads(expected, 0, NULL);
    assert_non_null(patch);
    assert_non_null(whole);
    assert_int_equal(load_text(TEXT, &hypes, &error), TN_OK);
    if (tn_hypes_patch(hypes, patch, &patched, &error) != TN_OK)
        fail_msg("%s: %s", patch_text, error.message);
    if (!json_equal(tn_hypes_root(patched), whole))
        fail_msg("%s gave %s", patch_text, json_dumps(tn_hypes_root(patched), 0));
    json_t *before = json_loads(TEXT, 0, NULL);
    assert_true(json_equal(tn_hypes_root(hypes), before));
    json_decref(before);
    json_decref(patch);
    json_decref(whole);
    tn_hypes_destroy(patched);
    tn_hypes_destroy(hypes);
}

static void check_refused(const char *patch_text, const char *message)
{
    tn_hypes *hypes, *patched;
    tn_error error = {0};
    json_t *patch = json_loads(patch_text, 0, NULL);
    assert_int_equal(load_text(TEXT, &hypes, &error), TN_OK);
    assert_int_equal(tn_hypes_patch(hypes, patch, &patched, &error), TN_ERROR_HYPES);
    assert_null(patched);
    if (!strstr(error.message, message))
        fail_msg("%s: expected \"%s\" in: %s", patch_text, message, error.message);
    json_decref(patch);
    tn_hypes_destroy(hypes);
}

#define REST "\"net\": [{\"op\": \"mine\", \"units\": \"many\"}], \"levels\": 3, \"search\": \"none\"}"

static void test_patches(void **state)
{
    (void)state;
    check("{}", TEXT);
    check("{\"optim.lr\": 0.01}", "{\"optim\": {\"lr\": 0.01, \"momentum\": null}, \"layers\": [16, 32, {\"width\": 8}], " REST);
    check("{\"layers.1\": {\"$insert\": 24}, \"layers.0\": 12}",
          "{\"optim\": {\"lr\": 0.1, \"momentum\": null}, \"layers\": [12, 24, 32, {\"width\": 8}], " REST);
    check("{\"layers.0\": {\"$remove\": true}, \"layers.2.width\": 9}",
          "{\"optim\": {\"lr\": 0.1, \"momentum\": null}, \"layers\": [32, {\"width\": 9}], " REST);
    check("{\"optim.momentum\": {\"$remove\": true}}", "{\"optim\": {\"lr\": 0.1}, \"layers\": [16, 32, {\"width\": 8}], " REST);
    check("{\"optim\": {\"rate\": 1}, \"optim.rate\": 2}", "{\"optim\": {\"rate\": 2}, \"layers\": [16, 32, {\"width\": 8}], " REST);
    /* The schema of tenet's own hypes has no say: "op" drops no keys, levels and search are keys as any. */
    check("{\"net.0.op\": \"dense\", \"levels\": 4, \"search\": {\"x.y\": 1}}",
          "{\"optim\": {\"lr\": 0.1, \"momentum\": null}, \"layers\": [16, 32, {\"width\": 8}], \"net\": [{\"op\": \"dense\", \"units\": "
          "\"many\"}], \"levels\": 4, \"search\": {\"x.y\": 1}}");
}

static void test_paths_that_lead_nowhere(void **state)
{
    (void)state;
    check_refused("{\"optim.lrr\": 1}", "did you mean \"lr\"?");
    check_refused("{\"optin.lr\": 1}", "did you mean \"optim\"?");
    check_refused("{\"optim.momentum.x\": 1}", "has no \"x\"");
    check_refused("{\"optim.lr.x\": 1}", "has no parts");
    check_refused("{\"layers.3\": 1}", "3 elements");
    check_refused("{\"layers.9.x\": 1}", "3 elements");
    check_refused("{\"optim.lrr\": {\"$remove\": true}}", "nothing to remove");
    check_refused("{\"optim.lr\": {\"$insert\": 1}}", "for lists");
}

static void test_files(void **state)
{
    (void)state;
    tn_hypes *hypes;
    tn_error error;
    assert_int_equal(load_text("[1, 2]", &hypes, &error), TN_ERROR_HYPES);
    assert_non_null(strstr(error.message, "expected an object"));
    assert_int_equal(load_text("{\"a\": 1,\n\"b\": nope}", &hypes, &error), TN_ERROR_HYPES);
    assert_int_equal(error.line, 2);
    assert_null(hypes);
    assert_int_equal(tn_hypes_load_free("/nowhere/hypes.json", &hypes, &error), TN_ERROR_IO);
    assert_int_equal(load_text(TEXT, &hypes, &error), TN_OK);
    assert_int_equal(tn_hypes_fail(hypes, "layers.2.width", &error, "so"), TN_ERROR_HYPES);
    assert_int_equal(error.line, 3);
    assert_string_equal(error.pointer, "/layers/2/width");
    char *printed = tn_hypes_print(hypes);
    json_t *again = json_loads(printed, 0, NULL);
    assert_true(json_equal(again, tn_hypes_root(hypes)));
    json_decref(again);
    free(printed);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_paths_that_lead_nowhere),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
