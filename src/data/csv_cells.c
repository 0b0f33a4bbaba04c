/* csv_cells.c: see csv_cells.h. */
#include "data/csv_cells.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

void tn_csv_cursor_init(tn_csv_cursor *cursor, const uint8_t *bytes, size_t size, char delimiter)
{
    *cursor = (tn_csv_cursor){.at = (const char *)bytes, .end = (const char *)bytes + size, .line = 1, .delimiter = delimiter};
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) /* the byte order mark of UTF-8 */
        cursor->at += 3;
}

static bool is_blank(const tn_csv_cursor *cursor, char c)
{
    return (c == ' ' || c == '\t') && c != cursor->delimiter;
}

static void skip_blanks(tn_csv_cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(cursor, *cursor->at))
        cursor->at++;
}

/* Takes LF, CRLF or a lone CR. */
static bool take_line_end(tn_csv_cursor *cursor)
{
    if (cursor->at == cursor->end || (*cursor->at != '\n' && *cursor->at != '\r'))
        return false;
    if (*cursor->at++ == '\r' && cursor->at < cursor->end && *cursor->at == '\n')
        cursor->at++;
    cursor->line++;
    return true;
}

bool tn_csv_row(tn_csv_cursor *cursor)
{
    for (;;) {
        const char *start = cursor->at;
        skip_blanks(cursor);
        if (take_line_end(cursor))
            continue;
        if (cursor->at == cursor->end)
            return false;
        cursor->at = start;
        return true;
    }
}

static tn_status take_quoted(tn_csv_cursor *cursor, tn_csv_cell *cell, tn_error *error)
{
    size_t first_line = cursor->line;
    cell->quoted = true;
    cell->text = ++cursor->at;
    for (;;) {
        const char *quote = memchr(cursor->at, '"', (size_t)(cursor->end - cursor->at));
        const char *stop = quote != NULL ? quote : cursor->end;
        for (const char *at = cursor->at; at < stop; at++)
            cursor->line += *at == '\n';
        if (quote == NULL) {
            tn_fail(error, TN_ERROR_DATA, "a quote that opens here is never closed");
            tn_error_at(error, NULL, (int)first_line, NULL);
            return TN_ERROR_DATA;
        }
        cursor->at = quote + 1;
        if (cursor->at == cursor->end || *cursor->at != '"') {
            cell->length = (size_t)(quote - cell->text);
            return TN_OK;
        }
        cursor->at++; /* a doubled quote is a quote */
    }
}

tn_status tn_csv_next(tn_csv_cursor *cursor, tn_csv_cell *cell, tn_error *error)
{
    *cell = (tn_csv_cell){0};
    skip_blanks(cursor);
    if (cursor->at < cursor->end && *cursor->at == '"') {
        tn_status status = take_quoted(cursor, cell, error);
        if (status != TN_OK)
            return status;
        skip_blanks(cursor);
    } else {
        const char *at = cursor->at;
        while (at < cursor->end && *at != cursor->delimiter && *at != '\n' && *at != '\r')
            at++;
        cell->text = cursor->at;
        cursor->at = at;
        while (at > cell->text && is_blank(cursor, at[-1]))
            at--;
        cell->length = (size_t)(at - cell->text);
    }
    if (cursor->at < cursor->end && *cursor->at == cursor->delimiter) {
        cursor->at++;
        return TN_OK;
    }
    size_t line = cursor->line;
    cell->ends_row = take_line_end(cursor) || cursor->at == cursor->end;
    if (!cell->ends_row) {
        tn_fail(error, TN_ERROR_DATA, "there is text after a closing quote; inside quotes a quote is written twice");
        tn_error_at(error, NULL, (int)line, NULL);
        return TN_ERROR_DATA;
    }
    return TN_OK;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Numbers with an exponent or many digits. The C locale's decimal point is asked for by name: a program that embeds tenet may have set another. */
static bool read_slowly(const tn_csv_cell *cell, double *value)
{
    char text[512];
    if (cell->length >= sizeof text)
        return false;
    memcpy(text, cell->text, cell->length);
    text[cell->length] = '\0';
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* glibc keeps this one; nothing is allocated */
    if (plain == (locale_t)0)
        return false;
    char *stop;
    *value = strtod_l(text, &stop, plain);
    freelocale(plain);
    return *stop == '\0' && isfinite(*value);
}

/* What is common needs no library call: 19 digits and a power of ten that double holds exactly. */
bool tn_csv_number(const tn_csv_cell *cell, double *value)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = cell->text, *end = cell->text + cell->length;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    uint64_t mantissa = 0;
    size_t digits = 0, fraction = 0;
    bool exact = true, point = false;
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        digits++;
        fraction += point;
        if (mantissa < 900719925474099) /* one more digit stays below 2^53 */
            mantissa = mantissa * 10 + (uint64_t)(*at - '0');
        else
            exact = false;
    }
    if (digits == 0)
        return false;
    bool exponent = at < end && (*at == 'e' || *at == 'E');
    if (exponent) {
        at++;
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        if (at == end)
            return false;
        while (at < end && is_digit(*at))
            at++;
    }
    if (at != end)
        return false;
    if (exact && !exponent && fraction < sizeof powers / sizeof powers[0]) {
        double magnitude = (double)mantissa / powers[fraction];
        *value = negative ? -magnitude : magnitude;
        return true;
    }
    return read_slowly(cell, value);
}

bool tn_csv_missing(const tn_csv_cell *cell)
{
    static const char *const words[] = {"", "?", "na", "n/a", "nan", "null", "none"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strlen(words[i]) == cell->length && strncasecmp(words[i], cell->text, cell->length) == 0)
            return true;
    return false;
}

char *tn_csv_copy(const tn_csv_cell *cell)
{
    char *text = malloc(cell->length + 1);
    if (text == NULL)
        return NULL;
    size_t length = 0;
    for (size_t i = 0; i < cell->length; i++) {
        text[length++] = cell->text[i];
        if (cell->quoted && cell->text[i] == '"')
            i++;
    }
    text[length] = '\0';
    return text;
}

const char *tn_csv_show(const tn_csv_cell *cell, char text[44])
{
    size_t length = cell->length < 40 ? cell->length : 40;
    for (size_t i = 0; i < length; i++)
        text[i] = (cell->text[i] >= ' ' && cell->text[i] < 127) || (unsigned char)cell->text[i] >= 128 ? cell->text[i] : '?';
    memcpy(text + length, cell->length > 40 ? "..." : "", cell->length > 40 ? 4 : 1);
    return text;
}
