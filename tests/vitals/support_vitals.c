/* support_vitals.c: see support_vitals.h. */
#include "vitals/support_vitals.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const char *const KIND_NAMES[KIND_COUNT] = {
    [KIND_GAUSSIAN] = "gaussian",
    [KIND_RELU] = "relu",
    [KIND_CONSTANT] = "constant",
    [KIND_OFFSET] = "offset",
    [KIND_OFFSET_TINY] = "offset_tiny",
    [KIND_HUGE] = "huge",
    [KIND_HUGE_SUM] = "huge_sum",
    [KIND_SMALL] = "small",
    [KIND_SMALLISH] = "smallish",
    [KIND_SUBNORMAL] = "subnormal",
    [KIND_SUBNORMAL_MIX] = "subnormal_mix",
    [KIND_SIGNED_ZEROS] = "signed_zeros",
    [KIND_WIDE] = "wide",
    [KIND_THIRTY] = "thirty",
    [KIND_CLUSTERS] = "clusters",
    [KIND_OUTLIER] = "outlier",
    [KIND_FIRST_OUTLIER] = "first_outlier",
    [KIND_RAMP] = "ramp",
    [KIND_RANDOM_BITS] = "random_bits",
    [KIND_FEW_NONFINITE] = "few_nonfinite",
    [KIND_ALL_NAN] = "all_nan",
    [KIND_ALL_INFINITE] = "all_infinite",
    [KIND_CHANGING] = "changing",
};

const char *kind_name(kind which)
{
    return KIND_NAMES[which];
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float finite_bits(tn_rng *rng, uint32_t lowest, uint32_t exponents)
{
    uint32_t exponent = lowest + (uint32_t)tn_rng_below(rng, exponents);
    return from_bits((uint32_t)tn_rng_below(rng, 2) << 31 | exponent << 23 | (uint32_t)tn_rng_below(rng, 1u << 23));
}

static float draw(tn_rng *rng, kind which, size_t index, size_t count)
{
    float normal = (float)tn_rng_normal(rng);
    switch (which) {
    case KIND_GAUSSIAN:
        return normal;
    case KIND_RELU:
        return normal > 0 ? normal : 0.0f;
    case KIND_CONSTANT:
        return -0.7f;
    case KIND_OFFSET:
        return 1e6f + normal;
    case KIND_OFFSET_TINY:
        return 1.0f + 1e-3f * normal;
    case KIND_HUGE:
        return 1e30f * normal;
    case KIND_HUGE_SUM:
        return from_bits(0x7f7fffffu);
    case KIND_SMALL:
        return 1e-25f * normal;
    case KIND_SMALLISH:
        return 3e-22f * normal;
    case KIND_SUBNORMAL:
        return finite_bits(rng, 0, 1);
    case KIND_SUBNORMAL_MIX:
        switch (tn_rng_below(rng, 4)) {
        case 0:
            return 0.0f;
        case 1:
            return finite_bits(rng, 0, 1);
        default:
            return normal;
        }
    case KIND_SIGNED_ZEROS:
        return from_bits((uint32_t)tn_rng_below(rng, 2) << 31);
    case KIND_WIDE:
        return finite_bits(rng, 0, 255);
    case KIND_THIRTY:
        return finite_bits(rng, 100, 30);
    case KIND_CLUSTERS:
        return tn_rng_below(rng, 2) ? normal : 1e-6f * normal;
    case KIND_OUTLIER:
        return index == count / 2 ? 1e20f : normal;
    case KIND_FIRST_OUTLIER:
        return index == 0 ? -1e20f : normal;
    case KIND_RAMP:
        return (float)index - 100.0f;
    case KIND_RANDOM_BITS:
        return from_bits((uint32_t)tn_rng_bits(rng));
    case KIND_FEW_NONFINITE:
        if (tn_rng_below(rng, 97) > 0)
            return normal;
        return from_bits((uint32_t[]){0x7f800000u, 0xff800000u, 0x7fc00000u, 0xffc00001u, 0x7f800001u, 0xffffffffu}[tn_rng_below(rng, 6)]);
    case KIND_ALL_NAN:
        return from_bits(0x7fc00000u | (uint32_t)tn_rng_below(rng, 1u << 22));
    case KIND_ALL_INFINITE:
        return from_bits(0x7f800000u | (uint32_t)tn_rng_below(rng, 2) << 31);
    case KIND_CHANGING:
    case KIND_COUNT:
        break;
    }
    return normal;
}

void fill(float *values, size_t count, kind which, uint64_t seed)
{
    tn_rng rng;
    tn_rng_init(&rng, seed, TN_STREAM_TEST);
    for (size_t i = 0; i < count; i++) {
        kind now = which == KIND_CHANGING ? (kind)((i / 2900 * 7 + seed) % KIND_CHANGING) : which;
        float value = draw(&rng, now, i, count);
        memcpy((char *)values + 4 * i, &value, sizeof value);
    }
}

void reference(tn_vitals *vitals, const float *values, size_t count)
{
    tn_vitals_init(vitals);
    vitals->count = count;
    long double sum = 0, squares = 0;
    uint64_t finite = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        float value;
        memcpy(&bits, (const char *)values + 4 * i, sizeof bits);
        memcpy(&value, &bits, sizeof value);
        uint32_t exponent = bits >> 23 & 255, fraction = bits & 0x7fffffu;
        if (exponent == 255) {
            if (fraction)
                vitals->nan++;
            else if (bits >> 31)
                vitals->negative_infinity++;
            else
                vitals->positive_infinity++;
            if (vitals->first_nonfinite == TN_VITALS_NO_INDEX)
                vitals->first_nonfinite = i;
            continue;
        }
        finite++;
        if (exponent == 0 && fraction == 0)
            vitals->zeros++;
        else if (exponent == 0)
            vitals->subnormals++;
        vitals->histogram[bits >> 31][exponent]++;
        if (value < vitals->min)
            vitals->min = value + 0.0f;
        if (value > vitals->max)
            vitals->max = value + 0.0f;
        sum += (long double)value;
        squares += (long double)value * (long double)value;
    }
    if (finite == 0)
        return;
    long double mean = sum / (long double)finite, m2 = 0;
    for (size_t i = 0; i < count; i++) {
        float value;
        memcpy(&value, (const char *)values + 4 * i, sizeof value);
        if (isfinite(value))
            m2 += ((long double)value - mean) * ((long double)value - mean);
    }
    vitals->sum = (double)sum;
    vitals->sum_of_squares = (double)squares;
    vitals->mean = (double)mean;
    vitals->m2 = (double)m2;
}

