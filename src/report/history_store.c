/* history_store.c: a history of a run that was recorded, from the store.
 *
 * Series and tensors are read one after the other, not step by step, since the picture of a history does not depend on how they interleave. A label without a name (of a store that something
 * else wrote) counts as the activation of a node of that name. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "report/history_parts.h"

/* Names as the store has them; a tensor's place is its number here. Each is one block, its strings behind it. */
typedef struct stored_name {
    tn_tensor_name name;
    const char *key;
} stored_name;

typedef struct replay {
    tn_history *history;
    stored_name *names[TN_HISTORY_TENSORS];
    size_t count, next; /* `next`: where the coming blob's name is looked for first, since every step shows them in the same order */
    tn_status status;
    tn_error error;
    tn_vitals vitals;
} replay;

static tn_role role_of(const char *name)
{
    for (tn_role role = TN_ROLE_INPUT; role <= TN_ROLE_ACTIVATION_GRADIENT; role++)
        if (strcmp(tn_role_name(role), name) == 0)
            return role;
    return TN_ROLE_ACTIVATION;
}

static const char *put(char **at, const char *text)
{
    size_t size = strlen(text) + 1;
    const char *put_here = memcpy(*at, text, size);
    *at += size;
    return put_here;
}

/* Names beyond the bound are left out, and their tensors with them. */
static bool keep_name(void *context, const tn_store_name *stored)
{
    replay *run = context;
    if (run->count == TN_HISTORY_TENSORS)
        return true;
    size_t size = sizeof(stored_name) + strlen(stored->tensor) + strlen(stored->node) + strlen(stored->op) + 4 +
                  (stored->parameter ? strlen(stored->parameter) : 0);
    stored_name *kept = malloc(size);
    if (!kept) {
        run->status = tn_fail_memory(&run->error, size);
        return false;
    }
    char *at = (char *)(kept + 1);
    *kept = (stored_name){
        .name = {.role = role_of(stored->role),
                 .node_index = (size_t)stored->node_index,
                 .count = (size_t)stored->count,
                 .units = (size_t)stored->units},
        .key = put(&at, stored->tensor),
    };
    kept->name.node = put(&at, stored->node);
    kept->name.op = put(&at, stored->op);
    kept->name.parameter = stored->parameter ? put(&at, stored->parameter) : NULL;
    run->names[run->count++] = kept;
    return true;
}

/* The number of a label, TN_HISTORY_TENSORS where it is left out. */
static size_t find_name(replay *run, const char *key)
{
    for (size_t i = 0; i < run->count; i++) {
        size_t at = (run->next + i) % run->count;
        if (strcmp(run->names[at]->key, key) == 0) {
            run->next = at + 1;
            return at;
        }
    }
    size_t added = run->count;
    const tn_store_name unnamed = {.tensor = key, .node = key, .op = "", .role = tn_role_name(TN_ROLE_ACTIVATION)};
    return keep_name(run, &unnamed) && run->count > added ? added : TN_HISTORY_TENSORS;
}

static bool take_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    replay *run = context;
    run->status = tn_vitals_unpack(bytes, size, &run->vitals, &run->error);
    if (run->status != TN_OK)
        return false;
    size_t index = find_name(run, tensor);
    if (run->status != TN_OK)
        return false;
    if (index == TN_HISTORY_TENSORS) {
        run->history->left_out = run->history->left_out ? run->history->left_out : 1;
        return true;
    }
    tn_tensor_name name = run->names[index]->name;
    if (name.count == 0)
        name.count = (size_t)run->vitals.count;
    if (name.units == 0 || name.count % name.units != 0)
        name.units = 1;
    const tn_tensor_seen seen = {.step = step, .name = &name, .index = index, .vitals = &run->vitals};
    tn_history_add_tensor(run->history, &seen);
    return true;
}

static bool take_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    replay *run = context;
    for (tn_history_kind kind = 0; kind < TN_HISTORY_KINDS; kind++) {
        if (strcmp(series, tn_history_kind_name(kind)) != 0)
            continue;
        for (size_t i = 0; i < count; i++)
            tn_history_add_value(run->history, kind, steps[i], values[i]);
        if (kind == TN_HISTORY_LOSS)
            run->history->last_step = steps[count - 1];
    }
    return true;
}

static bool take_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    (void)trial;
    tn_history_note_signal(((replay *)context)->history, signal);
    return true;
}

tn_status tn_history_from_store(tn_store *store, int64_t trial, bool ended, tn_history **history, tn_error *error)
{
    *history = NULL;
    replay *run = tn_memory_create(1, sizeof *run);
    if (!run)
        return tn_fail_memory(error, sizeof *run);
    tn_status status = tn_history_create(&run->history, error);
    if (status == TN_OK)
        status = tn_store_read_names(store, trial, keep_name, run, error);
    if (status == TN_OK && run->status == TN_OK)
        status = tn_store_read_series(store, trial, take_series, run, error);
    if (status == TN_OK && run->status == TN_OK)
        status = tn_store_read_blobs(store, trial, take_blob, run, error);
    if (status == TN_OK && run->status == TN_OK)
        status = tn_store_read_signals(store, trial, take_signal, run, error);
    if (status == TN_OK && run->status != TN_OK) {
        status = run->status;
        if (error)
            *error = run->error;
    }
    if (status == TN_OK)
        status = tn_history_status(run->history, error);
    if (status == TN_OK) {
        run->history->ended = ended;
        *history = run->history;
    } else
        tn_history_destroy(run->history);
    for (size_t i = 0; i < run->count; i++)
        free(run->names[i]);
    tn_memory_destroy(run);
    return status;
}
