/* vector_math.h: exp, log, tanh, erf and their kin for the loops of ops and losses.
 *
 * The float build has branch-free forms here that the compiler vectorises; a call of expf would cost ten times as much. The double build
 * takes the math library's, so gradient checks test our formulas and golden values test these approximations. Contract of the float forms,
 * each tested: NaN gives NaN; overflow gives Inf and underflow 0, as the math library does, since tenet diagnoses exactly that; the
 * largest errors against double, in units of the last place, are in the comment of each function (every seventh float was tried;
 * test_activations tries fewer).
 *
 * Coefficients: weighted minimax fits by tools/fit_polynomials.py. Argument reduction after Cody and Waite 1980. */
#ifndef TN_ENGINE_VECTOR_MATH_H
#define TN_ENGINE_VECTOR_MATH_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/simd.h"
#include "engine/real.h"

/* Inlined into every clone of TN_SIMD_CLONES, so that it is compiled for that instruction set. */
#define TN_INLINE static inline __attribute__((always_inline))

/* Before a loop whose iterations are independent although its pointers may be equal (an op that runs in place). */
#if defined(TN_REAL_DOUBLE) || defined(TN_SANITIZED)
#define TN_INDEPENDENT /* clang makes an error of a loop that it was told to vectorise and could not */
#elif defined(__clang__)
#define TN_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define TN_INDEPENDENT _Pragma("GCC ivdep")
#endif

#ifdef TN_REAL_DOUBLE

TN_INLINE double tn_exp(double x)
{
    return exp(x);
}

TN_INLINE double tn_expm1_below_zero(double x)
{
    return expm1(x);
}

TN_INLINE double tn_log(double x)
{
    return log(x);
}

TN_INLINE double tn_log1p_unit(double u)
{
    return log1p(u);
}

TN_INLINE double tn_tanh(double x)
{
    return tanh(x);
}

TN_INLINE double tn_erf(double x)
{
    return erf(x);
}

#else

TN_INLINE uint32_t tn_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

TN_INLINE float tn_float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* x = n ln 2 + r with |r| <= ln(2) / 2. Returns exp(r) - 1 and writes n. x within [-104, 89], or NaN: then the result is NaN and n
 * arbitrary. */
TN_INLINE float tn_exp_reduced(float x, int32_t *n)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, which then stands in the low bits */
    const float shifted = x * 1.44269504f + magic;
    const float rounded = shifted - magic;
    *n = (int32_t)(tn_float_bits(shifted) - tn_float_bits(magic));
    const float r = (x - rounded * 0.693359375f) - rounded * -2.12194440e-4f; /* ln 2 in two parts, the first of 11 bits */
    const float p = (((1.3950489e-3f * r + 8.36889e-3f) * r + 4.1666206e-2f) * r + 1.6666518e-1f) * r + 0.5f;
    return r + r * r * p;
}

/* 2^n for n in [-126, 127]. */
TN_INLINE float tn_power_of_two(int32_t n)
{
    return tn_float_of_bits((uint32_t)(n + 127) << 23);
}

/* 1.0 ulp. */
TN_INLINE float tn_exp(float x)
{
    float limited = x > 89.0f ? 89.0f : x;
    limited = limited < -104.0f ? -104.0f : limited;
    int32_t n;
    const float q = tn_exp_reduced(limited, &n);
    /* Two factors, since 2^n alone would over- or underflow where the product need not. */
    const int32_t half = n >> 1;
    return (1.0f + q) * tn_power_of_two(half) * tn_power_of_two(n - half);
}

/* exp(x) - 1 for x <= 0, exact to the last places near 0 too. 1.0 ulp. */
TN_INLINE float tn_expm1_below_zero(float x)
{
    const float limited = x < -80.0f ? -80.0f : x;
    int32_t n;
    const float q = tn_exp_reduced(limited, &n);
    const float scale = tn_power_of_two(n);
    return scale * q + (scale - 1.0f);
}

