/* process_voice.c: one caller's side of a run: what it says of itself; see process_parts.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "subject/process_parts.h"

enum { TENSORS_MAX = 1 << 20, PENDING_MAX = 1 << 16, PENDING_UNITS_MAX = 1 << 20 /* of a step; 32 MiB. More are not kept */ };

tn_status tn_voice_create(tn_caller *caller, tn_voice **voice, tn_error *error)
{
    *voice = tn_memory_create(1, sizeof **voice);
    if (!*voice) {
        tn_caller_destroy(caller);
        return tn_fail_memory(error, sizeof **voice);
    }
    (*voice)->caller = caller;
    (*voice)->is_open = true;
    return TN_OK;
}

void tn_voice_destroy(tn_voice *voice)
{
    for (size_t i = 0; i < voice->tensor_count; i++)
        free(voice->tensors[i].strings);
    free(voice->tensors);
    tn_voice_forget(voice);
    free(voice->pending);
    json_decref(voice->refused);
    json_decref(voice->facts);
    json_decref(voice->end);
    json_decref(voice->origin);
    free(voice->note);
    tn_caller_destroy(voice->caller);
    tn_memory_destroy(voice);
}

/* ---- tensors ---- */

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* Room for tensor `index`. */
static tn_status reserve_tensors(tn_voice *voice, size_t index, tn_error *error)
{
    if (index >= TENSORS_MAX)
        return tn_fail(error, TN_ERROR_DATA, "a TENSOR of number %zu; expected less than %d", index, TENSORS_MAX);
    if (index >= voice->tensor_capacity) {
        size_t capacity = voice->tensor_capacity ? voice->tensor_capacity : 64;
        while (capacity <= index)
            capacity *= 2;
        tn_voice_tensor *grown = realloc(voice->tensors, capacity * sizeof *grown);
        if (!grown)
            return tn_fail_memory(error, capacity * sizeof *grown);
        voice->tensors = grown;
        voice->tensor_capacity = capacity;
    }
    for (; voice->tensor_count <= index; voice->tensor_count++)
        voice->tensors[voice->tensor_count] = (tn_voice_tensor){0};
    return TN_OK;
}

/* A name that comes again keeps its strings: observers may hold them. */
static tn_status name_tensor(tn_voice *voice, size_t index, const tn_tensor_name *name, tn_error *error)
{
    tn_status status = reserve_tensors(voice, index, error);
    if (status != TN_OK)
        return status;
    tn_voice_tensor *tensor = &voice->tensors[index];
    bool known = tensor->name.node && same_text(tensor->name.node, name->node) && same_text(tensor->name.parameter, name->parameter) &&
                 same_text(tensor->name.op, name->op ? name->op : "");
    if (!known && tensor->name.node)
        return tn_fail(error, TN_ERROR_DATA, "TENSOR %zu is named \"%.100s\", but was \"%.100s\" before", index, name->node,
                       tensor->name.node);
    tn_tensor_name made = *name;
    if (known) {
        made.node = tensor->name.node;
        made.parameter = tensor->name.parameter;
        made.op = tensor->name.op;
    } else {
        size_t node = strlen(name->node) + 1, parameter = name->parameter ? strlen(name->parameter) + 1 : 0;
        size_t op = name->op ? strlen(name->op) + 1 : 1;
        char *strings = calloc(node + parameter + op, 1);
        if (!strings)
            return tn_fail_memory(error, node + parameter + op);
        memcpy(strings, name->node, node);
        if (parameter)
            memcpy(strings + node, name->parameter, parameter);
        if (name->op)
            memcpy(strings + node + parameter, name->op, op);
        made.node = strings;
        made.parameter = parameter ? strings + node : NULL;
        made.op = strings + node + parameter;
        tensor->strings = strings;
    }
    tensor->name = made;
    return TN_OK;
}

const tn_tensor_name *tn_voice_tensor_name(const tn_voice *voice, uint32_t index)
{
    return index < voice->tensor_count && voice->tensors[index].name.node ? &voice->tensors[index].name : NULL;
}

tn_status tn_voice_keep(tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    if (!tn_voice_tensor_name(voice, record->index))
        return tn_fail(error, TN_ERROR_DATA, "VITALS of tensor %u, which was never named", (unsigned)record->index);
    if (voice->pending_count == PENDING_MAX)
        return tn_fail(error, TN_ERROR_DATA, "more than %d VITALS in one step", PENDING_MAX);
    if (voice->pending_count == voice->pending_capacity) {
        size_t capacity = voice->pending_capacity ? 2 * voice->pending_capacity : 64;
        tn_voice_vitals *grown = realloc(voice->pending, capacity * sizeof *grown);
        if (!grown)
            return tn_fail_memory(error, capacity * sizeof *grown);
        voice->pending = grown;
        voice->pending_capacity = capacity;
    }
    tn_voice_vitals kept = {.index = record->index, .vitals = record->vitals};
    const tn_voice_units *units = tn_voice_units_of(voice, record);
    if (units && units->vitals.units <= PENDING_UNITS_MAX - voice->pending_units) {
        size_t size = units->vitals.units * sizeof *units->vitals.unit;
        kept.units = units->vitals;
        kept.batch = units->batch;
        kept.units.unit = malloc(size);
        if (!kept.units.unit)
            return tn_fail_memory(error, size);
        memcpy(kept.units.unit, units->vitals.unit, size);
        voice->pending_units += kept.units.units;
    }
    voice->pending[voice->pending_count++] = kept;
    return TN_OK;
}

