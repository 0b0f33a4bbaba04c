/* text_tuning.c: pictures of the experiments that tune: the grid of initial scales and learning rates with its frontier, the map of levels by samples; see text_parts.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* Levels by samples: one line a level, in the order of the path; a cell holds score and steps, and whether it was passed. */
static void level_map(tn_page *page, const json_t *cells)
{
    enum { WIDE = 22 };
    char score[32], steps[32], samples[32], text[96];
    const char *last = NULL;
    size_t i, column = 0;
    const json_t *cell;
    json_array_foreach(cells, i, cell)
    {
        const char *level = tn_part_string(cell, "level");
        if (!level)
            continue;
        if (!last || strcmp(last, level) != 0) {
            if (last)
                tn_page_end_line(page);
            tn_page_fill_to(page, INDENT);
            tn_page_put(page, tn_part_true(cell, "between") ? TN_STYLE_DIM : TN_STYLE_PLAIN, level);
            tn_page_end_line(page);
            column = 0;
        }
        last = level;
        bool passed = tn_part_true(cell, "passed");
        double count = tn_part_number(cell, "samples"), reached = tn_part_number(cell, "score");
        snprintf(score, sizeof score, "%.2f", reached);
        snprintf(text, sizeof text, "%s: %s in %s", isnan(count) ? "all" : tn_count_format(samples, count), isnan(reached) ? "-" : score,
                 tn_count_format(steps, tn_part_number(cell, "steps")));
        if (column > 0 && INDENT + 2 + (column + 1) * (WIDE + 2) > page->width) {
            tn_page_end_line(page);
            column = 0;
        }
        tn_page_fill_to(page, INDENT + 2 + column++ * (WIDE + 2));
        tn_page_put(page, passed ? TN_STYLE_GOOD : TN_STYLE_BAD, passed ? "+ " : "x ");
        tn_page_put(page, TN_STYLE_PLAIN, text);
    }
    if (last)
        tn_page_end_line(page);
}

void tn_part_tuning(tn_page *page, const json_t *experiment)
{
    const json_t *result = json_object_get(experiment, "result"), *found = json_object_get(result, "grid"),
                 *levels = json_object_get(result, "levels"), *path = json_object_get(result, "path");
    if (json_array_size(levels) > 0 || json_array_size(path) > 0) {
        tn_part_heading(page, "Levels: samples, score and steps (+ passed, x not)");
        level_map(page, json_array_size(path) > 0 ? path : levels);
    }
    if (json_array_size(json_object_get(found, "cells")) == 0)
        return;
    tn_part_heading(page, "Scores by initial scale and learning rate");
    grid(page, found);
}
