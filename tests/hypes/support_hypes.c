/* support_hypes.c: see support_hypes.h. */
#include "support_hypes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

const char *const tn_small_hypes = "{\n"
                                   "  \"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x.csv\", \"label\": -1}},\n"
                                   "  \"net\": [\n"
                                   "    {\"op\": \"dense\", \"units\": 4},\n"
                                   "    {\"op\": \"leaky_relu\", \"alpha\": 0.2},\n"
                                   "    {\"op\": \"dense\", \"units\": 2}\n"
                                   "  ],\n"
                                   "  \"loss\": \"mse\",\n"
                                   "  \"solver\": {\n"
                                   "    \"opt\": \"adam\",\n"
                                   "    \"epochs\": 3\n"
                                   "  }\n"
                                   "}\n";

tn_hypes *tn_test_parse(const char *text)
{
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    char line[1600] = "";
    if (tn_hypes_parse(text, strlen(text), "t.json", "", &hypes, &error) != TN_OK) {
        tn_error_format(&error, line, sizeof line);
        fail_msg("%s", line);
    }
    assert_non_null(hypes);
    return hypes;
}

void tn_test_parse_wrong(const char *text, char line[1600])
{
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    tn_status status = tn_hypes_parse(text, strlen(text), "t.json", "", &hypes, &error);
    assert_int_equal(status, TN_ERROR_HYPES);
    assert_int_equal(error.code, TN_ERROR_HYPES);
    assert_null(hypes);
    tn_error_format(&error, line, 1600);
}

static json_t *read_patch(const char *patch)
{
    json_t *value = json_loads(patch, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    return value;
}

tn_hypes *tn_test_patch(const tn_hypes *base, const char *patch)
{
    json_t *value = read_patch(patch);
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    char line[1600] = "";
    if (tn_hypes_patch(base, value, &hypes, &error) != TN_OK) {
        tn_error_format(&error, line, sizeof line);
        fail_msg("%s", line);
    }
    json_decref(value);
    return hypes;
}

void tn_test_patch_wrong(const tn_hypes *base, const char *patch, char line[1600])
{
    json_t *value = read_patch(patch);
    tn_hypes *hypes = NULL;
    tn_error error = {0};
    tn_status status = tn_hypes_patch(base, value, &hypes, &error);
    json_decref(value);
    assert_int_equal(status, TN_ERROR_HYPES);
    assert_null(hypes);
    tn_error_format(&error, line, 1600);
}

char *tn_test_dump(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    char *text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : strdup("absent");
    assert_non_null(text);
    return text;
}

void tn_test_value_is(const tn_hypes *hypes, const char *path, const char *expected)
{
    char *text = tn_test_dump(hypes, path);
    if (strcmp(text, expected) != 0)
        fail_msg("%s is %s, expected %s", path, text, expected);
    free(text);
}

char *tn_test_read(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", TN_TEST_DATA, name);
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("cannot open %s", path);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    size_t got = fread(text, 1, (1 << 20) - 1, file);
    assert_true(got > 0);
    fclose(file);
    return text;
}
