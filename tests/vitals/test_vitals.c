/* test_vitals.c: every instruction set against a slow reference, on data made to break it.
 *
 * The comparison is itself tested: it must catch a fault planted in each field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/memory.h"
#include "vitals/support_vitals.h"
#include "vitals/tensor.h"

enum { LONGEST = 40000 };

static const tn_isa SETS[] = {TN_ISA_SCALAR, TN_ISA_AVX2, TN_ISA_AVX512};
enum { SET_COUNT = sizeof SETS / sizeof SETS[0] };

static void check(const float *values, size_t count, kind which, const char *how)
{
    tn_vitals expected, found;
    reference(&expected, values, count);
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals_init(&found);
        tn_vitals_add_isa(&found, values, count, SETS[s]);
        const char *field = difference(&expected, &found, tolerance_of(SETS[s]));
        if (field)
            fail_msg("%s differs: %zu values of kind %s, %s, %s", field, count, kind_name(which), how, tn_isa_name(SETS[s]));
    }
}

/* The values end where the readable memory ends, so reading past them is a crash. */
static void test_lengths_at_end_of_memory(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = (4 * LONGEST + page - 1) / page * page;
    char *block = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    assert_int_equal(mprotect(block + bytes, page, PROT_NONE), 0);
    static const size_t longer[] = {251, 509, 1021, 2039, 2048, 4093, 4095, 4096, 4097, 8191, 12289, 39989};
    for (kind which = 0; which < KIND_COUNT; which++) {
        for (size_t count = 0; count <= 200; count++) {
            float *values = (void *)(block + bytes - 4 * count);
            fill(values, count, which, count + 1);
            check(values, count, which, "at the end of memory");
        }
        for (size_t i = 0; i < sizeof longer / sizeof longer[0]; i++) {
            float *values = (void *)(block + bytes - 4 * longer[i]);
            fill(values, longer[i], which, i);
            check(values, longer[i], which, "at the end of memory");
        }
    }
    munmap(block, bytes + page);
}

static void test_unaligned(void **state)
{
    (void)state;
    char *block = tn_memory_create(4 * 9100 + 64, 1);
    assert_non_null(block);
    static const size_t offsets[] = {1, 2, 3, 4, 20, 33, 60};
    static const size_t counts[] = {1, 17, 100, 4097, 9001};
    for (kind which = 0; which < KIND_COUNT; which++) {
        for (size_t o = 0; o < sizeof offsets / sizeof offsets[0]; o++) {
            for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
                float *values = (void *)(block + offsets[o]);
                fill(values, counts[c], which, o + c);
                check(values, counts[c], which, "unaligned");
            }
        }
    }
    tn_memory_destroy(block);
}

