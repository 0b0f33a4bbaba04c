/* text_pictures.c: what is better seen than read: the ladder of learning rates, the rungs of the overfit test, samples, and the curve of a run; see text_parts.h. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/text_parts.h"

enum { BAR_MAX = 30, PICTURE_INDENT = 2 };

static size_t bar_width(const tn_page *page, size_t used)
{
    size_t left = page->width > used ? page->width - used : 0;
    return left < BAR_MAX ? left : BAR_MAX;
}

/* Text at the right end of `columns`. */
static void put_right(tn_page *page, tn_style style, size_t columns, const char *text)
{
    size_t used = tn_columns(text);
    tn_page_fill_to(page, page->column + (used < columns ? columns - used : 0));
    tn_page_put(page, style, text);
}

/* ---- the ladder: one line a rate, its loss as a bar, and where it broke ---- */

static bool rung_broke(const json_t *rung)
{
    const char *end = tn_part_string(rung, "end");
    return tn_part_true(rung, "diverged") || (end && strcmp(end, "nonfinite") == 0);
}

/* The rung with the lowest rate above `last`, or NULL: rungs stand in the order tried, and are shown by rate. */
static const json_t *next_rung(const json_t *rungs, double last)
{
    const json_t *rung, *next = NULL;
    size_t index;
    json_array_foreach(rungs, index, rung)
    {
        double rate = tn_part_number(rung, "rate");
        if (rate > last && (!next || rate < tn_part_number(next, "rate")))
            next = rung;
    }
    return next;
}

static bool is_nonfinite(const json_t *rung)
{
    const char *end = tn_part_string(rung, "end");
    return end && strcmp(end, "nonfinite") == 0;
}

static bool is_rate(double rate, double given)
{
    return !isnan(given) && fabs(rate - given) <= 1e-9 * fabs(given);
}

/* How many rungs from the one above `last` on may be left out: NaN, as the ones around them, and not the given rate. *last moves on to the last of them. */
static size_t alike(const json_t *rungs, double given, double *last)
{
    size_t count = 0;
    const json_t *rung = next_rung(rungs, *last), *after;
    for (; rung && is_nonfinite(rung) && !is_rate(tn_part_number(rung, "rate"), given); rung = after) {
        after = next_rung(rungs, tn_part_number(rung, "rate"));
        if (!after || !is_nonfinite(after))
            break;
        *last = tn_part_number(rung, "rate");
        count++;
    }
    return count;
}

/* Two of a run of NaN are shown in full; the others say no more. */
enum { ALIKE_SHOWN = 2 };

static void ladder(tn_page *page, const json_t *rungs, double given)
{
    double highest = 0, last = -INFINITY;
    size_t index;
    const json_t *rung;
    json_array_foreach(rungs, index, rung)
    {
        double loss = tn_part_number(rung, "loss");
        if (!rung_broke(rung) && loss > highest)
            highest = loss;
    }
    tn_page_fill_to(page, PICTURE_INDENT);
    put_right(page, TN_STYLE_DIM, 10, "rate");
    put_right(page, TN_STYLE_DIM, 12, "loss");
    tn_page_end_line(page);
    size_t nonfinite_before = 0;
    while ((rung = next_rung(rungs, last))) {
        char buffer[32];
        double rate = tn_part_number(rung, "rate"), loss = tn_part_number(rung, "loss"), next = last;
        const char *end = tn_part_string(rung, "end");
        bool nonfinite = is_nonfinite(rung), broke = rung_broke(rung);
        size_t left_out = nonfinite_before >= ALIKE_SHOWN ? alike(rungs, given, &next) : 0;
        if (left_out > 1) {
            last = next;
            nonfinite_before = 0;
            tn_page_fill_to(page, PICTURE_INDENT);
            put_right(page, TN_STYLE_DIM, 10, "...");
            tn_page_putf(page, TN_STYLE_DIM, "  %zu more, all NaN", left_out);
            tn_page_end_line(page);
            continue;
        }
        nonfinite_before = nonfinite ? nonfinite_before + 1 : 0;
        last = rate;
        bool is_given = is_rate(rate, given);
        tn_page_fill_to(page, PICTURE_INDENT);
        put_right(page, is_given ? TN_STYLE_BOLD : TN_STYLE_PLAIN, 10, tn_part_figure(buffer, rate));
        put_right(page, broke ? TN_STYLE_BAD : TN_STYLE_PLAIN, 12, nonfinite ? "NaN" : isnan(loss) ? "-" : tn_part_figure(buffer, loss));
        tn_page_put(page, TN_STYLE_PLAIN, "  ");
        double step = tn_part_number(rung, "nonfinite_step");
        if (nonfinite && !isnan(step))
            tn_page_putf(page, TN_STYLE_BAD, "at step %s", tn_count_format(buffer, step));
        else if (!nonfinite && tn_part_true(rung, "diverged"))
            tn_page_put(page, TN_STYLE_BAD, "diverged");
        else if (!broke && highest > 0 && loss >= 0)
            tn_page_bar(page, TN_STYLE_NAME, loss / highest, bar_width(page, PICTURE_INDENT + 36), false);
        if (end && strcmp(end, "completed") != 0 && !nonfinite)
            tn_page_putf(page, TN_STYLE_DIM, " %s", end);
        if (is_given)
            tn_page_put(page, TN_STYLE_BOLD, "  ← given");
        tn_page_end_line(page);
    }
}

