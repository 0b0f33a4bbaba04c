/* store_read.c: reading a store. Everything handed over before is committed first, so a reader sees what this process has recorded.
 *
 * A file may come from anywhere, so chunks are checked: a blob whose size is not what its count says is an error, never read past. A store whose
 * writing has failed can still be read. */
#include "store/store_sqlite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static uint64_t get_uint64(const unsigned char *bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

/* Shows the row that `statement` stands on; *more is whether to go on. */
typedef tn_status row_fn(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error);

/* Runs a query whose parameter 1, where there is one, is `trial`. The connection's mutex is held only while SQLite works, so callbacks may use the store. */
static tn_status query(tn_store *store, sqlite3 *connection, const char *sql, int64_t trial, row_fn *fn, void *context, tn_error *error)
{
    sqlite3_mutex *mutex = sqlite3_db_mutex(connection);
    sqlite3_stmt *statement = NULL;
    tn_status status = TN_OK;
    bool more = true;
    sqlite3_mutex_enter(mutex);
    int result = sqlite3_prepare_v2(connection, sql, -1, &statement, NULL);
    if (result == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 0)
        result = sqlite3_bind_int64(statement, 1, trial);
    if (result != SQLITE_OK)
        status = tn_store_fail_sqlite(store, connection, result, "cannot read", error);
    sqlite3_mutex_leave(mutex);
    while (status == TN_OK && more) {
        sqlite3_mutex_enter(mutex);
        result = sqlite3_step(statement);
        if (result != SQLITE_ROW && result != SQLITE_DONE)
            status = tn_store_fail_sqlite(store, connection, result, "cannot read", error);
        sqlite3_mutex_leave(mutex);
        if (result != SQLITE_ROW)
            break;
        status = fn(store, statement, context, &more, error);
    }
    sqlite3_finalize(statement);
    return status;
}

static tn_status read_rows(tn_store *store, const char *sql, int64_t trial, row_fn *fn, void *context, tn_error *error)
{
    (void)tn_store_flush(store, NULL); /* its failure is told by those who write */
    if (strcmp(store->path, ":memory:") == 0)
        return query(store, store->database, sql, trial, fn, context, error);
    sqlite3 *connection = NULL;
    int result = sqlite3_open_v2(store->path, &connection, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_busy_timeout(connection, TN_STORE_BUSY_MS);
    tn_status status = result == SQLITE_OK ? query(store, connection, sql, trial, fn, context, error)
                                           : tn_store_fail_sqlite(store, connection, result, "cannot read", error);
    sqlite3_close(connection);
    return status;
}

static const char *text_of(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    return text ? text : "";
}

typedef struct trial_reader {
    tn_store_trial_fn *fn;
    void *context;
} trial_reader;

static tn_status show_trial(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    (void)store, (void)error;
    const trial_reader *reader = context;
    const tn_store_trial_row row = {
        .id = sqlite3_column_int64(statement, 0),
        .trial = {.key = text_of(statement, 1),
                  .subject = text_of(statement, 2),
                  .experiment = text_of(statement, 3),
                  .patch = text_of(statement, 4),
                  .isa = text_of(statement, 5),
                  .version = text_of(statement, 6),
                  .seed = (uint64_t)sqlite3_column_int64(statement, 7)},
        .started = text_of(statement, 8),
        .end = (const char *)sqlite3_column_text(statement, 9),
        .result = (const char *)sqlite3_column_text(statement, 10),
    };
    *more = reader->fn(reader->context, &row);
    return TN_OK;
}

tn_status tn_store_read_trials(tn_store *store, tn_store_trial_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] =
        "SELECT id, key, subject, experiment, patch, isa, version, seed, started, \"end\", result FROM trial ORDER BY started, id";
    trial_reader reader = {fn, context};
    return read_rows(store, SQL, 0, show_trial, &reader, error);
}

typedef struct series_reader {
    tn_store_series_fn *fn;
    void *context;
} series_reader;

/* A chunk as it lies in a row. */
typedef struct chunk {
    size_t count;
    uint64_t first;
    const unsigned char *values;
    const unsigned char *steps; /* NULL where they are first, first + 1 ... */
} chunk;

