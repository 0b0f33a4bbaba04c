/* scratch_files.h: the files that a process has open for writing, opened anew in its own layer. Private to scratch.c.
 *
 * A forked child shares the open files of its parent. Once it has a layer of its own it must write to its own copies, as it will when it opens them by name. Offsets are kept.
 * Files that lie in the shared folder, those that have no name any more and the standard streams stay as they are. Memory that is mapped from a file stays shared. */
#ifndef TN_RUN_SCRATCH_FILES_H
#define TN_RUN_SCRATCH_FILES_H

#include <stddef.h>
#include <sys/types.h>

#include "base/error.h"

typedef struct tn_open_file {
    int descriptor, flags; /* as fcntl tells them */
    int closes;            /* on exec */
    off_t offset;
    char *path;
} tn_open_file;

typedef struct tn_open_files {
    tn_open_file *items;
    size_t count, capacity;
} tn_open_files;

/* Those that lie on an overlay, and not in `folder`. */
tn_status tn_open_files_read(tn_open_files *files, const char *folder, tn_error *error);

/* Opens each by its path again, under its number. One that cannot be opened stays as it was. */
void tn_open_files_reopen(const tn_open_files *files);
void tn_open_files_deinit(tn_open_files *files);

#endif
