/* test_store.c: what is handed over comes back, bit for bit and in order, from files and from memory, whoever hands it over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "store/store.h"
#include "support_folder.h"

static const tn_store_trial TRIAL = {
    .key = "0123456789abcdef",
    .subject = "mlp.json",
    .experiment = "lr_boundary",
    .patch = "{\"seed\":3}",
    .isa = "avx2",
    .version = "0.1.0",
    .seed = UINT64_MAX,
};

static tn_store *open_store(const char *path)
{
    tn_store *store;
    tn_error error = {0};
    if (tn_store_open(path, &store, &error) != TN_OK)
        fail_msg("%s", error.message);
    return store;
}

static int64_t begin(tn_store *store)
{
    int64_t id = 0;
    assert_int_equal(tn_store_trial_begin(store, &TRIAL, &id, NULL), TN_OK);
    assert_true(id > 0);
    return id;
}

/* Every value of a trial's series in the order read. */
typedef struct series {
    const char *name;
    size_t count, chunks;
    uint64_t steps[10000];
    double values[10000];
} series;

static bool gather(void *context, const char *name, size_t count, const uint64_t *steps, const double *values)
{
    series *all = context;
    if (strcmp(name, all->name) != 0)
        return true;
    assert_true(all->count + count <= 10000);
    memcpy(all->steps + all->count, steps, count * sizeof *steps);
    memcpy(all->values + all->count, values, count * sizeof *values);
    all->count += count;
    all->chunks++;
    return true;
}

static const series *read_series(tn_store *store, int64_t id, const char *name)
{
    static series all;
    all = (series){.name = name};
    assert_int_equal(tn_store_read_series(store, id, gather, &all, NULL), TN_OK);
    return &all;
}

static bool same_bits(const double *a, const double *b, size_t count)
{
    return memcmp(a, b, count * sizeof *a) == 0;
}

static void chunks_come_back_bit_for_bit(tn_store *store)
{
    int64_t id = begin(store);
    const uint64_t plain[] = {1, 2, 3}, sparse[] = {4, 10, UINT64_MAX};
    const double first[] = {2.5, NAN, INFINITY}, second[] = {-0.0, 5e-324, -INFINITY};
    assert_int_equal(tn_store_series(store, id, "loss", 3, plain, first, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, id, "learning_rate", 1, plain, first, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, id, "loss", 3, sparse, second, NULL), TN_OK);
    assert_int_equal(tn_store_series(store, id, "loss", 0, NULL, NULL, NULL), TN_OK);
    const series *loss = read_series(store, id, "loss");
    assert_int_equal(loss->count, 6);
    assert_int_equal(loss->chunks, 2);
    assert_memory_equal(loss->steps, plain, sizeof plain);
    assert_memory_equal(loss->steps + 3, sparse, sizeof sparse);
    assert_true(same_bits(loss->values, first, 3));
    assert_true(same_bits(loss->values + 3, second, 3));
    assert_int_equal(read_series(store, id, "learning_rate")->count, 1);
    assert_int_equal(read_series(store, id + 1, "loss")->count, 0);
}

