/* wire.c: records of the conversation between a program and its watcher; see wire.h.
 *
 *   uint32  length of what follows, the type included; 1 .. TN_WIRE_RECORD_MAX
 *   uint8   type
 *   then, by type:
 *     the JSON types   text, UTF-8, without NUL
 *     TENSOR           uint32 index, uint8 role, uint8 strings there are (1: parameter, 2: op), uint64 node_index, count, units; then node, parameter and op,
 *                      each ended by a NUL, an empty one in place of NULL
 *     VITALS           uint64 step, uint32 index, then packed vitals (vitals_pack.c)
 *     UNITS            uint64 step, uint32 index, units, uint64 batch, values, float32 low, high; then of each unit uint64 zeros, saturated, nonfinite, float32 min, max
 *     STEP             uint64 step, samples; float64 loss, learning_rate, gradient_norm
 *     SCORE            uint64 step, samples; float64 train_score, valid_score, train_loss, valid_loss
 *     STOP             nothing
 * All numbers are little-endian. A reader keeps what it has not yet given out, and one byte more: the NUL of a JSON text stands on the first byte of the next
 * record, which is put back at the next call. */
#include "run/wire.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum {
    HEADER = 5,
    TENSOR_FIXED = 4 + 1 + 1 + 3 * 8,
    VITALS_FIXED = 8 + 4,
    UNITS_FIXED = 8 + 4 + 4 + 8 + 8 + 4 + 4,
    UNIT_SIZE = 3 * 8 + 2 * 4,
    STEP_SIZE = 5 * 8,
    SCORE_SIZE = 6 * 8,
    NAME_MAX_BYTES = 1000, /* of a string in a tensor's name; a longer one is cut, since it only names */
    TENSOR_MAX = TENSOR_FIXED + 3 * (NAME_MAX_BYTES + 1),
    HAS_PARAMETER = 1,
    HAS_OP = 2,
    UNREAD_MAX = 2 * TN_WIRE_RECORD_MAX, /* what a reader gathers before somebody takes records from it */
    SMALLEST = 256
};

/* ---- the buffer ---- */

void tn_wire_buffer_deinit(tn_wire_buffer *buffer)
{
    free(buffer->bytes);
    *buffer = (tn_wire_buffer){0};
}

/* Room for `more` bytes behind what there is. */
static tn_status reserve(tn_wire_buffer *buffer, size_t more, tn_error *error)
{
    if (more <= buffer->capacity - buffer->size)
        return TN_OK;
    size_t needed = buffer->size + more;
    if (needed < more || needed > SIZE_MAX / 2)
        return tn_fail_memory(error, SIZE_MAX);
    size_t capacity = buffer->capacity ? buffer->capacity : SMALLEST;
    while (capacity < needed)
        capacity *= 2;
    unsigned char *grown = realloc(buffer->bytes, capacity);
    if (!grown)
        return tn_fail_memory(error, capacity);
    buffer->bytes = grown;
    buffer->capacity = capacity;
    return TN_OK;
}

/* ---- writing: room is reserved once a record, so these cannot fail ---- */

static void put_bytes(tn_wire_buffer *buffer, const void *bytes, size_t size)
{
    if (size)
        memcpy(buffer->bytes + buffer->size, bytes, size);
    buffer->size += size;
}

/* In full first, of which a compiler makes one number: byte by byte into the buffer takes several times as long. */
static inline void put(tn_wire_buffer *buffer, uint64_t value, size_t width)
{
    unsigned char bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    put_bytes(buffer, bytes, width);
}

static void put_double(tn_wire_buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(buffer, bits, sizeof bits);
}

static void put_float(tn_wire_buffer *buffer, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    put(buffer, bits, sizeof bits);
}

static tn_status begin(tn_wire_buffer *buffer, tn_wire_type type, size_t payload, tn_error *error)
{
    if (payload >= TN_WIRE_RECORD_MAX)
        return tn_fail(error, TN_ERROR_DATA, "a record of %zu bytes is too long to be sent; expected less than %d", payload,
                       TN_WIRE_RECORD_MAX);
    tn_status status = reserve(buffer, HEADER + payload, error);
    if (status != TN_OK)
        return status;
    put(buffer, payload + 1, 4);
    put(buffer, (uint64_t)type, 1);
    return TN_OK;
}

