/* test_read_npy.c: npy files that NumPy wrote (data/make_arrays.py), files of our own making, cut and lying ones, and npz archives. */
#include "support_data.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static bytes golden(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_DATA, name);
    return bytes_read(path);
}

/* A npy file of version 1 with this dict, padded as NumPy does, and `size` zero bytes. */
static bytes npy(const char *dict, size_t size)
{
    bytes file = {0};
    size_t length = (strlen(dict) + 1 + 10 + 63) / 64 * 64 - 10;
    uint8_t start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)(length & 0xff), (uint8_t)(length >> 8)};
    bytes_add(&file, start, 10);
    bytes_add(&file, dict, strlen(dict));
    while (file.size < 10 + length - 1)
        bytes_add(&file, " ", 1);
    bytes_add(&file, "\n", 1);
    for (size_t i = 0; i < size; i++)
        bytes_add(&file, "", 1);
    return file;
}

static void reads_what_numpy_writes(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double modulo, unit;
    } cases[] = {{"bool", 2, 1},
                 {"u1", 100, 1},
                 {"i1", 100, 1},
                 {"little_i2", 100, 1},
                 {"big_i2", 100, 1},
                 {"little_i4", 100, 1},
                 {"big_i4", 100, 1},
                 {"little_i8", 100, 1},
                 {"big_i8", 100, 1},
                 {"little_u2", 100, 1},
                 {"little_u4", 100, 1},
                 {"little_u8", 100, 1},
                 {"little_f4", 100, 0.5},
                 {"big_f4", 100, 0.5},
                 {"little_f8", 100, 0.5},
                 {"big_f8", 100, 0.5},
                 {"table_fortran", 100, 0.5}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        char name[64];
        snprintf(name, sizeof name, "%s.npy", cases[c].name);
        bytes file = golden(name);
        tn_array array;
        tn_error error = {0};
        if (parse_exact(tn_npy_parse, file.data, file.size, &array, &error) != TN_OK)
            fail_msg("%s: %s", name, error.message);
        assert_int_equal(array.rank, 2);
        assert_int_equal(array.dims[0], 5);
        assert_int_equal(array.dims[1], 3);
        for (size_t i = 0; i < 15; i++)
            assert_near(array_value(&array, i), fmod((double)i, cases[c].modulo) * cases[c].unit, 0);
        tn_array_deinit(&array);
        bytes_free(&file);
    }
}

static void turns_fortran_order_around(void **state)
{
    (void)state;
    bytes plain = golden("images.npy"), fortran = golden("images_fortran.npy");
    tn_array first, second;
    tn_error error = {0};
    assert_int_equal(parse_exact(tn_npy_parse, plain.data, plain.size, &first, &error), TN_OK);
    assert_int_equal(parse_exact(tn_npy_parse, fortran.data, fortran.size, &second, &error), TN_OK);
    assert_int_equal(first.count, 24);
    assert_memory_equal(first.dims, second.dims, sizeof first.dims);
    assert_memory_equal(first.bytes, second.bytes, 24);
    tn_array_deinit(&first);
    tn_array_deinit(&second);
    bytes_free(&plain);
    bytes_free(&fortran);
}

/* Aligned float32 of the machine's order and bytes are not copied. */
static void maps_what_it_can(void **state)
{
    (void)state;
    bytes file = golden("little_f4.npy");
    tn_array array;
    tn_error error = {0};
    assert_int_equal(tn_npy_parse(file.data, file.size, &array, &error), TN_OK);
    assert_null(array.owned);
    assert_ptr_equal(array.floats, file.data + 128);
    bytes_free(&file);
}

static void reads_versions_2_and_3(void **state)
{
    (void)state;
    for (uint8_t version = 2; version <= 3; version++) {
        const char *dict = "{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n";
        bytes file = {0};
        uint8_t start[12] = {0x93, 'N', 'U', 'M', 'P', 'Y', version, 0, (uint8_t)strlen(dict), 0, 0, 0};
        bytes_add(&file, start, 12);
        bytes_add(&file, dict, strlen(dict));
        bytes_add(&file, "\1\2\3", 3);
        tn_array array;
        tn_error error = {0};
        assert_int_equal(parse_exact(tn_npy_parse, file.data, file.size, &array, &error), TN_OK);
        assert_int_equal(array.bytes[2], 3);
        tn_array_deinit(&array);
        assert_truncations_fail(tn_npy_parse, &file);
        bytes_free(&file);
    }
}

