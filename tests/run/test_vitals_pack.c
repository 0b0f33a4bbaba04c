/* test_vitals_pack.c: packed vitals come back as they were, and no blob that they do not fit is taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "run/recorder.h"

static void packed_come_back(tn_vitals vitals, size_t at_most, unsigned char version)
{
    tn_vitals back;
    unsigned char bytes[TN_VITALS_PACKED_MAX];
    size_t size = tn_vitals_pack(&vitals, NULL, 0);
    assert_true(size <= at_most);
    /* Nothing is written where it does not fit. */
    memset(bytes, 0xAA, sizeof bytes);
    assert_int_equal(tn_vitals_pack(&vitals, bytes, size - 1), size);
    assert_int_equal(bytes[0], 0xAA);
    assert_int_equal(tn_vitals_pack(&vitals, bytes, size), size);
    assert_int_equal(bytes[size], 0xAA);
    assert_int_equal(bytes[0], version);
    assert_int_equal(tn_vitals_unpack(bytes, size, &back, NULL), TN_OK);
    assert_memory_equal(&vitals, &back, sizeof vitals);
}

/* With all values counted, and as a part of a tensor that is sampled. */
static void comes_back(const float *values, size_t count, size_t at_most)
{
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, count);
    packed_come_back(vitals, at_most, 3);
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, count, TN_VITALS_SAMPLED_FROM);
    packed_come_back(vitals, at_most, count > 128 ? 4 : 3);
}

static void all_kinds_come_back(void **state)
{
    (void)state;
    float values[5000];
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    comes_back(values, 0, 50);
    for (size_t i = 0; i < 5000; i++)
        values[i] = (float)tn_rng_normal(&rng);
    comes_back(values, 5000, 160);
    for (size_t i = 0; i < 5000; i++) { /* every exponent */
        uint32_t bits = (uint32_t)tn_rng_bits(&rng);
        memcpy(&values[i], &bits, sizeof bits);
    }
    comes_back(values, 5000, TN_VITALS_PACKED_MAX);
    const float odd[] = {0.0f, -0.0f, NAN, INFINITY, -INFINITY, 1e-42f, -1e-42f, 3.4e38f};
    comes_back(odd, sizeof odd / sizeof odd[0], 70);
}

static void the_largest_fits(void **state)
{
    (void)state;
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    for (size_t i = 0; i < 2 * TN_VITALS_EXPONENTS; i++)
        (&vitals.histogram[0][0])[i] = UINT64_MAX;
    assert_true(tn_vitals_pack(&vitals, NULL, 0) <= TN_VITALS_PACKED_MAX);
}

/* The formats are pinned: a store written today is read by every later version. Four values: 1, 1, -2, NaN. */
static void bytes_are_pinned(void **state)
{
    (void)state;
    static const unsigned char EXPECTED[] = {
        3,    2, 0,                         /* version, two buckets */
        4,    1, 0, 0,    0, 0, 4,          /* count, nan, infinities, zeros, subnormals, the first non-finite and 1 more */
        0,    0, 0, 0xC0, 0, 0, 0x80, 0x3F, /* min -2, max 1 */
        0,    0, 0, 0,    0, 0, 0,    0,    /* sum 0 */
        0,    0, 0, 0,    0, 0, 0x18, 0x40, /* of squares 6 */
        0,    0, 0, 0,    0, 0, 0,    0,    /* mean 0 */
        0,    0, 0, 0,    0, 0, 0x18, 0x40, /* m2 6 */
        127,  2,                            /* +2^0, after 127 that are left out: two */
        0x80, 2, 1,                         /* -2^1, after 256: one */
    };
    static const unsigned char OLD[] = {
        1,    0, 2, 0,                                              /* version, 0, two buckets */
        4,    0, 0, 0,    0, 0, 0,    0,                            /* count */
        1,    0, 0, 0,    0, 0, 0,    0,                            /* nan */
        0,    0, 0, 0,    0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* infinities */
        0,    0, 0, 0,    0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, /* zeros, subnormals */
        3,    0, 0, 0,    0, 0, 0,    0,                            /* the first non-finite */
        0,    0, 0, 0xC0, 0, 0, 0x80, 0x3F,                         /* min -2, max 1 */
        0,    0, 0, 0,    0, 0, 0,    0,                            /* sum 0 */
        0,    0, 0, 0,    0, 0, 0x18, 0x40,                         /* of squares 6 */
        0,    0, 0, 0,    0, 0, 0,    0,                            /* mean 0 */
        0,    0, 0, 0,    0, 0, 0x18, 0x40,                         /* m2 6 */
        127,  0, 2,                                                 /* +2^0: two */
        0x80, 1, 1,                                                 /* -2^1: one */
    };
    const float values[] = {1, 1, -2, NAN};
    tn_vitals vitals;
    unsigned char bytes[TN_VITALS_PACKED_MAX];
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, 4);
    assert_int_equal(tn_vitals_pack(&vitals, bytes, sizeof bytes), sizeof EXPECTED);
    assert_memory_equal(bytes, EXPECTED, sizeof EXPECTED);
    tn_vitals back;
    assert_int_equal(tn_vitals_unpack(OLD, sizeof OLD, &back, NULL), TN_OK);
    assert_memory_equal(&back, &vitals, sizeof back);
    memcpy(bytes, OLD, sizeof OLD);
    bytes[sizeof OLD - 4] = 1; /* one of the two: a sample */
    bytes[0] = 2;
    assert_int_equal(tn_vitals_unpack(bytes, sizeof OLD, &back, NULL), TN_OK);
    assert_int_equal(back.histogram[0][127], 1);
    bytes[0] = 1;
    assert_int_equal(tn_vitals_unpack(bytes, sizeof OLD, &back, NULL), TN_ERROR_STORE);
    memcpy(bytes, OLD, sizeof OLD);
    bytes[1] = 1; /* the reserved byte */
    assert_int_equal(tn_vitals_unpack(bytes, sizeof OLD, &back, NULL), TN_ERROR_STORE);
    memcpy(bytes, OLD, sizeof OLD);
    bytes[sizeof OLD - 3] = 127; /* buckets not rising */
    bytes[sizeof OLD - 2] = 0;
    assert_int_equal(tn_vitals_unpack(bytes, sizeof OLD, &back, NULL), TN_ERROR_STORE);
    for (size_t cut = 0; cut < sizeof OLD; cut++)
        assert_int_equal(tn_vitals_unpack(OLD, cut, &back, NULL), TN_ERROR_STORE);
}

