/* planted.c: layers with one planted fault each, and healthy twins of them, chosen by a macro when it is built (tests/CMakeLists.txt): PLANTED_NAME is the layer's name. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tenet_layer.h"

#ifndef PLANTED_FLAGS
#define PLANTED_FLAGS 0
#endif
#ifndef PLANTED_LEAST
#define PLANTED_LEAST 0
#define PLANTED_MOST  0
#endif
#ifndef PLANTED_INPUTS
#define PLANTED_INPUTS 1
#endif

static size_t count_of(const tn_layer_pass *pass)
{
    return pass->batch * pass->input_sizes[0];
}

/* y = f(x), element by element; g: its slope. */
static float f(float x);
static float g(float x);

static void each_forward(const tn_layer_pass *pass)
{
    for (size_t i = 0; i < count_of(pass); i++)
        pass->output[i] = f(pass->inputs[0][i]);
}

static void each_backward(const tn_layer_pass *pass)
{
    for (size_t i = 0; pass->d_inputs[0] && i < count_of(pass); i++)
        pass->d_inputs[0][i] = pass->d_output[i] * g(pass->inputs[0][i]);
}

static void same_shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
}

#define SHAPE    same_shape
#define FORWARD  each_forward
#define BACKWARD each_backward

#if defined(PLANTED_relu)
static float f(float x)
{
    return x > 0 ? x : 0;
}
static float g(float x)
{
    return x > 0 ? 1 : 0;
}
#elif defined(PLANTED_hard_tanh)
static float f(float x)
{
    return x > 1 ? 1 : x < -1 ? -1 : x;
}
static float g(float x)
{
    return x > 1 || x < -1 ? 0 : 1;
}
#elif defined(PLANTED_sine)
static float f(float x)
{
    return sinf(x);
}
static float g(float x)
{
    return cosf(x);
}
#elif defined(PLANTED_flipped_sign)
static float f(float x)
{
    return cosf(x);
}
static float g(float x)
{
    return sinf(x);
}
#elif defined(PLANTED_dropped_term)
static float f(float x)
{
    return x * x + 0.1F * x;
}
static float g(float x)
{
    return 2 * x;
}
#elif defined(PLANTED_rounds) || defined(PLANTED_straight_through)
static float f(float x)
{
    return roundf(x);
}
static float g(float x)
{
    return x - x + 1;
}
#elif defined(PLANTED_logarithm) || defined(PLANTED_bounded_logarithm)
static float f(float x)
{
    return logf(x);
}
static float g(float x)
{
    return 1 / x;
}
#elif defined(PLANTED_reciprocal)
static float f(float x)
{
    return 1 / x;
}
static float g(float x)
{
    return -1 / (x * x);
}
#elif defined(PLANTED_square_root)
static float f(float x)
{
    return sqrtf(fabsf(x));
}
static float g(float x)
{
    return (x < 0 ? -0.5F : 0.5F) / sqrtf(fabsf(x));
}
#elif defined(PLANTED_softmax) || defined(PLANTED_unstable_softmax)
static float f(float x)
{
    return x;
}
static float g(float x)
{
    return x;
}
static void softmax_forward(const tn_layer_pass *pass)
{
    size_t width = pass->input_shapes[0].dims[pass->input_shapes[0].rank - 1], rows = count_of(pass) / width;
    for (size_t r = 0; r < rows; r++) {
        const float *x = pass->inputs[0] + r * width;
        float *y = pass->output + r * width, sum = 0, most = 0;
        for (size_t k = 0; k < width; k++)
            most = k == 0 || x[k] > most ? x[k] : most;
#if defined(PLANTED_unstable_softmax)
        most = 0;
#endif
        for (size_t k = 0; k < width; k++)
            sum += y[k] = expf(x[k] - most);
        for (size_t k = 0; k < width; k++)
            y[k] /= sum;
    }
}
static void softmax_backward(const tn_layer_pass *pass)
{
    size_t width = pass->input_shapes[0].dims[pass->input_shapes[0].rank - 1], rows = count_of(pass) / width;
    for (size_t r = 0; r < rows && pass->d_inputs[0]; r++) {
        const float *y = pass->output + r * width, *d = pass->d_output + r * width;
        float dot = 0;
        for (size_t k = 0; k < width; k++)
            dot += d[k] * y[k];
        for (size_t k = 0; k < width; k++)
            pass->d_inputs[0][r * width + k] = y[k] * (d[k] - dot);
    }
}
#undef FORWARD
#undef BACKWARD
#define FORWARD  softmax_forward
#define BACKWARD softmax_backward
#elif defined(PLANTED_dense)
/* A weight, a bias, and saved values: y = W tanh(x) + b, 3 outputs. */
static float f(float x)
{
    return tanhf(x);
}
static float g(float x)
{
    return x;
}
static void dense_shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    size_t inputs = 1;
    for (size_t i = 0; i < question->inputs[0].rank; i++)
        inputs *= question->inputs[0].dims[i];
    plan->output = (tn_layer_shape){1, {3}};
    plan->parameter_count = 2;
    plan->parameters[0] =
        (tn_layer_parameter){.name = "weight", .shape = {2, {inputs, 3}}, .start = TN_LAYER_AS_HYPES, .fan_in = inputs, .fan_out = 3};
    plan->parameters[1] = (tn_layer_parameter){.name = "bias", .shape = {1, {3}}};
    plan->saved_per_sample = inputs;
}
static void dense_forward(const tn_layer_pass *pass)
{
    size_t inputs = pass->input_sizes[0];
    for (size_t i = 0; i < count_of(pass); i++)
        pass->saved[i] = f(pass->inputs[0][i]);
    for (size_t n = 0; n < pass->batch; n++)
        for (size_t k = 0; k < 3; k++) {
            float sum = pass->parameters[1][k];
            for (size_t i = 0; i < inputs; i++)
                sum += pass->saved[n * inputs + i] * pass->parameters[0][i * 3 + k];
            pass->output[n * 3 + k] = sum;
        }
}
static void dense_backward(const tn_layer_pass *pass)
{
    size_t inputs = pass->input_sizes[0];
    for (size_t i = 0; pass->d_inputs[0] && i < count_of(pass); i++) {
        const float *d = pass->d_output + i / inputs * 3, *w = pass->parameters[0] + i % inputs * 3;
        pass->d_inputs[0][i] = (d[0] * w[0] + d[1] * w[1] + d[2] * w[2]) * (1 - pass->saved[i] * pass->saved[i]);
    }
    for (size_t i = 0; pass->d_parameters[0] && i < inputs * 3; i++) {
        float sum = 0;
        for (size_t n = 0; n < pass->batch; n++)
            sum += pass->saved[n * inputs + i / 3] * pass->d_output[n * 3 + i % 3];
        pass->d_parameters[0][i] = sum;
    }
    for (size_t k = 0; pass->d_parameters[1] && k < 3; k++) {
        float sum = 0;
        for (size_t n = 0; n < pass->batch; n++)
            sum += pass->d_output[n * 3 + k];
        pass->d_parameters[1][k] = sum;
    }
}
#undef SHAPE
#undef FORWARD
#undef BACKWARD
#define SHAPE    dense_shape
#define FORWARD  dense_forward
#define BACKWARD dense_backward
#elif defined(PLANTED_product) || defined(PLANTED_swapped)
/* y = a * b of two inputs; the fault gives each the other's gradient. */
static float f(float x)
{
    return x;
}
static float g(float x)
{
    return x;
}
static void product_forward(const tn_layer_pass *pass)
{
    for (size_t i = 0; i < count_of(pass); i++)
        pass->output[i] = pass->inputs[0][i] * pass->inputs[1][i];
}
static void product_backward(const tn_layer_pass *pass)
{
#if defined(PLANTED_swapped)
    const float *of[2] = {pass->inputs[0], pass->inputs[1]};
#else
    const float *of[2] = {pass->inputs[1], pass->inputs[0]};
#endif
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; pass->d_inputs[k] && i < count_of(pass); i++)
            pass->d_inputs[k][i] = pass->d_output[i] * of[k][i];
}
#undef FORWARD
#undef BACKWARD
#define FORWARD  product_forward
#define BACKWARD product_backward
#elif defined(PLANTED_mixes) || defined(PLANTED_mixes_on_purpose)
/* Each feature less its mean over the batch. */
static float f(float x)
{
    return x;
}
static float g(float x)
{
    return x;
}
static void centre(const tn_layer_pass *pass, const float *from, float *to)
{
    size_t width = pass->input_sizes[0];
    for (size_t k = 0; to && k < width; k++) {
        float mean = 0;
        for (size_t n = 0; n < pass->batch; n++)
            mean += from[n * width + k] / (float)pass->batch;
        for (size_t n = 0; n < pass->batch; n++)
            to[n * width + k] = from[n * width + k] - mean;
    }
}
static void centre_forward(const tn_layer_pass *pass)
{
    centre(pass, pass->inputs[0], pass->output);
}
static void centre_backward(const tn_layer_pass *pass)
{
    centre(pass, pass->d_output, pass->d_inputs[0]);
}
#undef FORWARD
#undef BACKWARD
#define FORWARD  centre_forward
#define BACKWARD centre_backward
#else
/* y = 3 x, and something else. */
static float f(float x)
{
    return 3 * x;
}
static float g(float x)
{
    return x - x + 3;
}
static void odd_forward(const tn_layer_pass *pass)
{
#if !defined(PLANTED_forgets_output)
    each_forward(pass);
#endif
#if defined(PLANTED_hangs)
    for (volatile int i = 1; i;)
        ;
#elif defined(PLANTED_exits)
    exit(3);
#elif defined(PLANTED_aborts)
    abort();
#elif defined(PLANTED_null)
    *(volatile float *)pass->d_output = 1;
#elif defined(PLANTED_writes_input)
    ((float *)(size_t)pass->inputs[0])[count_of(pass) - 1] = 1;
#elif defined(PLANTED_writes_far)
    pass->output[count_of(pass) + 5000] = 1;
#elif defined(PLANTED_writes_before)
    pass->output[-1] = 1;
#elif defined(PLANTED_random)
    pass->output[0] += (float)rand();
#elif defined(PLANTED_remembers)
    static float before;
    pass->output[0] += before;
    before = pass->output[0];
#elif defined(PLANTED_forgets_output)
    for (size_t i = 0; i + 1 < count_of(pass); i++)
        pass->output[i] = f(pass->inputs[0][i]);
#elif defined(PLANTED_leaks)
    static void *volatile lost;
    lost = malloc(1000);
#elif defined(PLANTED_prints)
    printf("hello from a layer\n");
#endif
}
static void odd_backward(const tn_layer_pass *pass)
{
#if defined(PLANTED_adds)
    for (size_t i = 0; pass->d_inputs[0] && i < count_of(pass); i++)
        pass->d_inputs[0][i] += 3 * pass->d_output[i];
#elif defined(PLANTED_assumes_input)
    for (size_t i = 0; i < count_of(pass); i++)
        pass->d_inputs[0][i] = 3 * pass->d_output[i];
#elif defined(PLANTED_changes_output)
    each_backward(pass);
    pass->output[0] = 0;
#elif defined(PLANTED_crashes_late)
    /* On no batch of a probe. */
    each_backward(pass);
    if (pass->batch == 16 && pass->d_output[0] < 0)
        abort();
#elif defined(PLANTED_divides_whole)
    each_backward(pass);
    volatile int zero = 0;
    zero = 7 / zero;
#else
    each_backward(pass);
#endif
}
static void odd_shape(const tn_layer_question *question, tn_layer_plan *plan)
{
    plan->output = question->inputs[0];
#if defined(PLANTED_no_shape)
    plan->output.rank = 0;
#elif defined(PLANTED_refuses)
    snprintf(plan->refusal, sizeof plan->refusal, "needs 11 features; there are %zu", question->inputs[0].dims[0]);
#elif defined(PLANTED_crashes_in_shape)
    *(volatile size_t *)question->inputs[1].rank = 1;
#endif
}
#undef SHAPE
#undef FORWARD
#undef BACKWARD
#define SHAPE    odd_shape
#define FORWARD  odd_forward
#define BACKWARD odd_backward
#endif

#define TEXT(word)  #word
#define NAMED(word) TEXT(word)

const tn_layer tenet_layer = {.abi = TN_LAYER_ABI,
                              .name = NAMED(PLANTED_NAME),
                              .flags = PLANTED_FLAGS,
                              .least_inputs = PLANTED_INPUTS,
                              .most_inputs = PLANTED_INPUTS,
                              .input_least = PLANTED_LEAST,
                              .input_most = PLANTED_MOST,
                              .shape = SHAPE,
                              .forward = FORWARD,
                              .backward = BACKWARD};
