/* test_threads.c: the pool runs every tile once, waits for all, and gives the same results at any number of threads.
 *
 * Run under the thread sanitizer too: tiles write plain memory that the caller reads afterwards, so a missing order between them is found there.
 * Nothing here measures time. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "base/simd.h"
#include "base/threads.h"

extern void omp_set_num_threads(int threads);
extern int omp_get_max_threads(void);

enum { TILES_MAX = 3000, THREADS_MAX = 5 };

typedef struct tally {
    size_t threads;
    unsigned char runs[TILES_MAX];  /* plain memory on purpose */
    atomic_int inside[THREADS_MAX]; /* tiles that run as this worker now */
    atomic_bool wrong_worker, shared_worker, many_library_threads;
} tally;

/* How a round is run. */
typedef void runner(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context);

static void count_tile(void *context, size_t tile, size_t worker)
{
    tally *counts = context;
    if (worker >= counts->threads) {
        atomic_store(&counts->wrong_worker, true);
        return;
    }
    if (atomic_fetch_add(&counts->inside[worker], 1) != 0)
        atomic_store(&counts->shared_worker, true);
    if (omp_get_max_threads() != 1)
        atomic_store(&counts->many_library_threads, true);
    counts->runs[tile]++;
    atomic_fetch_sub(&counts->inside[worker], 1);
}

static void check_round_by(runner *run, tn_pool *pool, size_t tiles)
{
    static tally counts;
    memset(&counts, 0, sizeof counts);
    counts.threads = tn_pool_threads(pool);
    run(pool, tiles, count_tile, &counts);
    for (size_t tile = 0; tile < TILES_MAX; tile++)
        assert_int_equal(counts.runs[tile], tile < tiles);
    assert_false(atomic_load(&counts.wrong_worker));
    assert_false(atomic_load(&counts.shared_worker));
    assert_false(atomic_load(&counts.many_library_threads));
}

static void check_round(tn_pool *pool, size_t tiles)
{
    check_round_by(tn_pool_run, pool, tiles);
}

static void every_tile_runs_once(void **state)
{
    (void)state;
    static const size_t tiles[] = {0, 1, 2, 3, 4, 5, 7, 64, 65, 1000, TILES_MAX};
    for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++)
        check_round(NULL, tiles[k]);
    for (size_t threads = 1; threads <= THREADS_MAX; threads++) {
        tn_pool *pool = NULL;
        assert_int_equal(tn_pool_create(threads, &pool, NULL), TN_OK);
        assert_int_equal(tn_pool_threads(pool), threads);
        for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++)
            check_round(pool, tiles[k]);
        tn_pool_destroy(pool);
    }
    assert_int_equal(tn_pool_threads(NULL), 1);
}

typedef struct sums {
    uint64_t parts[8];
} sums;

static void add_to_part(void *context, size_t tile, size_t worker)
{
    (void)worker;
    ((sums *)context)->parts[tile] += tile + 1;
}

static void many_short_rounds_lose_nothing(void **state)
{
    (void)state;
    /* Rounds follow each other at once, then after pauses long enough for the threads to fall asleep, so both ways of waking are walked. */
    size_t rounds = 5000;
#if defined(TN_SANITIZED)
    rounds = 1000;
#endif
    for (size_t threads = 2; threads <= 4; threads++) {
        tn_pool *pool = NULL;
        assert_int_equal(tn_pool_create(threads, &pool, NULL), TN_OK);
        sums totals = {0};
        for (size_t round = 0; round < rounds; round++) {
            tn_pool_run(pool, 8, add_to_part, &totals);
            if (round % (rounds / 20) == 0)
                usleep(1000);
        }
        for (size_t part = 0; part < 8; part++)
            assert_int_equal(totals.parts[part], rounds * (part + 1));
        tn_pool_destroy(pool);
    }
}

