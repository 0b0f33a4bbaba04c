/* scratch_own.h: what an upper layer must hold from the start, where its owner is not root. Private to scratch.c.
 *
 * An overlay copies a file up before the first write to it, and the folders that lead there, with their owners. In a user namespace only the user and one group exist, so a folder or file of
 * anybody else, or of another group, cannot be copied up (EOVERFLOW). Such folders are made here before the overlay is mounted, as the user's own, along the paths where programs write:
 * the working directory, the home, the folders for temporary files. Where the working directory is of that kind itself (a project's group owns it), so may be what lies in
 * it: folders and files that the user may write are copied then, up to a limit. */
#ifndef TN_RUN_SCRATCH_OWN_H
#define TN_RUN_SCRATCH_OWN_H

#include "run/scratch_mounts.h"

/* For the overlay that will cover `covered`, whose upper layer is the folder `top` in `upper`. `directory` is the working one. */
void tn_own_prepare(int upper, const char *top, const char *covered, const char *directory, const tn_mounts *mounts);

#endif
