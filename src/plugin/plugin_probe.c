/* plugin_probe.c: see plugin_probe.h. The values follow PROTOCOL A5: zeros, equal values, +-1e4, denormals, large batches; and the places where the usual activations have their kinks. */
#include "plugin/plugin_probe.h"

#include <math.h>

static double ordinary(tn_rng *rng, size_t place)
{
    (void)place;
    return tn_rng_normal(rng);
}

static double zero(tn_rng *rng, size_t place)
{
    (void)rng;
    (void)place;
    return 0;
}

static double tie(tn_rng *rng, size_t place)
{
    (void)rng;
    (void)place;
    return 0.75;
}

/* relu and its kin bend at 0, relu6 at 0 and 6, hard_sigmoid at 2.5 or 3, clips and hinges at 1, rounding at halves. */
static double kink(tn_rng *rng, size_t place)
{
    static const double VALUES[] = {0, 1, -1, 0.5, -0.5, 2.5, -2.5, 6, -6, 3, -3, 2, -2};
    (void)place;
    return VALUES[tn_rng_below(rng, sizeof VALUES / sizeof *VALUES)];
}

static double large(tn_rng *rng, size_t place)
{
    (void)place;
    return 50 * tn_rng_normal(rng);
}

static double huge(tn_rng *rng, size_t place)
{
    (void)place;
    return tn_rng_below(rng, 2) ? 1e4 : -1e4;
}

static double tiny(tn_rng *rng, size_t place)
{
    (void)place;
    return 1e-20 * tn_rng_normal(rng);
}

/* Below 1.18e-38 a float is subnormal; 1.4e-45 is the smallest. Zeros of both signs between them. */
static double subnormal(tn_rng *rng, size_t place)
{
    static const double VALUES[] = {1e-40, -1e-40, 1.4e-45, -1.4e-45, 0.0, -0.0, 1.1e-38};
    (void)rng;
    return VALUES[place % (sizeof VALUES / sizeof *VALUES)];
}

static const tn_plugin_probe PROBES[] = {
    {"random", "values of mean 0 and variance 1", true, 3, ordinary},
    {"one sample", "a batch of one", true, 1, ordinary},
    {"zeros", "all inputs 0", true, 2, zero},
    {"ties", "all inputs equal", true, 2, tie},
    {"kinks", "0, 1, 0.5, 2.5, 3, 6 and the like, of both signs", true, 5, kink},
    {"large", "values of standard deviation 50", true, 3, large},
    {"huge", "10000 and -10000", false, 3, huge},
    {"tiny", "values of 1e-20", true, 2, tiny},
    {"subnormal", "subnormal numbers, and zeros of both signs", false, 3, subnormal},
    {"large batch", "257 samples", false, 257, ordinary},
};

const tn_plugin_probe *tn_plugin_probe_at(size_t index)
{
    return index < sizeof PROBES / sizeof *PROBES ? &PROBES[index] : NULL;
}

static bool is_bounded(const tn_plugin_info *info)
{
    return info->input_least < info->input_most;
}

float tn_plugin_within(const tn_plugin_info *info, double value)
{
    return (float)(is_bounded(info) ? fmin(fmax(value, info->input_least), info->input_most) : value);
}

void tn_plugin_probe_fill(const tn_plugin_probe *probe, const tn_plugin_info *info, tn_rng *rng, float *values, size_t count)
{
    double least = info->input_least, most = info->input_most;
    for (size_t i = 0; i < count; i++) {
        double value = probe->value(rng, i);
        /* Of bounded inputs the ordinary ones lie anywhere between the bounds. */
        if (probe->value == ordinary && is_bounded(info))
            value = least + (fmin(most, least + 1e6) - least) * tn_rng_uniform(rng);
        values[i] = tn_plugin_within(info, value);
    }
}

static const tn_layer_shape SHAPES[] = {
    {1, {7}},    {2, {3, 5}},    {3, {5, 3, 2}}, {1, {1}},       {1, {16}},         {2, {1, 1}},
    {2, {7, 4}}, {3, {1, 1, 1}}, {3, {8, 8, 1}}, {3, {4, 4, 3}}, {4, {2, 3, 2, 2}},
};

const tn_layer_shape *tn_plugin_probe_shape(size_t index)
{
    return index < sizeof SHAPES / sizeof *SHAPES ? &SHAPES[index] : NULL;
}
