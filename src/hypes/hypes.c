/* hypes.c: the hypes object: made from text, read by path, asked for errors. Checking, patching and printing stand in files of their own. */
#include "hypes/hypes.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "hypes/hypes_internal.h"

tn_hypes *tn_hypes_create(const char *name, const char *directory)
{
    tn_hypes *hypes = calloc(1, sizeof *hypes);
    if (!hypes)
        return NULL;
    hypes->name = tn_string_copy(name);
    hypes->directory = tn_string_copy(directory);
    if (!hypes->name || !hypes->directory) {
        tn_hypes_destroy(hypes);
        return NULL;
    }
    return hypes;
}

void tn_hypes_destroy(tn_hypes *hypes)
{
    if (hypes) {
        json_decref(hypes->written);
        json_decref(hypes->complete);
        json_decref(hypes->position);
        free(hypes->name);
        free(hypes->directory);
        free(hypes);
    }
}

static tn_status finish_free(tn_hypes *hypes, tn_error *error)
{
    char found[128];
    if (!json_is_object(hypes->written))
        return tn_hypes_fail(hypes, "", error, "the file is %s; expected an object, { ... }",
                             tn_value_found(hypes->written, found, sizeof found));
    hypes->complete = json_incref(hypes->written);
    return TN_OK;
}

tn_status tn_hypes_finish(tn_hypes *hypes, bool plans, tn_error *error)
{
    if (hypes->free)
        return finish_free(hypes, error);
    tn_status status = tn_hypes_check(hypes, error);
    if (status == TN_OK)
        status = tn_hypes_fill(hypes, error);
    if (status == TN_OK)
        status = tn_hypes_check_sense(hypes, error);
    return status == TN_OK && plans ? tn_hypes_check_plans(hypes, error) : status;
}

static tn_status fail_json(const tn_hypes *hypes, const json_error_t *mistake, tn_error *error)
{
    const char *hint = strstr(mistake->text, "'NaN") || strstr(mistake->text, "'Infinity") || strstr(mistake->text, "'-Infinity")
                           ? "; JSON has no NaN and no Infinity"
                       : json_error_code(mistake) == json_error_duplicate_key ? "; each key may stand once in an object"
                                                                              : "";
    tn_fail(error, TN_ERROR_HYPES, "no valid JSON, column %d: %s%s", mistake->column, mistake->text, hint);
    return tn_error_at(error, hypes->name, mistake->line, NULL);
}

static tn_status parse_into(tn_hypes *hypes, const char *text, size_t length, tn_error *error)
{
    if (length > TN_HYPES_BYTES_MAX) {
        tn_fail(error, TN_ERROR_HYPES, "the file has more than 16 MiB; data belongs into files of its own");
        return tn_error_at(error, hypes->name, 0, NULL);
    }
    /* A byte order mark, as Windows editors leave it. */
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) {
        text += 3;
        length -= 3;
    }
    if (length == 0) {
        tn_fail(error, TN_ERROR_HYPES, "the file is empty; expected a JSON object, { ... }");
        return tn_error_at(error, hypes->name, 1, NULL);
    }
    /* jansson lets some of these pass, and takes others for the end of the file. */
    const char *zero = memchr(text, '\0', length);
    if (zero) {
        int line = 1;
        for (const char *at = text; at < zero; at++)
            line += *at == '\n';
        tn_fail(error, TN_ERROR_HYPES, "the file holds a zero byte; JSON is text, in UTF-8");
        return tn_error_at(error, hypes->name, line, NULL);
    }
    json_error_t mistake;
    bool memory;
    hypes->written = tn_json_read(text, length, 0, &mistake, &memory);
    if (!hypes->written)
        return memory ? tn_fail_memory(error, length) : fail_json(hypes, &mistake, error);
    int line;
    tn_position_result result = tn_position_build(text, length, &hypes->position, &line);
    if (result == TN_POSITION_TOO_DEEP) {
        tn_fail(error, TN_ERROR_HYPES, "lists and objects nest deeper than %d levels", TN_JSON_DEPTH_MAX);
        return tn_error_at(error, hypes->name, line, NULL);
    }
    if (result == TN_POSITION_MEMORY)
        return tn_fail_memory(error, length);
    tn_status status = hypes->free ? TN_OK : tn_hypes_expand_blocks(hypes, error);
    return status == TN_OK ? tn_hypes_finish(hypes, true, error) : status;
}

static tn_status parse(const char *text, size_t length, const char *name, const char *directory, bool is_free, tn_hypes **hypes,
                       tn_error *error)
{
    *hypes = NULL;
    tn_hypes *made = tn_hypes_create(name, directory ? directory : "");
    if (!made)
        return tn_fail_memory(error, sizeof *made);
    made->free = is_free;
    tn_status status = parse_into(made, text, length, error);
    if (status != TN_OK) {
        tn_hypes_destroy(made);
        return status;
    }
    *hypes = made;
    return TN_OK;
}

