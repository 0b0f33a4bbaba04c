/* layout.h: text laid out for a terminal: words wrapped to a width under a hanging indent, columns padded, styles as ANSI colours where asked.
 *
 * Not for deciding what is said. Strings are UTF-8 and may come from anybody's files: control characters (an escape sequence in a layer's name) are written as '?'.
 * A character counts as one column. A word longer than a line is never cut, so that what is to be pasted stays whole. An allocation that fails is seen once, at
 * the end, by tn_page_take. */
#ifndef TN_REPORT_LAYOUT_H
#define TN_REPORT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

typedef enum tn_style { TN_STYLE_PLAIN, TN_STYLE_BOLD, TN_STYLE_DIM, TN_STYLE_GOOD, TN_STYLE_BAD, TN_STYLE_DOUBT, TN_STYLE_NAME } tn_style;

enum { TN_WIDTH_DEFAULT = 100, TN_WIDTH_MIN = 24 };

typedef struct tn_page {
    tn_text text;
    bool colour;
    bool ascii;    /* pictures are made of ASCII; false after tn_page_init */
    size_t width;  /* columns */
    size_t column; /* of the next character, from 0 */
} tn_page;

void tn_page_init(tn_page *page, bool colour, size_t width); /* width 0: TN_WIDTH_DEFAULT */
char *tn_page_take(tn_page *page);                           /* malloc'd; NULL where memory was out. Empties the page */

/* Columns that a string takes. */
size_t tn_columns(const char *string);

void tn_page_put(tn_page *page, tn_style style, const char *string);
void tn_page_putf(tn_page *page, tn_style style, const char *format, ...) TN_PRINTF(3, 4);
void tn_page_fill_to(tn_page *page, size_t column); /* spaces, none where the column is past */
void tn_page_end_line(tn_page *page);               /* without spaces before it */

/* An empty line, but not two in a row and none at the top. */
void tn_page_gap(tn_page *page);

/* Words of `string` from the present column on; lines after the first begin at column `indent`. A newline in the string begins a new line too. Does not end the last line. */
void tn_page_wrap(tn_page *page, tn_style style, size_t indent, const char *string);

/* A bar of `width` columns, filled by `fraction` in [0, 1], in eighths of a column; at most 64 columns. Blank past it where `track` is false, else dotted. */
void tn_page_bar(tn_page *page, tn_style style, double fraction, size_t width, bool track);

/* A number with commas between thousands. */
const char *tn_count_format(char buffer[32], double value);

#endif