static void refuses(const unsigned char *bytes, size_t size, const char *why)
{
    tn_vitals back, empty;
    tn_error error = {0};
    tn_vitals_init(&empty);
    if (tn_vitals_unpack(bytes, size, &back, &error) != TN_ERROR_STORE)
        fail_msg("taken: %s", why);
    assert_true(error.message[0] != '\0');
}

static void damaged_blobs(void **state)
{
    (void)state;
    const float values[] = {1, 2, 3, 4, 5, -6, 0, NAN};
    tn_vitals vitals;
    unsigned char bytes[TN_VITALS_PACKED_MAX], copy[TN_VITALS_PACKED_MAX];
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, 8);
    size_t size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++)
        refuses(bytes, cut, "a cut blob");
    bytes[size] = 0;
    refuses(bytes, size + 1, "a byte too many");
    /* Planted faults: each count, the buckets' numbers and their order, and the version. */
    const struct {
        size_t at;
        unsigned char value;
        const char *what;
    } faults[] = {
        {0, 5, "a newer version"},
        {0, 4, "a sample that counts all"},
        {0, 0, "version 0"},
        {0, 1, "an old version"},
        {1, 6, "more buckets than there are"},
        {1, 4, "fewer buckets"},
        {2, 4, "far more buckets"},
        {3, 9, "a larger count"},
        {3, 7, "a smaller count"},
        {4, 0, "no NaN"},
        {4, 9, "nine NaN"},
        {5, 1, "an infinity"},
        {7, 2, "two zeros"},
        {8, 1, "a subnormal"},
        {9, 9, "first after last"},
        {9, 0, "no first"},
        {52, 0xFF, "a bucket past the last"},
        {53, 0, "an empty bucket"},
        {53, 0x80, "a count without an end"},
    };
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        memcpy(copy, bytes, size);
        assert_int_not_equal(copy[faults[i].at], faults[i].value);
        copy[faults[i].at] = faults[i].value;
        refuses(copy, size, faults[i].what);
    }
}

/* A sample of the values whose counts do not fit. */
static void damaged_samples(void **state)
{
    (void)state;
    float values[1024];
    tn_vitals vitals;
    unsigned char bytes[TN_VITALS_PACKED_MAX] = {0};
    for (size_t i = 0; i < 1024; i++)
        values[i] = i % 2 ? 1.0F : 0.0F; /* 64 of each are counted */
    tn_vitals_init(&vitals);
    tn_vitals_add_part(&vitals, values, 1024, TN_VITALS_SAMPLED_FROM);
    const tn_vitals right = vitals;
    size_t size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    bytes[0] = 3;
    refuses(bytes, size, "a sample as the whole");
    vitals.histogram[1][0] = 449;
    size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    refuses(bytes, size, "more zeros counted than there are");
    vitals = right;
    vitals.histogram[0][126] = 449;
    size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    refuses(bytes, size, "more others counted than there are");
    vitals = right;
    vitals.zeros = 1025;
    size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    refuses(bytes, size, "more zeros than values");
    vitals = right;
    size = tn_vitals_pack(&vitals, bytes, sizeof bytes);
    assert_int_equal(tn_vitals_unpack(bytes, size, &vitals, NULL), TN_OK);
}

/* Whatever is taken from random damage is consistent, since it packs to what was read. */
static void random_damage(void **state)
{
    (void)state;
    float values[300];
    tn_rng rng;
    tn_rng_init(&rng, 2, TN_STREAM_TEST);
    for (size_t i = 0; i < 300; i++)
        values[i] = (float)tn_rng_normal(&rng);
    tn_vitals vitals, back;
    unsigned char bytes[TN_VITALS_PACKED_MAX], copy[TN_VITALS_PACKED_MAX], again[TN_VITALS_PACKED_MAX];
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, 300);
    size_t size = tn_vitals_pack(&vitals, bytes, sizeof bytes), taken = 0;
    for (size_t round = 0; round < 20000; round++) {
        memcpy(copy, bytes, size);
        for (uint64_t i = 0; i <= tn_rng_below(&rng, 3); i++)
            copy[tn_rng_below(&rng, size)] = (unsigned char)tn_rng_bits(&rng);
        if (tn_vitals_unpack(copy, size, &back, NULL) != TN_OK)
            continue;
        taken++;
        size_t packed = tn_vitals_pack(&back, again, sizeof again);
        assert_true(packed <= size); /* LEB128 may be longer than it must */
        if (packed == size)
            assert_memory_equal(again, copy, size);
    }
    assert_true(taken > 0 && taken < 20000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_kinds_come_back), cmocka_unit_test(the_largest_fits), cmocka_unit_test(bytes_are_pinned),
        cmocka_unit_test(damaged_blobs),       cmocka_unit_test(damaged_samples),  cmocka_unit_test(random_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
