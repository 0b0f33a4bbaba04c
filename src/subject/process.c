/* process.c: a training program as a subject: its life, its look, and a training as it is; see process.h and process_parts.h. */
#include "subject/process.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/memory.h"
#include "run/scratch.h"
#include "subject/process_parts.h"

static const double SILENCE_SECONDS = 120, LOOK_SECONDS = 10;

#define FOLDER_PREFIX "tenet-run-"

/* A folder that is younger may not be locked yet. */
enum { HASHED_FILE_MAX = 16 << 20, SWEEP_SECONDS = 600 };

/* ---- what the subject is ---- */

/* The content of a file that the command names: the program, its configuration. Large ones are data, and stand by their size. */
static uint64_t hash_file(uint64_t hash, const char *path)
{
    unsigned char bytes[4096];
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISREG(info.st_mode))
        return hash;
    hash = tn_hash_bytes(hash, &info.st_size, sizeof info.st_size);
    FILE *file = info.st_size <= HASHED_FILE_MAX ? fopen(path, "rbe") : NULL;
    for (size_t got = 1; file && got > 0;) {
        got = fread(bytes, 1, sizeof bytes, file);
        hash = tn_hash_bytes(hash, bytes, got);
    }
    if (file)
        fclose(file);
    return hash;
}

/* The command, the folder it runs in, the files that it names, its hypes. What it imports beyond is not seen. */
static uint64_t find_identity(const tn_process_settings *settings)
{
    uint64_t hash = TN_HASH_START;
    char folder[PATH_MAX];
    if (getcwd(folder, sizeof folder))
        hash = tn_hash_bytes(hash, folder, strlen(folder) + 1);
    for (size_t i = 0; settings->command[i]; i++) {
        hash = tn_hash_bytes(hash, settings->command[i], strlen(settings->command[i]) + 1);
        hash = hash_file(hash, settings->command[i]);
    }
    if (settings->hypes_path)
        hash = hash_file(hash, settings->hypes_path);
    char *patch = settings->hypes_patch ? json_dumps(settings->hypes_patch, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (patch)
        hash = tn_hash_bytes(hash, patch, strlen(patch));
    free(patch);
    return hash;
}

/* ---- life ---- */

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place)
{
    (void)info;
    (void)type;
    (void)place;
    (void)remove(path);
    return 0;
}

