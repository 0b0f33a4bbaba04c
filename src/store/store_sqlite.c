/* store_sqlite.c: opening, closing and handing over; see store.h. What happens to a hand-over afterwards is in store_writer.c, reading in store_read.c. */
#include "store/store_sqlite.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

/* "2026-11-23T08:35:48Z" */
static void format_now(char text[32])
{
    time_t now = time(NULL);
    struct tm parts;
    text[0] = '\0';
    if (gmtime_r(&now, &parts))
        strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void put_uint64(unsigned char *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
}

static tn_status init_locks(tn_store *store, tn_error *error)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return tn_fail_memory(error, sizeof monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    int locked = pthread_mutex_init(&store->lock, NULL);
    int worked = locked ? locked : pthread_cond_init(&store->work, &monotonic);
    int failed = worked ? worked : pthread_cond_init(&store->done, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!failed)
        return TN_OK;
    if (!worked)
        pthread_cond_destroy(&store->work);
    if (!locked)
        pthread_mutex_destroy(&store->lock);
    return tn_fail_memory(error, sizeof *store);
}

static void deinit_locks(tn_store *store)
{
    pthread_cond_destroy(&store->done);
    pthread_cond_destroy(&store->work);
    pthread_mutex_destroy(&store->lock);
}

static void close_database(tn_store *store)
{
    for (int i = 0; i < TN_ITEM_KINDS; i++)
        sqlite3_finalize(store->statements[i]);
    sqlite3_close_v2(store->database);
}

static tn_status open_database(tn_store *store, tn_error *error)
{
    if (store->path[0] == '\0')
        return tn_fail(error, TN_ERROR_STORE, "the store's path is empty. Give --store the name of a file.");
    if (strcmp(store->path, ":memory:") != 0) {
        tn_status status = tn_store_check_place(store->path, error);
        if (status != TN_OK)
            return status;
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
    int result = sqlite3_open_v2(store->path, &store->database, flags, NULL);
    if (result != SQLITE_OK)
        return tn_store_fail_sqlite(store, store->database, result, "cannot open or create", error);
    return tn_store_schema_open(store, error);
}

tn_status tn_store_open(const char *path, tn_store **store, tn_error *error)
{
    *store = NULL;
    tn_store *opened = tn_memory_create(1, sizeof *opened);
    if (!opened)
        return tn_fail_memory(error, sizeof *opened);
    opened->path = tn_string_copy(path);
    if (!opened->path) {
        tn_memory_destroy(opened);
        return tn_fail_memory(error, strlen(path) + 1);
    }
    tn_status status = open_database(opened, error);
    if (status == TN_OK)
        status = init_locks(opened, error);
    if (status == TN_OK && pthread_create(&opened->writer, NULL, tn_store_writer, opened) != 0) {
        deinit_locks(opened);
        status = tn_fail(error, TN_ERROR_STORE, "cannot open the store %s: its writer thread could not be started.", path);
    }
    if (status != TN_OK) {
        close_database(opened);
        free(opened->path);
        tn_memory_destroy(opened);
        return status;
    }
    *store = opened;
    return TN_OK;
}

/* Under the lock. */
static tn_status told_failure(const tn_store *store, tn_error *error)
{
    if (store->failure.code != TN_OK && error)
        *error = store->failure;
    return store->failure.code;
}

tn_status tn_store_close(tn_store *store, tn_error *error)
{
    if (!store)
        return TN_OK;
    pthread_mutex_lock(&store->lock);
    store->closing = true;
    pthread_cond_signal(&store->work);
    pthread_mutex_unlock(&store->lock);
    pthread_join(store->writer, NULL);
    tn_status status = told_failure(store, error);
    deinit_locks(store);
    free(store->path);
    tn_memory_destroy(store);
    return status;
}

/* Under the lock: waits on `done` once, keeping the writer from gathering meanwhile. */
static void wait_for_writer(tn_store *store)
{
    store->waiting++;
    pthread_cond_signal(&store->work);
    pthread_cond_wait(&store->done, &store->lock);
    store->waiting--;
}

/* Under the lock: puts an item, which it owns from now on, at the end of the queue. */
static tn_status enqueue(tn_store *store, tn_store_item *item, tn_error *error)
{
    while (store->failure.code == TN_OK && store->bytes > 0 && store->bytes + item->size > TN_STORE_QUEUE_BYTES)
        wait_for_writer(store);
    if (store->failure.code != TN_OK) {
        free(item);
        return told_failure(store, error);
    }
    if (store->last)
        store->last->next = item;
    else {
        store->first = item;
        store->oldest_ns = tn_clock_ns();
    }
    store->last = item;
    size_t before = store->bytes;
    store->bytes += item->size;
    store->handed++;
    if (store->first == item || (before < TN_STORE_BATCH_BYTES && store->bytes >= TN_STORE_BATCH_BYTES))
        pthread_cond_signal(&store->work);
    return TN_OK;
}

/* Under the lock: until everything handed over so far is committed, or writing has failed. */
static tn_status drain(tn_store *store, tn_error *error)
{
    uint64_t handed = store->handed;
    while (store->committed < handed && store->failure.code == TN_OK)
        wait_for_writer(store);
    return told_failure(store, error);
}

/* An item with copies of texts [text_count] and `bytes` more at *room. NULL where memory is out or the size overflows. */
static tn_store_item *item_create(tn_item_kind kind, size_t text_count, const char *const *texts, size_t bytes, unsigned char **room)
{
    size_t size = sizeof(tn_store_item);
    for (size_t i = 0; i < text_count; i++)
        size += texts[i] ? strlen(texts[i]) + 1 : 0;
    if (bytes > SIZE_MAX - size)
        return NULL;
    tn_store_item *item = malloc(size + bytes);
    if (!item)
        return NULL;
    *item = (tn_store_item){.kind = kind, .size = size + bytes};
    unsigned char *at = (unsigned char *)(item + 1);
    if (room)
        *room = at;
    char *text = (char *)(at + bytes);
    for (size_t i = 0; i < text_count; i++) {
        if (!texts[i])
            continue;
        size_t length = strlen(texts[i]) + 1;
        memcpy(text, texts[i], length);
        item->texts[i] = text;
        text += length;
    }
    return item;
}

/* Under the lock: an allocation that failed. What it would have held is lost, like a write that fails, so the store tells it again when it is closed. */
static tn_status lose(tn_store *store, size_t bytes, tn_error *error)
{
    if (store->failure.code == TN_OK)
        tn_fail(&store->failure, TN_ERROR_MEMORY, "the store %s lost what a trial recorded: out of memory, %zu bytes were needed.",
                store->path, bytes);
    return told_failure(store, error);
}

/* Hands an item over; NULL is an allocation that failed. */
static tn_status hand_over(tn_store *store, tn_store_item *item, size_t bytes, tn_error *error)
{
    pthread_mutex_lock(&store->lock);
    tn_status status = item ? enqueue(store, item, error) : lose(store, bytes, error);
    pthread_mutex_unlock(&store->lock);
    return status;
}

/* Under the lock: the next trial number. One caller at a time asks the database for a block; the others wait for it. */
static tn_status take_id(tn_store *store, int64_t *id, tn_error *error)
{
    while (store->next_id == store->end_id && store->failure.code == TN_OK) {
        if (store->reserving) {
            wait_for_writer(store);
            continue;
        }
        tn_store_item *item = item_create(TN_ITEM_RESERVE, 0, NULL, 0, NULL);
        if (!item)
            return lose(store, sizeof *item, error);
        store->reserving = true;
        tn_status status = enqueue(store, item, error);
        if (status == TN_OK)
            status = drain(store, error);
        store->reserving = false;
        pthread_cond_broadcast(&store->done);
        if (status != TN_OK)
            return status;
    }
    if (store->failure.code != TN_OK)
        return told_failure(store, error);
    *id = store->next_id++;
    return TN_OK;
}

tn_status tn_store_trial_begin(tn_store *store, const tn_store_trial *trial, int64_t *id, tn_error *error)
{
    *id = 0;
    char now[32];
    format_now(now);
    const char *texts[] = {trial->key, trial->subject, trial->experiment, trial->patch, trial->isa, trial->version, now};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    for (size_t i = 0; i < COUNT; i++)
        texts[i] = texts[i] ? texts[i] : "";
    tn_store_item *item = item_create(TN_ITEM_TRIAL, COUNT, texts, 0, NULL);
    if (!item)
        return hand_over(store, NULL, sizeof *item, error);
    item->seed = trial->seed;
    pthread_mutex_lock(&store->lock);
    tn_status status = take_id(store, &item->trial, error);
    if (status == TN_OK) {
        *id = item->trial;
        status = enqueue(store, item, error);
    } else
        free(item);
    pthread_mutex_unlock(&store->lock);
    return status;
}

static bool consecutive(size_t count, const uint64_t *steps)
{
    for (size_t i = 1; i < count; i++)
        if (steps[i] != steps[0] + i)
            return false;
    return true;
}

tn_status tn_store_series(tn_store *store, int64_t trial, const char *series, size_t count, const uint64_t *steps, const double *values,
                          tn_error *error)
{
    if (count == 0)
        return TN_OK;
    bool plain = consecutive(count, steps);
    size_t bytes;
    if (!tn_size_multiply(count, plain ? 8 : 16, &bytes))
        return hand_over(store, NULL, SIZE_MAX, error);
    unsigned char *room;
    tn_store_item *item = item_create(TN_ITEM_SERIES, 1, &series, bytes, &room);
    if (!item)
        return hand_over(store, NULL, bytes, error);
    item->trial = trial;
    item->count = count;
    item->first = steps[0];
    item->last = steps[count - 1];
    item->values = room;
    item->value_bytes = count * 8;
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put_uint64(room + 8 * i, bits);
    }
    if (!plain) {
        item->steps = room + count * 8;
        for (size_t i = 0; i < count; i++)
            put_uint64(room + 8 * (count + i), steps[i]);
    }
    return hand_over(store, item, bytes, error);
}

static void put_size(unsigned char *at, size_t size)
{
    for (size_t i = 0; i < TN_STORE_SIZE_BYTES; i++)
        at[i] = (unsigned char)(size >> (8 * i));
}

/* Bytes of a row behind its item; false where the sum overflows, or where the blob is larger than SQLite takes. */
static bool add_row_bytes(const tn_store_blob_row *row, size_t *bytes)
{
    size_t more = sizeof *row + strlen(row->tensor) + 1 + TN_STORE_SIZE_BYTES;
    if (row->size > UINT32_MAX || row->size > SIZE_MAX - more || *bytes > SIZE_MAX - more - row->size)
        return false;
    *bytes += more + row->size;
    return true;
}

tn_status tn_store_blobs(tn_store *store, int64_t trial, size_t count, const tn_store_blob_row *rows, tn_error *error)
{
    size_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        if (!add_row_bytes(&rows[i], &bytes))
            return hand_over(store, NULL, SIZE_MAX, error);
    if (count == 0)
        return TN_OK;
    unsigned char *room;
    tn_store_item *item = item_create(TN_ITEM_BLOB, 0, NULL, bytes, &room);
    if (!item)
        return hand_over(store, NULL, bytes, error);
    tn_store_blob_row *kept = (void *)room;
    unsigned char *at = room + count * sizeof *kept;
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rows[i].tensor) + 1;
        memcpy(at, rows[i].tensor, length);
        put_size(at + length, rows[i].size);
        unsigned char *blob = at + length + TN_STORE_SIZE_BYTES;
        if (rows[i].size)
            memcpy(blob, rows[i].bytes, rows[i].size);
        kept[i] = (tn_store_blob_row){(const char *)at, rows[i].step, blob, rows[i].size};
        at = blob + rows[i].size;
    }
    item->trial = trial;
    item->count = count;
    item->rows = kept;
    return hand_over(store, item, bytes, error);
}

