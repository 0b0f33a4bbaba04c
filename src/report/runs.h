/* runs.h: the runs of a store as text for people and as JSON: a list, one run, two runs side by side. Reads rows (run_list.h) and histories (history.h) only, and judges nothing.
 *
 * All functions give malloc'd text; NULL where memory is out. The documents are tenet.runs/1, tenet.run/1 and tenet.compare/1 (docs/store.md). */
#ifndef TN_REPORT_RUNS_H
#define TN_REPORT_RUNS_H

#include <jansson.h>

#include "report/history.h"
#include "report/report.h"
#include "report/run_list.h"

/* One run, with what it recorded. */
typedef struct tn_run_view {
    const tn_run_row *row;
    const tn_history *history;
    const json_t *metrics; /* of a training, what its report ends with (accuracy, F1, ...); NULL: none is known */
    const json_t *test;    /* and what its test samples gave, likewise */
} tn_run_view;

/* The newest first; of experiment `experiment` alone where that is not NULL; the newest `last` where that is not 0. */
char *tn_runs_text(const tn_run_list *list, const char *experiment, size_t last, const tn_report_style *style);
char *tn_runs_json(const tn_run_list *list, const char *experiment, size_t last);

/* `tensor`: the one to show by its histogram over time, as tn_history_tensor_find knows it; NULL: the run. */
char *tn_run_show_text(const tn_run_view *run, const tn_history_tensor *tensor, const tn_report_style *style);
char *tn_run_show_json(const tn_run_view *run, const tn_history_tensor *tensor);

char *tn_run_compare_text(const tn_run_view runs[2], const tn_report_style *style);
char *tn_run_compare_json(const tn_run_view runs[2]);

#endif
