/* read_text.c: a text in UTF-8 as windows of tokens (characters or words, vocabulary.h), each labelled by the token behind it: what a language model trains on. Or, masked, some tokens of a window are
 * replaced by one that says so, and they alone are labels: what a model that reads in both directions trains on (Devlin et al. 2018, arXiv:1810.04805, but that all chosen tokens are masked).
 *
 * Sample i holds the tokens i * stride .. i * stride + time - 1 as numbers, and its labels are those one further on. The names of the tokens (class_names) are what reports and the run keep. What is
 * left at the end of the text and fills no window is not used. Numbers are those of the training's text, also for a validation or test text of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/reader.h"
#include "data/vocabulary.h"

/* A text on its way to windows. */
typedef struct windows {
    const tn_text_options *options;
    const uint32_t *numbers; /* of all tokens */
    size_t samples;
    uint32_t mask;
} windows;

/* Tokens that stand in no text: the numbers before those of the words. */
typedef struct special_tokens {
    size_t count;
    const char *names[2];
    uint32_t unknown, mask;
} special_tokens;

static special_tokens special_of(const tn_text_options *options)
{
    special_tokens made = {.unknown = TN_TOKEN_NONE, .mask = TN_TOKEN_NONE};
    if (options->vocabulary > 0) {
        made.unknown = (uint32_t)made.count;
        made.names[made.count++] = "<unknown>";
    }
    if (options->masked > 0) {
        made.mask = (uint32_t)made.count;
        made.names[made.count++] = "<mask>";
    }
    return made;
}

static tn_status name_tokens(const tn_vocabulary *vocabulary, const special_tokens *special, tn_source *source, tn_error *error)
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

static tn_status make_array(size_t samples, size_t time, bool narrow, tn_array *array, uint8_t **block, tn_error *error)
{
    const size_t dims[] = {samples, time};
    size_t size;
    *array = (tn_array){.rank = 2, .dims = {samples, time}};
    tn_status status = tn_array_measure(2, dims, narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32, &array->count, &size, error);
    if (status != TN_OK)
        return status;
    *block = tn_memory_create(size, 1);
    return *block != NULL ? TN_OK : tn_fail_memory(error, size);
}

static void put(uint8_t *block, bool narrow, size_t i, float number)
{
    if (narrow)
        block[i] = (uint8_t)number;
    else
        ((float *)(void *)block)[i] = number;
}

static tn_status adopt(uint8_t *block, bool narrow, tn_array *array, tn_error *error)
{
    return tn_array_adopt(array, block, (tn_raw_form){.type = narrow ? TN_RAW_UINT8 : TN_RAW_FLOAT32}, block, error);
}

/* One array of windows that begin `shift` tokens late. */
static tn_status cut_windows(const windows *of, size_t shift, bool narrow, tn_array *array, tn_error *error)
{
    const size_t time = of->options->time;
    uint8_t *block;
    tn_status status = make_array(of->samples, time, narrow, array, &block, error);
    for (size_t i = 0; status == TN_OK && i < array->count; i++) {
        const uint32_t number = of->numbers[i / time * of->options->stride + i % time + shift];
        put(block, narrow, i, (float)number);
    }
    return status == TN_OK ? adopt(block, narrow, array, error) : status;
}

/* Both arrays: tokens, some of them masked, and what they were; -1 for all others. */
static tn_status mask_windows(const windows *of, bool narrow, tn_source *source, tn_error *error)
{
    const size_t time = of->options->time;
    uint8_t *inputs, *labels;
    tn_status status = make_array(of->samples, time, narrow, &source->inputs, &inputs, error);
    if (status != TN_OK)
        return status;
    tn_rng rng;
    tn_rng_init(&rng, of->options->seed, TN_STREAM_SAMPLES);
    status = make_array(of->samples, time, false, &source->labels, &labels, error);
    for (size_t i = 0; status == TN_OK && i < source->inputs.count; i++) {
        const uint32_t number = of->numbers[i / time * of->options->stride + i % time];
        const bool is_masked = tn_rng_uniform(&rng) < of->options->masked;
        put(inputs, narrow, i, (float)(is_masked ? of->mask : number));
        put(labels, false, i, is_masked ? (float)number : -1);
    }
    if (status != TN_OK) {
        tn_memory_destroy(inputs);
        return status;
    }
    status = adopt(labels, false, &source->labels, error);
    if (status == TN_OK)
        return adopt(inputs, narrow, &source->inputs, error);
    tn_memory_destroy(inputs);
    return status;
}

