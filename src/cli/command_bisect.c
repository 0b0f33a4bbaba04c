/* command_bisect.c: tenet bisect --git GOOD..BAD: which commit broke the training. The diagnosis is the judge: healthy is good, faulty is bad, anything else is passed over.
 *
 * Git's own bisection picks the commits (git rev-list --bisect-all), and nothing of it is kept in the repository: there is a work tree of our own while this runs, and nothing after
 * it. Both ends are judged before anything is searched, since a bisection between ends that do not differ would name some commit all the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/bisect_judge.h"
#include "cli/command.h"
#include "cli/git_worktree.h"

typedef struct judged_commit {
    char hash[TN_HASH_SIZE];
    tn_judgement judgement;
} judged_commit;

typedef struct bisection {
    const tn_options *options;
    tn_git_repository repository;
    tn_git_worktree tree;
    tn_signal_watch watch;
    judged_commit *commits; /* [count], in the order in which they were judged */
    size_t count, capacity;
    char good[TN_HASH_SIZE], bad[TN_HASH_SIZE]; /* the ends of the range; `bad` moves towards the culprit */
    tn_git_suspects suspects;                   /* left at the end; one where it was found */
} bisection;

static const judged_commit *judgement_of(const bisection *work, const char *hash)
{
    for (size_t i = 0; i < work->count; i++)
        if (strcmp(work->commits[i].hash, hash) == 0)
            return &work->commits[i];
    return NULL;
}

/* Progress, one line a commit. */
static void tell(bisection *work, const char *hash, const char *text)
{
    tn_git_commit commit;
    tn_error ignored;
    if (work->options->given & TN_OPTION_QUIET)
        return;
    if (tn_git_commit_read(&work->repository, &work->watch, hash, false, &commit, &ignored) != TN_OK)
        return;
    fprintf(stderr, "tenet: %s %.60s: %s\n", commit.shortened, commit.subject, text);
    fflush(stderr);
    tn_git_commit_deinit(&commit);
}

/* Judges `hash`, which must be checked out already where it is the work tree's first. */
static tn_status judge(bisection *work, const char *hash, tn_judged *judged, tn_error *error)
{
    if (work->count == work->capacity) {
        size_t capacity = work->capacity * 2 + 16;
        judged_commit *larger = realloc(work->commits, capacity * sizeof *larger);
        if (!larger)
            return tn_complain(error, TN_ERROR_MEMORY, "memory is out while commits are judged");
        work->commits = larger;
        work->capacity = capacity;
    }
    tell(work, hash, "being debugged");
    judged_commit *commit = &work->commits[work->count];
    *commit = (judged_commit){0};
    snprintf(commit->hash, sizeof commit->hash, "%s", hash);
    tn_status status = tn_git_worktree_checkout(&work->tree, &work->watch, hash, error);
    if (status == TN_OK)
        status = tn_bisect_judge(work->options, work->tree.folder, &work->watch, &commit->judgement, error);
    if (status == TN_OK && work->watch.asked)
        status =
            tn_complain(error, TN_ERROR_CANCELLED, "ended by a signal, after %zu judged commits; the work tree is removed", work->count);
    if (status != TN_OK) {
        tn_judgement_deinit(&commit->judgement);
        return status;
    }
    work->count++;
    *judged = commit->judgement.judged;
    tell(work, hash, commit->judgement.text);
    return TN_OK;
}

