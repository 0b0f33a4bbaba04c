/* store_schema.c: the tables of a store, and what to do with a file that is not one.
 *
 * The file is a SQLite database with application_id "tnet" and user_version TN_STORE_SCHEMA:
 *   trial   one row a trial; "end" and result are NULL while it runs, or where its process died
 *   series  one row a chunk: `count` steps and values of one series, little-endian (uint64, float64); steps is NULL where they are
 *           first_step, first_step + 1 ... last_step
 *   tensor  packed vitals (run/vitals_pack.c): one row a step with those of all its tensors (from schema 3 on), or one row a tensor and step
 *   tensor_name  one row a tensor of a trial: what tensor.name is made of, in the order in which the subject numbers its tensors (from schema 2 on)
 *   signal  one row a rule that fired in a trial; a value that is no number is NULL (from schema 2 on)
 *   report  one row a report, JSON
 *   counter one row: the next trial number that no process has taken
 * A later schema adds a step to UPGRADES; nothing is ever taken away. A file that is not ours is refused before it is changed. */
#include "store/store_sqlite.h"

#include <string.h>
#include <time.h>

/* Schema 1. */
static const char TABLES[] =
    "CREATE TABLE trial(id INTEGER PRIMARY KEY, key TEXT NOT NULL, subject TEXT NOT NULL, experiment TEXT NOT NULL, patch TEXT NOT NULL,"
    " isa TEXT NOT NULL, version TEXT NOT NULL, seed INTEGER NOT NULL, started TEXT NOT NULL, ended TEXT, \"end\" TEXT, result TEXT) "
    "STRICT;"
    "CREATE INDEX trial_key ON trial(key);"
    "CREATE TABLE series(id INTEGER PRIMARY KEY, trial INTEGER NOT NULL, name TEXT NOT NULL, count INTEGER NOT NULL,"
    " first_step INTEGER NOT NULL, last_step INTEGER NOT NULL, steps BLOB, \"values\" BLOB NOT NULL) STRICT;"
    "CREATE INDEX series_trial ON series(trial);"
    "CREATE TABLE tensor(id INTEGER PRIMARY KEY, trial INTEGER NOT NULL, name TEXT NOT NULL, step INTEGER NOT NULL, bytes BLOB NOT NULL) "
    "STRICT;"
    "CREATE INDEX tensor_trial ON tensor(trial);"
    "CREATE TABLE report(id INTEGER PRIMARY KEY, subject TEXT NOT NULL, made TEXT NOT NULL, json TEXT NOT NULL) STRICT;"
    "CREATE TABLE counter(next_trial INTEGER NOT NULL) STRICT;"
    "INSERT INTO counter VALUES(1);";

/* Schema 2: what a label stands for, and signals. Labels of schema 1 are taken apart as well as they can be: what was updated is a parameter, which the last dot parts from its node;
 * all else is an activation. Their op and their counts stay unknown. */
static const char NAMES_AND_SIGNALS[] =
    "CREATE TABLE tensor_name(trial INTEGER NOT NULL, name TEXT NOT NULL, node TEXT NOT NULL, parameter TEXT, op TEXT NOT NULL,"
    " role TEXT NOT NULL, node_index INTEGER NOT NULL, \"order\" INTEGER NOT NULL, count INTEGER NOT NULL, units INTEGER NOT NULL,"
    " PRIMARY KEY(trial, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE signal(trial INTEGER NOT NULL, rule TEXT NOT NULL, severity TEXT NOT NULL, step INTEGER NOT NULL, tensor TEXT NOT NULL,"
    " value REAL, threshold REAL, text TEXT NOT NULL, PRIMARY KEY(trial, rule)) STRICT, WITHOUT ROWID;"
    "WITH seen AS (SELECT trial, name, min(id) AS first FROM tensor GROUP BY trial, name),"
    " parts AS (SELECT *, CASE WHEN name GLOB '*.update' THEN '.update' WHEN name GLOB '*.gradient' THEN '.gradient' ELSE '' END AS what"
    " FROM seen),"
    " bases AS (SELECT *, substr(name, 1, length(name) - length(what)) AS base FROM parts),"
    " judged AS (SELECT *, rtrim(base, replace(base, '.', '')) AS dotted, what = '.update' OR EXISTS"
    " (SELECT 1 FROM bases AS other WHERE other.trial = bases.trial AND other.name = bases.base || '.update') AS is_parameter FROM bases)"
    "INSERT INTO tensor_name SELECT trial, name,"
    " CASE WHEN is_parameter AND dotted <> '' THEN substr(dotted, 1, length(dotted) - 1) ELSE base END,"
    " CASE WHEN is_parameter AND dotted <> '' THEN substr(base, length(dotted) + 1) WHEN is_parameter THEN '' END, '',"
    " CASE WHEN name = 'input' THEN 'input' WHEN what = '.update' THEN 'update'"
    " WHEN is_parameter THEN iif(what = '', 'weight', 'gradient') ELSE iif(what = '', 'activation', 'activation_gradient') END,"
    " 0, row_number() OVER (PARTITION BY trial ORDER BY first) - 1, 0, 0 FROM judged;";

