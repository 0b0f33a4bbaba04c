/* vocabulary.h: a text in UTF-8 as numbers of its tokens, which are characters, words or pieces.
 *
 * A word is a run of letters, digits and what lies beyond ASCII, but for spaces and punctuation there; an apostrophe between two such belongs to the word. Every other visible character is a word by
 * itself. Spaces and ends of lines part words and are none. Case counts. A piece is what stands between two spaces or ends of lines, whatever it is: a program that cuts words into parts writes it so.
 *
 *     init    add, for each text that is to be counted    close    number, any text
 *
 * Numbers: special tokens first, then characters in the order of Unicode, words and pieces from the most frequent on (equal ones in the order of their bytes). */
#ifndef TN_DATA_VOCABULARY_H
#define TN_DATA_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What a token is. */
typedef enum tn_text_unit { TN_TEXT_CHARACTERS, TN_TEXT_WORDS, TN_TEXT_PIECES } tn_text_unit;

/* One token that occurs. */
typedef struct tn_token {
    const uint8_t *bytes; /* in the text where it was first seen */
    size_t length;
    uint64_t times;
    uint32_t number; /* after close; TN_TOKEN_NONE: it is not among the most frequent */
} tn_token;

#define TN_TOKEN_NONE UINT32_MAX

/* Borrows the texts that were added until deinit. */
typedef struct tn_vocabulary {
    tn_text_unit unit;
    tn_token *tokens; /* [count]; sorted by close */
    size_t count, capacity;
    uint32_t *slots; /* [slot_count], a power of two: 1 + index of a token, at its hash or behind it; 0: empty */
    size_t slot_count;
    size_t numbers;   /* after close: tokens that have one, special ones among them */
    uint32_t unknown; /* the number of all others, or TN_TOKEN_NONE where there are none */
} tn_vocabulary;

/* Zeroed memory is an empty one, too. */
void tn_vocabulary_init(tn_vocabulary *of, tn_text_unit unit);
void tn_vocabulary_deinit(tn_vocabulary *of);

/* Counts the tokens of bytes [size]. TN_ERROR_DATA, with the place, where they are no text in UTF-8. */
tn_status tn_vocabulary_add(tn_vocabulary *of, const uint8_t *bytes, size_t size, tn_error *error);

/* Gives numbers from `special` on to all tokens, or to the `most` most frequent where it is not 0; `unknown` is then that of the others, or TN_TOKEN_NONE. */
tn_status tn_vocabulary_close(tn_vocabulary *of, size_t most, size_t special, uint32_t unknown, tn_error *error);

/* The names of all numbers, each malloc'd, into names [of->numbers]; those of special tokens stay as they are. */
tn_status tn_vocabulary_names(const tn_vocabulary *of, char **names, tn_error *error);

/* numbers [size at most]: the tokens of bytes [size], *count of them. A token without a number where there is no unknown one is TN_ERROR_DATA. */
tn_status tn_vocabulary_number(const tn_vocabulary *of, const uint8_t *bytes, size_t size, uint32_t *numbers, size_t *count,
                               tn_error *error);

#endif
