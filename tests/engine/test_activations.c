/* test_activations.c: the float kernels of exp, log, tanh, erf and their kin against the math library in double: largest errors, limits,
 * NaN; and the activations built on them where their meaning shows: NaN is never swallowed, overflow is Inf. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/support_op.h"
#include "engine/vector_math.h"

/* Every STRIDE-th float is tried: 4 million of them, a prime so that all last digits occur. */
enum { STRIDE = 1021 };

/* |found - expected| in units of the last place of a float at expected. */
static double ulps(float found, double expected)
{
    if (isnan(expected)) {
        return isnan(found) ? 0 : (double)INFINITY;
    }
    if (fabs(expected) > (double)FLT_MAX) {
        return isinf(found) && (found > 0) == (expected > 0) ? 0 : (double)INFINITY;
    }
    int exponent;
    (void)frexp(fmax(fabs(expected), (double)FLT_MIN), &exponent);
    return fabs((double)found - expected) / ldexp(1, exponent - FLT_MANT_DIG);
}

static double logistic(double x)
{
    return 1 / (1 + exp(-x));
}

typedef struct kernel {
    const char *name;
    float (*fast)(float);
    double (*exact)(double);
    float low, high; /* tried within */
    double limit;    /* ulps, as vector_math.h states */
} kernel;

static float fast_exp(float x)
{
    return tn_exp(x);
}
static float fast_expm1(float x)
{
    return tn_expm1_below_zero(x);
}
static float fast_log(float x)
{
    return tn_log(x);
}
static float fast_log1p(float x)
{
    return tn_log1p_unit(x);
}
static float fast_tanh(float x)
{
    return tn_tanh(x);
}
static float fast_erf(float x)
{
    return tn_erf(x);
}
static float fast_logistic(float x)
{
    return tn_logistic(x);
}

/* Faults: kernels that are slightly wrong, which the same comparison must refuse. */
static float wrong_exp(float x)
{
    return tn_exp(x) * 1.0000004F;
}
static float clamped_exp(float x)
{
    return tn_exp(x > 88.0F ? 88.0F : x);
}
static float nan_blind_tanh(float x)
{
    return tn_tanh(x > -9.0F ? x : -9.0F);
}

static const kernel kernels[] = {
    {"exp", fast_exp, exp, -INFINITY, INFINITY, 1.1},
    {"expm1 below zero", fast_expm1, expm1, -INFINITY, 0, 1.1},
    {"log", fast_log, log, -INFINITY, INFINITY, 1.0},
    {"log1p", fast_log1p, log1p, 0, 1, 1.7},
    {"tanh", fast_tanh, tanh, -INFINITY, INFINITY, 2.6},
    {"erf", fast_erf, erf, -INFINITY, INFINITY, 1.3},
    {"logistic", fast_logistic, logistic, -88.5F, INFINITY, 2.6},
};

static double worst_of(const kernel *k, float *where)
{
    double worst = 0;
    for (uint64_t bits = 0; bits <= UINT32_MAX; bits += STRIDE) {
        const float x = tn_float_of_bits((uint32_t)bits);
        if (!isnan(x) && !(x >= k->low && x <= k->high)) {
            continue;
        }
        const double off = ulps(k->fast(x), k->exact((double)x));
        if (!(off <= worst)) {
            worst = off;
            *where = x;
        }
    }
    return worst;
}

static void kernels_are_exact(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++) {
        float where = 0;
        const double worst = worst_of(&kernels[i], &where);
        if (!(worst <= kernels[i].limit)) {
            fail_msg("%s is off by %.3f ulp at %.9g, more than %.2f", kernels[i].name, worst, (double)where, kernels[i].limit);
        }
    }
}

static void wrong_kernels_are_refused(void **state)
{
    (void)state;
    const kernel wrong[] = {{"factor", wrong_exp, exp, -INFINITY, INFINITY, 1.1},
                            {"no overflow", clamped_exp, exp, -INFINITY, INFINITY, 1.1},
                            {"NaN swallowed", nan_blind_tanh, tanh, -INFINITY, INFINITY, 2.6}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        float where = 0;
        assert_false(worst_of(&wrong[i], &where) <= wrong[i].limit);
    }
}

