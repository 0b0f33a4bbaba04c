/* test_store_upgrade.c: names of tensors and signals come back as they were put, and a store of an older schema becomes one of ours without losing anything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <sqlite3.h>

#include "store/store.h"
#include "support_folder.h"

static tn_store *open_store(const char *path)
{
    tn_store *store;
    tn_error error = {0};
    if (tn_store_open(path, &store, &error) != TN_OK)
        fail_msg("%s", error.message);
    return store;
}

/* Names as text: "0 dense_1.weight = dense_1|weight dense weight 3 60/6; ". */
static bool list_name(void *context, const tn_store_name *name)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 2048 - length, "%d %s = %s|%s %s %s %d %d/%d; ", (int)name->order, name->tensor, name->node,
             name->parameter ? name->parameter : "-", name->op, name->role, (int)name->node_index, (int)name->count, (int)name->units);
    return true;
}

static bool list_signal(void *context, int64_t trial, const tn_store_signal *signal)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 2048 - length, "%d %s/%s %d '%s' %g>%g %s; ", (int)trial, signal->rule, signal->severity, (int)signal->step,
             signal->tensor, isnan(signal->value) ? -1 : signal->value, isnan(signal->threshold) ? -1 : signal->threshold, signal->text);
    return true;
}

static bool list_last(void *context, int64_t trial, const char *series, uint64_t step, double value)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 2048 - length, "%d %s %d %g; ", (int)trial, series, (int)step, value);
    return true;
}

static void names_and_signals_come_back(void **state)
{
    const char *path = folder_path(state, "names.db");
    tn_store *store = open_store(path);
    int64_t first, second;
    char text[2048] = "";
    const tn_store_name names[] = {
        {.tensor = "relu_2", .node = "relu_2", .op = "relu", .role = "activation", .order = 4, .node_index = 1, .count = 64, .units = 8},
        {.tensor = "a.b.weight", .node = "a.b", .parameter = "weight", .op = "dense", .role = "weight", .count = 48, .units = 6},
    };
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &first, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &second, NULL), TN_OK);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(tn_store_tensor_name(store, first, &names[i], NULL), TN_OK);
    assert_int_equal(tn_store_tensor_name(store, first, &names[0], NULL), TN_OK); /* a second time changes nothing */
    assert_int_equal(tn_store_read_names(store, first, list_name, text, NULL), TN_OK);
    assert_string_equal(text, "0 a.b.weight = a.b|weight dense weight 0 48/6; 4 relu_2 = relu_2|- relu activation 1 64/8; ");
    text[0] = '\0';
    assert_int_equal(tn_store_read_names(store, second, list_name, text, NULL), TN_OK);
    assert_string_equal(text, "");

    tn_store_signal signal = {.rule = "plateau", .severity = "warning", .step = 9, .value = 2, .threshold = 1, .text = "flat"};
    const tn_store_signal other = {.rule = "nonfinite", .step = 3, .tensor = "w", .value = NAN, .threshold = INFINITY};
    assert_int_equal(tn_store_signal_put(store, first, &signal, NULL), TN_OK);
    assert_int_equal(tn_store_signal_put(store, second, &signal, NULL), TN_OK);
    signal.step = 12;
    assert_int_equal(tn_store_signal_put(store, first, &signal, NULL), TN_OK);
    assert_int_equal(tn_store_signal_put(store, first, &other, NULL), TN_OK);
    assert_int_equal(tn_store_signal_drop(store, second, "nonfinite", NULL), TN_OK); /* there is none */
    assert_int_equal(tn_store_read_signals(store, first, list_signal, text, NULL), TN_OK);
    assert_string_equal(text, "1 nonfinite/ 3 'w' -1>inf ; 1 plateau/warning 12 '' 2>1 flat; ");
    assert_int_equal(tn_store_signal_drop(store, first, "nonfinite", NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);

    store = open_store(path);
    text[0] = '\0';
    assert_int_equal(tn_store_read_signals(store, 0, list_signal, text, NULL), TN_OK);
    assert_string_equal(text, "1 plateau/warning 12 '' 2>1 flat; 2 plateau/warning 9 '' 2>1 flat; ");
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void the_last_of_each_series(void **state)
{
    (void)state;
    tn_store *store = open_store(":memory:");
    int64_t first, second;
    char text[2048] = "";
    const uint64_t plain[] = {1, 2, 3}, sparse[] = {4, 10};
    const double values[] = {5, 6, 7};
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &first, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &second, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, second, "loss", 3, plain, values, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, first, "loss", 3, plain, values, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, first, "loss", 2, sparse, values, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, first, "learning_rate", 2, plain, values, NULL), TN_OK);
    assert_int_equal(tn_store_read_last(store, list_last, text, NULL), TN_OK);
    assert_string_equal(text, "1 learning_rate 2 6; 1 loss 10 6; 2 loss 3 7; ");
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* The tables of schema 1 as tenet 0.1 made them, with what a run wrote. */
static const char SCHEMA_1[] =
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
    "INSERT INTO counter VALUES(65);"
    "INSERT INTO trial VALUES(7, 'k', 's', 'train', '{}', 'avx2', '0.1.0', 3, '2026-11-23T08:35:48Z', NULL, NULL, NULL);"
    "INSERT INTO series VALUES(1, 7, 'loss', 1, 5, 5, NULL, x'000000000000F03F');"
    "INSERT INTO tensor(trial, name, step, bytes) VALUES(7, 'input', 1, x'01'), (7, 'block.0.weight', 1, x'02'),"
    " (7, 'block.0', 1, x'03'), (7, 'block.0.gradient', 1, x'04'), (7, 'block.0.weight.gradient', 1, x'05'),"
    " (7, 'block.0.weight.update', 1, x'06'), (7, 'scale.update', 1, x'07'), (7, 'scale', 1, x'08'), (7, 'input', 2, x'09'),"
    " (8, 'block.0.weight', 1, x'0A');"
    "PRAGMA application_id = 1953391988; PRAGMA user_version = 1;";

