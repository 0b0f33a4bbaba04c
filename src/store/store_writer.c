/* store_writer.c: the one thread that writes a store.
 *
 * It sleeps until something is handed over, gathers for TN_STORE_GATHER_NS (or until someone waits, the queue is large, or the store closes), and
 * commits all of it as one transaction, in the order of the hand-overs. So a reader, and a store that outlived its process, see a prefix.
 *
 * The first failure is final: the queue is dropped and every later call tells it. Training is never disturbed: signals stay with the program's own
 * threads, a file size limit included, which would otherwise end the process (SIGXFSZ). */
#include "store/store_sqlite.h"

#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

static const int TEXT_COUNTS[TN_ITEM_KINDS] = {
    [TN_ITEM_TRIAL] = 7,     [TN_ITEM_SERIES] = 1, [TN_ITEM_BLOB] = 1,   [TN_ITEM_NAME] = 5,    [TN_ITEM_SIGNAL] = 4,
    [TN_ITEM_NO_SIGNAL] = 1, [TN_ITEM_END] = 3,    [TN_ITEM_REPORT] = 3, [TN_ITEM_RESERVE] = 0,
};

/* Binds parameters from the first on; the first failure stays. */
typedef struct binder {
    sqlite3_stmt *statement;
    int parameter;
    int result;
} binder;

static void took(binder *bind, int result)
{
    if (bind->result == SQLITE_OK)
        bind->result = result;
}

static void bind_text(binder *bind, const char *text)
{
    bind->parameter++;
    took(bind, text ? sqlite3_bind_text(bind->statement, bind->parameter, text, -1, SQLITE_STATIC)
                    : sqlite3_bind_null(bind->statement, bind->parameter));
}

static void bind_number(binder *bind, uint64_t number)
{
    took(bind, sqlite3_bind_int64(bind->statement, ++bind->parameter, (sqlite3_int64)number));
}

/* NaN becomes NULL. */
static void bind_figure(binder *bind, double figure)
{
    took(bind, sqlite3_bind_double(bind->statement, ++bind->parameter, figure));
}

static void bind_bytes(binder *bind, const unsigned char *bytes, size_t size)
{
    bind->parameter++;
    took(bind, size == 0 ? sqlite3_bind_zeroblob(bind->statement, bind->parameter, 0)
                         : sqlite3_bind_blob64(bind->statement, bind->parameter, bytes, size, SQLITE_STATIC));
}

/* In the order of the statements of store_schema.c: texts, the trial, numbers, blobs. */
static int bind_item(sqlite3_stmt *statement, const tn_store_item *item)
{
    binder bind = {statement, 0, SQLITE_OK};
    for (int i = 0; i < TEXT_COUNTS[item->kind]; i++)
        bind_text(&bind, item->texts[i]);
    if (item->kind == TN_ITEM_RESERVE)
        bind_number(&bind, TN_STORE_ID_BLOCK);
    else if (item->kind != TN_ITEM_REPORT)
        bind_number(&bind, (uint64_t)item->trial);
    if (item->kind == TN_ITEM_TRIAL)
        bind_number(&bind, item->seed);
    if (item->kind == TN_ITEM_SERIES) {
        bind_number(&bind, item->count);
        bind_number(&bind, item->first);
        bind_number(&bind, item->last);
        if (item->steps)
            bind_bytes(&bind, item->steps, item->count * 8);
        else
            bind.parameter++; /* left out: NULL */
    }
    if (item->kind == TN_ITEM_BLOB || item->kind == TN_ITEM_SIGNAL)
        bind_number(&bind, item->first);
    for (size_t i = 0; item->kind == TN_ITEM_NAME && i < sizeof item->numbers / sizeof *item->numbers; i++)
        bind_number(&bind, item->numbers[i]);
    for (size_t i = 0; item->kind == TN_ITEM_SIGNAL && i < sizeof item->figures / sizeof *item->figures; i++)
        bind_figure(&bind, item->figures[i]);
    if (item->kind == TN_ITEM_SERIES || item->kind == TN_ITEM_BLOB)
        bind_bytes(&bind, item->values, item->value_bytes);
    return bind.result;
}

static int write_row(tn_store *store, const tn_store_item *item, int64_t *reserved)
{
    sqlite3_stmt *statement = store->statements[item->kind];
    int result = bind_item(statement, item);
    if (result != SQLITE_OK)
        return result;
    result = sqlite3_step(statement);
    int64_t end = 0;
    if (result == SQLITE_ROW) {
        end = sqlite3_column_int64(statement, 0);
        result = sqlite3_step(statement);
    }
    if (item->kind == TN_ITEM_RESERVE && result == SQLITE_DONE) {
        *reserved = end;
        if (end <= TN_STORE_ID_BLOCK) /* the counter has no row, or one that was never ours */
            result = SQLITE_CORRUPT;
    }
    int reset = sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result == SQLITE_DONE ? SQLITE_OK : reset != SQLITE_OK ? reset : result;
}

