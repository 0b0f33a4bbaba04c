/* run_layers.c: the tensors of a run over time, as a table with a sparkline for each figure, and one tensor by its histograms. See run_parts.h.
 *
 * A parameter's line has its weight, gradient and update; an output's its spread and its zeros. Where the page is too narrow for that the figures stand under each other. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "report/run_parts.h"

enum {
    NARROW = 96,     /* columns below which the figures of a layer stand under each other */
    CELL_NUMBER = 8, /* columns of the figure beside a sparkline */
    LABEL_MAX = 28,
    SPARK_MAX = 40,
    OP_MAX = 10
};

/* A line of the table: a parameter with its gradient and update, or the output of a node. */
typedef struct layer_line {
    const tn_history_tensor *of; /* the weight or the activation */
    const tn_history_tensor *figures[TN_LAYER_FIGURES];
} layer_line;

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const tn_history_tensor *beside(const tn_history *history, const tn_history_tensor *of, tn_role role)
{
    for (size_t i = 0; i < tn_history_tensor_count(history); i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        if (tensor->role == role && strcmp(tensor->node, of->node) == 0 && same_text(tensor->parameter, of->parameter))
            return tensor;
    }
    return NULL;
}

/* Whether a line of the table is about this tensor: weights, activations, and gradients and updates whose weight was not shown. */
static bool leads(const tn_history *history, const tn_history_tensor *tensor)
{
    switch (tensor->role) {
    case TN_ROLE_WEIGHT:
    case TN_ROLE_ACTIVATION:
    case TN_ROLE_INPUT:
        return true;
    case TN_ROLE_GRADIENT:
        return !beside(history, tensor, TN_ROLE_WEIGHT);
    case TN_ROLE_UPDATE:
        return !beside(history, tensor, TN_ROLE_WEIGHT) && !beside(history, tensor, TN_ROLE_GRADIENT);
    default:
        return false;
    }
}

static layer_line line_of(const tn_history *history, const tn_history_tensor *tensor)
{
    layer_line line = {.of = tensor};
    for (tn_layer_figure figure = 0; figure < TN_LAYER_FIGURES; figure++) {
        tn_role role = tn_layer_role(figure);
        bool of_output = tensor->role == TN_ROLE_ACTIVATION || tensor->role == TN_ROLE_INPUT;
        const tn_history_tensor *found = of_output                    ? (role == TN_ROLE_ACTIVATION ? tensor : NULL)
                                         : role == TN_ROLE_ACTIVATION ? NULL
                                         : role == tensor->role       ? tensor
                                                                      : beside(history, tensor, role);
        line.figures[figure] = found && tn_layer_known(figure, found) ? found : NULL;
    }
    return line;
}

/* "dense_1.weight", "relu_1", cut at the left, and its shape: "784 x 512" of a matrix of 512 units, else the number of its values. */
static void describe(const tn_history_tensor *tensor, char name[LABEL_MAX * 4 + 8], char shape[48])
{
    char count[32], units[32];
    const char *text = tensor->key;
    size_t columns = tn_columns(text);
    while (columns > LABEL_MAX - 2 && tn_columns(tensor->key) > LABEL_MAX) {
        do
            text++;
        while (((unsigned char)*text & 0xC0) == 0x80);
        columns--;
    }
    snprintf(name, LABEL_MAX * 4 + 8, "%s%.112s", text == tensor->key ? "" : "..", text);
    size_t rows = tensor->units > 0 ? tensor->count / tensor->units : 0;
    bool is_matrix = tensor->parameter && tensor->units > 1 && tensor->count > tensor->units;
    if (is_matrix)
        snprintf(shape, 48, "%s x %s", tn_count_format(count, (double)rows), tn_count_format(units, (double)tensor->units));
    else
        snprintf(shape, 48, "%s", tn_count_format(count, (double)tensor->count));
}

static void put_figure(tn_page *page, tn_layer_figure figure, const tn_history_tensor *tensor, size_t spark)
{
    double values[TN_HISTORY_ROWS + 1];
    char number[32];
    size_t count = tn_history_row_count(tensor);
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        values[i] = tn_layer_value(figure, tn_history_row_at(tensor, i));
    /* What is not known yet, as the ratio of an update that was seen before its weight, is not drawn. */
    size_t first = 0;
    while (first < count && isnan(values[first]))
        first++;
    tn_sparkline_put(page, values + first, count - first, spark);
    tn_page_put(page, TN_STYLE_PLAIN, " ");
    double last = values[count - 1];
    tn_page_put(page, isfinite(last) ? TN_STYLE_PLAIN : TN_STYLE_BAD, isfinite(last) ? tn_number_format(number, last, 2) : "NaN/Inf");
}

typedef struct layer_table {
    size_t name_width, op_width, shape_width, spark;
    bool figures[TN_LAYER_FIGURES]; /* those that any line has */
    bool narrow;
} layer_table;

