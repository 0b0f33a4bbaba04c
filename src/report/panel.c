/* panel.c: see panel.h. Lines are made in the order in which they are left out where there is no room for all: the head and the loss stay longest. */
#include "report/panel.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/layout.h"
#include "report/spark.h"

enum {
    BAR = 24,
    LABEL = 12, /* columns of the label and of its figure */
    FIGURE = 9,
    SPARK_MAX = 60, /* columns */
    CURVE_ROWS = 5,
    CURVE_MIN = 30, /* columns below which there is no curve */
    CURVE_MAX = 120,
    LAYERS = 5,
    SIGNALS = 3,
    TEXT_SIZE = 320
};

/* What is usual of an update relative to its weights (about 1e-3: the course notes of Stanford's CS231n, "ratio of weights:updates"); ten times as much or little is worth a word. */
static const double USUAL = 1e-3, FAR = 10;

typedef struct panel_page {
    tn_page page;
    size_t width, lines, made;
} panel_page;

/* ---- lines that are never too wide ---- */

static void put(panel_page *to, tn_style style, const char *text)
{
    size_t room = to->width > to->page.column ? to->width - to->page.column : 0, bytes = 0;
    char cut[TEXT_SIZE * 4];
    for (; text[bytes] && room > 0; room--) {
        size_t size = 1;
        while (((unsigned char)text[bytes + size] & 0xC0) == 0x80)
            size++;
        if (bytes + size >= sizeof cut)
            break;
        bytes += size;
    }
    memcpy(cut, text, bytes);
    cut[bytes] = '\0';
    tn_page_put(&to->page, style, cut);
}

static size_t columns_left(const panel_page *to)
{
    return to->width > to->page.column ? to->width - to->page.column : 0;
}

/* All of it or nothing: half of a number would be another one. */
static void put_whole(panel_page *to, tn_style style, const char *text)
{
    if (tn_columns(text) <= columns_left(to))
        put(to, style, text);
}

static void fill_to(panel_page *to, size_t column)
{
    tn_page_fill_to(&to->page, column < to->width ? column : to->width);
}

static bool has_room(const panel_page *to, size_t lines)
{
    return to->made + lines <= to->lines;
}

static void end_line(panel_page *to)
{
    tn_page_end_line(&to->page);
    to->made++;
}

static void put_spark(panel_page *to, const double *values, size_t count)
{
    double low, high;
    tn_text text;
    tn_text_init(&text);
    if (tn_spark_range(values, count, &low, &high)) {
        tn_spark_add(&text, values, count, low, high);
        put(to, TN_STYLE_NAME, text.data ? text.data : "");
    }
    to->page.text.failed |= text.failed;
    tn_text_deinit(&text);
}

static const char *figure(char buffer[32], double value)
{
    return isnan(value) ? "NaN" : isinf(value) ? (value > 0 ? "Inf" : "-Inf") : tn_number_format(buffer, value, 4);
}

/* "loss       0.4321  ", the figure at the right end of its columns. */
static void put_label(panel_page *to, const char *label, const char *value)
{
    put(to, TN_STYLE_DIM, label);
    size_t used = tn_columns(value);
    fill_to(to, LABEL + (used < FIGURE ? FIGURE - used : 0));
    put_whole(to, TN_STYLE_BOLD, value);
    put(to, TN_STYLE_PLAIN, "  ");
}

/* ---- the head ---- */

static const char *duration(char buffer[32], double seconds)
{
    uint64_t whole = seconds < 1e15 ? (uint64_t)(seconds + 0.5) : 0;
    if (whole < 60)
        snprintf(buffer, 32, "%llu s", (unsigned long long)whole);
    else if (whole < 3600)
        snprintf(buffer, 32, "%llu min %02llu s", (unsigned long long)whole / 60, (unsigned long long)whole % 60);
    else
        snprintf(buffer, 32, "%llu h %02llu min", (unsigned long long)whole / 3600, (unsigned long long)whole / 60 % 60);
    return buffer;
}

static void put_head(panel_page *to, const tn_panel *panel)
{
    const tn_run_facts *facts = panel->facts;
    uint64_t step = tn_history_last_step(panel->history);
    char text[TEXT_SIZE], number[32], total[32];
    if (facts->steps_total > 0) {
        double done = fmin((double)step / (double)facts->steps_total, 1);
        snprintf(text, sizeof text, "%3.0f %% ", done * 100);
        put(to, TN_STYLE_BOLD, text);
        if (columns_left(to) > BAR + 16) {
            tn_page_bar(&to->page, TN_STYLE_NAME, done, BAR, true);
            put(to, TN_STYLE_PLAIN, "  ");
        }
        snprintf(text, sizeof text, "step %s of %s", tn_count_format(number, (double)step),
                 tn_count_format(total, (double)facts->steps_total));
    } else {
        snprintf(text, sizeof text, "step %s", tn_count_format(number, (double)step));
    }
    put_whole(to, TN_STYLE_PLAIN, text);
    if (facts->steps_per_second > 0) {
        snprintf(text, sizeof text, ", %s steps/s",
                 facts->steps_per_second >= 100 ? tn_count_format(number, facts->steps_per_second)
                                                : tn_number_format(number, facts->steps_per_second, 3));
        put_whole(to, TN_STYLE_PLAIN, text);
        if (facts->steps_total > step) {
            snprintf(text, sizeof text, ", %s left", duration(number, (double)(facts->steps_total - step) / facts->steps_per_second));
            put_whole(to, TN_STYLE_PLAIN, text);
        }
    }
    end_line(to);
}

