/* test_panel.c: the panel of a training: its exact text, and that no line is wider and no panel higher than asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "report/layout.h"
#include "report/panel.h"
#include "report/spark.h"
#include "support_history.h"

static const tn_run_facts FACTS = {.title = "net.json", .state = "running", .steps_total = 100, .steps_per_second = 12.3456};

static tn_history *a_run(void)
{
    tn_history *history = support_history();
    support_history_run(history, 57, "dense_1");
    support_history_signal(history, "diverging", 12, "dense_1.weight", "the loss grows and grows");
    return history;
}

static void its_text(void **state)
{
    (void)state;
    static const struct {
        size_t width, lines;
        const char *text;
    } CASES[] = {
        {60, 24,
         " 57 % █████████████▋··········  step 57 of 100, 12.3 steps/s\n"
         "loss          0.03509\n"
         "                    2  ⠈⡆\n"
         "                        ⡇\n"
         "                        ⢇\n"
         "                        ⠘⢢⡀\n"
         "              0.03509     ⠈⠑⠒⠒⠤⠤⠤⠤⠤⠤⠤⠤⢄⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀⣀\n"
         "validation       0.25  score 0.75  ████████████████████████▁\n"
         "gradient           57  ▁▁▁▂▂▂▂▂▃▃▃▃▃▄▄▄▄▄▄▅▅▅▅▅▆▆▆▆▆▇▇▇▇▇███\n"
         "rate              0.1  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n"
         "updates relative to their weights, 0.001 is usual\n"
         "       0.1  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  dense_1.weight  large\n"
         "     0.001  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁  dense_2.weight\n"
         "! step 12  the loss grows and grows\n"},
        {40, 7,
         " 57 % step 57 of 100, 12.3 steps/s\n"
         "loss          0.03509  █▃▂▂▂▁▁▁▁▁▁▁▁▁▁▁▁\n"
         "validation       0.25  score 0.75\n"
         "gradient           57  ▁▁▂▂▃▃▄▄▄▅▅▆▆▇▇██\n"
         "rate              0.1  ▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁▁\n"
         "! step 12  the loss grows and grows\n"},
        {20, 2, " 57 % step 57 of 100\nloss\n"},
    };
    tn_history *history = a_run();
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char *text = tn_panel_draw(&(tn_panel){.history = history, .facts = &FACTS}, false, CASES[i].width, CASES[i].lines);
        assert_string_equal(text, CASES[i].text);
        free(text);
    }
    tn_history_destroy(history);
}

static void before_the_first_step(void **state)
{
    (void)state;
    tn_history *history = support_history();
    const tn_run_facts facts = {.title = "train.py", .state = "running"};
    char *text = tn_panel_draw(&(tn_panel){.history = history, .facts = &facts}, false, 80, 24);
    assert_string_equal(text, "step 0\n");
    free(text);
    tn_history_destroy(history);
}

/* Of every size, with names that are long, of several bytes a character, or try to steer the terminal. */
static void it_stays_in_its_place(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"dense_1", "a_layer_whose_name_is_long_since_its_module_lies_deep_in_a_tree_of_modules",
                                        "größe_日本語_層_βγδ", "\033[2J\033[H\r\n\x07"};
    for (size_t n = 0; n < sizeof NAMES / sizeof *NAMES; n++) {
        tn_history *history = support_history();
        support_history_run(history, 40, NAMES[n]);
        for (uint64_t i = 1; i < 6; i++) {
            char rule[16];
            snprintf(rule, sizeof rule, "rule_%d", (int)i);
            support_history_signal(history, rule, i, NAMES[n], NAMES[n]);
        }
        support_history_step(history, 41, NAN, 0.1, INFINITY);
        for (size_t width = 1; width <= 130; width += width < 30 ? 1 : 7)
            for (size_t lines = 1; lines <= 40; lines += 3) {
                char *text = tn_panel_draw(&(tn_panel){.history = history, .facts = &FACTS}, false, width, lines);
                size_t count = 0;
                assert_null(strpbrk(text, "\033\r\x07"));
                for (char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
                    *end = '\0';
                    count++;
                    if (tn_columns(line) > width)
                        fail_msg("%zu columns, not %zu: '%s'", tn_columns(line), width, line);
                }
                assert_true(count >= 1 && count <= lines);
                free(text);
            }
        tn_history_destroy(history);
    }
}

static void colours_are_asked_for(void **state)
{
    (void)state;
    tn_history *history = a_run();
    char *plain = tn_panel_draw(&(tn_panel){.history = history, .facts = &FACTS}, false, 80, 24);
    char *colour = tn_panel_draw(&(tn_panel){.history = history, .facts = &FACTS}, true, 80, 24);
    assert_null(strchr(plain, '\033'));
    assert_non_null(strstr(colour, "\033[1;33m! step 12"));
    free(plain);
    free(colour);
    tn_history_destroy(history);
}

static void curves_in_characters(void **state)
{
    (void)state;
    const double values[] = {0, 1, 2, 3, NAN, INFINITY, 7, 7};
    double low, high;
    tn_text text;
    assert_true(tn_spark_range(values, 8, &low, &high));
    assert_true(low == 0 && high == 7);
    tn_text_init(&text);
    tn_spark_add(&text, values, 8, low, high);
    assert_string_equal(text.data, "▁▂▃▄ ×██");
    tn_text_deinit(&text);
    assert_false(tn_spark_range((const double[]){NAN, INFINITY}, 2, &low, &high));

    /* A line up, in two lines of two characters; and one step down, which is joined by dots. */
    const double up[] = {0, 2, 5, 7}, down[] = {7, 0};
    for (size_t row = 0; row < 2; row++) {
        tn_text_init(&text);
        tn_braille_add(&text, up, 2, row, 2, 0, 7);
        assert_string_equal(text.data, row == 0 ? " ⡜" : "⡰⠁");
        tn_text_deinit(&text);
        tn_text_init(&text);
        tn_braille_add(&text, down, 1, row, 2, 0, 7);
        assert_string_equal(text.data, row == 0 ? "⢱" : "⢸");
        tn_text_deinit(&text);
    }
}

/* Equal spans of the steps: the mean of what is observed in each, or what was before it. */
static void series_are_sampled(void **state)
{
    (void)state;
    tn_history *history = support_history();
    double values[5];
    for (uint64_t step = 1; step <= 10; step++)
        support_history_step(history, step, step == 5 || step == 6 ? (double)NAN : (double)step, 0.1, NAN);
    support_history_score(history, 4, 0.5, NAN);
    tn_spark_sample(tn_history_series_of(history, TN_HISTORY_LOSS), 10, values, 5);
    assert_true(values[0] == 1.5 && values[1] == 3.5 && isinf(values[2]) && values[3] == 7.5 && values[4] == 9.5);
    tn_spark_sample(tn_history_series_of(history, TN_HISTORY_VALID_SCORE), 10, values, 5);
    assert_true(isnan(values[0]) && values[1] == 0.5 && values[4] == 0.5);
    tn_history_destroy(history);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_text),
        cmocka_unit_test(before_the_first_step),
        cmocka_unit_test(it_stays_in_its_place),
        cmocka_unit_test(colours_are_asked_for),
        cmocka_unit_test(curves_in_characters),
        cmocka_unit_test(series_are_sampled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
