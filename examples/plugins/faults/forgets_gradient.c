/* forgets_gradient.c: a fault on purpose: leaky relu, written as a branch that returns nothing for negative inputs, whose gradient is then whatever lay there before. */
#include <tenet_layer.h>

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

static void forward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
        pass->output[i] = x[i] > 0 ? x[i] : 0.1f * x[i];
}

static void backward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; pass->d_inputs[0] && i < pass->batch * pass->input_sizes[0]; i++)
        if (x[i] > 0)
            pass->d_inputs[0][i] = pass->d_output[i];
}

const tn_layer tenet_layer = {TN_LAYER_ABI, "forgets_gradient", .shape = shape, .forward = forward, .backward = backward};
