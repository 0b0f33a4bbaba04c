/* test_schedule.c: the learning rate of chosen steps, by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine/schedule.h"

static void assert_rate(const tn_schedule *schedule, uint64_t step, double expected)
{
    const double found = tn_schedule_rate(schedule, step);
    if (!(fabs(found - expected) <= 1e-12 * expected)) {
        fail_msg("step %llu: found %.15g, expected %.15g", (unsigned long long)step, found, expected);
    }
}

static void constant(void **state)
{
    (void)state;
    const tn_schedule schedule = {.decay = TN_DECAY_NONE, .learning_rate = 0.3, .steps_per_epoch = 10, .steps_total = 100};
    assert_rate(&schedule, 0, 0.3);
    assert_rate(&schedule, 99, 0.3);
    assert_rate(&schedule, 1000000, 0.3);
}

/* From epoch 6 on, every 2 epochs, divided by 1.5. An epoch has 10 steps. */
static void step(void **state)
{
    (void)state;
    const tn_schedule schedule = {
        .decay = TN_DECAY_STEP, .learning_rate = 0.9, .factor = 1.5, .after = 6, .every = 2, .steps_per_epoch = 10, .steps_total = 100};
    assert_rate(&schedule, 0, 0.9);
    assert_rate(&schedule, 59, 0.9);
    assert_rate(&schedule, 60, 0.6);
    assert_rate(&schedule, 79, 0.6);
    assert_rate(&schedule, 80, 0.4);
    assert_rate(&schedule, 99, 0.4);
    assert_rate(&schedule, 100, 0.9 / 1.5 / 1.5 / 1.5);
    const tn_schedule at_once = {
        .decay = TN_DECAY_STEP, .learning_rate = 1, .factor = 2, .after = 0, .every = 1, .steps_per_epoch = 3, .steps_total = 9};
    assert_rate(&at_once, 0, 0.5);
    assert_rate(&at_once, 3, 0.25);
}

static void cosine(void **state)
{
    (void)state;
    const tn_schedule schedule = {.decay = TN_DECAY_COSINE, .learning_rate = 2, .floor = 0.1, .steps_per_epoch = 10, .steps_total = 100};
    assert_rate(&schedule, 0, 2);
    assert_rate(&schedule, 50, 2 * 0.55);
    assert_rate(&schedule, 25, 2 * (0.1 + 0.9 * 0.5 * (1 + sqrt(0.5))));
    assert_rate(&schedule, 100, 0.2);
    assert_rate(&schedule, 5000, 0.2); /* a run that goes on stays at the floor */
    for (uint64_t i = 1; i <= 100; i++) {
        assert_true(tn_schedule_rate(&schedule, i) < tn_schedule_rate(&schedule, i - 1));
    }
}

/* Four steps up in a line, the first of them not zero; then the decay. */
static void warmup(void **state)
{
    (void)state;
    const tn_schedule plain = {.decay = TN_DECAY_NONE, .learning_rate = 0.8, .warmup = 4, .steps_per_epoch = 10, .steps_total = 100};
    assert_rate(&plain, 0, 0.2);
    assert_rate(&plain, 1, 0.4);
    assert_rate(&plain, 3, 0.8);
    assert_rate(&plain, 4, 0.8);
    const tn_schedule falling = {.decay = TN_DECAY_COSINE, .learning_rate = 1, .warmup = 20, .steps_per_epoch = 10, .steps_total = 120};
    assert_rate(&falling, 9, 0.5);
    assert_rate(&falling, 20, 1); /* the cosine begins at its top */
    assert_rate(&falling, 70, 0.5);
    const tn_schedule longer_than_the_run = {
        .decay = TN_DECAY_COSINE, .learning_rate = 1, .warmup = 200, .steps_per_epoch = 10, .steps_total = 100};
    for (uint64_t i = 0; i < 300; i++) {
        const double rate = tn_schedule_rate(&longer_than_the_run, i);
        assert_true(rate >= 0 && rate <= 1);
    }
}

static tn_schedule read(const char *solver)
{
    char text[512] = "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": 0}}, \"net\": [{\"op\": \"relu\"}], "
                     "\"loss\": \"mse\", \"solver\": ";
    strcat(strcat(text, solver), "}");
    tn_hypes *hypes;
    tn_error error = {0};
    if (tn_hypes_parse(text, strlen(text), "test.json", ".", &hypes, &error) != TN_OK) {
        fail_msg("%s", error.message);
    }
    const tn_schedule schedule = tn_schedule_read(hypes, 7, 70);
    tn_hypes_destroy(hypes);
    return schedule;
}

static void from_hypes(void **state)
{
    (void)state;
    tn_schedule schedule = read("{\"learning_rate\": 0.25, \"warmup\": 3}");
    assert_int_equal(schedule.decay, TN_DECAY_NONE);
    assert_true(schedule.learning_rate == 0.25 && schedule.warmup == 3 && schedule.steps_per_epoch == 7 && schedule.steps_total == 70);
    schedule = read("{\"decay\": {\"kind\": \"step\", \"factor\": 3, \"after\": 5, \"every\": 4}}");
    assert_int_equal(schedule.decay, TN_DECAY_STEP);
    assert_true(schedule.factor == 3 && schedule.after == 5 && schedule.every == 4 && schedule.warmup == 0);
    schedule = read("{\"decay\": {\"kind\": \"cosine\", \"floor\": 0.5}}");
    assert_int_equal(schedule.decay, TN_DECAY_COSINE);
    assert_true(schedule.floor == 0.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(constant), cmocka_unit_test(step), cmocka_unit_test(cosine),
                                       cmocka_unit_test(warmup), cmocka_unit_test(from_hypes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