/* ---- the overfit test: one line a rung, its training score as a bar ---- */

static void overfit_rungs(tn_page *page, const json_t *rungs)
{
    size_t index;
    const json_t *rung;
    tn_page_fill_to(page, PICTURE_INDENT);
    put_right(page, TN_STYLE_DIM, 9, "samples");
    put_right(page, TN_STYLE_DIM, 9, "steps");
    put_right(page, TN_STYLE_DIM, 8, "score");
    tn_page_end_line(page);
    json_array_foreach(rungs, index, rung)
    {
        char buffer[32];
        double score = tn_part_number(rung, "score"), steps = tn_part_number(rung, "steps");
        bool passed = tn_part_true(rung, "passed");
        tn_page_fill_to(page, PICTURE_INDENT);
        put_right(page, TN_STYLE_PLAIN, 9, tn_count_format(buffer, tn_part_number(rung, "samples")));
        put_right(page, TN_STYLE_PLAIN, 9, isnan(steps) ? "-" : tn_count_format(buffer, steps));
        snprintf(buffer, sizeof buffer, "%.2f", score);
        put_right(page, TN_STYLE_PLAIN, 8, isnan(score) ? "NaN" : buffer);
        tn_page_put(page, TN_STYLE_PLAIN, "  ");
        tn_page_bar(page, passed ? TN_STYLE_GOOD : TN_STYLE_BAD, score, bar_width(page, PICTURE_INDENT + 37), true);
        tn_page_put(page, passed ? TN_STYLE_GOOD : TN_STYLE_BAD, passed ? "  passed" : "  failed");
        tn_page_end_line(page);
    }
}

/* ---- samples: pictures side by side, with what the network said of them ---- */

enum { CAPTION_SIZE = 96 };
enum { SAMPLE_MIN_COLUMNS = 22, SAMPLES_A_ROW_MAX = 8, CAPTION_LINES = 5, SUSPECTS_SHOWN = 12 };

/* A prediction or label: a word, a number, or a short list of numbers. */
static void answer_text(char text[48], const json_t *answer)
{
    char buffer[32];
    size_t index, used = 0;
    const json_t *value;
    text[0] = '\0';
    if (json_is_string(answer))
        snprintf(text, 48, "%s", json_string_value(answer));
    else if (json_is_number(answer))
        snprintf(text, 48, "%s", tn_part_figure(buffer, json_number_value(answer)));
    else if (json_is_null(answer))
        snprintf(text, 48, "NaN");
    json_array_foreach(answer, index, value)
    {
        tn_number_format(buffer, json_is_number(value) ? json_number_value(value) : NAN, 3);
        if (used + strlen(buffer) + 6 >= 48) {
            snprintf(text + used, 48 - used, " ..");
            break;
        }
        used += (size_t)snprintf(text + used, 48 - used, "%s%s", index > 0 ? " " : "", buffer);
    }
}

