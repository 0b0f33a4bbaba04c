/* git_worktree.h: a git work tree of our own, in a folder for temporary files, in which commits are laid out one after another.
 *
 * The user's checkout, index and branches stay as they are. What git does not track there (data, an environment, a script that is not yet committed) is laid in as well, since a
 * program that trains may need it: small files are copied, so that a script finds its neighbours in the commit and not in the checkout; folders and large files are linked. */
#ifndef TN_CLI_GIT_WORKTREE_H
#define TN_CLI_GIT_WORKTREE_H

#include "cli/git_history.h"

typedef struct tn_git_worktree {
    const tn_git_repository *repository; /* borrowed */
    char parent[256];                    /* the temporary folder */
    char path[512];                      /* the work tree in it */
    char folder[1024];                   /* where the user's current folder lies in it */
    char **untracked;                    /* [untracked_count] paths below the top, a folder's with its slash */
    size_t untracked_count;
    bool *placed; /* [untracked_count] which were laid into the commit that is there now */
    bool exists;
} tn_git_worktree;

/* Makes it, with `hash` checked out. tn_git_worktree_close it in any case. */
tn_status tn_git_worktree_open(const tn_git_repository *repository, tn_signal_watch *watch, const char *hash, tn_git_worktree *tree,
                               tn_error *error);
tn_status tn_git_worktree_checkout(tn_git_worktree *tree, tn_signal_watch *watch, const char *hash, tn_error *error);

/* Removes it. A failure says what is left where. */
tn_status tn_git_worktree_close(tn_git_worktree *tree, tn_signal_watch *watch, tn_error *error);

#endif