/* Numbers of all tokens of bytes [size] to windows of them. */
static tn_status cut(const tn_text_options *options, const special_tokens *special, const uint32_t *numbers, size_t count,
                     tn_source *source, tn_error *error)
{
    const size_t time = options->time, behind = options->masked > 0 ? 0 : 1;
    const char *unit = options->are_words ? "words" : "characters";
    if (count < time + behind)
        return tn_fail(error, TN_ERROR_DATA, "holds %zu %s; a window of %zu%s needs %zu. Make \"time\" smaller", count, unit, time,
                       behind > 0 ? " and the one behind it" : "", time + behind);
    const windows of = {
        .options = options, .numbers = numbers, .samples = (count - time - behind) / options->stride + 1, .mask = special->mask};
    const bool narrow = source->class_count <= 256;
    source->labels_each_step = source->are_tokens = source->are_windows = true;
    source->rows_follow = options->stride == time;
    source->overlap = (time - 1) / options->stride;
    if (options->masked > 0)
        return mask_windows(&of, narrow, source, error);
    tn_status status = cut_windows(&of, 0, narrow, &source->inputs, error);
    return status == TN_OK ? cut_windows(&of, 1, narrow, &source->labels, error) : status;
}

tn_status tn_text_parse(const uint8_t *bytes, size_t size, const tn_text_options *options, const uint8_t *training, size_t training_size,
                        tn_source *source, tn_error *error)
{
    const special_tokens special = special_of(options);
    size_t count = 0;
    uint32_t *numbers = tn_memory_create(size, sizeof *numbers);
    tn_vocabulary vocabulary;
    tn_vocabulary_init(&vocabulary, options->are_words);
    tn_status status = numbers != NULL ? TN_OK : tn_fail_memory(error, size * sizeof *numbers);
    if (status == TN_OK)
        status = tn_vocabulary_add(&vocabulary, training != NULL ? training : bytes, training != NULL ? training_size : size, error);
    if (status == TN_OK)
        status = tn_vocabulary_close(&vocabulary, options->vocabulary, special.count, special.unknown, error);
    if (status == TN_OK)
        status = name_tokens(&vocabulary, &special, source, error);
    if (status == TN_OK)
        status = tn_vocabulary_number(&vocabulary, bytes, size, numbers, &count, error);
    if (status == TN_OK)
        status = cut(options, &special, numbers, count, source, error);
    tn_memory_destroy(numbers);
    tn_vocabulary_deinit(&vocabulary);
    return status;
}

static size_t size_or(const json_t *description, const char *key, size_t other)
{
    const json_t *value = json_object_get(description, key);
    return json_is_integer(value) ? (size_t)json_integer_value(value) : other;
}

static bool asks_for_words(const json_t *description)
{
    const char *unit = json_string_value(json_object_get(description, "unit"));
    return unit != NULL && strcmp(unit, "word") == 0;
}

/* Whether two sources would number the same text alike; what the second leaves out it takes from the first. */
static bool number_alike(const json_t *training, const json_t *description)
{
    return (json_object_get(description, "unit") == NULL || asks_for_words(description) == asks_for_words(training)) &&
           (json_object_get(description, "vocabulary") == NULL ||
            size_or(description, "vocabulary", 0) == size_or(training, "vocabulary", 0)) &&
           (json_number_value(json_object_get(description, "masked")) > 0) == (json_number_value(json_object_get(training, "masked")) > 0);
}

/* The text of data.train, whose tokens have the numbers; nothing where it is the source that is read, or of another format. */
static tn_status map_training(const tn_hypes *hypes, const json_t *description, const json_t **training, tn_file *file, tn_error *error)
{
    const json_t *train = tn_hypes_value(hypes, "data.train");
    const char *format = json_string_value(json_object_get(train, "format"));
    *training = description;
    if (train == description || format == NULL || strcmp(format, "text") != 0)
        return TN_OK;
    if (!number_alike(train, description))
        return tn_hypes_fail(
            hypes, tn_hypes_value(hypes, "data.valid") == description ? "data.valid" : "data.test", error,
            "a validation or test text is read in the unit and the vocabulary of data.train, and masked where that is, and this "
            "one asks for others; leave \"unit\" and \"vocabulary\" out here, and say \"masked\" in both or in neither");
    *training = train;
    char *path = tn_hypes_resolve(hypes, json_string_value(json_object_get(train, "file")));
    if (path == NULL)
        return tn_fail_memory(error, 256);
    tn_status status = tn_file_map(path, file, error);
    free(path);
    return status;
}

tn_status tn_read_text(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    const json_t *training;
    tn_file file = {0};
    tn_status status = map_training(hypes, description, &training, &file, error);
    if (status == TN_OK)
        status = tn_reader_map(hypes, description, "file", &source->input_file, source, error);
    if (status != TN_OK) {
        tn_file_unmap(&file);
        return status;
    }
    const size_t time = size_or(description, "time", 1);
    const tn_text_options options = {.are_words = asks_for_words(training),
                                     .time = time,
                                     .stride = size_or(description, "stride", time),
                                     .vocabulary = size_or(training, "vocabulary", 0),
                                     .masked = json_number_value(json_object_get(description, "masked")),
                                     .seed = size_or(description, "seed", 1)};
    status = tn_text_parse(source->input_file.bytes, source->input_file.size, &options, file.bytes, file.size, source, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, 0, NULL);
    tn_file_unmap(&file);
    tn_file_unmap(&source->input_file);
    return status;
}