/* The lines over a picture: what it is, its inputs where it is none, and what the network said. An empty line is left out where all samples have none. */
static void caption(char line[CAPTION_SIZE], size_t which, const json_t *sample)
{
    static const char *const KEYS[][2] = {{"prediction_before", "loss_before"}, {"prediction_after", "loss_after"}};
    const json_t *inputs = json_object_get(sample, "inputs");
    char answer[48], number[32];
    line[0] = '\0';
    if (which == 0) {
        answer_text(answer, json_object_get(sample, "label"));
        snprintf(line, CAPTION_SIZE, "row %s, label %s", tn_count_format(number, tn_part_number(sample, "row")), answer);
    } else if (which == 1 && inputs) {
        answer_text(answer, inputs);
        snprintf(line, CAPTION_SIZE, "inputs %s", answer);
    } else if (which == 4 && json_object_get(sample, "suggested")) {
        answer_text(answer, json_object_get(sample, "suggested"));
        snprintf(line, CAPTION_SIZE, "looks like %s (%.2f), %s of 10", answer, tn_part_number(sample, "probability"),
                 tn_count_format(number, tn_part_number(sample, "neighbours")));
    } else if (which > 1 && which < 4 && json_object_get(sample, KEYS[which - 2][0])) {
        double loss = tn_part_number(sample, KEYS[which - 2][1]);
        answer_text(answer, json_object_get(sample, KEYS[which - 2][0]));
        snprintf(line, CAPTION_SIZE, "%s %s, loss %s", which == 2 ? "before" : "after ", answer,
                 isnan(loss) ? "NaN" : tn_number_format(number, loss, 3));
    }
}

static size_t sample_columns(const json_t *shown)
{
    size_t widest = SAMPLE_MIN_COLUMNS, index, row;
    const json_t *sample, *line;
    char text[CAPTION_SIZE];
    json_array_foreach(shown, index, sample)
    {
        json_array_foreach(json_object_get(sample, "picture"), row, line)
        {
            size_t columns = json_is_string(line) ? tn_columns(json_string_value(line)) : 0;
            widest = columns > widest ? columns : widest;
        }
        for (size_t which = 0; which < CAPTION_LINES; which++) {
            caption(text, which, sample);
            widest = tn_columns(text) > widest ? tn_columns(text) : widest;
        }
    }
    return widest;
}

static void samples_row(tn_page *page, const json_t *shown, size_t first, size_t count, size_t columns)
{
    char text[CAPTION_SIZE];
    size_t height = 0;
    for (size_t i = first; i < first + count; i++) {
        size_t rows = json_array_size(json_object_get(json_array_get(shown, i), "picture"));
        height = rows > height ? rows : height;
    }
    for (size_t line = 0; line < CAPTION_LINES + height; line++) {
        bool empty = line < CAPTION_LINES;
        for (size_t i = 0; i < count && empty; i++) {
            caption(text, line, json_array_get(shown, first + i));
            empty = text[0] == '\0';
        }
        if (empty)
            continue;
        for (size_t i = 0; i < count; i++) {
            const json_t *sample = json_array_get(shown, first + i);
            tn_page_fill_to(page, PICTURE_INDENT + i * (columns + 3));
            if (line < CAPTION_LINES) {
                caption(text, line, sample);
                tn_page_put(page, line == 0 ? TN_STYLE_BOLD : TN_STYLE_PLAIN, text);
            } else {
                const char *row = json_string_value(json_array_get(json_object_get(sample, "picture"), line - CAPTION_LINES));
                tn_page_put(page, TN_STYLE_PLAIN, row ? row : "");
            }
        }
        tn_page_end_line(page);
    }
}

/* At most `most` of them. */
static void samples(tn_page *page, const json_t *shown, size_t most)
{
    size_t count = json_array_size(shown), columns = sample_columns(shown);
    size_t beside = page->width > PICTURE_INDENT + columns ? (page->width - PICTURE_INDENT + 3) / (columns + 3) : 1;
    beside = beside == 0 ? 1 : beside > SAMPLES_A_ROW_MAX ? SAMPLES_A_ROW_MAX : beside;
    count = count < most ? count : most;
    for (size_t first = 0; first < count; first += beside) {
        if (first > 0)
            tn_page_gap(page);
        samples_row(page, shown, first, count - first < beside ? count - first : beside, columns);
    }
}

/* Rows whose labels are doubted: what they look like by networks that never saw them, and how many of the ten nearest neighbours have that label. */
static void suspects(tn_page *page, const json_t *doubted)
{
    char shown[32], all[32];
    samples(page, doubted, SUSPECTS_SHOWN);
    if (json_array_size(doubted) > SUSPECTS_SHOWN) {
        tn_page_fill_to(page, PICTURE_INDENT);
        tn_page_putf(page, TN_STYLE_DIM, "the first %s of %s; --json lists all", tn_count_format(shown, SUSPECTS_SHOWN),
                     tn_count_format(all, (double)json_array_size(doubted)));
        tn_page_end_line(page);
    }
}

