/* text.h: a growing string, the nearest of some names, and numbers as people write them. */
#ifndef TN_BASE_TEXT_H
#define TN_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* A string that grows. After an allocation has failed it ignores what is added and `failed` is set, so a writer checks once, at the end. */
typedef struct tn_text {
    char *data; /* terminated; NULL while empty */
    size_t length, capacity;
    bool failed;
} tn_text;

void tn_text_init(tn_text *text);
void tn_text_deinit(tn_text *text);
void tn_text_add(tn_text *text, const char *string);
void tn_text_add_bytes(tn_text *text, const char *bytes, size_t count);
void tn_text_addf(tn_text *text, const char *format, ...) TN_PRINTF(2, 3);

/* Gives the string to the caller, who frees it with free(), and empties `text`. NULL where memory was out. Never NULL for empty text. */
char *tn_text_take(tn_text *text);

/* The nearest of `names` [count] to `word` by edit distance (a swap of neighbours counts one), or NULL where none is near: more than a third of the
 * longer word would have to change. */
const char *tn_nearest_name(const char *word, const char *const *names, size_t count);

/* The shortest decimal that reads well: 0.01, 1e-07, 1000, 3.162. At most `digits` significant digits. `buffer` [32] is returned. */
const char *tn_number_format(char buffer[32], double value, int digits);

#endif
