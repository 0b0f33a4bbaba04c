/* test_allocator_allocation.c: the counting, failing allocator itself: it counts every call of ours, fails just the one asked for, and sees a planted leak. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>
#include <sqlite3.h>

#include "base/memory.h"
#include "base/rng.h"
#include "base/text.h"
#include "support/allocator.h"

/* Kept out of the optimizer's sight, which removes a malloc that is only freed. */
static void *volatile kept;

static void every_way_to_allocate_is_counted(void **state)
{
    (void)state;
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(0);
    kept = malloc(10);
    free(kept);
    kept = calloc(2, 10);
    kept = realloc(kept, 500);
    free(kept);
    kept = aligned_alloc(64, 128);
    free(kept);
    void *block = NULL;
    assert_int_equal(posix_memalign(&block, 64, 100), 0);
    free(block);
    char *copy = strdup("copy");
    assert_string_equal(copy, "copy");
    free(copy);
    copy = strndup("copy", 2);
    assert_string_equal(copy, "co");
    free(copy);
    assert_int_equal(tn_allocator_count(), 7);
    kept = tn_memory_create(3, 5);
    tn_memory_destroy(kept);
    assert_int_equal(tn_allocator_count(), 8);
    assert_int_equal(tn_allocator_failed(), 0);
    assert_int_equal(tn_allocator_alive(), alive);
    free(NULL);
    assert_int_equal(tn_allocator_alive(), alive);
}

static void only_the_nth_fails(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 5; n++) {
        tn_allocator_fail_at(n);
        for (uint64_t i = 1; i <= 5; i++) {
            void *block = tn_memory_create(1, 1);
            assert_int_equal(block == NULL, i == n);
            tn_memory_destroy(block);
        }
        assert_int_equal(tn_allocator_failed(), 1);
    }
    tn_allocator_fail_at(2);
    char *block = malloc(4);
    memcpy(block, "abc", 4);
    char *grown = realloc(block, 4000);
    assert_int_equal(tn_allocator_failed(), 1);
    if (grown)
        block = grown;
    assert_string_equal(block, "abc"); /* a failed realloc leaves the block alone */
    free(block);
    tn_allocator_fail_at(0);
}

static void jansson_and_sqlite_come_here(void **state)
{
    (void)state;
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(0);
    json_t *object = json_pack("{s:[i,i]}", "rates", 1, 2);
    assert_true(tn_allocator_count() > 2);
    json_decref(object);
    assert_int_equal(tn_allocator_alive(), alive);
    uint64_t before = tn_allocator_count();
    sqlite3 *database = NULL;
    assert_int_equal(sqlite3_open(":memory:", &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, "create table t(x); insert into t values (randomblob(5000))", NULL, NULL, NULL), SQLITE_OK);
    assert_true(tn_allocator_count() > before + 10);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
    assert_int_equal(sqlite3_shutdown(), SQLITE_OK);
    assert_int_equal(tn_allocator_alive(), alive);
}

static void a_planted_leak_is_seen(void **state)
{
    (void)state;
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(0);
    void *volatile blocks[3];
    for (size_t i = 0; i < 3; i++)
        blocks[i] = malloc(8);
    free(blocks[0]);
    assert_int_equal(tn_allocator_alive(), alive + 2);
    assert_int_equal(tn_allocator_oldest_alive(), 2);
    free(blocks[1]);
    assert_int_equal(tn_allocator_oldest_alive(), 3);
    free(blocks[2]);
    assert_int_equal(tn_allocator_oldest_alive(), 0);
    assert_int_equal(tn_allocator_alive(), alive);
}

static void many_blocks_in_any_order_are_kept_apart(void **state)
{
    (void)state;
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    uint64_t alive = tn_allocator_alive(), held = 0;
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t i = 0; i < 10 * BLOCKS; i++) {
        size_t at = (size_t)tn_rng_below(&rng, BLOCKS);
        if (blocks[at]) {
            free(blocks[at]);
            blocks[at] = NULL;
            held--;
        } else {
            blocks[at] = malloc(1 + at % 100);
            held++;
        }
        assert_int_equal(tn_allocator_alive(), alive + held);
    }
    for (size_t at = 0; at < BLOCKS; at++)
        free(blocks[at]);
    assert_int_equal(tn_allocator_alive(), alive);
}

/* A writer of text checks once, at the end: whichever allocation fails. */
static void text_survives_any_failure(void **state)
{
    (void)state;
    uint64_t alive = tn_allocator_alive();
    for (uint64_t n = 1;; n++) {
        tn_text text;
        tn_text_init(&text);
        tn_allocator_fail_at(n);
        for (size_t i = 0; i < 100; i++)
            tn_text_addf(&text, "line %zu\n", i);
        char *taken = tn_text_take(&text);
        uint64_t failed = tn_allocator_failed();
        tn_allocator_fail_at(0);
        assert_int_equal(taken == NULL, failed == 1);
        if (taken)
            assert_int_equal(strlen(taken), 10 * 7 + 90 * 8);
        free(taken);
        tn_text_deinit(&text);
        assert_int_equal(tn_allocator_alive(), alive);
        if (!failed) {
            assert_true(n > 3);
            break;
        }
    }
}

static int install(void **state)
{
    (void)state;
    tn_allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_way_to_allocate_is_counted),
        cmocka_unit_test(only_the_nth_fails),
        cmocka_unit_test(jansson_and_sqlite_come_here),
        cmocka_unit_test(a_planted_leak_is_seen),
        cmocka_unit_test(many_blocks_in_any_order_are_kept_apart),
        cmocka_unit_test(text_survives_any_failure),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
