/* public_runs.c: what a store holds, as include/tenet.h has it: opens the store, finds the run, and hands it to src/report. No work of its own. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/runs.h"
#include "store/store.h"
#include "tenet.h"

/* A store and its runs. */
typedef struct opened {
    tn_store *store;
    tn_run_list list;
} opened;

static tn_status open_runs(const tn_runs_view *view, opened *runs, tn_error *error)
{
    *runs = (opened){0};
    /* tn_store_open would make one. */
    if (access(view->store_path, F_OK) != 0)
        return tn_fail(error, TN_ERROR_STORE,
                       "there is no store at %.700s: %s. 'tenet train' and 'tenet debug' record into one with --store.", view->store_path,
                       strerror(errno));
    tn_status status = tn_store_open(view->store_path, &runs->store, error);
    return status == TN_OK ? tn_run_list_read(runs->store, &runs->list, error) : status;
}

/* Nothing was written, so closing has nothing to tell. */
static void close_runs(opened *runs)
{
    tn_run_list_deinit(&runs->list);
    (void)tn_store_close(runs->store, NULL);
}

static tn_report_style style_of(const tn_runs_view *view)
{
    return (tn_report_style){.colour = view->colour, .ascii = view->ascii, .width = view->width};
}

static tn_status written(const char *text, tn_error *error)
{
    return text ? TN_OK : tn_fail_memory(error, 1);
}

tn_status tn_runs_list(const tn_runs_view *view, const char *experiment, size_t last, char **text, tn_error *error)
{
    opened runs;
    const tn_report_style style = style_of(view);
    *text = NULL;
    tn_status status = open_runs(view, &runs, error);
    if (status == TN_OK) {
        *text = view->json ? tn_runs_json(&runs.list, experiment, last) : tn_runs_text(&runs.list, experiment, last, &style);
        status = written(*text, error);
    }
    close_runs(&runs);
    return status;
}

/* The history is made in any case where it succeeds. */
static tn_status find_run(const opened *runs, const char *name, tn_run_view *run, tn_history **history, tn_error *error)
{
    tn_status status = tn_run_list_find(&runs->list, name, &run->row, error);
    if (status == TN_OK)
        status = tn_history_from_store(runs->store, run->row->id, run->row->end != NULL, history, error);
    run->history = *history;
    return status;
}

/* The report of a training; NULL where the one that the store finds is not of this run, as of a trial, or of one that was killed before its own was made. The caller ends it. */
static tn_status read_training(const opened *runs, const tn_run_row *row, json_t **report, tn_error *error)
{
    char *text = NULL;
    *report = NULL;
    tn_status status = tn_store_read_report_of(runs->store, row->id, &text, error);
    if (text)
        *report = json_loads(text, 0, NULL);
    free(text);
    const json_t *training = json_object_get(*report, "run");
    const double last_loss = json_number_value(json_object_get(training, "last_loss"));
    bool is_its_own = json_integer_value(json_object_get(training, "steps")) == (json_int_t)row->steps &&
                      fabs(last_loss - row->loss) <= 1e-6 * fabs(row->loss);
    if (!is_its_own) {
        json_decref(*report);
        *report = NULL;
    }
    return status;
}

static tn_status find_tensor(const tn_run_view *run, const char *name, const tn_history_tensor **tensor, tn_error *error)
{
    size_t count = tn_history_tensor_count(run->history);
    *tensor = tn_history_tensor_find(run->history, name);
    if (*tensor)
        return TN_OK;
    if (count == 0)
        return tn_fail(error, TN_ERROR_USAGE, "No tensors were observed in run %lld.", (long long)run->row->id);
    const char **keys = tn_memory_create(count, sizeof *keys);
    if (!keys)
        return tn_fail_memory(error, count * sizeof *keys);
    for (size_t i = 0; i < count; i++)
        keys[i] = tn_history_tensor_at(run->history, i)->key;
    const char *nearest = tn_nearest_name(name, keys, count);
    tn_fail(error, TN_ERROR_USAGE, "Run %lld has no tensor '%.100s'%s%.100s%s", (long long)run->row->id, name,
            nearest ? "; did you mean '" : ". Its tensors are called like '", nearest ? nearest : keys[0], nearest ? "'?" : "'.");
    tn_memory_destroy(keys);
    return TN_ERROR_USAGE;
}

tn_status tn_runs_show(const tn_runs_view *view, const char *run_name, const char *tensor_name, char **text, tn_error *error)
{
    opened runs;
    tn_run_view run = {0};
    tn_history *history = NULL;
    json_t *report = NULL;
    const tn_history_tensor *tensor = NULL;
    const tn_report_style style = style_of(view);
    *text = NULL;
    tn_status status = open_runs(view, &runs, error);
    if (status == TN_OK)
        status = find_run(&runs, run_name, &run, &history, error);
    if (status == TN_OK)
        status = read_training(&runs, run.row, &report, error);
    run.metrics = json_object_get(json_object_get(report, "run"), "metrics");
    run.test = json_object_get(json_object_get(report, "run"), "test");
    if (status == TN_OK && tensor_name)
        status = find_tensor(&run, tensor_name, &tensor, error);
    if (status == TN_OK) {
        *text = view->json ? tn_run_show_json(&run, tensor) : tn_run_show_text(&run, tensor, &style);
        status = written(*text, error);
    }
    json_decref(report);
    tn_history_destroy(history);
    close_runs(&runs);
    return status;
}

tn_status tn_runs_compare(const tn_runs_view *view, const char *first, const char *second, char **text, tn_error *error)
{
    opened runs;
    tn_run_view pair[2] = {{0}};
    tn_history *histories[2] = {NULL, NULL};
    const tn_report_style style = style_of(view);
    *text = NULL;
    tn_status status = open_runs(view, &runs, error);
    if (status == TN_OK)
        status = find_run(&runs, first, &pair[0], &histories[0], error);
    if (status == TN_OK)
        status = find_run(&runs, second, &pair[1], &histories[1], error);
    if (status == TN_OK) {
        *text = view->json ? tn_run_compare_json(pair) : tn_run_compare_text(pair, &style);
        status = written(*text, error);
    }
    tn_history_destroy(histories[0]);
    tn_history_destroy(histories[1]);
    close_runs(&runs);
    return status;
}
