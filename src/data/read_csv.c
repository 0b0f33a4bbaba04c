/* read_csv.c: tables as text, gz or not.
 *
 * Two passes. The first checks that every row has as many cells as the first one, counts the rows and finds out whether the label column holds numbers or words;
 * the second fills arrays whose size is then known. Inputs must be numbers, all of them: a missing one is an error that names its line and column, because what to put
 * in its place is the user's to say. Lines count from 1, the header included. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "data/csv_cells.h"
#include "data/expand.h"
#include "data/reader.h"

enum { COLUMNS_MAX = 1000000, LABEL_COLUMNS_MAX = 65536 };

static const size_t expanded_max = (size_t)1 << 30; /* of a csv.gz, whose header claims nothing */

typedef enum column_role { COLUMN_INPUT = -1 } column_role; /* else the number of the label */

typedef struct csv_table {
    const uint8_t *bytes;
    size_t size;
    char delimiter;
    size_t columns, rows; /* rows: without the header */
    bool has_header;
    char **names;  /* [columns] of the header; NULL where there is none */
    int *roles;    /* [columns] COLUMN_INPUT or the number of the label */
    size_t labels; /* label columns */
    bool words;    /* the one label column holds words */
} csv_table;

static void table_deinit(csv_table *table)
{
    for (size_t i = 0; table->names != NULL && i < table->columns; i++)
        free(table->names[i]);
    tn_memory_destroy(table->names);
    tn_memory_destroy(table->roles);
}

static tn_status fail_cell(const csv_table *table, size_t line, size_t column, tn_error *error, const char *what, const tn_csv_cell *cell,
                           const char *advice)
{
    char shown[44], named[80] = "";
    if (table->names != NULL && table->names[column] != NULL) {
        tn_csv_cell name = {.text = table->names[column], .length = strlen(table->names[column])};
        char text[44];
        snprintf(named, sizeof named, " (column '%s')", tn_csv_show(&name, text));
    }
    tn_fail(error, TN_ERROR_DATA, "cell %zu of this row%s %s '%s'%s", column + 1, named, what, tn_csv_show(cell, shown), advice);
    tn_error_at(error, NULL, (int)line, NULL);
    return TN_ERROR_DATA;
}

/* Counts the cells of the row at the cursor and moves behind it. */
static tn_status count_cells(tn_csv_cursor *cursor, size_t *count, tn_error *error)
{
    tn_csv_cell cell = {0};
    for (*count = 0; !cell.ends_row; (*count)++) {
        tn_status status = tn_csv_next(cursor, &cell, error);
        if (status != TN_OK)
            return status;
    }
    return TN_OK;
}

/* The first row holds names where some cell of it is neither a number nor missing, and the cell below it is a number. */
static tn_status find_header(csv_table *table, tn_csv_cursor first, tn_error *error)
{
    tn_csv_cursor second = first;
    size_t count;
    tn_status status = count_cells(&second, &count, error);
    if (status != TN_OK)
        return status;
    table->has_header = false;
    if (!tn_csv_row(&second))
        return TN_OK;
    for (tn_csv_cell above = {0}, below = {0}; !above.ends_row && !below.ends_row && !table->has_header;) {
        double value;
        if ((status = tn_csv_next(&first, &above, error)) != TN_OK || (status = tn_csv_next(&second, &below, error)) != TN_OK)
            return status;
        table->has_header = !tn_csv_number(&above, &value) && !tn_csv_missing(&above) && tn_csv_number(&below, &value);
    }
    return TN_OK;
}

static tn_status read_names(csv_table *table, tn_csv_cursor *cursor, tn_error *error)
{
    table->names = tn_memory_create(table->columns, sizeof *table->names);
    if (table->names == NULL)
        return tn_fail_memory(error, table->columns * sizeof *table->names);
    for (size_t i = 0; i < table->columns; i++) {
        tn_csv_cell cell;
        tn_status status = tn_csv_next(cursor, &cell, error);
        if (status != TN_OK)
            return status;
        table->names[i] = tn_csv_copy(&cell);
        if (table->names[i] == NULL)
            return tn_fail_memory(error, cell.length + 1);
    }
    return TN_OK;
}

