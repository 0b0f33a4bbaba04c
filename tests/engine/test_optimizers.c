/* test_optimizers.c: optimizers in float: the table, the slots, settings from hypes, slices, and what NaN, Inf and zero gradients do. The
 * formulas are checked in double/test_optimizer_formulas, golden values in test_golden_optimizers. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "engine/optimizer.h"

enum { COUNT = 1003 };

static const tn_optimizer_options usual = {.momentum = 0.9, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .rho = 0.9};
static const tn_update first_step = {.learning_rate = 0.1, .gradient_scale = 1, .step = 1};

static void table(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        size_t slots, without_momentum;
    } rows[] = {{"sgd", 1, 0}, {"adam", 2, 2}, {"adamw", 2, 2}, {"rmsprop", 2, 1}, {"adagrad", 1, 1}, {"adadelta", 2, 2}};
    assert_int_equal(tn_optimizer_count(), sizeof rows / sizeof *rows);
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        const tn_optimizer *optimizer = tn_optimizer_find(rows[i].name);
        assert_ptr_equal(optimizer, tn_optimizer_at(i));
        assert_int_equal(optimizer->slots, rows[i].slots);
        tn_optimizer_options options = usual;
        assert_int_equal(optimizer->slots_used == NULL ? optimizer->slots : optimizer->slots_used(&options), rows[i].slots);
        options.momentum = 0;
        assert_int_equal(optimizer->slots_used == NULL ? optimizer->slots : optimizer->slots_used(&options), rows[i].without_momentum);
    }
    assert_null(tn_optimizer_find("lion"));
    assert_null(tn_optimizer_at(tn_optimizer_count()));
}

typedef struct arrays {
    float weights[COUNT], gradients[COUNT], slots[TN_OPTIMIZER_SLOTS_MAX][COUNT];
} arrays;

static void fill(arrays *a)
{
    memset(a, 0, sizeof *a);
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    for (size_t i = 0; i < COUNT; i++) {
        a->weights[i] = (float)tn_rng_normal(&rng);
        a->gradients[i] = (float)tn_rng_normal(&rng);
    }
}

static void update_and_keep(const tn_optimizer *optimizer, const tn_optimizer_options *options, const tn_update *now, arrays *a,
                            size_t first, size_t count, float *changes)
{
    float *const slots[TN_OPTIMIZER_SLOTS_MAX] = {a->slots[0] + first, a->slots[1] + first, a->slots[2] + first};
    optimizer->update(options, now, count, a->weights + first, a->gradients + first, slots, changes);
}

static void update(const tn_optimizer *optimizer, const tn_optimizer_options *options, const tn_update *now, arrays *a, size_t first,
                   size_t count)
{
    update_and_keep(optimizer, options, now, a, first, count, NULL);
}

/* Slices of any length, in any order, give the bits of the whole. Odd starts break every alignment. */
static void slices_equal_the_whole(void **state)
{
    (void)state;
    static arrays whole, sliced;
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        fill(&whole);
        fill(&sliced);
        for (uint64_t step = 1; step <= 3; step++) {
            const tn_update now = {.learning_rate = 0.01, .gradient_scale = 0.7, .step = step};
            tn_optimizer_options options = usual;
            options.weight_decay = 0.01;
            update(tn_optimizer_at(i), &options, &now, &whole, 0, COUNT);
            update(tn_optimizer_at(i), &options, &now, &sliced, 500, COUNT - 500);
            update(tn_optimizer_at(i), &options, &now, &sliced, 37, 463);
            update(tn_optimizer_at(i), &options, &now, &sliced, 0, 1);
            update(tn_optimizer_at(i), &options, &now, &sliced, 1, 36);
            update(tn_optimizer_at(i), &options, &now, &sliced, 5, 0);
        }
        assert_memory_equal(&whole, &sliced, sizeof whole);
    }
}

