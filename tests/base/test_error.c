/* test_error.c: errors carry code, message and place, and are never cut without an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"

static void codes_keep_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(TN_OK, 0);
    assert_int_equal(TN_ERROR_USAGE, 1);
    assert_int_equal(TN_ERROR_HYPES, 2);
    assert_int_equal(TN_ERROR_DATA, 3);
    assert_int_equal(TN_ERROR_IO, 4);
    assert_int_equal(TN_ERROR_MEMORY, 5);
    assert_int_equal(TN_ERROR_STORE, 6);
    assert_int_equal(TN_ERROR_UNSUPPORTED, 7);
    assert_int_equal(TN_ERROR_CANCELLED, 8);
}

static void fail_fills_and_clears(void **state)
{
    (void)state;
    tn_error error;
    memset(&error, 'x', sizeof error);
    assert_int_equal(tn_fail(&error, TN_ERROR_DATA, "row %d has %s", 7, "no label"), TN_ERROR_DATA);
    assert_int_equal(error.code, TN_ERROR_DATA);
    assert_int_equal(error.line, 0);
    assert_string_equal(error.message, "row 7 has no label");
    assert_string_equal(error.file, "");
    assert_string_equal(error.pointer, "");
    assert_int_equal(tn_fail(NULL, TN_ERROR_IO, "nobody reads this %d", 1), TN_ERROR_IO);
    assert_int_equal(tn_error_at(NULL, "file", 1, "/a") != TN_OK, 1);
}

static void memory_failures_name_the_bytes(void **state)
{
    (void)state;
    tn_error error;
    assert_int_equal(tn_fail_memory(&error, 4096), TN_ERROR_MEMORY);
    assert_non_null(strstr(error.message, "4096 bytes"));
    assert_int_equal(tn_fail_memory(NULL, 1), TN_ERROR_MEMORY);
}

static void places_are_added_and_formatted(void **state)
{
    (void)state;
    char text[200];
    tn_error error;
    tn_fail(&error, TN_ERROR_HYPES, "found a word, expected a number");
    tn_error_format(&error, text, sizeof text);
    assert_string_equal(text, "found a word, expected a number");
    assert_int_equal(tn_error_at(&error, "net.json", 0, NULL), TN_ERROR_HYPES);
    tn_error_format(&error, text, sizeof text);
    assert_string_equal(text, "net.json: found a word, expected a number");
    assert_int_equal(tn_error_at(&error, NULL, 12, "/net/3/units"), TN_ERROR_HYPES);
    tn_error_format(&error, text, sizeof text);
    assert_string_equal(text, "net.json:12: found a word, expected a number (at /net/3/units)");
}

static void long_texts_are_cut_and_terminated(void **state)
{
    (void)state;
    static char word[3000];
    memset(word, 'a', sizeof word - 1);
    tn_error error;
    tn_fail(&error, TN_ERROR_IO, "%s", word);
    assert_int_equal(strlen(error.message), sizeof error.message - 1);
    tn_error_at(&error, word, 3, word);
    assert_int_equal(strlen(error.file), sizeof error.file - 1);
    assert_int_equal(strlen(error.pointer), sizeof error.pointer - 1);

    char text[16];
    memset(text, 'z', sizeof text);
    tn_error_format(&error, text, 10);
    assert_string_equal(text, "aaaaaaaaa");
    assert_int_equal(text[10], 'z'); /* nothing past the size is touched */
    static char whole[8000];
    tn_error_format(&error, whole, sizeof whole);
    assert_non_null(strstr(whole, ":3: aaa"));
    assert_non_null(strstr(whole, " (at aaa"));
    assert_int_equal(whole[strlen(whole) - 1], ')');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_keep_their_numbers),          cmocka_unit_test(fail_fills_and_clears),
        cmocka_unit_test(memory_failures_name_the_bytes),    cmocka_unit_test(places_are_added_and_formatted),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
