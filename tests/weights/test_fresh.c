/* test_fresh.c: every initialiser is known again, at many seeds; weights that training has moved are not taken for fresh ones. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support_weights.h"
#include "weights/fresh.h"

enum { ROWS = 64, COLUMNS = 128, COUNT = ROWS * COLUMNS, SEEDS = 40 };

static tn_fresh judge(uint64_t seed, drawn shape, double scale, double moved)
{
    static float values[COUNT];
    tn_rng rng;
    tn_rng_init(&rng, seed, TN_STREAM_TEST);
    draw(&rng, shape, scale, values, COUNT);
    /* Training moves some weights much and most a little: a long-tailed change. */
    for (size_t i = 0; i < COUNT && moved > 0; i++)
        values[i] += (float)(moved * tn_rng_normal(&rng) * exp(tn_rng_normal(&rng)));
    tn_vitals vitals = vitals_of(values, COUNT);
    tn_component component = dense_component("x.weight", ROWS, COLUMNS);
    return tn_fresh_weight(&component, &vitals);
}

static const struct {
    drawn shape;
    double scale;
    const char *scheme;
} schemes[] = {
    {DRAWN_BELL, 0.125, "He normal"},                   /* sqrt(2 / 128) */
    {DRAWN_BELL, 0.10206207261596577, "Glorot normal"}, /* sqrt(2 / 192) */
    {DRAWN_BELL, 0.08838834764831845, "LeCun normal"},  /* sqrt(1 / 128) */
    {DRAWN_CUT_BELL, 0.14210599789, "He normal"},       /* Keras corrects the cut: 0.125 / 0.8796 */
    {DRAWN_BELL, 0.02, "normal with a round standard deviation"},
    {DRAWN_CUT_BELL, 0.02, "normal with a round standard deviation"},
    {DRAWN_BOX, 0.08838834764831845, "PyTorch's default (uniform)"}, /* 1 / sqrt(128) */
    {DRAWN_BOX, 0.21650635094610965, "He uniform"},                  /* sqrt(6 / 128) */
    {DRAWN_BOX, 0.17677669529663687, "Glorot uniform"},              /* sqrt(6 / 192) */
    {DRAWN_BOX, 0.15309310892394862, "LeCun uniform"},               /* sqrt(3 / 128) */
};

static void test_initialisers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            tn_fresh fresh = judge(seed, schemes[i].shape, schemes[i].scale, 0);
            if (fresh.state != TN_FRESH_NAMED || strcmp(fresh.scheme, schemes[i].scheme) != 0)
                fail_msg("%s, seed %d: state %d, scheme %s, probability %g", schemes[i].scheme, (int)seed, fresh.state,
                         fresh.scheme ? fresh.scheme : "none", fresh.probability);
        }
}

static void test_trained(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        for (uint64_t seed = 1; seed <= SEEDS; seed++)
            assert_int_equal(judge(seed, schemes[i].shape, schemes[i].scale, 0.4 * schemes[i].scale).state, TN_FRESH_TRAINED);
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        assert_int_equal(judge(seed, DRAWN_LONG_TAIL, 0.1, 0).state, TN_FRESH_TRAINED);
}

/* A scale that nobody's scheme gives, and too few values to tell anything. */
static void test_doubt(void **state)
{
    (void)state;
    float values[150];
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    assert_int_equal(judge(3, DRAWN_BELL, 0.7, 0).state, TN_FRESH_SHAPE);
    draw(&rng, DRAWN_BELL, 0.1, values, 150);
    tn_vitals vitals = vitals_of(values, 150);
    tn_component component = dense_component("x.weight", 10, 15);
    assert_int_equal(tn_fresh_weight(&component, &vitals).state, TN_FRESH_FEW);
    memset(values, 0, sizeof values);
    vitals = vitals_of(values, 150);
    assert_int_equal(tn_fresh_weight(&component, &vitals).state, TN_FRESH_CONSTANT);
}

/* Orthonormal rows: a rotation of random rows by Gram and Schmidt. */
static void test_orthogonal(void **state)
{
    (void)state;
    enum { N = 64 };
    static float values[N * N];
    tn_rng rng;
    tn_rng_init(&rng, 5, TN_STREAM_TEST);
    draw(&rng, DRAWN_BELL, 1, values, N * N);
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < i; k++) {
            double dot = 0;
            for (size_t c = 0; c < N; c++)
                dot += (double)values[i * N + c] * (double)values[k * N + c];
            for (size_t c = 0; c < N; c++)
                values[i * N + c] -= (float)(dot * (double)values[k * N + c]);
        }
        double norm = 0;
        for (size_t c = 0; c < N; c++)
            norm += (double)values[i * N + c] * (double)values[i * N + c];
        for (size_t c = 0; c < N; c++)
            values[i * N + c] /= (float)sqrt(norm);
    }
    tn_vitals vitals = vitals_of(values, N * N);
    tn_component component = dense_component("x.weight", N, N);
    component.fan_in = 37, component.fan_out = 41; /* so that no scale fits by its fans */
    tn_fresh fresh = tn_fresh_weight(&component, &vitals);
    assert_int_equal(fresh.state, TN_FRESH_NAMED);
    assert_string_equal(fresh.scheme, "orthogonal");
}

static void test_vectors(void **state)
{
    (void)state;
    float values[64];
    tn_component bias = {.name = "x.bias", .kind = TN_KIND_BIAS, .count = 64, .fan_in = 128, .has_shape = true, .rank = 1, .dims = {64}},
                 gain = bias;
    gain.kind = TN_KIND_NORM_GAIN;
    tn_rng rng;
    tn_rng_init(&rng, 9, TN_STREAM_TEST);
    for (size_t i = 0; i < 64; i++)
        values[i] = 1;
    tn_vitals vitals = vitals_of(values, 64);
    assert_int_equal(tn_fresh_vector(&gain, &vitals).state, TN_FRESH_CONSTANT);
    values[7] = 1.0001f;
    vitals = vitals_of(values, 64);
    assert_int_equal(tn_fresh_vector(&gain, &vitals).state, TN_FRESH_TRAINED);
    draw(&rng, DRAWN_BOX, 1 / sqrt(128), values, 64);
    vitals = vitals_of(values, 64);
    assert_int_equal(tn_fresh_vector(&bias, &vitals).state, TN_FRESH_NAMED);
    values[3] = 0.2f;
    vitals = vitals_of(values, 64);
    assert_int_equal(tn_fresh_vector(&bias, &vitals).state, TN_FRESH_TRAINED);
    memset(values, 0, sizeof values);
    for (size_t i = 16; i < 32; i++)
        values[i] = 1;
    vitals = vitals_of(values, 64);
    assert_int_equal(tn_fresh_vector(&bias, &vitals).state, TN_FRESH_CONSTANT); /* Keras' LSTM */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_initialisers), cmocka_unit_test(test_trained), cmocka_unit_test(test_doubt),
        cmocka_unit_test(test_orthogonal),   cmocka_unit_test(test_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
