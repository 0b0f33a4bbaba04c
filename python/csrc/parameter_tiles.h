/* parameter_tiles.h: the vitals of many tensors at once, tile by tile, on the caller's thread and, where a processor is idle, on a second one.
 *
 * What is cut into tiles depends on the sizes alone, so the results are the same with and without the second thread. Nothing here needs the GIL. */
#ifndef TN_PYTHON_PARAMETER_TILES_H
#define TN_PYTHON_PARAMETER_TILES_H

#include <sys/types.h>

#include "base/threads.h"
#include "tensor_view.h"

/* One tensor. */
typedef struct tn_tile_job {
    const tn_tensor_view *view;
    void *copy;         /* its bytes as they were, which become what they are now; NULL: no change is asked for. The view is dense then. */
    tn_vitals *vitals;  /* of the values; initialised by the run */
    tn_vitals *changes; /* of value less copy, likewise; unused where copy is NULL */
} tn_tile_job;

typedef struct tn_tile tn_tile;

typedef struct tn_tiles {
    tn_pool *pool; /* NULL before it is needed */
    pid_t pool_of; /* the process that its thread belongs to */
    bool helped;   /* a second thread may be used */
    tn_tile *all;  /* [capacity] */
    size_t capacity;
} tn_tiles;

void tn_tiles_deinit(tn_tiles *tiles);

/* Takes the vitals of jobs [count], the last ones first: those were written last, and are still in cache. One caller at a time. */
void tn_tiles_run(tn_tiles *tiles, const tn_tile_job *jobs, size_t count);

#endif
