/* recorder_queue.c: see recorder_queue.h.
 *
 *     ring:  |....done....|==published==|--written--|....room....|
 *                       taken       published      head
 *
 * Positions count bytes since the start. A record lies in one piece; where it would not fit before the ring's end, one of kind PAD fills that. A histogram is a few buckets among many that are 0,
 * so only the lines of LINE buckets that hold something are copied. Where the thread keeps up the ring begins anew before its
 * end, so that most of it is never touched. `taken` and `published` are shared, under the lock; so is what lies between them. */
#include "run/recorder_queue.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "base/simd.h"
#include "run/recorder_taker.h"

enum {
    RING_LEAST = 16384 * 1024,  /* bytes: some hundred steps of a small network, while the store commits and moves its log into the file */
    PUBLISH_BYTES = 128 * 1024, /* the thread is woken for so much at least: waking costs as much as several tensors */
    ANEW_FROM = 2048 * 1024, /* where the ring begins anew, if the thread has kept up; so much room there is then until it has done more */
    ALIGNMENT = 64
};

/* Nanoseconds, or once so much time has passed since. */
#define PUBLISH_NS UINT64_C(20000000)

enum { LINE = 8, LINES = 2 * TN_VITALS_EXPONENTS / LINE };
_Static_assert(LINES == 64, "a bit of a uint64_t each");

enum { FIGURES = offsetof(tn_vitals, histogram) };
_Static_assert(sizeof(tn_vitals) == FIGURES + LINES * LINE * sizeof(uint64_t), "the histogram comes last");

/* Values of a tensor below which they are copied and not taken: most of what it costs to take so few is the same for any number. */
enum { COPIED_BELOW = 1024 };

typedef enum record_kind { PAD, TENSOR, VALUES, STEP } record_kind;

typedef struct record {
    record_kind kind;
    size_t size; /* of all of it, a multiple of ALIGNMENT */
} record;

typedef struct step_record {
    record head;
    tn_step step;
} step_record;

/* Then units [units.units], then the lines of the histogram. */
typedef struct tensor_record {
    record head;
    tn_tensor_seen seen; /* its pointers are set anew when it is read */
    tn_tensor_name name;
    tn_unit_vitals units;
    uint64_t lines; /* bit i: line i follows */
    _Alignas(16) unsigned char figures[FIGURES];
} tensor_record;

/* Then values [name.count]. */
typedef struct values_record {
    record head;
    tn_tensor_seen seen;
    tn_tensor_name name;
    bool with_units;
} values_record;

struct tn_recorder_queue {
    tn_recorder_back *back;
    unsigned char *ring;
    size_t capacity; /* a multiple of ALIGNMENT */
    pthread_t thread;

    /* of the caller */
    uint64_t head, shown,
        room_until; /* shown: as published; room_until: nothing that is not done lies before it, one turn of the ring on */
    uint64_t shown_ns;
    bool kept_up; /* all that was shown before had been done when the last was */

    /* of the thread */
    tn_vitals vitals;
    uint64_t lines; /* of vitals.histogram that hold something */
    tn_taker taker;

    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint64_t published, taken;
    bool is_idle, is_awaited, closing; /* the thread sleeps; the caller does */
};

/* ---- the thread ---- */

static void read_tensor(tn_recorder_queue *queue, tensor_record *read)
{
    unsigned char *at = (unsigned char *)(read + 1);
    tn_vitals *vitals = &queue->vitals;
    uint64_t *histogram = &vitals->histogram[0][0];
    memcpy(vitals, read->figures, FIGURES);
    read->seen.name = &read->name;
    read->seen.vitals = vitals;
    if (read->seen.units) {
        read->units.unit = (tn_unit *)(void *)at;
        read->seen.units = &read->units;
        at += read->units.units * sizeof(tn_unit);
    }
    for (uint64_t left = queue->lines & ~read->lines; left; left &= left - 1)
        memset(histogram + LINE * __builtin_ctzll(left), 0, LINE * sizeof *histogram);
    for (uint64_t left = read->lines; left; left &= left - 1, at += LINE * sizeof *histogram)
        memcpy(histogram + LINE * __builtin_ctzll(left), at, LINE * sizeof *histogram);
    queue->lines = read->lines;
    tn_back_tensor(queue->back, &read->seen);
}

static void read_values(tn_recorder_queue *queue, values_record *read)
{
    const float *values = (const float *)(const void *)(read + 1);
    read->seen.name = &read->name;
    tn_taker_take(&queue->taker, values, NULL, read->with_units, &read->seen);
    tn_back_tensor(queue->back, &read->seen);
}

static size_t read_record(tn_recorder_queue *queue, record *read)
{
    if (read->kind == TENSOR)
        read_tensor(queue, (tensor_record *)(void *)read);
    else if (read->kind == VALUES)
        read_values(queue, (values_record *)(void *)read);
    else if (read->kind == STEP)
        (void)tn_back_step(queue->back, &((step_record *)(void *)read)->step);
    return read->size;
}