static tn_status find_column(const csv_table *table, const tn_csv_column *wanted, size_t *column, tn_error *error)
{
    if (wanted->name == NULL) {
        long long columns = (long long)table->columns, number = wanted->number < 0 ? wanted->number + columns : wanted->number;
        if (number < 0 || number >= columns)
            return tn_fail(error, TN_ERROR_DATA,
                           "has %lld columns, so there is no label column %lld; columns count from 0, or from the end with -1 for the last",
                           columns, wanted->number);
        *column = (size_t)number;
        return TN_OK;
    }
    if (table->names == NULL)
        return tn_fail(error, TN_ERROR_DATA, "has no header, so there is no label column '%s'; give its number", wanted->name);
    for (*column = 0; *column < table->columns; (*column)++)
        if (strcmp(table->names[*column], wanted->name) == 0)
            return TN_OK;
    const char *nearest = tn_nearest_name(wanted->name, (const char *const *)table->names, table->columns);
    if (nearest != NULL)
        return tn_fail(error, TN_ERROR_DATA, "has no column '%s'; the nearest is '%.60s'", wanted->name, nearest);
    return tn_fail(error, TN_ERROR_DATA, "has no column '%s'; its first is '%.60s', its last '%.60s'", wanted->name, table->names[0],
                   table->names[table->columns - 1]);
}

static tn_status assign_roles(csv_table *table, const tn_csv_column *labels, tn_error *error)
{
    table->roles = tn_memory_create(table->columns, sizeof *table->roles);
    if (table->roles == NULL)
        return tn_fail_memory(error, table->columns * sizeof *table->roles);
    for (size_t i = 0; i < table->columns; i++)
        table->roles[i] = COLUMN_INPUT;
    for (size_t i = 0; i < table->labels; i++) {
        size_t column = 0;
        tn_status status = find_column(table, &labels[i], &column, error);
        if (status != TN_OK)
            return status;
        if (table->roles[column] != COLUMN_INPUT)
            return tn_fail(error, TN_ERROR_DATA, "has column %zu named twice as a label; name each once", column);
        table->roles[column] = (int)i;
    }
    if (table->labels >= table->columns)
        return tn_fail(error, TN_ERROR_DATA, "has %zu columns, all of them labels; at least one must be an input. Is the delimiter '%c'?",
                       table->columns, table->delimiter);
    return TN_OK;
}

/* Sizes, header, names and roles; the cursor then stands at the first row of data. */
static tn_status read_layout(csv_table *table, tn_csv_header header, const tn_csv_column *labels, tn_csv_cursor *cursor, tn_error *error)
{
    if (!tn_csv_row(cursor))
        return tn_fail(error, TN_ERROR_DATA, "holds no rows; a table was expected");
    tn_csv_cursor first = *cursor;
    tn_status status = count_cells(&first, &table->columns, error);
    if (status != TN_OK)
        return status;
    if (table->columns > COLUMNS_MAX)
        return tn_fail(error, TN_ERROR_DATA, "has %zu columns; at most %d are read", table->columns, COLUMNS_MAX);
    table->has_header = header == TN_CSV_HEADER_FIRST_LINE;
    bool by_name = false;
    for (size_t i = 0; i < table->labels; i++)
        by_name = by_name || labels[i].name != NULL;
    if (header == TN_CSV_HEADER_FIND && by_name)
        table->has_header = true; /* a label that is told by name has its name somewhere */
    else if (header == TN_CSV_HEADER_FIND)
        status = find_header(table, *cursor, error);
    if (status == TN_OK && table->has_header)
        status = read_names(table, cursor, error);
    return status == TN_OK ? assign_roles(table, labels, error) : status;
}

/* Whether the label is a word is judged over the whole column: all words, or all numbers. */
typedef struct label_census {
    size_t numbers, words, first_word_line;
    tn_csv_cell first_word;
} label_census;

static tn_status check_row(const csv_table *table, tn_csv_cursor *cursor, label_census *census, tn_error *error)
{
    size_t line = cursor->line, count = 0;
    tn_csv_cell cell = {0};
    for (; !cell.ends_row; count++) {
        tn_status status = tn_csv_next(cursor, &cell, error);
        if (status != TN_OK)
            return status;
        if (count >= table->columns || table->labels != 1 || table->roles[count] == COLUMN_INPUT)
            continue;
        double value;
        if (tn_csv_number(&cell, &value)) {
            census->numbers++;
        } else if (!tn_csv_missing(&cell) && census->words++ == 0) {
            census->first_word = cell;
            census->first_word_line = line;
        }
    }
    if (count == table->columns)
        return TN_OK;
    tn_fail(error, TN_ERROR_DATA, "this row has %zu cells where the first row has %zu; is it cut short, or is the delimiter not '%c'?",
            count, table->columns, table->delimiter);
    tn_error_at(error, NULL, (int)line, NULL);
    return TN_ERROR_DATA;
}

