/* test_store_refuse.c: what is no store, or lies where none may lie, is refused with a reason, and left as it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_sqlite.h"
#include "support_folder.h"

static void refuse(const char *path, const char *expected)
{
    tn_store *store = (tn_store *)&path;
    tn_error error = {0};
    assert_int_equal(tn_store_open(path, &store, &error), TN_ERROR_STORE);
    assert_null(store);
    assert_int_equal(error.code, TN_ERROR_STORE);
    if (!strstr(error.message, expected) || !strstr(error.message, path))
        fail_msg("\"%s\" lacks \"%s\" or the path", error.message, expected);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(database), SQLITE_OK);
}

static void no_database(void **state)
{
    const char *path = folder_path(state, "text.db");
    const char text[] =
        "{\"net\": [1, 2, 3], \"this\": \"is a hypes file of more than a hundred bytes, so that SQLite reads a header of it\"}";
    write_file(path, text, sizeof text);
    refuse(path, "no SQLite database");
    assert_int_equal(file_size(path), sizeof text);
    /* Shorter than SQLite's header. */
    write_file(path, "xy", 2);
    refuse(path, "no SQLite database");
    assert_int_equal(file_size(path), 2);
}

static void of_another_program(void **state)
{
    const char *path = folder_path(state, "other.db");
    run_sql(path, "CREATE TABLE mail(id); INSERT INTO mail VALUES(1)");
    size_t size = file_size(path);
    refuse(path, "another program");
    assert_int_equal(file_size(path), size);
    assert_int_equal(access(folder_path(state, "other.db-wal"), F_OK), -1);
    path = folder_path(state, "named.db");
    run_sql(path, "PRAGMA application_id = 7");
    refuse(path, "another program");
}

static void newer_schema(void **state)
{
    const char *path = folder_path(state, "newer.db");
    tn_store *store;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    run_sql(path, "PRAGMA user_version = 4711");
    refuse(path, "schema 4711");
    refuse(path, "newer tenet");
    run_sql(path, "PRAGMA user_version = 2");
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void no_such_place(void **state)
{
    refuse(folder_path(state, "missing/store.db"), "No such file or directory");
    refuse(*state, "cannot open"); /* a folder */
    tn_store *store;
    tn_error error = {0};
    assert_int_equal(tn_store_open("", &store, &error), TN_ERROR_STORE);
    assert_non_null(strstr(error.message, "empty"));
}

static void network_file_systems(void **state)
{
    (void)state;
    assert_string_equal(tn_store_network_name(0x6969), "NFS");
    assert_string_equal(tn_store_network_name(0xFF534D42), "CIFS");
    assert_string_equal(tn_store_network_name((long)(int)0xFF534D42), "CIFS"); /* as a 32-bit f_type gives it */
    assert_string_equal(tn_store_network_name(0xFE534D42), "SMB2");
    assert_string_equal(tn_store_network_name(0x0BD00BD0), "Lustre");
    const long local[] = {0xEF53 /* ext4 */,      0x58465342 /* xfs */,     0x9123683E /* btrfs */,
                          0x01021994 /* tmpfs */, 0x794C7630 /* overlay */, 0x65735546 /* FUSE */};
    for (size_t i = 0; i < sizeof local / sizeof local[0]; i++)
        assert_null(tn_store_network_name(local[i]));
}

static bool nothing(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    (void)context, (void)series, (void)count, (void)steps, (void)values;
    return true;
}

/* Blobs that do not have the size that their count says, each way. */
static void damaged_chunks(void **state)
{
    static const char *const WRONG[] = {
        "UPDATE series SET count = 3",       "UPDATE series SET count = 0",           "UPDATE series SET count = -2",
        "UPDATE series SET count = 1 << 61", "UPDATE series SET \"values\" = x'00'",  "UPDATE series SET \"values\" = zeroblob(0)",
        "UPDATE series SET steps = x'0102'", "UPDATE series SET steps = zeroblob(0)", "UPDATE series SET steps = zeroblob(24)",
    };
    const char *path = folder_path(state, "damaged.db"), *copy = folder_path(state, "copy.db");
    tn_store *store;
    int64_t id;
    const tn_store_trial trial = {.key = "k"};
    const uint64_t steps[] = {5, 6};
    const double values[] = {1, 2};
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &trial, &id, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, id, "loss", 2, steps, values, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        copy_file(path, copy, SIZE_MAX);
        run_sql(copy, WRONG[i]);
        tn_error error = {0};
        assert_int_equal(tn_store_open(copy, &store, NULL), TN_OK);
        assert_int_equal(tn_store_read_series(store, id, nothing, NULL, &error), TN_ERROR_STORE);
        assert_non_null(strstr(error.message, "damaged"));
        assert_int_equal(tn_store_close(store, NULL), TN_OK);
    }
}

/* A counter of trial numbers that is not one tells so, and nobody waits for it for ever. */
static void damaged_counters(void **state)
{
    static const char *const WRONG[] = {"DELETE FROM counter", "UPDATE counter SET next_trial = 0", "UPDATE counter SET next_trial = -9000",
                                        "UPDATE counter SET next_trial = 9223372036854775800", "DROP TABLE counter"};
    const char *path = folder_path(state, "counter.db"), *copy = folder_path(state, "counter-copy.db");
    tn_store *store;
    int64_t id;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    for (size_t i = 0; i < sizeof WRONG / sizeof WRONG[0]; i++) {
        copy_file(path, copy, SIZE_MAX);
        run_sql(copy, WRONG[i]);
        tn_error error = {0};
        tn_status status = tn_store_open(copy, &store, &error);
        if (status == TN_OK) {
            assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, &error), TN_ERROR_STORE);
            assert_int_equal(tn_store_close(store, NULL), TN_ERROR_STORE);
        } else /* a table that is missing is met sooner */
            assert_int_equal(status, TN_ERROR_STORE);
        assert_non_null(strstr(error.message, copy));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_database),      cmocka_unit_test(of_another_program),   cmocka_unit_test(newer_schema),
        cmocka_unit_test(no_such_place),    cmocka_unit_test(network_file_systems), cmocka_unit_test(damaged_chunks),
        cmocka_unit_test(damaged_counters),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
