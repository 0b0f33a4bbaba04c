/* test_unit_layout.c: units read in place are those found by their indices, in every order of the axes; and what has gaps is left alone. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "vitals/unit_layout.h"
#include "vitals/unit_vitals.h"

enum { RANK = 3, VALUES = 3 * 4 * 5 };

static const int64_t SHAPE[RANK] = {3, 4, 5};

/* The strides of the axes where `order` names them from the slowest to the fastest. */
static void strides_of(const int order[RANK], int64_t strides[RANK])
{
    int64_t filled = 1;
    for (size_t i = RANK; i-- > 0;) {
        strides[order[i]] = filled;
        filled *= SHAPE[order[i]];
    }
}

/* Zeros, least and largest of one unit, value by value. */
static tn_unit unit_by_index(const float *values, const int64_t strides[RANK], size_t axis, int64_t u)
{
    tn_unit unit = {.min = INFINITY, .max = -INFINITY};
    for (int64_t i = 0; i < SHAPE[0]; i++)
        for (int64_t j = 0; j < SHAPE[1]; j++)
            for (int64_t k = 0; k < SHAPE[2]; k++) {
                const int64_t at[RANK] = {i, j, k};
                float value = values[i * strides[0] + j * strides[1] + k * strides[2]];
                if (at[axis] != u)
                    continue;
                unit.zeros += value == 0;
                unit.min = fminf(unit.min, value);
                unit.max = fmaxf(unit.max, value);
            }
    return unit;
}

static void check(const tn_strided *tensor, const int64_t strides[RANK], size_t axis)
{
    tn_unit_layout layout;
    tn_unit unit[5];
    tn_unit_vitals vitals;
    assert_true(tn_unit_layout_find(&layout, tensor, axis));
    assert_int_equal(layout.units, SHAPE[axis]);
    assert_int_equal(layout.rows * layout.units * layout.inner, VALUES);
    tn_unit_vitals_init(&vitals, unit, layout.units, -INFINITY, INFINITY);
    tn_unit_vitals_add(&vitals, tensor->data, layout.rows, layout.inner);
    for (size_t u = 0; u < layout.units; u++) {
        tn_unit expected = unit_by_index(tensor->data, strides, axis, (int64_t)u);
        assert_int_equal(unit[u].zeros, expected.zeros);
        assert_true(unit[u].min == expected.min && unit[u].max == expected.max);
    }
}

static void test_every_order_and_axis(void **state)
{
    (void)state;
    static const int ORDERS[6][RANK] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    float values[VALUES];
    for (int i = 0; i < VALUES; i++)
        values[i] = (float)(i * 37 % 11 - 3);
    for (size_t o = 0; o < 6; o++)
        for (size_t axis = 0; axis < RANK; axis++) {
            int64_t strides[RANK];
            strides_of(ORDERS[o], strides);
            tn_strided tensor = {.data = values, .type = TN_VALUE_FLOAT32, .rank = RANK, .shape = SHAPE, .strides = strides};
            check(&tensor, strides, axis);
            tensor.strides = NULL;
            if (o == 0)
                check(&tensor, strides, axis);
        }
}

static void test_axes_of_one(void **state)
{
    (void)state;
    const float values[6] = {1, 2, 3, 4, 5, 6};
    const int64_t shape[3] = {2, 1, 3}, strides[3] = {3, 77, 1};
    const tn_strided tensor = {.data = values, .type = TN_VALUE_FLOAT32, .rank = 3, .shape = shape, .strides = strides};
    for (size_t axis = 0; axis < 3; axis++) {
        tn_unit_layout layout;
        assert_true(tn_unit_layout_find(&layout, &tensor, axis));
        assert_int_equal(layout.units, shape[axis]);
        assert_int_equal(layout.rows * layout.units * layout.inner, 6);
    }
}

static void test_what_is_left_alone(void **state)
{
    (void)state;
    const float values[32] = {0};
    const int64_t shape[2] = {2, 3}, gaps[2] = {4, 1}, repeats[2] = {0, 1}, backwards[2] = {-3, 1}, dense[2] = {3, 1}, none[2] = {0, 3};
    const int64_t *const strides[] = {gaps, repeats, backwards};
    tn_strided tensor = {.data = values + 8, .type = TN_VALUE_FLOAT32, .rank = 2, .shape = shape};
    tn_unit_layout layout;
    for (size_t i = 0; i < 3; i++) {
        tensor.strides = strides[i];
        assert_false(tn_unit_layout_find(&layout, &tensor, 1));
    }
    tensor.strides = dense;
    assert_true(tn_unit_layout_find(&layout, &tensor, 1));
    assert_false(tn_unit_layout_find(&layout, &tensor, 2));
    tensor.type = TN_VALUE_FLOAT64;
    assert_false(tn_unit_layout_find(&layout, &tensor, 1));
    tensor.type = TN_VALUE_FLOAT32;
    tensor.shape = none;
    assert_false(tn_unit_layout_find(&layout, &tensor, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_order_and_axis),
        cmocka_unit_test(test_axes_of_one),
        cmocka_unit_test(test_what_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
