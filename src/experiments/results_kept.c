/* results_kept.c: whole results of trials that a store holds, for a debug that goes on; see trials_kept.h. Rows are read once and kept sorted by key and mark; the losses of one are read where it is
 * taken. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "experiments/trials_kept.h"

typedef struct kept_result {
    char key[TN_TRIAL_KEY_SIZE], mark[TN_TRIAL_MARK_SIZE];
    int64_t trial;
    tn_trial_end end;
    char *json; /* owned */
} kept_result;

struct tn_results_kept {
    tn_store *store;
    const char *subject;  /* while opening */
    kept_result *results; /* [count], sorted */
    size_t count, capacity;
    bool failed;
};

static bool grow(tn_results_kept *kept)
{
    size_t capacity = kept->capacity ? 2 * kept->capacity : 64, bytes;
    kept_result *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(kept->results, bytes) : NULL;
    if (!grown)
        return false;
    kept->results = grown;
    kept->capacity = capacity;
    return true;
}

static bool take_row(void *context, const tn_store_trial_row *row)
{
    tn_results_kept *kept = context;
    kept_result result = {.trial = row->id};
    if (!row->trial.key || !row->trial.subject || strcmp(row->trial.subject, kept->subject) != 0 || !row->result ||
        !tn_kept_end(row->end, &result.end))
        return true;
    json_t *object = json_loads(row->result, 0, NULL);
    const char *mark = json_string_value(json_object_get(object, "mark"));
    if (mark) {
        strncpy(result.key, row->trial.key, sizeof result.key - 1);
        strncpy(result.mark, mark, sizeof result.mark - 1);
        result.json = strdup(row->result);
        kept->failed = !result.json || (kept->count == kept->capacity && !grow(kept));
        if (kept->failed)
            free(result.json);
        else
            kept->results[kept->count++] = result;
    }
    json_decref(object);
    return !kept->failed;
}

static int by_key(const void *left, const void *right)
{
    const kept_result *a = left, *b = right;
    int order = strcmp(a->key, b->key);
    return order ? order : strcmp(a->mark, b->mark);
}

tn_status tn_results_kept_open(tn_store *store, const char *subject, tn_results_kept **kept, tn_error *error)
{
    *kept = NULL;
    tn_results_kept *opened = tn_memory_create(1, sizeof *opened);
    if (!opened)
        return tn_fail_memory(error, sizeof *opened);
    *opened = (tn_results_kept){.store = store, .subject = subject};
    tn_status status = tn_store_read_trials(store, take_row, opened, error);
    opened->subject = NULL;
    if (status == TN_OK && opened->failed)
        status = tn_fail_memory(error, opened->capacity * sizeof *opened->results);
    if (status != TN_OK) {
        tn_results_kept_close(opened);
        return status;
    }
    if (opened->count > 0)
        qsort(opened->results, opened->count, sizeof *opened->results, by_key);
    *kept = opened;
    return TN_OK;
}

void tn_results_kept_close(tn_results_kept *kept)
{
    if (!kept)
        return;
    for (size_t i = 0; i < kept->count; i++)
        free(kept->results[i].json);
    free(kept->results);
    tn_memory_destroy(kept);
}

size_t tn_results_kept_count(const tn_results_kept *kept)
{
    return kept ? kept->count : 0;
}

/* The series of a trial into its result; `losses` counts the steps that have one. */
typedef struct filling {
    tn_trial_result *result;
    uint64_t losses;
} filling;

static bool take_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    filling *fill = context;
    bool is_loss = strcmp(series, "loss") == 0;
    double *into = is_loss ? fill->result->losses : strcmp(series, "gradient_norm") == 0 ? fill->result->gradient_norms : NULL;
    for (size_t i = 0; into && i < count; i++) {
        if (steps[i] < 1 || steps[i] > fill->result->steps)
            continue;
        into[steps[i] - 1] = values[i];
        fill->losses += is_loss;
    }
    return true;
}

static bool can_be_kept(const tn_trial_request *request)
{
    return request->observer_count == 0 && request->shown_samples == 0 && !request->weights_path && !request->is_training &&
           request->vitals_every == 0 && request->vitals_share <= 0 && request->watch_to == 0;
}

tn_status tn_results_kept_take(const tn_results_kept *kept, const tn_subject *subject, const tn_trial_request *request, bool *taken,
                               tn_trial_result *result, tn_error *error)
{
    kept_result wanted = {.trial = 0};
    *taken = false;
    if (!kept || kept->count == 0 || !can_be_kept(request) || !tn_subject_trial_key(subject, request, wanted.key))
        return TN_OK;
    tn_trial_mark(request, wanted.mark);
    const kept_result *found = bsearch(&wanted, kept->results, kept->count, sizeof *kept->results, by_key);
    tn_trial_result made = {.end = TN_TRIAL_COMPLETED};
    if (!found || !tn_trial_result_restore(found->json, request->want_norms, &made)) {
        tn_trial_result_deinit(&made);
        return TN_OK;
    }
    made.end = found->end;
    for (uint64_t i = 0; made.gradient_norms && i < made.steps; i++)
        made.gradient_norms[i] = NAN;
    filling fill = {.result = &made};
    tn_status status = tn_store_read_series(kept->store, found->trial, take_series, &fill, error);
    /* A process that was killed may have lost the end of a series; then the trial runs anew. */
    if (status != TN_OK || fill.losses != made.steps) {
        tn_trial_result_deinit(&made);
        return status;
    }
    *result = made;
    *taken = true;
    return TN_OK;
}