tn_status tn_wire_put_text(tn_wire_buffer *buffer, tn_wire_type type, const char *json, tn_error *error)
{
    size_t length = strlen(json);
    tn_status status = begin(buffer, type, length, error);
    if (status == TN_OK)
        put_bytes(buffer, json, length);
    return status;
}

static void put_string(tn_wire_buffer *buffer, const char *string, size_t length)
{
    put_bytes(buffer, string, length);
    put(buffer, 0, 1);
}

tn_status tn_wire_put_tensor(tn_wire_buffer *buffer, uint32_t index, const tn_tensor_name *name, tn_error *error)
{
    const char *strings[3] = {name->node, name->parameter, name->op};
    size_t lengths[3], payload = TENSOR_FIXED;
    for (size_t i = 0; i < 3; i++) {
        lengths[i] = strings[i] ? strnlen(strings[i], NAME_MAX_BYTES) : 0;
        payload += lengths[i] + 1;
    }
    tn_status status = begin(buffer, TN_WIRE_TENSOR, payload, error);
    if (status != TN_OK)
        return status;
    put(buffer, index, 4);
    put(buffer, (uint64_t)name->role, 1);
    put(buffer, (name->parameter ? HAS_PARAMETER : 0) | (name->op ? HAS_OP : 0), 1);
    put(buffer, name->node_index, 8);
    put(buffer, name->count, 8);
    put(buffer, name->units, 8);
    for (size_t i = 0; i < 3; i++)
        put_string(buffer, strings[i], lengths[i]);
    return TN_OK;
}

tn_status tn_wire_put_vitals(tn_wire_buffer *buffer, uint64_t step, uint32_t index, const tn_vitals *vitals, tn_error *error)
{
    unsigned char packed[TN_VITALS_PACKED_MAX];
    size_t size = tn_vitals_pack(vitals, packed, sizeof packed);
    tn_status status = begin(buffer, TN_WIRE_VITALS, VITALS_FIXED + size, error);
    if (status != TN_OK)
        return status;
    put(buffer, step, 8);
    put(buffer, index, 4);
    put_bytes(buffer, packed, size);
    return TN_OK;
}

tn_status tn_wire_put_units(tn_wire_buffer *buffer, uint64_t step, uint32_t index, const tn_unit_vitals *units, uint64_t batch,
                            tn_error *error)
{
    if (units->units == 0 || units->units > TN_UNITS_MAX)
        return tn_fail(error, TN_ERROR_DATA, "%zu units of a tensor cannot be sent; expected 1 to %d", units->units, TN_UNITS_MAX);
    tn_status status = begin(buffer, TN_WIRE_UNITS, UNITS_FIXED + units->units * UNIT_SIZE, error);
    if (status != TN_OK)
        return status;
    put(buffer, step, 8);
    put(buffer, index, 4);
    put(buffer, units->units, 4);
    put(buffer, batch, 8);
    put(buffer, units->values, 8);
    put_float(buffer, units->low);
    put_float(buffer, units->high);
    for (size_t u = 0; u < units->units; u++) {
        const tn_unit *unit = &units->unit[u];
        put(buffer, unit->zeros, 8);
        put(buffer, unit->saturated, 8);
        put(buffer, unit->nonfinite, 8);
        put_float(buffer, unit->min);
        put_float(buffer, unit->max);
    }
    return TN_OK;
}

tn_status tn_wire_put_step(tn_wire_buffer *buffer, const tn_step *step, tn_error *error)
{
    tn_status status = begin(buffer, TN_WIRE_STEP, STEP_SIZE, error);
    if (status != TN_OK)
        return status;
    put(buffer, step->step, 8);
    put(buffer, step->samples, 8);
    put_double(buffer, step->loss);
    put_double(buffer, step->learning_rate);
    put_double(buffer, step->gradient_norm);
    return TN_OK;
}

