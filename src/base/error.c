/* error.c: messages of errors, see error.h. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void copy_cut(char *target, size_t size, const char *source)
{
    size_t length = strlen(source);
    if (length >= size)
        length = size - 1;
    memcpy(target, source, length);
    target[length] = '\0';
}

tn_status tn_fail(tn_error *error, tn_status code, const char *format, ...)
{
    if (!error)
        return code;
    error->code = code;
    error->line = 0;
    error->file[0] = '\0';
    error->pointer[0] = '\0';
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return code;
}

tn_status tn_fail_memory(tn_error *error, size_t bytes)
{
    return tn_fail(error, TN_ERROR_MEMORY, "out of memory: %zu bytes were needed. Use a smaller batch, net or data set.", bytes);
}

tn_status tn_error_at(tn_error *error, const char *file, int line, const char *pointer)
{
    if (!error)
        return TN_ERROR_HYPES;
    if (file)
        copy_cut(error->file, sizeof error->file, file);
    if (line > 0)
        error->line = line;
    if (pointer)
        copy_cut(error->pointer, sizeof error->pointer, pointer);
    return error->code;
}

void tn_error_format(const tn_error *error, char *text, size_t size)
{
    char place[600] = "", pointer[300] = "";
    if (error->file[0] && error->line > 0)
        snprintf(place, sizeof place, "%s:%d: ", error->file, error->line);
    else if (error->file[0])
        snprintf(place, sizeof place, "%s: ", error->file);
    if (error->pointer[0])
        snprintf(pointer, sizeof pointer, " (at %s)", error->pointer);
    snprintf(text, size, "%s%s%s", place, error->message, pointer);
}
