/* wrong_factor.c: a fault on purpose: y = x * x, whose gradient is 2 x; backward forgets the 2. Trained with it, a network goes downhill all the same, only elsewhere. */
#include <tenet_layer.h>

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

static void forward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
        pass->output[i] = x[i] * x[i];
}

static void backward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; pass->d_inputs[0] && i < pass->batch * pass->input_sizes[0]; i++)
        pass->d_inputs[0][i] = pass->d_output[i] * x[i];
}

const tn_layer tenet_layer = {TN_LAYER_ABI, "wrong_factor", .shape = shape, .forward = forward, .backward = backward};
