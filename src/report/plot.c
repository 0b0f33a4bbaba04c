/* plot.c: curves as braille dots; see plot.h. A cell of text is two dots wide and four high (Unicode block U+2800); in ASCII it tells its upper and lower half apart.
 *
 * For each column of dots the smallest and the largest value of the points that lie there are joined by a line, and neighbours by another, so that a spike that is one step wide stays
 * visible at any length. */
#include "report/plot.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/text_parts.h"

enum { DOTS_ACROSS = 2, DOTS_DOWN = 4, DASH = 3 /* dots on, and as many off */ };

/* Ratio of the largest to the smallest value from which on a scale is logarithmic: two decades. */
static const double LOGARITHMIC_FROM = 100;

typedef struct scale {
    double low, high; /* as drawn: logarithms where `logarithmic` */
    bool logarithmic, any;
} scale;

typedef struct canvas {
    size_t columns, rows;
    unsigned char dots[TN_PLOT_ROWS_MAX][TN_PLOT_COLUMNS_MAX];                /* bits of U+2800 */
    unsigned char curves[TN_PLOT_ROWS_MAX][TN_PLOT_COLUMNS_MAX];              /* a bit a curve */
    bool crosses[TN_PLOT_COLUMNS_MAX];                                        /* something there is not finite */
    double lowest[TN_PLOT_COLUMNS_MAX * 2], highest[TN_PLOT_COLUMNS_MAX * 2]; /* of one curve, for each column of dots */
    double ends[TN_PLOT_COLUMNS_MAX * 2];                                     /* its last value there */
} canvas;

static void fold_range(const tn_history_series *series, double *low, double *high)
{
    for (size_t i = 0; series && i < series->count; i++) {
        *low = fmin(*low, series->points[i].min);
        *high = fmax(*high, series->points[i].max);
    }
}

static scale scale_of(const tn_plot *plot)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < TN_PLOT_CURVES; i++)
        fold_range(plot->curves[i], &low, &high);
    scale found = {.low = low, .high = high, .any = low <= high, .logarithmic = low > 0 && low <= high && high / low >= LOGARITHMIC_FROM};
    if (found.logarithmic) {
        found.low = log10(low);
        found.high = log10(high);
    }
    return found;
}

bool tn_plot_is_logarithmic(const tn_plot *plot)
{
    return scale_of(plot).logarithmic;
}

/* The row of dots of a value, 0 at the top. */
static size_t dot_row(const canvas *on, const scale *of, double value)
{
    size_t most = on->rows * DOTS_DOWN - 1;
    double drawn = of->logarithmic ? log10(value) : value, range = of->high - of->low;
    if (!(range > 0))
        return most / 2;
    if (!isfinite(range)) { /* the ends of double itself */
        drawn /= 4;
        range = of->high / 4 - of->low / 4;
        return (size_t)((of->high / 4 - drawn) / range * (double)most + 0.5);
    }
    return (size_t)((of->high - drawn) / range * (double)most + 0.5);
}

static void put_dot(canvas *on, size_t x, size_t y, size_t curve)
{
    /* Unicode numbers the dots 1 2 3 7 down the left side and 4 5 6 8 down the right one. */
    static const unsigned char BITS[DOTS_DOWN][DOTS_ACROSS] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    if (curve > 0 && x / DASH % 2 == 1)
        return;
    unsigned char *cell = &on->dots[y / DOTS_DOWN][x / DOTS_ACROSS], *curves = &on->curves[y / DOTS_DOWN][x / DOTS_ACROSS];
    *cell = (unsigned char)(*cell | BITS[y % DOTS_DOWN][x % DOTS_ACROSS]);
    *curves = (unsigned char)(*curves | 1u << curve);
}

static void put_column(canvas *on, size_t x, size_t from, size_t to, size_t curve)
{
    for (size_t y = from < to ? from : to; y <= (from < to ? to : from); y++)
        put_dot(on, x, y, curve);
}

static void put_line(canvas *on, size_t x, size_t y, size_t to_x, size_t to_y, size_t curve)
{
    for (size_t at = x, last = y; at <= to_x; at++) {
        double share = to_x > x ? (double)(at - x) / (double)(to_x - x) : 1;
        size_t now = (size_t)((1 - share) * (double)y + share * (double)to_y + 0.5);
        put_column(on, at, last, now, curve);
        last = now;
    }
}

