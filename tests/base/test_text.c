/* test_text.c: growing strings, the nearest name, numbers as people write them. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"

static void text_grows(void **state)
{
    (void)state;
    tn_text text;
    tn_text_init(&text);
    assert_null(text.data);
    tn_text_add(&text, "rate ");
    tn_text_addf(&text, "%.2f of %s", 0.5, "all");
    tn_text_add_bytes(&text, "xyz", 2);
    tn_text_addf(&text, "%s", "");
    assert_string_equal(text.data, "rate 0.50 of allxy");
    assert_int_equal(text.length, 18);
    char *taken = tn_text_take(&text);
    assert_string_equal(taken, "rate 0.50 of allxy");
    assert_null(text.data); /* and can be used again */
    tn_text_add(&text, "b");
    assert_string_equal(text.data, "b");
    tn_text_deinit(&text);
    free(taken);
}

static void empty_text_is_a_string(void **state)
{
    (void)state;
    tn_text text;
    tn_text_init(&text);
    char *taken = tn_text_take(&text);
    assert_non_null(taken);
    assert_string_equal(taken, "");
    free(taken);
    tn_text_deinit(&text);
    tn_text_deinit(&text); /* twice does no harm */
}

static void any_pieces_give_their_concatenation(void **state)
{
    (void)state;
    static char expected[20000];
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t repeat = 0; repeat < 50; repeat++) {
        tn_text text;
        tn_text_init(&text);
        size_t length = 0;
        for (size_t piece = 0; piece < 40; piece++) {
            char bytes[400];
            size_t count = (size_t)tn_rng_below(&rng, sizeof bytes - 1);
            for (size_t i = 0; i < count; i++)
                bytes[i] = (char)('a' + tn_rng_below(&rng, 26));
            bytes[count] = '\0';
            if (piece % 3 == 0)
                tn_text_add(&text, bytes);
            else if (piece % 3 == 1)
                tn_text_add_bytes(&text, bytes, count);
            else
                tn_text_addf(&text, "%s", bytes);
            memcpy(expected + length, bytes, count + 1);
            length += count;
            assert_int_equal(text.length, length);
        }
        assert_false(text.failed);
        assert_string_equal(text.data ? text.data : "", expected);
        tn_text_deinit(&text);
    }
}

static void impossible_lengths_fail_once_and_for_all(void **state)
{
    (void)state;
    tn_text text;
    tn_text_init(&text);
    tn_text_add(&text, "kept until then");
    tn_text_add_bytes(&text, "x", SIZE_MAX / 2);
    assert_true(text.failed);
    tn_text_add(&text, "ignored");
    assert_string_equal(text.data, "kept until then");
    assert_null(tn_text_take(&text));
    assert_null(text.data);
    tn_text_deinit(&text);
}

static const char *const names[] = {"dense",    "conv2d",        "relu",     "leaky_relu",  "softmax",
                                    "softplus", "learning_rate", "momentum", "weight_decay"};
enum { NAMES = sizeof names / sizeof *names };

static void assert_nearest(const char *word, const char *expected)
{
    const char *found = tn_nearest_name(word, names, NAMES);
    if (!expected)
        assert_null(found);
    else {
        assert_non_null(found);
        assert_string_equal(found, expected);
    }
}

static void slips_find_the_name_that_was_meant(void **state)
{
    (void)state;
    assert_nearest("dense", "dense");
    assert_nearest("dens", "dense");
    assert_nearest("densse", "dense");
    assert_nearest("lerning_rate", "learning_rate");
    assert_nearest("learnign_rate", "learning_rate");
    assert_nearest("rleu", "relu"); /* a swap of neighbours counts one */
    assert_nearest("softmx", "softmax");
    assert_nearest("weightdecay", "weight_decay");
}

static void far_words_find_nothing(void **state)
{
    (void)state;
    assert_nearest("", NULL);
    assert_nearest("xyz", NULL);
    assert_nearest("optimizer", NULL);
    assert_nearest("lr", NULL);
    assert_null(tn_nearest_name("dense", NULL, 0));
    char long_word[200];
    memset(long_word, 'd', sizeof long_word - 1);
    long_word[sizeof long_word - 1] = '\0';
    assert_nearest(long_word, NULL);
    const char *long_names[] = {long_word, "dense"};
    assert_string_equal(tn_nearest_name("dense", long_names, 2), "dense");
    /* The longest words that are compared. */
    long_word[63] = '\0';
    char slip[64];
    memcpy(slip, long_word, 64);
    slip[10] = 'x';
    assert_ptr_equal(tn_nearest_name(slip, long_names, 2), long_word);
}

static void any_one_slip_finds_its_name(void **state)
{
    (void)state;
    tn_rng rng;
    tn_rng_init(&rng, 2, TN_STREAM_TEST);
    for (size_t repeat = 0; repeat < 5000; repeat++) {
        const char *name = names[tn_rng_below(&rng, NAMES)];
        size_t length = strlen(name), at = (size_t)tn_rng_below(&rng, length);
        char word[40];
        switch (tn_rng_below(&rng, 4)) {
        case 0: /* a letter left out */
            snprintf(word, sizeof word, "%.*s%s", (int)at, name, name + at + 1);
            break;
        case 1: /* one too many */
            snprintf(word, sizeof word, "%.*s%c%s", (int)at, name, 'q', name + at);
            break;
        case 2: /* a wrong one */
            snprintf(word, sizeof word, "%s", name);
            word[at] = 'q';
            break;
        default: /* two neighbours swapped */
            snprintf(word, sizeof word, "%s", name);
            if (at + 1 < length) {
                char first = word[at];
                word[at] = word[at + 1];
                word[at + 1] = first;
            }
        }
        assert_nearest(word, name);
    }
}

static void assert_number(double value, int digits, const char *expected)
{
    char buffer[32];
    assert_ptr_equal(tn_number_format(buffer, value, digits), buffer);
    assert_string_equal(buffer, expected);
}

static void numbers_read_well(void **state)
{
    (void)state;
    assert_number(0, 4, "0");
    assert_number(0.01, 4, "0.01");
    assert_number(1e-7, 4, "1e-07");
    assert_number(1000, 4, "1000");
    assert_number(3.16227766, 4, "3.162");
    assert_number(-0.5, 3, "-0.5");
    assert_number(1.0 / 3, 6, "0.333333");
    assert_number(1e300, 3, "1e+300");
    assert_number(-1.2345678901234568e-300, 17, "-1.2345678901234568e-300"); /* the longest */
    assert_number((double)INFINITY, 4, "inf");
    assert_number((double)-INFINITY, 4, "-inf");
    /* The sign of a NaN means nothing; x86 makes negative ones. */
    assert_number((double)NAN, 4, "nan");
    assert_number(copysign((double)NAN, -1), 4, "nan");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows),
        cmocka_unit_test(empty_text_is_a_string),
        cmocka_unit_test(any_pieces_give_their_concatenation),
        cmocka_unit_test(impossible_lengths_fail_once_and_for_all),
        cmocka_unit_test(slips_find_the_name_that_was_meant),
        cmocka_unit_test(far_words_find_nothing),
        cmocka_unit_test(any_one_slip_finds_its_name),
        cmocka_unit_test(numbers_read_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
