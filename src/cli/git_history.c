/* git_history.c: see git_history.h. Asks git's plumbing, whose answers do not change with language or configuration. */
#include "cli/git_history.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 32, NAME_MAX_SHOWN = 200 };

/* The last line that was written, without control characters: a program's reason for ending stands there. */
static void last_line(const tn_child_output *output, char *line, size_t size)
{
    const char *text = output->err_size > 0 ? output->err : output->out;
    size_t end = strlen(text);
    while (end > 0 && isspace((unsigned char)text[end - 1]))
        end--;
    size_t start = end;
    while (start > 0 && text[start - 1] != '\n')
        start--;
    size_t length = end - start < size ? end - start : size - 1;
    for (size_t i = 0; i < length; i++)
        line[i] = iscntrl((unsigned char)text[start + i]) ? ' ' : text[start + i];
    line[length] = '\0';
}

/* A failure of git to answer at all is an error; that it says no is not. */
static tn_status ask(const char *folder, tn_signal_watch *watch, const char *const *arguments, tn_child_output *output, tn_error *error)
{
    /* Hooks, and programs that would answer to a person, have no part in this. */
    const char *argv[ARGUMENTS_MAX] = {"git", "--no-pager", "-c", "core.hooksPath=/dev/null", "-c", "advice.detachedHead=false"};
    size_t count = 6;
    while (*arguments && count + 1 < ARGUMENTS_MAX)
        argv[count++] = *arguments++;
    return tn_child_run(argv, folder, false, watch, output, error);
}

tn_status tn_git_ask(const char *folder, tn_signal_watch *watch, const char *const *arguments, tn_child_output *output, tn_error *error)
{
    char line[NAME_MAX_SHOWN];
    tn_status status = ask(folder, watch, arguments, output, error);
    if (status != TN_OK || output->exit_code == 0)
        return status;
    last_line(output, line, sizeof line);
    return tn_complain(error, TN_ERROR_IO, "git %s failed with exit code %d: %s", arguments[0], output->exit_code, line);
}

static void cut_newline(char *text)
{
    size_t length = strlen(text);
    if (length > 0 && text[length - 1] == '\n')
        text[length - 1] = '\0';
}

tn_status tn_git_repository_find(tn_signal_watch *watch, tn_git_repository *repository, tn_error *error)
{
    char line[NAME_MAX_SHOWN];
    tn_child_output top = {0}, prefix = {0};
    *repository = (tn_git_repository){0};
    tn_status status = ask(NULL, watch, (const char *const[]){"rev-parse", "--show-toplevel", NULL}, &top, error);
    if (status == TN_OK && (top.exit_code != 0 || top.out[0] != '/')) {
        last_line(&top, line, sizeof line);
        status = tn_complain(error, TN_ERROR_USAGE,
                             "this folder is in no git work tree (%s); run it where the program lies that is to be bisected", line);
    }
    if (status == TN_OK)
        status = tn_git_ask(NULL, watch, (const char *const[]){"rev-parse", "--show-prefix", NULL}, &prefix, error);
    if (status == TN_OK) {
        cut_newline(top.out);
        cut_newline(prefix.out);
        *repository = (tn_git_repository){.top = top.out, .prefix = prefix.out};
        top.out = prefix.out = NULL;
    }
    tn_child_output_deinit(&top);
    tn_child_output_deinit(&prefix);
    return status;
}

void tn_git_repository_deinit(tn_git_repository *repository)
{
    free(repository->top);
    free(repository->prefix);
    *repository = (tn_git_repository){0};
}

static tn_status resolve(const tn_git_repository *repository, tn_signal_watch *watch, const char *name, char hash[TN_HASH_SIZE],
                         tn_error *error)
{
    char commit[512];
    tn_child_output output = {0};
    if ((size_t)snprintf(commit, sizeof commit, "%s^{commit}", name) >= sizeof commit)
        return tn_complain(error, TN_ERROR_USAGE, "'%.*s...' is too long for the name of a commit", 40, name);
    tn_status status = ask(repository->top, watch,
                           (const char *const[]){"rev-parse", "--verify", "--quiet", "--end-of-options", commit, NULL}, &output, error);
    if (status == TN_OK) {
        cut_newline(output.out);
        if (output.exit_code != 0 || output.out_size == 0 || strlen(output.out) >= TN_HASH_SIZE)
            status = tn_complain(error, TN_ERROR_USAGE, "--git: there is no commit '%.*s' in this repository", NAME_MAX_SHOWN, name);
        else
            snprintf(hash, TN_HASH_SIZE, "%.*s", TN_HASH_SIZE - 1, output.out);
    }
    tn_child_output_deinit(&output);
    return status;
}

