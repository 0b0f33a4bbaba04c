/* test_hash.c: FNV-1a by its published values, and that parts hash as the whole does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"

static void published_values(void **state)
{
    (void)state;
    assert_true(tn_hash_text(TN_HASH_START, "") == UINT64_C(0xcbf29ce484222325));
    assert_true(tn_hash_text(TN_HASH_START, "a") == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(tn_hash_text(TN_HASH_START, "foobar") == UINT64_C(0x85944171f73967e8));
}

static void parts_make_the_whole(void **state)
{
    (void)state;
    assert_true(tn_hash_text(tn_hash_text(TN_HASH_START, "foo"), "bar") == tn_hash_bytes(TN_HASH_START, "foobar", 6));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_values),
        cmocka_unit_test(parts_make_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
