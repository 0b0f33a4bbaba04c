/* json_position.c: one walk over a text that jansson has found valid. It still never reads past the end, whatever the text. */
#include "hypes/json_position.h"

#include <stdlib.h>
#include <string.h>

typedef struct walker {
    const char *at, *end;
    int line;
    tn_position_result result;
} walker;

static json_t *walk_value(walker *w, int depth);

static void skip_space(walker *w)
{
    for (; w->at < w->end && strchr(" \t\r\n", *w->at) && *w->at; w->at++)
        w->line += *w->at == '\n';
}

static bool accept(walker *w, char character)
{
    skip_space(w);
    if (w->at < w->end && *w->at == character) {
        w->at++;
        return true;
    }
    return false;
}

/* Moves past a string and returns its start, the opening quote. */
static const char *skip_string(walker *w)
{
    const char *start = w->at++;
    while (w->at < w->end && *w->at != '"')
        w->at += *w->at == '\\' && w->end - w->at > 1 ? 2 : 1;
    if (w->at < w->end)
        w->at++;
    return start;
}

/* Line numbers and lists of them; a failed allocation leaves NULL and the result set. */
static json_t *made(walker *w, json_t *value)
{
    if (!value)
        w->result = TN_POSITION_MEMORY;
    return value;
}

static json_t *walk_object(walker *w, int depth)
{
    json_t *object = made(w, json_object());
    if (!object || json_object_set_new(object, "", json_integer(w->line)) != 0) {
        w->result = TN_POSITION_MEMORY;
        json_decref(object);
        return NULL;
    }
    w->at++;
    while (!accept(w, '}') && w->at < w->end) {
        /* A key may hold escapes, which jansson knows how to read. */
        const char *start = skip_string(w);
        json_t *key = made(w, json_loadb(start, (size_t)(w->at - start), JSON_DECODE_ANY, NULL));
        json_t *value = NULL;
        if (key) {
            accept(w, ':');
            value = walk_value(w, depth + 1);
        }
        /* The empty key holds the line; no schema knows such a key. */
        bool kept = key && value;
        if (kept && json_string_length(key) > 0 && json_object_set(object, json_string_value(key), value) != 0) {
            w->result = TN_POSITION_MEMORY;
            kept = false;
        }
        json_decref(key);
        json_decref(value);
        if (!kept) {
            json_decref(object);
            return NULL;
        }
        accept(w, ',');
        skip_space(w);
    }
    return object;
}

static json_t *walk_list(walker *w, int depth)
{
    json_t *list = made(w, json_array());
    if (!list || json_array_append_new(list, json_integer(w->line)) != 0) {
        w->result = TN_POSITION_MEMORY;
        json_decref(list);
        return NULL;
    }
    w->at++;
    while (!accept(w, ']') && w->at < w->end) {
        json_t *value = walk_value(w, depth + 1);
        if (!value || json_array_append_new(list, value) != 0) {
            w->result = value ? TN_POSITION_MEMORY : w->result;
            json_decref(list);
            return NULL;
        }
        accept(w, ',');
        skip_space(w);
    }
    return list;
}

static json_t *walk_value(walker *w, int depth)
{
    skip_space(w);
    if (depth > TN_JSON_DEPTH_MAX) {
        w->result = TN_POSITION_TOO_DEEP;
        return NULL;
    }
    char first = '\0';
    if (w->at < w->end)
        first = *w->at;
    if (first == '{')
        return walk_object(w, depth);
    if (first == '[')
        return walk_list(w, depth);
    json_t *line = made(w, json_integer(w->line));
    if (first == '"') {
        skip_string(w);
        return line;
    }
    while (w->at < w->end && !strchr(",]} \t\r\n", *w->at))
        w->at++;
    return line;
}

tn_position_result tn_position_build(const char *text, size_t length, json_t **tree, int *line)
{
    walker w = {text, text + length, 1, TN_POSITION_OK};
    *tree = walk_value(&w, 0);
    *line = w.line;
    return w.result;
}

bool tn_parse_index(const char *part, size_t *index)
{
    size_t length = strlen(part);
    if (length == 0 || length > 9 || strspn(part, "0123456789") != length || (part[0] == '0' && length > 1))
        return false;
    *index = (size_t)strtoul(part, NULL, 10);
    return true;
}

int tn_position_find(const json_t *tree, const char *const *parts, size_t count, size_t *known)
{
    size_t used = 0;
    for (size_t index; used < count; used++) {
        const json_t *child = NULL;
        if (json_is_object(tree) && parts[used][0]) {
            child = json_object_get(tree, parts[used]);
        } else if (json_is_array(tree) && tn_parse_index(parts[used], &index)) {
            child = json_array_get(tree, index + 1);
        }
        if (!child)
            break;
        tree = child;
    }
    *known = used;
    const json_t *line = json_is_object(tree) ? json_object_get(tree, "") : json_is_array(tree) ? json_array_get(tree, 0) : tree;
    return (int)json_integer_value(line);
}
