/* scratch.h: lets a trial write wherever it likes without changing a file of the user's.
 *
 * The calling process moves into a mount namespace of its own, where every writable file system is covered by an overlay whose upper layer lies in memory. It reads what is
 * there, and everything it writes, renames or removes is gone with its last process. Shared with the outside stay: the one folder named here (the trial's file, its log, its
 * output), /proc, /sys, /dev and /run (devices, shared memory, sockets), and descriptors that are already open.
 *
 * Needs root with CAP_SYS_ADMIN, or a system that lets a user make user namespaces; Linux 5.11 and later for the latter. shield.c is what is left where neither is there.
 *
 * Limits, all of the kernel's: at most two overlays lie upon each other, so a file system that is an overlay itself (a container's root) can be covered, but not renewed; a
 * directory that was there before can be renamed by a process without root only by copying it (EXDEV, which mv and shutil.move do by themselves); Unix sockets that lie in a
 * covered folder cannot be connected to. Files are held in memory, at most half of it for one trial. */
#ifndef TN_RUN_SCRATCH_H
#define TN_RUN_SCRATCH_H

#include <stddef.h>

#include "base/error.h"

/* What was done. */
typedef struct tn_scratch {
    size_t overlays;
    size_t read_only;   /* file systems and folders on which no overlay could be laid, which cannot be written at all now */
    char first_of[256]; /* the first of those, for a message; else empty */
} tn_scratch;

/* Isolates the calling process, which must have one thread: a child after its fork. `folder` is the absolute path of a directory that stays shared. The working directory is
 * entered again, by its path. A second call, in a forked child of an isolated process, gives it a fresh layer upon what that process sees, and opens anew, in it, files that
 * are open for writing, so that siblings do not see each other's writes. `scratch` may be NULL.
 * TN_ERROR_UNSUPPORTED: the system does not allow it; the message says what was refused. The process may be in a namespace of its own then, half covered: it must end. */
tn_status tn_scratch_begin(const char *folder, tn_scratch *scratch, tn_error *error);

/* Tries it in a forked child, and once more in a child of that one where `twice` is set (a process that serves forks). TN_OK where it works. `folder` as above. */
tn_status tn_scratch_possible(const char *folder, int twice, tn_error *error);

#endif
