/* threads.c: the private pool, see threads.h.
 *
 * `round` is raised when work begins and again when it ends: odd while a round is open. The caller publishes fn, context and tiles, then
 * opens the round; a thread that sees it open enters, takes tiles from the shared counter `next` until none is left, and leaves. The
 * caller works too, at once or after something else; when no tile is left it closes the round and waits for those inside. A thread that
 * comes late, because it slept or another process had its processor, finds the round closed: nobody waits for it.
 *
 * Entering is: raise `inside`, then look at `round` again. Closing is: raise `round`, then look at `inside`. Both are sequentially
 * consistent, so either the thread sees that it is too late or the caller sees that it has to wait. A thread that waits spins for SPIN_NS,
 * then sleeps on the futex of the number it waits for; one that shares the caller's processor sleeps at once, since its spinning would
 * only keep the caller from working.
 *
 * On a busy machine a second thread may cost more than it gives: it does not get to run, or another process takes its processor in the
 * middle of a tile. So the caller keeps an account: after rounds in which nobody helped, or in which it had to wait for long, it works
 * alone for some rounds before it tries again. Who works on a tile never changes a result. */
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

/* The account. A thread is late where the caller waits for it twice as long as it worked itself, and LATE_NS more: longer than for any
 * tile that was rightly cut. It has lost its processor. */
enum { LATE_NS = 200000, USELESS_ROUNDS = 4, ALONE_LEAST = 16, ALONE_MOST = 1024 };

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
    bool open;        /* the round that was begun: whether threads may work on it */
    atomic_bool busy; /* serves a caller; a tile that runs its own pool would wait for itself */
    _Alignas(TN_ALIGNMENT) _Atomic uint32_t round;
    _Alignas(TN_ALIGNMENT) _Atomic size_t next;
    _Alignas(TN_ALIGNMENT) _Atomic uint32_t inside;
    _Atomic uint32_t entered;  /* threads that worked in this round */
    _Atomic int caller_cpu;    /* where the caller opened it */
    _Atomic uint32_t sleeping; /* threads on a futex, so that a wake without sleepers costs no system call */
    atomic_bool ending;
    uint32_t useless; /* the caller's account: rounds in a row without help */
    uint32_t alone;   /* rounds that it still works alone */
    uint32_t penalty; /* how many the next time */
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

/* Returns once *word is no longer `old`. A thread counts itself as sleeping before its last look at the word, and a waker changes the word
 * before it looks at the count; both are sequentially consistent, so no wake is lost. */
static void wait_until_changed(tn_pool *pool, _Atomic uint32_t *word, uint32_t old, uint64_t spin_ns)
{
    uint64_t start = tn_clock_ns();
    do {
        for (int i = 0; i < SPINS_PER_CLOCK; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != old)
                return;
            relax();
        }
    } while (tn_clock_ns() - start < spin_ns);
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

static void leave(tn_pool *pool)
{
    if (atomic_fetch_sub(&pool->inside, 1) == 1)
        wake_sleepers(pool, &pool->inside);
}

static void *worker_main(void *argument)
{
    worker *self = argument;
    tn_pool *pool = self->pool;
    omp_set_num_threads(1);
    uint32_t seen = 0;
    for (;;) {
        bool in_the_way = sched_getcpu() == atomic_load_explicit(&pool->caller_cpu, memory_order_relaxed);
        wait_until_changed(pool, &pool->round, seen, in_the_way ? 0 : SPIN_NS);
        /* The round first: who sees the last one, which ends the pool, must see that it ends. */
        seen = atomic_load(&pool->round);
        if (atomic_load(&pool->ending))
            return NULL;
        if (seen % 2 == 0)
            continue;
        atomic_fetch_add(&pool->inside, 1);
        if (atomic_load(&pool->round) == seen) {
            atomic_fetch_add_explicit(&pool->entered, 1, memory_order_relaxed);
            work(pool, self->number);
        }
        leave(pool);
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
    pool->penalty = ALONE_LEAST;
    atomic_store(&pool->caller_cpu, -1);
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

/* Waits for those inside the closed round, which the caller worked in since `joined`. false where one was late. */
static bool wait_for_those_inside(tn_pool *pool, uint64_t joined)
{
    uint32_t inside = atomic_load(&pool->inside);
    if (inside == 0)
        return true;
    uint64_t closed = tn_clock_ns();
    for (; inside != 0; inside = atomic_load(&pool->inside))
        wait_until_changed(pool, &pool->inside, inside, SPIN_NS);
    return tn_clock_ns() - closed < 2 * (closed - joined) + LATE_NS;
}

static void keep_account(tn_pool *pool, bool helped, bool in_time)
{
    if (helped && in_time) {
        pool->useless = 0;
        pool->penalty -= (pool->penalty - ALONE_LEAST) / 8;
        return;
    }
    if (in_time && ++pool->useless < USELESS_ROUNDS)
        return;
    pool->useless = 0;
    pool->alone = pool->penalty;
    pool->penalty = pool->penalty < ALONE_MOST / 2 ? 2 * pool->penalty : ALONE_MOST;
}

static void open_round(tn_pool *pool)
{
    atomic_store_explicit(&pool->entered, 0, memory_order_relaxed);
    atomic_store_explicit(&pool->caller_cpu, sched_getcpu(), memory_order_relaxed);
    atomic_fetch_add(&pool->round, 1);
    wake_sleepers(pool, &pool->round);
}

static void close_round(tn_pool *pool, uint64_t joined)
{
    atomic_fetch_add(&pool->round, 1);
    bool in_time = wait_for_those_inside(pool, joined);
    keep_account(pool, atomic_load_explicit(&pool->entered, memory_order_relaxed) > 0, in_time);
}

/* Keeps OpenMP at one thread; the number of threads that it had. */
static int hold_library(void)
{
    int threads = omp_get_max_threads();
    if (threads != 1)
        omp_set_num_threads(1);
    return threads;
}

static void release_library(int threads)
{
    if (threads != 1)
        omp_set_num_threads(threads);
}

/* Whether the coming round is the caller's alone. */
static bool goes_alone(tn_pool *pool, size_t tiles)
{
    if (pool->started == 0 || tiles <= 1)
        return true;
    if (pool->alone == 0)
        return false;
    pool->alone--;
    return true;
}

void tn_pool_begin(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context)
{
    bool was_busy = atomic_exchange(&pool->busy, true);
    assert(!was_busy);
    (void)was_busy;
    pool->fn = fn;
    pool->context = context;
    pool->tiles = tiles;
    atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
    pool->open = !goes_alone(pool, tiles);
    if (pool->open)
        open_round(pool);
}

void tn_pool_finish(tn_pool *pool)
{
    int library_threads = hold_library();
    uint64_t joined = pool->open ? tn_clock_ns() : 0;
    work(pool, 0);
    if (pool->open)
        close_round(pool, joined);
    atomic_store(&pool->busy, false);
    release_library(library_threads);
}

static void run_alone(size_t tiles, tn_tile_fn *fn, void *context)
{
    int library_threads = hold_library();
    for (size_t tile = 0; tile < tiles; tile++)
        fn(context, tile, 0);
    release_library(library_threads);
}

void tn_pool_run(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context)
{
    if (!pool || pool->started == 0 || tiles <= 1) {
        run_alone(tiles, fn, context);
        return;
    }
    tn_pool_begin(pool, tiles, fn, context);
    tn_pool_finish(pool);
}

size_t tn_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (size_t)CPU_COUNT(&set);
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (size_t)online : 1;
}
