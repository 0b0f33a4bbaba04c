/* process_hear.c: what a program tells while it trains -> the recorder and the result; see process_parts.h.
 *
 * A run may have many callers: ranks, helpers that import the framework, a launcher. The steps of one count: the primary, the first of rank 0 that trains. What other ranks tell of
 * inputs and activations, of which each sees its own samples, is merged with what the primary tells of the same tensor; parameters are the same in all ranks and are taken from
 * the primary alone. For that, ranks are read in step: who has told of step s is not read on before the primary has, and all ranks with it, or time is up.
 *
 * Once the end is decided, or the number of steps is reached, later steps are not part of the result. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/memory.h"
#include "subject/process_parts.h"

enum { VOICES_MAX = 256 };

/* How long one rank waits for the others at a step, once for each. */
#define RANK_PATIENCE_NS UINT64_C(10000000000)

/* A line of $TENET_LOG may leave out so many steps: they get its loss. */
enum { GAP_MAX = 1000000 };

void tn_hearing_deinit(tn_hearing *hearing)
{
    while (hearing->voices) {
        tn_voice *next = hearing->voices->next;
        tn_voice_destroy(hearing->voices);
        hearing->voices = next;
    }
    hearing->primary = NULL;
}

tn_status tn_hearing_add(tn_hearing *hearing, tn_caller *caller, tn_error *error)
{
    if (hearing->voice_count == VOICES_MAX) {
        tn_caller_destroy(caller); /* a program that starts processes without end */
        return TN_OK;
    }
    tn_voice *voice;
    tn_status status = tn_voice_create(caller, &voice, error);
    if (status != TN_OK)
        return status;
    voice->next = hearing->voices;
    hearing->voices = voice;
    hearing->voice_count++;
    return TN_OK;
}

/* ---- steps ---- */

static tn_status reserve_steps(tn_hearing *hearing, uint64_t steps, tn_error *error)
{
    tn_trial_result *result = hearing->result;
    bool wants_norms = hearing->request && hearing->request->want_norms;
    if (steps <= hearing->step_capacity)
        return TN_OK;
    size_t capacity = hearing->step_capacity ? hearing->step_capacity : 1024, bytes;
    while (capacity < steps && capacity <= SIZE_MAX / 4)
        capacity *= 2;
    double *losses = tn_size_multiply(capacity, sizeof *losses, &bytes) ? realloc(result->losses, bytes) : NULL;
    if (losses)
        result->losses = losses;
    double *norms = losses && wants_norms ? realloc(result->gradient_norms, bytes) : NULL;
    if (norms)
        result->gradient_norms = norms;
    if (!losses || (wants_norms && !norms))
        return tn_fail_memory(error, capacity * sizeof *losses);
    hearing->step_capacity = capacity;
    return TN_OK;
}

static tn_status keep_step(tn_hearing *hearing, const tn_step *step, tn_error *error)
{
    tn_trial_result *result = hearing->result;
    uint64_t gap = hearing->by_lines ? GAP_MAX : 1;
    if (step->step <= result->steps || step->step - result->steps > gap)
        return tn_fail(error, TN_ERROR_DATA, "step %llu after step %llu; steps are counted from 1, one by one",
                       (unsigned long long)step->step, (unsigned long long)result->steps);
    tn_status status = reserve_steps(hearing, step->step, error);
    if (status != TN_OK)
        return status;
    for (; result->steps < step->step; result->steps++) {
        result->losses[result->steps] = step->loss;
        if (result->gradient_norms)
            result->gradient_norms[result->steps] = step->gradient_norm;
    }
    result->samples = step->samples;
    hearing->last_ns = tn_clock_ns();
    if (hearing->first_ns == 0) {
        hearing->first_ns = hearing->last_ns;
        hearing->first_samples = step->samples;
        hearing->learning_rate = step->learning_rate;
    }
    return TN_OK;
}

static void decide(tn_hearing *hearing, tn_trial_end end)
{
    hearing->result->end = end;
    hearing->decided = hearing->wants_stop = true;
}

static bool at_budget(const tn_hearing *hearing)
{
    return hearing->steps_wanted > 0 && hearing->result->steps >= hearing->steps_wanted;
}

