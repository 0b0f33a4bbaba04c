/* test_options.c: the option parser and the progress line, called directly. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cli/options.h"
#include "cli/progress.h"

enum { ARGUMENTS_MAX = 12 };

static bool parse(const char *const *words, tn_options *options, char message[256])
{
    static const char program[] = "tenet";
    char *argv[ARGUMENTS_MAX + 1] = {(char *)(uintptr_t)program};
    int argc = 1;
    for (; words[argc - 1]; argc++)
        argv[argc] = (char *)(uintptr_t)words[argc - 1];
    message[0] = '\0';
    return tn_options_parse(argc, argv, options, message, 256);
}
#define PARSE(options, message, ...) parse((const char *const[]){__VA_ARGS__, NULL}, options, message)

static void words_and_options_mix(void **state)
{
    (void)state;
    tn_options options;
    char message[256];
    assert_true(PARSE(&options, message, "--json", "debug", "--set", "a=1", "x.json", "--set=b=2=3", "--seed", "7", "--threads=2", "-q",
                      "--budget", "60s"));
    assert_string_equal(options.command, "debug");
    assert_string_equal(options.operand, "x.json");
    assert_int_equal(options.assignment_count, 2);
    assert_string_equal(options.assignments[0], "a=1");
    assert_string_equal(options.assignments[1], "b=2=3");
    assert_int_equal(options.seed, 7);
    assert_int_equal(options.threads, 2);
    assert_string_equal(options.budget, "60s");
    assert_int_equal(options.given,
                     TN_OPTION_JSON | TN_OPTION_SET | TN_OPTION_SEED | TN_OPTION_THREADS | TN_OPTION_QUIET | TN_OPTION_BUDGET);
    assert_null(options.program);
    tn_options_deinit(&options);
}

static void what_follows_two_dashes_is_not_read(void **state)
{
    (void)state;
    tn_options options;
    char message[256];
    assert_true(PARSE(&options, message, "debug", "--", "python", "train.py", "--unknown"));
    assert_non_null(options.program);
    assert_null(options.operand);
    tn_options_deinit(&options);
}

static void mistakes_are_told(void **state)
{
    (void)state;
    const struct {
        const char *words[4], *message;
    } MISTAKES[] = {
        {{"debug", "--sead", "1"}, "unknown option --sead; did you mean --seed?"},
        {{"--qiuet"}, "unknown option --qiuet; did you mean --quiet?"},
        {{"--sead=1"}, "unknown option --sead; did you mean --seed?"},
        {{"--xyzzyxyzzy"}, "unknown option --xyzzyxyzzy"},
        {{"-x"}, "unknown option -x"},
        {{"-qh"}, "unknown option -qh"},
        {{"--seed"}, "--seed needs a value: --seed N"},
        {{"--seed", "--"}, "--seed needs a value: --seed N"},
        {{"--seed", "-1"}, "--seed is '-1'; expected a whole number from 0 to 9223372036854775807"},
        {{"--seed="}, "--seed is ''; expected a whole number from 0 to 9223372036854775807"},
        {{"--seed", "9223372036854775808"}, "--seed is '9223372036854775808'; expected a whole number from 0 to 9223372036854775807"},
        {{"--seed", "99999999999999999999999"},
         "--seed is '99999999999999999999999'; expected a whole number from 0 to 9223372036854775807"},
        {{"--seed", "0x10"}, "--seed is '0x10'; expected a whole number from 0 to 9223372036854775807"},
        {{"--threads", "0"}, "--threads is '0'; expected a whole number from 1 to 1024"},
        {{"--threads=2000"}, "--threads is '2000'; expected a whole number from 1 to 1024"},
        {{"--store="}, "--store is empty; expected the path of a file"},
        {{"--json=1"}, "--json takes no value"},
        {{"compare", "a", "b", "c"}, "unexpected argument 'c' after 'b'"},
        {{"runs", "--last", "0"}, "--last is '0'; expected a whole number from 1 to 1000000"},
    };
    for (size_t i = 0; i < sizeof MISTAKES / sizeof *MISTAKES; i++) {
        tn_options options;
        char message[256];
        if (parse(MISTAKES[i].words, &options, message))
            fail_msg("%s %s passed", MISTAKES[i].words[0], MISTAKES[i].words[1] ? MISTAKES[i].words[1] : "");
        assert_string_equal(message, MISTAKES[i].message);
        tn_options_deinit(&options);
    }
}

static void long_words_are_cut_in_messages(void **state)
{
    (void)state;
    char word[5000], message[256];
    tn_options options;
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    memcpy(word, "--", 2);
    assert_false(PARSE(&options, message, word));
    assert_true(strlen(message) < 120);
    tn_options_deinit(&options);
    assert_false(PARSE(&options, message, "--seed", word));
    assert_true(strlen(message) < 200);
    tn_options_deinit(&options);
}

static void options_that_do_not_apply_are_refused(void **state)
{
    (void)state;
    tn_options options;
    char message[256];
    assert_true(PARSE(&options, message, "hypes", "x", "--json"));
    assert_string_equal(tn_options_refused(&options, TN_OPTION_SET), "--json");
    assert_null(tn_options_refused(&options, TN_OPTION_JSON));
    tn_options_deinit(&options);
}

static size_t columns(const char *line)
{
    size_t count = 0;
    for (; *line; line++)
        count += ((unsigned char)*line & 0xC0) != 0x80;
    return count;
}

static void progress_fits_any_terminal(void **state)
{
    (void)state;
    char line[512];
    for (size_t width = 0; width < 200; width++) {
        for (double fraction = -0.5; fraction <= 1.5; fraction += 0.25) {
            tn_progress_line(line, sizeof line, width, fraction,
                             "the ladder of learning rates, größer und größer, and so on and on and on");
            assert_true(width == 0 ? line[0] == '\0' : columns(line) < width);
        }
    }
    tn_progress_line(line, sizeof line, 80, 0.5, "training\033[31m");
    assert_string_equal(line, " 50 % ████████████············  training?[31m");
    tn_progress_line(line, sizeof line, 80, 1, NULL);
    assert_string_equal(line, "100 % ████████████████████████  ");
    tn_progress_line(line, sizeof line, 20, 0.07, "training");
    assert_string_equal(line, "  7 %  training");
    tn_progress_line(line, sizeof line, 12, 0.07, "training");
    assert_string_equal(line, "  7 %");
    tn_progress_line(line, 10, 80, 0.07, "training");
    assert_true(strlen(line) < 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_options_mix),
        cmocka_unit_test(what_follows_two_dashes_is_not_read),
        cmocka_unit_test(mistakes_are_told),
        cmocka_unit_test(long_words_are_cut_in_messages),
        cmocka_unit_test(options_that_do_not_apply_are_refused),
        cmocka_unit_test(progress_fits_any_terminal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