static void remove_folder(const char *path)
{
    (void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* The lock is held as long as its process lives, however it ends. -1: another one lives. */
static int lock_folder(const char *path)
{
    int lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0) {
        close(lock);
        lock = -1;
    }
    return lock;
}

/* Folders of runs that were killed: of this user, of our form, and locked by nobody. */
static void sweep(const char *parent)
{
    DIR *folder = opendir(parent);
    for (const struct dirent *entry = folder ? readdir(folder) : NULL; entry; entry = readdir(folder)) {
        char path[PATH_MAX];
        struct stat info;
        int length = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        if (strncmp(entry->d_name, FOLDER_PREFIX, sizeof FOLDER_PREFIX - 1) != 0 || length >= (int)sizeof path)
            continue;
        if (lstat(path, &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != geteuid() || time(NULL) - info.st_mtime < SWEEP_SECONDS)
            continue;
        int lock = lock_folder(path);
        if (lock < 0)
            continue;
        remove_folder(path);
        close(lock);
    }
    if (folder)
        closedir(folder);
}

static tn_status make_folder(tn_process *process, tn_error *error)
{
    const char *parent = getenv("TMPDIR");
    char *path = NULL;
    if (!parent || parent[0] != '/')
        parent = "/tmp";
    sweep(parent);
    if (asprintf(&path, "%s/%s%d-XXXXXX", parent, FOLDER_PREFIX, (int)getpid()) < 0)
        return tn_fail_memory(error, strlen(parent) + 32);
    if (!mkdtemp(path)) {
        tn_status status =
            tn_fail(error, TN_ERROR_IO, "cannot make a folder in %.300s for what trials write; is there space left?", parent);
        free(path);
        return status;
    }
    process->folder = path;
    process->folder_lock = lock_folder(path);
    return TN_OK;
}

static void close_process(tn_process *process)
{
    if (process->listener)
        tn_process_serve_end(process);
    tn_listener_destroy(process->listener);
    if (process->folder)
        remove_folder(process->folder);
    free(process->folder);
    if (process->folder_lock >= 0)
        close(process->folder_lock);
    free(process->shield);
    json_decref(process->mapping);
    tn_hypes_destroy(process->hypes);
    json_decref(process->told);
    pthread_mutex_destroy(&process->turn);
}

static tn_status open_process(tn_process *process, const tn_process_settings *settings, bool isolated, tn_error *error)
{
    *process = (tn_process){.settings = *settings, .folder_lock = -1};
    pthread_mutex_init(&process->turn, NULL);
    if (process->settings.silence_seconds <= 0)
        process->settings.silence_seconds = SILENCE_SECONDS;
    if (process->settings.look_seconds <= 0)
        process->settings.look_seconds = LOOK_SECONDS;
    if (!settings->command || !settings->command[0])
        return tn_fail(error, TN_ERROR_USAGE, "there is no command to run; expected one after --");
    process->identity = find_identity(settings);
    tn_status status = tn_process_hypes_knobs(settings, &process->mapped, &process->mapping, error);
    if (status == TN_OK)
        status = make_folder(process, error);
    if (status == TN_OK && isolated) {
        process->isolation = TN_ISOLATION_NAMESPACE;
        status = tn_scratch_possible(process->folder, 0, error);
        process->shield = status == TN_ERROR_UNSUPPORTED ? tn_process_find_shield() : NULL;
        if (process->shield) {
            process->isolation = TN_ISOLATION_SHIELD;
            status = TN_OK;
        }
    }
    return status == TN_OK ? tn_listener_create(&process->listener, error) : status;
}

/* ---- the look ---- */

/* A program that nobody heard: what was expected, and what may be in the way. */
static tn_status tell_silence(tn_process *process, const tn_trial_result *result, const tn_run_end *look, tn_error *error)
{
    char refusal[256], how[96] = "was ended";
    const tn_error before = result->error; /* `error` may be the same one */
    tn_listener_refusal(process->listener, refusal);
    if (look->status_known)
        tn_child_tell(look->status, how);
    if (look->spoke)
        return tn_fail(
            error, TN_ERROR_UNSUPPORTED,
            "The program uses %s but made no step of an optimizer that tenet could see (it %s). Expected a training loop that calls "
            "backward() and an optimizer's step().%s%s %.400s",
            look->framework[0] ? look->framework : "tenet", how, look->note[0] ? " It notes: " : "", look->note, before.message);
    if (refusal[0])
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "The program could not report to tenet: %s. It %s. %.300s", refusal, how,
                       before.message);
    return tn_fail(
        error, TN_ERROR_UNSUPPORTED,
        "The program never reported to tenet; it %s. Expected a Python program that imports torch or keras, or any program that "
        "appends lines such as {\"step\": 1, \"loss\": 2.3} to the file that $TENET_LOG names. Python started with -I, -S or -E does "
        "not load tenet's hooks; nor does a program that clears its environment. %.300s",
        how, before.message);
}

static tn_status judge_look(tn_process *process, const tn_trial_result *result, const tn_run_end *look, tn_error *error)
{
    bool failed = look->status_known && look->status != 0;
    if (result->end == TN_TRIAL_CANCELLED)
        return tn_fail(error, TN_ERROR_CANCELLED, "cancelled while the program was looked at");
    if (result->end != TN_TRIAL_REFUSED && result->steps > 0)
        return TN_OK;
    /* One that fails by itself has told why. */
    bool is_silent = result->steps == 0 && !failed && result->error.code == TN_ERROR_UNSUPPORTED;
    if (is_silent || (!look->spoke && !failed))
        return tell_silence(process, result, look, error);
    if (error)
        *error = result->error;
    return result->error.code;
}

static tn_status look_once(tn_process *process, tn_error *error)
{
    tn_trial_result result = {0};
    tn_run_end look;
    /* One thread: how large the program's work is, is not known yet. */
    tn_status status = tn_process_run(process, TN_RUN_LOOK, NULL, 1, &result, &look, error);
    if (status == TN_OK)
        status = judge_look(process, &result, &look, error);
    if (status == TN_OK)
        status = tn_process_find_facts(process, &look, &result, error);
    tn_run_end_deinit(&look);
    tn_trial_result_deinit(&result);
    return status;
}

static tn_status look_at(tn_process *process, tn_error *error)
{
    tn_process_serve(process);
    tn_error found = {0};
    tn_status status = look_once(process, &found);
    /* What fails as a fork may do as a process of its own. */
    if (status != TN_OK && status != TN_ERROR_CANCELLED && status != TN_ERROR_MEMORY && process->server.pid > 0 &&
        atomic_load(&process->serves)) {
        snprintf(process->serves_not, sizeof process->serves_not, "its fork failed: %.200s", found.message);
        tn_process_serve_end(process);
        found = (tn_error){0};
        status = look_once(process, &found);
    }
    if (status != TN_OK && error)
        *error = found;
    return status;
}

/* ---- the kind ---- */

static tn_status run(tn_subject *subject, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    tn_process *process = (tn_process *)subject;
    tn_run_end end;
    if (process->one_by_one)
        pthread_mutex_lock(&process->turn);
    tn_status status = tn_process_run(process, TN_RUN_TRIAL, request, threads, result, &end, error);
    if (process->one_by_one)
        pthread_mutex_unlock(&process->turn);
    tn_run_end_deinit(&end);
    return status;
}

static const tn_subject_facts *facts_of(const tn_subject *subject)
{
    return &((const tn_process *)subject)->facts;
}

static const tn_hypes *hypes_of(const tn_subject *subject)
{
    return ((const tn_process *)subject)->hypes;
}

static void destroy(tn_subject *subject)
{
    tn_process *process = (tn_process *)subject;
    close_process(process);
    tn_memory_destroy(process);
}

/* Trials that are forked, or started anew with the same seed, repeat as far as the program does. */
static bool trial_key(const tn_subject *subject, const tn_trial_request *request, char key[TN_TRIAL_KEY_SIZE])
{
    return tn_process_trial_key((const tn_process *)subject, request, key);
}

static const tn_subject_kind PROCESS = {.run = run, .facts = facts_of, .hypes = hypes_of, .destroy = destroy, .trial_key = trial_key};

tn_status tn_subject_process(const tn_process_settings *settings, tn_subject **subject, tn_error *error)
{
    *subject = NULL;
    tn_process *process = tn_memory_create(1, sizeof *process);
    if (!process)
        return tn_fail_memory(error, sizeof *process);
    tn_status status = open_process(process, settings, settings->isolated, error);
    process->subject.kind = &PROCESS;
    if (status == TN_OK)
        status = look_at(process, error);
    if (status != TN_OK)
        destroy(&process->subject);
    else
        *subject = &process->subject;
    return status;
}

/* ---- a training as it is ---- */

static int exit_code_of(const tn_run_end *end)
{
    if (!end->status_known)
        return EXIT_FAILURE;
    return WIFSIGNALED(end->status) ? 128 + WTERMSIG(end->status) : WEXITSTATUS(end->status);
}

tn_status tn_process_train(const tn_process_settings *settings, const tn_trial_request *request, tn_subject_facts *facts,
                           tn_trial_result *result, int *exit_code, tn_error *error)
{
    tn_process process;
    tn_run_end end = {0};
    tn_status status = open_process(&process, settings, false, error);
    if (status == TN_OK)
        status = tn_process_run(&process, TN_RUN_TRAIN, request, settings->threads, result, &end, error);
    if (status == TN_OK)
        status = tn_process_find_facts(&process, &end, result, error);
    if (status == TN_OK) {
        *exit_code = exit_code_of(&end);
        if (!end.spoke && !(end.status_known && end.status != 0)) /* one that failed has told why */
            (void)tell_silence(&process, result, &end, &result->error);
        *facts = process.facts;
        /* What these point into goes with the process. */
        facts->places = facts->refused = facts->knob_paths = facts->notes = NULL;
        facts->hypes_file = facts->forks_note = NULL;
        if (facts->score_note)
            snprintf(facts->score_words, sizeof facts->score_words, "%s", facts->score_note);
        facts->score_note = facts->score_note ? facts->score_words : NULL;
    }
    tn_run_end_deinit(&end);
    close_process(&process);
    return status;
}
