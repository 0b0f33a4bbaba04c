/* test_store_crash.c: a process that is killed, and a log that is cut anywhere, leave a store that opens and holds a prefix of what was handed over.
 *
 * What a prefix is, is checked by one function, which must first catch planted faults: a chunk that is missing, changed, or out of order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/rng.h"
#include "store/store_sqlite.h"
#include "support_folder.h"

/* Step i of the series holds a value that only step i has. */
static double value_of(uint64_t step)
{
    return (double)step * 1.25 + 1;
}

typedef struct prefix {
    uint64_t steps;
    bool sound;
} prefix;

static bool check_chunk(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    prefix *found = context;
    for (size_t i = 0; i < count && found->sound; i++) {
        found->steps++;
        found->sound = strcmp(series, "loss") == 0 && steps[i] == found->steps && values[i] == value_of(found->steps);
    }
    return found->sound;
}

/* Opens a store and counts the steps of trial 1; not sound where it does not open or the steps are no prefix. */
static prefix read_prefix(const char *path)
{
    tn_store *store;
    prefix found = {.sound = true};
    tn_error error = {0};
    if (tn_store_open(path, &store, &error) != TN_OK) {
        print_message("%s\n", error.message);
        return (prefix){.sound = false};
    }
    if (tn_store_read_series(store, 1, check_chunk, &found, NULL) != TN_OK)
        found.sound = false;
    if (tn_store_close(store, NULL) != TN_OK)
        found.sound = false;
    return found;
}

static tn_status hand_over(tn_store *store, uint64_t first, size_t count)
{
    uint64_t steps[64];
    double values[64];
    for (size_t i = 0; i < count; i++) {
        steps[i] = first + i;
        values[i] = value_of(first + i);
    }
    return tn_store_series(store, 1, "loss", count, steps, values, NULL);
}

static void checker_catches_planted_faults(void **state)
{
    static const char *const FAULTS[] = {
        "DELETE FROM series WHERE id = 3",
        "DELETE FROM series WHERE id = 1",
        "UPDATE series SET first_step = first_step + 1 WHERE id = 5",
        "UPDATE series SET \"values\" = zeroblob(80) WHERE id = 2",
        "UPDATE series SET id = 100 WHERE id = 2",
        "INSERT INTO series SELECT 50, trial, name, count, first_step, last_step, steps, \"values\" FROM series WHERE id = 5",
    };
    const char *path = folder_path(state, "sound.db"), *copy = folder_path(state, "faulty.db");
    tn_store *store;
    int64_t id;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL), TN_OK);
    assert_int_equal(id, 1);
    for (uint64_t i = 0; i < 5; i++)
        assert_int_equal(hand_over(store, 1 + 10 * i, 10), TN_OK);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    prefix whole = read_prefix(path);
    assert_true(whole.sound);
    assert_int_equal(whole.steps, 50);
    for (size_t i = 0; i < sizeof FAULTS / sizeof FAULTS[0]; i++) {
        sqlite3 *database;
        copy_file(path, copy, SIZE_MAX);
        assert_int_equal(sqlite3_open(copy, &database), SQLITE_OK);
        assert_int_equal(sqlite3_exec(database, FAULTS[i], NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_close(database), SQLITE_OK);
        if (read_prefix(copy).sound)
            fail_msg("not caught: %s", FAULTS[i]);
    }
}

/* What parent and child share. */
typedef struct progress {
    atomic_uint_least64_t handed, flushed;
    atomic_uint_least64_t handed_ns[20000]; /* when step i was handed over */
} progress;

/* One step a millisecond or so; now and then a flush, whose promise is checked without looking at a clock. */
static void write_until_killed(const char *path, progress *shared)
{
    tn_store *store;
    int64_t id;
    if (tn_store_open(path, &store, NULL) != TN_OK || tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL) != TN_OK)
        _exit(1);
    for (uint64_t step = 1; step < 20000; step++) {
        if (hand_over(store, step, 1) != TN_OK)
            _exit(2);
        atomic_store(&shared->handed_ns[step], tn_clock_ns());
        atomic_store(&shared->handed, step);
        if (step % 97 == 0) {
            if (tn_store_flush(store, NULL) != TN_OK)
                _exit(3);
            atomic_store(&shared->flushed, step);
        }
        usleep(300);
    }
    _exit(4);
}

