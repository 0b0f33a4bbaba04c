/* test_vitals_cast.c: tensors of every type and layout against values that are fetched one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vitals/support_vitals.h"
#include "vitals/vitals_cast.h"

enum { BYTES = 1 << 20, VALUES_MAX = 1 << 16 };

/* By the definition of binary16, in long double. */
static float slow_half(uint16_t half)
{
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    long double value = exponent == 0 ? ldexpl(mantissa, -24) : ldexpl(1024 + mantissa, exponent - 25);
    if (exponent == 31)
        value = mantissa ? NAN : INFINITY;
    return (float)(half & 0x8000 ? -value : value);
}

static float slow_value(const unsigned char *at, tn_value_type type)
{
    int64_t whole = 0;
    double real;
    uint16_t half;
    uint32_t bits;
    float value;
    switch (type) {
    case TN_VALUE_FLOAT32:
        memcpy(&value, at, 4);
        return value;
    case TN_VALUE_FLOAT64:
        memcpy(&real, at, 8);
        if (isfinite(real) && fabs(real) > (double)FLT_MAX)
            return copysignf(FLT_MAX, (float)copysign(1, real));
        if (real != 0 && fabs(real) < (double)FLT_TRUE_MIN)
            return copysignf(FLT_TRUE_MIN, (float)copysign(1, real));
        return (float)real;
    case TN_VALUE_FLOAT16:
        memcpy(&half, at, 2);
        return slow_half(half);
    case TN_VALUE_BFLOAT16:
        bits = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 24;
        memcpy(&value, &bits, 4);
        return value;
    case TN_VALUE_BOOL:
        return *at ? 1 : 0;
    case TN_VALUE_UINT8:
        return *at;
    default:
        /* Little-endian, the sign from the last byte. */
        for (size_t i = tn_value_size(type); i-- > 0;)
            whole = (int64_t)((uint64_t)whole << 8 | at[i]);
        for (size_t size = tn_value_size(type); size < 8; size = 8)
            whole = (int64_t)((uint64_t)whole << (64 - 8 * size)) >> (64 - 8 * size);
        return (float)whole;
    }
}

/* All values in the order of their indices. */
static size_t fetch(const tn_strided *tensor, float *values)
{
    int64_t index[TN_STRIDED_RANK_MAX] = {0};
    size_t count = 0;
    for (;;) {
        int64_t offset = 0;
        for (size_t i = 0; i < tensor->rank; i++)
            offset += index[i] * tensor->strides[i];
        assert_true(count < VALUES_MAX);
        values[count++] = slow_value((const unsigned char *)tensor->data + offset * (int64_t)tn_value_size(tensor->type), tensor->type);
        size_t i = tensor->rank;
        while (i-- > 0 && ++index[i] == tensor->shape[i])
            index[i] = 0;
        if (i == SIZE_MAX)
            return count;
    }
}

static void check(const tn_strided *tensor, const char *what)
{
    float *values = malloc(VALUES_MAX * sizeof *values);
    tn_vitals expected, found;
    tn_error error;
    size_t count = fetch(tensor, values), told;
    /* Something is in the vitals already, so that indices are moved. */
    static const float earlier[3] = {1, -2, 0};
    tn_vitals all;
    reference(&all, earlier, 3);
    reference(&expected, values, count);
    tn_vitals_merge(&all, &expected);
    tn_vitals_init(&found);
    tn_vitals_add(&found, earlier, 3);
    assert_int_equal(tn_strided_count(tensor, &told, &error), TN_OK);
    assert_int_equal(told, count);
    assert_int_equal(tn_vitals_add_strided(&found, tensor, &error), TN_OK);
    const char *field = difference(&all, &found, tolerance_of(tn_isa_best()));
    if (field)
        fail_msg("%s differs: %s, type %d, rank %zu, %zu values", field, what, (int)tensor->type, tensor->rank, count);
    free(values);
}