static void refuses_truncated(void **state)
{
    (void)state;
    bytes file = golden("big_f8.npy");
    bytes packed = bytes_gzip(&file);
    assert_truncations_fail(tn_npy_parse, &file);
    assert_truncations_fail(tn_npy_parse, &packed);
    tn_array array;
    tn_error error = {0};
    assert_int_equal(parse_exact(tn_npy_parse, packed.data, packed.size, &array, &error), TN_OK);
    tn_array_deinit(&array);
    bytes_free(&packed);
    bytes_free(&file);
}

static void expect_refusal(bytes file, const char *part)
{
    tn_array array;
    tn_error error = {0};
    assert_int_equal(parse_exact(tn_npy_parse, file.data, file.size, &array, &error), TN_ERROR_DATA);
    assert_contains(error.message, part);
    bytes_free(&file);
}

static void refuses_lies(void **state)
{
    (void)state;
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 47), "claims 176");
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }", 49),
                   "177 bytes where its header (3 samples, 12 values in all) claims 176");
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (60000, 28, 28), }", 4), "claims");
    expect_refusal(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967295, 4294967295), }", 4), "more than can be held");
    expect_refusal(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (9223372036854775807, 3), }", 4), "overflows");
    expect_refusal(npy("{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999, 2), }", 4),
                   "a dimension that fits 64 bits");
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4), }", 0), "holds no samples");
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 4), }", 16), "a dimension");
    expect_refusal(npy("{'descr': '<f4', 'fortran_order': maybe, 'shape': (4,), }", 16), "True or False");
    expect_refusal(npy("{'descr': '<f4', 'shape': (4,), }", 16), "descr, fortran_order and shape");
    expect_refusal(npy("{'descr': '<f4', 'colour': 4, }", 16), "descr, fortran_order or shape");
    expect_refusal(npy("no dict at all", 16), "'{'");
    expect_refusal(npy("{'descr': '<f4", 16), "the type as a string");
    expect_refusal(golden("objects.npy"), "'|O'");
    expect_refusal(golden("records.npy"), "records");
    expect_refusal(golden("complex.npy"), "'<c8'");
    expect_refusal(golden("scalar.npy"), "a single number");
    expect_refusal(golden("five_axes.npy"), "more than 4 dimensions");
    expect_refusal(idx_bytes(1, (uint32_t[]){20}), "no npy file");
}

static tn_status parse_x(const uint8_t *data, size_t size, tn_array *array, tn_error *error)
{
    return tn_npz_parse(data, size, "x", array, error);
}

static void reads_archives(void **state)
{
    (void)state;
    static const char *const names[] = {"stored.npz", "deflated.npz", "descriptors.npz"};
    for (size_t a = 0; a < 3; a++) {
        bytes file = golden(names[a]);
        tn_array x, y;
        tn_error error = {0};
        if (parse_exact(parse_x, file.data, file.size, &x, &error) != TN_OK)
            fail_msg("%s: %s", names[a], error.message);
        assert_int_equal(x.rank, 2);
        assert_int_equal(x.dims[0], 40);
        for (size_t i = 0; i < 120; i++)
            assert_near(array_value(&x, i), (double)(i % 100) / 2, 0);
        assert_int_equal(tn_npz_parse(file.data, file.size, "y.npy", &y, &error), TN_OK); /* the whole name does as well */
        assert_int_equal(y.rank, 1);
        assert_near(array_value(&y, 39), 3, 0);
        tn_array_deinit(&x);
        tn_array_deinit(&y);
        assert_int_equal(tn_npz_parse(file.data, file.size, "labels", &y, &error), TN_ERROR_DATA);
        assert_contains(error.message, "no array 'labels'; it holds: x.npy, y.npy");
        assert_truncations_fail(parse_x, &file);
        bytes_free(&file);
    }
}

/* A flipped bit anywhere in x's data, or in what the directory says of it, must not pass unseen. */
static void refuses_damaged_archives(void **state)
{
    (void)state;
    static const char *const names[] = {"stored.npz", "deflated.npz"};
    for (size_t a = 0; a < 2; a++) {
        bytes file = golden(names[a]);
        tn_array before;
        tn_error error = {0};
        assert_int_equal(parse_exact(parse_x, file.data, file.size, &before, &error), TN_OK);
        size_t refused = 0;
        for (size_t at = 0; at < file.size; at++) {
            file.data[at] ^= 0x04;
            tn_array after;
            if (parse_exact(parse_x, file.data, file.size, &after, &error) == TN_OK) { /* the byte says nothing about x */
                assert_int_equal(after.count, before.count);
                assert_memory_equal(after.floats, before.floats, before.count * sizeof(float));
                tn_array_deinit(&after);
            } else {
                assert_true(error.code == TN_ERROR_DATA);
                refused++;
            }
            file.data[at] ^= 0x04;
        }
        assert_in_range(refused, 100, file.size);
        tn_array_deinit(&before);
        bytes_free(&file);
    }
}

