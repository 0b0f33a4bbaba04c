/* text_tokens.c: see text_tokens.h. */
#include "data/text_tokens.h"

#include <assert.h>
#include <string.h>

#include "base/memory.h"

uint32_t tn_special_add(tn_special_tokens *special, const char *name)
{
    assert(special->count < TN_SPECIAL_TOKENS_MAX);
    special->names[special->count] = name;
    return (uint32_t)special->count++;
}

tn_status tn_text_name_tokens(const tn_vocabulary *vocabulary, const tn_special_tokens *special, tn_source *source, tn_error *error)
{
    source->class_names = tn_memory_create(vocabulary->numbers, sizeof *source->class_names);
    if (source->class_names == NULL)
        return tn_fail_memory(error, vocabulary->numbers * sizeof *source->class_names);
    source->class_count = vocabulary->numbers;
    for (size_t i = 0; i < special->count; i++) {
        source->class_names[i] = tn_string_copy(special->names[i]);
        if (source->class_names[i] == NULL)
            return tn_fail_memory(error, strlen(special->names[i]) + 1);
    }
    return tn_vocabulary_names(vocabulary, source->class_names, error);
}

size_t tn_text_size(const json_t *description, const char *key, size_t other)
{
    const json_t *value = json_object_get(description, key);
    return json_is_integer(value) ? (size_t)json_integer_value(value) : other;
}

tn_text_unit tn_text_unit_of(const json_t *description, tn_text_unit otherwise)
{
    static const char *const names[] = {[TN_TEXT_CHARACTERS] = "character", [TN_TEXT_WORDS] = "word", [TN_TEXT_PIECES] = "piece"};
    const char *unit = json_string_value(json_object_get(description, "unit"));
    for (size_t i = 0; unit != NULL && i < sizeof names / sizeof *names; i++)
        if (strcmp(unit, names[i]) == 0)
            return (tn_text_unit)i;
    return otherwise;
}

static bool is_masked(const json_t *description)
{
    return json_number_value(json_object_get(description, "masked")) > 0;
}

/* Whether two sources would number the same text alike; what the second leaves out it takes from the first. */
static bool number_alike(const json_t *training, const json_t *description, tn_text_unit otherwise)
{
    const tn_text_unit unit = tn_text_unit_of(training, otherwise);
    const size_t vocabulary = tn_text_size(training, "vocabulary", 0);
    return tn_text_unit_of(description, unit) == unit && tn_text_size(description, "vocabulary", vocabulary) == vocabulary &&
           is_masked(description) == is_masked(training);
}

tn_status tn_text_training(const tn_hypes *hypes, const json_t *description, tn_text_unit otherwise, const json_t **training,
                           tn_error *error)
{
    const json_t *train = tn_hypes_value(hypes, "data.train");
    const char *format = json_string_value(json_object_get(train, "format"));
    const char *own = json_string_value(json_object_get(description, "format"));
    *training = description;
    if (train == description || format == NULL || own == NULL || strcmp(format, own) != 0)
        return TN_OK;
    *training = train;
    if (number_alike(train, description, otherwise))
        return TN_OK;
    return tn_hypes_fail(
        hypes, tn_hypes_value(hypes, "data.valid") == description ? "data.valid" : "data.test", error,
        "a validation or test text is read in the unit and the vocabulary of data.train, and masked where that is, and this "
        "one asks for others; leave \"unit\" and \"vocabulary\" out here, and say \"masked\" in both or in neither");
}

tn_status tn_numbers_begin(tn_numbers *numbers, size_t samples, size_t time, bool narrow, tn_array *array, tn_error *error)
{
    const size_t dims[] = {samples, time};
    size_t size;
    *numbers = (tn_numbers){.narrow = narrow};
    *array = (tn_array){.rank = 2, .dims = {samples, time}};
    tn_status status = tn_array_measure(2, dims, narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32, &array->count, &size, error);
    if (status != TN_OK)
        return status;
    numbers->bytes = tn_memory_create(size, 1);
    return numbers->bytes != NULL ? TN_OK : tn_fail_memory(error, size);
}

void tn_numbers_put(const tn_numbers *numbers, size_t i, float number)
{
    if (numbers->narrow)
        numbers->bytes[i] = (uint8_t)number;
    else
        ((float *)(void *)numbers->bytes)[i] = number;
}

tn_status tn_numbers_end(tn_numbers *numbers, tn_array *array, tn_error *error)
{
    uint8_t *bytes = numbers->bytes;
    numbers->bytes = NULL;
    return tn_array_adopt(array, bytes, (tn_raw_form){.type = numbers->narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32}, bytes, error);
}

tn_status tn_numbers_finish(tn_status status, tn_numbers *inputs, tn_numbers *labels, tn_source *source, tn_error *error)
{
    if (status == TN_OK)
        status = tn_numbers_end(inputs, &source->inputs, error);
    if (status == TN_OK)
        status = tn_numbers_end(labels, &source->labels, error);
    tn_memory_destroy(inputs->bytes);
    tn_memory_destroy(labels->bytes);
    return status;
}