/* The chunk whose name, count, first_step, steps and values are the columns from `column` on. */
static tn_status read_chunk(const tn_store *store, sqlite3_stmt *statement, int column, chunk *read, tn_error *error)
{
    sqlite3_int64 said = sqlite3_column_int64(statement, column + 1);
    const unsigned char *values = sqlite3_column_blob(statement, column + 4);
    size_t value_bytes = (size_t)sqlite3_column_bytes(statement, column + 4);
    bool listed = sqlite3_column_type(statement, column + 3) != SQLITE_NULL;
    const unsigned char *steps = listed ? sqlite3_column_blob(statement, column + 3) : NULL;
    size_t step_bytes = listed ? (size_t)sqlite3_column_bytes(statement, column + 3) : value_bytes;
    *read = (chunk){value_bytes / 8, (uint64_t)sqlite3_column_int64(statement, column + 2), values, steps};
    if (said <= 0 || (uint64_t)said != read->count || value_bytes % 8 != 0 || step_bytes != value_bytes || !values || (listed && !steps))
        return tn_fail(error, TN_ERROR_STORE, "the store %s is damaged: a chunk of the series \"%s\" says %lld values and holds %zu bytes.",
                       store->path, text_of(statement, column), (long long)said, value_bytes);
    return TN_OK;
}

static double chunk_value(const chunk *from, size_t i)
{
    uint64_t bits = get_uint64(from->values + 8 * i);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t chunk_step(const chunk *from, size_t i)
{
    return from->steps ? get_uint64(from->steps + 8 * i) : from->first + i;
}

static tn_status show_chunk(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    const series_reader *reader = context;
    chunk read;
    tn_status status = read_chunk(store, statement, 0, &read, error);
    if (status != TN_OK)
        return status;
    uint64_t *steps = malloc(read.count * 16); /* a blob has at most 2^31 bytes */
    if (!steps)
        return tn_fail_memory(error, read.count * 16);
    double *values = (double *)(steps + read.count);
    for (size_t i = 0; i < read.count; i++) {
        steps[i] = chunk_step(&read, i);
        values[i] = chunk_value(&read, i);
    }
    *more = reader->fn(reader->context, text_of(statement, 0), read.count, steps, values);
    free(steps);
    return TN_OK;
}

tn_status tn_store_read_series(tn_store *store, int64_t trial, tn_store_series_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] = "SELECT name, count, first_step, steps, \"values\" FROM series WHERE trial = ?1 ORDER BY id";
    series_reader reader = {fn, context};
    return read_rows(store, SQL, trial, show_chunk, &reader, error);
}

typedef struct last_reader {
    tn_store_last_fn *fn;
    void *context;
} last_reader;

static tn_status show_last(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    const last_reader *reader = context;
    chunk read;
    tn_status status = read_chunk(store, statement, 1, &read, error);
    if (status == TN_OK)
        *more = reader->fn(reader->context, sqlite3_column_int64(statement, 0), text_of(statement, 1), chunk_step(&read, read.count - 1),
                           chunk_value(&read, read.count - 1));
    return status;
}

tn_status tn_store_read_last(tn_store *store, tn_store_last_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] = "SELECT trial, name, count, first_step, steps, \"values\" FROM series WHERE id IN"
                              " (SELECT max(id) FROM series GROUP BY trial, name) ORDER BY trial, name";
    last_reader reader = {fn, context};
    return read_rows(store, SQL, 0, show_last, &reader, error);
}

typedef struct blob_reader {
    tn_store_blob_fn *fn;
    void *context;
} blob_reader;

/* The blobs of a row of several, one after the other. */
static tn_status show_joined(const blob_reader *reader, uint64_t step, const unsigned char *bytes, size_t size, bool *more)
{
    while (size > 0 && *more) {
        const unsigned char *end = memchr(bytes, 0, size);
        size_t used = end ? (size_t)(end - bytes) + 1 + TN_STORE_SIZE_BYTES : 0, blob = 0;
        if (!end || used > size)
            return TN_ERROR_STORE;
        for (size_t i = 0; i < TN_STORE_SIZE_BYTES; i++)
            blob |= (size_t)end[1 + i] << (8 * i);
        if (blob > size - used)
            return TN_ERROR_STORE;
        *more = reader->fn(reader->context, (const char *)bytes, step, bytes + used, blob);
        bytes += used + blob;
        size -= used + blob;
    }
    return TN_OK;
}

