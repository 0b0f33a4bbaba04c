/* hypes_error.c: mistakes told with their file, line and JSON pointer, and values shown in messages. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes_internal.h"

const char *tn_show_string(const char *string, char *text, size_t size)
{
    size_t length = strlen(string);
    bool cut = length > size - 4;
    length = cut ? size - 4 : length;
    while (cut && length > 0 && ((unsigned char)string[length] & 0xC0) == 0x80)
        length--;
    for (size_t i = 0; i < length; i++)
        text[i] = (unsigned char)string[i] < ' ' || string[i] == 127 ? '?' : string[i];
    strcpy(text + length, cut ? "..." : "");
    return text;
}

json_t *tn_json_read(const char *text, size_t length, size_t flags, json_error_t *mistake, bool *memory)
{
    json_t *value = json_loadb(text, length, flags | JSON_REJECT_DUPLICATES, mistake);
    *memory = false;
    if (!value) {
        /* Where the text is good the second time, the mistake was not in it. */
        json_t *again = json_loadb(text, length, flags | JSON_REJECT_DUPLICATES, NULL);
        *memory = again || !mistake->text[0] || json_error_code(mistake) == json_error_out_of_memory;
        json_decref(again);
    }
    return value;
}

/* Short lists in full. */
static void show_list(const json_t *value, char *text, size_t size)
{
    char *whole = json_array_size(value) > 0 && json_array_size(value) <= 4 ? json_dumps(value, JSON_REAL_PRECISION(12)) : NULL;
    if (whole && strlen(whole) <= 40 && !strchr(whole, '\\'))
        snprintf(text, size, "the list %s", whole);
    else
        snprintf(text, size, json_array_size(value) ? "a list" : "an empty list");
    free(whole);
}

const char *tn_value_found(const json_t *value, char *text, size_t size)
{
    char shown[64], number[32];
    switch (json_typeof(value)) {
    case JSON_STRING:
        tn_show_string(json_string_value(value), shown, sizeof shown);
        if (shown[0])
            snprintf(text, size, "the string \"%s\"", shown);
        else
            snprintf(text, size, "an empty string");
        break;
    case JSON_INTEGER:
        snprintf(text, size, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        snprintf(text, size, "%s", tn_number_format(number, json_real_value(value), 12));
        break;
    case JSON_TRUE:
    case JSON_FALSE:
        snprintf(text, size, "%s", json_is_true(value) ? "true" : "false");
        break;
    case JSON_NULL:
        snprintf(text, size, "null");
        break;
    case JSON_ARRAY:
        show_list(value, text, size);
        break;
    case JSON_OBJECT:
        snprintf(text, size, json_object_size(value) ? "an object" : "an empty object");
        break;
    }
    return text;
}

/* Adds one part of a path; a text that is full stays as it is. */
static void add_part(char *text, size_t size, size_t *used, const char *separator, const char *part)
{
    if (*used + 1 < size) {
        int wrote = snprintf(text + *used, size - *used, "%s%s", separator, part);
        *used += wrote > 0 ? (size_t)wrote : 0;
    }
}

/* The parts of a place, the root's child first, and storage for the indices among them. */
typedef struct place_parts {
    size_t count;
    const char *parts[TN_PATH_PARTS_MAX];
    char numbers[TN_PATH_PARTS_MAX][24];
} place_parts;

static void collect_parts(const tn_place *place, place_parts *parts)
{
    size_t depth = 0;
    for (const tn_place *at = place; at; at = at->parent)
        depth++;
    parts->count = depth < TN_PATH_PARTS_MAX ? depth : TN_PATH_PARTS_MAX;
    for (const tn_place *at = place; at; at = at->parent) {
        depth--;
        if (depth < TN_PATH_PARTS_MAX) {
            snprintf(parts->numbers[depth], sizeof parts->numbers[depth], "%zu", at->index);
            parts->parts[depth] = at->key ? at->key : parts->numbers[depth];
        }
    }
}

static void join_parts(const char *const *parts, size_t count, char *text, size_t size)
{
    char shown[128];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        tn_show_string(parts[i], shown, sizeof shown);
        add_part(text, size, &used, i ? "." : "", shown);
    }
}

const char *tn_place_path(const tn_place *place, char *text, size_t size)
{
    place_parts parts;
    collect_parts(place, &parts);
    join_parts(parts.parts, parts.count, text, size);
    if (parts.count == 0)
        snprintf(text, size, "the file");
    return text;
}

/* RFC 6901: ~ and / of a key are written ~0 and ~1. */
static void write_pointer(const char *const *parts, size_t count, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        add_part(text, size, &used, "/", "");
        for (const char *at = parts[i]; *at; at++) {
            char one[2] = {(unsigned char)*at < ' ' || *at == 127 ? '?' : *at, '\0'};
            add_part(text, size, &used, "", *at == '~' ? "~0" : *at == '/' ? "~1" : one);
        }
    }
}

static tn_status fail_at(const tn_hypes *hypes, const char *const *parts, size_t count, tn_error *error, const char *message)
{
    char pointer[sizeof error->pointer], patched[256], note[320] = "";
    size_t known;
    int line = tn_position_find(hypes->position, parts, count, &known);
    if (line == 0) {
        join_parts(parts, known, patched, sizeof patched);
        snprintf(note, sizeof note, " (%s was set by a patch or --set)", patched);
    }
    write_pointer(parts, count, pointer, sizeof pointer);
    tn_fail(error, TN_ERROR_HYPES, "%s%s", message, note);
    return tn_error_at(error, hypes->name, line, pointer);
}

tn_status tn_place_fail(const tn_hypes *hypes, const tn_place *place, tn_error *error, const char *format, ...)
{
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    place_parts parts;
    collect_parts(place, &parts);
    return fail_at(hypes, parts.parts, parts.count, error, message);
}

tn_status tn_hypes_fail(const tn_hypes *hypes, const char *path, tn_error *error, const char *format, ...)
{
    char message[sizeof error->message], buffer[TN_PATH_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const char *parts[TN_PATH_PARTS_MAX];
    size_t count = 0;
    if (!tn_path_split(path, buffer, parts, &count))
        count = 0;
    return fail_at(hypes, parts, count, error, message);
}
