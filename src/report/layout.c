/* layout.c: see layout.h. */
#include "report/layout.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BAR_COLUMNS_MAX = 64 };

static const char *const STYLE_CODES[] = {
    [TN_STYLE_PLAIN] = "",         [TN_STYLE_BOLD] = "\033[1m",     [TN_STYLE_DIM] = "\033[2m",   [TN_STYLE_GOOD] = "\033[1;32m",
    [TN_STYLE_BAD] = "\033[1;31m", [TN_STYLE_DOUBT] = "\033[1;33m", [TN_STYLE_NAME] = "\033[36m",
};

void tn_page_init(tn_page *page, bool colour, size_t width)
{
    *page = (tn_page){.colour = colour, .width = width == 0 ? TN_WIDTH_DEFAULT : width};
    if (page->width < TN_WIDTH_MIN)
        page->width = TN_WIDTH_MIN;
    tn_text_init(&page->text);
}

char *tn_page_take(tn_page *page)
{
    page->column = 0;
    return tn_text_take(&page->text);
}

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* C0 controls, DEL, and C1 controls (U+0080 to U+009F, which some terminals obey), by the bytes that begin them. */
static bool is_control(const unsigned char *at)
{
    return at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && at[1] >= 0x80 && at[1] < 0xA0);
}

size_t tn_columns(const char *string)
{
    size_t columns = 0;
    for (const unsigned char *at = (const unsigned char *)string; *at; at++)
        columns += !is_continuation(*at);
    return columns;
}

static size_t character_size(const char *at)
{
    size_t size = 1;
    while (is_continuation((unsigned char)at[size]))
        size++;
    return size;
}

/* Characters of `string` [size] without style; a newline is a control here. */
static void put_plain(tn_page *page, const char *string, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t step = character_size(string + at);
        if (is_control((const unsigned char *)string + at))
            tn_text_add_bytes(&page->text, "?", 1);
        else
            tn_text_add_bytes(&page->text, string + at, step);
        page->column++;
        at += step;
    }
}

static void put_styled(tn_page *page, tn_style style, const char *string, size_t size)
{
    bool coded = page->colour && style != TN_STYLE_PLAIN && size > 0;
    if (coded)
        tn_text_add(&page->text, STYLE_CODES[style]);
    put_plain(page, string, size);
    if (coded)
        tn_text_add(&page->text, "\033[0m");
}

void tn_page_put(tn_page *page, tn_style style, const char *string)
{
    put_styled(page, style, string, strlen(string));
}

void tn_page_putf(tn_page *page, tn_style style, const char *format, ...)
{
    char line[512];
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(line, sizeof line, format, arguments);
    if (length >= 0 && (size_t)length < sizeof line) {
        tn_page_put(page, style, line);
    } else if (length >= 0) {
        char *longer = malloc((size_t)length + 1);
        if (longer) {
            vsnprintf(longer, (size_t)length + 1, format, again);
            tn_page_put(page, style, longer);
        } else {
            page->text.failed = true;
        }
        free(longer);
    } else {
        page->text.failed = true;
    }
    va_end(again);
    va_end(arguments);
}

void tn_page_fill_to(tn_page *page, size_t column)
{
    while (page->column < column)
        tn_page_put(page, TN_STYLE_PLAIN, " ");
}

void tn_page_end_line(tn_page *page)
{
    tn_text *text = &page->text;
    while (text->length > 0 && text->data[text->length - 1] == ' ')
        text->data[--text->length] = '\0';
    tn_text_add_bytes(text, "\n", 1);
    page->column = 0;
}

void tn_page_gap(tn_page *page)
{
    const tn_text *text = &page->text;
    if (page->column > 0)
        tn_page_end_line(page);
    if (text->length > 0 && !(text->length > 1 && text->data[text->length - 2] == '\n'))
        tn_page_end_line(page);
}

/* Begins or ends a style inside a wrapped paragraph, so that each line carries it once. */
static void code(tn_page *page, const char *sequence, tn_style style)
{
    if (page->colour && style != TN_STYLE_PLAIN)
        tn_text_add(&page->text, sequence);
}

static void break_line(tn_page *page, tn_style style, size_t indent)
{
    code(page, "\033[0m", style);
    tn_page_end_line(page);
    tn_page_fill_to(page, indent);
    code(page, STYLE_CODES[style], style);
}

void tn_page_wrap(tn_page *page, tn_style style, size_t indent, const char *string)
{
    tn_page_fill_to(page, indent);
    code(page, STYLE_CODES[style], style);
    bool spaced = false; /* whether a space is due before the next word */
    while (*string) {
        size_t size = strcspn(string, " \n"), columns = 0;
        for (size_t i = 0; i < size; i++)
            columns += !is_continuation((unsigned char)string[i]);
        if (size == 0) {
            if (*string == '\n') {
                break_line(page, style, indent);
                spaced = false;
            }
            string++;
            continue;
        }
        if (page->column > indent && page->column + spaced + columns > page->width) {
            break_line(page, style, indent);
            spaced = false;
        }
        if (spaced)
            put_plain(page, " ", 1);
        put_plain(page, string, size);
        spaced = true;
        string += size;
    }
    code(page, "\033[0m", style);
}

/* `symbol` `count` times, as one piece of a style. */
static void put_repeated(tn_page *page, tn_style style, const char *symbol, size_t count)
{
    char line[BAR_COLUMNS_MAX * 4 + 1] = "";
    size_t size = strlen(symbol);
    for (size_t i = 0; i < count && i < BAR_COLUMNS_MAX; i++)
        memcpy(line + i * size, symbol, size + 1);
    tn_page_put(page, style, line);
}

void tn_page_bar(tn_page *page, tn_style style, double fraction, size_t width, bool track)
{
    static const char *const EIGHTHS[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    if (width > BAR_COLUMNS_MAX)
        width = BAR_COLUMNS_MAX;
    if (!(fraction >= 0))
        fraction = 0;
    if (fraction > 1)
        fraction = 1;
    size_t eighths = (size_t)(fraction * (double)(width * 8) + 0.5), column = page->column;
    if (eighths == 0 && fraction > 0 && width > 0)
        eighths = 1;
    put_repeated(page, style, "█", eighths / 8);
    tn_page_put(page, style, EIGHTHS[eighths % 8]);
    if (track)
        put_repeated(page, TN_STYLE_DIM, "·", column + width - page->column);
    tn_page_fill_to(page, column + width);
}

const char *tn_count_format(char buffer[32], double value)
{
    char digits[32];
    if (!(value > -1e15 && value < 1e15)) {
        if (value != value)
            snprintf(buffer, 32, "NaN");
        else
            snprintf(buffer, 32, "%g", value);
        return buffer;
    }
    int length = snprintf(digits, sizeof digits, "%.0f", value < 0 ? -value : value);
    size_t out = 0;
    if (value <= -0.5)
        buffer[out++] = '-';
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            buffer[out++] = ',';
        buffer[out++] = digits[i];
    }
    buffer[out] = '\0';
    return buffer;
}