static size_t dot_column(const canvas *on, uint64_t step, uint64_t last_step)
{
    size_t most = on->columns * DOTS_ACROSS - 1;
    if (last_step <= 1 || step <= 1)
        return 0;
    size_t x = (size_t)((double)(step - 1) / (double)(last_step - 1) * (double)most + 0.5);
    return x < most ? x : most;
}

static void draw_curve(canvas *on, const scale *of, const tn_history_series *series, uint64_t last_step, size_t curve)
{
    size_t across = on->columns * DOTS_ACROSS;
    for (size_t x = 0; x < across; x++) {
        on->lowest[x] = INFINITY;
        on->highest[x] = -INFINITY;
        on->ends[x] = NAN;
    }
    for (size_t i = 0; i < series->count; i++) {
        const tn_history_point *point = &series->points[i];
        for (size_t x = dot_column(on, point->first_step, last_step); x <= dot_column(on, point->last_step, last_step); x++) {
            on->lowest[x] = fmin(on->lowest[x], point->min);
            on->highest[x] = fmax(on->highest[x], point->max);
            on->ends[x] = isfinite(point->last) ? point->last : tn_history_point_mean(point);
            if (point->nan + point->infinite > 0)
                on->crosses[x / DOTS_ACROSS] = true;
        }
    }
    bool begun = false;
    size_t from_x = 0, from_y = 0;
    for (size_t x = 0; x < across; x++) {
        if (!(on->lowest[x] <= on->highest[x]))
            continue;
        size_t top = dot_row(on, of, on->highest[x]), bottom = dot_row(on, of, on->lowest[x]);
        if (begun && !(x == from_x + 1 && from_y >= top && from_y <= bottom))
            put_line(on, from_x, from_y, x, dot_row(on, of, isnan(on->ends[x]) ? on->lowest[x] : on->ends[x]), curve);
        put_column(on, x, top, bottom, curve);
        begun = true;
        from_x = x;
        from_y = isnan(on->ends[x]) ? bottom : dot_row(on, of, on->ends[x]);
    }
}

/* ---- onto the page ---- */

static void put_cell(tn_page *page, const canvas *on, size_t row, size_t column)
{
    unsigned char dots = on->dots[row][column], curves = on->curves[row][column];
    tn_style style = curves == 2 ? TN_STYLE_DOUBT : TN_STYLE_NAME;
    if (row == 0 && on->crosses[column]) {
        tn_page_put(page, TN_STYLE_BAD, page->ascii ? "x" : "×");
    } else if (dots == 0) {
        tn_page_put(page, TN_STYLE_PLAIN, " ");
    } else if (page->ascii) {
        bool upper = dots & 0x1B, lower = dots & 0xE4;
        tn_page_put(page, style, curves == 2 ? "o" : curves == 3 ? "#" : upper && lower ? ":" : upper ? "'" : ".");
    } else {
        const char symbol[] = {(char)0xE2, (char)(0xA0 | dots >> 6), (char)(0x80 | (dots & 0x3F)), '\0'};
        tn_page_put(page, style, symbol);
    }
}

static void put_scale(tn_page *page, const scale *of, size_t row, size_t rows)
{
    char text[32] = "";
    if (of->any && (row == 0 || row + 1 == rows || (rows >= 5 && row == rows / 2))) {
        double share = rows > 1 ? (double)row / (double)(rows - 1) : 0.5, value = of->high - share * of->high + share * of->low;
        if (!(of->high > of->low) && row > 0)
            value = NAN; /* once is enough */
        if (!isnan(value))
            tn_number_format(text, of->logarithmic ? pow(10, value) : value, 3);
    }
    size_t used = tn_columns(text);
    tn_page_fill_to(page, TN_PART_INDENT + (used < TN_PLOT_LABEL - 1 ? TN_PLOT_LABEL - 1 - used : 0));
    tn_page_put(page, TN_STYLE_DIM, text);
    tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL);
    tn_page_put(page, TN_STYLE_DIM, page->ascii ? "|" : "│");
}

