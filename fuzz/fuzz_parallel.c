/* fuzz_parallel.c: any bytes as two texts, line for line. The first chooses time, unit and vocabulary; a byte 0xFF parts the texts. Reading ends in sequences whose numbers are all below the vocabulary, or in an
 * error with a message. */
#include <stdlib.h>
#include <string.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double value_of(const tn_array *array, size_t i)
{
    return array->bytes != NULL ? array->bytes[i] : (double)array->floats[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 1 ? memchr(data + 1, 0xFF, size - 1) : NULL;
    if (end == NULL)
        return 0;
    const tn_parallel_text texts[2] = {{data + 1, (size_t)(end - data) - 1}, {end + 1, size - (size_t)(end - data) - 1}};
    const tn_parallel_options options = {.unit = data[0] & 0x80   ? TN_TEXT_WORDS
                                                 : data[0] & 0x20 ? TN_TEXT_PIECES
                                                                  : TN_TEXT_CHARACTERS,
                                         .time = (size_t)data[0] % 32 + 1,
                                         .vocabulary = data[0] & 0x40 ? 3 : 0,
                                         .names = {"source", "target"}};
    tn_error error = {0};
    tn_source *source = tn_source_new();
    if (source == NULL)
        return 0;
    tn_status status = tn_parallel_parse(texts, &options, texts, source, &error);
    if (status == TN_OK)
        status = tn_source_complete(source, &error);
    if (status != TN_OK && error.message[0] == '\0')
        abort();
    for (size_t i = 0; status == TN_OK && i < source->inputs.count; i++) {
        const double token = value_of(&source->inputs, i), told = value_of(&source->labels, i);
        if (!(token >= 0 && token < (double)source->class_count) || !(told >= -1 && told < (double)source->class_count))
            abort();
    }
    tn_source_release(source);
    return 0;
}
