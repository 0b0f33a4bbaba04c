/* test_read_idx.c: idx files that are good, cut at every byte, and lying. */
#include "support_data.h"

#include <math.h>
#include <string.h>

static void reads_bytes_in_place(void **state)
{
    (void)state;
    bytes file = idx_bytes(3, (uint32_t[]){5, 2, 3});
    tn_array array;
    tn_error error = {0};
    assert_int_equal(tn_idx_parse(file.data, file.size, &array, &error), TN_OK);
    assert_int_equal(array.rank, 3);
    assert_int_equal(array.dims[0], 5);
    assert_int_equal(array.dims[2], 3);
    assert_int_equal(array.count, 30);
    assert_null(array.owned); /* the values are those of the file */
    assert_ptr_equal(array.bytes, file.data + 16);
    tn_array_deinit(&array);
    bytes_free(&file);
}

static void reads_gz(void **state)
{
    (void)state;
    bytes file = idx_bytes(3, (uint32_t[]){300, 20, 20}); /* longer than the head that is read first */
    bytes packed = bytes_gzip(&file);
    tn_array array;
    tn_error error = {0};
    assert_int_equal(tn_idx_parse(packed.data, packed.size, &array, &error), TN_OK);
    assert_int_equal(array.count, 120000);
    assert_memory_equal(array.bytes, file.data + 16, array.count);
    tn_array_deinit(&array);
    bytes_free(&packed);
    bytes_free(&file);
}

static void reads_gz_of_several_members(void **state)
{
    (void)state;
    bytes file = idx_bytes(1, (uint32_t[]){20});
    bytes first = {.data = file.data, .size = 11}, second = {.data = file.data + 11, .size = file.size - 11};
    bytes packed = bytes_gzip(&first), more = bytes_gzip(&second);
    bytes_add(&packed, more.data, more.size);
    tn_array array;
    tn_error error = {0};
    assert_int_equal(tn_idx_parse(packed.data, packed.size, &array, &error), TN_OK);
    assert_int_equal(array.count, 20);
    assert_int_equal(array.bytes[19], 19);
    tn_array_deinit(&array);
    bytes_add(&packed, "junk", 4);
    assert_int_equal(tn_idx_parse(packed.data, packed.size, &array, &error), TN_ERROR_DATA);
    assert_contains(error.message, "4 bytes after its compressed data");
    bytes_free(&packed);
    bytes_free(&more);
    bytes_free(&file);
}