static tn_status check_rows(csv_table *table, tn_csv_cursor cursor, tn_error *error)
{
    label_census census = {0};
    while (tn_csv_row(&cursor)) {
        tn_status status = check_row(table, &cursor, &census, error);
        if (status != TN_OK)
            return status;
        table->rows++;
    }
    if (table->rows == 0)
        return tn_fail(error, TN_ERROR_DATA, "holds a header and no rows; a table was expected");
    if (table->rows > UINT32_MAX)
        return tn_fail(error, TN_ERROR_DATA, "holds %zu rows; at most 2^32 - 1 are read", table->rows);
    table->words = census.words > 0 && census.numbers == 0;
    if (census.words > 0 && census.numbers > 0) {
        size_t column = 0;
        while (table->roles[column] == COLUMN_INPUT)
            column++;
        return fail_cell(table, census.first_word_line, column, error, "holds the label", &census.first_word,
                         ", where other rows have numbers; expected all numbers or all words");
    }
    return TN_OK;
}

/* Words are sorted, and each distinct one gets a number. */
typedef struct word {
    char *text;
    size_t row;
} word;

static int compare_words(const void *a, const void *b)
{
    const word *first = a, *second = b;
    int order = strcmp(first->text, second->text);
    return order != 0 ? order : (first->row > second->row) - (first->row < second->row);
}

static tn_status number_words(word *words, size_t rows, double *labels, tn_source *source, tn_error *error)
{
    qsort(words, rows, sizeof *words, compare_words);
    size_t distinct = 1;
    for (size_t i = 1; i < rows; i++)
        distinct += strcmp(words[i].text, words[i - 1].text) != 0;
    source->class_names = tn_memory_create(distinct, sizeof *source->class_names);
    if (source->class_names == NULL)
        return tn_fail_memory(error, distinct * sizeof *source->class_names);
    for (size_t i = 0; i < rows; i++) {
        if (i == 0 || strcmp(words[i].text, source->class_names[source->class_count - 1]) != 0) {
            source->class_names[source->class_count++] = words[i].text;
        } else {
            free(words[i].text);
        }
        labels[words[i].row] = (double)(source->class_count - 1);
        words[i].text = NULL;
    }
    return TN_OK;
}

typedef struct csv_filling {
    double *inputs, *labels;
    word *words;
} csv_filling;

static tn_status fill_cell(const csv_table *table, size_t row, size_t column, size_t line, const tn_csv_cell *cell, size_t *input,
                           csv_filling *filling, tn_error *error)
{
    int role = table->roles[column];
    if (role != COLUMN_INPUT && table->words && !tn_csv_missing(cell)) {
        filling->words[row] = (word){.text = tn_csv_copy(cell), .row = row};
        return filling->words[row].text != NULL ? TN_OK : tn_fail_memory(error, cell->length + 1);
    }
    double value;
    if (!tn_csv_number(cell, &value)) {
        if (tn_csv_missing(cell))
            return fail_cell(table, line, column, error, "holds no value:", cell, "; fill it in or leave the row out");
        return fail_cell(table, line, column, error, "holds", cell,
                         ", which is not a finite number; turn words into numbers or leave the column out");
    }
    if (role == COLUMN_INPUT)
        filling->inputs[row * (table->columns - table->labels) + (*input)++] = value;
    else
        filling->labels[row * table->labels + (size_t)role] = value;
    return TN_OK;
}

static tn_status fill_rows(const csv_table *table, tn_csv_cursor cursor, csv_filling *filling, tn_source *source, tn_error *error)
{
    for (size_t row = 0; tn_csv_row(&cursor); row++) {
        size_t line = source->lines[row] = cursor.line, input = 0;
        for (size_t column = 0; column < table->columns; column++) {
            tn_csv_cell cell;
            tn_status status = tn_csv_next(&cursor, &cell, error);
            if (status == TN_OK)
                status = fill_cell(table, row, column, line, &cell, &input, filling, error);
            if (status != TN_OK)
                return status;
        }
    }
    return table->words ? number_words(filling->words, table->rows, filling->labels, source, error) : TN_OK;
}

