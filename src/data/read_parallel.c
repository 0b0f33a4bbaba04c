/* read_parallel.c: two texts in UTF-8, line for line, such as sentences and their translations: the network reads a line of the first, and goes on with the line of the second.
 *
 *     inputs   s1 s2 s3 <go> t1 t2    <padding> ...
 *     labels   -  -  -  t1   t2 <end> -
 *
 * Both texts have one vocabulary (vocabulary.h). A pair that needs more than `time` steps, or one of whose lines is empty, is left out; source->lines says where those stand that stay. A validation or test
 * source of its own has the numbers of data.train's texts. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/text_tokens.h"

enum { PADDING, GO, END };

/* A text that is read line by line. */
typedef struct lines {
    const uint8_t *bytes;
    size_t size, at;
} lines;

/* The next line without its end; false where there is none. */
static bool next_line(lines *from, const uint8_t **line, size_t *length)
{
    if (from->at >= from->size)
        return false;
    *line = from->bytes + from->at;
    const uint8_t *end = memchr(*line, '\n', from->size - from->at);
    *length = end != NULL ? (size_t)(end - *line) : from->size - from->at;
    from->at += *length + 1;
    if (*length > 0 && (*line)[*length - 1] == '\r')
        --*length;
    return true;
}

/* Counts the tokens of all lines, and none of their ends. */
static tn_status count_tokens(tn_vocabulary *vocabulary, const tn_parallel_text *text, const char *name, tn_error *error)
{
    lines from = {text->bytes, text->size, 0};
    const uint8_t *line;
    size_t length;
    for (int number = 1; next_line(&from, &line, &length); number++) {
        tn_status status = tn_vocabulary_add(vocabulary, line, length, error);
        if (status != TN_OK)
            return tn_error_at(error, name, number, NULL);
    }
    return TN_OK;
}

static size_t count_lines(const tn_parallel_text *text)
{
    lines from = {text->bytes, text->size, 0};
    const uint8_t *line;
    size_t count = 0, length;
    while (next_line(&from, &line, &length))
        count++;
    return count;
}

/* Pairs on their way to samples. */
typedef struct pairs {
    const tn_vocabulary *vocabulary;
    const tn_parallel_options *options;
    lines of[2];
    size_t line; /* from 1, of the last pair that was read */
    uint32_t *numbers[2];
    size_t counts[2];
} pairs;

/* The next pair of lines that are not empty, as numbers; false at the end. */
static tn_status next_pair(pairs *from, bool *found, tn_error *error)
{
    *found = false;
    for (;;) {
        for (size_t k = 0; k < 2; k++) {
            const uint8_t *line;
            size_t length;
            if (!next_line(&from->of[k], &line, &length))
                return TN_OK;
            tn_status status = tn_vocabulary_number(from->vocabulary, line, length, from->numbers[k], &from->counts[k], error);
            if (status != TN_OK)
                return tn_error_at(error, from->options->names[k], (int)from->line + 1, NULL);
        }
        from->line++;
        if (from->counts[0] > 0 && from->counts[1] > 0) {
            *found = true;
            return TN_OK;
        }
    }
}

static void rewind_pairs(pairs *from)
{
    from->of[0].at = from->of[1].at = from->line = 0;
}

/* How many pairs fit; *shortest is the steps that the shortest needs. */
static tn_status count_pairs(pairs *from, size_t *count, size_t *shortest, tn_error *error)
{
    bool found;
    *count = 0;
    *shortest = SIZE_MAX;
    rewind_pairs(from);
    for (;;) {
        tn_status status = next_pair(from, &found, error);
        if (status != TN_OK || !found)
            return status;
        const size_t steps = from->counts[0] + 1 + from->counts[1];
        *shortest = steps < *shortest ? steps : *shortest;
        *count += steps <= from->options->time;
    }
}

/* One sample, whose steps begin at `at`. */
static void put_pair(const pairs *from, const tn_numbers *inputs, const tn_numbers *labels, size_t at)
{
    const size_t go = from->counts[0], last = go + from->counts[1];
    for (size_t t = 0; t < from->options->time; t++) {
        const uint32_t token = t < go ? from->numbers[0][t] : t == go ? GO : t <= last ? from->numbers[1][t - go - 1] : PADDING;
        tn_numbers_put(inputs, at + t, (float)token);
        const float told = t == last ? (float)END : (float)from->numbers[1][t >= go && t < last ? t - go : 0];
        tn_numbers_put(labels, at + t, t >= go && t <= last ? told : -1);
    }
}

static tn_status fill(pairs *from, const tn_numbers *inputs, const tn_numbers *labels, tn_source *source, tn_error *error)
{
    size_t sample = 0;
    rewind_pairs(from);
    for (;;) {
        bool found;
        tn_status status = next_pair(from, &found, error);
        if (status != TN_OK || !found)
            return status;
        if (from->counts[0] + 1 + from->counts[1] > from->options->time)
            continue;
        source->lines[sample] = from->line;
        put_pair(from, inputs, labels, sample++ * from->options->time);
    }
}

