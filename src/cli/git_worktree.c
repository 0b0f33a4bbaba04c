/* git_worktree.c: see git_worktree.h. */
#include "cli/git_worktree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPIED_MAX = 1 << 20 /* bytes of a file that is copied; larger ones are data, and are linked */, PATH_SIZE = 4096 };

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), of_end = strlen(end);
    return length >= of_end && strcmp(text + length - of_end, end) == 0;
}

/* What the user's checkout holds beside the commit; compiled Python is left out, since it belongs to sources of the checkout. */
static tn_status list_untracked(tn_git_worktree *tree, tn_signal_watch *watch, tn_error *error)
{
    tn_child_output output = {0};
    const char *const arguments[] = {"ls-files", "-z", "--others", "--directory", "--no-empty-directory", NULL};
    tn_status status = tn_git_ask(tree->repository->top, watch, arguments, &output, error);
    size_t most = 0;
    for (size_t i = 0; status == TN_OK && i < output.out_size; i++)
        most += output.out[i] == '\0';
    if (status == TN_OK) {
        tree->untracked = calloc(most + 1, sizeof *tree->untracked);
        tree->placed = calloc(most + 1, sizeof *tree->placed);
        if (!tree->untracked || !tree->placed)
            status = tn_complain(error, TN_ERROR_MEMORY, "memory is out while untracked files are listed");
    }
    for (const char *at = output.out; status == TN_OK && tree->untracked && at < output.out + output.out_size; at += strlen(at) + 1) {
        if (ends_with(at, "__pycache__/") || ends_with(at, ".pyc"))
            continue;
        char *copy = strdup(at);
        if (!copy)
            status = tn_complain(error, TN_ERROR_MEMORY, "memory is out while untracked files are listed");
        else
            tree->untracked[tree->untracked_count++] = copy;
    }
    tn_child_output_deinit(&output);
    return status;
}

/* The folders above `path`, made where they are missing. false where one of them is no folder in this commit: nothing may be written through a link. */
static bool make_parents(const char *root, const char *path)
{
    char above[PATH_SIZE];
    struct stat facts;
    for (const char *slash = strchr(path, '/'); slash && slash[1]; slash = strchr(slash + 1, '/')) {
        if ((size_t)snprintf(above, sizeof above, "%s/%.*s", root, (int)(slash - path), path) >= sizeof above)
            return false;
        if (mkdir(above, 0777) != 0 && errno != EEXIST)
            return false;
        if (lstat(above, &facts) != 0 || !S_ISDIR(facts.st_mode))
            return false;
    }
    return true;
}

static bool copy_file(const char *from, const char *to, mode_t mode)
{
    int source = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int target = source >= 0 ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode & 0777) : -1;
    ssize_t moved = 1;
    while (target >= 0 && moved > 0)
        moved = sendfile(target, source, NULL, COPIED_MAX);
    if (source >= 0)
        close(source);
    if (target >= 0)
        close(target);
    return target >= 0 && moved == 0;
}

/* Lays one untracked thing in. What the commit has itself stays; what cannot be laid in is left out, and the program says so where it needs it. */
static bool place(const tn_git_worktree *tree, const char *name)
{
    char from[PATH_SIZE], to[PATH_SIZE];
    struct stat facts, there;
    int length = (int)strlen(name) - (ends_with(name, "/") ? 1 : 0);
    if ((size_t)snprintf(from, sizeof from, "%s/%.*s", tree->repository->top, length, name) >= sizeof from ||
        (size_t)snprintf(to, sizeof to, "%s/%.*s", tree->path, length, name) >= sizeof to)
        return false;
    if (lstat(from, &facts) != 0 || !make_parents(tree->path, name) || lstat(to, &there) == 0)
        return false;
    if (S_ISREG(facts.st_mode) && facts.st_size <= COPIED_MAX)
        return copy_file(from, to, facts.st_mode);
    return (S_ISREG(facts.st_mode) || S_ISDIR(facts.st_mode) || S_ISLNK(facts.st_mode)) && symlink(from, to) == 0;
}

static void place_untracked(tn_git_worktree *tree)
{
    for (size_t i = 0; i < tree->untracked_count; i++)
        tree->placed[i] = place(tree, tree->untracked[i]);
}

