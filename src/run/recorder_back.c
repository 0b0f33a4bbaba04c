/* recorder_back.c: see recorder_back.h. Scalars are gathered in columns that are allocated once, and handed to the store as chunks. */
#include "run/recorder_back.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/recorder_notes.h"

enum { CHUNK = 2048 /* values; the columns of a recorder take 260 KiB */ };

/* Nanoseconds. With the store's own gathering it stays under the second that a killed process may lose. */
#define HAND_OVER_NS UINT64_C(250000000)

enum { LOSS, LEARNING_RATE, GRADIENT_NORM, WALL_NS, TRAIN_SCORE, VALID_SCORE, TRAIN_LOSS, VALID_LOSS, COLUMNS };

static const char *const COLUMN_NAMES[COLUMNS] = {"loss",        "learning_rate", "gradient_norm", "wall_ns",
                                                  "score.train", "score.valid",   "loss.train",    "loss.valid"};

/* What is gathered of one series. */
typedef struct tn_column {
    size_t count;
    uint64_t steps[CHUNK];
    double values[CHUNK];
} tn_column;

/* Packed vitals of tensors that were seen since the last hand-over: of many small steps at once, since each costs an allocation, two copies and a lock. */
enum { ROWS = 256, ROWS_BYTES = 32768, ROW_MOST = TN_VITALS_PACKED_MAX + TN_TENSOR_KEY_BYTES };

typedef struct tn_rows {
    size_t count, used;
    tn_store_blob_row rows[ROWS];
    unsigned char bytes[ROWS_BYTES]; /* of each row its name, then its vitals */
} tn_rows;

typedef struct tn_chunks {
    tn_column columns[COLUMNS];
    tn_rows gathered;
    tn_recorder_notes notes;
} tn_chunks;

struct tn_recorder_back {
    const tn_recorder_config *config;
    tn_hearers hearers;
    tn_chunks *chunks; /* NULL without a store, or once writing has failed */
    int64_t trial;
    uint64_t handed_ns;
    uint64_t bytes, step_bytes; /* of vitals for the store: since the last step ended, and with that step */
    tn_error failure;
};

/* Of a row of the store beside the vitals. */
enum { ROW_BYTES = 32 };

/* ---- observers ---- */

static bool is_meant(const tn_observer *observer, tn_hearers hearers)
{
    return hearers == TN_HEARERS_ALL || observer->may_lag == (hearers == TN_HEARERS_LAGGING);
}

void tn_observers_tensor(const tn_recorder_config *config, tn_hearers hearers, const tn_tensor_seen *seen)
{
    for (size_t i = 0; i < config->observer_count; i++) {
        const tn_observer *observer = &config->observers[i];
        if (observer->on_tensor && is_meant(observer, hearers))
            observer->on_tensor(observer->context, seen);
    }
}

bool tn_observers_step(const tn_recorder_config *config, tn_hearers hearers, const tn_step *step)
{
    bool going_on = true;
    for (size_t i = 0; i < config->observer_count; i++) {
        const tn_observer *observer = &config->observers[i];
        if (observer->on_step && is_meant(observer, hearers) && !observer->on_step(observer->context, step))
            going_on = false; /* the others hear of this step all the same */
    }
    return going_on;
}

/* ---- beginning ---- */

/* The store has told its failure; from here on the trial runs without it. */
static void stop_writing(tn_recorder_back *back)
{
    tn_memory_destroy(back->chunks);
    back->chunks = NULL;
}

void tn_back_destroy(tn_recorder_back *back)
{
    if (back)
        stop_writing(back);
    tn_memory_destroy(back);
}

tn_status tn_back_create(const tn_recorder_config *config, tn_recorder_back **back, tn_error *error)
{
    *back = NULL;
    tn_recorder_back *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    created->config = config;
    created->chunks = config->store ? tn_memory_create(1, sizeof *created->chunks) : NULL;
    if (config->store && !created->chunks) {
        tn_back_destroy(created);
        return tn_fail_memory(error, sizeof *created->chunks);
    }
    if (config->store) {
        created->handed_ns = tn_clock_ns();
        if (tn_store_trial_begin(config->store, &config->trial, &created->trial, &created->failure) != TN_OK)
            stop_writing(created);
    }
    *back = created;
    return TN_OK;
}

void tn_back_tell_only(tn_recorder_back *back, tn_hearers hearers)
{
    back->hearers = hearers;
}

/* ---- the store ---- */

static void note_signals(tn_recorder_back *back, bool last)
{
    const tn_recorder_config *config = back->config;
    if (back->chunks && tn_notes_signals(&back->chunks->notes, config->store, back->trial, config->observers, config->observer_count, last,
                                         &back->failure) != TN_OK)
        stop_writing(back);
}

static void hand_rows_over(tn_recorder_back *back)
{
    if (!back->chunks)
        return;
    tn_rows *gathered = &back->chunks->gathered;
    tn_status status = tn_store_blobs(back->config->store, back->trial, gathered->count, gathered->rows, &back->failure);
    gathered->count = gathered->used = 0;
    if (status != TN_OK)
        stop_writing(back);
}

