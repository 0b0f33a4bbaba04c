/* recorder.c: see recorder.h. Scalars are gathered in columns that are allocated once, and handed to the store as chunks. */
#include "run/recorder.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "run/cadence.h"
#include "run/recorder_notes.h"
#include "vitals/saturation.h"

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

/* Packed vitals of tensors that were seen since the last hand-over, most of them of one step. */
enum { ROWS = 64, ROWS_BYTES = 32768, ROW_MOST = TN_VITALS_PACKED_MAX + TN_TENSOR_KEY_BYTES };

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

struct tn_recorder {
    tn_recorder_config config;
    tn_chunks *chunks; /* NULL without a store, or once writing has failed */
    int64_t trial;
    uint64_t last_step, handed_ns;
    tn_cadence cadence;
    uint64_t tapped_step, tapped_steps; /* the last step whose tensors were tapped, and how many there were */
    uint64_t replayed_step;             /* 0: none */
    uint64_t seen_step, seen_before;    /* the last step whose tensors were seen; bit n: those of n steps before it were */
    uint64_t observe_until;             /* every step, after an incident */
    uint64_t spent_ns, step_spent_ns;   /* in taps: in all, and when the last step ended */
    uint64_t bytes;                     /* of vitals for the store since the last step ended */
    size_t fired;                       /* rules, when last asked */
    tn_vitals vitals;
    tn_vitals *tiles; /* [TILES], of one tensor */
    tn_unit *units;   /* [config.units_max, at most TN_UNITS_MAX] */
    tn_error failure;
};

/* A large tensor's vitals are taken in tiles of equal size, at most TILES of at least TILE_VALUES, and merged in their order, so that they are the same at any number of threads. */
enum { TILES = 16, TILE_VALUES = 32768, TILE_UNIT = 4096 };

/* Of a row of the store beside the vitals. */
enum { ROW_BYTES = 32 };

/* The store has told its failure; from here on the trial runs without it. */
static void stop_writing(tn_recorder *recorder)
{
    tn_memory_destroy(recorder->chunks);
    recorder->chunks = NULL;
}

static void destroy(tn_recorder *recorder)
{
    stop_writing(recorder);
    tn_memory_destroy(recorder->tiles);
    tn_memory_destroy(recorder->units);
    tn_memory_destroy(recorder);
}

tn_status tn_recorder_create(const tn_recorder_config *config, tn_recorder **recorder, tn_error *error)
{
    *recorder = NULL;
    tn_recorder *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    created->config = *config;
    tn_cadence_init(&created->cadence, config->vitals_every, config->vitals_share);
    size_t units = config->units_max < TN_UNITS_MAX ? config->units_max : TN_UNITS_MAX;
    created->config.units_max = units;
    created->units = tn_memory_create(units, sizeof *created->units);
    created->tiles = tn_memory_create(TILES, sizeof *created->tiles);
    created->chunks = config->store ? tn_memory_create(1, sizeof *created->chunks) : NULL;
    if (!created->units || !created->tiles || (config->store && !created->chunks)) {
        destroy(created);
        return tn_fail_memory(error, sizeof *created + units * sizeof *created->units + TILES * sizeof *created->tiles +
                                         (config->store ? sizeof *created->chunks : 0));
    }
    if (config->store) {
        created->handed_ns = tn_clock_ns();
        if (tn_store_trial_begin(config->store, &config->trial, &created->trial, &created->failure) != TN_OK)
            stop_writing(created);
    }
    *recorder = created;
    return TN_OK;
}

bool tn_recorder_wants_tensors(const tn_recorder *recorder, uint64_t step)
{
    bool is_watched = step > 0 && step >= recorder->config.watch_from && step <= recorder->config.watch_to;
    return is_watched || tn_cadence_wants(&recorder->cadence, step) || (step > 0 && step <= recorder->observe_until);
}

static bool is_measured(const tn_recorder *recorder)
{
    return recorder->cadence.share > 0;
}

static void note_signals(tn_recorder *recorder, bool last)
{
    const tn_recorder_config *config = &recorder->config;
    if (recorder->chunks && tn_notes_signals(&recorder->chunks->notes, config->store, recorder->trial, config->observers,
                                             config->observer_count, last, &recorder->failure) != TN_OK)
        stop_writing(recorder);
}

static void hand_rows_over(tn_recorder *recorder)
{
    if (!recorder->chunks)
        return;
    tn_rows *gathered = &recorder->chunks->gathered;
    tn_status status = tn_store_blobs(recorder->config.store, recorder->trial, gathered->count, gathered->rows, &recorder->failure);
    gathered->count = gathered->used = 0;
    if (status != TN_OK)
        stop_writing(recorder);
}