/* Both ends must be what the range says of them. TN_ERROR_CANCELLED, whose exit code is that of an inconclusive diagnosis, where they are not. */
static tn_status judge_ends(bisection *work, tn_error *error)
{
    tn_judged good = TN_JUDGED_UNCLEAR, bad = TN_JUDGED_UNCLEAR;
    tn_status status = judge(work, work->good, &good, error);
    if (status != TN_OK)
        return status;
    if (good == TN_JUDGED_UNCLEAR || good == TN_JUDGED_UNUSABLE)
        return tn_complain(error, TN_ERROR_CANCELLED, "the good end %.12s cannot be judged: %s", work->good,
                           work->commits[0].judgement.text);
    status = judge(work, work->bad, &bad, error);
    if (status != TN_OK)
        return status;
    const char *of_good = work->commits[0].judgement.text, *of_bad = work->commits[1].judgement.text;
    if (bad == TN_JUDGED_UNCLEAR || bad == TN_JUDGED_UNUSABLE)
        return tn_complain(error, TN_ERROR_CANCELLED, "the bad end %.12s cannot be judged: %s", work->bad, of_bad);
    if (good == TN_JUDGED_GOOD && bad == TN_JUDGED_BAD)
        return TN_OK;
    if (good == TN_JUDGED_BAD && bad == TN_JUDGED_GOOD)
        return tn_complain(error, TN_ERROR_CANCELLED, "the ends are the wrong way round: %.12s is %.300s; %.12s is %.300s", work->good,
                           of_good, work->bad, of_bad);
    return tn_complain(error, TN_ERROR_CANCELLED,
                       "both ends are judged alike, so there is nothing to search: %.12s is %.300s; %.12s is %.300s. Does the program take "
                       "its own code from "
                       "elsewhere (PYTHONPATH, an editable install), or does what changed lie outside the repository?",
                       work->good, of_good, work->bad, of_bad);
}

static tn_status list_suspects(bisection *work, tn_error *error)
{
    tn_git_suspects_deinit(&work->suspects);
    char(*goods)[TN_HASH_SIZE] = calloc(work->count + 1, sizeof *goods);
    if (!goods)
        return tn_complain(error, TN_ERROR_MEMORY, "memory is out while commits are judged");
    size_t count = 1;
    memcpy(goods[0], work->good, TN_HASH_SIZE);
    for (size_t i = 1; i < work->count; i++) /* the first one judged is the good end */
        if (work->commits[i].judgement.judged == TN_JUDGED_GOOD)
            memcpy(goods[count++], work->commits[i].hash, TN_HASH_SIZE);
    tn_status status =
        tn_git_suspects_list(&work->repository, &work->watch, work->bad, (const char(*)[TN_HASH_SIZE])goods, count, &work->suspects, error);
    free(goods);
    return status;
}

static tn_status search(bisection *work, tn_error *error)
{
    tn_status status = list_suspects(work, error);
    if (status == TN_OK && !(work->options->given & TN_OPTION_QUIET)) {
        size_t debugs = 2;
        for (size_t left = work->suspects.count; left > 1; left = (left + 1) / 2)
            debugs++;
        fprintf(stderr, "tenet: %zu commits may be the first bad one: about %zu debugs\n", work->suspects.count, debugs);
    }
    if (status == TN_OK)
        status = judge_ends(work, error);
    while (status == TN_OK) {
        status = list_suspects(work, error);
        const char *next = NULL;
        for (size_t i = 0; status == TN_OK && i < work->suspects.count && !next; i++)
            if (!judgement_of(work, work->suspects.hashes[i]))
                next = work->suspects.hashes[i];
        if (!next)
            break;
        char hash[TN_HASH_SIZE];
        memcpy(hash, next, sizeof hash);
        tn_judged judged = TN_JUDGED_UNCLEAR;
        status = judge(work, hash, &judged, error);
        if (status == TN_OK && judged == TN_JUDGED_BAD)
            memcpy(work->bad, hash, sizeof hash);
    }
    return status;
}

/* The last good state before the culprit: its parent where that was judged, else the good commit that was judged last. */
static const judged_commit *before_of(const bisection *work, const char *parent)
{
    const judged_commit *before = judgement_of(work, parent);
    for (size_t i = work->count; i-- > 0 && (!before || before->judgement.judged != TN_JUDGED_GOOD);)
        before = &work->commits[i];
    return before;
}