/* Joins at once, late, or when all is done by others, where there are any. */
static void begin_and_finish(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context)
{
    tn_pool_begin(pool, tiles, fn, context);
    if (tiles % 3)
        usleep(tiles % 3 == 1 ? 10 : 1000);
    tn_pool_finish(pool);
}

static void a_round_may_be_begun_before_it_is_joined(void **state)
{
    (void)state;
    static const size_t tiles[] = {0, 1, 2, 3, 7, 64, 65, 1000, TILES_MAX};
    for (size_t threads = 1; threads <= THREADS_MAX; threads++) {
        tn_pool *pool = NULL;
        assert_int_equal(tn_pool_create(threads, &pool, NULL), TN_OK);
        for (size_t round = 0; round < 20; round++) {
            for (size_t k = 0; k < sizeof tiles / sizeof *tiles; k++)
                check_round_by(begin_and_finish, pool, tiles[k]);
            check_round(pool, round);
        }
        tn_pool_destroy(pool);
    }
}

/* The threads work while the caller does something else: it waits here until one of them has taken a tile. A thread that never comes fails the test by the alarm. */
typedef struct meeting {
    atomic_bool came;
    atomic_size_t done;
} meeting;

static void come(void *context, size_t tile, size_t worker)
{
    (void)tile;
    meeting *at = context;
    if (worker > 0)
        atomic_store(&at->came, true);
    atomic_fetch_add(&at->done, 1);
}

static void a_begun_round_is_worked_on_meanwhile(void **state)
{
    (void)state;
    tn_pool *pool = NULL;
    meeting at = {0};
    assert_int_equal(tn_pool_create(2, &pool, NULL), TN_OK);
    alarm(120);
    tn_pool_begin(pool, 8, come, &at);
    while (!atomic_load(&at.came))
        usleep(100);
    tn_pool_finish(pool);
    alarm(0);
    assert_int_equal(atomic_load(&at.done), 8);
    tn_pool_destroy(pool);
}

static void pools_come_and_go(void **state)
{
    (void)state;
    /* Often enough to meet a thread that wakes while its pool ends; a hang is cut by the alarm. */
    size_t pools = 4000;
#if defined(TN_SANITIZED)
    pools = 500;
#endif
    alarm(120);
    for (size_t i = 0; i < pools; i++) {
        tn_pool *pool = NULL;
        assert_int_equal(tn_pool_create(1 + i % 4, &pool, NULL), TN_OK);
        sums totals = {0};
        if (i % 3 != 0)
            tn_pool_run(pool, 8, add_to_part, &totals);
        assert_int_equal(totals.parts[7], i % 3 != 0 ? 8 : 0);
        tn_pool_destroy(pool);
    }
    alarm(0);
    tn_pool_destroy(NULL);
}

/* Trials run side by side, each with a pool of its own: the tiles of one pool run other pools. */
static void run_inner_pool(void *context, size_t tile, size_t worker)
{
    (void)worker;
    sums *outer = context;
    tn_pool *pool = NULL;
    if (tn_pool_create(2, &pool, NULL) != TN_OK)
        return;
    sums inner = {0};
    for (size_t round = 0; round < 50; round++)
        tn_pool_run(pool, 8, add_to_part, &inner);
    tn_pool_destroy(pool);
    for (size_t part = 0; part < 8; part++)
        outer[tile].parts[part] = inner.parts[part];
}

static void a_tile_may_use_another_pool(void **state)
{
    (void)state;
    sums results[6] = {{{0}}};
    tn_pool *pool = NULL;
    assert_int_equal(tn_pool_create(2, &pool, NULL), TN_OK);
    tn_pool_run(pool, 6, run_inner_pool, results);
    tn_pool_destroy(pool);
    for (size_t tile = 0; tile < 6; tile++)
        for (size_t part = 0; part < 8; part++)
            assert_int_equal(results[tile].parts[part], 50 * (part + 1));
}