static void judge_step(tn_hearing *hearing, const tn_step *step)
{
    bool going_on = !hearing->recorder || tn_recorder_step(hearing->recorder, step);
    tn_trial_result *result = hearing->result;
    if (!isfinite(step->loss)) {
        if (result->nonfinite_step == 0)
            result->nonfinite_step = result->steps;
        if (hearing->mode == TN_RUN_TRIAL)
            decide(hearing, TN_TRIAL_NONFINITE);
    } else if (hearing->mode != TN_RUN_TRIAL) {
        result->nonfinite_step = 0; /* it has recovered */
    }
    if (going_on || hearing->decided)
        return;
    hearing->stopped = true;
    if (hearing->mode == TN_RUN_TRAIN)
        hearing->wants_stop = true; /* it ends when it likes, and what it does until then is told */
    else
        decide(hearing, TN_TRIAL_STOPPED);
}

static tn_status count_step(tn_hearing *hearing, const tn_step *step, tn_error *error)
{
    if (hearing->decided || at_budget(hearing))
        return TN_OK;
    tn_status status = keep_step(hearing, step, error);
    if (status == TN_OK)
        judge_step(hearing, step);
    /* A program that does not count for itself is told. */
    if (status == TN_OK && at_budget(hearing) && !(hearing->primary && hearing->primary->applied & TN_KNOB_STEPS))
        hearing->wants_stop = true;
    return status;
}

/* ---- scores ---- */

/* Takes what the new point knows into the one that is there. */
static void merge_point(tn_score_point *into, const tn_score_point *from)
{
    if (!isnan(from->train_score))
        into->train_score = from->train_score;
    if (!isnan(from->valid_score))
        into->valid_score = from->valid_score;
    if (!isnan(from->train_loss))
        into->train_loss = from->train_loss;
    if (!isnan(from->valid_loss))
        into->valid_loss = from->valid_loss;
}

static tn_status keep_score(tn_hearing *hearing, const tn_score_point *point, tn_error *error)
{
    tn_trial_result *result = hearing->result;
    tn_score_point *last = result->score_count ? &result->scores[result->score_count - 1] : NULL;
    if (last && last->step == point->step) {
        merge_point(last, point);
        return TN_OK;
    }
    if (result->score_count == hearing->score_capacity) {
        size_t capacity = hearing->score_capacity ? 2 * hearing->score_capacity : 8, bytes;
        tn_score_point *grown = tn_size_multiply(capacity, sizeof *grown, &bytes) ? realloc(result->scores, bytes) : NULL;
        if (!grown)
            return tn_fail_memory(error, capacity * sizeof *grown);
        result->scores = grown;
        hearing->score_capacity = capacity;
    }
    result->scores[result->score_count++] = *point;
    return TN_OK;
}

static tn_status count_score(tn_hearing *hearing, const tn_score_point *point, tn_error *error)
{
    const tn_trial_result *result = hearing->result;
    bool is_late = result->score_count && result->scores[result->score_count - 1].step > point->step;
    if (hearing->decided || point->step > result->steps || is_late)
        return TN_OK;
    tn_status status = keep_score(hearing, point, error);
    if (status != TN_OK)
        return status;
    if (hearing->recorder)
        tn_recorder_score(hearing->recorder, point);
    bool reached =
        hearing->mode == TN_RUN_TRIAL && hearing->request && point->step > 0 && point->train_score >= hearing->request->stop_at_train_score;
    if (reached)
        decide(hearing, TN_TRIAL_COMPLETED);
    return TN_OK;
}

/* ---- vitals ---- */

static bool counts_vitals(const tn_hearing *hearing)
{
    return hearing->recorder && !hearing->decided && !at_budget(hearing);
}

static bool is_of_samples(tn_role role)
{
    return role == TN_ROLE_INPUT || role == TN_ROLE_ACTIVATION || role == TN_ROLE_ACTIVATION_GRADIENT;
}

static bool same_tensor(const tn_tensor_name *a, const tn_tensor_name *b)
{
    return a->role == b->role && strcmp(a->node, b->node) == 0 &&
           (a->parameter && b->parameter ? strcmp(a->parameter, b->parameter) == 0 : a->parameter == b->parameter);
}

/* Those of another rank, of the same tensor; NULL where it told none. Ranks tell in the same order, so the same place comes first. */
static const tn_voice_vitals *vitals_of(const tn_voice *rank, const tn_tensor_name *name, size_t place)
{
    for (size_t i = 0; i < rank->pending_count; i++) {
        const tn_voice_vitals *kept = &rank->pending[(place + i) % rank->pending_count];
        if (same_tensor(name, tn_voice_tensor_name(rank, kept->index)))
            return kept;
    }
    return NULL;
}

