/* patch_text.c: patches as people write them (--set a.b=value), and two patches made one. */
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes_internal.h"

json_t *tn_tree_copy(const json_t *tree)
{
    json_t *copy = json_deep_copy(tree);
    if (!copy || json_equal(copy, tree))
        return copy;
    json_decref(copy);
    return NULL;
}

/* A JSON string of `text`. jansson gives NULL for bad UTF-8 and for memory alike; this tells them apart. */
static tn_status make_string(const char *text, const char *what, json_t **string, tn_error *error)
{
    *string = json_string(text);
    if (*string)
        return TN_OK;
    json_t *unchecked = json_string_nocheck(text), *again = json_string(text);
    bool memory = !unchecked || again;
    json_decref(unchecked);
    json_decref(again);
    return memory ? tn_fail_memory(error, strlen(text)) : tn_fail(error, TN_ERROR_USAGE, "%s of an assignment is no valid UTF-8", what);
}

/* A word that is no JSON counts as a string; what begins like a list, an object or a quoted string was meant as JSON. */
static tn_status read_value(const char *text, const char *assignment, json_t **value, tn_error *error)
{
    json_error_t mistake;
    bool memory;
    *value = tn_json_read(text, strlen(text), JSON_DECODE_ANY, &mistake, &memory);
    if (*value)
        return TN_OK;
    if (memory)
        return tn_fail_memory(error, strlen(text));
    size_t space = strspn(text, " \t\r\n");
    if (text[space] && strchr("{[\"", text[space]))
        return tn_fail(error, TN_ERROR_USAGE,
                       "the value in \"%.300s\" is no valid JSON: %s. Quote it for the shell, as in --set 'data.classes=[0, 1]'",
                       assignment, mistake.text);
    return make_string(text, "the value", value, error);
}

tn_status tn_patch_assign(json_t *patch, const char *assignment, tn_error *error)
{
    const char *equals = strchr(assignment, '=');
    if (!equals)
        return tn_fail(error, TN_ERROR_USAGE, "\"%.300s\" has no '='; write path=value, such as solver.learning_rate=0.01", assignment);
    size_t length = (size_t)(equals - assignment);
    char path[TN_PATH_BYTES_MAX], buffer[TN_PATH_BYTES_MAX];
    const char *parts[TN_PATH_PARTS_MAX];
    size_t count;
    if (length < sizeof path) {
        memcpy(path, assignment, length);
        path[length] = '\0';
    }
    if (length >= sizeof path || !tn_path_split(path, buffer, parts, &count)) {
        return tn_fail(error, TN_ERROR_USAGE,
                       "\"%.300s\" has no path before '='; write keys and list indices joined by dots, such as net.3.units=64", assignment);
    }
    if (!equals[1])
        return tn_fail(error, TN_ERROR_USAGE, "\"%.300s\" has no value after '='", assignment);
    json_t *value;
    tn_status status = read_value(equals + 1, assignment, &value, error);
    if (status != TN_OK)
        return status;
    /* A path that is no UTF-8 is refused here. */
    json_t *key;
    status = make_string(path, "the path", &key, error);
    json_decref(key);
    if (status != TN_OK) {
        json_decref(value);
        return status;
    }
    return json_object_set_new(patch, path, value) == 0 ? TN_OK : tn_fail_memory(error, length);
}

/* {"$insert": ...} and {"$remove": true} of a list element, whose path ends in an index. */
static bool moves_elements(const char *path, const json_t *value)
{
    const char *dot = strrchr(path, '.');
    size_t index;
    return dot && tn_parse_index(dot + 1, &index) && (json_object_get(value, "$insert") || json_object_get(value, "$remove"));
}

/* Does `other` lead to the list that `path` is an element of, into it, or above it? */
static bool touches_list(const char *path, const char *other)
{
    size_t list = (size_t)(strrchr(path, '.') - path), length = strlen(other);
    size_t shared = length < list ? length : list;
    char path_next = path[shared], other_next = other[shared];
    return strncmp(path, other, shared) == 0 && (path_next == '.' || !path_next) && (other_next == '.' || !other_next);
}

/* Does `other` only change another element of that list than `path` is? */
static bool is_beside(const char *path, const char *other, const json_t *value)
{
    size_t list = (size_t)(strrchr(path, '.') - path), length = strlen(path);
    bool same = strncmp(path, other, length) == 0 && (other[length] == '.' || !other[length]);
    return strlen(other) > list && !same && !moves_elements(other, value);
}

/* Does `one` move elements of a list that `other` addresses? Made after `other`, it leaves alone what that changed in other elements. */
static bool is_clash(const json_t *one, const json_t *other, bool is_later)
{
    const char *path, *other_path;
    json_t *value, *other_value;
    json_object_foreach((json_t *)one, path, value)
    {
        if (!moves_elements(path, value))
            continue;
        json_object_foreach((json_t *)other, other_path, other_value)
        {
            if (touches_list(path, other_path) && !(is_later && is_beside(path, other_path, other_value)))
                return true;
        }
    }
    return false;
}

/* Does `first` take something away whose parts `second` sets? The parts must then begin anew, which one patch cannot say. */
static bool is_set_after_removal(const json_t *first, const json_t *second)
{
    const char *path, *later;
    json_t *value, *later_value;
    json_object_foreach((json_t *)first, path, value)
    {
        size_t length = strlen(path);
        json_object_foreach((json_t *)second, later, later_value)
        {
            if (json_object_get(value, "$remove") && strncmp(later, path, length) == 0 && later[length] == '.')
                return true;
        }
    }
    return false;
}

/* Takes away what leads below `path`, which is about to be replaced. */
static void drop_below(json_t *patch, const char *path)
{
    size_t length = strlen(path);
    const char *key;
    json_t *value;
    void *next;
    json_object_foreach_safe(patch, next, key, value)
    {
        if (strncmp(key, path, length) == 0 && key[length] == '.')
            json_object_del(patch, key);
    }
}

bool tn_patches_clash(const json_t *first, const json_t *second)
{
    return is_clash(first, second, false) || is_clash(second, first, true) || is_set_after_removal(first, second);
}

json_t *tn_patch_merge(const json_t *first, const json_t *second)
{
    if (tn_patches_clash(first, second))
        return NULL;
    json_t *merged = first ? tn_tree_copy(first) : json_object();
    const char *path;
    json_t *value;
    /* First all that goes, then all that comes: `second` itself may set a path and what lies below it. */
    json_object_foreach((json_t *)second, path, value)
    {
        if (merged)
            drop_below(merged, path);
    }
    json_object_foreach((json_t *)second, path, value)
    {
        if (!merged)
            break;
        if (json_object_set_new(merged, path, tn_tree_copy(value)) != 0) {
            json_decref(merged);
            merged = NULL;
        }
    }
    return merged;
}
