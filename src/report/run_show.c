/* run_show.c: one run as text: how it went, and its curves with the signals on the time line; see runs.h. Its layers are in run_layers.c. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/run_parts.h"

enum { LOSS_ROWS = 10, SMALL_ROWS = 5 };

/* ---- the head ---- */

static void put_end(tn_page *page, const tn_run_row *row)
{
    char steps[32], text[160];
    const char *plural = row->steps == 1 ? "" : "s";
    bool completed = row->end && strcmp(row->end, "completed") == 0;
    tn_count_format(steps, (double)row->steps);
    if (row->end)
        snprintf(text, sizeof text, "%.60s after %s step%s", row->end, steps, plural);
    else
        snprintf(text, sizeof text, "not, as far as the store knows: it is still running, or its process was killed; %s step%s recorded",
                 steps, plural);
    tn_run_label(page, "ended");
    tn_page_wrap(page, completed ? TN_STYLE_PLAIN : row->end ? TN_STYLE_BAD : TN_STYLE_DOUBT, TN_PART_INDENT + TN_PLOT_LABEL + 1, text);
    tn_page_end_line(page);
}

static void head(tn_page *page, const tn_run_view *run)
{
    const tn_run_row *row = run->row;
    char changes[2048], first[32], last[32];
    tn_run_title(page, "run", row);
    tn_run_label(page, "started");
    snprintf(changes, sizeof changes, "%.10s %.8s UTC, seed %llu, %.40s, tenet %.40s", row->started,
             strlen(row->started) > 11 ? row->started + 11 : "", (unsigned long long)row->seed, row->isa, row->version);
    tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + TN_PLOT_LABEL + 1, changes);
    tn_page_end_line(page);
    page->text.failed |= !tn_run_row_changes(row, changes, sizeof changes);
    if (changes[0]) {
        tn_run_label(page, "changed");
        tn_page_wrap(page, TN_STYLE_NAME, TN_PART_INDENT + TN_PLOT_LABEL + 1, changes);
        tn_page_end_line(page);
    }
    put_end(page, row);
    const tn_history_series *loss = tn_history_series_of(run->history, TN_HISTORY_LOSS);
    if (loss->count > 0) {
        tn_run_label(page, "loss");
        tn_page_putf(page, TN_STYLE_PLAIN, "%s %s %s", tn_run_figure(first, loss->points[0].first), page->ascii ? "->" : "→",
                     tn_run_figure(last, loss->points[loss->count - 1].last));
        if (!isnan(row->score))
            tn_page_putf(page, TN_STYLE_PLAIN, ", score %.3f", row->score);
        tn_page_end_line(page);
    }
}

/* ---- curves ---- */

static tn_style severity_style(const tn_history_signal *signal)
{
    return strcmp(signal->severity, "warning") == 0 || strcmp(signal->severity, "note") == 0 ? TN_STYLE_DOUBT : TN_STYLE_BAD;
}

static void curve(tn_page *page, const char *title, const tn_plot *plot)
{
    char heading[64];
    snprintf(heading, sizeof heading, "%s%s", title, tn_plot_is_logarithmic(plot) ? " (logarithmic scale)" : "");
    tn_part_heading(page, heading);
    tn_plot_put(page, plot);
}

static bool varies(const tn_history_series *series)
{
    for (size_t i = 1; i < series->count; i++)
        if (series->points[i].min != series->points[0].max || series->points[i].max != series->points[0].max)
            return true;
    return series->count > 0 && series->points[0].min != series->points[0].max;
}

static void curves(tn_page *page, const tn_history *history)
{
    tn_plot_mark marks[TN_HISTORY_SIGNALS];
    size_t mark_count = tn_history_signal_count(history);
    uint64_t last_step = tn_history_last_step(history);
    for (size_t i = 0; i < mark_count; i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        marks[i] = (tn_plot_mark){.step = signal->step, .symbol = tn_plot_symbol(i), .style = severity_style(signal)};
    }
    const tn_history_series *loss = tn_history_series_of(history, TN_HISTORY_LOSS),
                            *norm = tn_history_series_of(history, TN_HISTORY_GRADIENT_NORM),
                            *rate = tn_history_series_of(history, TN_HISTORY_LEARNING_RATE);
    if (loss->seen > 1)
        curve(page, "Loss of each batch",
              &(tn_plot){.curves = {loss}, .last_step = last_step, .rows = LOSS_ROWS, .marks = marks, .mark_count = mark_count});
    static const struct {
        const char *title;
        tn_history_kind train, valid;
    } PAIRS[] = {{"Loss, training mode off", TN_HISTORY_TRAIN_LOSS, TN_HISTORY_VALID_LOSS},
                 {"Score", TN_HISTORY_TRAIN_SCORE, TN_HISTORY_VALID_SCORE}};
    for (size_t i = 0; i < sizeof PAIRS / sizeof *PAIRS; i++) {
        const tn_history_series *train = tn_history_series_of(history, PAIRS[i].train),
                                *valid = tn_history_series_of(history, PAIRS[i].valid);
        if (train->seen + valid->seen > 1)
            curve(page, PAIRS[i].title,
                  &(tn_plot){.curves = {train, valid},
                             .names = {train->count ? "train" : NULL, valid->count ? "valid" : NULL},
                             .last_step = last_step,
                             .rows = SMALL_ROWS});
    }
    if (norm->seen > 1)
        curve(page, "Gradient norm", &(tn_plot){.curves = {norm}, .last_step = last_step, .rows = SMALL_ROWS});
    if (varies(rate))
        curve(page, "Learning rate", &(tn_plot){.curves = {rate}, .last_step = last_step, .rows = SMALL_ROWS});
    else if (rate->count > 0) {
        char number[32];
        tn_page_gap(page);
        tn_run_label(page, "rate");
        tn_page_putf(page, TN_STYLE_PLAIN, "%s throughout", tn_run_figure(number, rate->points[0].first));
        tn_page_end_line(page);
    }
}

static void signals(tn_page *page, const tn_history *history)
{
    size_t count = tn_history_signal_count(history), widest = 0;
    if (count == 0)
        return;
    tn_part_heading(page, "Signals");
    for (size_t i = 0; i < count; i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        widest = tn_columns(signal->rule) > widest ? tn_columns(signal->rule) : widest;
    }
    for (size_t i = 0; i < count; i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        char step[32];
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, severity_style(signal), (const char[]){tn_plot_symbol(i), '\0'});
        tn_page_fill_to(page, TN_PART_INDENT + 3);
        tn_page_put(page, TN_STYLE_NAME, signal->rule);
        tn_page_fill_to(page, TN_PART_INDENT + 3 + widest + 2);
        tn_page_putf(page, TN_STYLE_DIM, "step %s", tn_count_format(step, (double)signal->step));
        tn_page_end_line(page);
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 3, signal->text);
        tn_page_end_line(page);
    }
}

char *tn_run_show_text(const tn_run_view *run, const tn_history_tensor *tensor, const tn_report_style *style)
{
    tn_page page;
    tn_page_init(&page, style->colour, style->width);
    page.ascii = style->ascii;
    if (tensor) {
        tn_part_run_tensor(&page, run, tensor);
        return tn_page_take(&page);
    }
    head(&page, run);
    curves(&page, run->history);
    tn_part_metrics(&page, run->metrics);
    tn_part_metrics(&page, run->test);
    signals(&page, run->history);
    tn_run_layers(&page, run->history);
    return tn_page_take(&page);
}
