/* test_golden_optimizers.c: three steps of every optimizer in float against golden values made by PyTorch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/optimizer.h"
#include "engine/support_golden.h"

#define TOLERANCE 1e-6

enum { WEIGHTS_MAX = 64 };

static void assert_case(const tn_golden_case *golden)
{
    const tn_optimizer *optimizer = tn_optimizer_find(tn_golden_get(golden, "optimizer")->text);
    assert_non_null(optimizer);
    const tn_optimizer_options options = {.momentum = tn_golden_number(golden, "momentum", 0),
                                          .nesterov = tn_golden_number(golden, "nesterov", 0) != 0,
                                          .beta1 = tn_golden_number(golden, "beta1", 0),
                                          .beta2 = tn_golden_number(golden, "beta2", 0),
                                          .epsilon = tn_golden_number(golden, "epsilon", 0),
                                          .rho = tn_golden_number(golden, "rho", 0),
                                          .weight_decay = tn_golden_number(golden, "weight_decay", 0)};
    float weights[WEIGHTS_MAX], gradients[WEIGHTS_MAX], slots[TN_OPTIMIZER_SLOTS_MAX][WEIGHTS_MAX] = {{0}};
    float *const at[TN_OPTIMIZER_SLOTS_MAX] = {slots[0], slots[1], slots[2]};
    const tn_golden_entry *start = tn_golden_get(golden, "weights");
    assert_true(start->count <= WEIGHTS_MAX);
    for (size_t i = 0; i < start->count; i++) {
        weights[i] = (float)start->values[i];
    }
    const size_t steps = (size_t)tn_golden_number(golden, "steps", 0);
    assert_int_equal(steps, 3);
    for (size_t step = 1; step <= steps; step++) {
        char name[32];
        snprintf(name, sizeof name, "gradients%zu", step);
        const tn_golden_entry *given = tn_golden_get(golden, name);
        for (size_t i = 0; i < given->count; i++) {
            gradients[i] = (float)given->values[i] * 2;
        }
        /* Gradients twice as large and a scale of a half are the same to the last bit. */
        const tn_update update = {.learning_rate = tn_golden_number(golden, "learning_rate", 0), .gradient_scale = 0.5, .step = step};
        optimizer->update(&options, &update, start->count, weights, gradients, at, NULL);
        snprintf(name, sizeof name, "weights%zu", step);
        tn_golden_assert(golden, name, weights, start->count, TOLERANCE);
    }
}

static void agree(void **state)
{
    (void)state;
    tn_golden golden;
    tn_golden_read(&golden, TN_TEST_DATA "/optimizers.golden");
    for (size_t c = 0; c < golden.count; c++) {
        assert_case(&golden.cases[c]);
    }
    for (size_t i = 0; i < tn_optimizer_count(); i++) {
        bool found = false;
        for (size_t c = 0; c < golden.count; c++) {
            found = found || strcmp(tn_golden_get(&golden.cases[c], "optimizer")->text, tn_optimizer_at(i)->name) == 0;
        }
        if (!found) {
            fail_msg("there are no golden values of %s", tn_optimizer_at(i)->name);
        }
    }
    tn_golden_destroy(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
