/* run_compare.c: two runs side by side: what was different, how each went, where inside the networks they part, and what only one of them showed. See runs.h. It says what differs, not which is better.
 *
 * A figure of a tensor parts where one run's is more than PART_FACTOR times the other's, on the first step that both observed (a step of the first against the last one of the second that is not
 * later). Threshold: factor 2, own choice; two seeds of the same training differ by less in norms, and a changed rate by about its own factor in the updates. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/run_parts.h"

enum { CURVE_ROWS = 12, PARTED_SHOWN = 12, LABEL_WIDTH = 22 };

static const double PART_FACTOR = 2;

/* ---- what was different ---- */

typedef struct difference {
    const char *what;
    char values[2][256];
} difference;

typedef void difference_fn(void *context, const difference *found);

/* False where memory is out. */
static bool value_text(char text[256], const json_t *value)
{
    char number[32];
    if (!value)
        snprintf(text, 256, "-");
    else if (json_is_string(value))
        snprintf(text, 256, "%s", json_string_value(value));
    else if (json_is_number(value))
        snprintf(text, 256, "%s", tn_number_format(number, json_number_value(value), json_is_real(value) ? 6 : 17));
    else {
        char *written = tn_json_write(value, JSON_COMPACT | JSON_ENCODE_ANY);
        bool whole = written != NULL;
        snprintf(text, 256, "%s", written ? written : "");
        free(written);
        return whole;
    }
    return true;
}

/* False where memory is out. */
static bool each_difference(const tn_run_view runs[2], difference_fn *fn, void *context)
{
    const tn_run_row *a = runs[0].row, *b = runs[1].row;
    const struct {
        const char *what, *values[2];
    } WORDS[] = {{"subject", {a->subject, b->subject}},
                 {"experiment", {a->experiment, b->experiment}},
                 {"instructions", {a->isa, b->isa}},
                 {"tenet", {a->version, b->version}}};
    difference found;
    for (size_t i = 0; i < sizeof WORDS / sizeof *WORDS; i++) {
        if (strcmp(WORDS[i].values[0], WORDS[i].values[1]) == 0)
            continue;
        found.what = WORDS[i].what;
        for (size_t k = 0; k < 2; k++)
            snprintf(found.values[k], sizeof found.values[k], "%s", WORDS[i].values[k]);
        fn(context, &found);
    }
    if (a->seed != b->seed) {
        found.what = "seed";
        for (size_t k = 0; k < 2; k++)
            snprintf(found.values[k], sizeof found.values[k], "%llu", (unsigned long long)runs[k].row->seed);
        fn(context, &found);
    }
    /* Paths of the first, and then those of the second alone. */
    for (size_t side = 0; side < 2; side++) {
        const char *path;
        json_t *value;
        json_object_foreach(runs[side].row->changes, path, value)
        {
            const json_t *other = json_object_get(runs[1 - side].row->changes, path);
            bool equal = other && (json_equal(value, other) || (json_is_number(value) && json_is_number(other) &&
                                                                json_number_value(value) == json_number_value(other)));
            if (equal || (side == 1 && other))
                continue;
            found.what = path;
            if (!value_text(found.values[side], value) || !value_text(found.values[1 - side], other))
                return false;
            fn(context, &found);
        }
    }
    return true;
}

/* ---- the layers that part ---- */

typedef struct parting {
    const tn_history_tensor *tensor; /* the first run's */
    tn_layer_figure figure;
    uint64_t step; /* the first on which they differ by more than the factor */
    double factor; /* the largest on any step; INFINITY where one is zero or not finite and the other is neither */
    uint64_t factor_step;
    double values[2]; /* there */
} parting;

/* How many times one is the other, at least 1; 1 where nothing can be said. */
static double factor_between(double a, double b)
{
    if (isnan(a) || isnan(b) || a == b)
        return 1;
    if (!isfinite(a) || !isfinite(b) || a <= 0 || b <= 0)
        return INFINITY;
    return a > b ? a / b : b / a;
}

