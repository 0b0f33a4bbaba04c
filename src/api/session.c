/* session.c: opening and closing a session, and the jobs that experiments/ does for it. Training is in session_train.c. */
#include "api/session.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/session_look.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/threads.h"
#include "report/report.h"
#include "report/report_page.h"
#include "subject/process.h"

tn_status tn_budget_parse(const char *text, double *seconds, uint64_t *steps, tn_error *error)
{
    *seconds = 0;
    *steps = 0;
    if (!text || !*text)
        return TN_OK;
    /* Digits and one point only: strtod alone would take "inf", "0x10" and "1e3". */
    size_t digits = strspn(text, "0123456789."), size = strlen(text);
    char *end = NULL;
    double value = digits > 0 ? strtod(text, &end) : 0;
    if (end == text + digits && value > 0 && isfinite(value)) {
        if (strcmp(end, "s") == 0 && value <= 1e9) {
            *seconds = value;
            return TN_OK;
        }
        if (strcmp(end, "steps") == 0 && value <= 1e15 && value == floor(value)) {
            *steps = (uint64_t)value;
            return TN_OK;
        }
    }
    return tn_fail(error, TN_ERROR_USAGE, "The budget is '%.*s'; expected seconds, such as 60s, or training steps, such as 5000steps.",
                   size > 80 ? 80 : (int)size, text);
}

tn_status tn_assignments_patch(const char *const *assignments, size_t count, json_t **patch, tn_error *error)
{
    *patch = json_object();
    tn_status status = *patch ? TN_OK : tn_fail_memory(error, sizeof(void *));
    for (size_t i = 0; i < count && status == TN_OK; i++)
        status = tn_patch_assign(*patch, assignments[i], error);
    return status;
}

tn_status tn_hypes_assigned(const char *path, const char *const *assignments, size_t count, tn_hypes **hypes, tn_error *error)
{
    *hypes = NULL;
    tn_hypes *base = NULL;
    tn_status status = tn_hypes_load(path, &base, error);
    if (status != TN_OK || count == 0) {
        *hypes = base;
        return status;
    }
    json_t *patch = NULL;
    status = tn_assignments_patch(assignments, count, &patch, error);
    if (status == TN_OK)
        status = tn_hypes_patch(base, patch, hypes, error);
    json_decref(patch);
    tn_hypes_destroy(base);
    return status;
}

/* The hypes with the assignments of the settings, and their seed after all others. */
static tn_status load_hypes(const tn_settings *settings, tn_hypes **hypes, tn_error *error)
{
    char seed[64];
    size_t count = settings->assignment_count;
    const char **assignments = tn_memory_create(count + 1, sizeof *assignments);
    if (!assignments)
        return tn_fail_memory(error, (count + 1) * sizeof *assignments);
    for (size_t i = 0; i < count; i++)
        assignments[i] = settings->assignments[i];
    if (settings->has_seed) {
        snprintf(seed, sizeof seed, "solver.seed=%" PRIu64, settings->seed);
        assignments[count++] = seed;
    }
    tn_status status = tn_hypes_assigned(settings->hypes_path, assignments, count, hypes, error);
    tn_memory_destroy(assignments);
    return status;
}

static tn_status open_layer(tn_session *session, const tn_settings *settings, tn_error *error)
{
    session->layer_path = tn_string_copy(settings->layer_path);
    if (!session->layer_path)
        return tn_fail_memory(error, strlen(settings->layer_path) + 1);
    return tn_subject_layer(settings->layer_path, settings->assignments, settings->assignment_count,
                            settings->has_seed ? settings->seed : 1, &session->cancel, &session->subject, error);
}