/* units NULL, batch 0: unknown. */
static void tell_vitals(tn_hearing *hearing, uint64_t step, uint32_t index, const tn_vitals *vitals, const tn_unit_vitals *units,
                        uint64_t batch)
{
    tn_tensor_name name = *tn_voice_tensor_name(hearing->primary, index);
    /* Merged ones are of more values than one rank has. */
    if (vitals->count > name.count && vitals->count % name.units == 0)
        name.count = (size_t)vitals->count;
    const tn_tensor_seen seen = {
        .step = step, .name = &name, .index = index, .vitals = vitals, .units = units, .batch = {.count = (size_t)batch}};
    tn_recorder_tensor(hearing->recorder, &seen);
}

/* Units of a rank that has none of its own, or other ones, are those of the primary's samples alone. */
static void merge_vitals(tn_voice_vitals *own, const tn_voice_vitals *other)
{
    tn_vitals_merge(&own->vitals, &other->vitals);
    if (own->units.units == 0 || own->units.units != other->units.units || own->units.low != other->units.low ||
        own->units.high != other->units.high)
        return;
    tn_unit_vitals_merge(&own->units, &other->units);
    own->batch = own->batch && other->batch ? own->batch + other->batch : 0;
}

/* The primary's vitals of its step, with those of the ranks that wait at the same step. */
static void tell_merged(tn_hearing *hearing)
{
    tn_voice *primary = hearing->primary;
    for (size_t i = 0; i < primary->pending_count && counts_vitals(hearing); i++) {
        tn_voice_vitals *own = &primary->pending[i];
        const tn_tensor_name *name = tn_voice_tensor_name(primary, own->index);
        for (const tn_voice *rank = hearing->voices; rank && is_of_samples(name->role); rank = rank->next) {
            if (rank == primary || !rank->held || rank->held_step.step != primary->held_step.step)
                continue;
            const tn_voice_vitals *other = vitals_of(rank, name, i);
            if (other)
                merge_vitals(own, other);
        }
        tell_vitals(hearing, primary->held_step.step, own->index, &own->vitals, own->units.units ? &own->units : NULL, own->batch);
    }
}

/* ---- ranks ---- */

static bool is_rank(const tn_hearing *hearing, const tn_voice *voice)
{
    return voice != hearing->primary && voice->caller->rank > 0 && voice->caller->world > 1;
}

static void release(tn_voice *voice)
{
    voice->held = false;
    tn_voice_forget(voice);
}

/* Whether some rank is still to come to the primary's step. */
static bool ranks_lag(tn_hearing *hearing)
{
    uint64_t step = hearing->primary->held_step.step, present = 1;
    bool is_over = tn_clock_ns() - hearing->primary->held_ns >= RANK_PATIENCE_NS, lag = false;
    for (tn_voice *voice = hearing->voices; voice; voice = voice->next) {
        if (!is_rank(hearing, voice))
            continue;
        present++;
        if (!voice->is_open || voice->left_behind || voice->last_step >= step)
            continue;
        voice->left_behind = is_over;
        lag = true;
    }
    if (present < hearing->primary->caller->world && !hearing->ranks_missing) {
        hearing->ranks_missing = is_over;
        lag = true;
    }
    return lag && !is_over;
}

/* Lets go who need not wait any more. *went: somebody did. */
static tn_status advance(tn_hearing *hearing, bool *went, tn_error *error)
{
    tn_voice *primary = hearing->primary;
    tn_status status = TN_OK;
    uint64_t reached = primary ? primary->last_step : 0;
    *went = false;
    if (primary && primary->held) {
        if (ranks_lag(hearing))
            return TN_OK;
        tell_merged(hearing);
        status = count_step(hearing, &primary->held_step, error);
        release(primary);
        *went = true;
    }
    bool is_free = primary && !primary->is_open; /* it comes no further, so nobody waits for it */
    for (tn_voice *voice = hearing->voices; voice; voice = voice->next)
        if (voice->held && voice != primary && (is_free || hearing->decided || (primary && voice->held_step.step <= reached))) {
            release(voice);
            *went = true;
        }
    return status;
}

/* ---- records ---- */

static bool is_training(tn_wire_type type)
{
    return type == TN_WIRE_STEP || type == TN_WIRE_SCORE || type == TN_WIRE_VITALS || type == TN_WIRE_UNITS || type == TN_WIRE_SHOWN;
}