/* Asked for what it adds to the weights an optimizer tells that to the last bit, and makes the same weights and slots; with and without momentum, Nesterov's and weight decay. */
static void changes_are_the_difference(void **state)
{
    (void)state;
    static arrays asked, unasked;
    static float before[COUNT], changes[COUNT];
    for (size_t i = 0; i < 8 * tn_optimizer_count(); i++) {
        tn_optimizer_options options = usual;
        options.momentum = i & 1 ? 0.9 : 0;
        options.nesterov = (i & 2) != 0;
        options.weight_decay = i & 4 ? 0.01 : 0;
        fill(&asked);
        fill(&unasked);
        for (uint64_t step = 1; step <= 3; step++) {
            const tn_update now = {.learning_rate = 0.01, .gradient_scale = 0.7, .step = step};
            memcpy(before, asked.weights, sizeof before);
            update_and_keep(tn_optimizer_at(i / 8), &options, &now, &asked, 0, COUNT, changes);
            update(tn_optimizer_at(i / 8), &options, &now, &unasked, 0, COUNT);
            for (size_t k = 0; k < COUNT; k++)
                assert_true(changes[k] == asked.weights[k] - before[k] && changes[k] != 0);
        }
        assert_memory_equal(&asked, &unasked, sizeof asked);
    }
}

/* A gradient of zero moves nothing; the first step of the adaptive ones is about the rate, whatever the gradient's size. */
static void zero_and_first_steps(void **state)
{
    (void)state;
    static arrays a;
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        const tn_optimizer *optimizer = tn_optimizer_at(i);
        fill(&a);
        const float before = a.weights[0], other = a.weights[1];
        a.gradients[0] = 0;
        a.gradients[1] = 1e-3F;
        update(optimizer, &usual, &first_step, &a, 0, COUNT);
        assert_true(a.weights[0] == before);
        assert_true(a.weights[1] < other); /* downhill */
        if (strncmp(optimizer->name, "adam", 4) == 0 || strcmp(optimizer->name, "adagrad") == 0) {
            assert_true(fabs((double)other - (double)a.weights[1] - 0.1) < 1e-5);
        }
    }
}

/* NaN spoils its own weight and no other. Without weight decay an infinite weight stays what it is: 0 times Inf must not make it NaN. */
static void nan_and_inf(void **state)
{
    (void)state;
    static arrays a;
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        fill(&a);
        a.gradients[17] = NAN;
        a.weights[40] = INFINITY;
        update(tn_optimizer_at(i), &usual, &first_step, &a, 0, COUNT);
        for (size_t k = 0; k < COUNT; k++) {
            assert_int_equal(isnan(a.weights[k]) != 0, k == 17);
        }
        assert_true(a.weights[40] == INFINITY);
    }
}

static void from_hypes(void **state)
{
    (void)state;
    static const char text[] =
        "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": 0}}, \"net\": [{\"op\": \"relu\"}], \"loss\": "
        "\"mse\", \"solver\": "
        "{\"opt\": \"sgd\", \"momentum\": 0.5, \"nesterov\": true, \"beta1\": 0.25, \"beta2\": 0.75, \"epsilon\": 0.125, \"rho\": 0.375, "
        "\"weight_decay\": 0.0625}}";
    tn_hypes *hypes;
    tn_error error = {0};
    if (tn_hypes_parse(text, sizeof text - 1, "test.json", ".", &hypes, &error) != TN_OK) {
        fail_msg("%s", error.message);
    }
    const tn_optimizer_options o = tn_optimizer_options_read(hypes);
    assert_true(o.momentum == 0.5 && o.nesterov && o.beta1 == 0.25 && o.beta2 == 0.75 && o.epsilon == 0.125 && o.rho == 0.375 &&
                o.weight_decay == 0.0625);
    tn_hypes_destroy(hypes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(table),
                                       cmocka_unit_test(slices_equal_the_whole),
                                       cmocka_unit_test(changes_are_the_difference),
                                       cmocka_unit_test(zero_and_first_steps),
                                       cmocka_unit_test(nan_and_inf),
                                       cmocka_unit_test(from_hypes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