tn_status tn_wire_put_score(tn_wire_buffer *buffer, const tn_score_point *point, tn_error *error)
{
    tn_status status = begin(buffer, TN_WIRE_SCORE, SCORE_SIZE, error);
    if (status != TN_OK)
        return status;
    put(buffer, point->step, 8);
    put(buffer, point->samples, 8);
    put_double(buffer, point->train_score);
    put_double(buffer, point->valid_score);
    put_double(buffer, point->train_loss);
    put_double(buffer, point->valid_loss);
    return TN_OK;
}

/* ---- reading ---- */

void tn_wire_reader_deinit(tn_wire_reader *reader)
{
    tn_wire_buffer_deinit(&reader->buffer);
    free(reader->units);
    *reader = (tn_wire_reader){0};
}

/* Takes back the NUL behind the last JSON. */
static void restore(tn_wire_reader *reader)
{
    if (reader->kept_at)
        reader->buffer.bytes[reader->kept_at] = reader->kept;
    reader->kept_at = 0;
}

tn_status tn_wire_feed(tn_wire_reader *reader, const void *bytes, size_t size, tn_error *error)
{
    tn_wire_buffer *buffer = &reader->buffer;
    restore(reader);
    size_t unread = buffer->size - reader->taken;
    if (size > UNREAD_MAX - unread)
        return tn_fail(error, TN_ERROR_DATA, "%zu bytes wait to be read and %zu more arrive; expected at most %d together", unread, size,
                       UNREAD_MAX);
    /* What was read goes when it is the larger part: each byte is moved once on average. */
    if (reader->taken > unread) {
        memmove(buffer->bytes, buffer->bytes + reader->taken, unread);
        buffer->size = unread;
        reader->taken = 0;
    }
    tn_status status = reserve(buffer, size + 1, error);
    if (status == TN_OK)
        put_bytes(buffer, bytes, size);
    return status;
}

/* Reads a payload whose size was checked. */
typedef struct cursor {
    const unsigned char *at;
} cursor;

static uint64_t get(cursor *from, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)*from->at++ << (8 * i);
    return value;
}

