/* test_trainer_work.c: what a sample costs, held against multiply-adds counted by hand for each kind of layer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/support_trainer.h"

static const support_problem TEXT = {.samples = 8, .rank = 1, .dims = {6}, .classes = 3, .tokens = 11},
                             IMAGE = {.samples = 8, .rank = 3, .dims = {8, 6, 4}, .classes = 3},
                             ROW = {.samples = 8, .rank = 1, .dims = {10}, .classes = 3};

#define EMBEDDING "{\"op\": \"embedding\", \"vocabulary\": 11, \"units\": 5}, "

/* Six steps of five features, looked up, which multiplies nothing. */
enum { T = 6, I = 5, CLASSES = 3, EMBEDDED = T * I };

static const struct {
    const support_problem *problem;
    const char *net; /* in front of the classifier, with a comma at its end */
    size_t products; /* multiply-adds of those nodes */
    size_t values;   /* that they make */
    size_t into;     /* inputs of the classifier behind them */
} CASES[] = {
    {&ROW, "{\"op\": \"dense\", \"units\": 7}, ", 10 * 7, 7, 7},
    {&ROW, "{\"op\": \"dense\", \"units\": 7, \"bias\": false}, {\"op\": \"relu\"}, ", 10 * 7, 7 + 7, 7},
    {&TEXT, EMBEDDING "{\"op\": \"dense\", \"units\": 7}, {\"op\": \"last\"}, ", T *I * 7, EMBEDDED + T * 7 + 7, 7},
    {&TEXT, EMBEDDING "{\"op\": \"rnn\", \"units\": 8}, {\"op\": \"last\"}, ", T * 8 * (I + 8), EMBEDDED + T * 8 + 8, 8},
    {&TEXT, EMBEDDING "{\"op\": \"gru\", \"units\": 8}, {\"op\": \"last\"}, ", T * 3 * 8 * (I + 8), EMBEDDED + T * 8 + 8, 8},
    {&TEXT, EMBEDDING "{\"op\": \"lstm\", \"units\": 8}, {\"op\": \"last\"}, ", T * 4 * 8 * (I + 8), EMBEDDED + T * 8 + 8, 8},
    /* The second layer reads both directions of the first. */
    {&TEXT, EMBEDDING "{\"op\": \"lstm\", \"units\": 8, \"layers\": 2, \"bidirectional\": true}, {\"op\": \"last\"}, ",
     T * 2 * 4 * 8 * (I + 8 + 16 + 8), EMBEDDED + T * 16 + 16, 16},
    /* Four maps of five features, and each step with each, twice; or with itself and those before it. */
    {&TEXT, EMBEDDING "{\"op\": \"attention\", \"heads\": 1}, {\"op\": \"last\"}, ", T * 4 * I *I + 2 * T *T *I, EMBEDDED + EMBEDDED + I,
     I},
    {&TEXT, EMBEDDING "{\"op\": \"attention\", \"heads\": 5, \"causal\": true}, {\"op\": \"last\"}, ",
     T * 4 * I *I + 2 * (1 + 2 + 3 + 4 + 5 + 6) * I, EMBEDDED + EMBEDDED + I, I},
    {&TEXT, EMBEDDING "{\"op\": \"position_embedding\"}, {\"op\": \"last\"}, ", 0, EMBEDDED + EMBEDDED + I, I},
    {&IMAGE, "{\"op\": \"conv2d\", \"filters\": 5, \"kernel\": 3}, ", 6 * 4 * 3 * 3 * 4 * 5, 6 * 4 * 5, 6 * 4 * 5},
    {&IMAGE, "{\"op\": \"conv2d\", \"filters\": 5, \"kernel\": 3, \"stride\": 2, \"padding\": \"same\"}, ", 4 * 3 * 3 * 3 * 4 * 5,
     4 * 3 * 5, 4 * 3 * 5},
    {&IMAGE, "{\"op\": \"conv2d\", \"filters\": 4, \"kernel\": 3, \"groups\": 4}, ", 6 * 4 * 3 * 3 * 4, 6 * 4 * 4, 6 * 4 * 4},
    /* Each pixel that comes in meets the kernel once, however many go out. */
    {&IMAGE, "{\"op\": \"conv2d_transpose\", \"filters\": 5, \"kernel\": 3, \"stride\": 2, \"padding\": \"same\"}, ", 8 * 6 * 3 * 3 * 4 * 5,
     16 * 12 * 5, 16 * 12 * 5},
    {&IMAGE, "{\"op\": \"batch_norm\"}, {\"op\": \"max_pool2d\", \"size\": 2}, ", 0, 8 * 6 * 4 + 4 * 3 * 4, 4 * 3 * 4},
};

static void work_is_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof CASES / sizeof *CASES; i++) {
        char rest[512];
        support_trainer support;
        tn_error error;
        const bool flat = CASES[i].problem == &IMAGE;
        snprintf(rest, sizeof rest,
                 "\"net\": [%s%s{\"op\": \"dense\", \"units\": 3}], \"loss\": \"softmax_cross_entropy\", \"solver\": {\"batch_size\": 4}",
                 CASES[i].net, flat ? "{\"op\": \"flatten\"}, " : "");
        if (support_trainer_open(&support, CASES[i].problem, 1, rest, &error) != TN_OK)
            fail_msg("%s: %s", CASES[i].net, error.message);
        const size_t flattened = flat ? CASES[i].into : 0;
        const size_t expected = CASES[i].products + CASES[i].values + flattened + CASES[i].into * CLASSES + CLASSES;
        const double found = tn_trainer_work(support.trainer);
        if (!(found == (double)expected))
            fail_msg("%s: %.0f, expected %zu", CASES[i].net, found, expected);
        support_trainer_close(&support);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(work_is_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