/* ---- series ---- */

static double last_of(const tn_history_series *series)
{
    return series->count > 0 ? series->points[series->count - 1].last : NAN;
}

/* A line of a series: its last value, and its course. `more` follows the figure. */
static void put_series(panel_page *to, const tn_panel *panel, tn_history_kind kind, const char *label, const char *more, bool with_spark)
{
    const tn_history_series *series = tn_history_series_of(panel->history, kind);
    double values[SPARK_MAX];
    char buffer[32];
    if (series->count == 0 || !has_room(to, 1))
        return;
    put_label(to, label, figure(buffer, last_of(series)));
    if (more) {
        put_whole(to, TN_STYLE_PLAIN, more);
        put(to, TN_STYLE_PLAIN, "  ");
    }
    size_t columns = columns_left(to) < SPARK_MAX ? columns_left(to) : SPARK_MAX;
    if (with_spark && columns >= 8) {
        tn_spark_sample(series, tn_history_last_step(panel->history), values, columns);
        put_spark(to, values, columns);
    }
    end_line(to);
}

static void put_curve(panel_page *to, const tn_panel *panel)
{
    const tn_history_series *series = tn_history_series_of(panel->history, TN_HISTORY_LOSS);
    size_t left = LABEL + FIGURE + 2, columns = to->width > left ? to->width - left : 0;
    double values[2 * CURVE_MAX], low, high;
    char number[32];
    columns = columns < CURVE_MAX ? columns : CURVE_MAX;
    tn_spark_sample(series, tn_history_last_step(panel->history), values, 2 * columns);
    if (!tn_spark_range(values, 2 * columns, &low, &high))
        return;
    for (size_t row = 0; row < CURVE_ROWS; row++) {
        tn_text line;
        tn_text_init(&line);
        tn_braille_add(&line, values, columns, row, CURVE_ROWS, low, high);
        if (row == 0 || row + 1 == CURVE_ROWS) {
            tn_number_format(number, row == 0 ? high : low, 4);
            fill_to(to, LABEL + FIGURE - (tn_columns(number) < FIGURE ? tn_columns(number) : FIGURE));
            put(to, TN_STYLE_DIM, number);
        }
        fill_to(to, left);
        put(to, TN_STYLE_NAME, line.data ? line.data : "");
        to->page.text.failed |= line.failed;
        tn_text_deinit(&line);
        end_line(to);
    }
}

static void put_validation(panel_page *to, const tn_panel *panel)
{
    const tn_history *history = panel->history;
    bool validated = tn_history_series_of(history, TN_HISTORY_VALID_SCORE)->count > 0;
    double score = last_of(tn_history_series_of(history, validated ? TN_HISTORY_VALID_SCORE : TN_HISTORY_TRAIN_SCORE));
    char more[48], number[32];
    snprintf(more, sizeof more, "score %s", isnan(score) ? "-" : tn_number_format(number, score, 3));
    if (tn_history_series_of(history, TN_HISTORY_VALID_LOSS)->count > 0)
        put_series(to, panel, TN_HISTORY_VALID_LOSS, "validation", more, true);
    else
        put_series(to, panel, validated ? TN_HISTORY_VALID_SCORE : TN_HISTORY_TRAIN_SCORE, validated ? "validation" : "score", NULL, true);
}

/* ---- layers ---- */

typedef struct layer {
    const tn_history_tensor *tensor;
    double ratio, strangeness; /* decades from what is usual */
} layer;

static int by_strangeness(const void *a, const void *b)
{
    double first = ((const layer *)a)->strangeness, second = ((const layer *)b)->strangeness;
    return first < second ? 1 : first > second ? -1 : 0;
}

/* The layers farthest from the usual, kept in order; how many. */
static size_t find_layers(const tn_history *history, layer found[LAYERS])
{
    size_t count = 0;
    for (size_t i = 0; i < tn_history_tensor_count(history); i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        double ratio = tensor->role == TN_ROLE_UPDATE && tn_history_row_count(tensor) > 0 ? tensor->last.ratio : NAN;
        if (!isfinite(ratio))
            continue;
        layer next = {.tensor = tensor, .ratio = ratio, .strangeness = ratio > 0 ? fabs(log10(ratio / USUAL)) : 99};
        if (count < LAYERS)
            found[count++] = next;
        else if (next.strangeness > found[LAYERS - 1].strangeness)
            found[LAYERS - 1] = next;
        qsort(found, count, sizeof *found, by_strangeness);
    }
    return count;
}

