/* support_hypes.h: hypes from text for the tests of this folder. */
#ifndef TN_SUPPORT_HYPES_H
#define TN_SUPPORT_HYPES_H

#include "hypes/hypes.h"

/* A small file that uses little; patches in tests start from it. Its name in errors is "t.json". */
extern const char *const tn_small_hypes;

/* Parses text that must be right. */
tn_hypes *tn_test_parse(const char *text);

/* Parses text that must be wrong; the error as one line in `line` [1600]. */
void tn_test_parse_wrong(const char *text, char line[1600]);

/* Patches by JSON text, which must succeed. */
tn_hypes *tn_test_patch(const tn_hypes *base, const char *patch);

/* The same, which must fail; the error as one line. */
void tn_test_patch_wrong(const tn_hypes *base, const char *patch, char line[1600]);

/* The complete value at a path as compact JSON, malloc'd; "absent" where there is none. */
char *tn_test_dump(const tn_hypes *hypes, const char *path);

/* The value at a path is this JSON, to the letter. */
void tn_test_value_is(const tn_hypes *hypes, const char *path, const char *expected);

/* A file of tests/hypes/data, malloc'd. */
char *tn_test_read(const char *name);

#endif
