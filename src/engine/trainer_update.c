/* trainer_update.c: passes over parameters and their gradients: the norm and the optimizer. Long blocks are cut in fixed pieces, so
 * results do not depend on the threads. */
#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/simd.h"
#include "engine/tiles.h"
#include "engine/trainer_parts.h"

/* Below this many values a pass stays on one thread. */
enum { ALONE = 4 * TN_TRAINER_PIECE };

static size_t pieces_of(size_t count)
{
    return (count + TN_TRAINER_PIECE - 1) / TN_TRAINER_PIECE;
}

static size_t piece_size(size_t count, size_t piece)
{
    size_t first = piece * TN_TRAINER_PIECE;
    return count - first < TN_TRAINER_PIECE ? count - first : TN_TRAINER_PIECE;
}

enum { LANES = 16 };

TN_SIMD_CLONES
static double sum_squares(size_t count, const tn_real *values)
{
    double lanes[LANES] = {0}, sum = 0;
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        for (size_t k = 0; k < LANES; k++)
            lanes[k] += (double)values[i + k] * (double)values[i + k];
    }
    for (; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    for (size_t k = 0; k < LANES; k++)
        sum += lanes[k];
    return sum;
}

void tn_trainer_add_squares(tn_trainer *t, size_t index, size_t offset, size_t count, const tn_real *gradients)
{
    const tn_trainer_parameter_view *view = &t->parameters[index];
    double *sums = t->squares + view->first_square + offset / view->group;
    for (size_t at = 0; at < count; at += view->group)
        *sums++ = sum_squares(count - at < view->group ? count - at : view->group, gradients + at);
}

/* The groups of one parameter, several a tile. */
typedef struct square_job {
    tn_trainer *trainer;
    size_t index, tile_reals; /* a multiple of the group */
} square_job;

static void square_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const square_job *j = context;
    const tn_trainer_parameter_view *view = &j->trainer->parameters[j->index];
    size_t first = tile * j->tile_reals, count = view->size - first < j->tile_reals ? view->size - first : j->tile_reals;
    tn_trainer_add_squares(j->trainer, j->index, first, count, j->trainer->gradients + view->offset + first);
}

void tn_trainer_square_gradients(tn_trainer *t, size_t index)
{
    const tn_trainer_parameter_view *view = &t->parameters[index];
    size_t groups = TN_TRAINER_PIECE / view->group + 1;
    square_job j = {t, index, groups * view->group};
    tn_pool_run(view->size < ALONE ? NULL : t->pool, (view->size + j.tile_reals - 1) / j.tile_reals, square_tile, &j);
}

double tn_trainer_gradient_norm(const tn_trainer *t)
{
    double sum = 0;
    for (size_t i = 0; i < t->square_count; i++)
        sum += t->squares[i];
    return sqrt(sum);
}

typedef struct job {
    tn_trainer *trainer;
    const tn_update *update;
    size_t first, count;
} job;

void tn_trainer_apply(tn_trainer *t, const tn_update *update, size_t first, size_t count, const tn_real *gradients, tn_real *changes)
{
    tn_real *slots[TN_OPTIMIZER_SLOTS_MAX] = {0};
    for (size_t i = 0; i < t->slot_count; i++)
        slots[i] = t->slots[i] + first;
    t->optimizer->update(&t->optimizer_options, update, count, t->values + first, gradients, slots, changes);
}

static void update_piece(void *context, size_t piece, size_t worker)
{
    (void)worker;
    const job *j = context;
    size_t first = j->first + piece * TN_TRAINER_PIECE;
    tn_trainer_apply(j->trainer, j->update, first, piece_size(j->count, piece), j->trainer->gradients + first, NULL);
}

void tn_trainer_update_range(tn_trainer *t, const tn_update *update, size_t first, size_t count)
{
    job j = {t, update, first, count};
    tn_pool_run(count < ALONE ? NULL : t->pool, pieces_of(count), update_piece, &j);
}

/* The values of an observed parameter are cut in tiles of equal size, at most TN_TILES_MAX of at least OBSERVED_TILE. */
enum { OBSERVED_TILE = 8 * TN_TRAINER_BLOCK };

/* ahead: what is read next. */
static void take_vitals(tn_vitals *vitals, const tn_real *values, size_t count, size_t whole, const tn_real *ahead)
{
#ifdef TN_REAL_DOUBLE
    (void)vitals, (void)values, (void)count, (void)whole, (void)ahead; /* as show() of trainer_step.c: the double build has no taps */
#else
    tn_vitals_add_part_ahead(vitals, values, count, whole, ahead);
#endif
}

/* What the optimizer keeps in `slot` for the block behind the one that begins at value `first`; `near` by, so that nothing is fetched, where it keeps nothing. */
static const tn_real *slot_ahead(const tn_trainer *t, size_t slot, size_t first, const tn_real *near)
{
    return slot < t->slot_count ? t->slots[slot] + first + TN_TRAINER_BLOCK : near;
}

