/* crashes.c: a fault on purpose: y = x + a correction from a table, which is there only for inputs below 20; beyond, the pointer is NULL. */
#include <math.h>
#include <tenet_layer.h>

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

static const float *find_correction(float x)
{
    static const float NONE = 0;
    return fabsf(x) < 20 ? &NONE : NULL;
}

static void forward(const tn_layer_pass *pass)
{
    const float *x = pass->inputs[0];
    for (size_t i = 0; i < pass->batch * pass->input_sizes[0]; i++)
        pass->output[i] = x[i] + *find_correction(x[i]);
}

static void backward(const tn_layer_pass *pass)
{
    for (size_t i = 0; pass->d_inputs[0] && i < pass->batch * pass->input_sizes[0]; i++)
        pass->d_inputs[0][i] = pass->d_output[i];
}

const tn_layer tenet_layer = {TN_LAYER_ABI, "crashes", .shape = shape, .forward = forward, .backward = backward};