/* The row of the last step that is not later than `step`, from *at on; NULL where there is none. */
static const tn_history_row *row_until(const tn_history_tensor *tensor, uint64_t step, size_t *at)
{
    while (*at + 1 < tn_history_row_count(tensor) && tn_history_row_at(tensor, *at + 1)->step <= step)
        ++*at;
    const tn_history_row *row = tn_history_row_count(tensor) ? tn_history_row_at(tensor, *at) : NULL;
    return row && row->step <= step ? row : NULL;
}

static bool parts(const tn_history_tensor *a, const tn_history_tensor *b, tn_layer_figure figure, parting *found)
{
    *found = (parting){.tensor = a, .figure = figure, .factor = 1};
    size_t at = 0, rows = tn_history_row_count(b);
    uint64_t last = rows ? tn_history_row_at(b, rows - 1)->step : 0;
    for (size_t i = 0; i < tn_history_row_count(a); i++) {
        const tn_history_row *row = tn_history_row_at(a, i), *other = row_until(b, row->step, &at);
        if (!other || row->step > last)
            continue; /* only one of them went so far */
        double values[2] = {tn_layer_value(figure, row), tn_layer_value(figure, other)};
        /* Of zeros the rest is compared: none against few is no difference, and few others against none is. */
        double factor = figure == TN_LAYER_ZEROS ? factor_between(1 - values[0], 1 - values[1]) : factor_between(values[0], values[1]);
        if (factor > PART_FACTOR && found->step == 0)
            found->step = row->step;
        if (factor > found->factor) {
            found->factor = factor;
            found->factor_step = row->step;
            memcpy(found->values, values, sizeof values);
        }
    }
    return found->step > 0;
}

static int by_factor(const void *left, const void *right)
{
    const parting *a = left, *b = right;
    if (a->factor != b->factor)
        return a->factor < b->factor ? 1 : -1;
    if (a->step != b->step)
        return a->step < b->step ? -1 : 1;
    int order = strcmp(a->tensor->key, b->tensor->key);
    return order ? order : (int)a->figure - (int)b->figure;
}

typedef struct partings {
    parting *list; /* [count], the largest factor first */
    size_t count, compared;
} partings;

/* False where memory is out. */
static bool find_partings(const tn_run_view runs[2], partings *found)
{
    size_t tensors = tn_history_tensor_count(runs[0].history);
    *found = (partings){.list = tn_memory_create(tensors * 2 + 1, sizeof *found->list)}; /* an output has two figures */
    if (!found->list)
        return false;
    for (size_t i = 0; i < tensors; i++) {
        const tn_history_tensor *a = tn_history_tensor_at(runs[0].history, i), *b = tn_history_tensor_find(runs[1].history, a->key);
        found->compared += b != NULL;
        for (tn_layer_figure figure = 0; b && figure < TN_LAYER_FIGURES; figure++)
            if (tn_layer_role(figure) == a->role && parts(a, b, figure, &found->list[found->count]))
                found->count++;
    }
    qsort(found->list, found->count, sizeof *found->list, by_factor);
    return true;
}

/* ---- signals ---- */

static bool fired_in(const tn_history *history, const tn_history_signal *signal)
{
    for (size_t i = 0; i < tn_history_signal_count(history); i++)
        if (strcmp(tn_history_signal_at(history, i)->rule, signal->rule) == 0)
            return true;
    return false;
}

/* ---- final figures ---- */

typedef struct final_figure {
    const char *title;
    double values[2];
    bool seen[2];
} final_figure;

enum { FINAL_FIGURES = TN_HISTORY_KINDS + 1 };

static double lowest_loss(const tn_history *history)
{
    const tn_history_series *loss = tn_history_series_of(history, TN_HISTORY_LOSS);
    double lowest = INFINITY;
    for (size_t i = 0; i < loss->count; i++)
        lowest = fmin(lowest, loss->points[i].min);
    return isfinite(lowest) ? lowest : (double)NAN;
}

