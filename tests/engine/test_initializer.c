/* test_initializer.c: initial weights: their mean, variance and limits, that orthogonal is orthogonal, and that a seed gives the same
 * numbers always. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "engine/initializer.h"

enum { ROWS = 200, COLUMNS = 150, COUNT = ROWS * COLUMNS, FAN_IN = 200, FAN_OUT = 150 };

static void fill(tn_initializer initializer, uint64_t seed, tn_real *values)
{
    tn_rng rng;
    tn_error error;
    tn_rng_init(&rng, seed, TN_STREAM_INIT);
    assert_int_equal(tn_initializer_fill(&initializer, &rng, FAN_IN, FAN_OUT, ROWS, COLUMNS, values, &error), TN_OK);
}

typedef struct moments {
    double mean, variance, fourth, low,
        high; /* fourth: mean of the fourth power over the squared variance, 3 for a normal, 1.8 for a uniform */
} moments;

static moments moments_of(const tn_real *values, size_t count)
{
    moments m = {.low = INFINITY, .high = -INFINITY};
    for (size_t i = 0; i < count; i++) {
        const double x = (double)values[i];
        m.mean += x / (double)count;
        m.variance += x * x / (double)count;
        m.fourth += x * x * x * x / (double)count;
        m.low = fmin(m.low, x);
        m.high = fmax(m.high, x);
    }
    m.fourth /= m.variance * m.variance;
    return m;
}

/* What must hold for 30,000 values: the mean within five standard errors of 0, the variance within 5 percent (six standard errors of a
 * normal's), the shape. */
static bool fits(const tn_real *values, double variance, bool uniform)
{
    const moments m = moments_of(values, COUNT);
    const double limit = sqrt(3 * variance);
    return fabs(m.mean) < 5 * sqrt(variance / COUNT) && fabs(m.variance / variance - 1) < 0.05 &&
           fabs(m.fourth - (uniform ? 1.8 : 3)) < 0.15 &&
           (!uniform || (m.low >= -limit * 1.000001 && m.high <= limit * 1.000001 && m.high > 0.999 * limit && m.low < -0.999 * limit));
}

static const struct {
    tn_scheme scheme;
    double argument, variance;
    bool uniform;
} schemes[] = {
    {TN_SCHEME_HE_NORMAL, 0, 2.0 / FAN_IN, false},
    {TN_SCHEME_HE_UNIFORM, 0, 2.0 / FAN_IN, true},
    {TN_SCHEME_GLOROT_NORMAL, 0, 2.0 / (FAN_IN + FAN_OUT), false},
    {TN_SCHEME_GLOROT_UNIFORM, 0, 2.0 / (FAN_IN + FAN_OUT), true},
    {TN_SCHEME_LECUN_NORMAL, 0, 1.0 / FAN_IN, false},
    {TN_SCHEME_LECUN_UNIFORM, 0, 1.0 / FAN_IN, true},
    {TN_SCHEME_NORMAL, 0.3, 0.09, false},
    {TN_SCHEME_UNIFORM, 0.3, 0.03, true},
};

static void variances(void **state)
{
    (void)state;
    tn_real *values = tn_memory_create(COUNT, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        for (double scale = 0.5; scale < 4; scale *= 3) {
            fill((tn_initializer){schemes[i].scheme, schemes[i].argument, scale}, 11 + i, values);
            assert_true(fits(values, schemes[i].variance * scale * scale, schemes[i].uniform));
            /* The check sees a factor of 1.1 and the other shape. */
            assert_false(fits(values, schemes[i].variance * scale * scale * 1.1, schemes[i].uniform));
            assert_false(fits(values, schemes[i].variance * scale * scale, !schemes[i].uniform));
        }
    }
    tn_memory_destroy(values);
}

