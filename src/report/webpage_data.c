/* webpage_data.c: the document of the page of a run; see webpage.h and docs/run_page.md.
 *
 * Numbers are those of the history: series as the mean of each point, with its least and greatest where a point stands for several steps; tensors as columns. Where the document grows
 * too long it is written again with fewer points, then fewer tensors: the levels of LEVELS, one after another. Series are thinned by merging neighbours, as the history does, rows of
 * tensors by leaving some out, the last one never. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/webpage.h"

/* How much is shown. */
typedef struct thinning {
    size_t points, rows, tensors;
} thinning;

static const thinning LEVELS[] = {{512, 64, 2048}, {256, 32, 2048}, {256, 24, 800}, {128, 16, 400},
                                  {128, 16, 100},  {64, 8, 20},     {64, 8, 0}};

enum { LEVEL_COUNT = sizeof LEVELS / sizeof *LEVELS, NONFINITE_MAX = 64 };

/* ---- text ---- */

static bool is_continuation(unsigned char byte)
{
    return (byte & 0xC0) == 0x80;
}

/* Bytes of the UTF-8 character at `at`, or 0 where there is none (overlong forms and surrogates are no characters). */
static size_t character_size(const unsigned char *at)
{
    if (at[0] < 0x80)
        return 1;
    if (at[0] >= 0xC2 && at[0] < 0xE0 && is_continuation(at[1]))
        return 2;
    if ((at[0] & 0xF0) == 0xE0 && is_continuation(at[1]) && is_continuation(at[2]))
        return (at[0] == 0xE0 && at[1] < 0xA0) || (at[0] == 0xED && at[1] >= 0xA0) ? 0 : 3;
    if (at[0] >= 0xF0 && at[0] < 0xF5 && is_continuation(at[1]) && is_continuation(at[2]) && is_continuation(at[3]))
        return (at[0] == 0xF0 && at[1] < 0x90) || (at[0] == 0xF4 && at[1] >= 0x90) ? 0 : 4;
    return 0;
}

void tn_json_add_string(tn_text *json, const char *string)
{
    if (!string) {
        tn_text_add(json, "null");
        return;
    }
    tn_text_add(json, "\"");
    for (const unsigned char *at = (const unsigned char *)string; *at;) {
        size_t size = character_size(at);
        if (size == 0)
            tn_text_add(json, "\\ufffd");
        else if (*at < 0x20 || *at == 0x7F || strchr("\"\\<>&", *at))
            tn_text_addf(json, "\\u%04x", *at);
        else
            tn_text_add_bytes(json, (const char *)at, size);
        at += size ? size : 1;
    }
    tn_text_add(json, "\"");
}

void tn_json_add_number(tn_text *json, double value)
{
    if (isfinite(value))
        tn_text_addf(json, "%.6g", value);
    else
        tn_text_add(json, "null");
}

static void add_count(tn_text *json, uint64_t value)
{
    tn_text_addf(json, "%" PRIu64, value);
}

/* 0 stands for what is not known. */
static void add_known(tn_text *json, const char *name, uint64_t value)
{
    tn_text_addf(json, ",\"%s\":", name);
    if (value > 0)
        add_count(json, value);
    else
        tn_text_add(json, "null");
}

static void add_comma(tn_text *json, size_t i)
{
    if (i > 0)
        tn_text_add(json, ",");
}

char tn_page_digit(unsigned level)
{
    static const char DIGITS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    return DIGITS[level < 64 ? level : 63];
}

unsigned tn_page_share_level(uint16_t share)
{
    return share == 0 ? 0 : 1 + (unsigned)lround(log2((double)share) * 62 / 16);
}

/* ---- series ---- */

/* Point i of a series of at most `most`: neighbours merged. `merged` says how many points stand in one. */
static tn_history_point thinned_point(const tn_history_series *series, size_t merged, size_t i)
{
    tn_history_point point = series->points[i * merged];
    for (size_t k = i * merged + 1; k < (i + 1) * merged && k < series->count; k++) {
        const tn_history_point *next = &series->points[k];
        point.last_step = next->last_step;
        point.count += next->count;
        point.nan += next->nan;
        point.infinite += next->infinite;
        point.last = next->last;
        point.min = fmin(point.min, next->min);
        point.max = fmax(point.max, next->max);
        point.sum += next->sum;
    }
    return point;
}

typedef enum point_part { STEP, MEAN, LEAST, MOST } point_part;

static void add_points(tn_text *json, const tn_history_series *series, size_t merged, const char *name, point_part part)
{
    size_t count = (series->count + merged - 1) / merged;
    tn_text_addf(json, "%s\"%s\":[", part == STEP ? "" : ",", name);
    for (size_t i = 0; i < count; i++) {
        const tn_history_point point = thinned_point(series, merged, i);
        add_comma(json, i);
        if (part == STEP)
            add_count(json, point.last_step);
        else
            tn_json_add_number(json, part == MEAN ? tn_history_point_mean(&point) : part == LEAST ? point.min : point.max);
    }
    tn_text_add(json, "]");
}

