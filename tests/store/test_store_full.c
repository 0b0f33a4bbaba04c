/* test_store_full.c: a write that fails is told when the store is flushed and closed, stops nothing, and leaves what was committed before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/store_sqlite.h"
#include "support_folder.h"

enum { CHUNK = 1000 };

static tn_status hand_over(tn_store *store, int64_t id, uint64_t chunk, tn_error *error)
{
    uint64_t steps[CHUNK];
    double values[CHUNK];
    for (uint64_t i = 0; i < CHUNK; i++) {
        steps[i] = 1 + chunk * CHUNK + i;
        values[i] = (double)steps[i];
    }
    return tn_store_series(store, id, "loss", CHUNK, steps, values, error);
}

static bool count_steps(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    uint64_t *seen = context;
    assert_string_equal(series, "loss");
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(steps[i], *seen + 1);
        assert_true(values[i] == (double)steps[i]);
        *seen = steps[i];
    }
    return true;
}

static int64_t begin(tn_store *store)
{
    int64_t id = 0;
    const tn_store_trial trial = {.key = "k", .subject = "s", .experiment = "e"};
    assert_int_equal(tn_store_trial_begin(store, &trial, &id, NULL), TN_OK);
    return id;
}

/* A few pages more and no others, whatever a page holds. */
static void leave_four_pages(tn_store *store)
{
    sqlite3_stmt *statement;
    char sql[64];
    assert_int_equal(sqlite3_prepare_v2(store->database, "PRAGMA page_count", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", sqlite3_column_int(statement, 0) + 4);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    assert_int_equal(sqlite3_exec(store->database, sql, NULL, NULL, NULL), SQLITE_OK);
}

/* The same failure everywhere: whoever flushes, hands over or closes hears it. */
static void tells_everywhere(tn_store *store, int64_t id, const char *reason)
{
    tn_error error = {0};
    assert_int_equal(tn_store_flush(store, &error), TN_ERROR_STORE);
    if (!strstr(error.message, reason))
        fail_msg("\"%s\" lacks \"%s\"", error.message, reason);
    error = (tn_error){0};
    assert_int_equal(hand_over(store, id, 0, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, reason));
    int64_t other;
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "x"}, &other, NULL), TN_ERROR_STORE);
    assert_int_equal(tn_store_trial_end(store, id, "completed", NULL, NULL), TN_ERROR_STORE);
    assert_int_equal(tn_store_report(store, "s", "{}", NULL), TN_ERROR_STORE);
    /* What was committed can still be read, whole. */
    uint64_t seen = 0;
    assert_int_equal(tn_store_read_series(store, id, count_steps, &seen, NULL), TN_OK);
    assert_true(seen >= CHUNK);
    error = (tn_error){0};
    assert_int_equal(tn_store_close(store, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, reason));
}

static void database_full(void **state)
{
    const char *path = folder_path(state, "full.db");
    tn_store *store;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    int64_t id = begin(store);
    assert_int_equal(hand_over(store, id, 0, NULL), TN_OK);
    assert_int_equal(tn_store_flush(store, NULL), TN_OK);
    leave_four_pages(store);
    /* Handing over goes on at least until the writer has met the wall, and never blocks for ever. */
    for (uint64_t chunk = 1; chunk < 20; chunk++)
        (void)hand_over(store, id, chunk, NULL);
    tells_everywhere(store, id, "full");
    /* The next session finds a sound store. */
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    uint64_t seen = 0;
    assert_int_equal(tn_store_read_series(store, id, count_steps, &seen, NULL), TN_OK);
    assert_true(seen >= CHUNK && seen % CHUNK == 0);
    begin(store);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* A file size limit sends SIGXFSZ, which ends a process that does not expect it; a child tries it, since limits cannot be raised again. */
static void file_size_limit(void **state)
{
    const char *path = folder_path(state, "limit.db");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        tn_store *store;
        if (tn_store_open(path, &store, NULL) != TN_OK)
            _exit(2);
        int64_t id;
        if (tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL) != TN_OK || hand_over(store, id, 0, NULL) != TN_OK ||
            tn_store_flush(store, NULL) != TN_OK)
            _exit(3);
        const struct rlimit limit = {200000, 200000};
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0)
            _exit(4);
        for (uint64_t chunk = 1; chunk < 50; chunk++)
            (void)hand_over(store, id, chunk, NULL);
        tn_error error = {0};
        if (tn_store_flush(store, &error) != TN_ERROR_STORE || !strstr(error.message, path))
            _exit(5);
        _exit(tn_store_close(store, NULL) == TN_ERROR_STORE ? 0 : 6);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    tn_store *store;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    uint64_t seen = 0;
    assert_int_equal(tn_store_read_series(store, 1, count_steps, &seen, NULL), TN_OK);
    assert_true(seen >= CHUNK && seen % CHUNK == 0);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* Those who wait because the queue is full are let go when writing fails. */
static void a_full_queue_of_a_full_disk(void **state)
{
    tn_store *store;
    assert_int_equal(tn_store_open(folder_path(state, "both.db"), &store, NULL), TN_OK);
    int64_t id = begin(store);
    assert_int_equal(hand_over(store, id, 0, NULL), TN_OK);
    assert_int_equal(tn_store_flush(store, NULL), TN_OK);
    leave_four_pages(store);
    enum { SIZE = 20 << 20 };
    char *bytes = calloc(1, SIZE);
    assert_non_null(bytes);
    tn_status status = TN_OK;
    for (uint64_t step = 1; step <= 8; step++)
        status = tn_store_blob(store, id, "big", step, bytes, SIZE, NULL);
    free(bytes);
    assert_int_equal(status, TN_ERROR_STORE); /* the queue holds three of them, so the fourth had to wait for the failure */
    tells_everywhere(store, id, "full");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(database_full),
        cmocka_unit_test(file_size_limit),
        cmocka_unit_test(a_full_queue_of_a_full_disk),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
