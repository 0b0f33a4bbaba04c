/* threads.h: a private pool of threads that work through tiles.
 *
 * A pool of n has n - 1 threads beside the caller's. Work is split by the caller into a fixed number of tiles, the same at any thread
 * count, so results do not depend on it. Idle threads spin for a bounded time, then sleep on a futex. Each thread, and the
 * caller while it runs tiles, keeps OpenMP at one thread, since libraries called inside a tile (oneDNN) must not start threads of their
 * own. A pool serves one caller at a time. */
#ifndef TN_BASE_THREADS_H
#define TN_BASE_THREADS_H

#include <stddef.h>

#include "base/error.h"

typedef struct tn_pool tn_pool;

/* Works on one tile. `worker` is 0 .. threads - 1, for scratch memory of its own. */
typedef void tn_tile_fn(void *context, size_t tile, size_t worker);

/* threads >= 1; a pool of 1 starts no thread and runs everything in the caller. */
tn_status tn_pool_create(size_t threads, tn_pool **pool, tn_error *error);
void tn_pool_destroy(tn_pool *pool);         /* NULL is allowed */
size_t tn_pool_threads(const tn_pool *pool); /* NULL counts as 1 */

/* Runs fn for every tile 0 .. tiles - 1 and returns when all are done. pool may be NULL: then the caller runs them all. Allocates nothing. */
void tn_pool_run(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context);

/* The same in two calls, between which the caller does something else: tiles are worked on from tn_pool_begin on, as far as the pool's threads are free, and tn_pool_finish, which must follow,
 * works on what is left and returns when all are done. fn and context must be good until then. */
void tn_pool_begin(tn_pool *pool, size_t tiles, tn_tile_fn *fn, void *context);
void tn_pool_finish(tn_pool *pool);

/* The number of processors that this process may use, at least 1. */
size_t tn_processor_count(void);

#endif
