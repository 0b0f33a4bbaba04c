/* threads.c: the private pool, see threads.h.
 *
 * A round is numbered. The caller publishes fn, context and tiles, then raises `round`; every thread takes tiles from the shared counter `next` until none is left,
 * and reports by lowering `working`. A thread that waits spins for SPIN_NS, then sleeps on the futex of the number it waits for. */
#include "base/threads.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

/* From OpenMP's library, which oneDNN loads; there is no need for its header. */
extern void omp_set_num_threads(int threads);
extern int omp_get_max_threads(void);

/* How long an idle thread spins before it sleeps: longer than the gap between two layers of a step, shorter than anybody notices. */
enum { SPIN_NS = 50000, SPINS_PER_CLOCK = 64 };

typedef struct worker {
    tn_pool *pool;
    size_t number;
    pthread_t thread;
} worker;

struct tn_pool {
    size_t threads;
    worker *workers; /* [threads - 1] */
    size_t started;
    tn_tile_fn *fn;
    void *context;
    size_t tiles;
    atomic_bool busy; /* serves a caller; a tile that runs its own pool would wait for itself */
    _Alignas(TN_ALIGNMENT) _Atomic uint32_t round;
    _Alignas(TN_ALIGNMENT) _Atomic size_t next;
    _Alignas(TN_ALIGNMENT) _Atomic uint32_t working;
    _Atomic uint32_t sleeping; /* threads on a futex, so that a wake without sleepers costs no system call */
    atomic_bool ending;
};

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    sched_yield();
#endif
}

static void futex_wait(_Atomic uint32_t *word, uint32_t expected)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void wake_sleepers(tn_pool *pool, _Atomic uint32_t *word)
{
    if (atomic_load(&pool->sleeping) > 0)
        futex_wake(word);
}

/* Returns once *word is no longer `old`. A thread counts itself as sleeping before its last look at the word, and a waker changes the word before it looks at
 * the count; both are sequentially consistent, so no wake is lost. */
static void wait_until_changed(tn_pool *pool, _Atomic uint32_t *word, uint32_t old)
{
    uint64_t start = tn_clock_ns();
    do {
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != old)
                return;
            relax();
        }
    } while (tn_clock_ns() - start < SPIN_NS);
    atomic_fetch_add(&pool->sleeping, 1);
    while (atomic_load(word) == old)
        futex_wait(word, old);
    atomic_fetch_sub(&pool->sleeping, 1);
}

static void work(tn_pool *pool, size_t number)
{
    for (;;) {
        size_t tile = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed);
        if (tile >= pool->tiles)
            return;
        pool->fn(pool->context, tile, number);
    }
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    tn_pool *pool = self->pool;
    omp_set_num_threads(1);
    for (uint32_t round = 0;; round++) {
        wait_until_changed(pool, &pool->round, round);
        if (atomic_load_explicit(&pool->ending, memory_order_acquire))
            return NULL;
        work(pool, self->number);
        if (atomic_fetch_sub(&pool->working, 1) == 1)
            wake_sleepers(pool, &pool->working);
    }
}

tn_status tn_pool_create(size_t threads, tn_pool **result, tn_error *error)
{
    *result = NULL;
    if (threads < 1 || threads > 1024)
        return tn_fail(error, TN_ERROR_USAGE, "%zu threads asked for; 1 to 1024 are possible", threads);
    tn_pool *pool = tn_memory_create(1, sizeof *pool);
    if (!pool)
        return tn_fail_memory(error, sizeof *pool);
    pool->threads = threads;
    pool->workers = tn_memory_create(threads, sizeof *pool->workers);
    if (!pool->workers) {
        tn_pool_destroy(pool);
        return tn_fail_memory(error, threads * sizeof *pool->workers);
    }
    for (size_t i = 0; i + 1 < threads; i++) {
        pool->workers[i].pool = pool;
        pool->workers[i].number = i + 1;
        int failed = pthread_create(&pool->workers[i].thread, NULL, worker_main, &pool->workers[i]);
        if (failed) {
            tn_pool_destroy(pool);
            return tn_fail(error, TN_ERROR_IO, "thread %zu of %zu could not be started: %s. Use fewer with --threads.", i + 2, threads,
                           strerror(failed));
        }
        pool->started++;
    }
    *result = pool;
    return TN_OK;
}

void tn_pool_destroy(tn_pool *pool)
{
    if (!pool)
        return;
    atomic_store(&pool->ending, true);
    atomic_fetch_add(&pool->round, 1);
    futex_wake(&pool->round);
    for (size_t i = 0; i < pool->started; i++)
        pthread_join(pool->workers[i].thread, NULL);
    tn_memory_destroy(pool->workers);
    tn_memory_destroy(pool);
}

size_t tn_pool_threads(const tn_pool *pool)
{
    return pool ? pool->threads : 1;
}

static void run_alone(size_t tiles, tn_tile_fn *fn, void *context)
{
    for (size_t tile = 0; tile < tiles; tile++)
        fn(context, tile, 0);
}

static void run_together(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context)
{
    bool was_busy = atomic_exchange(&pool->busy, true);
    assert(!was_busy);
    (void)was_busy;
    pool->fn = fn;
    pool->context = context;
    pool->tiles = tiles;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->working, (uint32_t)pool->started, memory_order_relaxed);
    atomic_fetch_add(&pool->round, 1);
    wake_sleepers(pool, &pool->round);
    work(pool, 0);
    for (uint32_t working = atomic_load_explicit(&pool->working, memory_order_acquire); working != 0;
         working = atomic_load_explicit(&pool->working, memory_order_acquire))
        wait_until_changed(pool, &pool->working, working);
    atomic_store(&pool->busy, false);
}

void tn_pool_run(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context)
{
    int library_threads = omp_get_max_threads();
    if (library_threads != 1)
        omp_set_num_threads(1);
    if (!pool || pool->started == 0 || tiles <= 1)
        run_alone(tiles, fn, context);
    else
        run_together(pool, tiles, fn, context);
    if (library_threads != 1)
        omp_set_num_threads(library_threads);
}

size_t tn_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}