static unsigned char *random_bytes(uint64_t seed, tn_value_type type)
{
    unsigned char *bytes = malloc(BYTES);
    uint64_t state = seed * 2 + 1;
    for (size_t i = 0; i < BYTES; i += 4) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        uint32_t word = (uint32_t)(state >> 32);
        memcpy(bytes + i, &word, 4);
    }
    /* Of random doubles hardly one fits a float. */
    for (size_t i = 0; type == TN_VALUE_FLOAT64 && i + 32 <= BYTES; i += 32) {
        double value = (double)bytes[i] - 100.5;
        memcpy(bytes + i, &value, 8);
    }
    return bytes;
}

static void test_halves(void **state)
{
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        uint16_t half = (uint16_t)bits;
        float expected = slow_half(half), found;
        tn_values_cast(&found, &half, TN_VALUE_FLOAT16, 1, 1);
        if (isnan(expected))
            assert_true(isnan(found));
        else
            assert_memory_equal(&found, &expected, 4);
    }
}

static void test_layouts_of_every_type(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        size_t rank, start;
        int64_t shape[4], strides[4];
    } LAYOUTS[] = {
        {"one value", 0, 0, {0}, {0}},
        {"a row", 1, 0, {20000}, {1}},
        {"not aligned to its size", 1, 0, {777}, {1}},
        {"rows that follow each other", 3, 0, {7, 11, 130}, {1430, 130, 1}},
        {"transposed", 2, 0, {120, 90}, {1, 120}},
        {"channels last", 4, 0, {3, 5, 20, 30}, {3000, 1, 150, 5}},
        {"every second", 1, 0, {9000}, {2}},
        {"a part of each row", 2, 7, {50, 13}, {100, 1}},
        {"backwards", 1, 9999, {10000}, {-1}},
        {"rows backwards", 2, 9000, {91, 100}, {-100, 1}},
        {"repeated rows", 2, 0, {40, 300}, {0, 1}},
        {"one value repeated", 2, 3, {90, 90}, {0, 0}},
        {"overlapping windows", 2, 0, {100, 50}, {3, 1}},
        {"transposed with gaps", 3, 1, {11, 13, 17}, {2, 500, 23}},
        {"lengths of one with odd strides", 4, 0, {1, 60, 1, 70}, {-5, 70, 99999999999, 1}},
        {"long rows with gaps", 2, 0, {3, 9001}, {10000, 1}},
    };
    for (tn_value_type type = 0; type < TN_VALUE_TYPES; type++) {
        unsigned char *bytes = random_bytes(type, type);
        for (size_t i = 0; i < sizeof LAYOUTS / sizeof *LAYOUTS; i++) {
            bool odd = strcmp(LAYOUTS[i].what, "not aligned to its size") == 0;
            tn_strided tensor = {bytes + LAYOUTS[i].start * tn_value_size(type) + odd, type, LAYOUTS[i].rank, LAYOUTS[i].shape,
                                 LAYOUTS[i].strides};
            check(&tensor, LAYOUTS[i].what);
        }
        free(bytes);
    }
}

/* One bad value at a time: its index is the one in the tensor's order, not in memory's. */
static void test_first_nonfinite(void **state)
{
    (void)state;
    static const int64_t shape[2] = {30, 500}, strides[2] = {1, 30};
    float *values = calloc(15000, sizeof *values);
    for (size_t bad = 0; bad < 15000; bad += 373) {
        values[bad] = NAN;
        values[14999] = INFINITY;
        tn_strided tensor = {values, TN_VALUE_FLOAT32, 2, shape, strides};
        tn_vitals found;
        tn_vitals_init(&found);
        assert_int_equal(tn_vitals_add_strided(&found, &tensor, NULL), TN_OK);
        size_t index = bad % 30 * 500 + bad / 30;
        assert_int_equal(found.first_nonfinite, index < 14999 ? index : 14999);
        values[bad] = 0;
    }
    free(values);
}

