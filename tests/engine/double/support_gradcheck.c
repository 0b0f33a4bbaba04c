/* support_gradcheck.c: see support_gradcheck.h. */
#include "engine/double/support_gradcheck.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

_Static_assert(sizeof(tn_real) == sizeof(double), "gradients are checked in double");

enum { SEED = 20240607 };

double tn_gradcheck_step(double x)
{
    return 1e-5 * (fabs(x) > 1 ? fabs(x) : 1);
}

bool tn_fault_plant(tn_fault fault, size_t count, tn_real *gradient)
{
    size_t largest = 0, smallest = count;
    for (size_t i = 0; i < count; i++) {
        largest = fabs(gradient[i]) > fabs(gradient[largest]) ? i : largest;
        if (fabs(gradient[i]) > 1e-3 && (smallest == count || fabs(gradient[i]) < fabs(gradient[smallest]))) {
            smallest = i;
        }
    }
    if (smallest == count) {
        return fault == TN_FAULT_NONE;
    }
    switch (fault) {
    case TN_FAULT_SIGN:
    case TN_FAULT_FACTOR:
        for (size_t i = 0; i < count; i++) {
            gradient[i] *= fault == TN_FAULT_SIGN ? -1 : 1.5;
        }
        break;
    case TN_FAULT_ELEMENT_SIGN:
        gradient[largest] = -gradient[largest];
        break;
    case TN_FAULT_ELEMENT_ZERO:
        gradient[largest] = 0;
        break;
    case TN_FAULT_SMALL_TERM:
        gradient[smallest] *= 1.01;
        break;
    case TN_FAULT_NAN:
        gradient[count / 2] = (tn_real)NAN;
        break;
    case TN_FAULT_NONE:
    case TN_FAULT_COUNT:
        break;
    }
    return true;
}

void tn_gradcheck_compare(tn_gradcheck *check, const char *label, const char *tensor, size_t count, const tn_real *analytic,
                          tn_numeric_fn *numeric, void *context)
{
    for (size_t i = 0; i < count; i++) {
        const double expected = numeric(context, i);
        const double error = fabs(analytic[i] - expected) / (1 + fabs(expected));
        check->compared++;
        check->worst = error > check->worst ? error : check->worst;
        if (!(error <= TN_GRADIENT_TOLERANCE)) {
            if (check->refused++ == 0) {
                snprintf(check->message, sizeof check->message, "%s, %s[%zu]: backward gives %.12g, differences give %.12g", label, tensor,
                         i, analytic[i], expected);
            }
        }
    }
}

/* A value of the run that is moved to take a difference. */
typedef struct moved {
    tn_op_run *run;
    tn_real *values;
} moved;

static double numeric_of_op(void *context, size_t element)
{
    const moved *at = context;
    const double x = at->values[element], h = tn_gradcheck_step(x);
    at->values[element] = x + h;
    tn_op_run_forward(at->run);
    const double above = tn_op_run_objective(at->run);
    at->values[element] = x - h;
    tn_op_run_forward(at->run);
    const double below = tn_op_run_objective(at->run);
    at->values[element] = x;
    return (above - below) / (2 * h);
}

/* The tensors whose gradient is checked: inputs first, then parameters but state. */
typedef struct target {
    const char *name;
    tn_real *values, *gradient;
    size_t count;
} target;

static size_t list_targets(tn_op_run *run, target targets[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; i < run->node.input_count; i++) {
        targets[count++] = (target){"input", run->inputs[i], run->d_inputs[i], run->input_sizes[i]};
    }
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        if (!run->node.parameters[p].is_state) {
            targets[count++] =
                (target){run->node.parameters[p].name, run->pass.parameters[p], run->pass.d_parameters[p], run->parameter_sizes[p]};
        }
    }
    return count;
}

size_t tn_gradcheck_op_targets(const tn_op_case *of)
{
    tn_op_run run;
    target targets[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX];
    tn_op_run_init(&run, of, NULL, SEED);
    const size_t count = list_targets(&run, targets);
    tn_op_run_deinit(&run);
    return count;
}

bool tn_gradcheck_op(const tn_op_case *of, tn_fault fault, size_t faulty, tn_gradcheck *check)
{
    memset(check, 0, sizeof *check);
    tn_op_run run;
    target targets[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX] = {{0}};
    tn_op_run_init(&run, of, NULL, SEED);
    const size_t count = list_targets(&run, targets);
    assert_true(faulty < count);
    tn_op_run_forward(&run);
    tn_op_run_backward(&run);
    const bool planted = tn_fault_plant(fault, targets[faulty].count, targets[faulty].gradient);
    for (size_t t = 0; t < count && planted; t++) {
        if (fault != TN_FAULT_NONE && t != faulty) {
            continue; /* the others have passed without a fault */
        }
        moved at = {&run, targets[t].values};
        tn_gradcheck_compare(check, of->label, targets[t].name, targets[t].count, targets[t].gradient, numeric_of_op, &at);
    }
    tn_op_run_deinit(&run);
    return planted;
}