tn_status tn_session_open(const tn_settings *settings, tn_session **session, tn_error *error)
{
    *session = NULL;
    if (settings->resumes && !settings->store_path)
        return tn_fail(error, TN_ERROR_USAGE, "To go on needs the store in which the debug was begun: --store PATH.");
    bool attaches = settings->program && settings->program[0];
    if (!settings->hypes_path && !attaches && !settings->layer_path)
        return tn_fail(error, TN_ERROR_USAGE, "Neither a hypes file nor a program nor a layer was given.");
    tn_session *opened = tn_memory_create(1, sizeof *opened);
    if (!opened)
        return tn_fail_memory(error, sizeof *opened);
    opened->threads = settings->threads > 0 ? settings->threads : tn_processor_count();
    opened->progress = settings->progress;
    opened->progress_context = settings->progress_context;
    opened->signal = settings->signal;
    opened->signal_context = settings->signal_context;
    opened->only_records = settings->only_records;
    opened->debug_on_plateau = settings->debug_on_plateau;
    opened->panel = settings->panel;
    opened->panel_context = settings->panel_context;
    opened->weights_path = settings->weights_path;
    opened->search_trials = settings->search_trials;
    opened->resumes = settings->resumes;
    tn_status status = tn_budget_parse(settings->budget, &opened->budget_seconds, &opened->budget_steps, error);
    if (status == TN_OK && settings->html_path && !(opened->html_path = tn_string_copy(settings->html_path)))
        status = tn_fail_memory(error, strlen(settings->html_path) + 1);
    if (status == TN_OK)
        status = tn_session_fixed_open(opened, settings, error);
    if (status == TN_OK && attaches)
        status = tn_session_program_open(&opened->program, settings, error);
    else if (status == TN_OK && settings->layer_path)
        status = open_layer(opened, settings, error);
    else if (status == TN_OK)
        status = load_hypes(settings, &opened->hypes, error);
    if (status == TN_OK)
        opened->seed = !opened->hypes ? settings->seed : (uint64_t)tn_hypes_integer(opened->hypes, "solver.seed");
    if (status == TN_OK)
        status = tn_session_rules(opened, settings, &opened->rules, error);
    if (status == TN_OK)
        status = tn_session_watch_open(opened, settings, error);
    if (status == TN_OK && settings->store_path)
        status = tn_store_open(settings->store_path, &opened->store, error);
    if (status == TN_OK && opened->hypes)
        status = tn_subject_native(opened->hypes, opened->store, &opened->cancel, &opened->subject, error);
    if (status != TN_OK) {
        tn_session_close(opened, NULL);
        return status;
    }
    *session = opened;
    return TN_OK;
}

tn_status tn_session_close(tn_session *session, tn_error *error)
{
    if (!session)
        return TN_OK;
    tn_subject_destroy(session->subject);
    tn_status status = tn_store_close(session->store, error);
    const tn_error *kept = session->store_error.code != TN_OK ? &session->store_error : &session->page_error;
    if (kept->code != TN_OK) {
        status = kept->code;
        if (error)
            *error = *kept;
    }
    free(session->layer_path);
    free(session->html_path);
    free(session->fixed_path);
    tn_hypes_destroy(session->hypes);
    tn_session_program_close(&session->program);
    tn_memory_destroy(session);
    return status;
}

const char *tn_session_name(const tn_session *session)
{
    if (session->layer_path)
        return session->layer_path;
    return session->hypes ? tn_hypes_name(session->hypes) : session->program.name;
}

tn_status tn_session_subject(tn_session *session, tn_subject **subject, tn_error *error)
{
    tn_status status = TN_OK;
    if (!session->subject) {
        const tn_process_settings settings = tn_session_process_settings(session);
        if (session->progress)
            session->progress(session->progress_context, 0, "starting the program");
        status = tn_subject_process(&settings, &session->subject, error);
    }
    *subject = session->subject;
    return status;
}

void tn_session_cancel(tn_session *session)
{
    atomic_store(&session->cancel.requested, true);
}

tn_status tn_report_of(json_t *document, tn_report **report, tn_error *error)
{
    *report = tn_memory_create(1, sizeof **report);
    if (*report) {
        (*report)->document = document;
        return TN_OK;
    }
    json_decref(document);
    return tn_fail_memory(error, sizeof **report);
}

tn_status tn_session_report(tn_session *session, json_t *document, tn_report **report, tn_error *error)
{
    tn_status made = tn_report_of(document, report, error);
    if (made != TN_OK)
        return made;
    if (session->store) {
        char *json = tn_report_json(document);
        tn_error kept = {.code = TN_OK};
        tn_status status = json ? tn_store_report(session->store, tn_session_name(session), json, &kept) : tn_fail_memory(&kept, 1);
        if (status != TN_OK && session->store_error.code == TN_OK)
            session->store_error = kept;
        free(json);
    }
    return TN_OK;
}

/* Seconds: a budget that is spent already still ends in a report, not in none. */
static const double BUDGET_LEFT_MIN = 0.001;

/* A whole debug, the plan of one, one experiment (its command), or a bisection (the path of the other hypes). */
typedef tn_status job_fn(tn_subject *subject, const char *what, const tn_debug_options *options, json_t **document, tn_error *error);