static tn_status check_ancestry(const tn_git_repository *repository, tn_signal_watch *watch, const char *range, const char *good,
                                const char *bad, tn_error *error)
{
    tn_child_output output = {0};
    if (strcmp(good, bad) == 0)
        return tn_complain(error, TN_ERROR_USAGE,
                           "--git %.*s: both ends are the commit %.12s; expected GOOD..BAD with commits between them", NAME_MAX_SHOWN,
                           range, good);
    tn_status status = ask(repository->top, watch, (const char *const[]){"merge-base", "--is-ancestor", good, bad, NULL}, &output, error);
    bool is_ancestor = status == TN_OK && output.exit_code == 0;
    tn_child_output_deinit(&output);
    if (status != TN_OK || is_ancestor)
        return status;
    status = ask(repository->top, watch, (const char *const[]){"merge-base", "--is-ancestor", bad, good, NULL}, &output, error);
    bool is_reversed = status == TN_OK && output.exit_code == 0;
    tn_child_output_deinit(&output);
    if (status == TN_OK && is_reversed)
        return tn_complain(error, TN_ERROR_USAGE,
                           "--git %.*s: the good end comes after the bad one; expected GOOD..BAD, the older commit first", NAME_MAX_SHOWN,
                           range);
    status = ask(repository->top, watch, (const char *const[]){"merge-base", good, bad, NULL}, &output, error);
    if (status == TN_OK) {
        cut_newline(output.out);
        status = tn_complain(
            error, TN_ERROR_USAGE,
            "--git %.*s: the good end %.12s is no ancestor of the bad end %.12s, so no commit between them made it bad; %s%.12s",
            NAME_MAX_SHOWN, range, good, bad, output.out[0] ? "where they parted is " : "they have no common history", output.out);
    }
    tn_child_output_deinit(&output);
    return status;
}

tn_status tn_git_range(const tn_git_repository *repository, tn_signal_watch *watch, const char *range, char good[TN_HASH_SIZE],
                       char bad[TN_HASH_SIZE], tn_error *error)
{
    char name[NAME_MAX_SHOWN + 1];
    const char *dots = strstr(range, "..");
    if (!dots || dots == range || dots[2] == '.' || (size_t)(dots - range) >= sizeof name)
        return tn_complain(error, TN_ERROR_USAGE,
                           "--git takes GOOD..BAD, two commits of which the first still trained, such as v1.2..HEAD; found '%.*s'",
                           NAME_MAX_SHOWN, range);
    snprintf(name, sizeof name, "%.*s", (int)(dots - range), range);
    tn_status status = resolve(repository, watch, name, good, error);
    if (status == TN_OK)
        status = resolve(repository, watch, dots[2] ? dots + 2 : "HEAD", bad, error);
    return status == TN_OK ? check_ancestry(repository, watch, range, good, bad, error) : status;
}

tn_status tn_git_suspects_list(const tn_git_repository *repository, tn_signal_watch *watch, const char *bad,
                               const char (*goods)[TN_HASH_SIZE], size_t good_count, tn_git_suspects *suspects, tn_error *error)
{
    *suspects = (tn_git_suspects){0};
    const char **arguments = calloc(good_count + 5, sizeof *arguments);
    if (!arguments)
        return tn_complain(error, TN_ERROR_MEMORY, "memory is out while the history is read");
    size_t count = 0;
    arguments[count++] = "git";
    arguments[count++] = "rev-list";
    arguments[count++] = "--bisect-all";
    arguments[count++] = bad;
    char(*excluded)[TN_HASH_SIZE + 1] = calloc(good_count + 1, sizeof *excluded);
    for (size_t i = 0; excluded && i < good_count; i++) {
        snprintf(excluded[i], sizeof *excluded, "^%s", goods[i]);
        arguments[count + i] = excluded[i];
    }
    tn_child_output output = {0};
    tn_status status = excluded ? tn_child_run(arguments, repository->top, false, watch, &output, error)
                                : tn_complain(error, TN_ERROR_MEMORY, "memory is out while the history is read");
    free(excluded);
    free(arguments);
    if (status == TN_OK && output.exit_code != 0) {
        char line[NAME_MAX_SHOWN];
        last_line(&output, line, sizeof line);
        status = tn_complain(error, TN_ERROR_IO, "git rev-list failed with exit code %d: %s", output.exit_code, line);
    }
    size_t lines = 0;
    for (const char *at = output.out; status == TN_OK && at && (at = strchr(at, '\n')); at++)
        lines++;
    if (status == TN_OK && !(suspects->hashes = calloc(lines + 1, sizeof *suspects->hashes)))
        status = tn_complain(error, TN_ERROR_MEMORY, "memory is out while the history is read");
    const char *at = output.out;
    for (size_t i = 0; status == TN_OK && i < lines; i++) {
        /* "HASH (dist=3, tag: v2)" */
        size_t length = strspn(at, "0123456789abcdef");
        if (length > 0 && length < TN_HASH_SIZE)
            snprintf(suspects->hashes[suspects->count++], TN_HASH_SIZE, "%.*s", (int)length, at);
        at = strchr(at, '\n') + 1;
    }
    tn_child_output_deinit(&output);
    if (status != TN_OK)
        tn_git_suspects_deinit(suspects);
    return status;
}

