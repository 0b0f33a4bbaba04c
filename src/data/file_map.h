/* file_map.h: a file of the user, mapped for reading. Nothing is copied; pages come from disk as they are touched. */
#ifndef TN_DATA_FILE_MAP_H
#define TN_DATA_FILE_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Zeroed memory is a file that is not open. */
typedef struct tn_file {
    const uint8_t *bytes; /* [size] */
    size_t size;
} tn_file;

/* Refuses folders, pipes and empty files. Errors: TN_ERROR_IO, TN_ERROR_DATA where it is empty; the path is in error->file. */
tn_status tn_file_map(const char *path, tn_file *file, tn_error *error);
void tn_file_unmap(tn_file *file); /* a file that is not open is allowed */

#endif