static void hold(tn_voice *voice, const tn_step *step)
{
    voice->held = true;
    voice->held_ns = tn_clock_ns();
    voice->held_step = *step;
}

/* A record of the voice whose training counts. */
static tn_status take_training(tn_hearing *hearing, tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    bool has_ranks = voice->caller->world > 1;
    const tn_voice_units *units;
    switch (record->type) {
    case TN_WIRE_STEP:
        voice->last_step = record->scalars.step;
        if (!has_ranks)
            return count_step(hearing, &record->scalars, error);
        hold(voice, &record->scalars);
        return TN_OK;
    case TN_WIRE_SCORE:
        return count_score(hearing, &record->score, error);
    case TN_WIRE_VITALS:
        if (!tn_voice_tensor_name(voice, record->index))
            return tn_fail(error, TN_ERROR_DATA, "VITALS of tensor %u, which was never named", (unsigned)record->index);
        if (!counts_vitals(hearing))
            return TN_OK;
        if (has_ranks)
            return tn_voice_keep(voice, record, error);
        units = tn_voice_units_of(voice, record);
        tell_vitals(hearing, record->step, record->index, &record->vitals, units ? &units->vitals : NULL, units ? units->batch : 0);
        return TN_OK;
    case TN_WIRE_UNITS:
        return tn_voice_take_units(voice, record, error);
    default:
        if (!hearing->request || hearing->request->shown_samples == 0 || hearing->decided)
            return TN_OK;
        return tn_process_show(record->json, hearing->request->shown_samples, hearing->result, error);
    }
}

/* A record of another rank. */
static tn_status take_rank(tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    if (record->type == TN_WIRE_VITALS)
        return tn_voice_keep(voice, record, error);
    if (record->type == TN_WIRE_UNITS)
        return tn_voice_take_units(voice, record, error);
    if (record->type == TN_WIRE_STEP) {
        voice->last_step = record->scalars.step;
        hold(voice, &record->scalars);
    }
    return TN_OK;
}

/* What the voice whose training counts said of itself, for observers: where finite numbers broke, which comes once, and the labels of a plain training. */
static void tell_said(tn_hearing *hearing, const tn_voice *voice, tn_wire_type type)
{
    if (!hearing->recorder || hearing->decided)
        return;
    tn_data_summary labels;
    if (type == TN_WIRE_FACTS && hearing->mode == TN_RUN_TRAIN && tn_process_summarise_labels(voice->facts, &labels))
        tn_recorder_data(hearing->recorder, &labels);
    if (type != TN_WIRE_NOTE)
        return;
    const json_t *told = voice->origin, *sample = json_object_get(told, "sample");
    json_int_t step = json_integer_value(json_object_get(told, "step"));
    const tn_told_origin origin = {.step = step > 0 ? (uint64_t)step : 0,
                                   .op = json_string_value(json_object_get(told, "op")),
                                   .direction = json_string_value(json_object_get(told, "direction")),
                                   .file = json_string_value(json_object_get(told, "file")),
                                   .line = (int)json_integer_value(json_object_get(told, "line")),
                                   .has_sample = json_is_integer(sample) && json_integer_value(sample) >= 0,
                                   .sample = (uint64_t)json_integer_value(sample),
                                   .exact = json_is_true(json_object_get(told, "exact")),
                                   .then = json_string_value(json_object_get(told, "then")),
                                   .text = json_string_value(json_object_get(told, "text"))};
    if (origin.step > 0 && origin.text)
        tn_recorder_origin(hearing->recorder, &origin);
}

static tn_status take_record(tn_hearing *hearing, tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    bool taken, had_origin = voice->origin != NULL;
    tn_status status = tn_voice_take(voice, record, &taken, error);
    bool counts = voice == hearing->primary || (!hearing->primary && voice->caller->rank == 0);
    if (status == TN_OK && counts && (record->type == TN_WIRE_FACTS || (voice->origin && !had_origin)))
        tell_said(hearing, voice, record->type);
    if (status != TN_OK || taken || !is_training(record->type))
        return status;
    if (!hearing->primary && voice->caller->rank == 0)
        hearing->primary = voice;
    if (voice == hearing->primary)
        return take_training(hearing, voice, record, error);
    return is_rank(hearing, voice) ? take_rank(voice, record, error) : TN_OK;
}

/* What was nonsense ends the conversation with that voice, and matters to the run where its training counts. */
static void end_voice(tn_hearing *hearing, tn_voice *voice, const tn_error *why)
{
    tn_error *kept = voice == hearing->primary ? &hearing->nonsense : &hearing->stray;
    voice->is_open = false;
    if (kept->code == TN_OK)
        *kept = *why;
}