static void gather_row(tn_recorder_back *back, const tn_tensor_seen *seen)
{
    if (!back->chunks)
        return;
    tn_rows *gathered = &back->chunks->gathered;
    unsigned char *key = gathered->bytes + gathered->used;
    size_t length = strlen(tn_tensor_key((char *)key, seen->name)) + 1;
    size_t size = tn_vitals_pack(seen->vitals, key + length, TN_VITALS_PACKED_MAX);
    gathered->rows[gathered->count++] = (tn_store_blob_row){(const char *)key, seen->step, key + length, size};
    gathered->used += length + size;
    back->bytes += size + ROW_BYTES;
    if (gathered->count == ROWS || gathered->used > ROWS_BYTES - ROW_MOST)
        hand_rows_over(back);
}

void tn_back_flush(tn_recorder_back *back)
{
    hand_rows_over(back);
    for (size_t i = 0; i < COLUMNS && back->chunks; i++) {
        tn_column *column = &back->chunks->columns[i];
        size_t count = column->count;
        column->count = 0;
        if (tn_store_series(back->config->store, back->trial, COLUMN_NAMES[i], count, column->steps, column->values, &back->failure) !=
            TN_OK)
            stop_writing(back);
    }
    note_signals(back, false);
    back->handed_ns = tn_clock_ns();
}

static void gather(tn_recorder_back *back, size_t series, uint64_t step, double value)
{
    if (!back->chunks)
        return;
    tn_column *column = &back->chunks->columns[series];
    column->steps[column->count] = step;
    column->values[column->count++] = value;
    if (column->count == CHUNK)
        tn_back_flush(back);
}

/* NaN means here that nobody computed the value. */
static void gather_known(tn_recorder_back *back, size_t series, uint64_t step, double value)
{
    if (!isnan(value))
        gather(back, series, step, value);
}

/* ---- what happens ---- */

void tn_back_tensor(tn_recorder_back *back, const tn_tensor_seen *seen)
{
    tn_observers_tensor(back->config, back->hearers, seen);
    if (back->chunks && tn_notes_tensor(&back->chunks->notes, back->config->store, back->trial, seen, &back->failure) != TN_OK)
        stop_writing(back);
    gather_row(back, seen);
}

bool tn_back_step(tn_recorder_back *back, const tn_step *step)
{
    gather(back, LOSS, step->step, step->loss);
    gather(back, LEARNING_RATE, step->step, step->learning_rate);
    gather_known(back, GRADIENT_NORM, step->step, step->gradient_norm);
    if (step->wall_ns)
        gather(back, WALL_NS, step->step, (double)step->wall_ns);
    if (back->chunks && tn_clock_ns() - back->handed_ns >= HAND_OVER_NS)
        tn_back_flush(back);
    back->step_bytes = back->bytes;
    back->bytes = 0;
    return tn_observers_step(back->config, back->hearers, step);
}

uint64_t tn_back_step_bytes(const tn_recorder_back *back)
{
    return back->step_bytes;
}

void tn_back_score(tn_recorder_back *back, const tn_score_point *point)
{
    gather_known(back, TRAIN_SCORE, point->step, point->train_score);
    gather_known(back, VALID_SCORE, point->step, point->valid_score);
    gather_known(back, TRAIN_LOSS, point->step, point->train_loss);
    gather_known(back, VALID_LOSS, point->step, point->valid_loss);
    for (size_t i = 0; i < back->config->observer_count; i++) {
        const tn_observer *observer = &back->config->observers[i];
        if (observer->on_score)
            observer->on_score(observer->context, point);
    }
}

void tn_back_data(tn_recorder_back *back, const tn_data_summary *data)
{
    for (size_t i = 0; i < back->config->observer_count; i++) {
        const tn_observer *observer = &back->config->observers[i];
        if (observer->on_data)
            observer->on_data(observer->context, data);
    }
}

void tn_back_origin(tn_recorder_back *back, const tn_told_origin *origin)
{
    for (size_t i = 0; i < back->config->observer_count; i++) {
        const tn_observer *observer = &back->config->observers[i];
        if (observer->on_origin)
            observer->on_origin(observer->context, origin);
    }
}

tn_status tn_back_end(tn_recorder_back *back, uint64_t last_step, const char *end, const char *result_json, tn_error *error)
{
    tn_back_flush(back);
    for (size_t i = 0; i < back->config->observer_count; i++) {
        const tn_observer *observer = &back->config->observers[i];
        if (observer->on_end)
            observer->on_end(observer->context, last_step);
    }
    note_signals(back, true);
    if (back->chunks)
        (void)tn_store_trial_end(back->config->store, back->trial, end, result_json, &back->failure);
    tn_status status = back->failure.code;
    if (status != TN_OK && error)
        *error = back->failure;
    return status;
}