static json_t *commit_json(const tn_git_commit *commit)
{
    json_t *object =
        json_pack("{s:s, s:s, s:s, s:s}", "hash", commit->hash, "subject", commit->subject, "author", commit->author, "date", commit->date);
    /* Words that are no UTF-8 cannot stand in JSON; the hash says it all. */
    return object ? object : json_pack("{s:s}", "hash", commit->hash);
}

static json_t *files_json(const tn_git_commit *commit)
{
    json_t *files = json_array();
    for (size_t i = 0; i < commit->file_count; i++) {
        const tn_git_changed_file *file = &commit->files[i];
        const char status[2] = {file->status};
        json_array_append_new(files, json_pack("{s:s, s:s, s:s*}", "status", status, "path", file->path, "was", file->was));
    }
    return files;
}

static json_t *judged_json(const judged_commit *commit, bool with_report)
{
    json_t *object = json_pack("{s:s, s:s, s:s}", "hash", commit->hash, "judged", tn_judged_name(commit->judgement.judged), "text",
                               commit->judgement.text);
    if (with_report && commit->judgement.document)
        json_object_set(object, "report", commit->judgement.document);
    return object;
}

static int print_json(const bisection *work, const tn_git_commit *culprit, bool found)
{
    json_t *judged = json_array(), *suspects = json_array();
    for (size_t i = 0; i < work->count; i++)
        json_array_append_new(judged, judged_json(&work->commits[i], false));
    for (size_t i = 0; i < work->suspects.count; i++)
        json_array_append_new(suspects, json_string(work->suspects.hashes[i]));
    json_t *document =
        json_pack("{s:s, s:b, s:o*, s:o*, s:o*, s:o*, s:o, s:o}", "schema", "tenet.bisect/1", "found", (int)found, "commit",
                  found ? commit_json(culprit) : NULL, "files", found ? files_json(culprit) : NULL, "before",
                  found ? judged_json(before_of(work, culprit->parent), true) : NULL, "after",
                  found ? judged_json(judgement_of(work, culprit->hash), true) : NULL, "suspects", suspects, "judged", judged);
    char *text = document ? json_dumps(document, JSON_INDENT(2) | JSON_ENSURE_ASCII) : NULL;
    json_decref(document);
    return tn_output_print(text, found ? TN_EXIT_HEALTHY : TN_EXIT_INCONCLUSIVE);
}

static void print_culprit(const bisection *work, const tn_git_commit *culprit)
{
    const judged_commit *before = before_of(work, culprit->parent), *after = judgement_of(work, culprit->hash);
    printf("first bad commit: %s\n\n    %s\n    %s, %s\n\n", culprit->hash, culprit->subject, culprit->author, culprit->date);
    printf("before  %.12s  %s\nafter   %.12s  %s\n\nit changed\n", before->hash, before->judgement.text, after->hash,
           after->judgement.text);
    for (size_t i = 0; i < culprit->file_count; i++) {
        const tn_git_changed_file *file = &culprit->files[i];
        printf("    %c  %s%s%s\n", file->status, file->was ? file->was : "", file->was ? " -> " : "", file->path);
    }
    printf("\n%zu commits were debugged; 'git show %s' shows the change\n", work->count, culprit->shortened);
}

static void print_suspects(const bisection *work)
{
    printf("the first bad commit is one of these %zu; those between could not be judged\n\n", work->suspects.count);
    for (size_t i = 0; i < work->suspects.count; i++) {
        const judged_commit *commit = judgement_of(work, work->suspects.hashes[i]);
        printf("    %.12s  %s\n", work->suspects.hashes[i], commit ? commit->judgement.text : "");
    }
}