static void limits(void **state)
{
    (void)state;
    assert_true(isinf(tn_exp(88.73F)) && isfinite(tn_exp(88.72F)));
    assert_true(tn_exp(-200.0F) == 0 && tn_exp(-INFINITY) == 0 && tn_exp(0.0F) == 1);
    assert_true(tn_exp(-100.0F) > 0); /* subnormals are not flushed */
    assert_true(tn_log(0.0F) == -INFINITY && tn_log(-0.0F) == -INFINITY && tn_log(INFINITY) == INFINITY && tn_log(1.0F) == 0);
    assert_true(isnan(tn_log(-1.0F)) && isnan(tn_log(-INFINITY)));
    assert_true(isfinite(tn_log(1e-45F)) && tn_log(1e-45F) < -103);
    assert_true(tn_tanh(INFINITY) == 1 && tn_tanh(-INFINITY) == -1 && tn_tanh(50.0F) == 1);
    assert_true(tn_erf(INFINITY) == 1 && tn_erf(-INFINITY) == -1);
    assert_true(tn_logistic(-INFINITY) == 0 && tn_logistic(INFINITY) == 1 && tn_logistic(-1000.0F) == 0);
}

/* NaN anywhere in the input must be NaN in the output and, where the derivative there is asked for, must not become a number out of
 * nothing but the gradient itself. */
static void nan_comes_through(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_op_count(); i++) {
        const tn_op *op = tn_op_at(i);
        if ((op->flags & TN_OP_ACTIVATION) == 0) {
            continue;
        }
        for (size_t at = 0; at < 37; at += 9) {
            const tn_op_case of = {
                .label = op->name, .op = op->name, .attributes = "{\"alpha\": 0.5}", .batch = 1, .inputs = {TN_SHAPE1(37)}};
            tn_op_run run;
            tn_op_run_init(&run, &of, NULL, 3);
            run.inputs[0][at] = NAN;
            tn_op_run_forward(&run);
            for (size_t k = 0; k < 37; k++) {
                if (isnan(run.output[k]) != (k == at)) {
                    fail_msg("%s: NaN in element %zu of the input makes element %zu of the output %g", op->name, at, k,
                             (double)run.output[k]);
                }
            }
            run.inputs[0][at] = 0.5F; /* and NaN in the gradient alone */
            run.d_output[at] = NAN;
            tn_op_run_forward(&run);
            tn_op_run_backward(&run);
            for (size_t k = 0; k < 37; k++) {
                if (isnan(run.d_inputs[0][k]) != (k == at)) {
                    fail_msg("%s: NaN in element %zu of the gradient makes element %zu %g", op->name, at, k, (double)run.d_inputs[0][k]);
                }
            }
            tn_op_run_deinit(&run);
        }
    }
}

/* A tensor large enough to be split gives the same bits with any pool, and in pieces of any length. */
static void threads_do_not_matter(void **state)
{
    (void)state;
    tn_pool *pool;
    tn_error error;
    assert_int_equal(tn_pool_create(3, &pool, &error), TN_OK);
    for (size_t i = 0; i < tn_op_count(); i++) {
        const tn_op *op = tn_op_at(i);
        if ((op->flags & TN_OP_ACTIVATION) == 0) {
            continue;
        }
        const tn_op_case of = {
            .label = op->name, .op = op->name, .attributes = "{\"alpha\": 0.5}", .batch = 71, .inputs = {TN_SHAPE1(1009)}};
        tn_op_run alone, together;
        tn_op_run_init(&alone, &of, NULL, 3);
        tn_op_run_init(&together, &of, pool, 3);
        tn_op_run_forward(&alone);
        tn_op_run_backward(&alone);
        tn_op_run_forward(&together);
        tn_op_run_backward(&together);
        assert_memory_equal(alone.output, together.output, alone.output_size * sizeof(tn_real));
        assert_memory_equal(alone.d_inputs[0], together.d_inputs[0], alone.output_size * sizeof(tn_real));
        tn_op_run_deinit(&alone);
        tn_op_run_deinit(&together);
    }
    tn_pool_destroy(pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kernels_are_exact), cmocka_unit_test(wrong_kernels_are_refused),
                                       cmocka_unit_test(limits), cmocka_unit_test(nan_comes_through),
                                       cmocka_unit_test(threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
