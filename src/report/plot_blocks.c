/* plot_blocks.c: sparklines and heat maps as block characters; see plot.h. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/plot.h"
#include "report/text_parts.h"

/* ---- sparklines ---- */

enum { LEVELS = 8 };

static const char *const BLOCKS[LEVELS] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
static const char *const LETTERS[LEVELS] = {"_", ".", "-", "~", "=", "+", "*", "#"};

/* Relative spread below which a line is drawn flat: what a person would call constant. */
static const double FLAT = 0.01;
static const double LOGARITHMIC_FROM = 100; /* as for curves */

/* The share of `index` when `count` things are put into `cells`. */
static size_t first_of(size_t cell, size_t cells, size_t count)
{
    return cell * count / cells;
}

void tn_sparkline_put(tn_page *page, const double *values, size_t count, size_t columns)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i])) {
            low = fmin(low, values[i]);
            high = fmax(high, values[i]);
        }
    bool logarithmic = low > 0 && high / low >= LOGARITHMIC_FROM;
    double from = logarithmic ? log(low) : low, range = (logarithmic ? log(high) : high) - from;
    bool flat = !(high - low > FLAT * fmax(fabs(low), fabs(high)));
    double level_of_flat = high > 0 ? 0.5 : 0; /* nothing but zeros lies at the bottom */
    size_t cells = count < columns ? count : columns, end = page->column + columns;
    for (size_t cell = 0; cell < cells; cell++) {
        double largest = -INFINITY;
        bool broken = false;
        for (size_t i = first_of(cell, cells, count); i < first_of(cell + 1, cells, count); i++) {
            broken |= !isfinite(values[i]);
            largest = isfinite(values[i]) ? fmax(largest, values[i]) : largest;
        }
        double share = flat ? level_of_flat : ((logarithmic ? log(largest) : largest) - from) / range;
        size_t level = broken || !(share > 0) ? 0 : share < 1 ? (size_t)(share * (LEVELS - 1) + 0.5) : LEVELS - 1;
        if (broken)
            tn_page_put(page, TN_STYLE_BAD, page->ascii ? "x" : "×");
        else
            tn_page_put(page, TN_STYLE_NAME, page->ascii ? LETTERS[level] : BLOCKS[level]);
    }
    tn_page_fill_to(page, end);
}

/* ---- heat maps ---- */

enum { OCTAVE_ROWS = 12 /* of each sign, at most */, SHADES = 5, HEAT_COLUMNS_MAX = 240, REPEAT_MAX = 4 };

static const char *const SHADE_BLOCKS[SHADES] = {" ", "░", "▒", "▓", "█"};
static const char *const SHADE_LETTERS[SHADES] = {" ", ".", ":", "*", "#"};

/* The smallest share that is worth a row of its own; smaller ones are still counted into the row where they lie, or into the smallest. */
static const double SHOWN_SHARE = 0.001;

typedef struct heat {
    const tn_history_tensor *tensor;
    size_t rows_seen, columns;
    size_t repeat;    /* each column is drawn so often */
    int top, octaves; /* rows are [top - octaves + 1, top] and so on downwards, `octaves` each */
    size_t row_count; /* of each sign */
} heat;

static double share_at(const tn_history_row *row, size_t sign, size_t k)
{
    return (double)row->histogram[sign][k] / UINT16_MAX;
}

/* The range of powers of two that are worth showing. */
static bool find_range(const tn_history_tensor *tensor, int *low, int *high)
{
    bool any = false;
    for (size_t i = 0; i < tn_history_row_count(tensor); i++) {
        const tn_history_row *row = tn_history_row_at(tensor, i);
        for (size_t sign = 0; sign < 2; sign++)
            for (size_t k = 0; k + 1 < TN_HISTORY_BUCKETS; k++) {
                double share = share_at(row, sign, k);
                int power = row->top - (int)k;
                if (share == 0 || (k > 0 && share < SHOWN_SHARE))
                    continue;
                *low = !any || power < *low ? power : *low;
                *high = !any || power > *high ? power : *high;
                any = true;
            }
    }
    return any;
}

/* The row of text of a power of two, counted from the outside; row_count: smaller than all. */
static size_t place_of(const heat *map, int power)
{
    int place = (map->top - power) / map->octaves;
    return power > map->top ? 0 : (size_t)place < map->row_count ? (size_t)place : map->row_count;
}

/* Adds the shares of one observation to cells [2][row_count + 1] and the middle, which holds what is zero or smaller than all rows. */
static void fold_row(const heat *map, const tn_history_row *row, double cells[2][OCTAVE_ROWS + 1], double *middle)
{
    *middle += row->zeros;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t k = 0; k < TN_HISTORY_BUCKETS; k++) {
            size_t place = k + 1 == TN_HISTORY_BUCKETS ? map->row_count : place_of(map, row->top - (int)k);
            if (place < map->row_count)
                cells[sign][place] += share_at(row, sign, k);
            else
                *middle += share_at(row, sign, k);
        }
}