static final_figure final_of(const tn_run_view runs[2], size_t i)
{
    final_figure figure = {.title = i == 0 ? "lowest loss" : tn_history_kind_name((tn_history_kind)(i - 1))};
    for (size_t k = 0; k < 2; k++) {
        figure.seen[k] = tn_history_series_of(runs[k].history, TN_HISTORY_LOSS)->count > 0;
        figure.values[k] = i == 0 ? lowest_loss(runs[k].history) : tn_run_last(runs[k].history, (tn_history_kind)(i - 1), &figure.seen[k]);
    }
    return figure;
}

/* ---- text ---- */

/* A line of two values; where the first leaves no room, the second stands under it. */
static void put_pair(tn_page *page, const char *title, const char *first, const char *second, size_t width)
{
    size_t column = TN_PART_INDENT + LABEL_WIDTH, other = column + width + 2;
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, title);
    if (page->column + 1 > column)
        tn_page_end_line(page);
    tn_page_wrap(page, TN_STYLE_NAME, column, first);
    if (page->column + 1 > other || tn_columns(second) > page->width - other)
        tn_page_end_line(page);
    tn_page_wrap(page, TN_STYLE_DOUBT, page->column == 0 ? column : other, second);
    tn_page_end_line(page);
}

static size_t half_width(const tn_page *page)
{
    size_t left = page->width > TN_PART_INDENT + LABEL_WIDTH + 2 ? (page->width - TN_PART_INDENT - LABEL_WIDTH - 2) / 2 : 8;
    return left < 24 ? left : 24;
}

typedef struct difference_text {
    tn_page *page;
    size_t count;
} difference_text;

static void put_difference(void *context, const difference *found)
{
    difference_text *to = context;
    if (to->count++ == 0)
        tn_part_heading(to->page, "What differs");
    put_pair(to->page, found->what, found->values[0], found->values[1], half_width(to->page));
}

static void put_loss(tn_page *page, const tn_run_view runs[2], char names[2][32])
{
    tn_plot plot = {.rows = CURVE_ROWS};
    for (size_t k = 0; k < 2; k++) {
        plot.curves[k] = tn_history_series_of(runs[k].history, TN_HISTORY_LOSS);
        plot.names[k] = plot.curves[k]->count ? names[k] : NULL;
    }
    if (plot.curves[0]->count + plot.curves[1]->count == 0)
        return;
    char heading[128];
    snprintf(heading, sizeof heading, "Loss of each batch: %s whole, %s dashed%s", names[0], names[1],
             tn_plot_is_logarithmic(&plot) ? " (logarithmic scale)" : "");
    tn_page_gap(page);
    tn_page_wrap(page, TN_STYLE_BOLD, 0, heading);
    tn_page_end_line(page);
    tn_plot_put(page, &plot);
}

static void put_final(tn_page *page, const tn_run_view runs[2], char names[2][32])
{
    char texts[2][64], number[32];
    size_t width = half_width(page);
    tn_part_heading(page, "In the end");
    put_pair(page, "", names[0], names[1], width);
    put_pair(page, "end", tn_run_row_end(runs[0].row), tn_run_row_end(runs[1].row), width);
    for (size_t k = 0; k < 2; k++)
        snprintf(texts[k], sizeof texts[k], "%s", tn_count_format(number, (double)runs[k].row->steps));
    put_pair(page, "steps", texts[0], texts[1], width);
    for (size_t i = 0; i < FINAL_FIGURES; i++) {
        final_figure figure = final_of(runs, i);
        if (!figure.seen[0] && !figure.seen[1])
            continue;
        for (size_t k = 0; k < 2; k++)
            snprintf(texts[k], sizeof texts[k], "%s", figure.seen[k] ? tn_run_figure(number, figure.values[k]) : "-");
        put_pair(page, figure.title, texts[0], texts[1], width);
    }
}