/* Updates values first .. first + count - 1 of the block, at most TN_TRAINER_BLOCK, which belong to a parameter of `whole`. */
static void observe_block(tn_trainer *t, const tn_update *update, size_t first, size_t count, const tn_real *gradients, size_t whole,
                          tn_trainer_observed *found)
{
    _Alignas(TN_ALIGNMENT) tn_real changes[TN_TRAINER_BLOCK];
    tn_real *values = t->values + first;
    tn_trainer_apply(t, update, first, count, gradients, changes);
    take_vitals(&found->changes, changes, count, whole, slot_ahead(t, 0, first, changes));
    take_vitals(&found->values, values, count, whole, values + TN_TRAINER_BLOCK);
}

void tn_trainer_update_kept(tn_trainer *t, const tn_update *update, size_t index)
{
    _Alignas(TN_ALIGNMENT) tn_real changes[TN_TRAINER_BLOCK];
    const tn_trainer_parameter_view *view = &t->parameters[index];
    tn_real *gradients = t->gradients + view->offset;
    assert(view->size <= TN_TRAINER_BLOCK);
    tn_trainer_apply(t, update, view->offset, view->size, gradients, changes);
    memcpy(gradients, changes, view->size * sizeof *changes);
}

typedef struct observed_job {
    tn_trainer *trainer;
    const tn_update *update;
    size_t first, count, each;
} observed_job;

static void observe_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const observed_job *j = context;
    tn_trainer *t = j->trainer;
    tn_trainer_observed *found = &t->observed[tile];
    size_t start = tile * j->each, end = j->count - start < j->each ? j->count : start + j->each;
    tn_vitals_init(&found->changes);
    tn_vitals_init(&found->values);
    for (size_t at = start; at < end; at += TN_TRAINER_BLOCK) {
        size_t count = end - at < TN_TRAINER_BLOCK ? end - at : TN_TRAINER_BLOCK;
        observe_block(t, j->update, j->first + at, count, t->gradients + j->first + at, j->count, found);
    }
}

const tn_trainer_observed *tn_trainer_update_observed(tn_trainer *t, const tn_update *update, size_t index)
{
    const tn_trainer_parameter_view *parameter = &t->parameters[index];
    size_t tiles = parameter->size / OBSERVED_TILE < TN_TILES_MAX ? parameter->size / OBSERVED_TILE : TN_TILES_MAX;
    size_t each =
        tiles < 2 ? parameter->size : ((parameter->size + tiles - 1) / tiles + TN_TRAINER_BLOCK - 1) / TN_TRAINER_BLOCK * TN_TRAINER_BLOCK;
    observed_job j = {t, update, parameter->offset, parameter->size, each};
    tiles = (parameter->size + each - 1) / each;
    tn_pool_run(tiles < 2 ? NULL : t->pool, tiles, observe_tile, &j);
    for (size_t i = 1; i < tiles; i++) {
        tn_vitals_merge(&t->observed[0].changes, &t->observed[i].changes);
        tn_vitals_merge(&t->observed[0].values, &t->observed[i].values);
    }
    return &t->observed[0];
}

/* ---- streamed ---- */

static tn_trainer_observed *tiles_of(const tn_trainer *t, size_t index)
{
    return t->observed + t->parameters[index].index * TN_TILES_MAX;
}

void tn_trainer_begin_streamed(tn_trainer *t, size_t vertex)
{
    for (size_t k = 0; k < t->graph.vertices[vertex].node.parameter_count; k++) {
        tn_trainer_observed *tiles = tiles_of(t, t->vertices[vertex].first_parameter + k);
        for (size_t i = 0; i < TN_TILES_MAX; i++)
            tiles[i].changes.count = 0; /* what is empty is begun when its first slice comes */
    }
}

void tn_trainer_update_streamed(tn_trainer *t, const tn_update *update, size_t index, size_t tile, size_t offset, size_t count,
                                const tn_real *gradients)
{
    const tn_trainer_parameter_view *view = &t->parameters[index];
    tn_trainer_observed *found = tiles_of(t, index) + tile;
    if (found->changes.count == 0) {
        tn_vitals_init(&found->gradients);
        tn_vitals_init(&found->changes);
        tn_vitals_init(&found->values);
    }
    for (size_t at = 0; at < count; at += TN_TRAINER_BLOCK) {
        size_t block = count - at < TN_TRAINER_BLOCK ? count - at : TN_TRAINER_BLOCK;
        size_t first = view->offset + offset + at;
        take_vitals(&found->gradients, gradients + at, block, view->size, slot_ahead(t, 1, first, gradients + at));
        observe_block(t, update, first, block, gradients + at, view->size, found);
    }
}

void tn_trainer_end_streamed(tn_trainer *t, size_t vertex)
{
    for (size_t k = 0; k < t->graph.vertices[vertex].node.parameter_count; k++) {
        size_t index = t->vertices[vertex].first_parameter + k;
        if (t->parameters[index].streamed == TN_TENSOR_NONE)
            continue;
        tn_trainer_observed *all = &t->streamed[t->parameters[index].streamed];
        const tn_trainer_observed *tiles = tiles_of(t, index);
        *all = tiles[0];
        for (size_t i = 1; i < TN_TILES_MAX; i++) {
            if (tiles[i].changes.count == 0)
                continue;
            tn_vitals_merge(&all->gradients, &tiles[i].gradients);
            tn_vitals_merge(&all->changes, &tiles[i].changes);
            tn_vitals_merge(&all->values, &tiles[i].values);
        }
    }
}