static void series_of_a_file(void **state)
{
    tn_store *store = open_store(folder_path(state, "series.db"));
    chunks_come_back_bit_for_bit(store);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void series_of_memory(void **state)
{
    (void)state;
    tn_store *store = open_store(":memory:");
    chunks_come_back_bit_for_bit(store);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    store = open_store(":memory:");
    assert_int_equal(read_series(store, 1, "loss")->count, 0);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

typedef struct blobs {
    size_t count;
    bool stop;
} blobs;

static bool check_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    blobs *seen = context;
    if (seen->count == 0) {
        assert_string_equal(tensor, "dense_0.weight");
        assert_int_equal(step, 7);
        assert_int_equal(size, 5);
        assert_memory_equal(bytes,
                            "a\0b\xff"
                            "c",
                            5);
    } else {
        assert_string_equal(tensor, "dense_0");
        assert_int_equal(size, 0);
    }
    seen->count++;
    return !seen->stop;
}

static void blobs_come_back(void **state)
{
    tn_store *store = open_store(folder_path(state, "blobs.db"));
    int64_t id = begin(store);
    assert_int_equal(tn_store_blob(store, id, "dense_0.weight", 7,
                                   "a\0b\xff"
                                   "c",
                                   5, NULL),
                     TN_OK);
    assert_int_equal(tn_store_blob(store, id, "dense_0", 8, NULL, 0, NULL), TN_OK);
    blobs seen = {0};
    assert_int_equal(tn_store_read_blobs(store, id, check_blob, &seen, NULL), TN_OK);
    assert_int_equal(seen.count, 2);
    seen = (blobs){.stop = true};
    assert_int_equal(tn_store_read_blobs(store, id, check_blob, &seen, NULL), TN_OK);
    assert_int_equal(seen.count, 1);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static bool list_blob(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    char *text = context;
    size_t length = strlen(text);
    snprintf(text + length, 512 - length, "%s@%d=%.*s;", tensor, (int)step, (int)size, (const char *)bytes);
    return true;
}

/* Several at once, of one step and of others, one of them without a name. */
static void blobs_at_once(void **state)
{
    const char *path = folder_path(state, "rows.db");
    static const char EXPECTED[] = "a@1=one;b.weight@1=;c@1=three;c@2=x;@3=nameless;a@4=y;b.weight@4=zz;single@4=s;";
    tn_store *store = open_store(path);
    int64_t id = begin(store), other = begin(store);
    const tn_store_blob_row rows[] = {{"a", 1, "one", 3},     {"b.weight", 1, NULL, 0}, {"c", 1, "three", 5},    {"c", 2, "x", 1},
                                      {"", 3, "nameless", 8}, {"a", 4, "y", 1},         {"b.weight", 4, "zz", 2}};
    assert_int_equal(tn_store_blobs(store, id, sizeof rows / sizeof *rows, rows, NULL), TN_OK);
    assert_int_equal(tn_store_blobs(store, id, 0, NULL, NULL), TN_OK);
    assert_int_equal(tn_store_blob(store, id, "single", 4, "s", 1, NULL), TN_OK);
    assert_int_equal(tn_store_blobs(store, other, 2, rows, NULL), TN_OK);
    for (int pass = 0; pass < 2; pass++) {
        char text[512] = "";
        assert_int_equal(tn_store_read_blobs(store, id, list_blob, text, NULL), TN_OK);
        assert_string_equal(text, EXPECTED);
        text[0] = '\0';
        assert_int_equal(tn_store_read_blobs(store, other, list_blob, text, NULL), TN_OK);
        assert_string_equal(text, "a@1=one;b.weight@1=;");
        assert_int_equal(tn_store_close(store, NULL), TN_OK);
        store = open_store(path);
    }
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* A row of several that was cut, or whose sizes lie. */
static void damaged_rows(void **state)
{
    const char *path = folder_path(state, "damaged.db");
    static const char *const BYTES[] = {"x'61'", "x'6100'", "x'6100010000'", "x'610001000000'", "x'6100ffffffff41'", "x'6100010000004162'"};
    for (size_t i = 0; i < sizeof BYTES / sizeof *BYTES; i++) {
        tn_store *store = open_store(path);
        int64_t id = begin(store);
        char sql[256], text[512] = "";
        assert_int_equal(tn_store_close(store, NULL), TN_OK);
        snprintf(sql, sizeof sql, "INSERT INTO tensor(trial, name, step, bytes) VALUES(%d, '', 5, %s)", (int)id, BYTES[i]);
        sqlite3 *database;
        assert_int_equal(sqlite3_open(path, &database), SQLITE_OK);
        assert_int_equal(sqlite3_exec(database, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        store = open_store(path);
        tn_error error = {0};
        assert_int_equal(tn_store_read_blobs(store, id, list_blob, text, &error), TN_ERROR_STORE);
        assert_non_null(strstr(error.message, "is damaged: the tensors of step 5"));
        assert_int_equal(tn_store_close(store, NULL), TN_OK);
    }
}

typedef struct trials {
    tn_store *store;
    int64_t ids[256];
    size_t count;
    bool ended;
} trials;

static bool check_trial(void *context, const tn_store_trial_row *row)
{
    trials *seen = context;
    assert_string_equal(row->trial.key, TRIAL.key);
    assert_string_equal(row->trial.subject, TRIAL.subject);
    assert_string_equal(row->trial.experiment, TRIAL.experiment);
    assert_string_equal(row->trial.patch, TRIAL.patch);
    assert_string_equal(row->trial.isa, TRIAL.isa);
    assert_string_equal(row->trial.version, TRIAL.version);
    assert_true(row->trial.seed == TRIAL.seed);
    int year, month, day, hour, minute, second, end = 0;
    assert_int_equal(sscanf(row->started, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute, &second, &end), 6);
    assert_int_equal(end, 20);
    if (seen->count == 0 && seen->ended) {
        assert_string_equal(row->end, "nonfinite");
        assert_string_equal(row->result, "{\"score\":0.5}");
    } else {
        assert_null(row->end);
        assert_null(row->result);
    }
    /* Reading and writing inside a reader is allowed. */
    if (seen->store) {
        const uint64_t step = 1;
        const double value = 1;
        assert_int_equal(tn_store_series(seen->store, row->id, "loss", 1, &step, &value, NULL), TN_OK);
        assert_int_equal(read_series(seen->store, row->id, "loss")->count, 1);
    }
    seen->ids[seen->count++] = row->id;
    return true;
}

static void trials_come_back(const char *path)
{
    tn_store *store = open_store(path);
    int64_t first = begin(store), second = begin(store);
    assert_true(second > first);
    assert_int_equal(tn_store_trial_end(store, first, "nonfinite", "{\"score\":0.5}", NULL), TN_OK);
    trials seen = {.store = store, .ended = true};
    assert_int_equal(tn_store_read_trials(store, check_trial, &seen, NULL), TN_OK);
    assert_int_equal(seen.count, 2);
    assert_int_equal(seen.ids[0], first);
    assert_int_equal(seen.ids[1], second);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

static void trials_of_a_file(void **state)
{
    trials_come_back(folder_path(state, "trials.db"));
}

static void trials_of_memory(void **state)
{
    (void)state;
    trials_come_back(":memory:");
}

static void newest_report_comes_back(void **state)
{
    const char *path = folder_path(state, "report.db");
    tn_store *store = open_store(path);
    char *report = "none";
    assert_int_equal(tn_store_read_report(store, &report, NULL), TN_OK);
    assert_null(report);
    assert_int_equal(tn_store_report(store, "mlp.json", "{\"n\":1}", NULL), TN_OK);
    assert_int_equal(tn_store_report(store, "mlp.json", "{\"n\":2}", NULL), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    store = open_store(path);
    assert_int_equal(tn_store_read_report(store, &report, NULL), TN_OK);
    assert_string_equal(report, "{\"n\":2}");
    free(report);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    assert_int_equal(tn_store_close(NULL, NULL), TN_OK);
}

/* That of the subject, made after the trial began; where there are several, the first. */
static void a_trial_finds_its_report(void **state)
{
    tn_store *store = open_store(folder_path(state, "report_of.db"));
    const tn_store_trial trial = {
        .key = "k", .subject = "mlp.json", .experiment = "look", .patch = "{}", .isa = "avx2", .version = "1", .seed = 1};
    int64_t id = 0;
    char *report = NULL;
    assert_int_equal(tn_store_trial_begin(store, &trial, &id, NULL), TN_OK);
    assert_int_equal(tn_store_report(store, "other.json", "{\"n\":1}", NULL), TN_OK);
    assert_int_equal(tn_store_read_report_of(store, id, &report, NULL), TN_OK);
    assert_null(report);
    assert_int_equal(tn_store_report(store, "mlp.json", "{\"n\":2}", NULL), TN_OK);
    assert_int_equal(tn_store_report(store, "mlp.json", "{\"n\":3}", NULL), TN_OK);
    assert_int_equal(tn_store_read_report_of(store, id + 1, &report, NULL), TN_OK);
    assert_null(report);
    assert_int_equal(tn_store_read_report_of(store, id, &report, NULL), TN_OK);
    assert_string_equal(report, "{\"n\":2}");
    free(report);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* The gathering of the writer needs nobody's help: another connection sees what was handed over without a flush or a close. It waits as long as it must. */
static void commits_without_being_asked(void **state)
{
    const char *path = folder_path(state, "unasked.db");
    tn_store *writer = open_store(path);
    tn_store *reader = open_store(path);
    int64_t id = begin(writer);
    const uint64_t step = 1;
    const double value = 1;
    assert_int_equal(tn_store_series(writer, id, "loss", 1, &step, &value, NULL), TN_OK);
    size_t waits = 0;
    while (read_series(reader, id, "loss")->count == 0 && waits++ < 60000)
        usleep(1000);
    assert_int_equal(read_series(reader, id, "loss")->count, 1);
    assert_int_equal(tn_store_close(reader, NULL), TN_OK);
    assert_int_equal(tn_store_close(writer, NULL), TN_OK);
}

enum { CHUNKS = 50, CHUNK = 40 };

typedef struct trainer {
    pthread_t thread;
    tn_store *store;
    int64_t id;
} trainer;

static void *train(void *context)
{
    trainer *one = context;
    one->id = begin(one->store);
    for (uint64_t i = 0; i < CHUNKS; i++) {
        uint64_t steps[CHUNK];
        double values[CHUNK];
        for (uint64_t j = 0; j < CHUNK; j++) {
            steps[j] = 1 + i * CHUNK + j;
            values[j] = (double)(one->id * 1000000 + (int64_t)steps[j]);
        }
        assert_int_equal(tn_store_series(one->store, one->id, "loss", CHUNK, steps, values, NULL), TN_OK);
        if (i % 20 == 7)
            assert_int_equal(tn_store_flush(one->store, NULL), TN_OK);
    }
    assert_int_equal(tn_store_trial_end(one->store, one->id, "completed", NULL, NULL), TN_OK);
    return NULL;
}

static void trials_side_by_side(void **state)
{
    const char *path = folder_path(state, "threads.db");
    tn_store *store = open_store(path);
    trainer all[8];
    for (size_t i = 0; i < 8; i++) {
        all[i].store = store;
        assert_int_equal(pthread_create(&all[i].thread, NULL, train, &all[i]), 0);
    }
    for (size_t i = 0; i < 8; i++)
        pthread_join(all[i].thread, NULL);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    store = open_store(path);
    for (size_t i = 0; i < 8; i++) {
        const series *loss = read_series(store, all[i].id, "loss");
        assert_int_equal(loss->count, CHUNKS * CHUNK);
        for (size_t j = 0; j < loss->count; j++) {
            assert_int_equal(loss->steps[j], j + 1);
            assert_true(loss->values[j] == (double)(all[i].id * 1000000 + (int64_t)j + 1));
        }
        for (size_t k = 0; k < i; k++)
            assert_int_not_equal(all[i].id, all[k].id);
    }
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* Several processes create and fill one store at once; no number is given twice. More than a block of numbers each. */
static void processes_side_by_side(void **state)
{
    const char *path = folder_path(state, "processes.db");
    pid_t children[3];
    enum { TRIALS = 70 };
    for (size_t i = 0; i < 3; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            tn_store *store;
            if (tn_store_open(path, &store, NULL) != TN_OK)
                _exit(1);
            for (size_t j = 0; j < TRIALS; j++) {
                int64_t id;
                if (tn_store_trial_begin(store, &TRIAL, &id, NULL) != TN_OK)
                    _exit(2);
            }
            _exit(tn_store_close(store, NULL) == TN_OK ? 0 : 3);
        }
    }
    for (size_t i = 0; i < 3; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    tn_store *store = open_store(path);
    trials seen = {0};
    assert_int_equal(tn_store_read_trials(store, check_trial, &seen, NULL), TN_OK);
    assert_int_equal(seen.count, 3 * TRIALS);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

/* More than the queue holds goes through, whole. */
static void a_full_queue_waits(void **state)
{
    tn_store *store = open_store(folder_path(state, "queue.db"));
    int64_t id = begin(store);
    enum { SIZE = 30 << 20 };
    char *bytes = calloc(1, SIZE);
    assert_non_null(bytes);
    for (uint64_t step = 1; step <= 5; step++)
        assert_int_equal(tn_store_blob(store, id, "big", step, bytes, SIZE, NULL), TN_OK);
    assert_int_equal(tn_store_flush(store, NULL), TN_OK);
    free(bytes);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    assert_true(file_size(folder_path(state, "queue.db")) > (size_t)5 * SIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_of_a_file),
        cmocka_unit_test(series_of_memory),
        cmocka_unit_test(blobs_come_back),
        cmocka_unit_test(blobs_at_once),
        cmocka_unit_test(damaged_rows),
        cmocka_unit_test(trials_of_a_file),
        cmocka_unit_test(trials_of_memory),
        cmocka_unit_test(newest_report_comes_back),
        cmocka_unit_test(a_trial_finds_its_report),
        cmocka_unit_test(commits_without_being_asked),
        cmocka_unit_test(trials_side_by_side),
        cmocka_unit_test(processes_side_by_side),
        cmocka_unit_test(a_full_queue_waits),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
