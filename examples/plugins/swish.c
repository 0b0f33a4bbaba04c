/* swish.c: a layer of one's own: swish with a learnt slope, y = x * sigmoid(slope * x), one slope for each feature (the last axis of a sample).
 *
 * With s = sigmoid(slope * x):
 *   dy/dx = s + slope * x * s * (1 - s),   dy/dslope = x * x * s * (1 - s), summed over all rows
 * Ramachandran, Zoph and Le 2017, Searching for activation functions, arXiv:1710.05941.
 *
 * In a net: {"plugin": "swish.so", "slope": 1}. */
#include <math.h>
#include <tenet_layer.h>

static const tn_layer_argument ARGUMENTS[] = {
    {"slope", 1, 0.01, 100, false}, /* that training starts with */
};
enum { SLOPE };

/* 1 / (1 + exp(-t)) overflows to 1 / inf = 0 where t is far below 0, which is right; exp never meets a number above 0 here, so that it stays finite in any case. */
static float sigmoid(float t)
{
    float e = expf(-fabsf(t));
    return t < 0 ? e / (1 + e) : 1 / (1 + e);
}

static void shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    const tn_layer_shape *input = &question->inputs[0];
    plan->output = *input;
    plan->parameter_count = 1;
    plan->parameters[SLOPE] = (tn_layer_parameter){
        .name = "slope", .shape = {1, {input->dims[input->rank - 1]}}, .start = TN_LAYER_CONSTANT, .value = question->arguments[0]};
}

static void forward(const tn_layer_pass *pass)
{
    const size_t count = pass->batch * pass->input_sizes[0], features = pass->parameter_sizes[SLOPE];
    const float *x = pass->inputs[0], *slope = pass->parameters[SLOPE];
    for (size_t i = 0; i < count; i++)
        pass->output[i] = x[i] * sigmoid(slope[i % features] * x[i]);
}

/* Either gradient is NULL where nobody needs it. */
static void backward(const tn_layer_pass *pass)
{
    const size_t count = pass->batch * pass->input_sizes[0], features = pass->parameter_sizes[SLOPE];
    const float *x = pass->inputs[0], *slope = pass->parameters[SLOPE], *dy = pass->d_output;
    float *dx = pass->d_inputs[0], *d_slope = pass->d_parameters[SLOPE];
    for (size_t i = 0; dx && i < count; i++) {
        float t = slope[i % features] * x[i], s = sigmoid(t);
        dx[i] = dy[i] * (s + t * s * (1 - s));
    }
    for (size_t k = 0; d_slope && k < features; k++) {
        double sum = 0;
        for (size_t i = k; i < count; i += features) {
            float s = sigmoid(slope[k] * x[i]);
            sum += (double)(dy[i] * x[i] * x[i] * s * (1 - s));
        }
        d_slope[k] = (float)sum;
    }
}

const tn_layer tenet_layer = {.abi = TN_LAYER_ABI,
                              .name = "swish",
                              .arguments = ARGUMENTS,
                              .argument_count = 1,
                              .shape = shape,
                              .forward = forward,
                              .backward = backward};
