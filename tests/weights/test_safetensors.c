/* test_safetensors.c: what is written is read back; what lies is refused with where and what; nothing is read past the end. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "support_weights.h"
#include "weights/weights.h"

static const size_t dims_a[] = {2, 3}, dims_b[] = {3};
static const float values_a[] = {1, -2, 3, -4, 5, -6}, values_b[] = {0.5f, 0, 1e-3f};
static const tn_weight_source two[] = {{"dense_0.weight", 2, dims_a, values_a}, {"dense_0.bias", 1, dims_b, values_b}};

static void test_round_trip(void **state)
{
    (void)state;
    char *path = fresh_path(".safetensors");
    tn_error error = {0};
    tn_weights weights;
    assert_int_equal(tn_safetensors_write(path, two, 2, true, &error), TN_OK);
    assert_int_equal(tn_weights_open(path, &weights, &error), TN_OK);
    assert_true(weights.by_tenet);
    assert_int_equal(weights.count, 2);
    float values[6];
    for (size_t i = 0; i < 2; i++) {
        const tn_weight *weight = &weights.tensors[i];
        assert_string_equal(weight->name, two[i].name);
        assert_null(weight->skipped);
        assert_int_equal(weight->rank, two[i].rank);
        tn_weight_values(weight, values);
        assert_memory_equal(values, two[i].values, weight->count * sizeof *values);
    }
    tn_weights_deinit(&weights);
    unlink(path);
    free(path);
}

static void test_write_replaces_whole(void **state)
{
    (void)state;
    char *path = write_file(".safetensors", "old", 3);
    tn_error error = {0};
    tn_weights weights;
    assert_int_equal(tn_safetensors_write(path, two, 2, true, &error), TN_OK);
    assert_int_equal(tn_weights_open(path, &weights, &error), TN_OK);
    tn_weights_deinit(&weights);
    unlink(path);
    free(path);
    assert_int_equal(tn_safetensors_write("/nonexistent/folder/x.safetensors", two, 2, true, &error), TN_ERROR_IO);
    assert_non_null(strstr(error.message, "could not be written"));
    assert_string_equal(error.file, "/nonexistent/folder/x.safetensors");
}

static tn_status parse(const uint8_t *bytes, size_t size, tn_error *error)
{
    tn_weights weights = {0};
    tn_status status = tn_safetensors_parse(bytes, size, &weights, error);
    tn_weights_deinit(&weights);
    return status;
}

/* Every shorter file is refused; each is a block of its own, so that the sanitizer sees a read past its end. */
static void test_cut_at_each_byte(void **state)
{
    (void)state;
    size_t size;
    uint8_t *whole = make_safetensors(
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,1],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F16\",\"shape\":[],\"data_offsets\":[8,10]}}",
        10, &size);
    tn_error error = {0};
    assert_int_equal(parse(whole, size, &error), TN_OK);
    for (size_t cut = 0; cut < size; cut++) {
        uint8_t *part = malloc(cut > 0 ? cut : 1);
        assert_non_null(part);
        memcpy(part, whole, cut);
        error = (tn_error){0};
        assert_int_equal(parse(part, cut, &error), TN_ERROR_DATA);
        assert_true(error.message[0] != '\0');
        free(part);
    }
    free(whole);
}

static void test_lies(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        const char *expected;
    } cases[] = {
        {"[1]", 0, "no JSON object"},
        {"{\"a\":", 0, "no JSON"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}",
         8, "duplicate"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8, "does not fit its \"data_offsets\""},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,12]}}", 8, "inside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,0]}}", 8, "inside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[-8,0]}}", 8, "inside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0.5,8]}}", 8, "inside of the file"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, "data_offsets"},
        {"{\"a\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 8, "shape"},
        {"{\"a\":7}", 0, "dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4],\"data_offsets\":[0,8]}}", 8, "overflows"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,2],\"data_offsets\":[0,8]}}", 8, "8 dimensions"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
         12, "overlaps"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16]}"
         "}",
         16, "gap"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 9, "belong to no tensor"},
        {"{\"a\\u001b[2J\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8, "control characters"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size;
        uint8_t *bytes = make_safetensors(cases[i].header, cases[i].data, &size);
        tn_error error = {0};
        assert_int_equal(parse(bytes, size, &error), TN_ERROR_DATA);
        if (!strstr(error.message, cases[i].expected))
            fail_msg("%s: '%s' has no '%s'", cases[i].header, error.message, cases[i].expected);
        free(bytes);
    }
    uint8_t huge[16] = {0, 0, 0, 0, 0, 0, 0, 1};
    tn_error error = {0};
    assert_int_equal(parse(huge, sizeof huge, &error), TN_ERROR_DATA);
    assert_non_null(strstr(error.message, "claims a safetensors header"));
}