static layer_table measure(const tn_page *page, const tn_history *history)
{
    layer_table table = {.narrow = page->width < NARROW};
    char name[LABEL_MAX * 4 + 8], shape[48];
    size_t figures = 0;
    for (size_t i = 0; i < tn_history_tensor_count(history); i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        if (!leads(history, tensor))
            continue;
        layer_line line = line_of(history, tensor);
        describe(tensor, name, shape);
        table.name_width = tn_columns(name) > table.name_width ? tn_columns(name) : table.name_width;
        table.op_width = tn_columns(tensor->op) > table.op_width ? tn_columns(tensor->op) : table.op_width;
        table.shape_width = tn_columns(shape) > table.shape_width ? tn_columns(shape) : table.shape_width;
        for (size_t f = 0; f < TN_LAYER_FIGURES; f++)
            table.figures[f] |= line.figures[f] != NULL;
    }
    table.op_width = table.op_width < OP_MAX ? table.op_width : OP_MAX;
    for (size_t f = 0; f < TN_LAYER_FIGURES; f++)
        figures += table.figures[f];
    /* A parameter has the first three, an output the last two: they share columns. */
    size_t shared = figures > 3 ? 3 : figures;
    size_t used = TN_PART_INDENT + table.name_width + 2 + table.op_width + 2 + table.shape_width + 2;
    size_t each = shared ? (page->width > used ? page->width - used : 0) / shared : 0;
    table.spark = each > CELL_NUMBER + 3 ? each - CELL_NUMBER - 2 : 0;
    if (table.spark < 6)
        table.narrow = true;
    if (table.narrow)
        table.spark = page->width > 30 ? page->width - 28 : 8;
    table.spark = table.spark < SPARK_MAX ? table.spark : SPARK_MAX;
    return table;
}

static void put_wide_line(tn_page *page, const layer_table *table, const layer_line *line)
{
    char name[LABEL_MAX * 4 + 8], shape[48];
    size_t column = TN_PART_INDENT, place = 0;
    describe(line->of, name, shape);
    tn_page_fill_to(page, column);
    tn_page_put(page, TN_STYLE_NAME, name);
    tn_page_fill_to(page, column += table->name_width + 2);
    tn_page_putf(page, TN_STYLE_PLAIN, "%.*s", OP_MAX, line->of->op);
    tn_page_fill_to(page, column += table->op_width + 2);
    tn_page_put(page, TN_STYLE_DIM, shape);
    column += table->shape_width + 2;
    for (tn_layer_figure figure = 0; figure < TN_LAYER_FIGURES; figure++) {
        if (figure == TN_LAYER_SPREAD)
            place = 0;
        if (line->figures[figure]) {
            tn_page_fill_to(page, column + place * (table->spark + CELL_NUMBER + 2));
            put_figure(page, figure, line->figures[figure], table->spark);
        }
        place++;
    }
    tn_page_end_line(page);
}

static void put_narrow_lines(tn_page *page, const layer_table *table, const layer_line *line)
{
    char name[LABEL_MAX * 4 + 8], shape[48];
    describe(line->of, name, shape);
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_NAME, name);
    tn_page_putf(page, TN_STYLE_DIM, "  %s%s%s", line->of->op, line->of->op[0] ? ", " : "", shape);
    tn_page_end_line(page);
    for (tn_layer_figure figure = 0; figure < TN_LAYER_FIGURES; figure++)
        if (line->figures[figure]) {
            tn_page_fill_to(page, TN_PART_INDENT + 2);
            tn_page_put(page, TN_STYLE_DIM, tn_layer_title(figure));
            tn_page_fill_to(page, TN_PART_INDENT + 16);
            put_figure(page, figure, line->figures[figure], table->spark);
            tn_page_end_line(page);
        }
}

static void put_lines(tn_page *page, const layer_table *table, const tn_history *history, bool of_outputs)
{
    size_t indent = TN_PART_INDENT + table->name_width + 2 + table->op_width + 2 + table->shape_width + 2;
    bool begun = false;
    for (size_t i = 0; i < tn_history_tensor_count(history); i++) {
        const tn_history_tensor *tensor = tn_history_tensor_at(history, i);
        bool is_output = tensor->role == TN_ROLE_ACTIVATION || tensor->role == TN_ROLE_INPUT;
        if (!leads(history, tensor) || is_output != of_outputs)
            continue;
        layer_line line = line_of(history, tensor);
        if (!begun) {
            tn_part_heading(page, of_outputs ? "Outputs of layers over time" : "Parameters over time");
            for (tn_layer_figure figure = of_outputs ? TN_LAYER_SPREAD : 0;
                 !table->narrow && figure < (of_outputs ? TN_LAYER_FIGURES : TN_LAYER_SPREAD); figure++)
                if (table->figures[figure]) {
                    size_t place = (size_t)figure - (of_outputs ? TN_LAYER_SPREAD : 0);
                    tn_page_fill_to(page, indent + place * (table->spark + CELL_NUMBER + 2));
                    tn_page_put(page, TN_STYLE_DIM, tn_layer_title(figure));
                }
            if (!table->narrow)
                tn_page_end_line(page);
        }
        begun = true;
        if (table->narrow)
            put_narrow_lines(page, table, &line);
        else
            put_wide_line(page, table, &line);
    }
}

