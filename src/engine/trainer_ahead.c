/* trainer_ahead.c: the next batch made by a thread of its own while a step runs, where a processor is left idle by the training.
 *
 *     step s      | take A | begin B | forward, loss, backward, update on A |
 *     step s + 1                                                            | take B | begin A | ...
 *     the thread           |------- samples of B -------|
 *
 * A batch is made of tiles of samples, by a pool of two: what the thread has not come to when the batch is taken, the step makes itself, and where the thread comes to nothing, since its processor is
 * busy, the pool stops asking it for a while (threads.c). A sample depends on its place in the order and its number in the training alone, so the bits are those of a trainer that does not work
 * ahead; and nothing of the trainer is moved on before the batch is taken, so a checkpoint holds the same.
 *
 * Behind the last batch of an epoch comes the first of the next: its order is drawn from a copy of the generator, which takes the place of the trainer's own when that epoch begins. */
#include "base/memory.h"
#include "engine/trainer_parts.h"

/* What making a batch takes, in ns a value, counted so that every machine decides alike: as measured by bench/bench_batches.c on an AMD EPYC with AVX2, of bytes in random order from 47 MB. A
 * target is one of a row of several. */
static const double GATHERED_NS = 0.35, MOVED_NS = 0.8, NOISE_NS = 6, TARGET_NS = 5;

/* Below so many ns a step makes its batch itself: to wake the thread, and to read what it wrote from the other processor's cache, takes 5 to 15 us, and of 20 us nothing was saved there. */
static const double WORTH_NS = 30000;

/* Of a batch: the thread and the step share what is left of it in such pieces. */
enum { TILES = 16 };

struct tn_trainer_ahead {
    tn_pool *pool;              /* of two */
    tn_trainer_place places[2]; /* the present batch's, and that of the one behind it */
    tn_real *inputs[2];
    size_t filling; /* which of them is made */
    bool is_begun;
    tn_trainer_wanted wanted;
    size_t count, each; /* samples of it, and of a tile */
    uint32_t *order;    /* [training samples] of the next epoch */
    bool has_order;     /* it was drawn, and `batches` is the generator behind it */
    tn_rng batches;
};

double tn_trainer_batch_work(const tn_trainer *t)
{
    const tn_dataset *set = t->data->train;
    double value = GATHERED_NS;
    if (t->augment.flips || t->augment.crop > 0)
        value += MOVED_NS;
    if (t->augment.noise > 0)
        value += NOISE_NS;
    double sample = value * (double)tn_shape_size(&t->graph.input);
    if (tn_dataset_label_kind(set) != TN_LABELS_CLASSES)
        sample += TARGET_NS * (double)tn_dataset_targets(set);
    return sample * (double)t->batch;
}

static void destroy(tn_trainer_ahead *ahead)
{
    tn_pool_destroy(ahead->pool);
    for (size_t i = 0; i < 2; i++) {
        tn_trainer_place_deinit(&ahead->places[i]);
        tn_memory_destroy(ahead->inputs[i]);
    }
    tn_memory_destroy(ahead->order);
    tn_memory_destroy(ahead);
}

static bool allocate(const tn_trainer *t, tn_trainer_ahead *ahead)
{
    bool placed = true;
    for (size_t i = 0; i < 2; i++) {
        ahead->inputs[i] = tn_memory_create(t->plan.batch * tn_shape_size(&t->graph.input), sizeof *ahead->inputs[i]);
        ahead->places[i].inputs = ahead->inputs[i];
        placed = tn_trainer_place_init(t, &ahead->places[i]) && ahead->inputs[i] && placed;
    }
    ahead->order = tn_memory_create(tn_dataset_samples(t->data->train), sizeof *ahead->order);
    return placed && ahead->order;
}

tn_status tn_trainer_work_ahead(tn_trainer *t, tn_error *error)
{
    return tn_trainer_batch_work(t) < WORTH_NS ? TN_OK : tn_trainer_start_ahead(t, error);
}