tn_status tn_hypes_parse(const char *text, size_t length, const char *name, const char *directory, tn_hypes **hypes, tn_error *error)
{
    return parse(text, length, name, directory, false, hypes, error);
}

/* Reads at most one byte more than is allowed, so that parse_into can tell. */
static tn_status read_file(const char *path, char **text, size_t *length, tn_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return tn_fail(error, TN_ERROR_IO, "cannot open \"%s\": %s", path, strerror(errno));
    tn_text all;
    tn_text_init(&all);
    char chunk[16384];
    size_t got;
    errno = 0;
    while (all.length <= TN_HYPES_BYTES_MAX && !all.failed && (got = fread(chunk, 1, sizeof chunk, file)) > 0)
        tn_text_add_bytes(&all, chunk, got);
    tn_status status = TN_OK;
    if (ferror(file))
        status = tn_fail(error, TN_ERROR_IO, "cannot read \"%s\": %s", path, strerror(errno));
    fclose(file);
    *length = all.length;
    *text = status == TN_OK ? tn_text_take(&all) : NULL;
    tn_text_deinit(&all);
    return status == TN_OK && !*text ? tn_fail_memory(error, *length) : status;
}

static tn_status load(const char *path, bool is_free, tn_hypes **hypes, tn_error *error)
{
    *hypes = NULL;
    char *text;
    size_t length;
    tn_status status = read_file(path, &text, &length, error);
    if (status != TN_OK)
        return status;
    char *directory = tn_string_copy(path);
    if (directory) {
        char *slash = strrchr(directory, '/');
        if (slash) {
            slash[slash == directory ? 1 : 0] = '\0';
        } else {
            directory[0] = '\0';
        }
        status = parse(text, length, path, directory, is_free, hypes, error);
    } else {
        status = tn_fail_memory(error, strlen(path));
    }
    free(directory);
    free(text);
    return status;
}

tn_status tn_hypes_load(const char *path, tn_hypes **hypes, tn_error *error)
{
    return load(path, false, hypes, error);
}

tn_status tn_hypes_load_free(const char *path, tn_hypes **hypes, tn_error *error)
{
    return load(path, true, hypes, error);
}

const json_t *tn_hypes_root(const tn_hypes *hypes)
{
    return hypes->complete;
}

const json_t *tn_hypes_written(const tn_hypes *hypes)
{
    return hypes->written;
}

const json_t *tn_tree_value(const json_t *tree, const char *path)
{
    char buffer[TN_PATH_BYTES_MAX];
    const char *parts[TN_PATH_PARTS_MAX];
    size_t count, index;
    if (!tn_path_split(path, buffer, parts, &count))
        return NULL;
    for (size_t i = 0; i < count; i++) {
        if (json_is_array(tree)) {
            tree = tn_parse_index(parts[i], &index) ? json_array_get(tree, index) : NULL;
        } else {
            tree = json_object_get(tree, parts[i]);
        }
    }
    return tree;
}

const json_t *tn_hypes_value(const tn_hypes *hypes, const char *path)
{
    return tn_tree_value(hypes->complete, path);
}

bool tn_hypes_given(const tn_hypes *hypes, const char *path)
{
    return tn_tree_value(hypes->written, path) != NULL;
}

double tn_hypes_number(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    assert(json_is_number(value));
    return json_number_value(value);
}

long long tn_hypes_integer(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    assert(json_is_integer(value));
    return json_integer_value(value);
}

bool tn_hypes_boolean(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    assert(json_is_boolean(value));
    return json_is_true(value);
}

const char *tn_hypes_string(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    assert(json_is_string(value));
    return json_string_value(value);
}

bool tn_hypes_is_null(const tn_hypes *hypes, const char *path)
{
    const json_t *value = tn_hypes_value(hypes, path);
    return !value || json_is_null(value);
}

size_t tn_hypes_node_count(const tn_hypes *hypes)
{
    return json_array_size(json_object_get(hypes->complete, "net"));
}

const json_t *tn_hypes_node(const tn_hypes *hypes, size_t index)
{
    return json_array_get(json_object_get(hypes->complete, "net"), index);
}

const char *tn_hypes_name(const tn_hypes *hypes)
{
    return hypes->name;
}

char *tn_hypes_resolve(const tn_hypes *hypes, const char *path)
{
    size_t directory = strlen(hypes->directory);
    if (path[0] == '/' || directory == 0)
        return tn_string_copy(path);
    tn_text text;
    tn_text_init(&text);
    tn_text_addf(&text, "%s%s%s", hypes->directory, hypes->directory[directory - 1] == '/' ? "" : "/", path);
    return tn_text_take(&text);
}