static void put_partings(tn_page *page, const partings *found)
{
    char factor[32], step[32], number[2][32];
    size_t widest = 0, shown = found->count < PARTED_SHOWN ? found->count : PARTED_SHOWN;
    tn_part_heading(page, "Inside");
    if (found->count == 0) {
        tn_page_fill_to(page, TN_PART_INDENT);
        if (found->compared == 0)
            tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT, "No tensor was observed in both runs.");
        else
            tn_page_putf(page, TN_STYLE_PLAIN, "None of %zu tensors differs by more than %g times on any step that both observed.",
                         found->compared, PART_FACTOR);
        tn_page_end_line(page);
        return;
    }
    for (size_t i = 0; i < shown; i++) {
        size_t columns = tn_columns(found->list[i].tensor->node) +
                         (found->list[i].tensor->parameter ? 1 + tn_columns(found->list[i].tensor->parameter) : 0);
        widest = columns > widest ? columns : widest;
    }
    for (size_t i = 0; i < shown; i++) {
        const parting *one = &found->list[i];
        const tn_history_tensor *tensor = one->tensor;
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_putf(page, TN_STYLE_NAME, "%s%s%s", tensor->node, tensor->parameter ? "." : "", tensor->parameter ? tensor->parameter : "");
        tn_page_fill_to(page, TN_PART_INDENT + widest + 2);
        tn_page_put(page, TN_STYLE_DIM, tn_layer_title(one->figure));
        tn_page_fill_to(page, TN_PART_INDENT + widest + 2 + 15);
        for (size_t k = 0; k < 2; k++)
            snprintf(number[k], sizeof number[k], "%s", isinf(one->values[k]) ? "NaN/Inf" : tn_number_format(factor, one->values[k], 3));
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + widest + 2 + 15, "");
        tn_page_putf(page, TN_STYLE_PLAIN, "from step %s;", tn_count_format(step, (double)one->step));
        if (page->column + 40 > page->width) {
            tn_page_end_line(page);
            tn_page_fill_to(page, TN_PART_INDENT + 2);
        } else
            tn_page_put(page, TN_STYLE_PLAIN, " ");
        if (isfinite(one->factor))
            tn_page_putf(page, TN_STYLE_BOLD, "%s times", tn_number_format(factor, one->factor, 3));
        tn_page_putf(page, TN_STYLE_PLAIN, "%s%s against %s at step %s", isfinite(one->factor) ? ": " : "", number[0], number[1],
                     tn_count_format(step, (double)one->factor_step));
        tn_page_end_line(page);
    }
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_putf(page, TN_STYLE_DIM, "%zu figures of %zu tensors differ by more than %g times%s.", found->count, found->compared,
                 PART_FACTOR, found->count > shown ? "; the largest are shown" : "");
    tn_page_end_line(page);
}

static void put_signals(tn_page *page, const tn_run_view runs[2], char names[2][32])
{
    bool begun = false;
    for (size_t k = 0; k < 2; k++)
        for (size_t i = 0; i < tn_history_signal_count(runs[k].history); i++) {
            const tn_history_signal *signal = tn_history_signal_at(runs[k].history, i);
            char step[32];
            if (fired_in(runs[1 - k].history, signal))
                continue;
            if (!begun)
                tn_part_heading(page, "Signals in one alone");
            begun = true;
            tn_page_fill_to(page, TN_PART_INDENT);
            tn_page_put(page, k == 0 ? TN_STYLE_NAME : TN_STYLE_DOUBT, names[k]);
            tn_page_putf(page, TN_STYLE_BOLD, "  %s", signal->rule);
            tn_page_putf(page, TN_STYLE_DIM, "  step %s", tn_count_format(step, (double)signal->step));
            tn_page_end_line(page);
            tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 3, signal->text);
            tn_page_end_line(page);
        }
}