/* Long enough for a kernel to leave its window, count by tables for a while, and come back. */
static void test_long(void **state)
{
    (void)state;
    enum { COUNT = 150001 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    for (kind which = 0; which < KIND_COUNT; which++) {
        fill(values, COUNT, which, 11);
        check(values, COUNT, which, "long");
    }
    /* Wide data, then narrow data after infinities, then offset data. */
    fill(values, 50000, KIND_WIDE, 12);
    fill(values + 50000, 50000, KIND_FEW_NONFINITE, 12);
    fill(values + 90000, COUNT - 90000, KIND_OFFSET, 12);
    check(values, COUNT, KIND_WIDE, "followed by others");
    free(values);
}

static void check_split(const float *values, size_t count, size_t at, kind which, tn_isa isa)
{
    tn_vitals whole, left, right, added;
    tn_vitals_init(&whole);
    tn_vitals_init(&left);
    tn_vitals_init(&right);
    tn_vitals_init(&added);
    reference(&whole, values, count);
    tn_vitals_add_isa(&left, values, at, isa);
    tn_vitals_add_isa(&right, values + at, count - at, isa);
    tn_vitals_add_isa(&added, values, at, isa);
    tn_vitals_add_isa(&added, values + at, count - at, isa);
    tn_vitals_merge(&left, &right);
    const char *field = difference(&whole, &left, tolerance_of(isa));
    if (field)
        fail_msg("%s of merged parts differs: kind %s, %zu of %zu values, %s", field, kind_name(which), at, count, tn_isa_name(isa));
    field = difference(&whole, &added, tolerance_of(isa));
    if (field)
        fail_msg("%s differs when added in two calls: kind %s, %zu of %zu values, %s", field, kind_name(which), at, count,
                 tn_isa_name(isa));
}

static void test_every_split(void **state)
{
    (void)state;
    float values[9000];
    for (kind which = 0; which < KIND_COUNT; which++) {
        fill(values, 9000, which, 5);
        for (size_t s = 0; s < SET_COUNT; s++) {
            for (size_t at = 0; at <= 130; at++)
                check_split(values, 130, at, which, SETS[s]);
            for (size_t at = 0; at <= 9000; at += 1123)
                check_split(values, 9000, at, which, SETS[s]);
        }
    }
}

static void test_empty(void **state)
{
    (void)state;
    tn_vitals vitals, other;
    tn_vitals_init(&vitals);
    tn_vitals_init(&other);
    tn_vitals_add(&vitals, NULL, 0);
    assert_int_equal(memcmp(&vitals, &other, sizeof vitals), 0);
    tn_vitals_merge(&vitals, &other);
    assert_int_equal(memcmp(&vitals, &other, sizeof vitals), 0);
    assert_int_equal(tn_vitals_finite(&vitals), 0);
    assert_true(tn_vitals_variance(&vitals) == 0);
    assert_true(tn_vitals_l2(&vitals) == 0);
    assert_true(vitals.min == INFINITY && vitals.max == -INFINITY);
}

static void test_derived(void **state)
{
    (void)state;
    const float values[] = {3, -4, NAN, 0, INFINITY, -INFINITY, 1};
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals vitals;
        tn_vitals_init(&vitals);
        tn_vitals_add_isa(&vitals, values, 7, SETS[s]);
        assert_int_equal(tn_vitals_finite(&vitals), 4);
        assert_int_equal(vitals.first_nonfinite, 2);
        assert_true(vitals.min == -4 && vitals.max == 3 && vitals.zeros == 1 && vitals.nan == 1);
        assert_true(fabs(tn_vitals_variance(&vitals) - 6.5) < 1e-12);
        assert_true(fabs(tn_vitals_l2(&vitals) - sqrt(26)) < 1e-12);
        assert_int_equal(vitals.histogram[1][129], 1); /* -4 = -2^2 */
        assert_int_equal(vitals.histogram[0][128], 1); /* 3 */
        assert_int_equal(vitals.histogram[0][127], 1); /* 1 */
    }
}

/* The offset of 1e6 must not eat the variance, on any set and across a merge. */
static void test_variance_survives_offset(void **state)
{
    (void)state;
    enum { COUNT = 20000 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    fill(values, COUNT, KIND_OFFSET, 3);
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals vitals;
        tn_vitals_init(&vitals);
        tn_vitals_add_isa(&vitals, values, COUNT, SETS[s]);
        assert_true(fabs(tn_vitals_variance(&vitals) - 1) < 0.05);
    }
    free(values);
}

/* Values whose mean moves from block to block and far exceeds their spread: neither what floats add up nor a shift that came from another block may eat the variance. */
static void test_moving_mean(void **state)
{
    (void)state;
    enum { COUNT = 6 * 4096 + 37 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    const float means[] = {0, 1000, 1000, -3e7F, 1e-30F, 1e25F, 0.5F};
    fill(values, COUNT, KIND_GAUSSIAN, 17);
    for (size_t i = 0; i < COUNT; i++)
        values[i] = means[i / 4096] + values[i] * (means[i / 4096] == 1e-30F ? 1e-33F : 1);
    for (size_t first = 0; first < COUNT; first += 4096)
        check(values + first, COUNT - first, KIND_OFFSET, "of moving means");
    free(values);
}

/* All roundings in one direction: the worst that lanes of floats can do stays within the bound that vitals_kernels.h states. */
static void test_worst_rounding(void **state)
{
    (void)state;
    enum { COUNT = 4096 + 1024 + 5 };
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    /* Beside 1 a value just above half of float's last place is rounded up each time. */
    for (size_t i = 0; i < COUNT; i++)
        values[i] = i / 16 % 64 == 0 ? 1 : 0x1.00001p-24F;
    tn_vitals expected;
    reference(&expected, values, COUNT);
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals vitals;
        tn_vitals_init(&vitals);
        tn_vitals_add_isa(&vitals, values, COUNT, SETS[s]);
        assert_true(fabs(vitals.sum - expected.sum) <= 66 * 0x1p-24 * expected.sum);
        assert_true(fabs(vitals.sum_of_squares - expected.sum_of_squares) <= 66 * 0x1p-24 * expected.sum_of_squares);
        assert_true(fabs(vitals.m2 - expected.m2) <= 16 * 66 * 0x1p-24 * expected.m2);
    }
    free(values);
}