/* Under the lock: gives room back. */
static void note_taken(tn_recorder_queue *queue, uint64_t taken)
{
    queue->taken = taken;
    if (queue->is_awaited)
        pthread_cond_signal(&queue->done);
}

static void work_off(tn_recorder_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    for (;;) {
        while (queue->published == queue->taken && !queue->closing) {
            queue->is_idle = true;
            pthread_cond_wait(&queue->work, &queue->lock);
        }
        uint64_t at = queue->taken, end = queue->published;
        if (at == end)
            break;
        pthread_mutex_unlock(&queue->lock);
        for (uint64_t start = at; at < end && at - start < PUBLISH_BYTES;)
            at += read_record(queue, (record *)(void *)(queue->ring + at % queue->capacity));
        pthread_mutex_lock(&queue->lock);
        note_taken(queue, at);
    }
    pthread_mutex_unlock(&queue->lock);
}

/* Signals stay with the program's own threads. */
static void *run(void *context)
{
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    work_off(context);
    return NULL;
}

/* ---- the caller ---- */

static size_t rounded(size_t size)
{
    return (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static size_t tensor_size(size_t units)
{
    return rounded(sizeof(tensor_record) + units * sizeof(tn_unit) + sizeof(uint64_t) * LINE * LINES);
}

static void publish(tn_recorder_queue *queue)
{
    queue->shown = queue->head;
    queue->shown_ns = tn_clock_ns();
    pthread_mutex_lock(&queue->lock);
    queue->kept_up = queue->taken == queue->published;
    queue->room_until = queue->taken + queue->capacity;
    queue->published = queue->head;
    bool wakes = queue->is_idle;
    queue->is_idle = false;
    pthread_mutex_unlock(&queue->lock);
    if (wakes)
        pthread_cond_signal(&queue->work);
}

/* Until all before `taken` is done. */
static void wait_until(tn_recorder_queue *queue, uint64_t taken)
{
    publish(queue);
    pthread_mutex_lock(&queue->lock);
    queue->is_awaited = true;
    while (queue->taken < taken)
        pthread_cond_wait(&queue->done, &queue->lock);
    queue->is_awaited = false;
    queue->room_until = queue->taken + queue->capacity;
    pthread_mutex_unlock(&queue->lock);
}

/* Room for a record of at most `size` in one piece. */
static void *begin_record(tn_recorder_queue *queue, record_kind kind, size_t size)
{
    size_t at = (size_t)(queue->head % queue->capacity), left = queue->capacity - at, pad = left < size ? left : 0;
    if (queue->kept_up && at >= ANEW_FROM && queue->head + left + size <= queue->room_until)
        pad = left;
    queue->kept_up = false;
    if (queue->head + pad + size > queue->room_until)
        wait_until(queue, queue->head + pad + size - queue->capacity);
    if (pad) {
        *(record *)(void *)(queue->ring + at) = (record){PAD, pad};
        queue->head += pad;
        at = 0;
    }
    record *begun = (void *)(queue->ring + at);
    *begun = (record){kind, size};
    return begun;
}

static void end_record(tn_recorder_queue *queue, record *ended, size_t size)
{
    ended->size = rounded(size);
    queue->head += ended->size;
}

/* Lines that are looked at at once: most hold nothing. */
enum { MANY = 8 };

/* Lines of one sign in which values of these extremes can be counted. */
static size_t lines_below(float min, float max)
{
    float magnitude = -min > max ? -min : max;
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    return (bits >> 23 & 255) / LINE + 1;
}

/* Copies the lines of the histogram that hold something to `to`, and says which. used: of each sign so many may. */
TN_SIMD_CLONES
static uint64_t copy_lines(const uint64_t *restrict histogram, size_t used, uint64_t *restrict to)
{
    uint64_t lines = 0;
    for (size_t first = 0; first < LINES; first += MANY) {
        if (first % (LINES / 2) >= used)
            continue;
        const uint64_t *group = histogram + first * LINE;
        uint64_t any[LINE] = {0};
        for (size_t i = 0; i < MANY * LINE; i += LINE)
            for (size_t k = 0; k < LINE; k++)
                any[k] |= group[i + k];
        if ((any[0] | any[1] | any[2] | any[3] | any[4] | any[5] | any[6] | any[7]) == 0)
            continue;
        for (size_t i = 0; i < MANY; i++, group += LINE) {
            if ((group[0] | group[1] | group[2] | group[3] | group[4] | group[5] | group[6] | group[7]) == 0)
                continue;
            lines |= UINT64_C(1) << (first + i);
            for (size_t k = 0; k < LINE; k++)
                to[k] = group[k];
            to += LINE;
        }
    }
    return lines;
}

void tn_queue_tensor(tn_recorder_queue *queue, const tn_tensor_seen *seen)
{
    size_t units = seen->units ? seen->units->units : 0;
    tensor_record *made = begin_record(queue, TENSOR, tensor_size(units));
    unsigned char *at = (unsigned char *)(made + 1);
    made->seen = *seen;
    made->seen.batch.rows = NULL;
    made->name = *seen->name;
    memcpy(made->figures, seen->vitals, FIGURES);
    if (seen->units) {
        made->units = *seen->units;
        memcpy(at, seen->units->unit, units * sizeof *seen->units->unit);
        at += units * sizeof *seen->units->unit;
    }
    made->lines = copy_lines(&seen->vitals->histogram[0][0], lines_below(seen->vitals->min, seen->vitals->max), (uint64_t *)(void *)at);
    at += (size_t)__builtin_popcountll(made->lines) * LINE * sizeof(uint64_t);
    end_record(queue, &made->head, (size_t)(at - (unsigned char *)made));
}

/* Copies values and says whether all of them are finite. */
TN_SIMD_CLONES
static bool copy_finite(size_t count, const float *restrict values, float *restrict to)
{
    uint32_t largest = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        bits &= 0x7FFFFFFFU;
        largest = bits > largest ? bits : largest;
        to[i] = values[i];
    }
    return largest < 0x7F800000U;
}

bool tn_queue_values(tn_recorder_queue *queue, const tn_tensor_seen *seen, const tn_tensor_shown *shown, bool with_units)
{
    size_t count = seen->name->count, size = sizeof(values_record) + count * sizeof *shown->values;
    if (shown->vitals || count >= COPIED_BELOW)
        return false;
    values_record *made = begin_record(queue, VALUES, rounded(size));
    made->seen = *seen;
    made->seen.batch.rows = NULL;
    made->name = *seen->name;
    made->with_units = with_units;
    /* Who looks for what is not finite wants the rows of the batch. */
    if (!copy_finite(count, shown->values, (float *)(void *)(made + 1)) && seen->batch.rows)
        return false;
    end_record(queue, &made->head, size);
    return true;
}

void tn_queue_step(tn_recorder_queue *queue, const tn_step *step)
{
    step_record *made = begin_record(queue, STEP, rounded(sizeof *made));
    made->step = *step;
    end_record(queue, &made->head, sizeof *made);
    if (queue->head - queue->shown >= PUBLISH_BYTES || tn_clock_ns() - queue->shown_ns >= PUBLISH_NS)
        publish(queue);
}

void tn_queue_drain(tn_recorder_queue *queue)
{
    wait_until(queue, queue->head);
}

/* ---- life ---- */

static void deinit_locks(tn_recorder_queue *queue)
{
    pthread_cond_destroy(&queue->done);
    pthread_cond_destroy(&queue->work);
    pthread_mutex_destroy(&queue->lock);
}

static void release(tn_recorder_queue *queue)
{
    tn_taker_deinit(&queue->taker);
    tn_memory_destroy(queue->ring);
    tn_memory_destroy(queue);
}

/* Fails no more than memory does: these have no attributes. */
static void init_locks(tn_recorder_queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->work, NULL);
    pthread_cond_init(&queue->done, NULL);
}

