/* session_program.c: a session on a program: what the settings say of it, and where tenet's Python package lies.
 *
 * The package is looked for beside the running program (<folder>/python, as the build lays it), then where an installation puts it (<folder>/../share/tenet/python). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/session.h"
#include "base/text.h"
#include "subject/process.h"

enum { PATH_SIZE = 4096 };

/* Of the first run, which learns what the program is; a quarter of a small budget at most. */
static const double LOOK_SECONDS = 10;

static bool has_bootstrap(const char *folder)
{
    char path[PATH_SIZE];
    int length = snprintf(path, sizeof path, "%s/bootstrap/sitecustomize.py", folder);
    return length > 0 && (size_t)length < sizeof path && access(path, R_OK) == 0;
}

/* The folder as malloc'd text, NULL in *found where there is none. */
static tn_status find_python(const char *given, char **found, tn_error *error)
{
    static const char *const PLACES[] = {"python", "../share/tenet/python"};
    char program[PATH_SIZE], candidate[PATH_SIZE + 64];
    *found = NULL;
    if (given) {
        if (!has_bootstrap(given))
            return tn_fail(error, TN_ERROR_USAGE,
                           "The folder '%.200s' does not hold tenet's Python package (no bootstrap/sitecustomize.py there).", given);
        *found = strdup(given);
        return *found ? TN_OK : tn_fail_memory(error, strlen(given) + 1);
    }
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0)
        return TN_OK;
    program[length] = '\0';
    char *slash = strrchr(program, '/');
    if (!slash)
        return TN_OK;
    *slash = '\0';
    for (size_t i = 0; i < sizeof PLACES / sizeof *PLACES && !*found; i++) {
        snprintf(candidate, sizeof candidate, "%s/%s", program, PLACES[i]);
        if (!has_bootstrap(candidate))
            continue;
        *found = realpath(candidate, NULL);
        if (!*found)
            return tn_fail_memory(error, PATH_SIZE);
    }
    return TN_OK;
}

/* "python train.py --lr 0.1": the words as typed, which is how its user knows it. */
static char *name_of(const char *const *command)
{
    tn_text text;
    tn_text_init(&text);
    for (size_t i = 0; command[i]; i++)
        tn_text_addf(&text, "%s%s", i > 0 ? " " : "", command[i]);
    return tn_text_take(&text);
}

tn_status tn_session_program_open(tn_session_program *program, const tn_settings *settings, tn_error *error)
{
    *program = (tn_session_program){
        .command = settings->program, .speaks_on_stderr = settings->program_speaks_on_stderr, .starts_anew = settings->program_starts_anew};
    if (settings->assignment_count > 0 && !settings->program_hypes)
        return tn_fail(error, TN_ERROR_USAGE, "Assignments change a file of hypes; name the one that the program reads.");
    if (settings->program_hypes && access(settings->program_hypes, R_OK) != 0)
        return tn_fail(error, TN_ERROR_IO, "The program's hypes '%.300s' cannot be read; expected a JSON file.", settings->program_hypes);
    program->name = settings->program_name ? strdup(settings->program_name) : name_of(settings->program);
    if (!program->name)
        return tn_fail_memory(error, 64);
    if (settings->program_hypes && !(program->hypes = strdup(settings->program_hypes)))
        return tn_fail_memory(error, strlen(settings->program_hypes) + 1);
    tn_status status = find_python(settings->python_folder, &program->python_folder, error);
    if (status == TN_OK && settings->assignment_count > 0)
        status = tn_assignments_patch(settings->assignments, settings->assignment_count, &program->patch, error);
    return status;
}

void tn_session_program_close(tn_session_program *program)
{
    free(program->name);
    free(program->hypes);
    free(program->python_folder);
    json_decref(program->patch);
    *program = (tn_session_program){0};
}

tn_process_settings tn_session_process_settings(tn_session *session)
{
    const tn_session_program *program = &session->program;
    return (tn_process_settings){
        .command = program->command,
        .name = program->name,
        .hypes_path = program->hypes,
        .hypes_patch = program->patch,
        .python_folder = program->python_folder,
        .speaks_on_stderr = program->speaks_on_stderr,
        .isolated = true,
        .forks = !program->starts_anew,
        .threads = session->threads,
        .base_seed = session->seed,
        .look_seconds = session->budget_seconds > 0 ? fmin(LOOK_SECONDS, session->budget_seconds / 4) : LOOK_SECONDS,
        .store = session->store,
        .cancel = &session->cancel,
    };
}