/* A fault in any field must not pass. */
static void test_comparison_catches_planted_faults(void **state)
{
    (void)state;
    float values[5000];
    fill(values, 5000, KIND_FEW_NONFINITE, 1);
    tn_vitals right, wrong;
    reference(&right, values, 5000);
    assert_null(difference(&right, &right, 5e-7));
#define PLANT(name, statement)                                                                                                             \
    do {                                                                                                                                   \
        wrong = right;                                                                                                                     \
        statement;                                                                                                                         \
        const char *field = difference(&right, &wrong, 5e-7);                                                                              \
        assert_non_null(field);                                                                                                            \
        assert_string_equal(field, name);                                                                                                  \
    } while (0)
    PLANT("count", wrong.count++);
    PLANT("nan", (wrong.nan--, wrong.positive_infinity++));
    PLANT("positive_infinity", (wrong.positive_infinity++, wrong.negative_infinity--));
    PLANT("zeros", wrong.zeros++);
    PLANT("subnormals", wrong.subnormals++);
    PLANT("first_nonfinite", wrong.first_nonfinite++);
    PLANT("min", wrong.min = nextafterf(wrong.min, 0));
    PLANT("max", wrong.max = nextafterf(wrong.max, 0));
    PLANT("histogram", (wrong.histogram[0][127]++, wrong.histogram[0][126]--));
    PLANT("histogram", (wrong.histogram[0][127]++, wrong.histogram[1][127]--));
    PLANT("sum", wrong.sum += 1);
    PLANT("sum", wrong.sum = NAN);
    PLANT("sum_of_squares", wrong.sum_of_squares *= 1.00001);
    PLANT("mean", wrong.mean += 1e-4);
    PLANT("mean", wrong.mean = NAN);
    PLANT("m2", wrong.m2 *= 1.0001);
    PLANT("m2", wrong.m2 = NAN);
#undef PLANT
    /* -0 as the least value is told from +0. */
    float zero = 0;
    reference(&right, &zero, 1);
    wrong = right;
    wrong.min = -0.0f;
    assert_string_equal(difference(&right, &wrong, 5e-7), "min");
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(tn_role_name(TN_ROLE_INPUT), "input");
    assert_string_equal(tn_role_name(TN_ROLE_WEIGHT), "weight");
    assert_string_equal(tn_role_name(TN_ROLE_GRADIENT), "gradient");
    assert_string_equal(tn_role_name(TN_ROLE_UPDATE), "update");
    assert_string_equal(tn_role_name(TN_ROLE_ACTIVATION), "activation");
    assert_string_equal(tn_role_name(TN_ROLE_ACTIVATION_GRADIENT), "activation_gradient");
    assert_string_equal(tn_role_name(TN_ROLE_LOSS), "loss");
    assert_string_equal(tn_isa_name(TN_ISA_AVX512), "avx512");
    assert_true(tn_isa_best() >= TN_ISA_SCALAR && tn_isa_best() <= TN_ISA_AVX512);
}

int main(void)
{
    printf("best instruction set here: %s\n", tn_isa_name(tn_isa_best()));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_at_end_of_memory),
        cmocka_unit_test(test_unaligned),
        cmocka_unit_test(test_long),
        cmocka_unit_test(test_every_split),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_derived),
        cmocka_unit_test(test_variance_survives_offset),
        cmocka_unit_test(test_moving_mean),
        cmocka_unit_test(test_worst_rounding),
        cmocka_unit_test(test_comparison_catches_planted_faults),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