static tn_status fill(const csv_table *table, tn_csv_cursor cursor, tn_source *source, tn_error *error)
{
    size_t inputs = table->columns - table->labels, count;
    /* The file holds at least two bytes for each cell, so these products are bounded by its size. */
    if (!tn_size_multiply(table->rows, table->columns, &count))
        return tn_fail(error, TN_ERROR_DATA, "holds more cells than can be counted");
    csv_filling filling = {.inputs = tn_memory_create(table->rows * inputs, sizeof(double)),
                           .labels = tn_memory_create(table->rows * table->labels, sizeof(double)),
                           .words = table->words ? tn_memory_create(table->rows, sizeof(word)) : NULL};
    source->lines = tn_memory_create(table->rows, sizeof *source->lines);
    tn_status status = TN_OK;
    if (filling.inputs == NULL || filling.labels == NULL || source->lines == NULL || (table->words && filling.words == NULL))
        status = tn_fail_memory(error, count * sizeof(double));
    if (status == TN_OK)
        status = fill_rows(table, cursor, &filling, source, error);
    if (status == TN_OK)
        status = tn_array_narrow(&source->inputs, filling.inputs, table->rows, inputs, error);
    if (status == TN_OK)
        status = tn_array_narrow(&source->labels, filling.labels, table->rows, table->labels, error);
    for (size_t i = 0; filling.words != NULL && i < table->rows; i++)
        free(filling.words[i].text);
    tn_memory_destroy(filling.inputs);
    tn_memory_destroy(filling.labels);
    tn_memory_destroy(filling.words);
    return status;
}

static tn_status parse_plain(csv_table *table, tn_csv_header header, const tn_csv_column *labels, tn_source *source, tn_error *error)
{
    tn_csv_cursor cursor;
    tn_csv_cursor_init(&cursor, table->bytes, table->size, table->delimiter);
    tn_status status = read_layout(table, header, labels, &cursor, error);
    if (status == TN_OK)
        status = check_rows(table, cursor, error);
    if (status == TN_OK)
        status = fill(table, cursor, source, error);
    table_deinit(table);
    return status;
}

tn_status tn_csv_parse(const uint8_t *bytes, size_t size, const tn_csv_options *options, tn_source *source, tn_error *error)
{
    csv_table table = {.bytes = bytes, .size = size, .delimiter = options->delimiter, .labels = options->label_count};
    if (options->label_count == 0 || options->label_count > LABEL_COLUMNS_MAX)
        return tn_fail(error, TN_ERROR_HYPES, "a csv source names %zu label columns; expected 1 to %d", options->label_count,
                       LABEL_COLUMNS_MAX);
    if (!tn_gzip_detect(bytes, size))
        return parse_plain(&table, options->header, options->labels, source, error);
    uint8_t *plain;
    tn_status status = tn_expand(TN_PACKING_GZIP, bytes, size, NULL, NULL, expanded_max, &plain, &table.size, error);
    if (status != TN_OK)
        return status;
    table.bytes = plain;
    status = parse_plain(&table, options->header, options->labels, source, error);
    tn_memory_destroy(plain);
    return status;
}

static tn_csv_column column_of(const json_t *value)
{
    return (tn_csv_column){.name = json_string_value(value), .number = json_integer_value(value)};
}

static tn_status parse_described(const json_t *description, tn_source *source, tn_error *error)
{
    const json_t *label = json_object_get(description, "label"), *header = json_object_get(description, "header");
    const char *delimiter = json_string_value(json_object_get(description, "delimiter"));
    size_t count = json_is_array(label) ? json_array_size(label) : 1;
    tn_csv_column *columns = tn_memory_create(count, sizeof *columns);
    if (columns == NULL)
        return tn_fail_memory(error, count * sizeof *columns);
    for (size_t i = 0; i < count; i++)
        columns[i] = column_of(json_is_array(label) ? json_array_get(label, i) : label);
    tn_csv_options options = {.header = json_is_true(header)    ? TN_CSV_HEADER_FIRST_LINE
                                        : json_is_false(header) ? TN_CSV_HEADER_NONE
                                                                : TN_CSV_HEADER_FIND,
                              .delimiter = delimiter != NULL ? delimiter[0] : ',',
                              .labels = columns,
                              .label_count = count};
    tn_status status = tn_csv_parse(source->input_file.bytes, source->input_file.size, &options, source, error);
    tn_memory_destroy(columns);
    return status;
}

tn_status tn_read_csv(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    tn_status status = tn_reader_map(hypes, description, "file", &source->input_file, source, error);
    if (status != TN_OK)
        return status;
    status = parse_described(description, source, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, 0, NULL);
    tn_file_unmap(&source->input_file);
    return status;
}