static void assert_same(const char *label, const char *what, size_t count, const tn_real *found, const tn_real *expected)
{
    for (size_t i = 0; i < count; i++) {
        if (memcmp(&found[i], &expected[i], sizeof(tn_real)) != 0) {
            fail_msg("%s: %s changes element %zu of a gradient from %.17g to %.17g", label, what, i, expected[i], found[i]);
        }
    }
}

static void poison(tn_real *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (tn_real)NAN;
    }
}

/* What an op's flags promise to the planner. All gradients must be the same bits as those of a plain pass. */
static void assert_flags(const tn_op_case *of)
{
    tn_op_run plain, other;
    tn_op_run_init(&plain, of, NULL, SEED);
    tn_op_run_forward(&plain);
    tn_op_run_backward(&plain);
    const unsigned flags = plain.node.op->flags;
    target expected[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX], found[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX];
    const size_t count = list_targets(&plain, expected);

    /* Inputs and output that backward does not need are gone. */
    tn_op_run_init(&other, of, NULL, SEED);
    tn_op_run_forward(&other);
    if ((flags & TN_OP_IGNORES_OUTPUT) != 0) {
        poison(other.output, other.output_size);
    }
    for (size_t i = 0; i < other.node.input_count && (flags & (TN_OP_BACKWARD_FROM_OUTPUT | TN_OP_IGNORES_INPUTS)) != 0; i++) {
        poison(other.inputs[i], other.input_sizes[i]);
    }
    tn_op_run_backward(&other);
    list_targets(&other, found);
    for (size_t t = 0; t < count; t++) {
        assert_same(of->label, "forgetting what the flags call unneeded", expected[t].count, found[t].gradient, expected[t].gradient);
    }
    tn_op_run_backward(&other);
    for (size_t t = 0; t < count; t++) {
        assert_same(of->label, "a second backward", expected[t].count, found[t].gradient, expected[t].gradient);
    }
    tn_op_run_deinit(&other);

    if ((flags & TN_OP_BACKWARD_FROM_OUTPUT) != 0) { /* in place, both ways */
        tn_op_run_init(&other, of, NULL, SEED);
        other.pass.output = other.inputs[0];
        tn_op_run_forward(&other);
        other.pass.d_inputs[0] = other.d_output;
        tn_op_run_backward(&other);
        assert_same(of->label, "running in place", plain.output_size, other.d_output, plain.d_inputs[0]);
        tn_op_run_deinit(&other);
    }

    /* Gradients that nobody needs: of one input, or of all parameters at once, as in a frozen node. */
    const size_t inputs = plain.node.input_count;
    for (size_t gone = 0; gone <= inputs; gone++) {
        tn_op_run_init(&other, of, NULL, SEED);
        tn_op_run_forward(&other);
        list_targets(&other, found);
        tn_real *held[TN_OP_PARAMETERS_MAX];
        memcpy(held, other.pass.d_parameters, sizeof held);
        if (gone < inputs) {
            other.pass.d_inputs[gone] = NULL;
        } else {
            memset(other.pass.d_parameters, 0, sizeof other.pass.d_parameters);
        }
        tn_op_run_backward(&other);
        for (size_t t = 0; t < count; t++) {
            if (gone < inputs ? t != gone : t < inputs) {
                assert_same(of->label, "leaving one gradient out", expected[t].count, found[t].gradient, expected[t].gradient);
            }
        }
        memcpy(other.pass.d_parameters, held, sizeof held);
        tn_op_run_deinit(&other);
    }
    tn_op_run_deinit(&plain);
}

void tn_gradcheck_assert_op(const tn_op_case *of)
{
    tn_gradcheck check;
    tn_gradcheck_op(of, TN_FAULT_NONE, 0, &check);
    if (check.refused > 0) {
        fail_msg("%zu of %zu elements refused; the first: %s", check.refused, check.compared, check.message);
    }
    assert_true(check.compared > 0);
    size_t planted = 0;
    const size_t targets = tn_gradcheck_op_targets(of);
    for (size_t t = 0; t < targets; t++) {
        for (tn_fault fault = TN_FAULT_SIGN; fault < TN_FAULT_COUNT; fault++) {
            if (tn_gradcheck_op(of, fault, t, &check)) {
                planted++;
                if (check.refused == 0) {
                    fail_msg("%s: fault %d in the gradient of tensor %zu was not caught", of->label, (int)fault, t);
                }
            }
        }
    }
    assert_true(planted >= TN_FAULT_COUNT - 1); /* a case whose gradients are all zero checks nothing */
    assert_flags(of);
}

