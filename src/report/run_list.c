/* run_list.c: see run_list.h. */
#include "report/run_list.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "report/text_parts.h"

typedef struct reading {
    tn_run_list *list;
    tn_status status;
    tn_error *error;
} reading;

static bool fail(reading *read, size_t bytes)
{
    read->status = tn_fail_memory(read->error, bytes);
    return false;
}

static void row_deinit(tn_run_row *row)
{
    free(row->key);
    free(row->subject);
    free(row->experiment);
    free(row->isa);
    free(row->version);
    free(row->started);
    free(row->signals);
    free(row->end);
    json_decref(row->changes);
}

/* {"knobs": {..}, "patch": {..}} as one object. What is no such record gives an empty one. NULL where memory is out. */
static json_t *changes_of(const char *record)
{
    json_t *changes = json_object(), *read = json_loads(record, 0, NULL);
    static const char *const PARTS[] = {"knobs", "patch"};
    json_t *again = read ? NULL : json_loads(record, 0, NULL);
    if (again) { /* it is JSON, so memory was out before */
        json_decref(again);
        json_decref(changes);
        return NULL;
    }
    for (size_t i = 0; changes && i < 2; i++) {
        json_t *part = json_object_get(read, PARTS[i]);
        if (json_is_object(part) && json_object_update(changes, part) != 0) {
            json_decref(changes);
            changes = NULL;
        }
    }
    json_decref(read);
    return changes;
}

static bool take_trial(void *context, const tn_store_trial_row *stored)
{
    reading *read = context;
    tn_run_list *list = read->list;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? list->capacity * 2 : 64;
        tn_run_row *grown = realloc(list->rows, capacity * sizeof *grown);
        if (!grown)
            return fail(read, capacity * sizeof *grown);
        list->rows = grown;
        list->capacity = capacity;
    }
    tn_run_row *row = &list->rows[list->count++];
    *row = (tn_run_row){
        .id = stored->id,
        .key = tn_string_copy(stored->trial.key),
        .subject = tn_string_copy(stored->trial.subject),
        .experiment = tn_string_copy(stored->trial.experiment),
        .isa = tn_string_copy(stored->trial.isa),
        .version = tn_string_copy(stored->trial.version),
        .started = tn_string_copy(stored->started),
        .signals = tn_string_copy(""),
        .end = stored->end ? tn_string_copy(stored->end) : NULL,
        .changes = changes_of(stored->trial.patch),
        .seed = stored->trial.seed,
        .loss = NAN,
        .score = NAN,
    };
    bool whole = row->key && row->subject && row->experiment && row->isa && row->version && row->started && row->signals && row->changes;
    return whole && (row->end || !stored->end) ? true : fail(read, sizeof *row);
}

static int by_id(const void *left, const void *right)
{
    int64_t a = ((const tn_run_row *)left)->id, b = ((const tn_run_row *)right)->id;
    return (a > b) - (a < b);
}

/* Numbers are handed out in blocks to each process, so of two processes at work the later run may have the lower one. */
static int by_time(const void *left, const void *right)
{
    const tn_run_row *a = left, *b = right;
    int order = strcmp(a->started ? a->started : "", b->started ? b->started : "");
    return order ? order : by_id(left, right);
}

static tn_run_row *row_of(const tn_run_list *list, int64_t id)
{
    const tn_run_row key = {.id = id};
    return list->count ? bsearch(&key, list->rows, list->count, sizeof key, by_id) : NULL;
}

/* "score.valid" comes after "score.train", and replaces it. */
static bool take_last(void *context, int64_t trial, const char *series, uint64_t step, double value)
{
    tn_run_row *row = row_of(((reading *)context)->list, trial);
    if (row && strcmp(series, "loss") == 0) {
        row->has_loss = true;
        row->loss = value;
        row->steps = step;
    }
    if (row && strncmp(series, "score.", 6) == 0)
        row->score = value;
    return true;
}

static bool take_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    reading *read = context;
    tn_run_row *row = row_of(read->list, trial);
    if (!row)
        return true;
    size_t size = strlen(row->signals) + strlen(signal->rule) + 3;
    char *joined = malloc(size);
    if (!joined)
        return fail(read, size);
    snprintf(joined, size, "%s%s%s", row->signals, row->signals[0] ? ", " : "", signal->rule);
    free(row->signals);
    row->signals = joined;
    return true;
}

tn_status tn_run_list_read(tn_store *store, tn_run_list *list, tn_error *error)
{
    *list = (tn_run_list){0};
    reading read = {.list = list, .error = error};
    tn_status status = tn_store_read_trials(store, take_trial, &read, error);
    if (status == TN_OK && read.status == TN_OK) {
        if (list->count > 1)
            qsort(list->rows, list->count, sizeof *list->rows, by_id);
        status = tn_store_read_last(store, take_last, &read, error);
    }
    if (status == TN_OK && read.status == TN_OK)
        status = tn_store_read_signals(store, 0, take_signal, &read, error);
    if (list->count > 1)
        qsort(list->rows, list->count, sizeof *list->rows, by_time);
    return status == TN_OK ? read.status : status;
}

void tn_run_list_deinit(tn_run_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        row_deinit(&list->rows[i]);
    free(list->rows);
    *list = (tn_run_list){0};
}

tn_status tn_run_list_find(const tn_run_list *list, const char *name, const tn_run_row **row, tn_error *error)
{
    *row = NULL;
    bool last = strcmp(name, "last") == 0;
    char *end = NULL;
    errno = 0;
    long long number = strtoll(name, &end, 10);
    if (!last && (end == name || *end || errno != 0 || number < 1))
        return tn_fail(error, TN_ERROR_USAGE, "'%.60s' is no run. Give its number, as 'tenet runs' lists it, or 'last'.", name);
    if (list->count == 0)
        return tn_fail(error, TN_ERROR_USAGE, "The store holds no run yet. 'tenet train' and 'tenet debug' record into it with --store.");
    for (size_t i = 0; i < list->count; i++)
        if (last ? i + 1 == list->count : list->rows[i].id == number)
            *row = &list->rows[i];
    return *row ? TN_OK
                : tn_fail(error, TN_ERROR_USAGE, "There is no run %lld among the %zu that the store holds; 'tenet runs' lists them.",
                          number, list->count);
}

const char *tn_run_row_end(const tn_run_row *row)
{
    return row->end ? row->end : "not ended";
}

bool tn_run_row_changes(const tn_run_row *row, char *text, size_t size)
{
    size_t used = 0;
    const char *path;
    json_t *value;
    text[0] = '\0';
    json_object_foreach(row->changes, path, value)
    {
        char number[32];
        char *written = json_is_number(value) || json_is_string(value) ? NULL : tn_json_write(value, JSON_COMPACT | JSON_ENCODE_ANY);
        const char *said = json_is_number(value)   ? tn_number_format(number, json_number_value(value), json_is_real(value) ? 4 : 17)
                           : json_is_string(value) ? json_string_value(value)
                                                   : written;
        if (!said)
            return false;
        int length = snprintf(text + used, size - used, "%s%s=%s", used ? " " : "", path, said);
        free(written);
        if (length < 0 || (size_t)length >= size - used) {
            size_t at = size > 3 ? size - 3 : 0;
            while (at > 0 && ((unsigned char)text[at] & 0xC0) == 0x80)
                at--; /* not within a character */
            snprintf(text + at, size - at, "..");
            return true;
        }
        used += (size_t)length;
    }
    return true;
}