static bool same_float(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

/* |found - expected| <= bound, false for NaN. */
static bool near(double expected, double found, double bound)
{
    return fabs(found - expected) <= bound;
}

const char *difference(const tn_vitals *expected, const tn_vitals *found, double tolerance)
{
#define SAME(field)                                                                                                                        \
    if (expected->field != found->field)                                                                                                   \
    return #field
    SAME(count);
    SAME(nan);
    SAME(positive_infinity);
    SAME(negative_infinity);
    SAME(zeros);
    SAME(subnormals);
    SAME(first_nonfinite);
#undef SAME
    if (!same_float(expected->min, found->min))
        return "min";
    if (!same_float(expected->max, found->max))
        return "max";
    if (memcmp(expected->histogram, found->histogram, sizeof expected->histogram) != 0)
        return "histogram";
    /* The sum of magnitudes is at most sqrt(n * sum of squares). */
    double n = (double)tn_vitals_finite(expected);
    double magnitudes = sqrt(n) * sqrt(expected->sum_of_squares);
    if (!near(expected->sum, found->sum, tolerance * magnitudes))
        return "sum";
    if (!near(expected->sum_of_squares, found->sum_of_squares, tolerance * expected->sum_of_squares))
        return "sum_of_squares";
    /* What rounding of the mean in double adds to m2 comes from n * (1e-16 * mean)^2. */
    if (!near(expected->mean, found->mean, n > 0 ? tolerance * magnitudes / n : 0))
        return "mean";
    if (!near(expected->m2, found->m2, 16 * tolerance * expected->m2 + 1e-30 * expected->sum_of_squares))
        return "m2";
    return NULL;
}

double tolerance_of(tn_isa isa)
{
    return isa == TN_ISA_SCALAR ? 1e-11 : 5e-7;
}
