/* parameter_tiles.c: see parameter_tiles.h. */
#include "parameter_tiles.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/simd.h"

enum {
    BLOCK = 4096, /* values of a pass: value, copy and difference stay in the first cache */
    TILE =
        16 *
        BLOCK, /* values of a tile: some twenty microseconds, far above what sharing it out costs, and what putting its vitals to those of others does */
    TILES_MAX = 512,        /* beyond it tiles grow: each has vitals of its own */
    SHARED_FROM = 2 * TILE, /* values of all jobs from which they are cut up: waking a thread takes as long as a tile or two */
};

struct tn_tile {
    const tn_tile_job *job;
    size_t from, count;         /* of its values */
    tn_vitals vitals, *results; /* `results` of the values: the job's own, where it has one tile, else `vitals` */
    tn_vitals changes, *changed;
};

/* ---- one tile ---- */

/* A block of float32: differences to `changes`, and the copy renewed. */
TN_SIMD_CLONES
static void subtract(float *restrict changes, float *restrict copy, const float *restrict values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = values[i];
        changes[i] = value - copy[i];
        copy[i] = value;
    }
}

/* Of a tensor of `whole` values. */
static void pass_floats(const float *values, float *copy, size_t all, size_t whole, tn_vitals *vitals, tn_vitals *changed)
{
    float changes[BLOCK];
    for (size_t at = 0; at < all; at += BLOCK) {
        size_t count = all - at < BLOCK ? all - at : BLOCK;
        subtract(changes, copy + at, values + at, count);
        tn_vitals_add_part_ahead(changed, changes, count, whole, copy + at + BLOCK);
        tn_vitals_add_part_ahead(vitals, values + at, count, whole, values + at + BLOCK);
    }
}

/* Of doubles the difference is taken before it is rounded: it may be smaller than a float can tell of the value. */
static void change_of_doubles(const char *values, const char *copy, size_t all, tn_vitals *changed)
{
    float changes[BLOCK];
    for (size_t at = 0; at < all; at += BLOCK) {
        size_t count = all - at < BLOCK ? all - at : BLOCK;
        for (size_t i = 0; i < count; i++) {
            double now, then;
            memcpy(&now, values + (at + i) * sizeof now, sizeof now);
            memcpy(&then, copy + (at + i) * sizeof then, sizeof then);
            double change = now - then;
            tn_values_cast(&changes[i], &change, TN_VALUE_FLOAT64, 1, 1);
        }
        tn_vitals_add(changed, changes, count);
    }
}

static void change_of_others(const char *values, const char *copy, tn_value_type type, size_t all, tn_vitals *changed)
{
    float now[BLOCK], then[BLOCK];
    size_t width = tn_value_size(type);
    for (size_t at = 0; at < all; at += BLOCK) {
        size_t count = all - at < BLOCK ? all - at : BLOCK;
        tn_values_cast(now, values + at * width, type, 1, count);
        tn_values_cast(then, copy + at * width, type, 1, count);
        for (size_t i = 0; i < count; i++)
            now[i] -= then[i];
        tn_vitals_add(changed, now, count);
    }
}

static bool is_plain(const tn_tensor_view *view)
{
    return view->row_major && view->strided.type == TN_VALUE_FLOAT32;
}

static void take(const tn_tile *tile)
{
    const tn_tile_job *job = tile->job;
    const tn_tensor_view *view = job->view;
    const char *values = view->strided.data;
    tn_vitals_init(tile->results);
    tn_vitals_init(tile->changed);
    if (view->strided.type == TN_VALUE_FLOAT32 && job->copy && (view->row_major || view->dense)) {
        pass_floats((const float *)view->strided.data + tile->from, (float *)job->copy + tile->from, tile->count, view->count,
                    tile->results, tile->changed);
        return;
    }
    if (is_plain(view)) {
        tn_vitals_add_part(tile->results, (const float *)view->strided.data + tile->from, tile->count, view->count);
        return;
    }
    /* All others are one tile each. */
    if (job->copy) {
        if (view->strided.type == TN_VALUE_FLOAT64)
            change_of_doubles(values, job->copy, view->count, tile->changed);
        else
            change_of_others(values, job->copy, view->strided.type, view->count, tile->changed);
        memcpy(job->copy, values, view->count * tn_value_size(view->strided.type));
    }
    tn_tensor_view_add(view, true, tile->results);
}

/* ---- all of them ---- */

static void run_tile(void *context, size_t number, size_t worker)
{
    const tn_tiles *tiles = context;
    if (number < tiles->errands) {
        if (worker > 0)
            tiles->errand(tiles->errand_for);
        return;
    }
    take(&tiles->all[number - tiles->errands]);
}

static void run_whole(const tn_tile_job *jobs, size_t count)
{
    tn_vitals nothing;
    for (size_t i = count; i-- > 0;) {
        tn_tile tile = {.job = &jobs[i], .count = jobs[i].view->count, .results = jobs[i].vitals};
        tile.changed = jobs[i].copy ? jobs[i].changes : &nothing;
        take(&tile);
    }
}

