/* scratch_mounts.h: which mounts there are, and which of them a trial could harm. Private to scratch.c. */
#ifndef TN_RUN_SCRATCH_MOUNTS_H
#define TN_RUN_SCRATCH_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct tn_mount {
    char *path;
    int id;
    bool writable; /* a real file system that is mounted for writing, outside of /proc, /sys, /dev and /run */
    bool folder;   /* the mount's root is a directory; a single file can be mounted too */
} tn_mount;

typedef struct tn_mounts {
    tn_mount *items; /* [count], parents before what is mounted below them */
    size_t count;
} tn_mounts;

/* Reads /proc/self/mountinfo, and keeps what its path leads to: not what another mount hides. */
tn_status tn_mounts_read(tn_mounts *mounts, tn_error *error);
void tn_mounts_deinit(tn_mounts *mounts);

/* `path` is `folder` or lies below it. Both absolute, without a slash at the end but for "/". */
bool tn_path_within(const char *path, const char *folder);

/* The index of the mount that is at `path`, or mounts->count. */
size_t tn_mounts_find(const tn_mounts *mounts, const char *path);

/* Whether mount `index` lies below `path` with no other mount between the two. */
bool tn_mounts_next_below(const tn_mounts *mounts, size_t index, const char *path);
bool tn_mounts_any_below(const tn_mounts *mounts, const char *path);

/* Whether what is written at `path` stays shared: /proc, /sys, /dev, /run and all below. */
bool tn_path_shared(const char *path);

#endif
