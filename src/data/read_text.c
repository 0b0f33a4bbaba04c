/* read_text.c: a text in UTF-8 as windows of characters, each labelled by the character behind it: what a language model trains on.
 *
 * Sample i holds the characters i * stride .. i * stride + time - 1 as numbers, and its labels are those one further on. The characters that occur are numbered in the order of Unicode; their
 * names are the vocabulary (class_names), which reports and the run keep. What is left at the end of the text and fills no window is not used. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/reader.h"

enum { CODES = 0x110000, BYTES_OF_CODE = 4 };

/* The code point at bytes [size] and how many bytes it takes; 0 bytes: this is no UTF-8. */
static size_t decode(const uint8_t *bytes, size_t size, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const uint8_t first = bytes[0];
    const size_t length = first < 0x80 ? 1 : first < 0xC0 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF8 ? 4 : 0;
    if (length == 0 || length > size)
        return 0;
    *code = length == 1 ? first : first & (0xFFu >> (length + 1));
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80)
            return 0;
        *code = *code << 6 | (bytes[i] & 0x3Fu);
    }
    return *code >= least[length] && *code < CODES && !(*code >= 0xD800 && *code < 0xE000) ? length : 0;
}

static void encode(uint32_t code, char text[BYTES_OF_CODE + 1])
{
    size_t at = 0;
    if (code < 0x80) {
        text[at++] = (char)code;
    } else {
        const size_t length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
        static const unsigned marks[] = {0, 0, 0xC0, 0xE0, 0xF0};
        text[at++] = (char)(marks[length] | code >> 6 * (length - 1));
        for (size_t i = length - 1; i-- > 0;)
            text[at++] = (char)(0x80u | (code >> 6 * i & 0x3Fu));
    }
    text[at] = '\0';
}

/* numbers [size]: the code points of the text, *count of them. seen [CODES]: 1 where a code occurs. */
static tn_status read_codes(const uint8_t *bytes, size_t size, uint32_t *numbers, size_t *count, uint32_t *seen, tn_error *error)
{
    *count = 0;
    for (size_t at = 0, length; at < size; at += length) {
        uint32_t code;
        length = decode(bytes + at, size - at, &code);
        if (length == 0)
            return tn_fail(error, TN_ERROR_DATA, "is no text in UTF-8: byte %zu is %02x, out of place; convert it, or check the path", at,
                           bytes[at]);
        if (code == 0)
            return tn_fail(error, TN_ERROR_DATA, "holds a zero byte, at %zu; a text has none", at);
        seen[code] = 1;
        numbers[(*count)++] = code;
    }
    return TN_OK;
}

/* Puts each code's number into seen, and their names into the source. */
static tn_status number_codes(uint32_t *seen, tn_source *source, tn_error *error)
{
    size_t count = 0;
    for (size_t code = 0; code < CODES; code++)
        count += seen[code];
    source->class_names = tn_memory_create(count, sizeof *source->class_names);
    if (source->class_names == NULL)
        return tn_fail_memory(error, count * sizeof *source->class_names);
    for (uint32_t code = 0; code < CODES; code++) {
        if (seen[code] == 0)
            continue;
        char text[BYTES_OF_CODE + 1];
        encode(code, text);
        source->class_names[source->class_count] = tn_string_copy(text);
        if (source->class_names[source->class_count] == NULL)
            return tn_fail_memory(error, sizeof text);
        seen[code] = (uint32_t)source->class_count++;
    }
    return TN_OK;
}

/* One array of windows that begin `shift` characters late. */
static tn_status cut_windows(const uint32_t *numbers, const uint32_t *seen, size_t samples, size_t time, size_t stride, size_t shift,
                             bool narrow, tn_array *array, tn_error *error)
{
    const size_t dims[] = {samples, time};
    size_t size;
    *array = (tn_array){.rank = 2, .dims = {samples, time}};
    tn_status status = tn_array_measure(2, dims, narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32, &array->count, &size, error);
    if (status != TN_OK)
        return status;
    uint8_t *block = tn_memory_create(size, 1);
    if (block == NULL)
        return tn_fail_memory(error, size);
    for (size_t i = 0; i < array->count; i++) {
        const uint32_t number = seen[numbers[i / time * stride + i % time + shift]];
        if (narrow)
            block[i] = (uint8_t)number;
        else
            ((float *)(void *)block)[i] = (float)number;
    }
    return tn_array_adopt(array, block, (tn_raw_form){.type = narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32}, block, error);
}

tn_status tn_text_parse(const uint8_t *bytes, size_t size, size_t time, size_t stride, tn_source *source, tn_error *error)
{
    size_t count = 0;
    uint32_t *numbers = tn_memory_create(size, sizeof *numbers), *seen = tn_memory_create(CODES, sizeof *seen);
    tn_status status = numbers != NULL && seen != NULL ? TN_OK : tn_fail_memory(error, size * sizeof *numbers);
    if (status == TN_OK)
        status = read_codes(bytes, size, numbers, &count, seen, error);
    if (status == TN_OK && count < time + 1)
        status =
            tn_fail(error, TN_ERROR_DATA, "holds %zu characters; a window of %zu and the one behind it take %zu. Make \"time\" smaller",
                    count, time, time + 1);
    if (status == TN_OK)
        status = number_codes(seen, source, error);
    if (status == TN_OK) {
        const size_t samples = (count - time - 1) / stride + 1;
        const bool narrow = source->class_count <= 256;
        source->labels_each_step = source->are_tokens = true;
        status = cut_windows(numbers, seen, samples, time, stride, 0, narrow, &source->inputs, error);
        if (status == TN_OK)
            status = cut_windows(numbers, seen, samples, time, stride, 1, narrow, &source->labels, error);
    }
    tn_memory_destroy(numbers);
    tn_memory_destroy(seen);
    return status;
}

tn_status tn_read_text(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    const json_t *given = json_object_get(description, "stride");
    const size_t time = (size_t)json_integer_value(json_object_get(description, "time"));
    const size_t stride = json_is_integer(given) ? (size_t)json_integer_value(given) : time;
    tn_status status = tn_reader_map(hypes, description, "file", &source->input_file, source, error);
    if (status != TN_OK)
        return status;
    status = tn_text_parse(source->input_file.bytes, source->input_file.size, time, stride, source, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, 0, NULL);
    tn_file_unmap(&source->input_file);
    return status;
}
