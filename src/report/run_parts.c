/* run_parts.c: see run_parts.h. */
#include "report/run_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *tn_run_figure(char buffer[32], double value)
{
    return tn_number_format(buffer, value, 4);
}

double tn_run_last(const tn_history *history, tn_history_kind kind, bool *seen)
{
    const tn_history_series *series = tn_history_series_of(history, kind);
    if (seen)
        *seen = series->count > 0;
    return series->count ? series->points[series->count - 1].last : (double)NAN;
}

/* ---- layers ---- */

static const struct {
    const char *title;
    tn_role role;
} FIGURES[TN_LAYER_FIGURES] = {
    [TN_LAYER_WEIGHT] = {"weight rms", TN_ROLE_WEIGHT},      [TN_LAYER_GRADIENT] = {"gradient rms", TN_ROLE_GRADIENT},
    [TN_LAYER_RATIO] = {"update/weight", TN_ROLE_UPDATE},    [TN_LAYER_SPREAD] = {"output spread", TN_ROLE_ACTIVATION},
    [TN_LAYER_ZEROS] = {"output zeros", TN_ROLE_ACTIVATION},
};

const char *tn_layer_title(tn_layer_figure figure)
{
    return FIGURES[figure].title;
}

tn_role tn_layer_role(tn_layer_figure figure)
{
    return FIGURES[figure].role;
}

double tn_layer_value(tn_layer_figure figure, const tn_history_row *row)
{
    if (figure != TN_LAYER_ZEROS && row->nonfinite > 0)
        return INFINITY; /* the finite rest would tell a lie */
    switch (figure) {
    case TN_LAYER_WEIGHT:
    case TN_LAYER_GRADIENT:
        return row->rms;
    case TN_LAYER_RATIO:
        return row->ratio;
    case TN_LAYER_SPREAD:
        return row->std;
    default:
        return row->zeros;
    }
}

bool tn_layer_known(tn_layer_figure figure, const tn_history_tensor *tensor)
{
    for (size_t i = 0; i < tn_history_row_count(tensor); i++)
        if (!isnan(tn_layer_value(figure, tn_history_row_at(tensor, i))))
            return true;
    return false;
}

void tn_run_title(tn_page *page, const char *label, const tn_run_row *row)
{
    tn_page_putf(page, TN_STYLE_BOLD, "%s %lld", label, (long long)row->id);
    tn_page_put(page, TN_STYLE_PLAIN, "  ");
    tn_page_wrap(page, TN_STYLE_NAME, TN_PART_INDENT, row->subject);
    tn_page_put(page, TN_STYLE_PLAIN, "  ");
    tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT, row->experiment);
    tn_page_end_line(page);
}

void tn_run_label(tn_page *page, const char *label)
{
    tn_page_fill_to(page, TN_PART_INDENT);
    tn_page_put(page, TN_STYLE_DIM, label);
    tn_page_fill_to(page, TN_PART_INDENT + TN_PLOT_LABEL + 1);
}

/* ---- JSON ---- */

void tn_run_set(tn_run_json *json, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0)
        json->failed = true;
}

void tn_run_append(tn_run_json *json, json_t *array, json_t *value)
{
    if (json_array_append_new(array, value) != 0)
        json->failed = true;
}

json_t *tn_run_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *tn_run_words(tn_run_json *json, const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    json_t *again = json_string(text); /* jansson gives NULL for bad UTF-8 and for memory alike */
    json->failed |= again != NULL;
    json_decref(again);
    return json_string("");
}

json_t *tn_run_row_json(tn_run_json *json, const tn_run_row *row)
{
    json_t *object = json_object();
    tn_run_set(json, object, "run", json_integer((json_int_t)row->id));
    tn_run_set(json, object, "started", tn_run_words(json, row->started));
    tn_run_set(json, object, "subject", tn_run_words(json, row->subject));
    tn_run_set(json, object, "experiment", tn_run_words(json, row->experiment));
    tn_run_set(json, object, "changes", json_incref(row->changes));
    tn_run_set(json, object, "seed", json_integer((json_int_t)row->seed));
    tn_run_set(json, object, "isa", tn_run_words(json, row->isa));
    tn_run_set(json, object, "version", tn_run_words(json, row->version));
    tn_run_set(json, object, "steps", json_integer((json_int_t)row->steps));
    tn_run_set(json, object, "loss", tn_run_number(row->loss));
    tn_run_set(json, object, "score", tn_run_number(row->score));
    tn_run_set(json, object, "end", row->end ? tn_run_words(json, row->end) : json_null());
    tn_run_set(json, object, "rules", tn_run_words(json, row->signals));
    return object;
}

json_t *tn_run_signals_json(tn_run_json *json, const tn_history *history)
{
    json_t *array = json_array();
    for (size_t i = 0; i < tn_history_signal_count(history); i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        json_t *object = json_object();
        tn_run_set(json, object, "rule", tn_run_words(json, signal->rule));
        tn_run_set(json, object, "severity", tn_run_words(json, signal->severity));
        tn_run_set(json, object, "step", json_integer((json_int_t)signal->step));
        tn_run_set(json, object, "tensor", tn_run_words(json, signal->tensor));
        tn_run_set(json, object, "value", tn_run_number(signal->value));
        tn_run_set(json, object, "threshold", tn_run_number(signal->threshold));
        tn_run_set(json, object, "text", tn_run_words(json, signal->text));
        tn_run_append(json, array, object);
    }
    return array;
}

char *tn_run_json_end(tn_run_json *json, json_t *document)
{
    char *text = json->failed ? NULL : tn_json_write(document, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    json_decref(document);
    return text;
}
