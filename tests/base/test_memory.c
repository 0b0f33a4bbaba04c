/* test_memory.c: blocks are aligned and zeroed, and no size product overflows. What happens when memory is out is tested in tests/memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

/* Read by the address sanitizer at start: an impossible size is to give NULL, as without it. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

static void products_are_checked(void **state)
{
    (void)state;
    size_t product = 1;
    assert_true(tn_size_multiply(0, SIZE_MAX, &product));
    assert_int_equal(product, 0);
    assert_true(tn_size_multiply(SIZE_MAX, 0, &product));
    assert_int_equal(product, 0);
    assert_true(tn_size_multiply(SIZE_MAX, 1, &product));
    assert_true(product == SIZE_MAX);
    assert_true(tn_size_multiply(SIZE_MAX / 3, 3, &product));
    assert_true(product == SIZE_MAX / 3 * 3);
    assert_false(tn_size_multiply(SIZE_MAX / 3 + 1, 3, &product));
    assert_false(tn_size_multiply((size_t)1 << 32, (size_t)1 << 32, &product));
    assert_false(tn_size_multiply(SIZE_MAX, SIZE_MAX, &product));
}

static void blocks_are_aligned_zeroed_and_writable(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 3, 15, 16, 17, 1000, 100001};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++)
        for (size_t size = 1; size <= 24; size += 7) {
            unsigned char *block = tn_memory_create(counts[k], size);
            assert_non_null(block);
            assert_int_equal((uintptr_t)block % TN_ALIGNMENT, 0);
            for (size_t i = 0; i < counts[k] * size; i++)
                assert_int_equal(block[i], 0);
            memset(block, 0xff, counts[k] * size); /* so that a block that comes again is not zero by chance */
            tn_memory_destroy(block);
        }
    tn_memory_destroy(NULL);
}

static void impossible_sizes_give_null(void **state)
{
    (void)state;
    assert_null(tn_memory_create(SIZE_MAX, 2));
    assert_null(tn_memory_create(SIZE_MAX, 1)); /* rounding up to the alignment would overflow */
    assert_null(tn_memory_create(SIZE_MAX - 64, 1));
    assert_null(tn_memory_create((size_t)1 << 40, (size_t)1 << 30));
    assert_null(tn_memory_create(SIZE_MAX / 4, 1)); /* no overflow, and no such memory */
}

static void strings_are_copied(void **state)
{
    (void)state;
    char original[] = "learning_rate";
    char *copy = tn_string_copy(original);
    assert_non_null(copy);
    assert_true(copy != original);
    original[0] = 'x';
    assert_string_equal(copy, "learning_rate");
    free(copy);
    copy = tn_string_copy("");
    assert_string_equal(copy, "");
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_checked),
        cmocka_unit_test(blocks_are_aligned_zeroed_and_writable),
        cmocka_unit_test(impossible_sizes_give_null),
        cmocka_unit_test(strings_are_copied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
