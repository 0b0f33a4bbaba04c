/* fuzz_text.c: any bytes as a text. The first two choose time, stride, unit, vocabulary and masking; reading ends in windows whose numbers are all below the vocabulary, or in an error with a message. */
#include <stdlib.h>

#include "data/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static double value_of(const tn_array *array, size_t i)
{
    return array->bytes != NULL ? array->bytes[i] : (double)array->floats[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    tn_error error = {0};
    tn_source *source = tn_source_new();
    if (source == NULL)
        return 0;
    const tn_text_options options = {.unit = data[0] & 0x80   ? TN_TEXT_WORDS
                                             : data[0] & 0x40 ? TN_TEXT_PIECES
                                                              : TN_TEXT_CHARACTERS,
                                     .time = (size_t)data[0] % 32 + 1,
                                     .stride = (size_t)data[1] % 32 + 1,
                                     .vocabulary = data[1] & 0x40 ? 3 : 0,
                                     .masked = data[1] & 0x80 ? 0.5 : 0,
                                     .seed = 1};
    tn_status status = tn_text_parse(data + 2, size - 2, &options, NULL, 0, source, &error);
    if (status == TN_OK)
        status = tn_source_complete(source, &error);
    if (status != TN_OK && error.message[0] == '\0')
        abort();
    for (size_t i = 0; status == TN_OK && i < source->inputs.count; i++) {
        if (!(value_of(&source->inputs, i) < (double)source->class_count) || !(value_of(&source->labels, i) < (double)source->class_count))
            abort();
    }
    tn_source_release(source);
    return 0;
}
