/* trials_kept.c: see trials_kept.h. The trials of the store are read once and kept sorted by their key. */
#include "experiments/trials_kept.h"

#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

typedef struct kept_trial {
    char key[TN_TRIAL_KEY_SIZE];
    double standing;
    tn_trial_end end;
    uint64_t end_step;
} kept_trial;

struct tn_trials_kept {
    const char *experiment;
    kept_trial *trials; /* [count], sorted by key */
    size_t count, capacity;
    bool failed;
};

bool tn_kept_end(const char *name, tn_trial_end *end)
{
    static const tn_trial_end ENDS[] = {TN_TRIAL_COMPLETED, TN_TRIAL_NONFINITE, TN_TRIAL_STOPPED};
    for (size_t i = 0; name && i < sizeof ENDS / sizeof *ENDS; i++)
        if (strcmp(name, tn_trial_end_name(ENDS[i])) == 0) {
            *end = ENDS[i];
            return true;
        }
    return false;
}

static bool take_row(void *context, const tn_store_trial_row *row)
{
    tn_trials_kept *kept = context;
    kept_trial trial = {.standing = 0};
    if (!row->trial.experiment || strcmp(row->trial.experiment, kept->experiment) != 0 || !tn_kept_end(row->end, &trial.end) ||
        !row->result)
        return true;
    if (kept->count == kept->capacity) {
        size_t capacity = kept->capacity ? 2 * kept->capacity : 64, bytes;
        kept_trial *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(kept->trials, bytes) : NULL;
        kept->failed = !grown;
        if (!grown)
            return false;
        kept->trials = grown;
        kept->capacity = capacity;
    }
    json_t *result = json_loads(row->result, 0, NULL);
    double score = json_number_value(json_object_get(result, "score"));
    bool broke = trial.end == TN_TRIAL_NONFINITE;
    trial.standing = broke || !(score > 0) ? 0 : score;
    trial.end_step = (uint64_t)json_integer_value(json_object_get(result, broke ? "nonfinite_step" : "steps"));
    json_decref(result);
    strncpy(trial.key, row->trial.key ? row->trial.key : "", sizeof trial.key - 1);
    kept->trials[kept->count++] = trial;
    return true;
}

static int by_key(const void *left, const void *right)
{
    return strcmp(((const kept_trial *)left)->key, ((const kept_trial *)right)->key);
}

tn_status tn_trials_kept_open(tn_store *store, const char *experiment, tn_trials_kept **kept, tn_error *error)
{
    *kept = NULL;
    if (!store)
        return TN_OK;
    tn_trials_kept *opened = tn_memory_create(1, sizeof *opened);
    if (!opened)
        return tn_fail_memory(error, sizeof *opened);
    opened->experiment = experiment;
    tn_status status = tn_store_read_trials(store, take_row, opened, error);
    if (status == TN_OK && opened->failed)
        status = tn_fail_memory(error, opened->capacity * sizeof *opened->trials);
    if (status != TN_OK) {
        tn_trials_kept_close(opened);
        return status;
    }
    if (opened->count > 0)
        qsort(opened->trials, opened->count, sizeof *opened->trials, by_key);
    *kept = opened;
    return TN_OK;
}

void tn_trials_kept_close(tn_trials_kept *kept)
{
    if (!kept)
        return;
    free(kept->trials);
    tn_memory_destroy(kept);
}

bool tn_trials_kept_find(const tn_trials_kept *kept, const tn_subject *subject, const tn_trial_request *request, double *standing,
                         tn_trial_end *end, uint64_t *end_step)
{
    kept_trial wanted = {.standing = 0};
    if (!kept || kept->count == 0 || !tn_subject_trial_key(subject, request, wanted.key))
        return false;
    const kept_trial *found = bsearch(&wanted, kept->trials, kept->count, sizeof *kept->trials, by_key);
    if (!found)
        return false;
    *standing = found->standing;
    *end = found->end;
    *end_step = found->end_step;
    return true;
}
