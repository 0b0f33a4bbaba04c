/* test_vitals_sampled.c: vitals of a tensor that is watched: a histogram of one value in eight, or of a larger one in 32, the same ones on every instruction set, and all else as it would be without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "vitals/support_vitals.h"

enum { LARGE = TN_VITALS_SAMPLED_FROM, LARGER = TN_VITALS_SPARSE_FROM, SEGMENT = 1024, RUN = 128, COUNT = 40011 };

static const size_t WHOLES[] = {LARGE, LARGER};
enum { WHOLE_COUNT = sizeof WHOLES / sizeof WHOLES[0] };

static const tn_isa SETS[] = {TN_ISA_SCALAR, TN_ISA_AVX2, TN_ISA_AVX512};
enum { SET_COUNT = sizeof SETS / sizeof SETS[0] };

/* Whether value i of `count`, which follow `held` others, is counted, of a tensor of `whole`. */
static bool is_counted(size_t i, size_t count, size_t held, size_t whole)
{
    size_t segment = held / SEGMENT + i / SEGMENT, start = i / SEGMENT * SEGMENT;
    size_t length = count - start < SEGMENT ? count - start : SEGMENT, runs = (length + RUN - 1) / RUN;
    if (whole >= LARGER) {
        size_t four = segment / 4;
        if (segment % 4 != (four + four / 4) % 4)
            return false;
        segment = four;
    }
    return i % SEGMENT / RUN == (3 * segment + segment / 8) % runs;
}

/* The histogram of the sample into expected, which has that of all. */
static void expect_sample(tn_vitals *expected, const float *values, size_t count, size_t held, size_t whole)
{
    memset(expected->histogram, 0, sizeof expected->histogram);
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, (const char *)values + 4 * i, sizeof bits);
        if ((bits >> 23 & 255) < 255 && is_counted(i, count, held, whole))
            expected->histogram[bits >> 31][bits >> 23 & 255]++;
    }
}

static void check_as_of(const float *values, size_t count, kind which, size_t of)
{
    tn_vitals expected, whole, found;
    reference(&expected, values, count);
    expect_sample(&expected, values, count, 0, of);
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals_init(&found);
        tn_vitals_add_part_isa(&found, values, count, of, SETS[s]);
        const char *field = difference(&expected, &found, tolerance_of(SETS[s]));
        if (field)
            fail_msg("%s differs: %zu values of kind %s, %s", field, count, kind_name(which), tn_isa_name(SETS[s]));
        tn_vitals_init(&whole);
        tn_vitals_add_isa(&whole, values, count, SETS[s]);
        memcpy(whole.histogram, found.histogram, sizeof whole.histogram);
        field = difference(&whole, &found, 0);
        if (field)
            fail_msg("%s is not what it is without a sample: %zu values of kind %s, %s", field, count, kind_name(which),
                     tn_isa_name(SETS[s]));
    }
}

static void check(const float *values, size_t count, kind which)
{
    for (size_t w = 0; w < WHOLE_COUNT; w++)
        check_as_of(values, count, which, WHOLES[w]);
}

static void test_every_kind_and_length(void **state)
{
    (void)state;
    float *values = malloc((COUNT + 1) * sizeof *values);
    assert_non_null(values);
    static const size_t counts[] = {1,    7,    31,   32,   33,   95,   96,   97,   127,  128,  129,  159,  160,  161,   255,   300,
                                    1023, 1024, 1025, 1151, 1183, 1300, 2047, 2048, 2049, 4095, 4096, 4097, 5003, 12288, 20481, COUNT};
    for (kind which = 0; which < KIND_COUNT; which++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            /* In turn at an even place and at one that is odd for every vector. */
            fill(values + c % 2, counts[c], which, c);
            check(values + c % 2, counts[c], which);
        }
    free(values);
}