static int print_result(bisection *work, const tn_command *command)
{
    tn_error error;
    tn_git_commit culprit;
    bool found = work->suspects.count == 1;
    if (tn_git_commit_read(&work->repository, &work->watch, work->bad, true, &culprit, &error) != TN_OK)
        return tn_failure_print(command, &error);
    int code = found ? TN_EXIT_HEALTHY : TN_EXIT_INCONCLUSIVE;
    if (work->options->given & TN_OPTION_JSON)
        code = print_json(work, &culprit, found);
    else if (found)
        print_culprit(work, &culprit);
    else
        print_suspects(work);
    tn_git_commit_deinit(&culprit);
    return code;
}

/* A path of the user's own checkout would be used at every step in place of the commit's. */
static tn_status check_word(bisection *work, const char *word, tn_error *error)
{
    size_t length = strlen(work->repository.top);
    if (!word || strncmp(word, work->repository.top, length) != 0 || word[length] != '/')
        return TN_OK;
    tn_child_output output = {0};
    const char *const arguments[] = {"ls-files", "--error-unmatch", "--", word, NULL};
    bool tracked = tn_git_ask(work->repository.top, &work->watch, arguments, &output, error) == TN_OK;
    tn_child_output_deinit(&output);
    return tracked
               ? tn_complain(error, TN_ERROR_USAGE,
                             "%.300s lies in your checkout, which would be used in place of every commit; give it as a relative path", word)
               : TN_OK;
}

static tn_status check_words(bisection *work, tn_error *error)
{
    tn_status status = check_word(work, work->options->operand, error);
    if (status == TN_OK)
        status = check_word(work, work->options->hypes, error);
    for (size_t i = 0; status == TN_OK && work->options->program && work->options->program[i]; i++)
        status = check_word(work, work->options->program[i], error);
    return status;
}

static int run(bisection *work, const tn_command *command)
{
    tn_error error;
    tn_status status = tn_signal_watch_begin(&work->watch, &error);
    if (status != TN_OK)
        return tn_failure_print(command, &error);
    status = tn_git_repository_find(&work->watch, &work->repository, &error);
    if (status == TN_OK)
        status = tn_git_range(&work->repository, &work->watch, work->options->git, work->good, work->bad, &error);
    if (status == TN_OK)
        status = check_words(work, &error);
    if (status == TN_OK)
        status = tn_git_worktree_open(&work->repository, &work->watch, work->good, &work->tree, &error);
    if (status == TN_OK)
        status = search(work, &error);
    int code = status == TN_OK ? print_result(work, command) : tn_failure_print(command, &error);
    if (tn_git_worktree_close(&work->tree, &work->watch, &error) != TN_OK) {
        int left = tn_failure_print(command, &error);
        code = code == TN_EXIT_HEALTHY ? left : code;
    }
    tn_signal_watch_end(&work->watch);
    return code;
}

/* ---- two files of hypes ---- */

static tn_status between_hypes(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report,
                               tn_error *error)
{
    (void)command;
    return tn_session_bisect(session, options->second, report, error);
}

static int bisect_hypes(const tn_command *command, const tn_options *options)
{
    tn_options job = *options;
    if (options->program) {
        job.hypes = options->operand;
        job.operand = NULL;
    }
    return tn_job_run(command, &job, between_hypes);
}

int tn_command_bisect(const tn_command *command, const tn_options *options)
{
    if (options->git && options->second)
        return tn_usage_print(command->name, "give either two files of hypes or, with --git, two commits");
    if (options->second)
        return bisect_hypes(command, options);
    if (!options->git)
        return tn_usage_print(command->name,
                              "between what? Give two files of hypes, or the ends of a history as in: --git v1.2..HEAD -- python train.py");
    bisection work = {.options = options, .watch = {.file = -1}};
    int code = run(&work, command);
    for (size_t i = 0; i < work.count; i++)
        tn_judgement_deinit(&work.commits[i].judgement);
    free(work.commits);
    tn_git_suspects_deinit(&work.suspects);
    tn_git_repository_deinit(&work.repository);
    return code;
}