/* The name of each curve at the row where it ends. */
static void put_names(tn_page *page, const tn_plot *plot, const canvas *on, const scale *of, size_t row)
{
    for (size_t i = 0; i < TN_PLOT_CURVES; i++) {
        const tn_history_series *series = plot->curves[i];
        if (!series || series->count == 0 || !plot->names[i])
            continue;
        double end = NAN;
        for (size_t p = series->count; p-- > 0 && isnan(end);)
            end = isfinite(series->points[p].last) ? series->points[p].last : tn_history_point_mean(&series->points[p]);
        if (!isnan(end) && dot_row(on, of, end) / DOTS_DOWN == row)
            tn_page_putf(page, i == 0 ? TN_STYLE_NAME : TN_STYLE_DOUBT, " %s", plot->names[i]);
    }
}

static void put_time_line(tn_page *page, const canvas *on, uint64_t last_step)
{
    char last[32], line[64];
    tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL);
    tn_page_put(page, TN_STYLE_DIM, page->ascii ? "+" : "└");
    for (size_t i = 0; i < on->columns; i++)
        tn_page_put(page, TN_STYLE_DIM, page->ascii ? "-" : "─");
    tn_page_end_line(page);
    size_t left = TN_PART_INDENT + TN_PLOT_LABEL + 1, used;
    snprintf(line, sizeof line, "step %s", tn_count_format(last, (double)last_step));
    used = tn_columns(line);
    tn_page_fill_to(page, left);
    tn_page_put(page, TN_STYLE_DIM, "1");
    if (last_step > 1 && on->columns > used + 2) {
        tn_page_fill_to(page, left + on->columns - used);
        tn_page_put(page, TN_STYLE_DIM, line);
    }
    tn_page_end_line(page);
}

char tn_plot_symbol(size_t i)
{
    return i < 9 ? (char)('1' + i) : i < 9 + 26 ? (char)('a' + (char)(i - 9)) : '+';
}

static void put_marks(tn_page *page, const tn_plot *plot, const canvas *on, uint64_t last_step)
{
    char symbols[TN_PLOT_COLUMNS_MAX] = {0};
    tn_style styles[TN_PLOT_COLUMNS_MAX] = {TN_STYLE_PLAIN};
    if (plot->mark_count == 0)
        return;
    for (size_t i = 0; i < plot->mark_count; i++) {
        size_t column = dot_column(on, plot->marks[i].step, last_step) / DOTS_ACROSS;
        while (symbols[column] && column + 1 < on->columns)
            column++; /* beside the one that stands there */
        symbols[column] = symbols[column] ? '+' : plot->marks[i].symbol;
        styles[column] = plot->marks[i].style;
    }
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, "signals");
    for (size_t column = 0; column < on->columns; column++)
        if (symbols[column]) {
            tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL + 1 + column);
            tn_page_put(page, styles[column], (const char[]){symbols[column], '\0'});
        }
    tn_page_end_line(page);
}

void tn_plot_put(tn_page *page, const tn_plot *plot)
{
    canvas on = {.rows = plot->rows < TN_PLOT_ROWS_MAX ? plot->rows : TN_PLOT_ROWS_MAX};
    size_t names = 0, observations = 0;
    uint64_t last_step = plot->last_step;
    for (size_t i = 0; i < TN_PLOT_CURVES; i++) {
        const tn_history_series *series = plot->curves[i];
        if (!series || series->count == 0)
            continue;
        observations += series->count;
        names += plot->names[i] ? tn_columns(plot->names[i]) + 1 : 0;
        if (series->points[series->count - 1].last_step > last_step)
            last_step = series->points[series->count - 1].last_step;
    }
    if (observations == 0 || on.rows == 0)
        return;
    size_t used = TN_PART_INDENT + TN_PLOT_LABEL + 1 + names;
    on.columns = page->width > used + 8 ? page->width - used : 8;
    if (on.columns > TN_PLOT_COLUMNS_MAX)
        on.columns = TN_PLOT_COLUMNS_MAX;
    const scale of = scale_of(plot);
    for (size_t i = 0; i < TN_PLOT_CURVES; i++)
        if (plot->curves[i])
            draw_curve(&on, &of, plot->curves[i], last_step, i);
    for (size_t row = 0; row < on.rows; row++) {
        put_scale(page, &of, row, on.rows);
        for (size_t column = 0; column < on.columns; column++)
            put_cell(page, &on, row, column);
        put_names(page, plot, &on, &of, row);
        tn_page_end_line(page);
    }
    put_time_line(page, &on, last_step);
    put_marks(page, plot, &on, last_step);
}