static void test_types(void **state)
{
    (void)state;
    static const char header[] = "{\"f64\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},\"f16\":{\"dtype\":\"F16\",\"shape\":["
                                 "1],\"data_offsets\":[8,10]},"
                                 "\"bf16\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[10,12]},\"i32\":{\"dtype\":\"I32\","
                                 "\"shape\":[1],\"data_offsets\":[12,16]},"
                                 "\"new\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[16,17]},\"none\":{\"dtype\":\"F32\",\"shape\":"
                                 "[0],\"data_offsets\":[17,17]},\"__metadata__\":{\"format\":\"pt\"}}";
    size_t size;
    uint8_t *bytes = make_safetensors(header, 17, &size), *data = bytes + size - 17;
    const double pi = 3.140625;
    memcpy(data, &pi, 8);
    data[8] = 0x48, data[9] = 0x42;   /* 3.140625 in half precision */
    data[10] = 0x49, data[11] = 0x40; /* and in bfloat16 */
    tn_weights weights = {0};
    tn_error error = {0};
    assert_int_equal(tn_safetensors_parse(bytes, size, &weights, &error), TN_OK);
    assert_false(weights.by_tenet);
    assert_int_equal(weights.count, 6);
    size_t read = 0;
    for (size_t i = 0; i < weights.count; i++) {
        float value = 0;
        if (weights.tensors[i].skipped)
            continue;
        tn_weight_values(&weights.tensors[i], &value);
        assert_true(value == 3.140625f);
        read++;
    }
    assert_int_equal(read, 3);
    tn_weights_deinit(&weights);
    free(bytes);
}

static void refuse(const char *suffix, const void *bytes, size_t size, const char *expected)
{
    char *path = write_file(suffix, bytes, size);
    tn_weights weights;
    tn_error error = {0};
    assert_int_equal(tn_weights_open(path, &weights, &error), TN_ERROR_UNSUPPORTED);
    tn_weights_deinit(&weights);
    assert_string_equal(error.file, path);
    if (!strstr(error.message, expected))
        fail_msg("'%s' has no '%s'", error.message, expected);
    unlink(path);
    free(path);
}

/* What is no file of weights, or one that tenet does not read, is told from its first bytes, with what to do. */
static void test_other_kinds(void **state)
{
    (void)state;
    static const uint8_t pickle[] = {0x80, 2, 0x8a, 10, 'l', 0xfc, 0x9c, 0x46, 0xf9, 0x20};
    static const uint8_t hdf5[] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n', 0};
    /* A stored member archive/data.pkl of no bytes, its directory and its end. */
    static const uint8_t zip[] =
        "PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0\0archive/data.pkl"
        "PK\1\2\24\0\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0archive/data.pkl"
        "PK\5\6\0\0\0\0\1\0\1\0\76\0\0\0\56\0\0\0\0";
    refuse(".pth", pickle, sizeof pickle, "loading one runs whatever code it holds");
    refuse(".pt", zip, sizeof zip, "save_file(model.state_dict()");
    refuse(".h5", hdf5, sizeof hdf5, "numpy.savez");
    refuse(".gguf", "GGUF\3\0\0\0\0\0", 10, "quantised");
    refuse(".npy", "\x93NUMPY\1\0v\0", 10, "one npy array");
    refuse(".txt", "hello, this is no network", 25, "neither safetensors nor npz");
    tn_weights weights;
    tn_error error = {0};
    assert_int_equal(tn_weights_open("/nonexistent.safetensors", &weights, &error), TN_ERROR_IO);
    tn_weights_deinit(&weights);
}

static void test_npz(void **state)
{
    (void)state;
    tn_weights weights;
    tn_error error = {0};
    assert_int_equal(tn_weights_open(TN_SOURCE_DIR "/tests/data/data/deflated.npz", &weights, &error), TN_OK);
    assert_true(weights.count > 0);
    for (size_t i = 0; i < weights.count; i++)
        assert_null(strstr(weights.tensors[i].name, ".npy"));
    tn_weights_deinit(&weights);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_write_replaces_whole),
        cmocka_unit_test(test_cut_at_each_byte),
        cmocka_unit_test(test_lies),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_npz),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