static int write_item(tn_store *store, const tn_store_item *item, int64_t *reserved)
{
    if (item->kind != TN_ITEM_BLOB)
        return write_row(store, item, reserved);
    int result = SQLITE_OK;
    for (size_t i = 0, next; i < item->count && result == SQLITE_OK; i = next) {
        const tn_store_blob_row *row = &item->rows[i];
        for (next = i + 1; next < item->count && item->rows[next].step == row->step;)
            next++;
        tn_store_item one = {.kind = TN_ITEM_BLOB, .trial = item->trial, .first = row->step};
        one.texts[0] = row->tensor;
        one.values = row->bytes;
        one.value_bytes = row->size;
        if (next > i + 1 || row->tensor[0] == '\0') {
            const tn_store_blob_row *last = &item->rows[next - 1];
            one.texts[0] = "";
            one.values = (const unsigned char *)row->tensor;
            one.value_bytes = (size_t)((const unsigned char *)last->bytes + last->size - one.values);
        }
        result = write_row(store, &one, reserved);
    }
    return result;
}

/* One transaction. The database's mutex is held, so that the message of a failure is that of this batch; a reader waits meanwhile. */
static tn_status write_batch(tn_store *store, const tn_store_item *item, int64_t *reserved, tn_error *error)
{
    sqlite3_mutex *mutex = sqlite3_db_mutex(store->database);
    sqlite3_mutex_enter(mutex);
    int result = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    for (; item && result == SQLITE_OK; item = item->next)
        result = write_item(store, item, reserved);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
    tn_status status = TN_OK;
    if (result != SQLITE_OK) {
        tn_error said = {0};
        status = tn_store_fail_sqlite(store, store->database, result, "cannot write", &said);
        tn_fail(error, status,
                "%.700s Nothing that trials hand over from now on is kept; the training itself goes on. Free some space, or give --store "
                "another path.",
                said.message);
        if (!sqlite3_get_autocommit(store->database))
            sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_mutex_leave(mutex);
    return status;
}

static void free_items(tn_store_item *item)
{
    while (item) {
        tn_store_item *next = item->next;
        free(item);
        item = next;
    }
}

/* Under the lock: waits until there is a batch to write; false at the end. */
static bool wait_for_batch(tn_store *store)
{
    while (!store->first && !store->closing)
        pthread_cond_wait(&store->work, &store->lock);
    if (!store->first)
        return false;
    uint64_t deadline = store->oldest_ns + TN_STORE_GATHER_NS;
    const struct timespec until = {(time_t)(deadline / 1000000000), (long)(deadline % 1000000000)};
    while (!store->closing && store->waiting == 0 && store->bytes < TN_STORE_BATCH_BYTES && tn_clock_ns() < deadline)
        pthread_cond_timedwait(&store->work, &store->lock, &until);
    return true;
}

static void write_loop(tn_store *store)
{
    pthread_mutex_lock(&store->lock);
    while (wait_for_batch(store)) {
        tn_store_item *batch = store->first;
        size_t bytes = store->bytes;
        uint64_t handed = store->handed;
        store->first = store->last = NULL;
        tn_status status = store->failure.code;
        pthread_mutex_unlock(&store->lock);

        tn_error failure = {0};
        int64_t reserved = 0;
        if (status == TN_OK)
            status = write_batch(store, batch, &reserved, &failure);
        free_items(batch);

        pthread_mutex_lock(&store->lock);
        if (status != TN_OK && store->failure.code == TN_OK)
            store->failure = failure;
        if (reserved > 0) {
            store->next_id = reserved - TN_STORE_ID_BLOCK;
            store->end_id = reserved;
        }
        store->bytes -= bytes;
        store->committed = handed;
        pthread_cond_broadcast(&store->done);
    }
    pthread_mutex_unlock(&store->lock);
}

void *tn_store_writer(void *context)
{
    tn_store *store = context;
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    write_loop(store);
    for (int i = 0; i < TN_ITEM_KINDS; i++)
        sqlite3_finalize(store->statements[i]);
    /* Here the log moves into the file. Where that fails the log stays beside it, and the next open reads it: nothing is lost. */
    sqlite3_close_v2(store->database);
    return NULL;
}
