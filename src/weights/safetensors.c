/* safetensors.c: the format that Hugging Face made in place of pickles: https://github.com/huggingface/safetensors
 *
 * 8 bytes: the length n of the header, little-endian. n bytes of JSON: {"NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ..., "__metadata__": {"key": "text"}},
 * padded with spaces. Then the values; offsets count from the end of the header.
 *
 * What a file claims is held against what is there: the header lies inside of the file and is at most HEADER_MAX long; shapes multiply without overflow and fit their offsets; offsets lie
 * inside of the file, overlap nowhere and leave no gap, so that nothing is hidden between tensors. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "weights/weights.h"

/* Bytes of a header: about 100,000 tensors. The format's own limit is 100 MB, which as a tree of JSON takes gigabytes. */
enum { LENGTH_BYTES = 8, HEADER_MAX = 1 << 24 };

typedef struct dtype_row {
    const char *name;
    size_t size;         /* bytes of a value; 0: less than a byte */
    tn_value_type type;  /* where it is read */
    const char *skipped; /* where it is not */
} dtype_row;

static const char WHOLE[] = "whole numbers, which are no weights", TINY[] = "a quantised type, whose scale stands elsewhere",
                  COMPLEX[] = "complex numbers";
static const dtype_row DTYPES[] = {
    {"F32", 4, TN_VALUE_FLOAT32, NULL},
    {"F16", 2, TN_VALUE_FLOAT16, NULL},
    {"BF16", 2, TN_VALUE_BFLOAT16, NULL},
    {"F64", 8, TN_VALUE_FLOAT64, NULL},
    {"I64", 8, 0, WHOLE},
    {"I32", 4, 0, WHOLE},
    {"I16", 2, 0, WHOLE},
    {"I8", 1, 0, WHOLE},
    {"U64", 8, 0, WHOLE},
    {"U32", 4, 0, WHOLE},
    {"U16", 2, 0, WHOLE},
    {"U8", 1, 0, WHOLE},
    {"BOOL", 1, 0, "truth values"},
    {"F8_E5M2", 1, 0, TINY},
    {"F8_E4M3", 1, 0, TINY},
    {"F8_E8M0", 1, 0, TINY},
    {"F8_E4M3FNUZ", 1, 0, TINY},
    {"F8_E5M2FNUZ", 1, 0, TINY},
    {"F6_E2M3", 0, 0, TINY},
    {"F6_E3M2", 0, 0, TINY},
    {"F4", 0, 0, TINY},
    {"C64", 8, 0, COMPLEX},
};

static const dtype_row *find_dtype(const char *name)
{
    for (size_t i = 0; name && i < sizeof DTYPES / sizeof *DTYPES; i++)
        if (strcmp(DTYPES[i].name, name) == 0)
            return &DTYPES[i];
    return NULL;
}

/* A non-negative whole number of JSON. */
static bool read_size(const json_t *value, size_t *size)
{
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *size = (size_t)json_integer_value(value);
    return true;
}

static tn_status fail_tensor(tn_error *error, const char *name, const char *what)
{
    return tn_fail(error, TN_ERROR_DATA, "is no sound safetensors file: tensor '%.100s' %s; fetch or save it again", name, what);
}

/* Where a tensor's values lie, to look for overlaps. */
typedef struct span {
    size_t begin, end;
    const char *name; /* of the JSON */
} span;

static int compare_spans(const void *a, const void *b)
{
    const span *one = a, *other = b;
    if (one->begin != other->begin)
        return one->begin < other->begin ? -1 : 1;
    return one->end < other->end ? -1 : one->end > other->end;
}

static tn_status read_shape(const json_t *shape, const char *name, tn_weight *weight, tn_error *error)
{
    if (!json_is_array(shape))
        return fail_tensor(error, name, "has no \"shape\"");
    if (json_array_size(shape) > TN_WEIGHTS_RANK_MAX)
        return fail_tensor(error, name, "has more than 8 dimensions");
    weight->rank = json_array_size(shape);
    weight->count = 1;
    for (size_t i = 0; i < weight->rank; i++)
        if (!read_size(json_array_get(shape, i), &weight->dims[i]) || !tn_size_multiply(weight->count, weight->dims[i], &weight->count))
            return fail_tensor(error, name, "has a \"shape\" that is no list of sizes, or whose product overflows");
    return TN_OK;
}

/* Names are shown on terminals. */
static bool is_printable(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return length > 0 && length < TN_WEIGHTS_NAME_MAX;
}

