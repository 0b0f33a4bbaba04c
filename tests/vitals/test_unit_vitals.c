/* test_unit_vitals.c: statistics of units, in both layouts, with what is not finite, and merged. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"

#include "vitals/unit_vitals.h"

enum { UNITS = 3 };

/* Two samples of three units: a dead one, one that saturates, one with a NaN. */
static const float BY_SAMPLE[] = {0, 1, NAN, -0.0F, -1, 0.5F};
/* The same with the units first. */
static const float BY_UNIT[] = {0, -0.0F, 1, -1, NAN, 0.5F};

static void check(const tn_unit_vitals *vitals)
{
    assert_int_equal(vitals->values, 2);
    const tn_unit *unit = vitals->unit;
    assert_int_equal(unit[0].zeros, 2);
    assert_true(unit[0].min == 0 && unit[0].max == 0);
    assert_int_equal(unit[1].saturated, 2);
    assert_int_equal(unit[1].zeros, 0);
    assert_true(unit[1].min == -1 && unit[1].max == 1);
    assert_int_equal(unit[2].nonfinite, 1);
    assert_int_equal(unit[2].saturated, 0);
    assert_true(unit[2].min == 0.5F && unit[2].max == 0.5F);
}

static void test_units_last(void **state)
{
    (void)state;
    tn_unit unit[UNITS];
    tn_unit_vitals vitals;
    tn_unit_vitals_init(&vitals, unit, UNITS, -0.99F, 0.99F);
    tn_unit_vitals_add(&vitals, BY_SAMPLE, 2, 1);
    check(&vitals);
}

static void test_units_first(void **state)
{
    (void)state;
    tn_unit unit[UNITS];
    tn_unit_vitals vitals;
    tn_unit_vitals_init(&vitals, unit, UNITS, -0.99F, 0.99F);
    tn_unit_vitals_add(&vitals, BY_UNIT, 1, 2);
    check(&vitals);
}

static void test_parts_merge_to_the_whole(void **state)
{
    (void)state;
    tn_unit units[2][UNITS];
    tn_unit_vitals whole, part;
    tn_unit_vitals_init(&whole, units[0], UNITS, -0.99F, 0.99F);
    tn_unit_vitals_init(&part, units[1], UNITS, -0.99F, 0.99F);
    tn_unit_vitals_add(&whole, BY_SAMPLE, 1, 1);
    tn_unit_vitals_add(&part, BY_SAMPLE + UNITS, 1, 1);
    tn_unit_vitals_merge(&whole, &part);
    check(&whole);
}

static void test_without_limits_nothing_saturates(void **state)
{
    (void)state;
    tn_unit unit[UNITS];
    tn_unit_vitals vitals;
    tn_unit_vitals_init(&vitals, unit, UNITS, -INFINITY, INFINITY);
    tn_unit_vitals_add(&vitals, BY_SAMPLE, 2, 1);
    for (size_t u = 0; u < UNITS; u++)
        assert_int_equal(unit[u].saturated, 0);
}

static void test_nothing_seen(void **state)
{
    (void)state;
    tn_unit unit[UNITS];
    tn_unit_vitals vitals;
    tn_unit_vitals_init(&vitals, unit, UNITS, -1, 1);
    tn_unit_vitals_add(&vitals, NULL, 0, 1);
    assert_int_equal(vitals.values, 0);
    for (size_t u = 0; u < UNITS; u++)
        assert_true(unit[u].min == INFINITY && unit[u].max == -INFINITY);
}

/* One value after the other. */
static void add_simply(tn_unit_vitals *vitals, const float *values, size_t rows, size_t inner)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t u = 0; u < vitals->units; u++)
            for (size_t i = 0; i < inner; i++) {
                float value = values[(r * vitals->units + u) * inner + i];
                tn_unit *unit = &vitals->unit[u];
                if (!isfinite(value)) {
                    unit->nonfinite++;
                    continue;
                }
                unit->zeros += value == 0;
                unit->saturated += value <= vitals->low || value >= vitals->high;
                unit->min = fminf(unit->min, value) + 0.0F;
                unit->max = fmaxf(unit->max, value) + 0.0F;
            }
    vitals->values += rows * inner;
}

