/* session_health.c: include/tenet_health.h: files are read and judged by src/weights; of a run, the store gives the vitals of its weights. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "report/report.h"
#include "report/report_health.h"
#include "run/recorder.h"
#include "store/store.h"
#include "tenet.h"
#include "weights/health.h"

struct tn_weights_health {
    json_t *document; /* owned */
};

static tn_status keep(json_t *document, tn_weights_health **health, tn_error *error)
{
    *health = tn_memory_create(1, sizeof **health);
    if (!*health) {
        json_decref(document);
        return tn_fail_memory(error, sizeof **health);
    }
    (*health)->document = document;
    return TN_OK;
}

tn_status tn_weights_health_of_file(const char *path, tn_weights_health **health, tn_error *error)
{
    json_t *document;
    *health = NULL;
    tn_status status = tn_health_of_file(path, &document, error);
    return status == TN_OK ? keep(document, health, error) : status;
}

/* ---- a run ---- */

/* A weight as it was observed last. */
typedef struct observed {
    char *name;
    uint64_t step;
    tn_vitals *vitals;
} observed;

typedef struct run_reading {
    int64_t run;
    bool found;
    observed *weights; /* [count] */
    size_t count, capacity;
    uint64_t last_step;
    tn_status status;
    tn_error *error;
} run_reading;

static bool ends_with(const char *name, const char *suffix)
{
    size_t length = strlen(name), most = strlen(suffix);
    return length >= most && strcmp(name + length - most, suffix) == 0;
}

/* Parameters by the last part of their name; activations and gradients have other ones (recorder.h). */
static bool is_parameter(const char *name)
{
    const char *dot = strrchr(name, '.');
    if (!dot || ends_with(name, ".gradient") || ends_with(name, ".update"))
        return false;
    static const char *const PARTS[] = {"weight", "bias", "gain", "gamma", "beta", "kernel", "embedding", "running_mean", "running_var"};
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++)
        if (strstr(dot + 1, PARTS[i]))
            return true;
    return false;
}

static bool see_trial(void *context, const tn_store_trial_row *row)
{
    run_reading *reading = context;
    reading->found |= row->id == reading->run;
    return !reading->found;
}

/* The entry of `name`, a new one where there is none; NULL where memory is out. */
static observed *entry_of(run_reading *reading, const char *name)
{
    for (size_t i = 0; i < reading->count; i++)
        if (strcmp(reading->weights[i].name, name) == 0)
            return &reading->weights[i];
    if (reading->count == reading->capacity) {
        size_t capacity = reading->capacity > 0 ? 2 * reading->capacity : 64;
        observed *grown = realloc(reading->weights, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        reading->weights = grown;
        reading->capacity = capacity;
    }
    observed *entry = &reading->weights[reading->count];
    *entry = (observed){.name = tn_string_copy(name), .vitals = tn_memory_create(1, sizeof *entry->vitals)};
    if (!entry->name || !entry->vitals) {
        free(entry->name);
        tn_memory_destroy(entry->vitals);
        return NULL;
    }
    reading->count++;
    return entry;
}

static bool see_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    run_reading *reading = context;
    if (!is_parameter(tensor))
        return true;
    observed *entry = entry_of(reading, tensor);
    if (!entry)
        reading->status = tn_fail_memory(reading->error, sizeof *entry);
    else if (step >= entry->step) {
        entry->step = step;
        reading->last_step = step > reading->last_step ? step : reading->last_step;
        reading->status = tn_vitals_unpack(bytes, size, entry->vitals, reading->error);
    }
    return reading->status == TN_OK;
}

static tn_status read_run(tn_store *store, run_reading *reading, tn_error *error)
{
    tn_status status = tn_store_read_trials(store, see_trial, reading, error);
    if (status == TN_OK && !reading->found)
        return tn_fail(error, TN_ERROR_USAGE, "the store has no run %lld", (long long)reading->run);
    if (status == TN_OK)
        status = tn_store_read_blobs(store, reading->run, see_blob, reading, error);
    if (status == TN_OK)
        status = reading->status;
    if (status == TN_OK && reading->count == 0)
        status = tn_fail(error, TN_ERROR_USAGE, "run %lld has no observed weights; `tenet train` records them, trials of a debug may not",
                         (long long)reading->run);
    return status;
}

static tn_status judge_run(const run_reading *reading, const char *store_path, json_t **document, tn_error *error)
{
    tn_health *health = NULL;
    tn_status status = tn_health_create(&health, error);
    for (size_t i = 0; i < reading->count && status == TN_OK; i++)
        status = tn_health_add_vitals(health, reading->weights[i].name, reading->weights[i].vitals, error);
    if (status == TN_OK) {
        json_t *source = json_pack("{s:s, s:s, s:I, s:I}", "kind", "run", "path", store_path, "run", (json_int_t)reading->run, "step",
                                   (json_int_t)reading->last_step);
        status = source ? tn_health_judge(health, source, document, error) : tn_fail_memory(error, sizeof *source);
    }
    tn_health_destroy(health);
    return status;
}

tn_status tn_weights_health_of_run(const char *store_path, int64_t run, tn_weights_health **health, tn_error *error)
{
    run_reading reading = {.run = run, .error = error};
    tn_store *store = NULL;
    json_t *document = NULL;
    *health = NULL;
    if (access(store_path, R_OK) != 0)
        return tn_fail(error, TN_ERROR_USAGE, "there is no store %.200s; `tenet train --store PATH` makes one", store_path);
    tn_status status = tn_store_open(store_path, &store, error);
    if (status == TN_OK)
        status = read_run(store, &reading, error);
    if (status == TN_OK)
        status = judge_run(&reading, store_path, &document, error);
    (void)tn_store_close(store, NULL); /* nothing was written */
    for (size_t i = 0; i < reading.count; i++) {
        free(reading.weights[i].name);
        tn_memory_destroy(reading.weights[i].vitals);
    }
    free(reading.weights);
    return status == TN_OK ? keep(document, health, error) : status;
}

/* ---- what comes out ---- */

char *tn_weights_health_to_text(const tn_weights_health *health, bool colour, size_t width)
{
    return tn_report_health_text(health->document, colour, width);
}

char *tn_weights_health_to_json(const tn_weights_health *health)
{
    return tn_report_json(health->document);
}

int tn_weights_health_code(const tn_weights_health *health)
{
    return tn_health_exit_code(health->document);
}

void tn_weights_health_destroy(tn_weights_health *health)
{
    if (!health)
        return;
    json_decref(health->document);
    tn_memory_destroy(health);
}