static void nothing(void *context, size_t tile, size_t worker)
{
    (void)context;
    (void)tile;
    (void)worker;
}

static void run_same_pool(void *context, size_t tile, size_t worker)
{
    (void)tile;
    (void)worker;
    tn_pool_run(context, 4, nothing, NULL);
}

/* A tile that runs its own pool would wait for itself. It is our own bug, so an assertion must end it; a hang is cut by the alarm. */
static void a_tile_may_not_use_its_own_pool(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct rlimit none = {0, 0};
        setrlimit(RLIMIT_CORE, &none);
        signal(SIGABRT, SIG_DFL);
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        alarm(20);
        tn_pool *pool = NULL;
        if (tn_pool_create(2, &pool, NULL) != TN_OK)
            _exit(3);
        tn_pool_run(pool, 4, run_same_pool, pool);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

typedef struct products {
    double values[TILES_MAX];
} products;

static void multiply_randoms(void *context, size_t tile, size_t worker)
{
    (void)worker;
    tn_rng rng;
    tn_rng_init(&rng, 9, tile);
    double product = 1;
    for (size_t i = 0; i < 40; i++)
        product *= 0.5 + tn_rng_uniform(&rng);
    ((products *)context)->values[tile] = product;
}

static void results_do_not_depend_on_the_threads(void **state)
{
    (void)state;
    static products alone, together;
    tn_pool_run(NULL, 500, multiply_randoms, &alone);
    for (size_t threads = 1; threads <= 4; threads++) {
        tn_pool *pool = NULL;
        assert_int_equal(tn_pool_create(threads, &pool, NULL), TN_OK);
        memset(&together, 0, sizeof together);
        tn_pool_run(pool, 500, multiply_randoms, &together);
        assert_memory_equal(&together, &alone, sizeof alone);
        tn_pool_destroy(pool);
    }
}

static void the_callers_openmp_is_left_as_it_was(void **state)
{
    (void)state;
    tn_pool *pool = NULL;
    assert_int_equal(tn_pool_create(2, &pool, NULL), TN_OK);
    omp_set_num_threads(3);
    check_round(pool, 64);
    assert_int_equal(omp_get_max_threads(), 3);
    check_round(NULL, 64);
    assert_int_equal(omp_get_max_threads(), 3);
    omp_set_num_threads(1);
    check_round(pool, 64);
    assert_int_equal(omp_get_max_threads(), 1);
    tn_pool_destroy(pool);
}

static void impossible_numbers_of_threads_are_refused(void **state)
{
    (void)state;
    static const size_t wrong[] = {0, 1025, SIZE_MAX};
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        tn_error error = {0};
        tn_pool *pool = (tn_pool *)&error; /* must be overwritten */
        assert_int_equal(tn_pool_create(wrong[k], &pool, &error), TN_ERROR_USAGE);
        assert_null(pool);
        assert_non_null(strstr(error.message, "1 to 1024"));
    }
}

static void processors_are_those_allowed(void **state)
{
    (void)state;
    cpu_set_t before, one;
    assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
    assert_int_equal(tn_processor_count(), CPU_COUNT(&before));
    size_t first = 0;
    while (!CPU_ISSET(first, &before))
        first++;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(tn_processor_count(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tile_runs_once),
        cmocka_unit_test(many_short_rounds_lose_nothing),
        cmocka_unit_test(a_round_may_be_begun_before_it_is_joined),
        cmocka_unit_test(a_begun_round_is_worked_on_meanwhile),
        cmocka_unit_test(pools_come_and_go),
        cmocka_unit_test(a_tile_may_use_another_pool),
        cmocka_unit_test(a_tile_may_not_use_its_own_pool),
        cmocka_unit_test(results_do_not_depend_on_the_threads),
        cmocka_unit_test(the_callers_openmp_is_left_as_it_was),
        cmocka_unit_test(impossible_numbers_of_threads_are_refused),
        cmocka_unit_test(processors_are_those_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
