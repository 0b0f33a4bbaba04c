/* read_text.c: a text in UTF-8 as windows of tokens (characters or words, vocabulary.h), each labelled by the token behind it: what a language model trains on. Or, masked, some tokens of a window are
 * replaced by one that says so, and they alone are labels: what a model that reads in both directions trains on (Devlin et al. 2018, arXiv:1810.04805, but that all chosen tokens are masked).
 *
 * Sample i holds the tokens i * stride .. i * stride + time - 1 as numbers, and its labels are those one further on. The names of the tokens (class_names) are what reports and the run keep. What is
 * left at the end of the text and fills no window is not used. Numbers are those of the training's text, also for a validation or test text of its own. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/rng.h"
#include "data/text_tokens.h"

/* A text on its way to windows. */
typedef struct windows {
    const tn_text_options *options;
    const uint32_t *numbers; /* of all tokens */
    size_t samples;
    uint32_t mask;
} windows;

/* One array of windows that begin `shift` tokens late. */
static tn_status cut_windows(const windows *of, size_t shift, bool narrow, tn_array *array, tn_error *error)
{
    const size_t time = of->options->time;
    tn_numbers made;
    tn_status status = tn_numbers_begin(&made, of->samples, time, narrow, array, error);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; i < array->count; i++) {
        const uint32_t number = of->numbers[i / time * of->options->stride + i % time + shift];
        tn_numbers_put(&made, i, (float)number);
    }
    return tn_numbers_end(&made, array, error);
}

/* Both arrays: tokens, some of them masked, and what they were; -1 for all others. */
static tn_status mask_windows(const windows *of, bool narrow, tn_source *source, tn_error *error)
{
    const size_t time = of->options->time;
    tn_numbers inputs, labels = {0};
    tn_rng rng;
    tn_rng_init(&rng, of->options->seed, TN_STREAM_SAMPLES);
    tn_status status = tn_numbers_begin(&inputs, of->samples, time, narrow, &source->inputs, error);
    if (status == TN_OK)
        status = tn_numbers_begin(&labels, of->samples, time, false, &source->labels, error);
    for (size_t i = 0; status == TN_OK && i < source->inputs.count; i++) {
        const uint32_t number = of->numbers[i / time * of->options->stride + i % time];
        const bool is_masked = tn_rng_uniform(&rng) < of->options->masked;
        tn_numbers_put(&inputs, i, (float)(is_masked ? of->mask : number));
        tn_numbers_put(&labels, i, is_masked ? (float)number : -1);
    }
    return tn_numbers_finish(status, &inputs, &labels, source, error);
}

/* Numbers of all tokens of bytes [size] to windows of them. */
static tn_status cut(const tn_text_options *options, uint32_t mask, const uint32_t *numbers, size_t count, tn_source *source,
                     tn_error *error)
{
    const size_t time = options->time, behind = options->masked > 0 ? 0 : 1;
    static const char *const units[] = {[TN_TEXT_CHARACTERS] = "characters", [TN_TEXT_WORDS] = "words", [TN_TEXT_PIECES] = "pieces"};
    if (count < time + behind)
        return tn_fail(error, TN_ERROR_DATA, "holds %zu %s; a window of %zu%s needs %zu. Make \"time\" smaller", count,
                       units[options->unit], time, behind > 0 ? " and the one behind it" : "", time + behind);
    const windows of = {.options = options, .numbers = numbers, .samples = (count - time - behind) / options->stride + 1, .mask = mask};
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
    tn_special_tokens special = {0};
    const uint32_t unknown = options->vocabulary > 0 ? tn_special_add(&special, "<unknown>") : TN_TOKEN_NONE;
    const uint32_t mask = options->masked > 0 ? tn_special_add(&special, "<mask>") : TN_TOKEN_NONE;
    size_t count = 0;
    uint32_t *numbers = tn_memory_create(size, sizeof *numbers);
    tn_vocabulary vocabulary;
    tn_vocabulary_init(&vocabulary, options->unit);
    tn_status status = numbers != NULL ? TN_OK : tn_fail_memory(error, size * sizeof *numbers);
    if (status == TN_OK)
        status = tn_vocabulary_add(&vocabulary, training != NULL ? training : bytes, training != NULL ? training_size : size, error);
    if (status == TN_OK)
        status = tn_vocabulary_close(&vocabulary, options->vocabulary, special.count, unknown, error);
    if (status == TN_OK)
        status = tn_text_name_tokens(&vocabulary, &special, source, error);
    if (status == TN_OK)
        status = tn_vocabulary_number(&vocabulary, bytes, size, numbers, &count, error);
    if (status == TN_OK)
        status = cut(options, mask, numbers, count, source, error);
    tn_memory_destroy(numbers);
    tn_vocabulary_deinit(&vocabulary);
    return status;
}

/* The text that gives the tokens their numbers, where it is another than the one that is read. */
static tn_status map_training(const tn_hypes *hypes, const json_t *description, const json_t **training, tn_file *file, tn_error *error)
{
    tn_status status = tn_text_training(hypes, description, TN_TEXT_CHARACTERS, training, error);
    if (status != TN_OK || *training == description)
        return status;
    char *path = tn_hypes_resolve(hypes, json_string_value(json_object_get(*training, "file")));
    if (path == NULL)
        return tn_fail_memory(error, 256);
    status = tn_file_map(path, file, error);
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
    const size_t time = tn_text_size(description, "time", 1);
    const tn_text_options options = {.unit = tn_text_unit_of(training, TN_TEXT_CHARACTERS),
                                     .time = time,
                                     .stride = tn_text_size(description, "stride", time),
                                     .vocabulary = tn_text_size(training, "vocabulary", 0),
                                     .masked = json_number_value(json_object_get(description, "masked")),
                                     .seed = tn_text_size(description, "seed", 1)};
    status = tn_text_parse(source->input_file.bytes, source->input_file.size, &options, file.bytes, file.size, source, error);
    if (status != TN_OK)
        tn_error_at(error, source->name, 0, NULL);
    tn_file_unmap(&file);
    tn_file_unmap(&source->input_file);
    return status;
}