/* Where a value was not finite, the first NONFINITE_MAX points, and how many values in all. */
static void add_nonfinite(tn_text *json, const tn_history_series *series)
{
    uint64_t bad = 0;
    size_t told = 0;
    tn_text_add(json, ",\"nonfinite\":[");
    for (size_t i = 0; i < series->count; i++) {
        const tn_history_point *point = &series->points[i];
        bad += point->nan + point->infinite;
        if (point->nan + point->infinite > 0 && told < NONFINITE_MAX) {
            add_comma(json, told++);
            add_count(json, point->last_step);
        }
    }
    tn_text_addf(json, "],\"bad\":%" PRIu64, bad);
}

static void add_series(tn_text *json, const tn_history *history, size_t most)
{
    size_t told = 0;
    tn_text_add(json, ",\"series\":{");
    for (size_t kind = 0; kind < TN_HISTORY_KINDS; kind++) {
        const tn_history_series *series = tn_history_series_of(history, (tn_history_kind)kind);
        if (series->count == 0)
            continue;
        size_t merged = (series->count + most - 1) / most;
        add_comma(json, told++);
        tn_text_addf(json, "\"%s\":{", tn_history_kind_name((tn_history_kind)kind));
        add_points(json, series, merged, "step", STEP);
        add_points(json, series, merged, "mean", MEAN);
        if (merged * series->stride > 1) {
            add_points(json, series, merged, "min", LEAST);
            add_points(json, series, merged, "max", MOST);
        }
        add_nonfinite(json, series);
        tn_text_add(json, ",\"last\":");
        tn_json_add_number(json, series->points[series->count - 1].last);
        tn_text_add(json, "}");
    }
    tn_text_add(json, "}");
}

/* ---- tensors ---- */

/* Row i of at most `most` of a tensor, evenly spread, the last one among them. */
static size_t thinned_rows(const tn_history_tensor *tensor, size_t most)
{
    size_t count = tn_history_row_count(tensor);
    return count < most ? count : most;
}

static const tn_history_row *thinned_row(const tn_history_tensor *tensor, size_t rows, size_t i)
{
    size_t last = tn_history_row_count(tensor) - 1;
    return tn_history_row_at(tensor, rows > 1 ? (i * last + (rows - 1) / 2) / (rows - 1) : last);
}

static bool has_grid(const tn_history_tensor *tensor, const tn_history_tensor *other, size_t most)
{
    size_t rows = thinned_rows(tensor, most);
    if (rows != thinned_rows(other, most))
        return false;
    for (size_t i = 0; i < rows; i++)
        if (thinned_row(tensor, rows, i)->step != thinned_row(other, rows, i)->step)
            return false;
    return true;
}

static void add_grid(tn_text *json, const tn_history_tensor *tensor, size_t most)
{
    size_t rows = thinned_rows(tensor, most);
    tn_text_add(json, "[");
    for (size_t i = 0; i < rows; i++) {
        add_comma(json, i);
        add_count(json, thinned_row(tensor, rows, i)->step);
    }
    tn_text_add(json, "]");
}

typedef enum row_part { RATIO, RMS, ZEROS, TOP } row_part;

static void add_rows(tn_text *json, const tn_history_tensor *tensor, size_t most, const char *name, row_part part)
{
    size_t rows = thinned_rows(tensor, most);
    tn_text_addf(json, ",\"%s\":[", name);
    for (size_t i = 0; i < rows; i++) {
        const tn_history_row *row = thinned_row(tensor, rows, i);
        const double values[] = {row->ratio, row->rms, row->zeros, row->top};
        add_comma(json, i);
        tn_json_add_number(json, values[part]);
    }
    tn_text_add(json, "]");
}

static void add_histograms(tn_text *json, const tn_history_tensor *tensor, size_t most)
{
    size_t rows = thinned_rows(tensor, most);
    char cells[2 * TN_HISTORY_BUCKETS];
    add_rows(json, tensor, most, "rms", RMS);
    add_rows(json, tensor, most, "zeros", ZEROS);
    add_rows(json, tensor, most, "top", TOP);
    tn_text_add(json, ",\"cells\":\"");
    for (size_t i = 0; i < rows; i++) {
        const tn_history_row *row = thinned_row(tensor, rows, i);
        for (size_t k = 0; k < sizeof cells; k++)
            cells[k] = tn_page_digit(tn_page_share_level(row->histogram[k / TN_HISTORY_BUCKETS][k % TN_HISTORY_BUCKETS]));
        tn_text_add_bytes(json, cells, sizeof cells);
    }
    const tn_history_row *last = thinned_row(tensor, rows, rows - 1);
    tn_text_add(json, "\",\"mean\":");
    tn_json_add_number(json, last->mean);
    tn_text_add(json, ",\"least\":");
    tn_json_add_number(json, last->min);
    tn_text_add(json, ",\"most\":");
    tn_json_add_number(json, last->max);
}