void tn_part_pictures(tn_page *page, const json_t *experiment, bool with_samples)
{
    const json_t *result = json_object_get(experiment, "result");
    const json_t *rates = json_object_get(result, "ladder"), *rungs = json_object_get(result, "rungs"),
                 *shown = json_object_get(result, "shown"), *doubted = json_object_get(result, "suspects");
    if (json_array_size(rates) > 0) {
        tn_part_heading(page, "Learning rates tried");
        ladder(page, rates, tn_part_number(result, "learning_rate"));
    }
    if (json_array_size(rungs) > 0) {
        tn_part_heading(page, "Samples memorised");
        overfit_rungs(page, rungs);
    }
    if (with_samples && json_array_size(shown) > 0) {
        tn_part_heading(page, "Samples, as the network sees them");
        samples(page, shown, SIZE_MAX);
    }
    if (with_samples && json_array_size(doubted) > 0) {
        tn_part_heading(page, "Labels in doubt, surest first");
        suspects(page, doubted);
    }
    tn_part_tuning(page, experiment);
}

/* ---- a run: its loss as one line of blocks, its scores as a table ---- */

static void curve(tn_page *page, const json_t *points)
{
    static const char *const LEVELS[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    double lowest = INFINITY, highest = -INFINITY;
    size_t index;
    const json_t *point;
    json_array_foreach(points, index, point)
    {
        double loss = tn_part_number(point, "loss");
        lowest = loss < lowest ? loss : lowest;
        highest = loss > highest ? loss : highest;
    }
    if (!(lowest <= highest) || json_array_size(points) < 2)
        return;
    tn_text line;
    tn_text_init(&line);
    tn_part_label(page, TN_PART_INDENT, "loss");
    size_t room = page->width > page->column ? page->width - page->column : 0;
    json_array_foreach(points, index, point)
    {
        double loss = tn_part_number(point, "loss");
        if (index < room)
            tn_text_add(&line, isnan(loss) ? "×" : LEVELS[highest > lowest ? (size_t)((loss - lowest) / (highest - lowest) * 7 + 0.5) : 0]);
    }
    if (line.data)
        tn_page_put(page, TN_STYLE_NAME, line.data);
    tn_page_end_line(page);
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

static void scores(tn_page *page, const json_t *points)
{
    size_t index;
    const json_t *point;
    char buffer[32];
    if (json_array_size(points) == 0)
        return;
    tn_page_gap(page);
    tn_page_fill_to(page, TN_PART_INDENT);
    put_right(page, TN_STYLE_DIM, 8, "step");
    put_right(page, TN_STYLE_DIM, 9, "train");
    put_right(page, TN_STYLE_DIM, 9, "valid");
    tn_page_end_line(page);
    json_array_foreach(points, index, point)
    {
        double train = tn_part_number(point, "train"), valid = tn_part_number(point, "valid");
        tn_page_fill_to(page, TN_PART_INDENT);
        put_right(page, TN_STYLE_PLAIN, 8, tn_count_format(buffer, tn_part_number(point, "step")));
        snprintf(buffer, sizeof buffer, "%.3f", train);
        put_right(page, TN_STYLE_PLAIN, 9, isnan(train) ? "-" : buffer);
        snprintf(buffer, sizeof buffer, "%.3f", valid);
        put_right(page, TN_STYLE_PLAIN, 9, isnan(valid) ? "-" : buffer);
        tn_page_put(page, TN_STYLE_PLAIN, "  ");
        tn_page_bar(page, TN_STYLE_NAME, isnan(valid) ? train : valid, bar_width(page, TN_PART_INDENT + 28), true);
        tn_page_end_line(page);
    }
}

void tn_part_run(tn_page *page, const json_t *run)
{
    if (!json_is_object(run))
        return;
    tn_page_gap(page);
    curve(page, json_object_get(run, "curve"));
    scores(page, json_object_get(run, "scores"));
    tn_part_metrics(page, json_object_get(run, "metrics"));
    tn_part_metrics(page, json_object_get(run, "test"));
}
