/* store.h: where runs and reports are kept. SQLite (store_sqlite.c) behind an interface that a second database can implement.
 *
 * One writer thread takes what trials hand over and commits in batches, at least every half second, in WAL mode; a process killed at any moment leaves a store that opens
 * and holds all but the last second. Scalars are columnar chunks as blobs (float64, little-endian), not a row a scalar. user_version numbers the
 * schema. All functions are thread-safe; a hand-over copies and returns at once (it waits only while 64 MiB are queued). */
#ifndef TN_STORE_H
#define TN_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct tn_store tn_store;

/* Opens or creates the store at `path`; ":memory:" keeps nothing. TN_ERROR_STORE where it is on a network file system, of a newer schema, or no store. */
tn_status tn_store_open(const char *path, tn_store **store, tn_error *error);

/* Writes what is queued and closes. The status of the first write that failed, if any. NULL is allowed. */
tn_status tn_store_close(tn_store *store, tn_error *error);

/* What a trial is, so that it can be found again: `key` is made of (subject's hash, patch, seed, instruction set, version). */
typedef struct tn_store_trial {
    const char *key;
    const char *subject;    /* the hypes' name */
    const char *experiment; /* "lr_boundary", "train" */
    const char *patch;      /* JSON of knobs and patch */
    const char *isa, *version;
    uint64_t seed;
} tn_store_trial;

/* Begins a trial; *id names it in later calls. */
tn_status tn_store_trial_begin(tn_store *store, const tn_store_trial *trial, int64_t *id, tn_error *error);

/* One chunk of a series ("loss", "score.valid"): `steps` [count] ascending, `values` [count]. Chunks of a series follow each other. */
tn_status tn_store_series(tn_store *store, int64_t trial, const char *series, size_t count, const uint64_t *steps, const double *values,
                          tn_error *error);

/* One opaque blob about a tensor at a step (packed vitals). */
tn_status tn_store_blob(tn_store *store, int64_t trial, const char *tensor, uint64_t step, const void *bytes, size_t size, tn_error *error);

/* The same for several at once, which cost one hand-over. Copied. */
typedef struct tn_store_blob_row {
    const char *tensor;
    uint64_t step;
    const void *bytes; /* [size]; may be NULL where size is 0 */
    size_t size;
} tn_store_blob_row;

tn_status tn_store_blobs(tn_store *store, int64_t trial, size_t count, const tn_store_blob_row *rows, tn_error *error);

/* What the name of a tensor's blobs stands for; once a tensor. The words are those of vitals/tensor.h; this layer does not read them. */
typedef struct tn_store_name {
    const char *tensor; /* as in tn_store_blob */
    const char *node, *op, *role;
    const char *parameter;                    /* NULL for activations */
    uint64_t node_index, order, count, units; /* `order`: the subject's number of the tensor; count and units 0: unknown */
} tn_store_name;
tn_status tn_store_tensor_name(tn_store *store, int64_t trial, const tn_store_name *name, tn_error *error);

/* What a rule says of a trial. A later one of the same rule replaces it, and tn_store_signal_drop takes it back. */
typedef struct tn_store_signal {
    const char *rule, *severity, *tensor, *text; /* NULL: empty */
    uint64_t step;
    double value, threshold; /* may be non-finite */
} tn_store_signal;
tn_status tn_store_signal_put(tn_store *store, int64_t trial, const tn_store_signal *signal, tn_error *error);
tn_status tn_store_signal_drop(tn_store *store, int64_t trial, const char *rule, tn_error *error);

/* Ends a trial with how it ended ("completed", "nonfinite") and its result as JSON. */
tn_status tn_store_trial_end(tn_store *store, int64_t trial, const char *end, const char *result_json, tn_error *error);

/* A report (tenet.report/1) as JSON text. */
tn_status tn_store_report(tn_store *store, const char *subject, const char *report_json, tn_error *error);

/* Waits until everything handed over so far is committed. */
tn_status tn_store_flush(tn_store *store, tn_error *error);

/* Reading. Rows are shown one by one, oldest first; strings and arrays are valid during the call; return false to stop. */
typedef struct tn_store_trial_row {
    int64_t id;
    tn_store_trial trial;
    const char *end;     /* NULL while it runs, or where its process died */
    const char *result;  /* JSON or NULL */
    const char *started; /* ISO 8601, UTC */
} tn_store_trial_row;
typedef bool tn_store_trial_fn(void *context, const tn_store_trial_row *row);
tn_status tn_store_read_trials(tn_store *store, tn_store_trial_fn *fn, void *context, tn_error *error);

typedef bool tn_store_series_fn(void *context, const char *series, size_t count, const uint64_t *steps, const double *values);
tn_status tn_store_read_series(tn_store *store, int64_t trial, tn_store_series_fn *fn, void *context, tn_error *error);

/* The last value of every series of every trial, by trial. */
typedef bool tn_store_last_fn(void *context, int64_t trial, const char *series, uint64_t step, double value);
tn_status tn_store_read_last(tn_store *store, tn_store_last_fn *fn, void *context, tn_error *error);

typedef bool tn_store_blob_fn(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size);
tn_status tn_store_read_blobs(tn_store *store, int64_t trial, tn_store_blob_fn *fn, void *context, tn_error *error);

typedef bool tn_store_name_fn(void *context, const tn_store_name *name); /* by `order` */
tn_status tn_store_read_names(tn_store *store, int64_t trial, tn_store_name_fn *fn, void *context, tn_error *error);

typedef bool tn_store_signal_fn(void *context, int64_t trial, const tn_store_signal *signal); /* by trial and step; of `trial` 0: of all */
tn_status tn_store_read_signals(tn_store *store, int64_t trial, tn_store_signal_fn *fn, void *context, tn_error *error);

/* The newest report's JSON, malloc'd, or NULL where there is none (then TN_OK all the same). */
tn_status tn_store_read_report(tn_store *store, char **report_json, tn_error *error);

/* Likewise the report that `trial` belongs to: the first of its subject that was made after it began. NULL where there is none (yet). */
tn_status tn_store_read_report_of(tn_store *store, int64_t trial, char **report_json, tn_error *error);

#endif