static void put_layer(panel_page *to, const layer *shown)
{
    enum { COURSE = 16, NAME = 28 };
    const tn_history_tensor *tensor = shown->tensor;
    size_t rows = tn_history_row_count(tensor), name = strlen(tensor->key);
    double values[COURSE];
    char buffer[32], text[TEXT_SIZE];
    /* "dense_2.weight", without what says that it is an update. */
    if (name > 7 && strcmp(tensor->key + name - 7, ".update") == 0)
        name -= 7;
    snprintf(text, sizeof text, "%.*s", (int)(name < TEXT_SIZE - 1 ? name : TEXT_SIZE - 1), tensor->key);
    put(to, TN_STYLE_PLAIN, "  ");
    tn_number_format(buffer, shown->ratio, 2);
    fill_to(to, 2 + (tn_columns(buffer) < 8 ? 8 - tn_columns(buffer) : 0));
    put(to, TN_STYLE_PLAIN, buffer);
    put(to, TN_STYLE_PLAIN, "  ");
    if (columns_left(to) > NAME + COURSE) {
        for (size_t i = 0; i < COURSE; i++) {
            double ratio = tn_history_row_at(tensor, i * (rows - 1) / (COURSE - 1))->ratio;
            values[i] = ratio > 0 ? log10(ratio) : (double)NAN;
        }
        size_t column = to->page.column;
        put_spark(to, values, COURSE);
        fill_to(to, column + COURSE + 2);
    }
    put(to, TN_STYLE_PLAIN, text);
    if (shown->ratio > USUAL * FAR)
        put(to, TN_STYLE_DOUBT, "  large");
    else if (shown->ratio < USUAL / FAR)
        put(to, TN_STYLE_DOUBT, shown->ratio > 0 ? "  small" : "  none");
    end_line(to);
}

static void put_layers(panel_page *to, const tn_panel *panel)
{
    layer found[LAYERS];
    size_t count = find_layers(panel->history, found);
    if (count == 0 || !has_room(to, 2))
        return;
    put(to, TN_STYLE_DIM, "updates relative to their weights, 0.001 is usual");
    end_line(to);
    for (size_t i = 0; i < count && has_room(to, 1); i++)
        put_layer(to, &found[i]);
}

/* ---- signals ---- */

static void put_signals(panel_page *to, const tn_panel *panel)
{
    size_t count = tn_history_signal_count(panel->history), shown = 0;
    char text[TEXT_SIZE], number[32];
    /* The latest of them: a history has them in the order in which they were raised. */
    for (size_t i = count > SIGNALS ? count - SIGNALS : 0; i < count && shown < SIGNALS && has_room(to, 1); i++, shown++) {
        const tn_history_signal *signal = tn_history_signal_at(panel->history, i);
        bool is_past = strcmp(signal->severity, "past") == 0;
        snprintf(text, sizeof text, "%c step %s  ", is_past ? '-' : '!', tn_count_format(number, (double)signal->step));
        put(to, is_past ? TN_STYLE_DIM : TN_STYLE_DOUBT, text);
        put(to, is_past ? TN_STYLE_DIM : TN_STYLE_PLAIN, signal->text);
        end_line(to);
    }
}

char *tn_panel_draw(const tn_panel *panel, bool colour, size_t width, size_t lines)
{
    panel_page to = {.width = width, .lines = lines > 0 ? lines : 1};
    tn_page_init(&to.page, colour, width);
    size_t signals = tn_history_signal_count(panel->history);
    signals = signals < SIGNALS ? signals : SIGNALS;
    /* Head, four series, the layers with their heading, and the signals come before the curve. */
    size_t without_curve = 5 + LAYERS + 1 + signals;
    bool curve = width >= LABEL + FIGURE + 2 + CURVE_MIN && lines >= without_curve + CURVE_ROWS;
    put_head(&to, panel);
    put_series(&to, panel, TN_HISTORY_LOSS, "loss", NULL, !curve);
    if (curve)
        put_curve(&to, panel);
    /* Room for the signals, which say more than what follows. */
    size_t all = to.lines;
    to.lines = all > signals + to.made ? all - signals : to.made;
    put_validation(&to, panel);
    put_series(&to, panel, TN_HISTORY_GRADIENT_NORM, "gradient", NULL, true);
    put_series(&to, panel, TN_HISTORY_LEARNING_RATE, "rate", NULL, true);
    put_layers(&to, panel);
    to.lines = all;
    put_signals(&to, panel);
    return tn_page_take(&to.page);
}
