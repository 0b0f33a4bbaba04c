/* hypes_print.c: a tree as JSON that a person likes to read, and that reads back as the same tree. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypes/hypes_internal.h"

/* What fits into this many columns stands on one line. */
enum { TN_PRINT_COLUMNS = 110, TN_PRINT_INDENT = 2 };

/* The shortest decimal that reads back as the same real, with something in it that says that it is one. */
static void print_real(tn_text *text, double value)
{
    char number[40];
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(number, sizeof number - 2, "%.*g", digits, value);
        if (strtod(number, NULL) == value)
            break;
    }
    /* A program around us may have set a locale whose decimal point is a comma. */
    size_t plain = strspn(number, "+-0123456789");
    if (number[plain] && number[plain] != 'e') {
        number[plain] = '.';
    } else if (!number[plain]) {
        strcat(number, ".0");
    }
    /* "1e-07" reads as "1e-7". */
    char *exponent = strchr(number, 'e');
    size_t sign = exponent && (exponent[1] == '-' || exponent[1] == '+') ? 2 : 1;
    while (exponent && exponent[sign] == '0' && exponent[sign + 1])
        memmove(exponent + sign, exponent + sign + 1, strlen(exponent + sign));
    tn_text_add(text, number);
}

static void print_string(tn_text *text, const char *string)
{
    json_t *value = json_string(string);
    char *quoted = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (quoted) {
        tn_text_add(text, quoted);
    } else {
        text->failed = true;
    }
    free(quoted);
    json_decref(value);
}

/* indent < 0: all on one line. */
static void print_value(tn_text *text, const json_t *value, int indent);

static void print_break(tn_text *text, int indent, bool first)
{
    if (indent < 0) {
        tn_text_add(text, first ? "" : ", ");
    } else {
        tn_text_addf(text, "%s\n%*s", first ? "" : ",", indent, "");
    }
}

static void print_children(tn_text *text, const json_t *value, int indent)
{
    bool object = json_is_object(value), first = true;
    int inner = indent < 0 ? -1 : indent + TN_PRINT_INDENT;
    tn_text_add(text, object ? "{" : "[");
    const char *key;
    json_t *child;
    json_object_foreach((json_t *)value, key, child)
    {
        print_break(text, inner, first);
        first = false;
        print_string(text, key);
        tn_text_add(text, ": ");
        print_value(text, child, inner);
    }
    for (size_t i = 0; i < json_array_size(value); i++) {
        print_break(text, inner, i == 0);
        first = false;
        print_value(text, json_array_get(value, i), inner);
    }
    if (indent >= 0 && !first)
        tn_text_addf(text, "\n%*s", indent, "");
    tn_text_add(text, object ? "}" : "]");
}

/* Columns used since the last line break. */
static size_t column_of(const tn_text *text)
{
    size_t start = text->length;
    while (start > 0 && text->data[start - 1] != '\n')
        start--;
    return text->length - start;
}

static void print_value(tn_text *text, const json_t *value, int indent)
{
    switch (json_typeof(value)) {
    case JSON_STRING:
        print_string(text, json_string_value(value));
        return;
    case JSON_INTEGER:
        tn_text_addf(text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        return;
    case JSON_REAL:
        print_real(text, json_real_value(value));
        return;
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        tn_text_add(text, json_is_true(value) ? "true" : json_is_false(value) ? "false" : "null");
        return;
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    if (indent < 0) {
        print_children(text, value, -1);
        return;
    }
    tn_text line;
    tn_text_init(&line);
    print_children(&line, value, -1);
    bool fits = !line.failed && indent > 0 && column_of(text) + line.length <= TN_PRINT_COLUMNS;
    if (line.failed) {
        text->failed = true;
    } else if (fits) {
        tn_text_add(text, line.data);
    } else {
        print_children(text, value, indent);
    }
    tn_text_deinit(&line);
}

char *tn_tree_print(const json_t *tree)
{
    tn_text text;
    tn_text_init(&text);
    print_value(&text, tree, 0);
    tn_text_add(&text, "\n");
    return tn_text_take(&text);
}

char *tn_hypes_print(const tn_hypes *hypes)
{
    return tn_tree_print(hypes->complete);
}