/* log(0) = -Inf, log of a negative number NaN, log(Inf) = Inf. 1.0 ulp. */
TN_INLINE float tn_log(float x)
{
    const float smallest_normal = 1.17549435e-38f;
    const float scaled = x < smallest_normal ? x * 8388608.0f : x; /* subnormals times 2^23 */
    const float shift = x < smallest_normal ? -23.0f : 0.0f;
    const uint32_t root_half = 0x3f3504f3u; /* sqrt(1/2): the mantissa is taken from [sqrt(1/2), sqrt(2)) */
    const uint32_t bits = tn_float_bits(scaled) - root_half;
    const float e = (float)((int32_t)bits >> 23) + shift;
    const float f = tn_float_of_bits((bits & 0x007fffffu) + root_half) - 1.0f;
    const float s = f * f;
    float p = -7.63443e-2f * f + 1.276155e-1f;
    p = p * f + -1.3160194e-1f;
    p = p * f + 1.4201762e-1f;
    p = p * f + -1.6623357e-1f;
    p = p * f + 2.0001227e-1f;
    p = p * f + -2.5000823e-1f;
    p = p * f + 3.333333e-1f;
    const float low = (f * s * p + e * -2.12194440e-4f) - 0.5f * s;
    /* What has no mantissa gave some finite number so far; its true value is added as bits, since chosen floats would become branches in
     * the loops around. */
    uint32_t special = x == (float)INFINITY ? 0x7f800000u : 0u;
    special = x == 0.0f ? 0xff800000u : special;
    special = x >= 0.0f ? special : 0x7fc00000u;
    return ((f + low) + e * 0.693359375f) + tn_float_of_bits(special);
}

/* log(1 + u) for u in [0, 1], or NaN. 1.7 ulp. */
TN_INLINE float tn_log1p_unit(float u)
{
    float p = 2.0302138e-3f * u + -1.3407392e-2f;
    p = p * u + 4.1477937e-2f;
    p = p * u + -8.244141e-2f;
    p = p * u + 1.2418412e-1f;
    p = p * u + -1.610568e-1f;
    p = p * u + 1.9890745e-1f;
    p = p * u + -2.498727e-1f;
    p = p * u + 3.333256e-1f;
    p = p * u + -4.9999982e-1f;
    return u + u * (u * p);
}

/* -m / (2 + m) with m = exp(-2|x|) - 1, which loses no digits near 0. 2.5 ulp. */
TN_INLINE float tn_tanh(float x)
{
    const float m = tn_expm1_below_zero(x < 0.0f ? x + x : -(x + x));
    const float t = -m / (2.0f + m);
    return x < 0.0f ? -t : t;
}

/* x (1 + P(x^2)) below 0.9, 1 - exp(-Q(|x|)) above. 1.3 ulp. */
TN_INLINE float tn_erf(float x)
{
    const float size = x < 0.0f ? -x : x;
    const float s = x * x;
    float p = -6.090358e-4f * s + 5.0119623e-3f;
    p = p * s + -2.6778908e-2f;
    p = p * s + 1.1282141e-1f;
    p = p * s + -3.7612525e-1f;
    p = p * s + 1.2837915e-1f;
    const float small = x + x * p;
    const float t = size > 4.0f ? 4.0f : size; /* 1 - erf(4) is below half a unit of the last place */
    float q = -1.982207e-4f * t + 3.0654997e-3f;
    q = q * t + -2.2315249e-2f;
    q = q * t + 1.0411374e-1f;
    q = q * t + 6.36976e-1f;
    q = q * t + 1.2779728e-1f;
    q = q * t + 1.6643909e-4f;
    int32_t n;
    const float m = tn_exp_reduced(-(t + q), &n);
    const float scale = tn_power_of_two(n);
    const float large = -(scale * m + (scale - 1.0f));
    const float signed_large = x < 0.0f ? -large : large;
    return size < 0.9f ? small : signed_large;
}

#endif

/* 1 / (1 + exp(-x)). 2.5 ulp down to exp's overflow, at x = -88.7, where it becomes 0. */
TN_INLINE tn_real tn_logistic(tn_real x)
{
    return (tn_real)1 / ((tn_real)1 + tn_exp(-x));
}

#endif