/* The records that have arrived, up to a step at which it must wait. Only memory that is out is an error. */
static tn_status take_records(tn_hearing *hearing, tn_voice *voice, tn_wire_record *record, tn_error *error)
{
    tn_error found = {0};
    bool has = true;
    while (has && !voice->held) {
        tn_status status = tn_wire_next(&voice->caller->reader, record, &has, &found);
        if (status == TN_OK && has)
            status = take_record(hearing, voice, record, &found);
        if (status == TN_OK)
            continue;
        if (status == TN_ERROR_MEMORY) {
            if (error)
                *error = found;
            return status;
        }
        end_voice(hearing, voice, &found);
        return TN_OK;
    }
    return TN_OK;
}

static tn_status listen_to(tn_hearing *hearing, tn_voice *voice, tn_wire_record *record, bool *heard, tn_error *error)
{
    tn_error found = {0};
    size_t unread = voice->caller->reader.buffer.size - voice->caller->reader.taken;
    uint64_t before = voice->caller->reader.offset + unread;
    bool is_open = tn_caller_read(voice->caller, &found);
    unread = voice->caller->reader.buffer.size - voice->caller->reader.taken;
    *heard |= voice->caller->reader.offset + unread != before;
    if (found.code == TN_ERROR_MEMORY) {
        if (error)
            *error = found;
        return found.code;
    }
    tn_status status = take_records(hearing, voice, record, error);
    /* One that waits for the others may have closed behind its last step: it is asked again when it goes on. */
    if (!is_open && !voice->held)
        voice->is_open = false;
    return status;
}

tn_status tn_hearing_listen(tn_hearing *hearing, bool *heard, tn_error *error)
{
    tn_wire_record record;
    tn_status status = TN_OK;
    *heard = false;
    for (bool more = true; more && status == TN_OK;) {
        for (tn_voice *voice = hearing->voices; voice && status == TN_OK; voice = voice->next)
            if (voice->is_open && !voice->held)
                status = listen_to(hearing, voice, &record, heard, error);
        tn_error found = {0};
        more = false;
        if (status != TN_OK || advance(hearing, &more, &found) == TN_OK)
            continue;
        if (found.code != TN_ERROR_MEMORY) {
            end_voice(hearing, hearing->primary, &found);
            more = true;
            continue;
        }
        if (error)
            *error = found;
        status = found.code;
    }
    return status;
}

/* ---- lines ---- */

void tn_hearing_step(tn_hearing *hearing, const tn_step *step)
{
    tn_error found = {0};
    hearing->by_lines = true;
    if (count_step(hearing, step, &found) != TN_OK && hearing->nonsense.code == TN_OK)
        hearing->nonsense = found;
}

void tn_hearing_score(tn_hearing *hearing, const tn_score_point *point)
{
    tn_error found = {0};
    hearing->by_lines = true;
    if (count_score(hearing, point, &found) != TN_OK && hearing->nonsense.code == TN_OK)
        hearing->nonsense = found;
}

/* ---- the others ---- */

void tn_hearing_stop(tn_hearing *hearing)
{
    for (tn_voice *voice = hearing->voices; voice; voice = voice->next) {
        if (voice->is_open && !voice->told_to_stop)
            tn_caller_say(voice->caller, TN_WIRE_STOP, "");
        voice->told_to_stop = true;
    }
}

size_t tn_hearing_descriptors(const tn_hearing *hearing, int *descriptors, size_t most)
{
    size_t count = 0;
    for (const tn_voice *voice = hearing->voices; voice && count < most; voice = voice->next)
        if (voice->is_open && !voice->held)
            descriptors[count++] = voice->caller->socket;
    return count;
}

bool tn_hearing_is_open(const tn_hearing *hearing)
{
    const tn_voice *voice = hearing->voices;
    while (voice && !voice->is_open)
        voice = voice->next;
    return voice != NULL;
}

const tn_voice *tn_hearing_speaker(const tn_hearing *hearing)
{
    const tn_voice *first = NULL, *telling = NULL;
    for (const tn_voice *voice = hearing->voices; voice; voice = voice->next) {
        first = voice; /* the last of the list came first */
        if (voice->end || voice->facts)
            telling = voice;
    }
    return hearing->primary ? hearing->primary : telling ? telling : first;
}
