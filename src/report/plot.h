/* plot.h: curves as braille dots, sparklines and heat maps as blocks, on a page; in ASCII where the page says so.
 *
 * Not for choosing what is shown. What cannot be drawn (NaN, Inf) is marked with a cross, never left out. Everything fits the columns that it is given. */
#ifndef TN_REPORT_PLOT_H
#define TN_REPORT_PLOT_H

#include "report/history.h"
#include "report/layout.h"

enum { TN_PLOT_CURVES = 2, TN_PLOT_COLUMNS_MAX = 240, TN_PLOT_ROWS_MAX = 24, TN_PLOT_LABEL = 10 };

/* A mark under a plot, at a step. */
typedef struct tn_plot_mark {
    uint64_t step;
    char symbol;
    tn_style style;
} tn_plot_mark;

typedef struct tn_plot {
    const tn_history_series *curves[TN_PLOT_CURVES]; /* NULL: none. The second is drawn in dashes */
    const char *names[TN_PLOT_CURVES];               /* told at the right of each curve's end; NULL: one curve, not told */
    uint64_t last_step;                              /* of the time line, which begins at step 0 or 1; 0: that of the curves */
    size_t rows;                                     /* of text */
    const tn_plot_mark *marks;                       /* [mark_count] */
    size_t mark_count;
} tn_plot;

/* Whether the curves span two decades or more and are positive, so that they are drawn on a logarithmic scale. */
bool tn_plot_is_logarithmic(const tn_plot *plot);

/* The picture with its scale at the left, the time line below and the marks under it, over the page's width. Nothing where there is no finite value and no NaN. */
void tn_plot_put(tn_page *page, const tn_plot *plot);

/* The symbol of mark number `i`, from 0: 1 to 9, a to z, then '+'. */
char tn_plot_symbol(size_t i);

/* values [count] in at most `columns` cells, each the largest of its share; a cross where one is not finite, a logarithmic scale where they span two decades. The next column is that after
 * `columns`. */
void tn_sparkline_put(tn_page *page, const double *values, size_t count, size_t columns);

/* The histograms of a tensor over time: a row of text for each power of two (or for two, where there are many) of each sign, the large ones outside, zero in the middle; a column for each
 * observed step or some; the darker, the more of the values. */
void tn_heat_map_put(tn_page *page, const tn_history_tensor *tensor);

#endif
