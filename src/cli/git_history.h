/* git_history.h: what a bisection asks git: the range, the commit to try next, and what a commit is. Reads only; knows nothing of diagnoses. */
#ifndef TN_CLI_GIT_HISTORY_H
#define TN_CLI_GIT_HISTORY_H

#include "cli/child_process.h"

enum { TN_HASH_SIZE = 65 /* SHA-256 in hexadecimal, and its NUL */ };

/* git's answer to `arguments` (without "git"), asked in `folder`; TN_ERROR_IO with git's own words where it fails. `output` is the caller's in any case. */
tn_status tn_git_ask(const char *folder, tn_signal_watch *watch, const char *const *arguments, tn_child_output *output, tn_error *error);

typedef struct tn_git_repository {
    char *top;    /* the work tree's first folder */
    char *prefix; /* from there to where the program was called, "" or "sub/folder/" */
} tn_git_repository;

/* The repository that holds the current folder. */
tn_status tn_git_repository_find(tn_signal_watch *watch, tn_git_repository *repository, tn_error *error);
void tn_git_repository_deinit(tn_git_repository *repository);

/* The ends of "GOOD..BAD", BAD being HEAD where it is left out. TN_ERROR_USAGE where they are no commits, or GOOD is no ancestor of BAD. */
tn_status tn_git_range(const tn_git_repository *repository, tn_signal_watch *watch, const char *range, char good[TN_HASH_SIZE],
                       char bad[TN_HASH_SIZE], tn_error *error);

/* Commits that may be the first bad one: those that `bad` has and none of `goods` [good_count]. Hashes stand in the order in which git would try them: the one that halves the
 * rest first; `bad` itself among them. */
typedef struct tn_git_suspects {
    char (*hashes)[TN_HASH_SIZE]; /* malloc'd */
    size_t count;
} tn_git_suspects;

tn_status tn_git_suspects_list(const tn_git_repository *repository, tn_signal_watch *watch, const char *bad,
                               const char (*goods)[TN_HASH_SIZE], size_t good_count, tn_git_suspects *suspects, tn_error *error);
void tn_git_suspects_deinit(tn_git_suspects *suspects);

typedef struct tn_git_changed_file {
    char status;            /* as git names it: A, M, D, R, ... */
    const char *path, *was; /* `was` of a file that was renamed or copied, else NULL */
} tn_git_changed_file;

typedef struct tn_git_commit {
    const char *hash, *shortened, *author, *date, *subject, *parent; /* `parent`: the first one's hash, "" where there is none */
    tn_git_changed_file *files;                                      /* against the first parent; NULL unless asked for */
    size_t file_count;
    char *texts[2]; /* malloc'd: what the above point to */
} tn_git_commit;

tn_status tn_git_commit_read(const tn_git_repository *repository, tn_signal_watch *watch, const char *hash, bool with_files,
                             tn_git_commit *commit, tn_error *error);
void tn_git_commit_deinit(tn_git_commit *commit);

#endif