static void put16(bytes *to, unsigned value)
{
    uint8_t ordered[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    bytes_add(to, ordered, 2);
}

static void put32(bytes *to, uint64_t value)
{
    put16(to, (unsigned)(value & 0xffff));
    put16(to, (unsigned)(value >> 16 & 0xffff));
}

static void put64(bytes *to, uint64_t value)
{
    put32(to, value & 0xffffffff);
    put32(to, value >> 32);
}

/* An archive of one stored member, whose sizes and offset stand in zip64 fields, as those of an archive above 4 GiB would. */
static bytes zip64(const bytes *member, uint32_t checksum, uint64_t claimed_size, uint64_t directory_shift)
{
    bytes file = {0};
    put32(&file, 0x04034b50);
    put16(&file, 45), put16(&file, 0), put16(&file, 0), put32(&file, 0), put32(&file, checksum);
    put32(&file, 0xffffffff), put32(&file, 0xffffffff), put16(&file, 5), put16(&file, 20);
    bytes_add(&file, "x.npy", 5);
    put16(&file, 1), put16(&file, 16), put64(&file, member->size), put64(&file, member->size);
    bytes_add(&file, member->data, member->size);
    size_t directory = file.size;
    put32(&file, 0x02014b50);
    put16(&file, 45), put16(&file, 45), put16(&file, 0), put16(&file, 0), put32(&file, 0), put32(&file, checksum);
    put32(&file, 0xffffffff), put32(&file, 0xffffffff), put16(&file, 5), put16(&file, 28), put16(&file, 0), put16(&file, 0),
        put16(&file, 0), put32(&file, 0);
    put32(&file, 0xffffffff);
    bytes_add(&file, "x.npy", 5);
    put16(&file, 1), put16(&file, 24), put64(&file, claimed_size), put64(&file, claimed_size), put64(&file, 0);
    size_t end64 = file.size;
    put32(&file, 0x06064b50);
    put64(&file, 44), put16(&file, 45), put16(&file, 45), put32(&file, 0), put32(&file, 0), put64(&file, 1), put64(&file, 1),
        put64(&file, end64 - directory);
    put64(&file, directory + directory_shift);
    put32(&file, 0x07064b50);
    put32(&file, 0), put64(&file, end64), put32(&file, 1);
    put32(&file, 0x06054b50);
    put16(&file, 0), put16(&file, 0), put16(&file, 0xffff), put16(&file, 0xffff), put32(&file, 0xffffffff), put32(&file, 0xffffffff),
        put16(&file, 0);
    return file;
}

static void reads_zip64(void **state)
{
    (void)state;
    bytes member = golden("u1.npy");
    uint32_t checksum = 0xd28ccd2a; /* zlib.crc32 of u1.npy */
    tn_array array;
    tn_error error = {0};
    bytes file = zip64(&member, checksum, member.size, 0);
    if (parse_exact(parse_x, file.data, file.size, &array, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(array.count, 15);
    tn_array_deinit(&array);
    assert_truncations_fail(parse_x, &file);
    bytes_free(&file);
    static const uint64_t sizes[] = {UINT64_MAX, UINT64_MAX - 60, 1000000000000};
    for (size_t i = 0; i < 3; i++) {
        file = zip64(&member, checksum, sizes[i], 0);
        assert_int_equal(parse_exact(parse_x, file.data, file.size, &array, &error), TN_ERROR_DATA);
        assert_contains(error.message, "does not fit the file");
        bytes_free(&file);
        file = zip64(&member, checksum, member.size, sizes[i]);
        assert_int_equal(parse_exact(parse_x, file.data, file.size, &array, &error), TN_ERROR_DATA);
        assert_contains(error.message, "npz archive at byte");
        bytes_free(&file);
    }
    file = zip64(&member, checksum + 1, member.size, 0);
    assert_int_equal(parse_exact(parse_x, file.data, file.size, &array, &error), TN_ERROR_DATA);
    assert_contains(error.message, "checksum");
    bytes_free(&file);
    bytes_free(&member);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_numpy_writes), cmocka_unit_test(turns_fortran_order_around), cmocka_unit_test(maps_what_it_can),
        cmocka_unit_test(reads_versions_2_and_3),  cmocka_unit_test(refuses_truncated),          cmocka_unit_test(refuses_lies),
        cmocka_unit_test(reads_archives),          cmocka_unit_test(refuses_damaged_archives),   cmocka_unit_test(reads_zip64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