tn_status tn_store_blob(tn_store *store, int64_t trial, const char *tensor, uint64_t step, const void *bytes, size_t size, tn_error *error)
{
    return tn_store_blobs(store, trial, 1, &(tn_store_blob_row){tensor, step, bytes, size}, error);
}

tn_status tn_store_tensor_name(tn_store *store, int64_t trial, const tn_store_name *name, tn_error *error)
{
    const char *texts[] = {name->tensor, name->node, name->parameter, name->op ? name->op : "", name->role};
    tn_store_item *item = item_create(TN_ITEM_NAME, sizeof texts / sizeof texts[0], texts, 0, NULL);
    if (item) {
        const uint64_t numbers[] = {name->node_index, name->order, name->count, name->units};
        item->trial = trial;
        memcpy(item->numbers, numbers, sizeof numbers);
    }
    return hand_over(store, item, sizeof *item, error);
}

tn_status tn_store_signal_put(tn_store *store, int64_t trial, const tn_store_signal *signal, tn_error *error)
{
    const char *texts[] = {signal->rule, signal->severity, signal->tensor, signal->text};
    enum { COUNT = sizeof texts / sizeof texts[0] };
    for (size_t i = 0; i < COUNT; i++)
        texts[i] = texts[i] ? texts[i] : "";
    tn_store_item *item = item_create(TN_ITEM_SIGNAL, COUNT, texts, 0, NULL);
    if (item) {
        item->trial = trial;
        item->first = signal->step;
        item->figures[0] = signal->value;
        item->figures[1] = signal->threshold;
    }
    return hand_over(store, item, sizeof *item, error);
}

tn_status tn_store_signal_drop(tn_store *store, int64_t trial, const char *rule, tn_error *error)
{
    tn_store_item *item = item_create(TN_ITEM_NO_SIGNAL, 1, &rule, 0, NULL);
    if (item)
        item->trial = trial;
    return hand_over(store, item, sizeof *item, error);
}

tn_status tn_store_trial_end(tn_store *store, int64_t trial, const char *end, const char *result_json, tn_error *error)
{
    char now[32];
    format_now(now);
    const char *texts[] = {end, now, result_json};
    tn_store_item *item = item_create(TN_ITEM_END, 3, texts, 0, NULL);
    if (item)
        item->trial = trial;
    return hand_over(store, item, sizeof *item, error);
}

tn_status tn_store_report(tn_store *store, const char *subject, const char *report_json, tn_error *error)
{
    char now[32];
    format_now(now);
    const char *texts[] = {subject, now, report_json};
    return hand_over(store, item_create(TN_ITEM_REPORT, 3, texts, 0, NULL), strlen(report_json), error);
}

tn_status tn_store_flush(tn_store *store, tn_error *error)
{
    pthread_mutex_lock(&store->lock);
    tn_status status = drain(store, error);
    pthread_mutex_unlock(&store->lock);
    return status;
}