tn_status tn_queue_create(tn_recorder_back *back, size_t units_max, tn_recorder_queue **queue, tn_error *error)
{
    *queue = NULL;
    /* The largest record and its pad fit beside another one. */
    _Static_assert(RING_LEAST >= 4 * (sizeof(values_record) + COPIED_BELOW * sizeof(float) + ALIGNMENT), "copied values fit as well");
    size_t most = 4 * tensor_size(units_max), capacity = most > RING_LEAST ? most : RING_LEAST;
    tn_recorder_queue *created = tn_memory_create(1, sizeof *created);
    if (created)
        created->ring = tn_memory_create(capacity, 1);
    if (!created || !created->ring) {
        if (created)
            release(created);
        return tn_fail_memory(error, capacity);
    }
    tn_status status = tn_taker_init(&created->taker, units_max, NULL, error);
    if (status != TN_OK) {
        release(created);
        return status;
    }
    created->back = back;
    created->capacity = created->room_until = capacity;
    created->shown_ns = tn_clock_ns();
    init_locks(created);
    if (pthread_create(&created->thread, NULL, run, created) != 0) {
        deinit_locks(created);
        release(created);
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "no thread could be started for what a training records");
    }
    *queue = created;
    return TN_OK;
}

void tn_queue_destroy(tn_recorder_queue *queue)
{
    if (!queue)
        return;
    tn_queue_drain(queue);
    pthread_mutex_lock(&queue->lock);
    queue->closing = true;
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_signal(&queue->work);
    pthread_join(queue->thread, NULL);
    deinit_locks(queue);
    release(queue);
}