/* What of the observations of a column lies in a row of the picture: 0 the outermost positive one, row_count the middle, 2 * row_count the outermost negative one. */
static double cell_of(const heat *map, size_t line, size_t column, bool *broken)
{
    double cells[2][OCTAVE_ROWS + 1] = {{0}}, middle = 0;
    size_t from = first_of(column, map->columns, map->rows_seen), to = first_of(column + 1, map->columns, map->rows_seen);
    for (size_t i = from; i < to; i++) {
        const tn_history_row *row = tn_history_row_at(map->tensor, i);
        fold_row(map, row, cells, &middle);
        *broken |= row->nonfinite > 0;
    }
    double all = line < map->row_count ? cells[0][line] : line == map->row_count ? middle : cells[1][2 * map->row_count - line];
    return to > from ? all / (double)(to - from) : 0;
}

static void put_shade(tn_page *page, double share, double largest)
{
    /* By the root, since a histogram has many values in few rows. What is there at all is seen. */
    size_t shade = share > 0 ? (size_t)(sqrt(share / largest) * (SHADES - 1) + 0.5) : 0;
    shade = share > 0 && shade == 0 ? 1 : shade >= SHADES ? SHADES - 1 : shade;
    tn_page_put(page, TN_STYLE_NAME, page->ascii ? SHADE_LETTERS[shade] : SHADE_BLOCKS[shade]);
}

static void put_label(tn_page *page, const heat *map, size_t line)
{
    char text[32], number[32];
    if (line == map->row_count) {
        snprintf(text, sizeof text, "~0");
    } else {
        bool negative = line > map->row_count;
        int power = map->top - (int)(negative ? 2 * map->row_count - line : line) * map->octaves - (map->octaves - 1);
        snprintf(text, sizeof text, "%s%s", negative ? "-" : "+", tn_number_format(number, ldexp(1, power), 2));
    }
    tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL - 1 - tn_columns(text));
    tn_page_put(page, TN_STYLE_DIM, text);
    tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL);
    tn_page_put(page, TN_STYLE_DIM, page->ascii ? "|" : "│");
}

static void put_steps(tn_page *page, const heat *map)
{
    char text[48], number[32];
    size_t left = TN_PART_INDENT + TN_PLOT_LABEL + 1;
    tn_page_fill_to(page, left);
    tn_page_putf(page, TN_STYLE_DIM, "step %s", tn_count_format(number, (double)tn_history_row_at(map->tensor, 0)->step));
    snprintf(text, sizeof text, "step %s", tn_count_format(number, (double)tn_history_row_at(map->tensor, map->rows_seen - 1)->step));
    if (page->column + tn_columns(text) + 2 <= left + map->columns * map->repeat) {
        tn_page_fill_to(page, left + map->columns * map->repeat - tn_columns(text));
        tn_page_put(page, TN_STYLE_DIM, text);
    } else if (map->rows_seen > 1)
        tn_page_putf(page, TN_STYLE_DIM, " to %s", text + strlen("step "));
    tn_page_end_line(page);
}

void tn_heat_map_put(tn_page *page, const tn_history_tensor *tensor)
{
    heat map = {.tensor = tensor, .rows_seen = tn_history_row_count(tensor)};
    int low = 0, high = 0;
    if (map.rows_seen == 0)
        return;
    if (find_range(tensor, &low, &high)) {
        map.octaves = (high - low) / OCTAVE_ROWS + 1;
        map.row_count = (size_t)((high - low) / map.octaves) + 1;
        map.top = high;
    } else
        map.octaves = 1; /* nothing but zeros, or nothing finite: the middle alone */
    size_t room = page->width > TN_PART_INDENT + TN_PLOT_LABEL + 9 ? page->width - TN_PART_INDENT - TN_PLOT_LABEL - 1 : 8;
    room = room < HEAT_COLUMNS_MAX ? room : HEAT_COLUMNS_MAX;
    map.columns = map.rows_seen < room ? map.rows_seen : room;
    map.repeat = room / map.columns < REPEAT_MAX ? room / map.columns : REPEAT_MAX;
    size_t lines = 2 * map.row_count + 1;
    double largest = 0;
    bool broken = false;
    for (size_t line = 0; line < lines; line++)
        for (size_t column = 0; column < map.columns; column++)
            largest = fmax(largest, cell_of(&map, line, column, &broken));
    for (size_t line = 0; line < lines; line++) {
        put_label(page, &map, line);
        for (size_t column = 0; column < map.columns; column++) {
            double share = cell_of(&map, line, column, &broken);
            for (size_t i = 0; i < map.repeat; i++)
                put_shade(page, share, largest);
        }
        tn_page_end_line(page);
    }
    if (broken) {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, "NaN, Inf");
        for (size_t column = 0; column < map.columns; column++) {
            bool here = false;
            (void)cell_of(&map, 0, column, &here);
            tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL + 1 + column * map.repeat);
            if (here)
                tn_page_put(page, TN_STYLE_BAD, page->ascii ? "x" : "×");
        }
        tn_page_end_line(page);
    }
    put_steps(page, &map);
}
