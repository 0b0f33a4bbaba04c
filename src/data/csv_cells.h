/* csv_cells.h: text with delimiters, taken apart cell by cell, and numbers as such files hold them. RFC 4180, with LF or CRLF, any one delimiter, and a byte order mark. */
#ifndef TN_DATA_CSV_CELLS_H
#define TN_DATA_CSV_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct tn_csv_cursor {
    const char *at, *end;
    size_t line; /* of `at`, from 1 */
    char delimiter;
} tn_csv_cursor;

/* A cell without the spaces around it and without its quotes; inside it a quote still stands twice. Not terminated. */
typedef struct tn_csv_cell {
    const char *text;
    size_t length;
    bool quoted;
    bool ends_row;
} tn_csv_cell;

void tn_csv_cursor_init(tn_csv_cursor *cursor, const uint8_t *bytes, size_t size, char delimiter);

/* Moves to the next row that is not blank. false at the end. */
bool tn_csv_row(tn_csv_cursor *cursor);

/* The next cell of the row. Errors carry the line. */
tn_status tn_csv_next(tn_csv_cursor *cursor, tn_csv_cell *cell, tn_error *error);

/* The finite decimal number that a cell holds, or false. "inf", "nan" and hexadecimal are no such numbers. */
bool tn_csv_number(const tn_csv_cell *cell, double *value);

/* A cell that says that there is no value: empty, ?, NA, N/A, nan, null, none, in any case. */
bool tn_csv_missing(const tn_csv_cell *cell);

/* The cell's text with doubled quotes made single; malloc'd, terminated. NULL where memory is out. */
char *tn_csv_copy(const tn_csv_cell *cell);

/* The cell as it may stand in a message: cut, with '?' for what does not print. `text` is returned. */
const char *tn_csv_show(const tn_csv_cell *cell, char text[44]);

#endif
