/* writes_outside.c: a fault on purpose: the gradient of y = 3 x, with a loop that goes one element too far. */
#include <tenet_layer.h>

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

static void forward(const tn_layer_pass *pass)
{
    for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
        pass->output[i] = 3 * pass->inputs[0][i];
}

static void backward(const tn_layer_pass *pass)
{
    const size_t count = pass->batch * pass->input_sizes[0];
    for (size_t i = 0; pass->d_inputs[0] && i <= count; i++)
        pass->d_inputs[0][i] = i < count ? 3 * pass->d_output[i] : 0;
}

const tn_layer tenet_layer = {TN_LAYER_ABI, "writes_outside", .shape = shape, .forward = forward, .backward = backward};
