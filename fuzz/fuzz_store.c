/* fuzz_store.c: any bytes as the file of a store. Opening and reading end in rows whose every byte can be read, or in an error with a message; so does writing on.
 * max_len 65536 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte that it is shown, so that a sanitizer sees one too many. */
typedef struct reader {
    uint64_t sum;
    int64_t ids[8];
    size_t count, rows;
} reader;

enum { ROWS_MAX = 1000 };

static void read_bytes(reader *all, const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        all->sum += ((const unsigned char *)bytes)[i];
}

static bool read_trial(void *context, const tn_store_trial_row *row)
{
    reader *all = context;
    const char *texts[] = {row->trial.key, row->trial.subject, row->trial.experiment, row->trial.patch,
                           row->trial.isa, row->trial.version, row->started};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        read_bytes(all, texts[i], strlen(texts[i]) + 1);
    read_bytes(all, row->end, row->end ? strlen(row->end) : 0);
    read_bytes(all, row->result, row->result ? strlen(row->result) : 0);
    if (all->count < 8)
        all->ids[all->count++] = row->id;
    return ++all->rows < ROWS_MAX;
}

static bool read_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    reader *all = context;
    read_bytes(all, series, strlen(series));
    read_bytes(all, steps, count * sizeof *steps);
    read_bytes(all, values, count * sizeof *values);
    return ++all->rows < ROWS_MAX;
}

static bool read_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    reader *all = context;
    read_bytes(all, tensor, strlen(tensor));
    read_bytes(all, bytes, size);
    all->sum += step;
    return ++all->rows < ROWS_MAX;
}

static bool read_name(void *context, const tn_store_name *name)
{
    reader *all = context;
    const char *texts[] = {name->tensor, name->node, name->op, name->role, name->parameter ? name->parameter : ""};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        read_bytes(all, texts[i], strlen(texts[i]) + 1);
    return ++all->rows < ROWS_MAX;
}

static bool read_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    reader *all = context;
    const char *texts[] = {signal->rule, signal->severity, signal->tensor, signal->text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        read_bytes(all, texts[i], strlen(texts[i]) + 1);
    all->sum += (uint64_t)trial + signal->step;
    return ++all->rows < ROWS_MAX;
}

static bool read_last(void *context, int64_t trial, const char *series, uint64_t step, double value)
{
    reader *all = context;
    read_bytes(all, series, strlen(series));
    read_bytes(all, &value, sizeof value);
    all->sum += (uint64_t)trial + step;
    return ++all->rows < ROWS_MAX;
}

static void check(tn_status status, const tn_error *error)
{
    if (status != TN_OK && (error->code != status || error->message[0] == '\0'))
        abort();
}

static void use(tn_store *store)
{
    reader all = {0};
    tn_error error = {0};
    char *report = NULL;
    int64_t id = 0;
    check(tn_store_read_trials(store, read_trial, &all, &error), &error);
    for (size_t i = 0; i < all.count; i++) {
        check(tn_store_read_series(store, all.ids[i], read_series, &all, &error), &error);
        check(tn_store_read_blobs(store, all.ids[i], read_blob, &all, &error), &error);
        check(tn_store_read_names(store, all.ids[i], read_name, &all, &error), &error);
    }
    check(tn_store_read_signals(store, 0, read_signal, &all, &error), &error);
    check(tn_store_read_last(store, read_last, &all, &error), &error);
    check(tn_store_read_report(store, &report, &error), &error);
    free(report);
    tn_status status = tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, &error);
    check(status, &error);
    if (status == TN_OK)
        check(tn_store_trial_end(store, id, "completed", NULL, &error), &error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* In memory where there is such a folder: the disk would be waited for at every close. */
    char path[64], other[80];
    snprintf(path, sizeof path, "%s/tenet-fuzz-%d.db", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, size, file) != size || fclose(file) != 0)
        abort();
    tn_store *store = NULL;
    tn_error error = {0};
    tn_status status = tn_store_open(path, &store, &error);
    check(status, &error);
    if (status == TN_OK) {
        use(store);
        check(tn_store_close(store, &error), &error);
    }
    static const char *const SUFFIXES[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof SUFFIXES / sizeof SUFFIXES[0]; i++) {
        snprintf(other, sizeof other, "%s%s", path, SUFFIXES[i]);
        (void)unlink(other);
    }
    return 0;
}
