/* json_position.h: which line of a JSON text each value stands on, which jansson does not tell.
 *
 * A position tree has the shape of the text: a scalar becomes the number of its line; an object becomes an object that holds its line under the empty key; a
 * list becomes a list whose first element is its line, so that element i of the text is element i + 1. null marks what no text
 * holds, because a patch put it there. Patches edit the tree as they edit the values. */
#ifndef TN_HYPES_JSON_POSITION_H
#define TN_HYPES_JSON_POSITION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum { TN_JSON_DEPTH_MAX = 32 };

typedef enum tn_position_result { TN_POSITION_OK, TN_POSITION_TOO_DEEP, TN_POSITION_MEMORY } tn_position_result;

/* Builds the tree for text [length], which jansson has accepted as an object or list. Where the text nests deeper than TN_JSON_DEPTH_MAX, *line is the
 * line where it does. The caller releases *tree. */
tn_position_result tn_position_build(const char *text, size_t length, json_t **tree, int *line);

/* The line of the value that the keys or list indices `parts` [count] lead to, or of what lies nearest around it. Where that came from a patch: 0, and
 * *known is how many of the parts lead to it. */
int tn_position_find(const json_t *tree, const char *const *parts, size_t count, size_t *known);

/* A decimal index without sign or leading zeros; false for anything else. */
bool tn_parse_index(const char *part, size_t *index);

#endif
