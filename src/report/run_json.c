/* run_json.c: the list of runs and one run as documents (docs/store.md); see runs.h. Series and tensors are columns: arrays of the same length, a place for each point. A number that is not finite is null. */
#include <math.h>

#include "report/run_parts.h"

char *tn_runs_json(const tn_run_list *list, const char *experiment, size_t last)
{
    tn_run_json json = {0};
    json_t *document = json_object(), *runs = json_array();
    size_t at = list->count, taken = 0;
    while (tn_runs_select(list, experiment, last, &at, &taken))
        tn_run_append(&json, runs, tn_run_row_json(&json, &list->rows[at]));
    tn_run_set(&json, document, "schema", json_string("tenet.runs/1"));
    tn_run_set(&json, document, "runs", runs);
    return tn_run_json_end(&json, document);
}

static json_t *count(uint64_t value)
{
    return json_integer((json_int_t)value);
}

static json_t *series_json(tn_run_json *json, const tn_history_series *series)
{
    enum { FIRST_STEP, LAST_STEP, OBSERVATIONS, NANS, INFINITIES, FIRST, LAST, MIN, MAX, MEAN, COLUMNS };
    static const char *const NAMES[COLUMNS] = {"first_step", "last_step", "count", "nan", "infinite",
                                               "first",      "last",      "min",   "max", "mean"};
    json_t *object = json_object(), *columns[COLUMNS];
    for (size_t c = 0; c < COLUMNS; c++)
        columns[c] = json_array();
    for (size_t i = 0; i < series->count; i++) {
        const tn_history_point *point = &series->points[i];
        json_t *values[COLUMNS] = {
            [FIRST_STEP] = count(point->first_step), [LAST_STEP] = count(point->last_step),
            [OBSERVATIONS] = count(point->count),    [NANS] = count(point->nan),
            [INFINITIES] = count(point->infinite),   [FIRST] = tn_run_number(point->first),
            [LAST] = tn_run_number(point->last),     [MIN] = tn_run_number(point->min),
            [MAX] = tn_run_number(point->max),       [MEAN] = tn_run_number(tn_history_point_mean(point)),
        };
        for (size_t c = 0; c < COLUMNS; c++)
            tn_run_append(json, columns[c], values[c]);
    }
    for (size_t c = 0; c < COLUMNS; c++)
        tn_run_set(json, object, NAMES[c], columns[c]);
    return object;
}

/* The histograms of a row: {"top": 2, "positive": [..], "negative": [..]}, shares of 2^top and half of it and so on; the last of all smaller ones. */
static json_t *histogram_json(tn_run_json *json, const tn_history_row *row)
{
    static const char *const SIGNS[2] = {"positive", "negative"};
    json_t *object = json_object();
    tn_run_set(json, object, "top", json_integer(row->top));
    for (size_t sign = 0; sign < 2; sign++) {
        json_t *shares = json_array();
        for (size_t k = 0; k < TN_HISTORY_BUCKETS; k++)
            tn_run_append(json, shares, json_real((double)row->histogram[sign][k] / UINT16_MAX));
        tn_run_set(json, object, SIGNS[sign], shares);
    }
    return object;
}

static json_t *tensor_json(tn_run_json *json, const tn_history_tensor *tensor, bool with_histograms)
{
    enum { STEP, NONFINITE, L2, RMS, RMS_MIN, RMS_MAX, AVERAGE, STD, MIN, MAX, ZEROS, RATIO, COLUMNS };
    static const char *const NAMES[COLUMNS] = {"step", "nonfinite", "l2",  "rms", "rms_min", "rms_max",
                                               "mean", "std",       "min", "max", "zeros",   "ratio"};
    json_t *object = json_object(), *columns[COLUMNS], *histograms = with_histograms ? json_array() : NULL;
    for (size_t c = 0; c < COLUMNS; c++)
        columns[c] = json_array();
    for (size_t i = 0; i < tn_history_row_count(tensor); i++) {
        const tn_history_row *row = tn_history_row_at(tensor, i);
        json_t *values[COLUMNS] = {
            [STEP] = count(row->step),
            [NONFINITE] = count(row->nonfinite),
            [L2] = tn_run_number(row->l2),
            [RMS] = tn_run_number(row->rms),
            [RMS_MIN] = tn_run_number(row->rms_min),
            [RMS_MAX] = tn_run_number(row->rms_max),
            [AVERAGE] = tn_run_number(row->mean),
            [STD] = tn_run_number(row->std),
            [MIN] = tn_run_number(row->min),
            [MAX] = tn_run_number(row->max),
            [ZEROS] = tn_run_number(row->zeros),
            [RATIO] = tn_run_number(row->ratio),
        };
        for (size_t c = 0; c < COLUMNS; c++)
            tn_run_append(json, columns[c], values[c]);
        if (with_histograms)
            tn_run_append(json, histograms, histogram_json(json, row));
    }
    tn_run_set(json, object, "name", tn_run_words(json, tensor->key));
    tn_run_set(json, object, "node", tn_run_words(json, tensor->node));
    tn_run_set(json, object, "parameter", tensor->parameter ? tn_run_words(json, tensor->parameter) : json_null());
    tn_run_set(json, object, "op", tn_run_words(json, tensor->op));
    tn_run_set(json, object, "role", json_string(tn_role_name(tensor->role)));
    tn_run_set(json, object, "count", count(tensor->count));
    tn_run_set(json, object, "units", count(tensor->units));
    tn_run_set(json, object, "observed", count(tensor->seen));
    tn_run_set(json, object, "nonfinite_step", tensor->nonfinite_step ? count(tensor->nonfinite_step) : json_null());
    for (size_t c = 0; c < COLUMNS; c++)
        tn_run_set(json, object, NAMES[c], columns[c]);
    if (with_histograms)
        tn_run_set(json, object, "histograms", histograms);
    return object;
}

char *tn_run_show_json(const tn_run_view *run, const tn_history_tensor *tensor)
{
    tn_run_json json = {0};
    json_t *document = json_object(), *series = json_object(), *tensors = json_array();
    for (tn_history_kind kind = 0; !tensor && kind < TN_HISTORY_KINDS; kind++)
        tn_run_set(&json, series, tn_history_kind_name(kind), series_json(&json, tn_history_series_of(run->history, kind)));
    for (size_t i = 0; i < tn_history_tensor_count(run->history); i++) {
        const tn_history_tensor *at = tn_history_tensor_at(run->history, i);
        if (!tensor || at == tensor)
            tn_run_append(&json, tensors, tensor_json(&json, at, tensor != NULL));
    }
    tn_run_set(&json, document, "schema", json_string("tenet.run/1"));
    tn_run_set(&json, document, "run", tn_run_row_json(&json, run->row));
    tn_run_set(&json, document, "metrics", run->metrics ? json_deep_copy(run->metrics) : json_null());
    tn_run_set(&json, document, "test", run->test ? json_deep_copy(run->test) : json_null());
    tn_run_set(&json, document, "signals", tn_run_signals_json(&json, run->history));
    tn_run_set(&json, document, "series", series);
    tn_run_set(&json, document, "tensors", tensors);
    return tn_run_json_end(&json, document);
}
