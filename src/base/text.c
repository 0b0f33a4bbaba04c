/* text.c: see text.h. */
#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void tn_text_init(tn_text *text)
{
    *text = (tn_text){0};
}

void tn_text_deinit(tn_text *text)
{
    free(text->data);
    tn_text_init(text);
}

static bool reserve(tn_text *text, size_t more)
{
    if (text->failed || more > SIZE_MAX / 4 - text->length) {
        text->failed = true;
        return false;
    }
    size_t needed = text->length + more + 1;
    if (text->data && needed <= text->capacity)
        return true;
    size_t capacity = text->capacity ? text->capacity : 64;
    while (capacity < needed)
        capacity *= 2;
    char *grown = realloc(text->data, capacity);
    if (!grown) {
        text->failed = true;
        return false;
    }
    text->data = grown;
    text->capacity = capacity;
    return true;
}

void tn_text_add_bytes(tn_text *text, const char *bytes, size_t count)
{
    if (!reserve(text, count))
        return;
    memcpy(text->data + text->length, bytes, count);
    text->length += count;
    text->data[text->length] = '\0';
}

void tn_text_add(tn_text *text, const char *string)
{
    tn_text_add_bytes(text, string, strlen(string));
}

void tn_text_addf(tn_text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        text->failed = true;
    else if (reserve(text, (size_t)length)) {
        vsnprintf(text->data + text->length, (size_t)length + 1, format, again);
        text->length += (size_t)length;
    }
    va_end(again);
}

char *tn_text_take(tn_text *text)
{
    if (!text->data && !text->failed)
        tn_text_add_bytes(text, "", 0);
    if (text->failed) {
        tn_text_deinit(text);
        return NULL;
    }
    char *data = text->data;
    tn_text_init(text);
    return data;
}

/* Optimal string alignment distance between words of fewer than TN_WORD_MAX characters: insert, delete, replace, swap neighbours. */
enum { TN_WORD_MAX = 64 };

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t edit_distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
    size_t rows[3][TN_WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= b_length; j++)
        last[j] = j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_length; j++) {
            size_t replaced = last[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = smaller(replaced, smaller(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = smaller(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = last;
        last = row;
        row = oldest;
    }
    return last[b_length];
}

const char *tn_nearest_name(const char *word, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t word_length = strlen(word), best = SIZE_MAX;
    if (word_length >= TN_WORD_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(names[i]);
        if (length >= TN_WORD_MAX)
            continue;
        size_t distance = edit_distance(word, word_length, names[i], length);
        size_t longer = word_length > length ? word_length : length;
        if (distance * 3 <= longer && distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

const char *tn_number_format(char buffer[32], double value, int digits)
{
    if (isnan(value)) /* its sign means nothing, and x86 makes negative ones */
        snprintf(buffer, 32, "nan");
    else
        snprintf(buffer, 32, "%.*g", digits, value);
    return buffer;
}
