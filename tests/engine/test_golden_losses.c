/* test_golden_losses.c: every loss and its gradient in float against golden values made by PyTorch. The reader's own faults are planted in
 * test_golden_ops. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/loss.h"
#include "engine/support_golden.h"

#define TOLERANCE 2e-6

typedef struct loss_run {
    size_t batch, width;
    float *output, *targets, *losses, *gradient;
    int32_t *classes;
} loss_run;

static float *floats(const tn_golden_entry *from, size_t count)
{
    float *made = malloc(count * sizeof *made);
    assert_non_null(made);
    for (size_t i = 0; i < count; i++) {
        made[i] = from != NULL ? (float)from->values[i] : 0;
    }
    return made;
}

static loss_run compute(const tn_golden_case *golden, bool with_gradient)
{
    const tn_golden_entry *output = tn_golden_get(golden, "output");
    loss_run run = {.batch = output->shape.dims[0], .width = output->shape.dims[1]};
    run.output = floats(output, output->count);
    run.losses = floats(NULL, run.batch);
    run.gradient = floats(NULL, output->count);
    const tn_golden_entry *classes = tn_golden_find(golden, "classes");
    if (classes != NULL) {
        run.classes = malloc(run.batch * sizeof *run.classes);
        assert_non_null(run.classes);
        for (size_t b = 0; b < run.batch; b++) {
            run.classes[b] = (int32_t)classes->values[b];
        }
    } else {
        run.targets = floats(tn_golden_get(golden, "targets"), output->count);
    }
    const tn_loss *loss = tn_loss_find(tn_golden_get(golden, "loss")->text);
    assert_non_null(loss);
    const tn_loss_options options = {.clip = tn_golden_number(golden, "clip", -1),
                                     .delta = tn_golden_number(golden, "delta", -1),
                                     .sum = tn_golden_number(golden, "sum", 0) != 0};
    const tn_labels labels = {.classes = run.classes, .targets = run.targets};
    loss->compute(&options, run.batch, run.width, run.output, &labels, run.losses, with_gradient ? run.gradient : NULL);
    return run;
}

static void deinit(loss_run *run)
{
    free(run->output);
    free(run->targets);
    free(run->losses);
    free(run->gradient);
    free(run->classes);
}

static void agree(void **state)
{
    (void)state;
    tn_golden golden;
    tn_golden_read(&golden, TN_TEST_DATA "/losses.golden");
    assert_true(golden.count > 20);
    for (size_t c = 0; c < golden.count; c++) {
        loss_run run = compute(&golden.cases[c], true);
        tn_golden_assert(&golden.cases[c], "sample_losses", run.losses, run.batch, TOLERANCE);
        tn_golden_assert(&golden.cases[c], "d_output", run.gradient, run.batch * run.width, TOLERANCE);
        loss_run again = compute(&golden.cases[c], false); /* without a gradient the losses are the same bits */
        assert_memory_equal(run.losses, again.losses, run.batch * sizeof *run.losses);
        deinit(&run);
        deinit(&again);
    }
    tn_golden_destroy(&golden);
}

static void all_are_compared(void **state)
{
    (void)state;
    tn_golden golden;
    tn_golden_read(&golden, TN_TEST_DATA "/losses.golden");
    for (size_t i = 0; i < tn_loss_count(); i++) {
        bool found = false;
        for (size_t c = 0; c < golden.count; c++) {
            found = found || strcmp(tn_golden_get(&golden.cases[c], "loss")->text, tn_loss_at(i)->name) == 0;
        }
        if (!found) {
            fail_msg("there are no golden values of %s", tn_loss_at(i)->name);
        }
    }
    tn_golden_destroy(&golden);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree), cmocka_unit_test(all_are_compared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