/* Wide data, for which tables would be used, then narrow data after infinities, then offset data. */
static void test_what_a_block_leaves_to_the_next(void **state)
{
    (void)state;
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    fill(values, 20000, KIND_WIDE, 12);
    fill(values + 20000, 10000, KIND_FEW_NONFINITE, 12);
    fill(values + 30000, COUNT - 30000, KIND_OFFSET, 12);
    check(values, COUNT, KIND_CHANGING);
    free(values);
}

/* Parts of a large tensor are sampled as it is; a small tensor and its parts are not. */
static void test_what_is_sampled(void **state)
{
    (void)state;
    float values[LARGE];
    fill(values, LARGE, KIND_GAUSSIAN, 3);
    for (size_t s = 0; s < SET_COUNT; s++) {
        tn_vitals whole, part;
        tn_vitals_init(&whole);
        tn_vitals_init(&part);
        tn_vitals_add_isa(&whole, values, LARGE - 1, SETS[s]);
        tn_vitals_add_part_isa(&part, values, LARGE - 1, LARGE - 1, SETS[s]);
        assert_memory_equal(&whole, &part, sizeof whole);
        assert_true(fabs(tn_vitals_weight(&part) - 1) < 1e-12);
        tn_vitals_init(&part);
        tn_vitals_add_part_isa(&part, values, LARGE, LARGE, SETS[s]);
        assert_true(fabs(tn_vitals_weight(&part) - 8) < 1e-12);
        tn_vitals_init(&part);
        tn_vitals_add_part_isa(&part, values, LARGE, LARGER - 1, SETS[s]);
        assert_true(fabs(tn_vitals_weight(&part) - 8) < 1e-12);
        tn_vitals_init(&part);
        for (size_t times = 0; times < LARGER / LARGE; times++)
            tn_vitals_add_part_isa(&part, values, LARGE, LARGER, SETS[s]);
        assert_true(fabs(tn_vitals_weight(&part) - 32) < 1e-12);
    }
}

/* A second call goes on with the places where the first one ended. */
static void test_parts(void **state)
{
    (void)state;
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    for (kind which = 0; which < KIND_COUNT; which++) {
        fill(values, COUNT, which, 8);
        for (size_t at = 0; at <= 9000; at += 900)
            for (size_t i = 0; i < WHOLE_COUNT * SET_COUNT; i++) {
                size_t s = i % SET_COUNT, of = WHOLES[i / SET_COUNT];
                tn_vitals expected, first, second, found;
                reference(&expected, values, COUNT);
                reference(&first, values, at);
                expect_sample(&first, values, at, 0, of);
                reference(&second, values + at, COUNT - at);
                expect_sample(&second, values + at, COUNT - at, at, of);
                tn_vitals_merge(&first, &second);
                memcpy(expected.histogram, first.histogram, sizeof expected.histogram);
                tn_vitals_init(&found);
                tn_vitals_add_part_isa(&found, values, at, of, SETS[s]);
                tn_vitals_add_part_isa(&found, values + at, COUNT - at, of, SETS[s]);
                const char *field = difference(&expected, &found, tolerance_of(SETS[s]));
                if (field)
                    fail_msg("%s differs: kind %s, cut at %zu, %s", field, kind_name(which), at, tn_isa_name(SETS[s]));
            }
    }
    free(values);
}

/* What is fetched meanwhile changes nothing, wherever it lies. */
static void test_ahead(void **state)
{
    (void)state;
    float *values = malloc(COUNT * sizeof *values), *others = malloc(COUNT * sizeof *others);
    assert_true(values && others);
    fill(values, COUNT, KIND_RELU, 5);
    fill(others, COUNT, KIND_ALL_NAN, 5);
    const void *ahead[] = {NULL, others, others + COUNT - 1, values};
    for (size_t i = 0; i < sizeof ahead / sizeof ahead[0]; i++) {
        tn_vitals expected, found;
        tn_vitals_init(&expected);
        tn_vitals_init(&found);
        tn_vitals_add_part(&expected, values, COUNT, COUNT);
        tn_vitals_add_part_ahead(&found, values, COUNT, COUNT, ahead[i]);
        assert_memory_equal(&expected, &found, sizeof found);
    }
    free(values);
    free(others);
}

