/* test_unit_vitals.c: statistics of units, in both layouts, with what is not finite, and merged. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_units_last),
        cmocka_unit_test(test_units_first),
        cmocka_unit_test(test_parts_merge_to_the_whole),
        cmocka_unit_test(test_without_limits_nothing_saturates),
        cmocka_unit_test(test_nothing_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