static void constants(void **state)
{
    (void)state;
    tn_real *values = tn_memory_create(COUNT, sizeof *values);
    assert_non_null(values);
    static const struct {
        tn_scheme scheme;
        double expected;
    } rows[] = {{TN_SCHEME_CONSTANT, 0.75}, {TN_SCHEME_ZEROS, 0}, {TN_SCHEME_ONES, 3}};
    for (size_t r = 0; r < 3; r++) {
        fill((tn_initializer){rows[r].scheme, 0.25, 3}, 1, values);
        for (size_t i = 0; i < COUNT; i++) {
            assert_true((double)values[i] == rows[r].expected);
        }
    }
    tn_memory_destroy(values);
}

/* The largest deviation of the shorter side's Gram matrix from scale^2 times the identity. */
static double orthogonality(const tn_real *values, size_t rows, size_t columns, double scale)
{
    const size_t vectors = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
    double worst = 0;
    for (size_t a = 0; a < vectors; a++) {
        for (size_t b = 0; b <= a; b++) {
            double dot = 0;
            for (size_t i = 0; i < length; i++) {
                const double x = (double)(rows < columns ? values[a * columns + i] : values[i * columns + a]);
                const double y = (double)(rows < columns ? values[b * columns + i] : values[i * columns + b]);
                dot += x * y;
            }
            const double off = fabs(dot - (a == b ? scale * scale : 0));
            worst = off > worst ? off : worst;
        }
    }
    return worst;
}

static void orthogonal(void **state)
{
    (void)state;
    static const struct {
        size_t rows, columns;
        double scale;
    } shapes[] = {{1, 1, 1}, {1, 5, 2}, {5, 1, 1}, {7, 7, 1}, {64, 64, 1}, {13, 100, 1.5}, {100, 13, 1.5}, {200, 150, 1}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        tn_real *values = tn_memory_create(shapes[s].rows * shapes[s].columns, sizeof *values);
        assert_non_null(values);
        tn_rng rng;
        tn_error error;
        tn_rng_init(&rng, s, TN_STREAM_INIT);
        const tn_initializer initializer = {TN_SCHEME_ORTHOGONAL, 0, shapes[s].scale};
        assert_int_equal(tn_initializer_fill(&initializer, &rng, 1, 1, shapes[s].rows, shapes[s].columns, values, &error), TN_OK);
        assert_true(orthogonality(values, shapes[s].rows, shapes[s].columns, shapes[s].scale) <
                    1e-6 * (1 + shapes[s].scale * shapes[s].scale));
        values[0] += (tn_real)1e-3; /* the check sees one wrong value */
        assert_false(orthogonality(values, shapes[s].rows, shapes[s].columns, shapes[s].scale) <
                     1e-6 * (1 + shapes[s].scale * shapes[s].scale));
        tn_memory_destroy(values);
    }
}

/* A rotation drawn uniformly has no preferred sign: the first value of a 3 by 3 matrix has mean 0 and variance 1/3. */
static void orthogonal_has_no_preferred_direction(void **state)
{
    (void)state;
    double sum = 0, squares = 0;
    enum { DRAWS = 3000 };
    for (uint64_t seed = 0; seed < DRAWS; seed++) {
        tn_real values[9];
        tn_rng rng;
        tn_error error;
        tn_rng_init(&rng, seed, TN_STREAM_INIT);
        const tn_initializer initializer = {TN_SCHEME_ORTHOGONAL, 0, 1};
        assert_int_equal(tn_initializer_fill(&initializer, &rng, 3, 3, 3, 3, values, &error), TN_OK);
        sum += (double)values[8];
        squares += (double)values[8] * (double)values[8];
    }
    assert_true(fabs(sum / DRAWS) < 0.05);
    assert_true(fabs(squares / DRAWS - 1.0 / 3) < 0.03);
}

/* Same seed and stream, same bits; another seed or stream, other numbers; and some of the numbers are pinned, so that old seeds stay
 * valid. */