/* Shares of the sample are those of all to within four standard errors, and never of fewer than an eighth of the values, or of a larger one a thirty-second. */
static void test_shares(void **state)
{
    (void)state;
    float *values = malloc(COUNT * sizeof *values);
    assert_non_null(values);
    const kind kinds[] = {KIND_GAUSSIAN, KIND_RELU, KIND_OFFSET_TINY, KIND_HUGE, KIND_SMALL, KIND_WIDE, KIND_THIRTY};
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (size_t count = LARGE; count <= COUNT; count = 3 * count + 11) {
            tn_vitals whole, found;
            fill(values, count, kinds[k], count);
            reference(&whole, values, count);
            tn_vitals_init(&found);
            tn_vitals_add_part(&found, values, count, count);
            uint64_t counted = 0;
            for (size_t i = 0; i < 2 * TN_VITALS_EXPONENTS; i++)
                counted += (&found.histogram[0][0])[i];
            size_t one_in = count < LARGER ? 8 : 32;
            assert_true(one_in * counted + 4 * SEGMENT > count && one_in * counted < count + 4 * SEGMENT);
            assert_true(one_in == 32 || 8 * counted >= count);
            double weight = tn_vitals_weight(&found), finite = (double)tn_vitals_finite(&whole);
            for (size_t sign = 0; sign < 2; sign++)
                for (size_t e = 1; e < TN_VITALS_EXPONENTS; e++) {
                    double share = (double)whole.histogram[sign][e] / finite, seen = weight * (double)found.histogram[sign][e] / finite;
                    double bound = 4 * sqrt(share * (1 - share) / (double)counted) + 8.0 / (double)counted;
                    if (!(fabs(seen - share) <= bound))
                        fail_msg("%s: %zu values of kind %s: exponent %zu has the share %.4f, the sample %.4f",
                                 sign ? "negative" : "positive", count, kind_name(kinds[k]), e, share, seen);
                }
        }
    free(values);
}

/* Rows as long as a few segments: each column is counted somewhere. */
static void check_columns(size_t rows, size_t whole)
{
    static const size_t widths[] = {64, 128, 512, 1024, 2048, 4096, 8192};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        size_t count = rows * widths[w], seen = 0;
        for (size_t column = 0; column < widths[w]; column++) {
            bool any = false;
            for (size_t row = 0; row < rows && !any; row++)
                any = is_counted(row * widths[w] + column, count, 0, whole);
            seen += any ? 1 : 0;
        }
        assert_int_equal(seen, widths[w]);
    }
}

static void test_every_column_is_counted(void **state)
{
    (void)state;
    check_columns(64, LARGE);
    check_columns(512, LARGER);
}

/* A sample of other values is not taken for the right one. */
static void test_comparison_catches_planted_faults(void **state)
{
    (void)state;
    float values[5000];
    fill(values, 5000, KIND_GAUSSIAN, 4);
    tn_vitals right, wrong;
    reference(&right, values, 5000);
    wrong = right;
    expect_sample(&right, values, 5000, 0, LARGE);
    assert_string_equal(difference(&right, &wrong, 5e-7), "histogram");
    expect_sample(&wrong, values, 5000, SEGMENT, LARGE);
    assert_string_equal(difference(&right, &wrong, 5e-7), "histogram");
    expect_sample(&wrong, values, 5000, 0, LARGER);
    assert_string_equal(difference(&right, &wrong, 5e-7), "histogram");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_and_length),
        cmocka_unit_test(test_what_a_block_leaves_to_the_next),
        cmocka_unit_test(test_what_is_sampled),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_every_column_is_counted),
        cmocka_unit_test(test_comparison_catches_planted_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
