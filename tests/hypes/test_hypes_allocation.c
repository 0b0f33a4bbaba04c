/* test_hypes_allocation.c: each allocation of reading, patching, printing, documenting and merging fails in turn; each is told, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/allocator.h"
#include "support_hypes.h"

/* Small, but with a level, a range, shorthands and names, so that every part works. */
static const char *const text =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x\", \"label\": [1.0, \"b\"]}, \"valid\": 0.5, \"classes\": [1, 0]},"
    " \"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 3.0, \"init\": \"normal\"}, {\"op\": \"max_pool2d\", \"name\": \"pool\"},"
    " {\"op\": \"add\", \"from\": [\"input\", \"pool\"], \"name\": \"sum\"}], \"loss\": \"mse\","
    " \"levels\": [{\"name\": \"a\", \"patch\": {\"data.samples\": 5, \"net.2\": {\"$remove\": true}}}],"
    " \"search\": {\"init.scale\": {\"choice\": [2]}}}";

static const char *const patch_text =
    "{\"solver.decay\": \"step\", \"solver.decay.after\": 3, \"net.0\": {\"$insert\": {\"op\": \"relu\"}}, \"net.0.kernel.1\": 5,"
    " \"net.1.size\": 3, \"net.1.op\": \"avg_pool2d\", \"loss.clip\": {\"$remove\": true}, \"search\": {}, \"levels.0.patch.net.2\": "
    "{\"op\": \"relu\", \"name\": \"pool\"}}";

static const char *const wrong_text =
    "{\"data\": {\"train\": {\"format\": \"idx\", \"inputs\": \"a\", \"labels\": \"b\"}}, \"net\": [{\"op\": \"relu\", \"alfa\": 1}],"
    " \"loss\": \"mse\"}";

typedef tn_status work_fn(tn_error *error);

/* Made before anything fails. Where the work says it is done, its result has to be this. */
static tn_hypes *base, *patched, *loaded;
static json_t *patch;

/* Passes a result on: done, and as it should be, or not done. */
static tn_status done(tn_status status, tn_hypes *hypes, const tn_hypes *expected)
{
    assert_int_equal(status == TN_OK, hypes != NULL);
    if (hypes)
        assert_true(json_equal(tn_hypes_root(hypes), tn_hypes_root(expected)));
    tn_hypes_destroy(hypes);
    return status;
}

static tn_status read_text(tn_error *error)
{
    tn_hypes *hypes;
    tn_status status = tn_hypes_parse(text, strlen(text), "t.json", "d", &hypes, error);
    return done(status, hypes, base);
}

static tn_status read_wrong_text(tn_error *error)
{
    tn_hypes *hypes;
    tn_status status = tn_hypes_parse(wrong_text, strlen(wrong_text), "t.json", "d", &hypes, error);
    assert_int_not_equal(status, TN_OK);
    assert_null(hypes);
    return status;
}

static tn_status load_file(tn_error *error)
{
    tn_hypes *hypes;
    tn_status status = tn_hypes_load(TN_TEST_DATA "/design.json", &hypes, error);
    return done(status, hypes, loaded);
}

static tn_status apply_patch(tn_error *error)
{
    tn_hypes *hypes;
    tn_status status = tn_hypes_patch(base, patch, &hypes, error);
    return done(status, hypes, patched);
}

static tn_status print_all(tn_error *error)
{
    char *printed = tn_hypes_print(base), *plain = tn_hypes_help(false), *markdown = tn_hypes_help(true),
         *path = tn_hypes_resolve(base, "x");
    bool good = printed && plain && markdown && path;
    free(path);
    free(markdown);
    free(plain);
    free(printed);
    return good ? TN_OK : tn_fail_memory(error, 1);
}

