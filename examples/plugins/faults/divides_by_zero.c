/* divides_by_zero.c: a fault on purpose: y = sin(x) / x, which is 1 at x = 0 for a mathematician, and 0 / 0 for a computer. Its gradient is (x cos(x) - sin(x)) / x^2. */
#include <math.h>
#include <tenet_layer.h>

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

static void forward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
        pass->output[i] = sinf(x[i]) / x[i];
}

static void backward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; pass->d_inputs[0] && i < pass->batch * pass->input_sizes[0]; i++)
        pass->d_inputs[0][i] = pass->d_output[i] * (x[i] * cosf(x[i]) - sinf(x[i])) / (x[i] * x[i]);
}

const tn_layer tenet_layer = {TN_LAYER_ABI, "divides_by_zero", .shape = shape, .forward = forward, .backward = backward};