/* A cancel serves one job: the next begins anew. */
static tn_status run(tn_session *session, job_fn *job, const char *command, tn_report **report, tn_error *error)
{
    uint64_t start_ns = tn_clock_ns();
    json_t *document = NULL;
    tn_subject *subject;
    tn_session_look look;
    *report = NULL;
    tn_status status = tn_session_look_init(&look, error);
    if (status == TN_OK)
        status = tn_session_subject(session, &subject, error);
    const tn_observer guest = tn_session_look_observer(&look);
    /* What a program took to be known is part of the budget. */
    double left = session->budget_seconds - (double)(tn_clock_ns() - start_ns) / 1e9;
    const tn_debug_options options = {
        .threads = session->threads,
        .seed = session->seed,
        .budget_steps = session->budget_steps,
        .budget_seconds = session->budget_seconds > 0 ? fmax(left, BUDGET_LEFT_MIN) : 0,
        .rules = &session->rules,
        .store = session->store,
        .search_trials = session->search_trials,
        .resumes = session->resumes,
        .until_healthy = session->fixed_path != NULL,
        .look = &guest,
        .cancel = &session->cancel,
        .progress = session->progress,
        .progress_context = session->progress_context,
    };
    if (status == TN_OK)
        status = job(subject, command, &options, &document, error);
    atomic_store(&session->cancel.requested, false);
    if (status == TN_OK)
        status = tn_session_write_fixed(session, document, error);
    if (status == TN_OK)
        status = tn_session_look_add(&look, tn_subject_facts_of(subject), document, error);
    tn_session_look_deinit(&look);
    if (status != TN_OK) {
        json_decref(document);
        return status;
    }
    /* A page that cannot be written must not cost the report: tn_session_close tells of it. */
    tn_error failure = {.code = TN_OK};
    if (session->html_path && tn_report_page_write(session->html_path, document, &failure) != TN_OK && session->page_error.code == TN_OK)
        session->page_error = failure;
    return tn_session_report(session, document, report, error);
}

static tn_status whole(tn_subject *subject, const char *command, const tn_debug_options *options, json_t **document, tn_error *error)
{
    (void)command;
    return tn_debug_run(subject, options, document, error);
}

static tn_status plan(tn_subject *subject, const char *command, const tn_debug_options *options, json_t **document, tn_error *error)
{
    (void)command;
    return tn_debug_plan(subject, options, document, error);
}

static tn_status fail_layer(tn_report **report, tn_error *error)
{
    *report = NULL;
    return tn_fail(error, TN_ERROR_USAGE,
                   "A layer alone is no network that could be debugged; check it by gradcheck, or name it in a net.");
}

tn_status tn_session_debug(tn_session *session, tn_report **report, tn_error *error)
{
    if (session->layer_path)
        return fail_layer(report, error);
    return run(session, whole, NULL, report, error);
}

tn_status tn_session_plan(tn_session *session, tn_report **report, tn_error *error)
{
    if (session->layer_path)
        return fail_layer(report, error);
    return run(session, plan, NULL, report, error);
}

static tn_status bisect(tn_subject *subject, const char *bad_path, const tn_debug_options *options, json_t **document, tn_error *error)
{
    tn_hypes *bad = NULL;
    tn_status status =
        tn_subject_facts_of(subject)->is_program ? tn_hypes_load_free(bad_path, &bad, error) : tn_hypes_load(bad_path, &bad, error);
    if (status == TN_OK) {
        tn_debug_options with = *options;
        with.other = bad;
        status = tn_debug_bisect(subject, &with, document, error);
    }
    tn_hypes_destroy(bad);
    return status;
}

tn_status tn_session_bisect(tn_session *session, const char *bad_path, tn_report **report, tn_error *error)
{
    *report = NULL;
    if (!session->hypes && !session->program.hypes)
        return tn_fail(error, TN_ERROR_USAGE, "A bisection compares two files of hypes; name the one that the program reads.");
    return run(session, bisect, bad_path, report, error);
}

tn_status tn_session_experiment(tn_session *session, const char *command, tn_report **report, tn_error *error)
{
    const char *names[64];
    size_t count = tn_experiment_count();
    *report = NULL;
    if (session->layer_path && strcmp(command, "gradcheck") != 0)
        return tn_fail(error, TN_ERROR_USAGE, "A layer alone can be checked by gradcheck only; for '%s' name it in a net.", command);
    for (size_t i = 0; i < count && i < sizeof names / sizeof *names; i++) {
        names[i] = tn_experiment_at(i)->command;
        if (strcmp(names[i], command) == 0)
            return run(session, tn_debug_experiment, command, report, error);
    }
    const char *nearest = tn_nearest_name(command, names, count);
    return tn_fail(error, TN_ERROR_USAGE, "There is no experiment '%s'%s%s%s.", command, nearest ? "; did you mean '" : "",
                   nearest ? nearest : "", nearest ? "'" : "");
}
