/* support_op.c: see support_op.h. */
#include "engine/support_op.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"

static tn_real *allocate(size_t count)
{
    tn_real *block = tn_memory_create(count, sizeof *block);
    assert_non_null(block);
    return block;
}

static void fill_nan(tn_real *values, size_t count)
{
    for (size_t i = 0; i < count && values != NULL; i++) {
        values[i] = (tn_real)NAN;
    }
}

static void fill_normal(tn_rng *rng, tn_real *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = (tn_real)tn_rng_normal(rng);
    }
}

static void fill_inputs(const tn_op_case *of, tn_rng *rng, tn_real *values, size_t count)
{
    const double scale = of->scale > 0 ? of->scale : 1;
    uint32_t *order = tn_memory_create(count, sizeof *order);
    assert_non_null(order);
    tn_rng_permutation(rng, order, count);
    for (size_t i = 0; i < count; i++) {
        double x = scale * tn_rng_normal(rng);
        if (of->distinct) {
            x = 0.1 * ((double)order[i] - 0.5 * (double)count);
        }
        if (of->positive) {
            x = fabs(x) > 0.2 ? fabs(x) : 0.2 + fabs(x);
        }
        for (size_t k = 0; k < of->kink_count; k++) {
            const double kink = of->kinks[k];
            x = fabs(x - kink) >= 0.05 ? x : kink + (x < kink ? -0.06 : 0.06);
        }
        values[i] = of->tokens > 0 ? (tn_real)(order[i] % of->tokens) : (tn_real)x;
    }
    tn_memory_destroy(order);
}

static void init_parameters(tn_op_run *run, tn_rng *rng)
{
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        const tn_parameter *parameter = &run->node.parameters[p];
        const size_t size = tn_shape_size(&parameter->shape);
        run->parameter_sizes[p] = size;
        run->pass.parameters[p] = allocate(size);
        fill_normal(rng, run->pass.parameters[p], size);
        if (parameter->is_state) {
            for (size_t i = 0; i < size; i++) { /* a running variance is positive */
                run->pass.parameters[p][i] = TN_REAL(fabs)(run->pass.parameters[p][i]) + (tn_real)0.5;
            }
            run->state_at_start[p] = allocate(size);
            memcpy(run->state_at_start[p], run->pass.parameters[p], size * sizeof(tn_real));
        } else {
            run->pass.d_parameters[p] = allocate(size);
        }
    }
}

void tn_op_run_init(tn_op_run *run, const tn_op_case *of, tn_pool *pool, uint64_t seed)
{
    memset(run, 0, sizeof *run);
    run->of = of;
    run->node.op = tn_op_find(of->op);
    assert_non_null(run->node.op);
    run->node.factors = of->factors;
    run->node.input_count = of->input_count > 0 ? of->input_count : 1;
    memcpy(run->node.inputs, of->inputs, run->node.input_count * sizeof *of->inputs);
    json_error_t json_error;
    run->attributes = json_loads(of->attributes != NULL ? of->attributes : "{}", 0, &json_error);
    assert_non_null(run->attributes);
    tn_error error = {0};
    if (run->node.op->configure(&run->node, run->attributes, &error) != TN_OK) {
        fail_msg("%s: %s", of->label, error.message);
    }
    tn_rng rng;
    tn_rng_init(&rng, seed, TN_STREAM_TEST);
    for (size_t i = 0; i < run->node.input_count; i++) {
        run->input_sizes[i] = of->batch * tn_shape_size(&run->node.inputs[i]);
        run->inputs[i] = allocate(run->input_sizes[i]);
        run->d_inputs[i] = allocate(run->input_sizes[i]);
        fill_inputs(of, &rng, run->inputs[i], run->input_sizes[i]);
        run->pass.inputs[i] = run->inputs[i];
        run->pass.d_inputs[i] = run->d_inputs[i];
    }
    run->output_size = of->batch * tn_shape_size(&run->node.output);
    run->output = allocate(run->output_size);
    run->d_output = allocate(run->output_size);
    fill_normal(&rng, run->d_output, run->output_size);
    init_parameters(run, &rng);
    if (of->carried) {
        run->carried_size = of->batch * run->node.carried_count * run->node.carried_width;
        assert_true(run->carried_size > 0);
        run->pass.carried = run->carried = allocate(run->carried_size);
        run->pass.carried_on = run->carried_on = allocate(run->carried_size);
        fill_normal(&rng, run->carried, run->carried_size);
    }
    run->saved_size = of->batch * run->node.saved_per_sample + run->node.saved_per_batch;
    run->scratch_size =
        tn_pool_threads(pool) * run->node.scratch_per_worker + run->node.scratch_shared + of->batch * run->node.scratch_per_sample;
    tn_rng_init(&run->rng_at_start, seed, TN_STREAM_DROPOUT);
    run->pass.batch = of->batch;
    run->pass.training = !of->evaluation;
    run->pass.pool = pool;
    run->pass.rng = &run->rng;
    run->pass.output = run->output;
    run->pass.d_output = run->d_output;
    run->pass.saved = allocate(run->saved_size);
    run->pass.scratch = allocate(run->scratch_size);
    fill_nan(run->pass.saved, run->saved_size);
}

void tn_op_run_deinit(tn_op_run *run)
{
    json_decref(run->attributes);
    for (size_t i = 0; i < TN_OP_INPUTS_MAX; i++) {
        tn_memory_destroy(run->inputs[i]);
        tn_memory_destroy(run->d_inputs[i]);
    }
    for (size_t p = 0; p < TN_OP_PARAMETERS_MAX; p++) {
        tn_memory_destroy(run->pass.parameters[p]);
        tn_memory_destroy(run->pass.d_parameters[p]);
        tn_memory_destroy(run->state_at_start[p]);
    }
    tn_memory_destroy(run->output);
    tn_memory_destroy(run->d_output);
    tn_memory_destroy(run->carried);
    tn_memory_destroy(run->carried_on);
    tn_memory_destroy(run->pass.saved);
    tn_memory_destroy(run->pass.scratch);
}

void tn_op_run_forward(tn_op_run *run)
{
    run->rng = run->rng_at_start;
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        if (run->state_at_start[p] != NULL) {
            memcpy(run->pass.parameters[p], run->state_at_start[p], run->parameter_sizes[p] * sizeof(tn_real));
        }
    }
    if (run->pass.output != run->pass.inputs[0]) {
        fill_nan(run->pass.output, run->output_size);
    }
    fill_nan(run->pass.scratch, run->scratch_size);
    fill_nan(run->carried_on, run->carried_size);
    run->node.op->forward(&run->node, &run->pass);
}

void tn_op_run_backward(tn_op_run *run)
{
    for (size_t i = 0; i < run->node.input_count; i++) {
        if (run->pass.d_inputs[i] != run->pass.d_output) {
            fill_nan(run->pass.d_inputs[i], run->input_sizes[i]);
        }
    }
    for (size_t p = 0; p < run->node.parameter_count; p++) {
        fill_nan(run->pass.d_parameters[p], run->parameter_sizes[p]);
    }
    fill_nan(run->pass.scratch, run->scratch_size);
    run->node.op->backward(&run->node, &run->pass);
}

double tn_op_run_objective(const tn_op_run *run)
{
    double sum = 0;
    for (size_t i = 0; i < run->output_size; i++) {
        sum += (double)run->output[i] * (double)run->d_output[i];
    }
    return sum;
}