char *tn_run_compare_text(const tn_run_view runs[2], const tn_report_style *style)
{
    tn_page page;
    char names[2][32];
    partings found;
    if (!find_partings(runs, &found))
        return NULL;
    tn_page_init(&page, style->colour, style->width);
    page.ascii = style->ascii;
    for (size_t k = 0; k < 2; k++) {
        snprintf(names[k], sizeof names[k], "run %lld", (long long)runs[k].row->id);
        tn_run_title(&page, "run", runs[k].row);
    }
    difference_text differences = {.page = &page};
    page.text.failed |= !each_difference(runs, put_difference, &differences);
    if (differences.count == 0) {
        tn_part_heading(&page, "What differs");
        tn_page_fill_to(&page, TN_PART_INDENT);
        tn_page_wrap(&page, TN_STYLE_PLAIN, TN_PART_INDENT,
                     strcmp(runs[0].row->key, runs[1].row->key) == 0
                         ? "Nothing: the same hypes, data, seed and changes."
                         : "The hypes or the data themselves (an edited file, or --set), which the store does not keep.");
        tn_page_end_line(&page);
    }
    put_loss(&page, runs, names);
    put_final(&page, runs, names);
    put_partings(&page, &found);
    put_signals(&page, runs, names);
    tn_memory_destroy(found.list);
    return tn_page_take(&page);
}

/* ---- JSON ---- */

typedef struct difference_json {
    tn_run_json *json;
    json_t *array;
} difference_json;

static void add_difference(void *context, const difference *found)
{
    difference_json *to = context;
    json_t *object = json_object();
    tn_run_set(to->json, object, "what", tn_run_words(to->json, found->what));
    tn_run_set(to->json, object, "first", tn_run_words(to->json, found->values[0]));
    tn_run_set(to->json, object, "second", tn_run_words(to->json, found->values[1]));
    tn_run_append(to->json, to->array, object);
}

static json_t *partings_json(tn_run_json *json, const partings *found)
{
    json_t *array = json_array();
    for (size_t i = 0; i < found->count; i++) {
        const parting *one = &found->list[i];
        json_t *object = json_object();
        tn_run_set(json, object, "tensor", tn_run_words(json, one->tensor->key));
        tn_run_set(json, object, "figure", json_string(tn_layer_title(one->figure)));
        tn_run_set(json, object, "from_step", json_integer((json_int_t)one->step));
        tn_run_set(json, object, "factor", tn_run_number(one->factor));
        tn_run_set(json, object, "factor_step", json_integer((json_int_t)one->factor_step));
        tn_run_set(json, object, "first", tn_run_number(one->values[0]));
        tn_run_set(json, object, "second", tn_run_number(one->values[1]));
        tn_run_append(json, array, object);
    }
    return array;
}

char *tn_run_compare_json(const tn_run_view runs[2])
{
    static const char *const SIDES[2] = {"first", "second"};
    tn_run_json json = {0};
    partings found;
    if (!find_partings(runs, &found))
        return NULL;
    json_t *document = json_object(), *figures = json_object();
    difference_json differences = {&json, json_array()};
    json.failed |= !each_difference(runs, add_difference, &differences);
    tn_run_set(&json, document, "schema", json_string("tenet.compare/1"));
    for (size_t k = 0; k < 2; k++) {
        json_t *run = tn_run_row_json(&json, runs[k].row);
        tn_run_set(&json, run, "signals", tn_run_signals_json(&json, runs[k].history));
        tn_run_set(&json, document, SIDES[k], run);
    }
    for (size_t i = 0; i < FINAL_FIGURES; i++) {
        final_figure figure = final_of(runs, i);
        json_t *pair = json_object();
        for (size_t k = 0; k < 2; k++)
            tn_run_set(&json, pair, SIDES[k], tn_run_number(figure.values[k]));
        tn_run_set(&json, figures, figure.title, pair);
    }
    tn_run_set(&json, document, "differences", differences.array);
    tn_run_set(&json, document, "final", figures);
    tn_run_set(&json, document, "part_factor", json_real(PART_FACTOR));
    tn_run_set(&json, document, "parted", partings_json(&json, &found));
    tn_memory_destroy(found.list);
    return tn_run_json_end(&json, document);
}