void tn_voice_forget(tn_voice *voice)
{
    for (size_t i = 0; i < voice->pending_count; i++)
        free(voice->pending[i].units.unit);
    voice->pending_count = voice->pending_units = 0;
}

tn_status tn_voice_take_units(tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    const tn_tensor_name *name = tn_voice_tensor_name(voice, record->index);
    const tn_unit_vitals *units = &record->units;
    if (!name)
        return tn_fail(error, TN_ERROR_DATA, "UNITS of tensor %u, which was never named", (unsigned)record->index);
    if (units->units != name->units || units->values != name->count / name->units)
        return tn_fail(error, TN_ERROR_DATA, "%zu UNITS of %llu values of \"%.100s\", which has %zu of %zu", units->units,
                       (unsigned long long)units->values, name->node, name->units, name->count / name->units);
    voice->units = (tn_voice_units){.step = record->step, .batch = record->batch, .index = record->index, .vitals = *units};
    return TN_OK;
}

const tn_voice_units *tn_voice_units_of(const tn_voice *voice, const tn_wire_record *record)
{
    const tn_voice_units *units = &voice->units;
    const tn_tensor_name *name = tn_voice_tensor_name(voice, record->index);
    bool same = name && units->step == record->step && units->index == record->index && units->vitals.units == name->units;
    return same ? units : NULL;
}

/* ---- JSON ---- */

/* What was refused stays refused, whatever is said of it later. */
static tn_status take_applied(tn_voice *voice, const json_t *said, tn_error *error)
{
    const json_t *refused = json_object_get(said, "refused");
    const json_t *name;
    size_t i;
    json_array_foreach(json_object_get(said, "applied"), i, name)
    {
        if (json_is_string(name))
            voice->applied |= tn_knob_by_name(json_string_value(name));
    }
    if (!voice->refused)
        voice->refused = json_object();
    if (!voice->refused || (json_is_object(refused) && json_object_update(voice->refused, (json_t *)(uintptr_t)refused) != 0))
        return tn_fail_memory(error, 256);
    const char *knob;
    json_t *why;
    json_object_foreach(voice->refused, knob, why) voice->applied &= ~tn_knob_by_name(knob);
    return TN_OK;
}

static void replace(json_t **old, json_t *new)
{
    json_decref(*old);
    *old = json_incref(new);
}

static tn_status take_text(tn_voice *voice, const tn_wire_record *record, tn_error *error)
{
    json_error_t why;
    if (record->type == TN_WIRE_HELLO)
        return tn_caller_introduce(voice->caller, record->json, error);
    json_t *said = json_loads(record->json, 0, &why);
    if (!said && json_error_code(&why) == json_error_out_of_memory)
        return tn_fail_memory(error, record->json_length);
    if (!json_is_object(said)) {
        json_decref(said);
        return tn_fail(error, TN_ERROR_DATA, "a record of type %d that is no JSON object: %.100s", (int)record->type, why.text);
    }
    tn_status status = TN_OK;
    const char *text = json_string_value(json_object_get(said, "text"));
    if (record->type == TN_WIRE_APPLIED) {
        status = take_applied(voice, said, error);
    } else if (record->type == TN_WIRE_FACTS) {
        replace(&voice->facts, said);
    } else if (record->type == TN_WIRE_END) {
        replace(&voice->end, said);
    } else if (text) {
        free(voice->note);
        voice->note = tn_string_copy(text);
        json_t *origin = json_object_get(said, "origin");
        if (json_is_object(origin) && !voice->origin)
            voice->origin = json_incref(origin);
    }
    json_decref(said);
    return status;
}

tn_status tn_voice_take(tn_voice *voice, const tn_wire_record *record, bool *taken, tn_error *error)
{
    *taken = true;
    switch (record->type) {
    case TN_WIRE_HELLO:
    case TN_WIRE_APPLIED:
    case TN_WIRE_FACTS:
    case TN_WIRE_NOTE:
    case TN_WIRE_END:
        return take_text(voice, record, error);
    case TN_WIRE_TENSOR:
        return name_tensor(voice, record->index, &record->tensor, error);
    case TN_WIRE_EXITED:
    case TN_WIRE_STOP:
    case TN_WIRE_FORK:
        return tn_fail(error, TN_ERROR_DATA, "a record of type %d, which is not for a trial to send", (int)record->type);
    default:
        *taken = false;
        return TN_OK;
    }
}