void tn_gradcheck_assert_sampled(const tn_op_case *of, size_t stride)
{
    tn_op_run run;
    target targets[TN_OP_INPUTS_MAX + TN_OP_PARAMETERS_MAX] = {{0}};
    tn_op_run_init(&run, of, NULL, SEED);
    const size_t count = list_targets(&run, targets);
    tn_op_run_forward(&run);
    tn_op_run_backward(&run);
    for (size_t t = 0; t < count; t++) {
        tn_gradcheck check = {0};
        for (size_t i = 0; i < targets[t].count; i += stride) {
            moved at = {&run, targets[t].values + i};
            tn_gradcheck_compare(&check, of->label, targets[t].name, 1, targets[t].gradient + i, numeric_of_op, &at);
        }
        if (check.refused > 0) {
            fail_msg("%zu of %zu elements refused; the first: %s", check.refused, check.compared, check.message);
        }
        assert_true(check.compared > 0);
        moved first = {&run, targets[t].values};
        targets[t].gradient[0] += 1e-3;
        tn_gradcheck_compare(&check, of->label, targets[t].name, 1, targets[t].gradient, numeric_of_op, &first);
        assert_int_equal(check.refused, 1);
        targets[t].gradient[0] -= 1e-3;
    }
    tn_op_run_deinit(&run);
}

/* Losses */

typedef struct loss_run {
    const tn_loss_case *of;
    const tn_loss *loss;
    tn_labels labels;
    int32_t *classes;
    tn_real *targets, *output, *losses, *gradient;
    size_t count;
} loss_run;

static void loss_run_init(loss_run *run, const tn_loss_case *of)
{
    *run = (loss_run){.of = of, .loss = tn_loss_find(of->loss), .count = of->batch * of->width};
    assert_non_null(run->loss);
    run->classes = tn_memory_create(of->batch, sizeof *run->classes);
    run->targets = tn_memory_create(run->count, sizeof *run->targets);
    run->output = tn_memory_create(run->count, sizeof *run->output);
    run->losses = tn_memory_create(of->batch, sizeof *run->losses);
    run->gradient = tn_memory_create(run->count, sizeof *run->gradient);
    assert_true(run->classes != NULL && run->targets != NULL && run->output != NULL && run->losses != NULL && run->gradient != NULL);
    tn_rng rng;
    tn_rng_init(&rng, SEED, TN_STREAM_TEST);
    for (size_t b = 0; b < of->batch; b++) {
        run->classes[b] = (int32_t)tn_rng_below(&rng, of->width);
        if (b % 2 == 1) { /* the last classes too, which lie in the last block of a wide row */
            run->classes[b] = (int32_t)(of->width - 1 - b % of->width);
        }
    }
    for (size_t i = 0; i < run->count; i++) {
        run->output[i] = of->low + (of->high - of->low) * tn_rng_uniform(&rng);
        run->targets[i] = of->target_low + (of->target_high - of->target_low) * tn_rng_uniform(&rng);
        if (of->one_hot) {
            run->targets[i] = (size_t)run->classes[i / of->width] == i % of->width ? 1 : 0;
        }
    }
    run->labels = of->classes ? (tn_labels){.classes = run->classes} : (tn_labels){.targets = run->targets};
}

static void loss_run_deinit(loss_run *run)
{
    tn_memory_destroy(run->classes);
    tn_memory_destroy(run->targets);
    tn_memory_destroy(run->output);
    tn_memory_destroy(run->losses);
    tn_memory_destroy(run->gradient);
}

static double loss_value(loss_run *run)
{
    const tn_loss_case *of = run->of;
    run->loss->compute(&of->options, of->batch, of->width, run->output, &run->labels, run->losses, NULL);
    return tn_loss_reduce(&of->options, of->batch, run->losses);
}

static double numeric_of_loss(void *context, size_t element)
{
    loss_run *run = context;
    const double x = run->output[element], h = tn_gradcheck_step(x);
    run->output[element] = x + h;
    const double above = loss_value(run);
    run->output[element] = x - h;
    const double below = loss_value(run);
    run->output[element] = x;
    return (above - below) / (2 * h);
}

bool tn_gradcheck_loss(const tn_loss_case *of, tn_fault fault, tn_gradcheck *check)
{
    memset(check, 0, sizeof *check);
    loss_run run;
    loss_run_init(&run, of);
    poison(run.gradient, run.count);
    run.loss->compute(&of->options, of->batch, of->width, run.output, &run.labels, run.losses, run.gradient);
    const bool planted = tn_fault_plant(fault, run.count, run.gradient);
    if (planted) {
        tn_gradcheck_compare(check, of->label, "output", run.count, run.gradient, numeric_of_loss, &run);
    }
    loss_run_deinit(&run);
    return planted;
}

void tn_gradcheck_assert_loss(const tn_loss_case *of)
{
    tn_gradcheck check;
    tn_gradcheck_loss(of, TN_FAULT_NONE, &check);
    if (check.refused > 0) {
        fail_msg("%zu of %zu elements refused; the first: %s", check.refused, check.compared, check.message);
    }
    assert_int_equal(check.compared, of->batch * of->width);
    for (tn_fault fault = TN_FAULT_SIGN; fault < TN_FAULT_COUNT; fault++) {
        assert_true(tn_gradcheck_loss(of, fault, &check));
        if (check.refused == 0) {
            fail_msg("%s: fault %d was not caught", of->label, (int)fault);
        }
    }
}