static tn_status read_tensor(const char *name, const json_t *entry, const uint8_t *data, size_t data_size, tn_weights *weights, span *place,
                             tn_error *error)
{
    if (!is_printable(name, strlen(name)))
        return tn_fail(error, TN_ERROR_DATA,
                       "is no sound safetensors file: a tensor's name is empty, over 255 bytes long, or holds control characters");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    const char *type = json_string_value(json_object_get(entry, "dtype"));
    const dtype_row *dtype = find_dtype(type);
    if (!type)
        return fail_tensor(error, name, "has no \"dtype\"");
    if (!json_is_array(offsets) || json_array_size(offsets) != 2 || !read_size(json_array_get(offsets, 0), &place->begin) ||
        !read_size(json_array_get(offsets, 1), &place->end) || place->begin > place->end || place->end > data_size)
        return fail_tensor(error, name, "has \"data_offsets\" that do not lie inside of the file (it may be cut short)");
    place->name = name;
    tn_weight *weight = tn_weights_add(weights, name, strlen(name));
    if (!weight)
        return tn_fail_memory(error, sizeof *weight);
    tn_status status = read_shape(json_object_get(entry, "shape"), name, weight, error);
    if (status != TN_OK)
        return status;
    size_t bytes;
    if (dtype && dtype->size > 0 && (!tn_size_multiply(weight->count, dtype->size, &bytes) || bytes != place->end - place->begin))
        return fail_tensor(error, name, "has a \"shape\" that does not fit its \"data_offsets\"");
    weight->skipped = !dtype ? "a type that this tenet does not know" : weight->count == 0 ? "empty" : dtype->skipped;
    if (!weight->skipped) {
        weight->type = dtype->type;
        weight->bytes = data + place->begin;
    }
    return TN_OK;
}

/* Values that lie over each other, or bytes that belong to no tensor, are how a file hides something. */
static tn_status check_spans(span *spans, size_t count, size_t data_size, tn_error *error)
{
    size_t at = 0;
    qsort(spans, count, sizeof *spans, compare_spans);
    for (size_t i = 0; i < count; i++) {
        if (spans[i].begin != at)
            return fail_tensor(error, spans[i].name, spans[i].begin < at ? "overlaps another" : "leaves a gap before it");
        at = spans[i].end;
    }
    return at == data_size
               ? TN_OK
               : tn_fail(error, TN_ERROR_DATA,
                         "is no sound safetensors file: %zu bytes at its end belong to no tensor; fetch or save it again", data_size - at);
}

static tn_status read_tensors(const json_t *header, const uint8_t *data, size_t data_size, tn_weights *weights, tn_error *error)
{
    span *spans = tn_memory_create(json_object_size(header) + 1, sizeof *spans);
    if (!spans)
        return tn_fail_memory(error, json_object_size(header) * sizeof *spans);
    tn_status status = TN_OK;
    const char *name;
    json_t *entry;
    /* jansson's loop is over const objects too, but its macro wants a plain one. */
    json_object_foreach((json_t *)(uintptr_t)header, name, entry)
    {
        if (strcmp(name, "__metadata__") == 0) {
            const char *format = json_string_value(json_object_get(entry, "format"));
            weights->by_tenet = format && strcmp(format, "tenet") == 0;
            continue;
        }
        status = read_tensor(name, entry, data, data_size, weights, &spans[weights->count], error);
        if (status != TN_OK)
            break;
    }
    if (status == TN_OK)
        status = check_spans(spans, weights->count, data_size, error);
    tn_memory_destroy(spans);
    return status;
}

/* jansson does not always say that memory was out: where the text is good the second time, the mistake was not in it. */
static tn_status read_header(const char *text, size_t length, json_t **header, tn_error *error)
{
    json_error_t mistake;
    *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &mistake);
    if (*header)
        return TN_OK;
    json_t *again = json_loadb(text, length, JSON_REJECT_DUPLICATES, NULL);
    bool memory = again || !mistake.text[0] || json_error_code(&mistake) == json_error_out_of_memory;
    json_decref(again);
    if (memory)
        return tn_fail_memory(error, length);
    return tn_fail(error, TN_ERROR_DATA, "has a safetensors header that is no JSON, at byte %d of it: %.100s; fetch or save it again",
                   mistake.position, mistake.text);
}

tn_status tn_safetensors_parse(const uint8_t *bytes, size_t size, tn_weights *weights, tn_error *error)
{
    uint64_t length = 0;
    if (size < LENGTH_BYTES)
        return tn_fail(error, TN_ERROR_DATA, "is cut short at byte %zu, inside the length of a safetensors header; fetch or save it again",
                       size);
    for (size_t i = LENGTH_BYTES; i-- > 0;)
        length = length << 8 | bytes[i];
    if (length > HEADER_MAX)
        return tn_fail(
            error, TN_ERROR_DATA,
            "claims a safetensors header of %llu bytes; at most %d are read. Its first bytes are damaged, or it is no safetensors file",
            (unsigned long long)length, HEADER_MAX);
    if (length > size - LENGTH_BYTES)
        return tn_fail(error, TN_ERROR_DATA,
                       "is cut short at byte %zu, inside its safetensors header of %llu bytes; fetch or save it again", size,
                       (unsigned long long)length);
    json_t *header = NULL;
    tn_status status = read_header((const char *)bytes + LENGTH_BYTES, (size_t)length, &header, error);
    if (status != TN_OK)
        return status;
    const uint8_t *data = bytes + LENGTH_BYTES + length;
    status = json_is_object(header) ? read_tensors(header, data, size - LENGTH_BYTES - (size_t)length, weights, error)
                                    : tn_fail(error, TN_ERROR_DATA, "has a safetensors header that is no JSON object");
    json_decref(header);
    return status;
}