void tn_run_layers(tn_page *page, const tn_history *history)
{
    if (tn_history_tensor_count(history) == 0) {
        tn_page_gap(page);
        tn_page_put(page, TN_STYLE_DIM, "No tensors were observed in this run.");
        tn_page_end_line(page);
        return;
    }
    layer_table table = measure(page, history);
    put_lines(page, &table, history, false);
    put_lines(page, &table, history, true);
    size_t left_out = tn_history_tensors_left_out(history);
    if (left_out > 0) {
        tn_page_putf(page, TN_STYLE_DIM, "Only the first %d tensors are shown.", TN_HISTORY_TENSORS);
        tn_page_end_line(page);
    }
}

/* ---- one tensor ---- */

static void figure_line(tn_page *page, const char *title, const tn_history_tensor *tensor, double (*value)(const tn_history_row *row))
{
    double values[TN_HISTORY_ROWS + 1];
    char number[32];
    size_t count = tn_history_row_count(tensor), first = 0, room = page->width > 40 ? page->width - 28 : 12;
    room = room < SPARK_MAX ? room : SPARK_MAX;
    for (size_t i = 0; i < count; i++)
        values[i] = value(tn_history_row_at(tensor, i));
    /* The ratio of an update that was seen before its weight is not known; what was never known is left out. */
    while (first < count && isnan(values[first]) && tn_history_row_at(tensor, first)->nonfinite == 0)
        first++;
    if (first == count)
        return;
    tn_run_label(page, title);
    tn_sparkline_put(page, values + first, count - first, count - first < room ? count - first : room);
    tn_page_putf(page, TN_STYLE_PLAIN, " %s", tn_run_figure(number, values[count - 1]));
    tn_page_end_line(page);
}

static double rms_of(const tn_history_row *row)
{
    return row->nonfinite < row->count ? row->rms : NAN;
}

static double mean_of(const tn_history_row *row)
{
    return row->nonfinite < row->count ? row->mean : NAN;
}

static double spread_of(const tn_history_row *row)
{
    return row->nonfinite < row->count ? row->std : NAN;
}

static double smallest_of(const tn_history_row *row)
{
    return row->min <= row->max ? row->min : NAN;
}

static double largest_of(const tn_history_row *row)
{
    return row->min <= row->max ? row->max : NAN;
}

static double zeros_of(const tn_history_row *row)
{
    return row->zeros;
}

static double ratio_of(const tn_history_row *row)
{
    return row->ratio;
}

void tn_part_run_tensor(tn_page *page, const tn_run_view *run, const tn_history_tensor *tensor)
{
    char count[32], units[32], seen[32], step[32], what[160];
    tn_run_title(page, "run", run->row);
    tn_run_label(page, "tensor");
    tn_page_put(page, TN_STYLE_NAME, tensor->key);
    snprintf(what, sizeof what, ", %s%s%.40s, %s value%s", tn_role_name(tensor->role), tensor->op[0] ? " of " : "", tensor->op,
             tn_count_format(count, (double)tensor->count), tensor->count == 1 ? "" : "s");
    tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + TN_PLOT_LABEL + 1, what);
    if (tensor->units > 1) {
        snprintf(what, sizeof what, ", %s units", tn_count_format(units, (double)tensor->units));
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + TN_PLOT_LABEL + 1, what);
    }
    tn_page_end_line(page);
    tn_run_label(page, "observed");
    tn_page_putf(page, TN_STYLE_PLAIN, "%s time%s", tn_count_format(seen, (double)tensor->seen), tensor->seen == 1 ? "" : "s");
    if (tensor->nonfinite_step > 0)
        tn_page_putf(page, TN_STYLE_BAD, ", NaN or Inf from step %s on", tn_count_format(step, (double)tensor->nonfinite_step));
    tn_page_end_line(page);
    tn_page_gap(page);
    figure_line(page, "rms", tensor, rms_of);
    figure_line(page, "mean", tensor, mean_of);
    figure_line(page, "spread", tensor, spread_of);
    figure_line(page, "smallest", tensor, smallest_of);
    figure_line(page, "largest", tensor, largest_of);
    figure_line(page, "zeros", tensor, zeros_of);
    if (tensor->role == TN_ROLE_UPDATE)
        figure_line(page, "ratio", tensor, ratio_of);
    tn_part_heading(page, "Values over time, by magnitude");
    tn_heat_map_put(page, tensor);
}
