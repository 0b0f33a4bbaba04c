/* store_sqlite.h: what the files of the SQLite store share. Private to src/store; everyone else includes store.h.
 *
 * The writer thread alone changes the database, once it is open. A read of a file has a connection of its own, so that it neither waits for the writer nor
 * keeps it from its next transaction; a store in memory has one connection only, in SQLite's serialised mode.
 * A hand-over becomes an item, one malloc, at the end of a queue; the writer takes the whole queue and commits it as one transaction.
 *
 *   tn_store_series ...  --item-->  queue (64 MiB)  --batch-->  writer thread  --COMMIT-->  WAL
 *
 * Invariants, under `lock`: bytes counts the items handed over and not yet committed; committed <= handed; after the first failure the queue
 * is empty and stays so, and every later hand-over returns that failure. So what is kept is always a prefix of what was handed over. */
#ifndef TN_STORE_SQLITE_H
#define TN_STORE_SQLITE_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* Units: bytes. Beyond the first, a hand-over waits; beyond the second, the writer stops gathering. Units: nanoseconds. How long the writer
 * gathers before it commits: half of what store.h promises, so that a slow disk has the other half. */
#define TN_STORE_QUEUE_BYTES ((size_t)64 << 20)
#define TN_STORE_BATCH_BYTES ((size_t)4 << 20)
#define TN_STORE_GATHER_NS   UINT64_C(250000000)

/* Trial numbers are taken from the database in blocks, so that a begin waits for the disk once in so many, and two processes never share one. */
enum { TN_STORE_ID_BLOCK = 64 };

/* How long to wait for another process that writes the same store. Milliseconds. */
enum { TN_STORE_BUSY_MS = 20000 };

/* Blobs of one step are one row, whose name is empty. Its bytes are, for each: the name and a byte 0; the size, little-endian, in so many bytes; the blob. */
enum { TN_STORE_SIZE_BYTES = 4 };

enum { TN_STORE_SCHEMA = 3, TN_STORE_APPLICATION = 0x746E6574 /* "tnet" */ };

typedef enum tn_item_kind {
    TN_ITEM_TRIAL,
    TN_ITEM_SERIES,
    TN_ITEM_BLOB,
    TN_ITEM_NAME,
    TN_ITEM_SIGNAL,
    TN_ITEM_NO_SIGNAL,
    TN_ITEM_END,
    TN_ITEM_REPORT,
    TN_ITEM_RESERVE,
    TN_ITEM_KINDS
} tn_item_kind;

enum { TN_ITEM_TEXTS_MAX = 8 };

/* One hand-over. Texts and bytes lie behind it in the same block. */
typedef struct tn_store_item {
    struct tn_store_item *next;
    tn_item_kind kind;
    size_t size; /* of the whole block */
    int64_t trial;
    uint64_t seed;                        /* of a trial */
    uint64_t first, last;                 /* steps of a series; the step of a blob or a signal is `first` */
    size_t count;                         /* values of a series, rows of blobs */
    uint64_t numbers[4];                  /* of a name: node_index, order, count, units */
    double figures[2];                    /* of a signal: value, threshold */
    const char *texts[TN_ITEM_TEXTS_MAX]; /* in the order of the statement's parameters */
    const unsigned char *steps;           /* NULL where they are first, first + 1 ... last */
    const unsigned char *values;          /* a series' values, or those of the blob that is being written */
    size_t value_bytes;
    const tn_store_blob_row *rows; /* [count] of TN_ITEM_BLOB; their names and bytes stand behind each other, as joined rows do */
} tn_store_item;

struct tn_store {
    sqlite3 *database;
    sqlite3_stmt *statements[TN_ITEM_KINDS];
    char *path;
    pthread_t writer;
    pthread_mutex_t lock;
    pthread_cond_t work; /* the writer waits here */
    pthread_cond_t done; /* those who hand over or flush wait here */
    tn_store_item *first, *last;
    size_t bytes;
    uint64_t handed, committed; /* items */
    uint64_t oldest_ns;         /* when the first item of the queue came */
    size_t waiting;             /* flushes and blocked hand-overs: the writer does not gather while there are any */
    bool closing;
    bool reserving;
    int64_t next_id, end_id; /* the block of trial numbers */
    tn_error failure;        /* code TN_OK until the first failure */
};

/* store_place.c: the name of a network file system whose statfs type this is, or NULL. */
const char *tn_store_network_name(long type);
tn_status tn_store_check_place(const char *path, tn_error *error);

/* store_schema.c: checks what the file is, creates or upgrades its tables, switches to WAL and prepares the writer's statements. */
tn_status tn_store_schema_open(tn_store *store, tn_error *error);

/* store_writer.c: the thread. Closes the database when it ends. */
void *tn_store_writer(void *store);

/* Fills `error` with what SQLite says about `result` of this connection, which may be NULL. The caller holds the connection's mutex, or is alone on it. */
tn_status tn_store_fail_sqlite(const tn_store *store, sqlite3 *connection, int result, const char *what, tn_error *error);

#endif
