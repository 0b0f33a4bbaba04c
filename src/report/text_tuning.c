/* text_tuning.c: pictures of the experiments that tune: the grid of initial scales and learning rates with its frontier; see text_parts.h. */
#include <math.h>
#include <stdio.h>

#include "report/text_parts.h"

enum { INDENT = 2, FIRST_COLUMN = 10, CELL = 11 };

static void put_cell(tn_page *page, tn_style style, size_t end, const char *text)
{
    size_t used = tn_columns(text);
    tn_page_fill_to(page, end > used ? end - used : 0);
    tn_page_put(page, style, text);
}

/* One row a scale, one column a rate; a cell holds the score, or how it broke. */
static void grid(tn_page *page, const json_t *found)
{
    const json_t *scales = json_object_get(found, "init_scales"), *rates = json_object_get(found, "learning_rates"),
                 *rows = json_object_get(found, "cells"), *row, *cell, *rate;
    size_t s, r;
    char text[32];
    double best = -INFINITY;
    json_array_foreach(rows, s, row) json_array_foreach(row, r, cell) best = fmax(best, tn_part_number(cell, "score"));
    put_cell(page, TN_STYLE_DIM, INDENT + FIRST_COLUMN, "rate");
    json_array_foreach(rates, r, rate)
        put_cell(page, TN_STYLE_DIM, INDENT + FIRST_COLUMN + (r + 1) * CELL, tn_part_figure(text, json_number_value(rate)));
    tn_page_end_line(page);
    json_array_foreach(rows, s, row)
    {
        char scale[48];
        snprintf(scale, sizeof scale, "init x %s", tn_part_figure(text, json_number_value(json_array_get(scales, s))));
        put_cell(page, TN_STYLE_DIM, INDENT + FIRST_COLUMN, scale);
        json_array_foreach(row, r, cell)
        {
            double score = tn_part_number(cell, "score");
            bool nonfinite = tn_part_true(cell, "nonfinite"), diverged = tn_part_true(cell, "diverged");
            snprintf(text, sizeof text, "%.2f", score);
            const char *words = nonfinite ? "NaN" : diverged ? "diverged" : isnan(score) ? "-" : text;
            tn_style style = nonfinite || diverged ? TN_STYLE_BAD : score >= best ? TN_STYLE_GOOD : TN_STYLE_PLAIN;
            put_cell(page, style, INDENT + FIRST_COLUMN + (r + 1) * CELL, words);
        }
        tn_page_end_line(page);
    }
}

void tn_part_tuning(tn_page *page, const json_t *experiment)
{
    const json_t *found = json_object_get(json_object_get(experiment, "result"), "grid");
    if (json_array_size(json_object_get(found, "cells")) == 0)
        return;
    tn_part_heading(page, "Scores by initial scale and learning rate");
    grid(page, found);
}