static void test_no_strides_means_dense(void **state)
{
    (void)state;
    static const int64_t shape[3] = {4, 5, 6};
    float values[120];
    for (size_t i = 0; i < 120; i++)
        values[i] = (float)i;
    tn_strided tensor = {values, TN_VALUE_FLOAT32, 3, shape, NULL};
    tn_vitals found;
    tn_vitals_init(&found);
    assert_int_equal(tn_vitals_add_strided(&found, &tensor, NULL), TN_OK);
    assert_int_equal(found.count, 120);
    assert_float_equal(found.max, 119, 0);
    assert_float_equal(found.sum, 7140, 1e-9);
}

static void test_doubles_keep_their_kind(void **state)
{
    (void)state;
    const double values[] = {1e300, -1e300, 1e-300, -1e-300, 0.0, -0.0, INFINITY, -INFINITY, NAN, DBL_TRUE_MIN, 1.5};
    static const int64_t shape[1] = {sizeof values / sizeof *values};
    tn_strided tensor = {values, TN_VALUE_FLOAT64, 1, shape, NULL};
    tn_vitals found;
    tn_vitals_init(&found);
    assert_int_equal(tn_vitals_add_strided(&found, &tensor, NULL), TN_OK);
    assert_int_equal(found.zeros, 2);
    assert_int_equal(found.nan, 1);
    assert_int_equal(found.positive_infinity, 1);
    assert_int_equal(found.negative_infinity, 1);
    assert_int_equal(found.subnormals, 3);
    assert_float_equal(found.max, FLT_MAX, 0);
    assert_float_equal(found.min, -FLT_MAX, 0);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    float value = 1;
    static const int64_t two[2] = {2, 2}, negative[2] = {2, -1}, none[2] = {0, 5}, large[2] = {INT64_MAX, 3}, far[2] = {INT64_MAX / 2, 1},
                         least[2] = {INT64_MIN / 4, 1};
    static const int64_t huge[2] = {INT64_MAX / 4, 2}, steps[2] = {1, 1};
    const struct {
        tn_strided tensor;
        const char *message;
    } BAD[] = {
        {{&value, (tn_value_type)99, 0, NULL, NULL}, "type 99"},       {{&value, TN_VALUE_FLOAT32, 65, two, NULL}, "65 dimensions"},
        {{&value, TN_VALUE_FLOAT32, 2, NULL, NULL}, "no shape"},       {{&value, TN_VALUE_FLOAT32, 2, negative, NULL}, "length -1"},
        {{&value, TN_VALUE_FLOAT32, 2, large, NULL}, "more elements"}, {{&value, TN_VALUE_FLOAT32, 2, huge, steps}, "more elements"},
        {{&value, TN_VALUE_FLOAT32, 2, two, far}, "stride"},           {{&value, TN_VALUE_FLOAT64, 2, two, least}, "stride"},
        {{NULL, TN_VALUE_FLOAT32, 2, two, NULL}, "no data"},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof *BAD; i++) {
        tn_vitals found, untouched;
        tn_error error;
        tn_vitals_init(&found);
        tn_vitals_init(&untouched);
        assert_int_equal(tn_vitals_add_strided(&found, &BAD[i].tensor, &error), TN_ERROR_DATA);
        assert_non_null(strstr(error.message, BAD[i].message));
        assert_memory_equal(&found, &untouched, sizeof found);
    }
    tn_strided empty = {NULL, TN_VALUE_FLOAT32, 2, none, NULL};
    tn_vitals found;
    tn_vitals_init(&found);
    assert_int_equal(tn_vitals_add_strided(&found, &empty, NULL), TN_OK);
    assert_int_equal(found.count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_layouts_of_every_type),
        cmocka_unit_test(test_first_nonfinite),
        cmocka_unit_test(test_no_strides_means_dense),
        cmocka_unit_test(test_doubles_keep_their_kind),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
