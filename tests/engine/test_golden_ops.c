/* test_golden_ops.c: forward and backward of every op in float against golden values made by PyTorch; with planted faults.
 *
 * Tolerance: 4e-6 (1 + |expected|), some thirty units of float's last place: the golden values are exact to nine digits, the engine sums
 * in float or double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/op.h"
#include "engine/support_golden.h"
#include "engine/support_op.h"

#define TOLERANCE 4e-6

static const char *const files[] = {TN_TEST_DATA "/activations.golden", TN_TEST_DATA "/layers.golden", TN_TEST_DATA "/arithmetic.golden",
                                    TN_TEST_DATA "/sequences.golden"};
enum { FILES = sizeof files / sizeof *files };

static void copy_in(tn_real *to, const tn_golden_entry *from, size_t count)
{
    assert_int_equal(from->count, count);
    for (size_t i = 0; i < count; i++) {
        to[i] = (tn_real)from->values[i];
    }
}

/* A run of the op as the golden case describes it. `of` must outlive the run. */
static void run_case(const tn_golden_case *golden, tn_op_case *of, tn_op_run *run)
{
    *of = (tn_op_case){.label = golden->label,
                       .op = tn_golden_get(golden, "op")->text,
                       .attributes = tn_golden_get(golden, "attributes")->text,
                       .batch = (size_t)tn_golden_number(golden, "batch", 0),
                       .evaluation = tn_golden_number(golden, "training", 1) == 0};
    char name[64];
    for (size_t i = 0; i < sizeof of->inputs / sizeof *of->inputs; i++) {
        snprintf(name, sizeof name, "input%zu", i);
        const tn_golden_entry *input = tn_golden_find(golden, name);
        if (input == NULL) {
            break;
        }
        of->inputs[of->input_count].rank = input->shape.rank - 1;
        memcpy(of->inputs[of->input_count].dims, input->shape.dims + 1, (input->shape.rank - 1) * sizeof *input->shape.dims);
        of->input_count++;
    }
    tn_op_run_init(run, of, NULL, 1);
    for (size_t i = 0; i < run->node.input_count; i++) {
        snprintf(name, sizeof name, "input%zu", i);
        copy_in(run->inputs[i], tn_golden_get(golden, name), run->input_sizes[i]);
    }
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        tn_real *values = run->state_at_start[p] != NULL ? run->state_at_start[p] : run->pass.parameters[p];
        copy_in(values, tn_golden_get(golden, run->node.parameters[p].name), run->parameter_sizes[p]);
    }
    copy_in(run->d_output, tn_golden_get(golden, "d_output"), run->output_size);
    tn_op_run_forward(run);
    tn_op_run_backward(run);
}

static void assert_case(const tn_golden_case *golden, const tn_op_run *run)
{
    char name[64];
    tn_golden_assert(golden, "output", run->output, run->output_size, TOLERANCE);
    for (size_t i = 0; i < run->node.input_count; i++) {
        snprintf(name, sizeof name, "d_input%zu", i);
        tn_golden_assert(golden, name, run->d_inputs[i], run->input_sizes[i], TOLERANCE);
    }
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        const bool is_state = run->node.parameters[p].is_state;
        snprintf(name, sizeof name, "%s_%s", is_state ? "new" : "d", run->node.parameters[p].name);
        tn_golden_assert(golden, name, is_state ? run->pass.parameters[p] : run->pass.d_parameters[p], run->parameter_sizes[p], TOLERANCE);
    }
}

static void agree(void **state)
{
    (void)state;
    for (size_t f = 0; f < FILES; f++) {
        tn_golden golden;
        tn_golden_read(&golden, files[f]);
        assert_true(golden.count > 15);
        for (size_t c = 0; c < golden.count; c++) {
            tn_op_case of;
            tn_op_run run;
            run_case(&golden.cases[c], &of, &run);
            assert_case(&golden.cases[c], &run);
            tn_op_run_deinit(&run);
        }
        tn_golden_destroy(&golden);
    }
}

/* A value off by one part in ten thousand, another sign, a NaN and a NaN missed must be seen in each tensor of each case. */
static void faults_are_caught(void **state)
{
    (void)state;
    for (size_t f = 0; f < FILES; f++) {
        tn_golden golden;
        tn_golden_read(&golden, files[f]);
        for (size_t c = 0; c < golden.count; c++) {
            for (size_t e = 0; e < golden.cases[c].entry_count; e++) {
                const tn_golden_entry *entry = &golden.cases[c].entries[e];
                if (entry->text != NULL || entry->count < 2) {
                    continue;
                }
                float *values = malloc(entry->count * sizeof *values);
                assert_non_null(values);
                for (size_t i = 0; i < entry->count; i++) {
                    values[i] = (float)entry->values[i];
                }
                assert_int_equal(tn_golden_differs(entry, values, TOLERANCE), entry->count);
                for (size_t i = 0; i < entry->count; i++) {
                    const float held = values[i];
                    const float wrong[] = {held * 1.0001F, -held, NAN, 0};
                    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
                        const bool sees = w == 2 ? !isnan(held) : isnan(held) ? w == 3 : fabsf(held) > 0.2F && (w != 0 || isfinite(held));
                        values[i] = wrong[w];
                        if (sees) {
                            assert_int_equal(tn_golden_differs(entry, values, TOLERANCE), i);
                        }
                    }
                    values[i] = held;
                }
                free(values);
            }
        }
        tn_golden_destroy(&golden);
    }
}

/* Every op but dropout, whose random numbers are our own, flatten, which computes nothing, and plugin, which computes what its user wrote. */
static void all_are_compared(void **state)
{
    (void)state;
    tn_golden golden[FILES];
    for (size_t f = 0; f < FILES; f++) {
        tn_golden_read(&golden[f], files[f]);
    }
    for (size_t i = 0; i < tn_op_count(); i++) {
        const tn_op *op = tn_op_at(i);
        bool found = (op->flags & (TN_OP_RANDOM | TN_OP_ALIAS)) != 0 || op->release;
        for (size_t f = 0; f < FILES; f++) {
            for (size_t c = 0; c < golden[f].count; c++) {
                found = found || strcmp(tn_golden_get(&golden[f].cases[c], "op")->text, op->name) == 0;
            }
        }
        if (!found) {
            fail_msg("there are no golden values of %s", op->name);
        }
    }
    for (size_t f = 0; f < FILES; f++) {
        tn_golden_destroy(&golden[f]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(agree), cmocka_unit_test(faults_are_caught), cmocka_unit_test(all_are_compared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
