/* test_store_allocation.c: whichever allocation fails, SQLite's included, the store tells it or holds everything; it never crashes, hangs or leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/store.h"
#include "support/allocator.h"
#include "support_folder.h"

typedef struct found {
    size_t trials, ended, values, blobs, names, signals, last;
} found;

static bool see_trial(void *context, const tn_store_trial_row *row)
{
    found *all = context;
    all->trials++;
    all->ended += row->end && row->result && strcmp(row->end, "completed") == 0;
    return true;
}

static bool see_values(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    (void)series;
    for (size_t i = 0; i < count; i++)
        ((found *)context)->values += values[i] == (double)steps[i];
    return true;
}

static bool see_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    (void)tensor, (void)step;
    ((found *)context)->blobs += size == 3 && memcmp(bytes, "abc", 3) == 0;
    return true;
}

static bool see_name(void *context, const tn_store_name *name)
{
    ((found *)context)->names += strcmp(name->tensor, "w") == 0 && strcmp(name->op, "") == 0;
    return true;
}

static bool see_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    ((found *)context)->signals += trial > 0 && strcmp(signal->text, "flat") == 0;
    return true;
}

static bool see_last(void *context, int64_t trial, const char *series, uint64_t step, double value)
{
    ((found *)context)->last += trial > 0 && strcmp(series, "loss") == 0 && step == 20 && value == 20;
    return true;
}

static tn_status write_all(tn_store *store, int64_t *id, tn_error *error)
{
    const tn_store_trial trial = {.key = "k", .subject = "s"};
    const uint64_t plain[] = {1, 2, 3}, sparse[] = {10, 20};
    const double first[] = {1, 2, 3}, second[] = {10, 20};
    tn_status status = tn_store_trial_begin(store, &trial, id, error);
    if (status == TN_OK)
        status = tn_store_series(store, *id, "loss", 3, plain, first, error);
    if (status == TN_OK)
        status = tn_store_series(store, *id, "loss", 2, sparse, second, error);
    if (status == TN_OK)
        status = tn_store_blob(store, *id, "w", 1, "abc", 3, error);
    if (status == TN_OK)
        status = tn_store_tensor_name(store, *id, &(tn_store_name){.tensor = "w", .node = "w", .role = "weight"}, error);
    if (status == TN_OK)
        status = tn_store_signal_put(store, *id, &(tn_store_signal){.rule = "plateau", .text = "flat"}, error);
    if (status == TN_OK)
        status = tn_store_signal_drop(store, *id, "spiky", error);
    if (status == TN_OK)
        status = tn_store_trial_end(store, *id, "completed", "{}", error);
    if (status == TN_OK)
        status = tn_store_report(store, "s", "{\"a\":1}", error);
    return status == TN_OK ? tn_store_flush(store, error) : status;
}

static tn_status read_all(tn_store *store, int64_t id, found *all, char **report, tn_error *error)
{
    tn_status status = tn_store_read_trials(store, see_trial, all, error);
    if (status == TN_OK)
        status = tn_store_read_series(store, id, see_values, all, error);
    if (status == TN_OK)
        status = tn_store_read_blobs(store, id, see_blob, all, error);
    if (status == TN_OK)
        status = tn_store_read_names(store, id, see_name, all, error);
    if (status == TN_OK)
        status = tn_store_read_signals(store, id, see_signal, all, error);
    if (status == TN_OK)
        status = tn_store_read_last(store, see_last, all, error);
    return status == TN_OK ? tn_store_read_report(store, report, error) : status;
}

/* The whole life of a store with allocation n failing; whether one did. */
static bool survives(const char *path, uint64_t n)
{
    tn_store *store = NULL;
    tn_error error = {0}, closing = {0};
    found all = {0};
    char *report = NULL;
    int64_t id = 0;
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(n);
    tn_status status = tn_store_open(path, &store, &error), closed = TN_OK;
    if (status == TN_OK) {
        status = write_all(store, &id, &error);
        bool written = status == TN_OK;
        if (written)
            status = read_all(store, id, &all, &report, &error);
        closed = tn_store_close(store, &closing);
        if (!written) /* what was lost is told again */
            assert_int_not_equal(closed, TN_OK);
    }
    bool failed = tn_allocator_failed() > 0;
    if (status == TN_OK) {
        assert_true(all.trials >= 1 && all.ended == all.trials);
        assert_int_equal(all.values, 5);
        assert_int_equal(all.blobs, 1);
        assert_int_equal(all.names, 1);
        assert_int_equal(all.signals, 1);
        assert_true(all.last >= 1 && all.last <= all.trials);
        assert_string_equal(report, "{\"a\":1}");
    } else {
        assert_true(failed);
        assert_true(status == TN_ERROR_MEMORY || status == TN_ERROR_STORE);
        assert_int_equal(error.code, status);
        assert_true(error.message[0] != '\0');
    }
    if (closed != TN_OK)
        assert_true(failed && closing.code == closed && closing.message[0] != '\0');
    free(report);
    tn_allocator_fail_at(0);
    if (tn_allocator_alive() != alive)
        fail_msg("%d blocks leaked where allocation %d failed", (int)(tn_allocator_alive() - alive), (int)n);
    return failed;
}

/* Every allocation, or every so many. */
static void sweep(const char *path, uint64_t stride)
{
    survives(path, 0);
    uint64_t n = 1, failures = 0;
    for (; n < 5000 && survives(path, n); n += stride)
        failures++;
    assert_true(failures * stride > 500 && n < 5000);
}

static void in_memory(void **state)
{
    (void)state;
    sweep(":memory:", 1);
}

/* A new file each time would be slow, and so would be every allocation, since a close waits for the disk; the same file is opened again and again, and stays sound. */
static void in_a_file(void **state)
{
    const char *path = folder_path(state, "store.db");
    sweep(path, 13);
    tn_store *store;
    found all = {0};
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_read_trials(store, see_trial, &all, NULL), TN_OK);
    assert_true(all.trials > 10);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static int setup(void **state)
{
    tn_allocator_install();
    return folder_setup(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(in_memory), cmocka_unit_test(in_a_file)};
    return cmocka_run_group_tests(tests, setup, folder_teardown);
}
