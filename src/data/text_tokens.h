/* text_tokens.h: what the readers of texts share: how a source says what its tokens are, whose text gives them their numbers, and the arrays of numbers that they end in. */
#ifndef TN_DATA_TEXT_TOKENS_H
#define TN_DATA_TEXT_TOKENS_H

#include "data/reader.h"
#include "data/vocabulary.h"

enum { TN_SPECIAL_TOKENS_MAX = 4 };

/* Tokens that stand in no text, whose numbers come before those of the others. */
typedef struct tn_special_tokens {
    size_t count;
    const char *names[TN_SPECIAL_TOKENS_MAX];
} tn_special_tokens;

/* Adds one and returns its number. */
uint32_t tn_special_add(tn_special_tokens *special, const char *name);

/* Puts the names of all tokens into source->class_names. */
tn_status tn_text_name_tokens(const tn_vocabulary *vocabulary, const tn_special_tokens *special, tn_source *source, tn_error *error);

/* The whole number under `key` of a description, or `other` where there is none. */
size_t tn_text_size(const json_t *description, const char *key, size_t other);

/* What "unit" says; `otherwise` where it is not said. */
tn_text_unit tn_text_unit_of(const json_t *description, tn_text_unit otherwise);

/* Of a validation or test source: data.train, where that is of the same format, and gives the tokens their numbers; else the description itself. TN_ERROR_HYPES where the two ask for different
 * numbers. otherwise: what a "unit" that is not said means in this format. */
tn_status tn_text_training(const tn_hypes *hypes, const json_t *description, tn_text_unit otherwise, const json_t **training,
                           tn_error *error);

/* An array [samples, time] of numbers that is being filled: bytes where `narrow`, else floats. tn_numbers_end hands it over, also where it fails; tn_memory_destroy(bytes) does without. */
typedef struct tn_numbers {
    bool narrow;
    uint8_t *bytes;
} tn_numbers;

tn_status tn_numbers_begin(tn_numbers *numbers, size_t samples, size_t time, bool narrow, tn_array *array, tn_error *error);
void tn_numbers_put(const tn_numbers *numbers, size_t i, float number);
tn_status tn_numbers_end(tn_numbers *numbers, tn_array *array, tn_error *error);

/* The end of both arrays of a source: hands them over where `status`, of what filled them, is TN_OK, and frees what is not handed over. */
tn_status tn_numbers_finish(tn_status status, tn_numbers *inputs, tn_numbers *labels, tn_source *source, tn_error *error);

#endif
