/* run_parts.h: what the texts and documents of runs share. Private to src/report. */
#ifndef TN_REPORT_RUN_PARTS_H
#define TN_REPORT_RUN_PARTS_H

#include "report/plot.h"
#include "report/runs.h"
#include "report/text_parts.h"

/* "0.0312", "nan", "-inf": four digits. buffer [32] is returned. */
const char *tn_run_figure(char buffer[32], double value);

/* Goes through the runs that a filter lets through, newest first: begin with *at the count and *taken 0; false after the last. */
bool tn_runs_select(const tn_run_list *list, const char *experiment, size_t last, size_t *at, size_t *taken);

/* The last value of a series; NAN where it has none (then *seen is false; `seen` may be NULL). */
double tn_run_last(const tn_history *history, tn_history_kind kind, bool *seen);

/* What is followed of tensors over time, in the order of the columns of a table of layers. */
typedef enum tn_layer_figure {
    TN_LAYER_WEIGHT,   /* rms */
    TN_LAYER_GRADIENT, /* rms of the gradient of a parameter */
    TN_LAYER_RATIO,    /* update to weight */
    TN_LAYER_SPREAD,   /* standard deviation of an activation */
    TN_LAYER_ZEROS,    /* share of zeros of an activation */
    TN_LAYER_FIGURES
} tn_layer_figure;

const char *tn_layer_title(tn_layer_figure figure);
tn_role tn_layer_role(tn_layer_figure figure);                                /* of the tensors that have it */
double tn_layer_value(tn_layer_figure figure, const tn_history_row *row);     /* NAN where it is not known */
bool tn_layer_known(tn_layer_figure figure, const tn_history_tensor *tensor); /* whether any row knows it */

/* The run's own line, "run 12  mlp.json  train", under `label`. */
void tn_run_title(tn_page *page, const char *label, const tn_run_row *row);

/* A label of the head of a run; leaves the page where curves begin. */
void tn_run_label(tn_page *page, const char *label);

void tn_run_layers(tn_page *page, const tn_history *history);                                    /* run_layers.c */
void tn_part_run_tensor(tn_page *page, const tn_run_view *run, const tn_history_tensor *tensor); /* run_layers.c */

/* JSON that remembers whether memory was out; a new value is stolen. */
typedef struct tn_run_json {
    bool failed;
} tn_run_json;
void tn_run_set(tn_run_json *json, json_t *object, const char *key, json_t *value);
void tn_run_append(tn_run_json *json, json_t *array, json_t *value);
json_t *tn_run_number(double value);                       /* null where it is not finite */
json_t *tn_run_words(tn_run_json *json, const char *text); /* a store's words may be no UTF-8, which JSON cannot hold: "" then */
json_t *tn_run_row_json(tn_run_json *json, const tn_run_row *row);
json_t *tn_run_signals_json(tn_run_json *json, const tn_history *history);
char *tn_run_json_end(tn_run_json *json, json_t *document); /* the text; `document` is stolen */

#endif