tn_status tn_trainer_start_ahead(tn_trainer *t, tn_error *error)
{
    if (t->ahead || sizeof(tn_real) != sizeof(float))
        return TN_OK;
    tn_trainer_ahead *ahead = tn_memory_create(1, sizeof *ahead);
    if (!ahead)
        return tn_fail_memory(error, sizeof *ahead);
    if (!allocate(t, ahead)) {
        destroy(ahead);
        return tn_fail_memory(error, 2 * t->plan.batch * tn_shape_size(&t->graph.input) * sizeof(tn_real));
    }
    tn_status status = tn_pool_create(2, &ahead->pool, error);
    if (status != TN_OK) {
        destroy(ahead);
        return status == TN_ERROR_MEMORY ? status : TN_OK; /* without a thread the steps make their batches */
    }
    t->ahead = ahead;
    tn_trainer_move_to(t, &ahead->places[1]);
    return TN_OK;
}

bool tn_trainer_works_ahead(const tn_trainer *t)
{
    return t->ahead != NULL;
}

static void make_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const tn_trainer *t = context;
    const tn_trainer_ahead *ahead = t->ahead;
    const tn_trainer_place *to = &ahead->places[ahead->filling];
    size_t first = tile * ahead->each, count = ahead->count - first < ahead->each ? ahead->count - first : ahead->each;
    tn_trainer_load_inputs(t, &ahead->wanted, first, count, NULL, to);
    tn_trainer_load_labels(t, &ahead->wanted, first, count, to);
}

void tn_trainer_begin_ahead(tn_trainer *t, size_t count)
{
    tn_trainer_ahead *ahead = t->ahead;
    if (!ahead || t->step + 1 >= t->steps_total)
        return;
    size_t position = t->position + count;
    const uint32_t *order = t->order;
    if (position == t->epoch_samples) {
        position = 0;
        order = ahead->order;
        ahead->batches = t->batches;
        tn_trainer_draw_order_by(t, &ahead->batches, ahead->order);
        ahead->has_order = true;
    }
    ahead->count = t->epoch_samples - position < t->batch ? t->epoch_samples - position : t->batch;
    ahead->wanted = tn_trainer_want(t, tn_trainer_net_of_batch(t, order + position, ahead->count), t->data->train, order + position);
    ahead->wanted.training = true;
    ahead->wanted.number = t->samples + count;
    ahead->each = (ahead->count + TILES - 1) / TILES;
    ahead->is_begun = true;
    tn_pool_begin(ahead->pool, (ahead->count + ahead->each - 1) / ahead->each, make_tile, t);
}

static bool finish(tn_trainer_ahead *ahead)
{
    if (!ahead || !ahead->is_begun)
        return false;
    tn_pool_finish(ahead->pool);
    ahead->is_begun = false;
    return true;
}

bool tn_trainer_take_ahead(tn_trainer *t)
{
    if (!finish(t->ahead))
        return false;
    tn_trainer_move_to(t, &t->ahead->places[t->ahead->filling]);
    t->ahead->filling = 1 - t->ahead->filling;
    return true;
}

bool tn_trainer_take_order(tn_trainer *t)
{
    tn_trainer_ahead *ahead = t->ahead;
    if (!ahead || !ahead->has_order)
        return false;
    uint32_t *order = t->order;
    t->order = ahead->order;
    ahead->order = order;
    ahead->has_order = false;
    t->epoch_batches = t->batches;
    t->batches = ahead->batches;
    return true;
}

void tn_trainer_drop_ahead(tn_trainer *t)
{
    (void)finish(t->ahead);
    if (t->ahead)
        t->ahead->has_order = false;
}

void tn_trainer_ahead_destroy(tn_trainer *t)
{
    if (!t->ahead)
        return;
    tn_trainer_drop_ahead(t);
    destroy(t->ahead);
    t->ahead = NULL;
}
