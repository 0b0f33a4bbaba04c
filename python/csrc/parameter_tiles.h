/* parameter_tiles.h: the vitals of many tensors at once, tile by tile, on the caller's thread and, where a processor is idle, on a second one.
 *
 * What is cut into tiles depends on the sizes alone, so the results are the same with and without the second thread. Nothing here needs the GIL. */
#ifndef TN_PYTHON_PARAMETER_TILES_H
#define TN_PYTHON_PARAMETER_TILES_H

#include <sys/types.h>

#include "base/threads.h"
#include "tensor_view.h"
#include "vitals/vitals.h"

/* One tensor. */
typedef struct tn_tile_job {
    const tn_tensor_view *view;
    void *copy;         /* its bytes as they were, which become what they are now; NULL: no change is asked for. The view is dense then. */
    tn_vitals *vitals;  /* of the values; initialised by the run */
    tn_vitals *changes; /* of value less copy, likewise; unused where copy is NULL */
} tn_tile_job;

typedef struct tn_tile tn_tile;

/* What else the second thread does, before all tiles, where a run is shared with it; never the caller. It needs no GIL. */
typedef void tn_errand_fn(void *context);

typedef struct tn_tiles {
    tn_pool *pool; /* NULL before it is needed */
    pid_t pool_of; /* the process that its thread belongs to */
    bool helped;   /* a second thread may be used */
    tn_tile *all;  /* [capacity] */
    size_t capacity;
    const tn_tile_job *jobs; /* [job_count], of the run that was begun */
    size_t job_count, count; /* and its tiles; 0: it is not cut up */
    bool shared;             /* the pool works on them */
    tn_errand_fn *errand;    /* NULL: none */
    void *errand_for;
    size_t errands; /* of the run that was begun: 0 or 1 */
} tn_tiles;

void tn_tiles_deinit(tn_tiles *tiles);

/* Takes the vitals of jobs [count], the last ones first: those were written last, and are still in cache. One caller at a time. */
void tn_tiles_run(tn_tiles *tiles, const tn_tile_job *jobs, size_t count);

/* The same in two calls: the second thread, where it may be used, works from the first one on; the second one does what is left, and waits for it. The jobs, and all that they point to, must be good until
 * then. In the child of a fork that came between the two all of it is done anew, and a copy may have been renewed before. */
void tn_tiles_begin(tn_tiles *tiles, const tn_tile_job *jobs, size_t count);
void tn_tiles_finish(tn_tiles *tiles);

/* Whether so many values, of all jobs, are shared with a second thread. */
bool tn_tiles_are_shared(const tn_tiles *tiles, size_t values);

#endif