static void gather_row(tn_recorder *recorder, const tn_tensor_seen *seen)
{
    if (!recorder->chunks)
        return;
    tn_rows *gathered = &recorder->chunks->gathered;
    unsigned char *key = gathered->bytes + gathered->used;
    size_t length = strlen(tn_tensor_key((char *)key, seen->name)) + 1;
    size_t size = tn_vitals_pack(seen->vitals, key + length, TN_VITALS_PACKED_MAX);
    gathered->rows[gathered->count++] = (tn_store_blob_row){(const char *)key, seen->step, key + length, size};
    gathered->used += length + size;
    recorder->bytes += size + ROW_BYTES;
    if (gathered->count == ROWS || gathered->used > ROWS_BYTES - ROW_MOST)
        hand_rows_over(recorder);
}

void tn_recorder_flush(tn_recorder *recorder)
{
    hand_rows_over(recorder);
    for (size_t i = 0; i < COLUMNS && recorder->chunks; i++) {
        tn_column *column = &recorder->chunks->columns[i];
        size_t count = column->count;
        column->count = 0;
        if (tn_store_series(recorder->config.store, recorder->trial, COLUMN_NAMES[i], count, column->steps, column->values,
                            &recorder->failure) != TN_OK)
            stop_writing(recorder);
    }
    note_signals(recorder, false);
    recorder->handed_ns = tn_clock_ns();
}

static void note_seen(tn_recorder *recorder, uint64_t step)
{
    if (step > recorder->seen_step) {
        uint64_t steps = step - recorder->seen_step;
        recorder->seen_before = steps < 64 ? recorder->seen_before << steps : 0;
        recorder->seen_step = step;
    }
    if (recorder->seen_step - step < 64)
        recorder->seen_before |= UINT64_C(1) << (recorder->seen_step - step);
}

bool tn_recorder_has_seen(const tn_recorder *recorder, uint64_t step)
{
    return step <= recorder->seen_step && recorder->seen_step - step < 64 && (recorder->seen_before >> (recorder->seen_step - step) & 1);
}

uint64_t tn_recorder_spent_ns(const tn_recorder *recorder)
{
    return recorder->spent_ns;
}

void tn_recorder_replay(tn_recorder *recorder, uint64_t step)
{
    recorder->replayed_step = step;
}

bool tn_recorder_incident(tn_recorder *recorder)
{
    size_t fired = 0;
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->fired)
            fired += observer->fired(observer->context);
    }
    bool is_incident = fired > recorder->fired;
    recorder->fired = fired;
    if (is_incident)
        recorder->observe_until = recorder->last_step + TN_INCIDENT_STEPS;
    return is_incident;
}

double tn_update_ratio(const tn_vitals *update, const tn_vitals *weight)
{
    uint64_t updates = tn_vitals_finite(update), weights = tn_vitals_finite(weight);
    if (updates == 0 || weights == 0 || !(weight->sum_of_squares > 0))
        return NAN;
    return sqrt(update->sum_of_squares / (double)updates) / sqrt(weight->sum_of_squares / (double)weights);
}

void tn_recorder_tensor(tn_recorder *recorder, const tn_tensor_seen *seen)
{
    note_seen(recorder, seen->step);
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_tensor)
            observer->on_tensor(observer->context, seen);
    }
    if (recorder->chunks &&
        tn_notes_tensor(&recorder->chunks->notes, recorder->config.store, recorder->trial, seen, &recorder->failure) != TN_OK)
        stop_writing(recorder);
    gather_row(recorder, seen);
}

static bool wants_units(const tn_recorder *recorder, const tn_tensor_name *name)
{
    bool has_units = name->role == TN_ROLE_INPUT || name->role == TN_ROLE_WEIGHT || name->role == TN_ROLE_ACTIVATION;
    return has_units && name->units <= recorder->config.units_max && tn_unit_vitals_are_due(recorder->tapped_steps - 1);
}

/* How a tensor is cut: tile i holds the values from i * size on. */
typedef struct tiling {
    const float *values;
    size_t count, size;
    tn_vitals *tiles;
} tiling;

static void take_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const tiling *cut = context;
    size_t first = tile * cut->size, left = cut->count - first;
    tn_vitals_init(&cut->tiles[tile]);
    tn_vitals_add_part(&cut->tiles[tile], cut->values + first, left < cut->size ? left : cut->size, cut->count);
}

static void take_vitals(tn_recorder *recorder, const float *values, size_t count)
{
    tn_vitals_init(&recorder->vitals);
    size_t tiles = count / TILE_VALUES < TILES ? count / TILE_VALUES : TILES;
    if (tiles < 2) {
        tn_vitals_add_part(&recorder->vitals, values, count, count);
        return;
    }
    size_t size = ((count + tiles - 1) / tiles + TILE_UNIT - 1) / TILE_UNIT * TILE_UNIT;
    tiling cut = {values, count, size, recorder->tiles};
    tiles = (count + size - 1) / size;
    tn_pool_run(recorder->config.pool, tiles, take_tile, &cut);
    for (size_t i = 0; i < tiles; i++)
        tn_vitals_merge(&recorder->vitals, &recorder->tiles[i]);
}