/* Schema 3: rows of several tensors (store_sqlite.h), which an older tenet would take for one. */
static const char JOINED[] = "";

/* What makes a store of schema n one of schema n + 1. An empty file is schema 0. */
static const char *const UPGRADES[TN_STORE_SCHEMA] = {TABLES, NAMES_AND_SIGNALS, JOINED};

/* In the order of tn_item_kind. Parameters: the item's texts first, then its numbers and blobs (store_writer.c binds them). */
static const char *const STATEMENTS[TN_ITEM_KINDS] = {
    [TN_ITEM_TRIAL] =
        "INSERT INTO trial(key, subject, experiment, patch, isa, version, started, id, seed) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [TN_ITEM_SERIES] = "INSERT INTO series(name, trial, count, first_step, last_step, steps, \"values\") VALUES(?1,?2,?3,?4,?5,?6,?7)",
    [TN_ITEM_BLOB] = "INSERT INTO tensor(name, trial, step, bytes) VALUES(?1,?2,?3,?4)",
    [TN_ITEM_NAME] = ("INSERT OR REPLACE INTO tensor_name(name, node, parameter, op, role, trial, node_index, \"order\", count, units)"
                      " VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)"),
    [TN_ITEM_SIGNAL] =
        "INSERT OR REPLACE INTO signal(rule, severity, tensor, text, trial, step, value, threshold) VALUES(?1,?2,?3,?4,?5,?6,?7,?8)",
    [TN_ITEM_NO_SIGNAL] = "DELETE FROM signal WHERE rule = ?1 AND trial = ?2",
    [TN_ITEM_END] = "UPDATE trial SET \"end\" = ?1, ended = ?2, result = ?3 WHERE id = ?4",
    [TN_ITEM_REPORT] = "INSERT INTO report(subject, made, json) VALUES(?1,?2,?3)",
    [TN_ITEM_RESERVE] = "UPDATE counter SET next_trial = next_trial + ?1 RETURNING next_trial",
};

tn_status tn_store_fail_sqlite(const tn_store *store, sqlite3 *connection, int result, const char *what, tn_error *error)
{
    if ((result & 0xFF) == SQLITE_NOMEM)
        return tn_fail(error, TN_ERROR_MEMORY, "%s the store %s: out of memory.", what, store->path);
    bool told = connection && (sqlite3_errcode(connection) & 0xFF) == (result & 0xFF);
    const char *said = told ? sqlite3_errmsg(connection) : sqlite3_errstr(result);
    return tn_fail(error, TN_ERROR_STORE, "%s the store %s: %s.", what, store->path, said);
}

/* The first column of the first row as a number. */
static int read_number(sqlite3 *database, const char *sql, sqlite3_int64 *number)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(database, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        if (result == SQLITE_ROW) {
            *number = sqlite3_column_int64(statement, 0);
            result = SQLITE_OK;
        }
    }
    int finalized = sqlite3_finalize(statement);
    return result == SQLITE_OK ? finalized : result;
}