/* -2 and 3 in each of the types, big-endian. */
static void reads_every_type(void **state)
{
    (void)state;
    static const struct {
        uint8_t type;
        size_t size;
        const char *values;
    } cases[] = {{0x09, 1, "\xfe\x03"},
                 {0x0b, 2, "\xff\xfe\x00\x03"},
                 {0x0c, 4, "\xff\xff\xff\xfe\x00\x00\x00\x03"},
                 {0x0d, 4, "\xc0\x00\x00\x00\x40\x40\x00\x00"},
                 {0x0e, 8, "\xc0\x00\x00\x00\x00\x00\x00\x00\x40\x08\x00\x00\x00\x00\x00\x00"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        bytes file = idx_header(cases[i].type, 1, (uint32_t[]){2});
        bytes_add(&file, cases[i].values, 2 * cases[i].size);
        tn_array array;
        tn_error error = {0};
        assert_int_equal(parse_exact(tn_idx_parse, file.data, file.size, &array, &error), TN_OK);
        assert_near(array_value(&array, 0), -2, 0);
        assert_near(array_value(&array, 1), 3, 0);
        tn_array_deinit(&array);
        assert_truncations_fail(tn_idx_parse, &file);
        bytes_free(&file);
    }
}

static void refuses_truncated(void **state)
{
    (void)state;
    bytes file = idx_bytes(3, (uint32_t[]){5, 2, 3});
    bytes packed = bytes_gzip(&file);
    assert_truncations_fail(tn_idx_parse, &file);
    assert_truncations_fail(tn_idx_parse, &packed);
    bytes_free(&packed);
    bytes_free(&file);
}

/* A flipped bit of a gz is noticed, or changes nothing: deflate pads its last byte. */
static void refuses_damaged_gz(void **state)
{
    (void)state;
    bytes file = idx_bytes(2, (uint32_t[]){50, 3});
    bytes packed = bytes_gzip(&file);
    for (size_t at = 10; at < packed.size; at++) {
        packed.data[at] ^= 0x10;
        tn_array array;
        tn_error error = {0};
        tn_status status = tn_idx_parse(packed.data, packed.size, &array, &error);
        if (status == TN_OK) {
            assert_int_equal(at, packed.size - 9);
            assert_memory_equal(array.bytes, file.data + 12, array.count);
            tn_array_deinit(&array);
        } else {
            assert_int_equal(status, TN_ERROR_DATA);
        }
        packed.data[at] ^= 0x10;
    }
    bytes_free(&packed);
    bytes_free(&file);
}

static void expect_refusal(bytes file, const char *part)
{
    bytes packed = bytes_gzip(&file);
    tn_array array;
    tn_error error = {0};
    assert_int_equal(parse_exact(tn_idx_parse, file.data, file.size, &array, &error), TN_ERROR_DATA);
    assert_contains(error.message, part);
    assert_int_equal(parse_exact(tn_idx_parse, packed.data, packed.size, &array, &error), TN_ERROR_DATA);
    bytes_free(&packed);
    bytes_free(&file);
}

static void refuses_lies(void **state)
{
    (void)state;
    bytes file = idx_bytes(1, (uint32_t[]){20});
    bytes_add(&file, "x", 1);
    expect_refusal(file, "29 bytes where its header (20 samples, 20 values in all) claims 28");
    expect_refusal(idx_header(0x08, 3, (uint32_t[]){60000, 28, 28}), "16 bytes where its header");
    expect_refusal(idx_header(0x0e, 4, (uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}), "overflows");
    expect_refusal(idx_header(0x0e, 2, (uint32_t[]){0xffffffff, 0xffffffff}), "more than can be held");
    expect_refusal(idx_header(0x08, 2, (uint32_t[]){0, 5}), "holds no samples");
    expect_refusal(idx_header(0x08, 2, (uint32_t[]){5, 0}), "dimension 1 of its array is 0");
    expect_refusal(idx_header(0x0a, 1, (uint32_t[]){1}), "byte 2 is 0a");
    expect_refusal(idx_header(0x08, 5, (uint32_t[]){1, 1, 1, 1, 1}), "5 dimensions");
    expect_refusal(idx_header(0x08, 0, NULL), "0 dimensions");
    bytes text = {0};
    bytes_add(&text, "<html>not found</html>", 22);
    expect_refusal(text, "first bytes are 3c 68");
}

/* A few bytes cannot hold what this header claims, so nothing of that size may be allocated: the message comes from the check before. */
static void refuses_gz_that_claims_too_much(void **state)
{
    (void)state;
    bytes file = idx_header(0x08, 4, (uint32_t[]){60000, 1000, 1000, 3});
    bytes packed = bytes_gzip(&file);
    tn_array array;
    tn_error error = {0};
    assert_int_equal(tn_idx_parse(packed.data, packed.size, &array, &error), TN_ERROR_DATA);
    assert_contains(error.message, "compressed bytes cannot hold");
    bytes_free(&packed);
    bytes_free(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_bytes_in_place),
        cmocka_unit_test(reads_gz),
        cmocka_unit_test(reads_gz_of_several_members),
        cmocka_unit_test(reads_every_type),
        cmocka_unit_test(refuses_truncated),
        cmocka_unit_test(refuses_damaged_gz),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(refuses_gz_that_claims_too_much),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