static void killed_at_random_moments(void **state)
{
    progress *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_TEST);
    uint64_t least_lost_ns = UINT64_MAX;
    for (size_t round = 0; round < 12; round++) {
        char name[32];
        snprintf(name, sizeof name, "killed%zu.db", round);
        const char *path = folder_path(state, name);
        memset(shared, 0, sizeof *shared);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            write_until_killed(path, shared);
        /* Kill at a random step rather than at a random time, so that a busy machine tests the same moments. In the first rounds early, while the store is created. */
        uint64_t until = round < 4 ? round : 1 + tn_rng_below(&rng, 500);
        while (atomic_load(&shared->handed) < until)
            usleep(100);
        usleep((unsigned)tn_rng_below(&rng, 3000));
        uint64_t flushed = atomic_load(&shared->flushed), killed_ns = tn_clock_ns();
        assert_int_equal(kill(child, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        prefix kept = read_prefix(path);
        assert_true(kept.sound);
        assert_true(kept.steps >= flushed);
        assert_true(kept.steps <= atomic_load(&shared->handed) + 1);
        /* The oldest step that is lost. */
        uint64_t first_lost = kept.steps + 1 <= atomic_load(&shared->handed) ? atomic_load(&shared->handed_ns[kept.steps + 1]) : killed_ns;
        uint64_t lost_ns = first_lost < killed_ns ? killed_ns - first_lost : 0;
        least_lost_ns = lost_ns < least_lost_ns ? lost_ns : least_lost_ns;
    }
    munmap(shared, sizeof *shared);
    /* A store that gathers for longer than a second fails here each time; a machine that stalls for a second spoils one round, not twelve. */
    assert_true(least_lost_ns < 1000000000);
}

static size_t page_size(tn_store *store)
{
    sqlite3_stmt *statement;
    assert_int_equal(sqlite3_prepare_v2(store->database, "PRAGMA page_size", -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    size_t bytes = (size_t)sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_OK);
    return bytes;
}

/* The log as it stands while the store is open, cut at every page's edges and at many bytes between: what opens is a prefix, and the longer the cut the longer the prefix. */
static void log_cut_anywhere(void **state)
{
    const char *path = folder_path(state, "open.db");
    tn_store *store;
    int64_t id;
    assert_int_equal(tn_store_open(path, &store, NULL), TN_OK);
    assert_int_equal(tn_store_trial_begin(store, &(tn_store_trial){.key = "k"}, &id, NULL), TN_OK);
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(hand_over(store, 1 + 40 * i, 40), TN_OK);
        assert_int_equal(tn_store_flush(store, NULL), TN_OK);
    }
    char log[600], copied_log[600];
    snprintf(log, sizeof log, "%s-wal", path);
    const char *copy = folder_path(state, "cut.db");
    snprintf(copied_log, sizeof copied_log, "%s-wal", copy);
    size_t size = file_size(log);
    enum { HEADER = 32, BEFORE_PAGE = 24 };
    size_t frame = BEFORE_PAGE + page_size(store);
    assert_true(size > 20 * frame);
    uint64_t last = 0;
    size_t cuts = 0;
    for (size_t cut = 0; cut <= size; cuts++) {
        copy_file(path, copy, SIZE_MAX);
        copy_file(log, copied_log, cut);
        prefix kept = read_prefix(copy);
        if (!kept.sound)
            fail_msg("log of %zu bytes cut at %zu: no prefix", size, cut);
        assert_true(kept.steps >= last);
        assert_int_equal(kept.steps % 40, 0);
        last = kept.steps;
        /* The first bytes, then each side of a frame's edges and its middle. */
        size_t inside = cut < HEADER ? 0 : (cut - HEADER) % frame;
        cut += cut < HEADER     ? 1
               : inside == 0    ? 1
               : inside == 1    ? 23
               : inside == 24   ? 1
               : inside == 25   ? 2000
               : inside == 2025 ? frame - 1 - 2025
                                : 1;
    }
    assert_int_equal(last, 800);
    assert_true(cuts > 200);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checker_catches_planted_faults),
        cmocka_unit_test(killed_at_random_moments),
        cmocka_unit_test(log_cut_anywhere),
    };
    return cmocka_run_group_tests(tests, folder_setup, folder_teardown);
}