void tn_recorder_tap(void *context, const tn_tensor_shown *shown)
{
    tn_recorder *recorder = context;
    const tn_tensor_name *name = shown->name;
    uint64_t start_ns = is_measured(recorder) ? tn_clock_ns() : 0;
    tn_tensor_seen seen = {.step = recorder->replayed_step ? recorder->replayed_step : recorder->last_step + 1,
                           .name = name,
                           .index = shown->index,
                           .vitals = &recorder->vitals,
                           .replayed = recorder->replayed_step != 0,
                           .batch = shown->batch,
                           .maker = shown->maker};
    recorder->tapped_steps += recorder->tapped_step != seen.step;
    recorder->tapped_step = seen.step;
    if (shown->vitals)
        seen.vitals = shown->vitals;
    else
        take_vitals(recorder, shown->values, name->count);
    tn_unit_vitals units;
    if (wants_units(recorder, name)) {
        float low, high;
        tn_saturation_limits(name, &low, &high);
        tn_unit_vitals_init(&units, recorder->units, name->units, low, high);
        tn_unit_vitals_add_known(&units, shown->values, name->count / name->units, 1, seen.vitals);
        seen.units = &units;
    }
    tn_recorder_tensor(recorder, &seen);
    if (is_measured(recorder))
        recorder->spent_ns += tn_clock_ns() - start_ns;
}

static void gather(tn_recorder *recorder, size_t series, uint64_t step, double value)
{
    if (!recorder->chunks)
        return;
    tn_column *column = &recorder->chunks->columns[series];
    column->steps[column->count] = step;
    column->values[column->count++] = value;
    if (column->count == CHUNK)
        tn_recorder_flush(recorder);
}

/* NaN means here that nobody computed the value. */
static void gather_known(tn_recorder *recorder, size_t series, uint64_t step, double value)
{
    if (!isnan(value))
        gather(recorder, series, step, value);
}

static bool tell_step(tn_recorder *recorder, const tn_step *step)
{
    bool going_on = true;
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_step && !observer->on_step(observer->context, step))
            going_on = false; /* the others hear of this step all the same */
    }
    return going_on;
}

/* A replay stands between steps, and belongs to none. */
static void tell_cadence(tn_recorder *recorder, const tn_step *step, uint64_t start_ns)
{
    uint64_t own_ns = recorder->spent_ns - recorder->step_spent_ns + tn_clock_ns() - start_ns;
    tn_cadence_tell(&recorder->cadence, step->step, recorder->seen_step == step->step, step->wall_ns ? step->wall_ns + own_ns : 0,
                    recorder->bytes);
    recorder->step_spent_ns = recorder->spent_ns;
}

bool tn_recorder_step(tn_recorder *recorder, const tn_step *step)
{
    uint64_t start_ns = is_measured(recorder) ? tn_clock_ns() : 0;
    recorder->last_step = step->step;
    gather(recorder, LOSS, step->step, step->loss);
    gather(recorder, LEARNING_RATE, step->step, step->learning_rate);
    gather_known(recorder, GRADIENT_NORM, step->step, step->gradient_norm);
    if (step->wall_ns)
        gather(recorder, WALL_NS, step->step, (double)step->wall_ns);
    hand_rows_over(recorder);
    if (recorder->chunks && tn_clock_ns() - recorder->handed_ns >= HAND_OVER_NS)
        tn_recorder_flush(recorder);
    bool going_on = tell_step(recorder, step);
    if (is_measured(recorder))
        tell_cadence(recorder, step, start_ns);
    recorder->bytes = 0;
    return going_on;
}

void tn_recorder_score(tn_recorder *recorder, const tn_score_point *point)
{
    gather_known(recorder, TRAIN_SCORE, point->step, point->train_score);
    gather_known(recorder, VALID_SCORE, point->step, point->valid_score);
    gather_known(recorder, TRAIN_LOSS, point->step, point->train_loss);
    gather_known(recorder, VALID_LOSS, point->step, point->valid_loss);
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_score)
            observer->on_score(observer->context, point);
    }
}

void tn_recorder_data(tn_recorder *recorder, const tn_data_summary *data)
{
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_data)
            observer->on_data(observer->context, data);
    }
}

void tn_recorder_origin(tn_recorder *recorder, const tn_told_origin *origin)
{
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_origin)
            observer->on_origin(observer->context, origin);
    }
}

tn_status tn_recorder_end(tn_recorder *recorder, const char *end, const char *result_json, tn_error *error)
{
    if (!recorder)
        return TN_OK;
    tn_recorder_flush(recorder);
    for (size_t i = 0; i < recorder->config.observer_count; i++) {
        const tn_observer *observer = &recorder->config.observers[i];
        if (observer->on_end)
            observer->on_end(observer->context, recorder->last_step);
    }
    note_signals(recorder, true);
    if (recorder->chunks)
        (void)tn_store_trial_end(recorder->config.store, recorder->trial, end, result_json, &recorder->failure);
    tn_status status = recorder->failure.code;
    if (status != TN_OK && error)
        *error = recorder->failure;
    destroy(recorder);
    return status;
}
