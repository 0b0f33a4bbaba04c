/* runs_text.c: the list of runs as a table; see runs.h. Columns are as wide as what stands in them. Where the page is too narrow, changes and signals stand under their run, and the columns that tell least are left
 * out. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/run_parts.h"

enum { NUMBER, WHEN, SUBJECT, EXPERIMENT, SEED, STEPS, LOSS, SCORE, END, COLUMNS, CELL = 64, SUBJECT_MAX = 24, CHANGES_MIN = 40 };

static const char *const HEADS[COLUMNS] = {"run", "started", "subject", "experiment", "seed", "steps", "loss", "score", "end"};

static bool is_figure(size_t column)
{
    return column == NUMBER || column == SEED || column == STEPS || column == LOSS || column == SCORE;
}

/* Cut at the left, since a path tells most at its right. */
static void cut_left(char cell[CELL], const char *text, size_t columns)
{
    size_t has = tn_columns(text);
    const char *at = text;
    for (size_t skipped = 0; has > columns && skipped < has - columns + 2; skipped++)
        do
            at++;
        while (((unsigned char)*at & 0xC0) == 0x80);
    snprintf(cell, CELL, "%s%s", has > columns ? ".." : "", at);
}

static void cell_of(char cell[CELL], const tn_run_row *row, size_t column)
{
    char buffer[32];
    cell[0] = '\0';
    switch (column) {
    case NUMBER:
        snprintf(cell, CELL, "%lld", (long long)row->id);
        return;
    case WHEN: /* "2026-11-28T00:10:41Z": to the minute */
        snprintf(cell, CELL, "%.10s %.5s", row->started, strlen(row->started) > 11 ? row->started + 11 : "");
        return;
    case SUBJECT:
        cut_left(cell, row->subject, SUBJECT_MAX);
        return;
    case EXPERIMENT:
        snprintf(cell, CELL, "%.40s", row->experiment);
        return;
    case SEED:
        snprintf(cell, CELL, "%llu", (unsigned long long)row->seed);
        return;
    case STEPS:
        snprintf(cell, CELL, "%s", tn_count_format(buffer, (double)row->steps));
        return;
    case LOSS:
        snprintf(cell, CELL, "%s", row->has_loss ? tn_run_figure(buffer, row->loss) : "-");
        return;
    case SCORE:
        snprintf(cell, CELL, isnan(row->score) ? "-" : "%.3f", row->score);
        return;
    default:
        snprintf(cell, CELL, "%.40s", tn_run_row_end(row));
    }
}

static void put_cell(tn_page *page, tn_style style, const char *text, size_t width, bool right)
{
    size_t used = tn_columns(text), at = page->column;
    if (right)
        tn_page_fill_to(page, at + (used < width ? width - used : 0));
    tn_page_put(page, style, text);
    tn_page_fill_to(page, at + width);
}

static tn_style style_of(const tn_run_row *row, size_t column)
{
    if (column == NUMBER)
        return TN_STYLE_BOLD;
    if (column == END)
        return !row->end                                                               ? TN_STYLE_DOUBT
               : strcmp(row->end, "nonfinite") == 0 || strcmp(row->end, "failed") == 0 ? TN_STYLE_BAD
                                                                                       : TN_STYLE_PLAIN;
    return column == WHEN ? TN_STYLE_DIM : TN_STYLE_PLAIN;
}

/* Leaves out columns, a width of 0, until the rest fits; the width of the rest. */
static size_t fit(size_t widths[COLUMNS], size_t width)
{
    static const size_t LEAST_FIRST[] = {SEED, WHEN, STEPS, EXPERIMENT, SCORE};
    size_t total = 0;
    for (size_t c = 0; c < COLUMNS; c++)
        total += widths[c] + 2;
    for (size_t i = 0; i < sizeof LEAST_FIRST / sizeof *LEAST_FIRST && total > width + 2; i++) {
        total -= widths[LEAST_FIRST[i]] + 2;
        widths[LEAST_FIRST[i]] = 0;
    }
    return total;
}

bool tn_runs_select(const tn_run_list *list, const char *experiment, size_t last, size_t *at, size_t *taken)
{
    while (*at > 0 && (last == 0 || *taken < last)) {
        --*at;
        if (experiment && strcmp(list->rows[*at].experiment, experiment) != 0)
            continue;
        ++*taken;
        return true;
    }
    return false;
}

char *tn_runs_text(const tn_run_list *list, const char *experiment, size_t last, const tn_report_style *style)
{
    tn_page page;
    char cell[CELL];
    size_t widths[COLUMNS], total = 0, taken = 0;
    tn_page_init(&page, style->colour, style->width);
    page.ascii = style->ascii;
    for (size_t c = 0; c < COLUMNS; c++)
        widths[c] = strlen(HEADS[c]);
    for (size_t at = list->count; tn_runs_select(list, experiment, last, &at, &taken);)
        for (size_t c = 0; c < COLUMNS; c++) {
            cell_of(cell, &list->rows[at], c);
            widths[c] = tn_columns(cell) > widths[c] ? tn_columns(cell) : widths[c];
        }
    if (taken == 0) {
        if (list->count == 0)
            tn_page_put(&page, TN_STYLE_PLAIN, "The store holds no run yet.");
        else
            tn_page_putf(&page, TN_STYLE_PLAIN, "None of the %zu runs is of the experiment '%.60s'.", list->count,
                         experiment ? experiment : "");
        tn_page_end_line(&page);
        return tn_page_take(&page);
    }
    total = fit(widths, page.width);
    bool beside = total + CHANGES_MIN <= page.width; /* else changes and signals stand under the run */
    for (size_t c = 0; c < COLUMNS; c++) {
        if (widths[c] == 0)
            continue;
        put_cell(&page, TN_STYLE_DIM, HEADS[c], widths[c], is_figure(c));
        tn_page_put(&page, TN_STYLE_PLAIN, "  ");
    }
    if (beside)
        tn_page_put(&page, TN_STYLE_DIM, "changes, signals");
    tn_page_end_line(&page);
    taken = 0;
    for (size_t at = list->count; tn_runs_select(list, experiment, last, &at, &taken);) {
        const tn_run_row *row = &list->rows[at];
        char changes[512];
        for (size_t c = 0; c < COLUMNS; c++) {
            if (widths[c] == 0)
                continue;
            cell_of(cell, row, c);
            put_cell(&page, style_of(row, c), cell, widths[c], is_figure(c));
            tn_page_put(&page, TN_STYLE_PLAIN, "  ");
        }
        size_t indent = beside ? total : widths[NUMBER] + 2;
        page.text.failed |= !tn_run_row_changes(row, changes, sizeof changes);
        if (changes[0]) {
            if (!beside)
                tn_page_end_line(&page);
            tn_page_wrap(&page, TN_STYLE_NAME, indent, changes);
        }
        if (row->signals[0]) {
            if (!beside || changes[0])
                tn_page_end_line(&page);
            tn_page_wrap(&page, TN_STYLE_BAD, indent, row->signals);
        }
        tn_page_end_line(&page);
    }
    return tn_page_take(&page);
}