void tn_git_suspects_deinit(tn_git_suspects *suspects)
{
    free(suspects->hashes);
    *suspects = (tn_git_suspects){0};
}

/* "M\0path\0R096\0old\0new\0...": `text` of `size` bytes. */
static tn_status read_files(tn_git_commit *commit, const char *text, size_t size, tn_error *error)
{
    const char *end = text + size;
    size_t most = 0;
    for (const char *at = text; at < end; at++)
        most += *at == '\0';
    commit->files = calloc(most / 2 + 1, sizeof *commit->files);
    if (!commit->files)
        return tn_complain(error, TN_ERROR_MEMORY, "memory is out while a commit is read");
    for (const char *at = text; at < end;) {
        tn_git_changed_file file = {.status = *at};
        at += strlen(at) + 1;
        if ((file.status == 'R' || file.status == 'C') && at < end) {
            file.was = at;
            at += strlen(at) + 1;
        }
        if (at >= end)
            break;
        file.path = at;
        at += strlen(at) + 1;
        commit->files[commit->file_count++] = file;
    }
    return TN_OK;
}

tn_status tn_git_commit_read(const tn_git_repository *repository, tn_signal_watch *watch, const char *hash, bool with_files,
                             tn_git_commit *commit, tn_error *error)
{
    tn_child_output facts = {0}, files = {0};
    *commit = (tn_git_commit){0};
    const char *const ask_facts[] = {
        "show", "-s", "--no-show-signature", "--no-notes", "--format=%H%x00%h%x00%an <%ae>%x00%ad%x00%P%x00%s", "--date=iso", hash, NULL};
    const char *const ask_files[] = {
        "show", "-m", "--first-parent", "--no-show-signature", "--no-notes", "--format=", "--name-status", "-z", "-M", "--no-ext-diff",
        hash,   NULL};
    tn_status status = tn_git_ask(repository->top, watch, ask_facts, &facts, error);
    if (status == TN_OK) {
        const char **fields[] = {&commit->hash, &commit->shortened, &commit->author, &commit->date, &commit->parent, &commit->subject};
        char *at = facts.out, *end = facts.out + facts.out_size;
        cut_newline(end > at ? end - 1 : at);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
            *fields[i] = at < end ? at : "";
            at = at < end ? at + strlen(at) + 1 : end;
        }
        char *others = strchr(commit->parent, ' ');
        if (others)
            *others = '\0';
        commit->texts[0] = facts.out;
        facts.out = NULL;
    }
    if (status == TN_OK && with_files)
        status = tn_git_ask(repository->top, watch, ask_files, &files, error);
    if (status == TN_OK && with_files)
        status = read_files(commit, files.out, files.out_size, error);
    if (status == TN_OK) {
        commit->texts[1] = files.out;
        files.out = NULL;
    }
    tn_child_output_deinit(&facts);
    tn_child_output_deinit(&files);
    if (status != TN_OK)
        tn_git_commit_deinit(commit);
    return status;
}

void tn_git_commit_deinit(tn_git_commit *commit)
{
    free(commit->files);
    free(commit->texts[0]);
    free(commit->texts[1]);
    *commit = (tn_git_commit){0};
}
