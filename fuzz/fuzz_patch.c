/* fuzz_patch.c: any lines as --set assignments, applied as one patch to a fixed file, alone and after another patch. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] =
    "{\"data\": {\"train\": {\"format\": \"csv\", \"file\": \"x\", \"label\": [1, \"b\"]}, \"valid\": 0.5},\n"
    "\"net\": [{\"op\": \"conv2d\", \"filters\": 2, \"kernel\": 3}, {\"op\": \"max_pool2d\", \"name\": \"pool\"},\n"
    "{\"op\": \"add\", \"from\": [\"input\", \"pool\"]}, {\"op\": \"elu\", \"alpha\": 2}], \"loss\": \"mse\",\n"
    "\"levels\": [{\"name\": \"a\", \"patch\": {\"data.samples\": 5}}], \"search\": {\"init.scale\": {\"choice\": [1, 2]}}}";

static void require(int condition)
{
    if (!condition)
        abort();
}

/* Applies a patch; NULL where it was refused. Whatever happens, the base stays as it is. */
static tn_hypes *apply(const tn_hypes *base, const json_t *patch)
{
    json_t *before = json_deep_copy(tn_hypes_written(base));
    tn_hypes *patched = NULL;
    tn_error error = {0};
    tn_status status = tn_hypes_patch(base, patch, &patched, &error);
    require(status == TN_OK || status == TN_ERROR_HYPES);
    require((status == TN_OK) == (patched != NULL));
    require(status == TN_OK || (error.message[0] && error.code == status));
    require(json_equal(before, tn_hypes_written(base)));
    json_decref(before);
    return patched;
}

/* The first half of the lines is one patch, the second another; where they can be merged, both ways lead to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static tn_hypes *base; /* read once */
    tn_error error = {0};
    require(base || tn_hypes_parse(text, sizeof text - 1, "base.json", "", &base, &error) == TN_OK);
    json_t *patches[2] = {json_object(), json_object()};
    char *lines = malloc(size + 1);
    require(lines && patches[0] && patches[1]);
    if (size)
        memcpy(lines, data, size);
    lines[size] = '\0';
    size_t which = 0;
    for (char *line = lines; line && line < lines + size;) {
        char *next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (strcmp(line, "--") == 0)
            which = 1;
        else if (tn_patch_assign(patches[which], line, &error) != TN_OK)
            require(error.code == TN_ERROR_USAGE && error.message[0]);
        line = next;
    }
    tn_hypes *first = apply(base, patches[0]);
    tn_hypes *second = first ? apply(first, patches[1]) : NULL;
    json_t *merged = tn_patch_merge(patches[0], patches[1]);
    tn_hypes *at_once = merged && second ? apply(base, merged) : NULL;
    if (merged && second) {
        require(at_once != NULL);
        require(json_equal(tn_hypes_root(second), tn_hypes_root(at_once)));
    }
    if (second) {
        char *printed = tn_hypes_print(second);
        require(printed != NULL);
        free(printed);
        tn_hypes_fail(second, "net.1.size", &error, "x");
        tn_hypes_fail(second, "levels.0.patch.data.samples", &error, "x");
    }
    tn_hypes_destroy(at_once);
    tn_hypes_destroy(second);
    tn_hypes_destroy(first);
    json_decref(merged);
    json_decref(patches[1]);
    json_decref(patches[0]);
    free(lines);
    return 0;
}