static void make_schema_1(const char *path)
{
    sqlite3 *database;
    assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
    assert_int_equal(sqlite3_exec(database, SCHEMA_1, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(database);
}

static bool count_trial(void *context, const tn_store_trial_row *row)
{
    ++*(int *)context;
    assert_int_equal(row->id, 7);
    assert_string_equal(row->trial.subject, "s");
    return true;
}

static bool count_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    (void)tensor, (void)step;
    assert_int_equal(size, 1);
    assert_int_equal(*(const unsigned char *)bytes, ++*(int *)context);
    return true;
}

static void schema_1_is_upgraded(void **state)
{
    const char *path = folder_path(state, "old.db");
    make_schema_1(path);
    for (int pass = 0; pass < 2; pass++) { /* the second time there is nothing left to do */
        tn_store *store = open_store(path);
        char text[2048] = "";
        int trials = 0, blobs = 0;
        assert_int_equal(tn_store_read_trials(store, count_trial, &trials, NULL), TN_OK);
        assert_int_equal(trials, 1);
        assert_int_equal(tn_store_read_blobs(store, 7, count_blob, &blobs, NULL), TN_OK);
        assert_int_equal(blobs, 9);
        assert_int_equal(tn_store_read_last(store, list_last, text, NULL), TN_OK);
        assert_string_equal(text, "7 loss 5 1; ");
        text[0] = '\0';
        assert_int_equal(tn_store_read_names(store, 7, list_name, text, NULL), TN_OK);
        assert_string_equal(text, "0 input = input|-  input 0 0/0; 1 block.0.weight = block.0|weight  weight 0 0/0; "
                                  "2 block.0 = block.0|-  activation 0 0/0; 3 block.0.gradient = block.0|-  activation_gradient 0 0/0; "
                                  "4 block.0.weight.gradient = block.0|weight  gradient 0 0/0; "
                                  "5 block.0.weight.update = block.0|weight  update 0 0/0; 6 scale.update = scale|  update 0 0/0; "
                                  "7 scale = scale|  weight 0 0/0; ");
        text[0] = '\0';
        assert_int_equal(tn_store_read_names(store, 8, list_name, text, NULL), TN_OK);
        assert_string_equal(text, "0 block.0.weight = block.0.weight|-  activation 0 0/0; "); /* nothing tells that it is a parameter */
        assert_int_equal(tn_store_close(store, NULL), TN_OK);
    }
    tn_store *store = open_store(path);
    int64_t id;
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL), TN_OK);
    assert_int_equal(id, 65); /* numbers go on where they were */
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_signals_come_back),
        cmocka_unit_test(the_last_of_each_series),
        cmocka_unit_test(schema_1_is_upgraded),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