static void repeats_by_seed(void **state)
{
    (void)state;
    for (tn_scheme scheme = TN_SCHEME_HE_NORMAL; scheme <= TN_SCHEME_ORTHOGONAL; scheme++) {
        tn_real first[35], second[35], other_seed[35], other_stream[35];
        tn_real *const to[] = {first, second, other_seed, other_stream};
        static const uint64_t seeds[] = {5, 5, 6, 5}, streams[] = {TN_STREAM_INIT, TN_STREAM_INIT, TN_STREAM_INIT, TN_STREAM_TEST};
        const tn_initializer initializer = {scheme, 0.5, 1};
        for (size_t i = 0; i < 4; i++) {
            tn_rng rng;
            tn_error error;
            tn_rng_init(&rng, seeds[i], streams[i]);
            assert_int_equal(tn_initializer_fill(&initializer, &rng, 5, 7, 5, 7, to[i], &error), TN_OK);
        }
        assert_memory_equal(first, second, sizeof first);
        if (scheme == TN_SCHEME_HE_NORMAL) {
            assert_true(fabs((double)first[0] + 1.37286544) < 1e-6 && fabs((double)first[34] + 0.901621997) < 1e-6);
        }
        if (scheme == TN_SCHEME_ORTHOGONAL) {
            assert_true(fabs((double)first[0] + 0.708473623) < 1e-6 && fabs((double)first[34] + 0.698132932) < 1e-6);
        }
        const bool random = scheme != TN_SCHEME_CONSTANT && scheme != TN_SCHEME_ZEROS && scheme != TN_SCHEME_ONES;
        assert_int_equal(memcmp(first, other_seed, sizeof first) != 0, random);
        assert_int_equal(memcmp(first, other_stream, sizeof first) != 0, random);
    }
}

static void read_from_json(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        tn_scheme scheme;
        double argument, scale;
    } rows[] = {
        {"{\"scheme\": \"he_normal\", \"scale\": 2}", TN_SCHEME_HE_NORMAL, 0, 2},
        {"{\"scheme\": \"he_uniform\", \"scale\": 1}", TN_SCHEME_HE_UNIFORM, 0, 1},
        {"{\"scheme\": \"glorot_normal\", \"scale\": 1}", TN_SCHEME_GLOROT_NORMAL, 0, 1},
        {"{\"scheme\": \"glorot_uniform\", \"scale\": 1}", TN_SCHEME_GLOROT_UNIFORM, 0, 1},
        {"{\"scheme\": \"lecun_normal\", \"scale\": 1}", TN_SCHEME_LECUN_NORMAL, 0, 1},
        {"{\"scheme\": \"lecun_uniform\", \"scale\": 1}", TN_SCHEME_LECUN_UNIFORM, 0, 1},
        {"{\"scheme\": \"normal\", \"std\": 0.25, \"scale\": 1}", TN_SCHEME_NORMAL, 0.25, 1},
        {"{\"scheme\": \"uniform\", \"limit\": 0.5, \"scale\": 1}", TN_SCHEME_UNIFORM, 0.5, 1},
        {"{\"scheme\": \"constant\", \"value\": -3, \"scale\": 1}", TN_SCHEME_CONSTANT, -3, 1},
        {"{\"scheme\": \"zeros\", \"scale\": 1}", TN_SCHEME_ZEROS, 0, 1},
        {"{\"scheme\": \"ones\", \"scale\": 1}", TN_SCHEME_ONES, 0, 1},
        {"{\"scheme\": \"orthogonal\", \"scale\": 1.5}", TN_SCHEME_ORTHOGONAL, 0, 1.5},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *json = json_loads(rows[i].text, 0, NULL);
        assert_non_null(json);
        const tn_initializer read = tn_initializer_read(json);
        assert_int_equal(read.scheme, rows[i].scheme);
        assert_true(read.argument == rows[i].argument && read.scale == rows[i].scale);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(variances),       cmocka_unit_test(constants),
                                       cmocka_unit_test(orthogonal),      cmocka_unit_test(orthogonal_has_no_preferred_direction),
                                       cmocka_unit_test(repeats_by_seed), cmocka_unit_test(read_from_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