static tn_status assign(tn_error *error)
{
    json_t *made = json_object();
    if (!made)
        return tn_fail_memory(error, 1);
    tn_status status = tn_patch_assign(made, "net.1.op=relu", error);
    if (status == TN_OK)
        status = tn_patch_assign(made, "data.classes=[0, 1]", error);
    if (status == TN_OK) {
        const json_t *classes = json_object_get(made, "data.classes");
        assert_string_equal(json_string_value(json_object_get(made, "net.1.op")), "relu");
        assert_int_equal(json_array_size(classes), 2);
        assert_int_equal(json_integer_value(json_array_get(classes, 1)), 1);
    }
    json_decref(made);
    return status;
}

static tn_status merge(tn_error *error)
{
    json_t *merged = tn_patch_merge(patch, patch);
    assert_null(merged); /* it moves elements of a list that it addresses: no memory is asked for */
    json_t *first = json_pack("{s:i, s:i}", "solver.seed", 1, "loss.clip", 0), *second = json_pack("{s:s}", "loss", "mse");
    merged = first && second ? tn_patch_merge(first, second) : NULL;
    json_decref(second);
    json_decref(first);
    bool good = merged != NULL;
    if (good)
        assert_true(json_object_size(merged) == 2 && json_is_string(json_object_get(merged, "loss")));
    json_decref(merged);
    return good ? TN_OK : tn_fail_memory(error, 1);
}

/* Fails allocation 1, 1 + stride, ... until the work is done without any failing. */
static void fail_each(work_fn *work, tn_status expected, uint64_t stride)
{
    tn_error error;
    assert_int_equal(work(&error), expected); /* what the library keeps for good, such as a hash seed, is there now */
    uint64_t told = 0;
    for (uint64_t n = 1;; n += stride) {
        uint64_t alive = tn_allocator_alive();
        tn_allocator_fail_at(n);
        tn_status status = work(&error);
        bool failed = tn_allocator_failed() > 0;
        uint64_t leaked = tn_allocator_alive() - alive, oldest = tn_allocator_oldest_alive();
        tn_allocator_fail_at(0);
        if (leaked)
            fail_msg("with allocation %d failing, %d blocks leak, the first from allocation %d", (int)n, (int)leaked, (int)oldest);
        if (!failed) {
            assert_int_equal(status, expected);
            assert_true(told > 5);
            return;
        }
        if (status != TN_ERROR_MEMORY && status != expected)
            fail_msg("with allocation %d failing, the status is %d: %s", (int)n, (int)status, error.message);
        told += status == TN_ERROR_MEMORY;
    }
}

static void reading(void **state)
{
    (void)state;
    fail_each(read_text, TN_OK, 1);
}

static void reading_what_is_wrong(void **state)
{
    (void)state;
    fail_each(read_wrong_text, TN_ERROR_HYPES, 1);
}

static void loading(void **state)
{
    (void)state;
    fail_each(load_file, TN_OK, 23);
}

static void patching(void **state)
{
    (void)state;
    fail_each(apply_patch, TN_OK, 1);
}

static void printing(void **state)
{
    (void)state;
    fail_each(print_all, TN_OK, 1);
}

static void assigning(void **state)
{
    (void)state;
    fail_each(assign, TN_OK, 1);
}

static void merging(void **state)
{
    (void)state;
    fail_each(merge, TN_OK, 1);
}

int main(void)
{
    tn_allocator_install();
    base = tn_test_parse(text);
    patch = json_loads(patch_text, 0, NULL);
    patched = tn_test_patch(base, patch_text);
    tn_error error;
    if (!patch || tn_hypes_load(TN_TEST_DATA "/design.json", &loaded, &error) != TN_OK)
        return 1;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading),  cmocka_unit_test(reading_what_is_wrong),
        cmocka_unit_test(loading),  cmocka_unit_test(patching),
        cmocka_unit_test(printing), cmocka_unit_test(assigning),
        cmocka_unit_test(merging),
    };
    int failures = cmocka_run_group_tests_name("hypes_allocation", tests, NULL, NULL);
    json_decref(patch);
    tn_hypes_destroy(loaded);
    tn_hypes_destroy(patched);
    tn_hypes_destroy(base);
    return failures;
}