static double get_double(cursor *from)
{
    uint64_t bits = get(from, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float get_float(cursor *from)
{
    uint32_t bits = (uint32_t)get(from, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct type_rule {
    const char *name; /* NULL: there is no such type */
    size_t least, most;
} type_rule;

/* Sizes of payloads. */
static type_rule rule_of(unsigned type)
{
    static const type_rule RULES[] = {
        [TN_WIRE_HELLO] = {"HELLO", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_APPLIED] = {"APPLIED", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_FACTS] = {"FACTS", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_TENSOR] = {"TENSOR", TENSOR_FIXED + 3, TENSOR_MAX},
        [TN_WIRE_VITALS] = {"VITALS", VITALS_FIXED, VITALS_FIXED + TN_VITALS_PACKED_MAX},
        [TN_WIRE_UNITS] = {"UNITS", UNITS_FIXED + UNIT_SIZE, UNITS_FIXED + TN_UNITS_MAX * UNIT_SIZE},
        [TN_WIRE_STEP] = {"STEP", STEP_SIZE, STEP_SIZE},
        [TN_WIRE_SCORE] = {"SCORE", SCORE_SIZE, SCORE_SIZE},
        [TN_WIRE_SHOWN] = {"SHOWN", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_NOTE] = {"NOTE", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_END] = {"END", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_EXITED] = {"EXITED", 2, TN_WIRE_RECORD_MAX - 1},
        [TN_WIRE_STOP] = {"STOP", 0, 0},
        [TN_WIRE_FORK] = {"FORK", 2, TN_WIRE_RECORD_MAX - 1},
    };
    return type < sizeof RULES / sizeof RULES[0] ? RULES[type] : (type_rule){0};
}

static tn_status nonsense(const tn_wire_reader *reader, const char *what, tn_error *error)
{
    return tn_fail(error, TN_ERROR_DATA, "at byte %llu: %s", (unsigned long long)reader->offset, what);
}

/* Three strings, each with its NUL, and nothing after them. */
static bool get_strings(const unsigned char *bytes, size_t size, const char *strings[3])
{
    for (size_t i = 0; i < 3; i++) {
        const unsigned char *end = memchr(bytes, 0, size);
        if (!end)
            return false;
        strings[i] = (const char *)bytes;
        size -= (size_t)(end - bytes) + 1;
        bytes = end + 1;
    }
    return size == 0;
}

static tn_status decode_tensor(const tn_wire_reader *reader, const unsigned char *payload, size_t size, tn_wire_record *record,
                               tn_error *error)
{
    cursor from = {payload};
    record->index = (uint32_t)get(&from, 4);
    uint64_t role = get(&from, 1), has = get(&from, 1);
    tn_tensor_name *name = &record->tensor;
    name->node_index = (size_t)get(&from, 8);
    name->count = (size_t)get(&from, 8);
    name->units = (size_t)get(&from, 8);
    const char *strings[3];
    if (role > TN_ROLE_ACTIVATION_GRADIENT || has > (HAS_PARAMETER | HAS_OP))
        return nonsense(reader, "a TENSOR of an unknown role", error);
    if (name->units == 0 || name->count % name->units != 0)
        return nonsense(reader, "a TENSOR whose number of values is no multiple of its units", error);
    if (!get_strings(from.at, size - TENSOR_FIXED, strings) || strings[0][0] == '\0')
        return nonsense(reader, "a TENSOR whose names do not end where they should", error);
    name->role = (tn_role)role;
    name->node = strings[0];
    name->parameter = has & HAS_PARAMETER ? strings[1] : NULL;
    name->op = has & HAS_OP ? strings[2] : NULL;
    return TN_OK;
}

static tn_status decode_vitals(const tn_wire_reader *reader, const unsigned char *payload, size_t size, tn_wire_record *record,
                               tn_error *error)
{
    cursor from = {payload};
    record->step = get(&from, 8);
    record->index = (uint32_t)get(&from, 4);
    if (tn_vitals_unpack(from.at, size - VITALS_FIXED, &record->vitals, NULL) != TN_OK)
        return nonsense(reader, "VITALS whose counts do not fit each other", error);
    return TN_OK;
}

/* Whether a unit of `values` can be like that. */
static bool fits(const tn_unit *unit, uint64_t values)
{
    uint64_t finite = values - unit->nonfinite;
    if (unit->nonfinite > values || unit->zeros > finite || unit->saturated > finite)
        return false;
    if (finite == 0)
        return unit->min == INFINITY && unit->max == -INFINITY;
    return isfinite(unit->min) && isfinite(unit->max) && unit->min <= unit->max;
}

static tn_status reserve_units(tn_wire_reader *reader, size_t units, tn_error *error)
{
    if (units <= reader->unit_capacity)
        return TN_OK;
    free(reader->units);
    reader->units = malloc(units * sizeof *reader->units);
    reader->unit_capacity = reader->units ? units : 0;
    return reader->units ? TN_OK : tn_fail_memory(error, units * sizeof *reader->units);
}

static tn_status decode_units(tn_wire_reader *reader, const unsigned char *payload, size_t size, tn_wire_record *record, tn_error *error)
{
    cursor from = {payload};
    tn_unit_vitals *units = &record->units;
    record->step = get(&from, 8);
    record->index = (uint32_t)get(&from, 4);
    units->units = (size_t)get(&from, 4);
    record->batch = get(&from, 8);
    units->values = get(&from, 8);
    units->low = get_float(&from);
    units->high = get_float(&from);
    if (units->units != (size - UNITS_FIXED) / UNIT_SIZE || (size - UNITS_FIXED) % UNIT_SIZE != 0)
        return nonsense(reader, "UNITS of another number than it says", error);
    if (units->values == 0 || !(units->low <= units->high))
        return nonsense(reader, "UNITS without values, or whose limits make no sense", error);
    tn_status status = reserve_units(reader, units->units, error);
    if (status != TN_OK)
        return status;
    units->unit = reader->units;
    for (size_t u = 0; u < units->units; u++) {
        tn_unit *unit = &units->unit[u];
        unit->zeros = get(&from, 8);
        unit->saturated = get(&from, 8);
        unit->nonfinite = get(&from, 8);
        unit->min = get_float(&from);
        unit->max = get_float(&from);
        if (!fits(unit, units->values))
            return nonsense(reader, "UNITS whose counts do not fit each other", error);
    }
    return TN_OK;
}

static void decode_step(const unsigned char *payload, tn_step *step)
{
    cursor from = {payload};
    *step = (tn_step){.wall_ns = 0}; /* programs do not tell it */
    step->step = get(&from, 8);
    step->samples = get(&from, 8);
    step->loss = get_double(&from);
    step->learning_rate = get_double(&from);
    step->gradient_norm = get_double(&from);
}

static void decode_score(const unsigned char *payload, tn_score_point *point)
{
    cursor from = {payload};
    point->step = get(&from, 8);
    point->samples = get(&from, 8);
    point->train_score = get_double(&from);
    point->valid_score = get_double(&from);
    point->train_loss = get_double(&from);
    point->valid_loss = get_double(&from);
}

static tn_status decode_text(tn_wire_reader *reader, unsigned char *payload, size_t size, tn_wire_record *record, tn_error *error)
{
    if (memchr(payload, 0, size))
        return nonsense(reader, "a text with a NUL in it; expected JSON", error);
    reader->kept_at = (size_t)(payload + size - reader->buffer.bytes);
    reader->kept = payload[size];
    payload[size] = '\0';
    record->json = (const char *)payload;
    record->json_length = size;
    return TN_OK;
}

static tn_status decode(tn_wire_reader *reader, unsigned char *payload, size_t size, tn_wire_record *record, tn_error *error)
{
    switch (record->type) {
    case TN_WIRE_TENSOR:
        return decode_tensor(reader, payload, size, record, error);
    case TN_WIRE_VITALS:
        return decode_vitals(reader, payload, size, record, error);
    case TN_WIRE_UNITS:
        return decode_units(reader, payload, size, record, error);
    case TN_WIRE_STEP:
        decode_step(payload, &record->scalars);
        return TN_OK;
    case TN_WIRE_SCORE:
        decode_score(payload, &record->score);
        return TN_OK;
    case TN_WIRE_STOP:
        return TN_OK;
    default:
        return decode_text(reader, payload, size, record, error);
    }
}

/* Length and type are judged as soon as they are there, so that nobody waits for the rest of a record that cannot be. */
static tn_status check_header(const tn_wire_reader *reader, size_t length, unsigned type, tn_error *error)
{
    type_rule rule = rule_of(type);
    char what[160];
    if (!rule.name) {
        snprintf(what, sizeof what, "a record of type %u, which there is not; something else than tenet writes to this socket", type);
        return nonsense(reader, what, error);
    }
    size_t payload = length - 1; /* of length 0: far too long */
    if (payload >= rule.least && payload <= rule.most)
        return TN_OK;
    snprintf(what, sizeof what, "a %s of %zu bytes; expected %zu to %zu", rule.name, length, rule.least + 1, rule.most + 1);
    return nonsense(reader, what, error);
}

tn_status tn_wire_next(tn_wire_reader *reader, tn_wire_record *record, bool *has, tn_error *error)
{
    *has = false;
    restore(reader);
    size_t unread = reader->buffer.size - reader->taken;
    if (unread < HEADER)
        return TN_OK;
    unsigned char *bytes = reader->buffer.bytes + reader->taken;
    cursor from = {bytes};
    size_t length = (size_t)get(&from, 4);
    unsigned type = (unsigned)get(&from, 1);
    tn_status status = check_header(reader, length, type, error);
    if (status != TN_OK || unread < 4 + length)
        return status;
    record->type = (tn_wire_type)type;
    record->json = NULL;
    record->json_length = 0;
    status = decode(reader, bytes + HEADER, length - 1, record, error);
    if (status != TN_OK)
        return status;
    reader->taken += 4 + length;
    reader->offset += 4 + length;
    *has = true;
    return TN_OK;
}
