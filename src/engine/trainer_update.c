/* trainer_update.c: passes over parameters and their gradients: the norm and the optimizer. Long blocks are cut in fixed pieces, so
 * results do not depend on the threads. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
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

static void apply(tn_trainer *t, const tn_update *update, size_t first, size_t count)
{
    tn_real *slots[TN_OPTIMIZER_SLOTS_MAX] = {0};
    for (size_t i = 0; i < t->slot_count; i++)
        slots[i] = t->slots[i] + first;
    t->optimizer->update(&t->optimizer_options, update, count, t->values + first, t->gradients + first, slots);
}

static void update_piece(void *context, size_t piece, size_t worker)
{
    (void)worker;
    const job *j = context;
    apply(j->trainer, j->update, j->first + piece * TN_TRAINER_PIECE, piece_size(j->count, piece));
}

void tn_trainer_update_range(tn_trainer *t, const tn_update *update, size_t first, size_t count)
{
    job j = {t, update, first, count};
    tn_pool_run(count < ALONE ? NULL : t->pool, pieces_of(count), update_piece, &j);
}

/* Few enough for the stack, many enough for the optimizer's loops. */
enum { OBSERVED = 1024 };

static void observe_piece(void *context, size_t piece, size_t worker)
{
    (void)worker;
    const job *j = context;
    tn_trainer *t = j->trainer;
    tn_real before[OBSERVED];
    size_t start = j->first + piece * TN_TRAINER_PIECE, end = start + piece_size(j->count, piece);
    for (size_t at = start; at < end; at += OBSERVED) {
        size_t count = end - at < OBSERVED ? end - at : OBSERVED;
        memcpy(before, t->values + at, count * sizeof *before);
        apply(t, j->update, at, count);
        for (size_t i = 0; i < count; i++)
            t->gradients[at + i] = t->values[at + i] - before[i];
    }
}

void tn_trainer_update_observed(tn_trainer *t, const tn_update *update, size_t index)
{
    const tn_trainer_parameter_view *parameter = &t->parameters[index];
    job j = {t, update, parameter->offset, parameter->size};
    tn_pool_run(parameter->size < ALONE ? NULL : t->pool, pieces_of(parameter->size), observe_piece, &j);
}