static void fill(float *values, size_t count, bool wild, tn_rng *rng)
{
    for (size_t i = 0; i < count; i++) {
        double draw = tn_rng_uniform(rng);
        values[i] = (float)tn_rng_normal(rng);
        if (wild && draw < 0.2)
            values[i] = draw < 0.04 ? 0.0F : draw < 0.08 ? -0.0F : draw < 0.12 ? NAN : draw < 0.16 ? INFINITY : -INFINITY;
    }
}

static void assert_same(const tn_unit_vitals *a, const tn_unit_vitals *b)
{
    assert_int_equal(a->values, b->values);
    for (size_t u = 0; u < a->units; u++) {
        assert_int_equal(a->unit[u].zeros, b->unit[u].zeros);
        assert_int_equal(a->unit[u].saturated, b->unit[u].saturated);
        assert_int_equal(a->unit[u].nonfinite, b->unit[u].nonfinite);
        assert_memory_equal(&a->unit[u].min, &b->unit[u].min, sizeof(float));
        assert_memory_equal(&a->unit[u].max, &b->unit[u].max, sizeof(float));
    }
}

/* Values of a rectifier: all but every fifth of those below 0 become zeros, of both signs; and that one positive. */
static void rectify(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (values[i] < 0)
            values[i] = i % 5 == 0 ? -values[i] : i % 2 ? 0.0F : -0.0F;
}

/* Shapes on both sides of every way in which lanes are made, with tails; tame, wild, rectified with a rectifier's limits, and the same without limits; with the vitals of the whole known and
 * without. */
static void test_every_shape_counts_as_one_by_one(void **state)
{
    (void)state;
    static const size_t SHAPES[][3] = {{1, 1, 1},   {7, 1, 1},   {300, 1, 1},  {64, 10, 1},  {33, 6, 1},  {5, 127, 1},
                                       {9, 128, 1}, {3, 512, 1}, {2, 513, 1},  {4, 1100, 1}, {1, 5, 784}, {8, 3, 49},
                                       {2, 6, 5},   {1, 1, 999}, {1000, 2, 1}, {129, 1, 1}};
    enum { MOST = 8192 };
    float *values = malloc(MOST * sizeof *values);
    tn_unit *units = malloc(3 * MOST * sizeof *units);
    assert_true(values && units);
    tn_rng rng;
    tn_rng_init(&rng, 3, TN_STREAM_TEST);
    for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++)
        for (int kind = 0; kind < 4; kind++) {
            const bool wild = kind == 1;
            const size_t *shape = SHAPES[s], count = shape[0] * shape[1] * shape[2];
            const float limit = wild ? 1.5F : s % 2 && kind < 3 ? 1.0F : INFINITY, low = kind == 2 ? 0 : -limit;
            tn_unit_vitals simple, fast, known;
            tn_vitals whole;
            assert_true(count <= MOST);
            fill(values, count, wild, &rng);
            if (kind >= 2)
                rectify(values, count);
            tn_unit_vitals_init(&simple, units, shape[1], low, limit);
            tn_unit_vitals_init(&fast, units + MOST, shape[1], low, limit);
            tn_unit_vitals_init(&known, units + (size_t)2 * MOST, shape[1], low, limit);
            tn_vitals_init(&whole);
            tn_vitals_add(&whole, values, count);
            add_simply(&simple, values, shape[0], shape[2]);
            tn_unit_vitals_add(&fast, values, shape[0], shape[2]);
            tn_unit_vitals_add_known(&known, values, shape[0], shape[2], &whole);
            assert_same(&simple, &fast);
            assert_same(&simple, &known);
        }
    free(values);
    free(units);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_last),
        cmocka_unit_test(test_units_first),
        cmocka_unit_test(test_parts_merge_to_the_whole),
        cmocka_unit_test(test_without_limits_nothing_saturates),
        cmocka_unit_test(test_nothing_seen),
        cmocka_unit_test(test_every_shape_counts_as_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