/* What tells a store from other files, of one moment: another process may be creating the store. */
static int read_marks(sqlite3 *database, sqlite3_int64 *version, sqlite3_int64 *application, sqlite3_int64 *tables)
{
    int result = sqlite3_exec(database, "BEGIN", NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = read_number(database, "PRAGMA user_version", version);
    if (result == SQLITE_OK)
        result = read_number(database, "PRAGMA application_id", application);
    if (result == SQLITE_OK)
        result = read_number(database, "SELECT count(*) FROM sqlite_schema", tables);
    int ended = sqlite3_get_autocommit(database) ? SQLITE_OK : sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
    return result == SQLITE_OK ? ended : result;
}

/* SQLITE_OK and an error that is still empty: the file is empty or ours. */
static int check_file(tn_store *store, sqlite3_int64 *version, tn_error *error)
{
    sqlite3_int64 application = 0, tables = 0;
    int result = read_marks(store->database, version, &application, &tables);
    if (result == SQLITE_NOTADB) {
        tn_fail(error, TN_ERROR_STORE,
                "%s is not a store: the file is no SQLite database. Give --store another path; this file was not changed.", store->path);
        return result;
    }
    if (result != SQLITE_OK)
        return result;
    if (application != TN_STORE_APPLICATION && (application != 0 || *version != 0 || tables != 0)) {
        tn_fail(error, TN_ERROR_STORE,
                "%s is a SQLite database of another program, not a store. Give --store another path; this file was not changed.",
                store->path);
        return SQLITE_NOTADB;
    }
    if (*version > TN_STORE_SCHEMA) {
        tn_fail(error, TN_ERROR_STORE,
                "the store %s was written by a newer tenet (schema %lld; this one knows schemas up to %d). Update tenet, or give --store "
                "another path.",
                store->path, (long long)*version, TN_STORE_SCHEMA);
        return SQLITE_NOTADB;
    }
    return SQLITE_OK;
}

/* Another process may create or upgrade the same store at this moment, so what was seen is looked at again inside the transaction. */
static int upgrade(tn_store *store)
{
    sqlite3_int64 version = 0;
    char sql[96];
    int result = sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (result != SQLITE_OK)
        return result;
    result = read_number(store->database, "PRAGMA user_version", &version);
    for (; result == SQLITE_OK && version >= 0 && version < TN_STORE_SCHEMA; version++)
        result = sqlite3_exec(store->database, UPGRADES[version], NULL, NULL, NULL);
    sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA application_id = %d; PRAGMA user_version = %d", TN_STORE_APPLICATION, TN_STORE_SCHEMA);
    if (result == SQLITE_OK)
        result = sqlite3_exec(store->database, sql, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        return sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL);
    if (!sqlite3_get_autocommit(store->database))
        sqlite3_exec(store->database, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* synchronous NORMAL: a commit is a write without an fsync, so a killed process loses nothing committed, and a power cut loses the last commits
 * but leaves a sound file (SQLite, "PRAGMA synchronous"). */
static int switch_to_wal(tn_store *store, tn_error *error)
{
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->database, "PRAGMA journal_mode = WAL", -1, &statement, NULL);
    if (result == SQLITE_OK)
        result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        const char *mode = (const char *)sqlite3_column_text(statement, 0);
        result = SQLITE_OK;
        if (!mode || (strcmp(mode, "wal") != 0 && strcmp(mode, "memory") != 0)) {
            tn_fail(error, TN_ERROR_STORE,
                    "the store %s cannot keep a write-ahead log where it lies (journal mode %s). Give --store a path on a local disk.",
                    store->path, mode ? mode : "unknown");
            result = SQLITE_CANTOPEN;
        }
    }
    int finalized = sqlite3_finalize(statement);
    if (result == SQLITE_OK)
        result = finalized;
    return result == SQLITE_OK ? sqlite3_exec(store->database, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) : result;
}

static int prepare_statements(tn_store *store)
{
    for (int i = 0; i < TN_ITEM_KINDS; i++) {
        int result = sqlite3_prepare_v3(store->database, STATEMENTS[i], -1, SQLITE_PREPARE_PERSISTENT, &store->statements[i], NULL);
        if (result != SQLITE_OK)
            return result;
    }
    return SQLITE_OK;
}

/* Of a new file, bytes: rows of a few thousand bytes, as those of a step's tensors are, fill such pages, and a page costs four calls of the system until it lies in the file. What is smaller
 * wastes the rest of its page: an empty store takes eleven. */
static const char PAGES[] = "PRAGMA page_size = 16384";

static int open_once(tn_store *store, tn_error *error)
{
    sqlite3_int64 version = 0;
    int result = check_file(store, &version, error);
    if (result == SQLITE_OK && version == 0)
        result = sqlite3_exec(store->database, PAGES, NULL, NULL, NULL);
    if (result == SQLITE_OK)
        result = switch_to_wal(store, error);
    if (result == SQLITE_OK && version < TN_STORE_SCHEMA)
        result = upgrade(store);
    return result;
}

tn_status tn_store_schema_open(tn_store *store, tn_error *error)
{
    tn_error found = {0};
    int result = SQLITE_BUSY;
    sqlite3_extended_result_codes(store->database, 0);
    sqlite3_busy_timeout(store->database, TN_STORE_BUSY_MS);
    /* The switch to WAL does not wait for a process that does the same, so this does. */
    const struct timespec pause = {0, 10000000};
    for (int i = 0; i < TN_STORE_BUSY_MS / 10 && result == SQLITE_BUSY; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        result = open_once(store, &found);
    }
    if (result == SQLITE_OK)
        result = prepare_statements(store);
    if (result == SQLITE_OK)
        return TN_OK;
    if (found.code != TN_OK) {
        if (error)
            *error = found;
        return found.code;
    }
    return tn_store_fail_sqlite(store, store->database, result, "cannot open", error);
}
