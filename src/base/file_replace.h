/* file_replace.h: a file is there whole, as it was or as it is now, and never half written. */
#ifndef TN_BASE_FILE_REPLACE_H
#define TN_BASE_FILE_REPLACE_H

#include <stddef.h>

/* Writes bytes [count] beside `path` and renames them onto it. 0, or the errno of what failed; then `path` is as it was. */
int tn_file_replace(const char *path, const char *bytes, size_t count);

#endif