static tn_status show_blob(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    const blob_reader *reader = context;
    const char *name = text_of(statement, 0);
    uint64_t step = (uint64_t)sqlite3_column_int64(statement, 1);
    const void *bytes = sqlite3_column_blob(statement, 2);
    size_t size = (size_t)sqlite3_column_bytes(statement, 2);
    if (name[0] == '\0' && show_joined(reader, step, bytes, size, more) != TN_OK)
        return tn_fail(error, TN_ERROR_STORE,
                       "the store %s is damaged: the tensors of step %llu do not fit into their row of %zu bytes. The file was changed by "
                       "something else than tenet.",
                       store->path, (unsigned long long)step, size);
    if (name[0] != '\0')
        *more = reader->fn(reader->context, name, step, bytes ? bytes : "", size);
    return TN_OK;
}

tn_status tn_store_read_blobs(tn_store *store, int64_t trial, tn_store_blob_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] = "SELECT name, step, bytes FROM tensor WHERE trial = ?1 ORDER BY id";
    blob_reader reader = {fn, context};
    return read_rows(store, SQL, trial, show_blob, &reader, error);
}

typedef struct name_reader {
    tn_store_name_fn *fn;
    void *context;
} name_reader;

static tn_status show_name(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    (void)store, (void)error;
    const name_reader *reader = context;
    const tn_store_name name = {
        .tensor = text_of(statement, 0),
        .node = text_of(statement, 1),
        .parameter = (const char *)sqlite3_column_text(statement, 2),
        .op = text_of(statement, 3),
        .role = text_of(statement, 4),
        .node_index = (uint64_t)sqlite3_column_int64(statement, 5),
        .order = (uint64_t)sqlite3_column_int64(statement, 6),
        .count = (uint64_t)sqlite3_column_int64(statement, 7),
        .units = (uint64_t)sqlite3_column_int64(statement, 8),
    };
    *more = reader->fn(reader->context, &name);
    return TN_OK;
}

tn_status tn_store_read_names(tn_store *store, int64_t trial, tn_store_name_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] =
        "SELECT name, node, parameter, op, role, node_index, \"order\", count, units FROM tensor_name WHERE trial = ?1"
        " ORDER BY \"order\", name";
    name_reader reader = {fn, context};
    return read_rows(store, SQL, trial, show_name, &reader, error);
}

typedef struct signal_reader {
    tn_store_signal_fn *fn;
    void *context;
} signal_reader;

static double figure_of(sqlite3_stmt *statement, int column)
{
    return sqlite3_column_type(statement, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(statement, column);
}

static tn_status show_signal(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    (void)store, (void)error;
    const signal_reader *reader = context;
    const tn_store_signal signal = {
        .rule = text_of(statement, 1),
        .severity = text_of(statement, 2),
        .step = (uint64_t)sqlite3_column_int64(statement, 3),
        .tensor = text_of(statement, 4),
        .value = figure_of(statement, 5),
        .threshold = figure_of(statement, 6),
        .text = text_of(statement, 7),
    };
    *more = reader->fn(reader->context, sqlite3_column_int64(statement, 0), &signal);
    return TN_OK;
}

tn_status tn_store_read_signals(tn_store *store, int64_t trial, tn_store_signal_fn *fn, void *context, tn_error *error)
{
    static const char SQL[] = "SELECT trial, rule, severity, step, tensor, value, threshold, text FROM signal WHERE ?1 IN (0, trial)"
                              " ORDER BY trial, step, rule";
    signal_reader reader = {fn, context};
    return read_rows(store, SQL, trial, show_signal, &reader, error);
}

static tn_status copy_report(const tn_store *store, sqlite3_stmt *statement, void *context, bool *more, tn_error *error)
{
    (void)store;
    char **report = context;
    const char *json = text_of(statement, 0);
    *report = tn_string_copy(json);
    *more = false;
    return *report ? TN_OK : tn_fail_memory(error, strlen(json) + 1);
}

tn_status tn_store_read_report(tn_store *store, char **report_json, tn_error *error)
{
    *report_json = NULL;
    return read_rows(store, "SELECT json FROM report ORDER BY id DESC LIMIT 1", 0, copy_report, report_json, error);
}

tn_status tn_store_read_report_of(tn_store *store, int64_t trial, char **report_json, tn_error *error)
{
    static const char SQL[] = "SELECT json FROM report, trial WHERE trial.id = ?1 AND report.subject = trial.subject AND made >= started"
                              " ORDER BY report.id LIMIT 1";
    *report_json = NULL;
    return read_rows(store, SQL, trial, copy_report, report_json, error);
}