/* What was laid in is a file or a link: what a link points to is never touched. */
static void take_untracked_away(tn_git_worktree *tree)
{
    char path[PATH_SIZE];
    for (size_t i = 0; i < tree->untracked_count; i++) {
        const char *name = tree->untracked[i];
        if (tree->placed[i] && (size_t)snprintf(path, sizeof path, "%s/%.*s", tree->path,
                                                (int)strlen(name) - (ends_with(name, "/") ? 1 : 0), name) < sizeof path)
            unlink(path);
        tree->placed[i] = false;
    }
}

static tn_status make_folder(tn_git_worktree *tree, tn_error *error)
{
    const char *temporary = getenv("TMPDIR"), *top = strrchr(tree->repository->top, '/');
    char parent[sizeof tree->parent];
    if (!temporary || temporary[0] != '/' || (size_t)snprintf(parent, sizeof parent, "%s/tenet-bisect-XXXXXX", temporary) >= sizeof parent)
        snprintf(parent, sizeof parent, "/tmp/tenet-bisect-XXXXXX");
    if (!mkdtemp(parent))
        return tn_complain(error, TN_ERROR_IO, "cannot make a folder for the work tree, %s: %s; TMPDIR names another place", parent,
                           strerror(errno));
    memcpy(tree->parent, parent, sizeof parent);
    /* The last folder keeps its name, which a program may print. */
    if ((size_t)snprintf(tree->path, sizeof tree->path, "%s/%s", parent, top && top[1] ? top + 1 : "tree") >= sizeof tree->path ||
        (size_t)snprintf(tree->folder, sizeof tree->folder, "%s/%s", tree->path, tree->repository->prefix) >= sizeof tree->folder)
        return tn_complain(error, TN_ERROR_IO, "the path of the work tree under %s would be too long", parent);
    return TN_OK;
}

tn_status tn_git_worktree_open(const tn_git_repository *repository, tn_signal_watch *watch, const char *hash, tn_git_worktree *tree,
                               tn_error *error)
{
    *tree = (tn_git_worktree){.repository = repository};
    tn_status status = list_untracked(tree, watch, error);
    if (status == TN_OK)
        status = make_folder(tree, error);
    if (status != TN_OK)
        return status;
    tn_child_output output = {0};
    status = tn_git_ask(repository->top, watch, (const char *const[]){"worktree", "add", "--quiet", "--detach", tree->path, hash, NULL},
                        &output, error);
    tn_child_output_deinit(&output);
    /* Even one that was made in part is git's to remove. */
    tree->exists = true;
    if (status == TN_OK)
        place_untracked(tree);
    return status;
}

tn_status tn_git_worktree_checkout(tn_git_worktree *tree, tn_signal_watch *watch, const char *hash, tn_error *error)
{
    tn_child_output output = {0};
    take_untracked_away(tree);
    tn_status status =
        tn_git_ask(tree->path, watch, (const char *const[]){"checkout", "--quiet", "--force", "--detach", hash, NULL}, &output, error);
    tn_child_output_deinit(&output);
    if (status == TN_OK)
        place_untracked(tree);
    return status;
}

tn_status tn_git_worktree_close(tn_git_worktree *tree, tn_signal_watch *watch, tn_error *error)
{
    tn_status status = TN_OK;
    tn_child_output output = {0};
    if (tree->exists) {
        take_untracked_away(tree);
        const char *const arguments[] = {"worktree", "remove", "--force", "--force", tree->path, NULL};
        status = tn_git_ask(tree->repository->top, watch, arguments, &output, error);
        tn_child_output_deinit(&output);
    }
    if (tree->parent[0] && rmdir(tree->parent) != 0 && status == TN_OK)
        status = tn_complain(error, TN_ERROR_IO, "the folder %s could not be removed: %s", tree->parent, strerror(errno));
    else if (status != TN_OK) {
        char why[512];
        snprintf(why, sizeof why, "%.500s", error->message);
        tn_complain(error, TN_ERROR_IO, "the work tree %s is left behind (%s); 'git worktree remove --force' removes it", tree->path, why);
    }
    for (size_t i = 0; i < tree->untracked_count; i++)
        free(tree->untracked[i]);
    free(tree->untracked);
    free(tree->placed);
    *tree = (tn_git_worktree){0};
    return status;
}