static tn_status make_samples(pairs *from, tn_source *source, tn_error *error)
{
    size_t samples, shortest;
    tn_numbers inputs = {0}, labels = {0};
    tn_status status = count_pairs(from, &samples, &shortest, error);
    if (status == TN_OK && samples == 0)
        status = shortest == SIZE_MAX ? tn_fail(error, TN_ERROR_DATA, "holds no line that has a counterpart")
                                      : tn_fail(error, TN_ERROR_DATA,
                                                "holds no pair of lines of %zu steps or fewer: the shortest needs %zu, with the go between "
                                                "the two. Make \"time\" larger",
                                                from->options->time, shortest);
    if (status != TN_OK)
        return status;
    source->lines = tn_memory_create(samples, sizeof *source->lines);
    if (source->lines == NULL)
        return tn_fail_memory(error, samples * sizeof *source->lines);
    source->labels_each_step = source->are_tokens = true;
    status = tn_numbers_begin(&inputs, samples, from->options->time, source->class_count <= 256, &source->inputs, error);
    if (status == TN_OK)
        status = tn_numbers_begin(&labels, samples, from->options->time, false, &source->labels, error);
    if (status == TN_OK)
        status = fill(from, &inputs, &labels, source, error);
    return tn_numbers_finish(status, &inputs, &labels, source, error);
}

tn_status tn_parallel_parse(const tn_parallel_text texts[2], const tn_parallel_options *options, const tn_parallel_text training[2],
                            tn_source *source, tn_error *error)
{
    tn_special_tokens special = {0};
    (void)tn_special_add(&special, "<padding>");
    (void)tn_special_add(&special, "<go>");
    (void)tn_special_add(&special, "<end>");
    const uint32_t unknown = options->vocabulary > 0 ? tn_special_add(&special, "<unknown>") : TN_TOKEN_NONE;
    const size_t counts[] = {count_lines(&texts[0]), count_lines(&texts[1])};
    if (counts[0] != counts[1])
        return tn_fail(error, TN_ERROR_DATA, "has %zu lines, and %s has %zu; line for line one is to be the counterpart of the other",
                       counts[1], options->names[0], counts[0]);
    tn_vocabulary vocabulary;
    tn_vocabulary_init(&vocabulary, options->unit);
    pairs from = {.vocabulary = &vocabulary, .options = options};
    tn_status status = TN_OK;
    for (size_t k = 0; k < 2 && status == TN_OK; k++) {
        from.of[k] = (lines){texts[k].bytes, texts[k].size, 0};
        from.numbers[k] = tn_memory_create(texts[k].size, sizeof *from.numbers[k]);
        status = from.numbers[k] != NULL ? count_tokens(&vocabulary, &training[k], options->names[k], error)
                                         : tn_fail_memory(error, texts[k].size * sizeof *from.numbers[k]);
    }
    if (status == TN_OK)
        status = tn_vocabulary_close(&vocabulary, options->vocabulary, special.count, unknown, error);
    if (status == TN_OK)
        status = tn_text_name_tokens(&vocabulary, &special, source, error);
    if (status == TN_OK)
        status = make_samples(&from, source, error);
    tn_memory_destroy(from.numbers[0]);
    tn_memory_destroy(from.numbers[1]);
    tn_vocabulary_deinit(&vocabulary);
    return status;
}

/* The two files of a description. */
typedef struct two_files {
    tn_file files[2];
    char *paths[2];
} two_files;

static tn_status map_both(const tn_hypes *hypes, const json_t *description, two_files *both, tn_error *error)
{
    static const char *const keys[] = {"source", "target"};
    tn_status status = TN_OK;
    for (size_t k = 0; k < 2 && status == TN_OK; k++) {
        both->paths[k] = tn_hypes_resolve(hypes, json_string_value(json_object_get(description, keys[k])));
        status = both->paths[k] != NULL ? tn_file_map(both->paths[k], &both->files[k], error) : tn_fail_memory(error, 256);
    }
    return status;
}

static void unmap_both(two_files *both)
{
    for (size_t k = 0; k < 2; k++) {
        tn_file_unmap(&both->files[k]);
        free(both->paths[k]);
    }
}

tn_status tn_read_parallel(const tn_hypes *hypes, const json_t *description, tn_source *source, tn_error *error)
{
    const json_t *training;
    two_files own = {0}, trained = {0};
    tn_status status = tn_text_training(hypes, description, TN_TEXT_WORDS, &training, error);
    if (status == TN_OK)
        status = map_both(hypes, description, &own, error);
    if (status == TN_OK && training != description)
        status = map_both(hypes, training, &trained, error);
    if (status == TN_OK) {
        source->name = tn_string_copy(own.paths[1]);
        status = source->name != NULL ? TN_OK : tn_fail_memory(error, strlen(own.paths[1]) + 1);
    }
    if (status == TN_OK) {
        const two_files *numbering = training != description ? &trained : &own;
        tn_parallel_text texts[2], trainings[2];
        for (size_t k = 0; k < 2; k++) {
            texts[k] = (tn_parallel_text){own.files[k].bytes, own.files[k].size};
            trainings[k] = (tn_parallel_text){numbering->files[k].bytes, numbering->files[k].size};
        }
        const tn_parallel_options options = {.unit = tn_text_unit_of(training, TN_TEXT_WORDS),
                                             .time = tn_text_size(description, "time", 1),
                                             .vocabulary = tn_text_size(training, "vocabulary", 0),
                                             .names = {own.paths[0], own.paths[1]}};
        status = tn_parallel_parse(texts, &options, trainings, source, error);
        if (status != TN_OK && error != NULL && error->file[0] == '\0')
            tn_error_at(error, source->name, 0, NULL);
    }
    unmap_both(&own);
    unmap_both(&trained);
    return status;
}