/* The second thread gets no signals: Python waits for its own in the main one. */
static void start_pool(tn_tiles *tiles)
{
    sigset_t all, before;
    tn_error error;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return;
    if (tn_pool_create(2, &tiles->pool, &error) != TN_OK)
        tiles->helped = false;
    tiles->pool_of = getpid();
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* NULL: the caller works alone. */
static tn_pool *pool_of(tn_tiles *tiles)
{
    if (tiles->pool && tiles->pool_of != getpid())
        tiles->pool = NULL; /* a fork took the pool along, but not its thread: there is nothing that could be joined */
    if (tiles->helped && !tiles->pool)
        start_pool(tiles);
    return tiles->helped ? tiles->pool : NULL;
}

static size_t tiles_of(const tn_tile_job *job, size_t size)
{
    return is_plain(job->view) && job->view->count > size ? (job->view->count + size - 1) / size : 1;
}

static bool reserve(tn_tiles *tiles, size_t count)
{
    if (count <= tiles->capacity)
        return true;
    tn_memory_destroy(tiles->all);
    tiles->all = tn_memory_create(count, sizeof *tiles->all);
    tiles->capacity = tiles->all ? count : 0;
    return tiles->all != NULL;
}

/* Tiles in the order in which they are worked on, from the end to the start. */
static void cut(tn_tiles *tiles, const tn_tile_job *jobs, size_t count, size_t size)
{
    size_t next = 0;
    for (size_t i = count; i-- > 0;) {
        size_t parts = tiles_of(&jobs[i], size), all = jobs[i].view->count;
        for (size_t part = parts; part-- > 0;) {
            tn_tile *tile = &tiles->all[next++];
            tile->job = &jobs[i];
            tile->from = part * size;
            tile->count = part + 1 < parts ? size : all - tile->from;
            tile->results = parts == 1 ? jobs[i].vitals : &tile->vitals;
            tile->changed = parts == 1 && jobs[i].copy ? jobs[i].changes : &tile->changes;
        }
    }
}

/* The parts of each job, in the order of its values. */
static void merge(const tn_tiles *tiles)
{
    for (size_t i = tiles->count; i-- > 0;) {
        const tn_tile *tile = &tiles->all[i];
        const tn_tile_job *job = tile->job;
        if (tile->results != &tile->vitals)
            continue;
        if (tile->from == 0) {
            tn_vitals_init(job->vitals);
            if (job->copy)
                tn_vitals_init(job->changes);
        }
        tn_vitals_merge(job->vitals, &tile->vitals);
        if (job->copy)
            tn_vitals_merge(job->changes, &tile->changes);
    }
}

static size_t values_of(const tn_tile_job *jobs, size_t count)
{
    size_t values = 0;
    for (size_t i = 0; i < count; i++)
        values += jobs[i].view->count;
    return values;
}

void tn_tiles_begin(tn_tiles *tiles, const tn_tile_job *jobs, size_t count)
{
    size_t values = values_of(jobs, count), number = 0;
    size_t size = TILE * (1 + values / ((size_t)TILE * TILES_MAX));
    for (size_t i = 0; i < count; i++)
        number += tiles_of(&jobs[i], size);
    tiles->jobs = jobs;
    tiles->job_count = count;
    tiles->count = values < SHARED_FROM || !reserve(tiles, number) ? 0 : number;
    if (tiles->count)
        cut(tiles, jobs, count, size);
    tn_pool *pool = tiles->count ? pool_of(tiles) : NULL;
    tiles->shared = pool != NULL;
    tiles->errands = pool && tiles->errand;
    if (pool)
        tn_pool_begin(pool, tiles->errands + number, run_tile, tiles);
}

void tn_tiles_finish(tn_tiles *tiles)
{
    if (tiles->shared && tiles->pool_of == getpid())
        tn_pool_finish(tiles->pool);
    else if (tiles->count)
        tn_pool_run(NULL, tiles->errands + tiles->count, run_tile, tiles);
    else
        run_whole(tiles->jobs, tiles->job_count);
    if (tiles->count)
        merge(tiles);
    tiles->shared = false;
}

void tn_tiles_run(tn_tiles *tiles, const tn_tile_job *jobs, size_t count)
{
    tn_tiles_begin(tiles, jobs, count);
    tn_tiles_finish(tiles);
}

bool tn_tiles_are_shared(const tn_tiles *tiles, size_t values)
{
    return tiles->helped && values >= SHARED_FROM;
}

void tn_tiles_deinit(tn_tiles *tiles)
{
    if (tiles->pool && tiles->pool_of == getpid())
        tn_pool_destroy(tiles->pool);
    tn_memory_destroy(tiles->all);
    *tiles = (tn_tiles){0};
}