static void add_tensor(tn_text *json, const tn_history_tensor *tensor, size_t grid, size_t most)
{
    tn_text_add(json, "{\"key\":");
    tn_json_add_string(json, tensor->key);
    tn_text_addf(json, ",\"role\":\"%s\",\"op\":", tn_role_name(tensor->role));
    tn_json_add_string(json, tensor->op);
    tn_text_addf(json, ",\"node\":%zu,\"count\":%zu,\"grid\":%zu", tensor->node_index, tensor->count, grid);
    add_known(json, "nonfinite_step", tensor->nonfinite_step);
    if (tensor->role == TN_ROLE_UPDATE)
        add_rows(json, tensor, most, "ratio", RATIO);
    else
        add_histograms(json, tensor, most);
    tn_text_add(json, "}");
}

/* Tensors in the order of the network. Those of one grid of steps, which is most often all of them, share it. */
static void add_tensors(tn_text *json, const tn_history *history, const thinning *level)
{
    size_t total = tn_history_tensor_count(history), shown = total < level->tensors ? total : level->tensors, grids = 0, told = 0;
    size_t grid_of[16]; /* a tensor of each of the last grids */
    const size_t remembered = sizeof grid_of / sizeof *grid_of;
    tn_text grids_text;
    tn_text_init(&grids_text);
    tn_text_add(json, ",\"tensors\":[");
    for (size_t i = 0; i < shown; i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        if (tn_history_row_count(tensor) == 0)
            continue;
        size_t grid = grids;
        for (size_t back = 1; back <= remembered && back <= grids && grid == grids; back++)
            if (has_grid(tensor, tn_history_tensor_at(history, grid_of[(grids - back) % remembered]), level->rows))
                grid = grids - back;
        if (grid == grids) {
            grid_of[grids % remembered] = i;
            add_comma(&grids_text, grids++);
            add_grid(&grids_text, tensor, level->rows);
        }
        add_comma(json, told++);
        add_tensor(json, tensor, grid, level->rows);
    }
    tn_text_add(json, "],\"grids\":[");
    tn_text_add(json, grids_text.data ? grids_text.data : "");
    tn_text_addf(json, "],\"left_out\":%zu", total - shown + tn_history_tensors_left_out(history));
    json->failed |= grids_text.failed;
    tn_text_deinit(&grids_text);
}

/* ---- the document ---- */

static void add_signals(tn_text *json, const tn_history *history)
{
    tn_text_add(json, ",\"signals\":[");
    for (size_t i = 0; i < tn_history_signal_count(history); i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        add_comma(json, i);
        tn_text_add(json, "{\"rule\":");
        tn_json_add_string(json, signal->rule);
        tn_text_add(json, ",\"severity\":");
        tn_json_add_string(json, signal->severity);
        tn_text_addf(json, ",\"step\":%" PRIu64 ",\"tensor\":", signal->step);
        tn_json_add_string(json, signal->tensor);
        tn_text_add(json, ",\"value\":");
        tn_json_add_number(json, signal->value);
        tn_text_add(json, ",\"threshold\":");
        tn_json_add_number(json, signal->threshold);
        tn_text_add(json, ",\"text\":");
        tn_json_add_string(json, signal->text);
        tn_text_add(json, "}");
    }
    tn_text_add(json, "]");
}

static void add_facts(tn_text *json, const tn_run_facts *facts, const tn_history *history)
{
    tn_text_add(json, "{\"schema\":\"tenet.page/1\",\"title\":");
    tn_json_add_string(json, facts->title);
    tn_text_add(json, ",\"kind\":");
    tn_json_add_string(json, facts->kind);
    tn_text_add(json, ",\"state\":");
    tn_json_add_string(json, facts->state);
    tn_text_add(json, ",\"message\":");
    tn_json_add_string(json, facts->words);
    tn_text_addf(json, ",\"written\":%" PRId64 ",\"refresh\":", facts->written);
    tn_json_add_number(json, facts->refresh);
    tn_text_addf(json, ",\"step\":%" PRIu64, tn_history_last_step(history));
    add_known(json, "steps_total", facts->steps_total);
    add_known(json, "parameters", facts->parameters);
    add_known(json, "train_samples", facts->train_samples);
    tn_text_add(json, ",\"seconds\":");
    tn_json_add_number(json, facts->seconds);
    tn_text_add(json, ",\"steps_per_second\":");
    tn_json_add_number(json, facts->steps_per_second);
}

static void add_document(tn_text *json, const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown,
                         const thinning *level)
{
    add_facts(json, facts, history);
    add_series(json, history, level->points);
    add_signals(json, history);
    add_tensors(json, history, level);
    tn_text_add(json, ",\"shown\":");
    if (shown)
        tn_shown_log_json(shown, json);
    else
        tn_text_add(json, "null");
    tn_text_add(json, "}");
}

tn_status tn_webpage_json(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, size_t most, tn_text *json,
                          tn_error *error)
{
    for (size_t level = 0; level < LEVEL_COUNT; level++) {
        tn_text_deinit(json);
        tn_text_init(json);
        add_document(json, facts, history, shown, &LEVELS[level]);
        if (json->failed)
            return tn_fail_memory(error, most);
        if (json->length <= most)
            return TN_OK;
    }
    return tn_fail(error, TN_ERROR_DATA, "The page of the run is %zu bytes long at its shortest; expected at most %zu.", json->length,
                   most);
}
