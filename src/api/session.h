/* session.h: what stands behind the handles of include/tenet.h. */
#ifndef TN_API_SESSION_H
#define TN_API_SESSION_H

#include <jansson.h>

#include "experiments/debug.h"
#include "hypes/hypes.h"
#include "rules/rules.h"
#include "store/store.h"
#include "subject/process.h"
#include "subject/subject.h"
#include "tenet.h"

/* A program to attach to, as the settings name it. */
typedef struct tn_session_program {
    const char *const *command; /* the caller's; NULL: the session has hypes of its own */
    char *name;                 /* its words, as typed */
    char *hypes;                /* the file that it reads, or NULL */
    json_t *patch;              /* of that file, or NULL */
    char *python_folder;        /* NULL: not found */
    bool starts_anew;
    bool speaks_on_stderr;
} tn_session_program;

struct tn_session {
    tn_hypes *hypes;            /* NULL for a program or a layer */
    char *layer_path;           /* of a layer alone; NULL else */
    tn_session_program program; /* command NULL for hypes */
    tn_store *store;            /* NULL: nothing is kept */
    tn_subject *subject;        /* of a program: NULL until a job needs it, since making one starts the program */
    tn_cancel cancel;
    size_t threads;
    uint64_t seed;
    uint64_t budget_steps; /* 0: none */
    double budget_seconds; /* 0: none */
    size_t search_trials;  /* 0: as many as usual */
    bool resumes;
    tn_session_progress_fn *progress;
    void *progress_context;
    tn_session_signal_fn *signal;
    void *signal_context;
    bool only_records;
    bool debug_on_plateau;
    char *html_path;  /* NULL: no page */
    char *fixed_path; /* NULL: what repairs is told and not written */
    tn_session_panel_fn *panel;
    void *panel_context;
    tn_error page_error; /* of a page, or of fixed hypes, that could not be written; code TN_OK where all went well */
    tn_rule_settings rules;
    const char *weights_path; /* the caller's; NULL: the trained weights are not kept */
    bool watches_all;         /* every step of a training is observed */
    bool traces;              /* and of a program every function of every step */
    double watch_share;       /* of the step time, what observing may take; 0: nothing is observed, unless all is */
    tn_error store_error;     /* of a report that could not be kept; code TN_OK where all went well */
};

struct tn_report {
    json_t *document; /* owned */
};

/* Takes over what the settings say of a program. tn_session_program_close in any case. */
tn_status tn_session_program_open(tn_session_program *program, const tn_settings *settings, tn_error *error);
void tn_session_program_close(tn_session_program *program);

/* The thresholds of the rules: the defaults, then debug.rules of the hypes (also of those that a program reads), then the settings' own. */
tn_status tn_session_rules(const tn_session *session, const tn_settings *settings, tn_rule_settings *rules, tn_error *error);

/* What subject/process.h is asked for. Borrows from the session. */
tn_process_settings tn_session_process_settings(tn_session *session);

/* The session's subject, made at the first call. Borrowed. */
tn_status tn_session_subject(tn_session *session, tn_subject **subject, tn_error *error);

/* What the subject is called in reports and in the store. */
const char *tn_session_name(const tn_session *session);

/* A report that owns `document` (stolen, in any case). */
tn_status tn_report_of(json_t *document, tn_report **report, tn_error *error);

/* The same, kept in the session's store where there is one. */
tn_status tn_session_report(tn_session *session, json_t *document, tn_report **report, tn_error *error);

/* Whether hypes can be written to settings->fixed_path, told before anything is trained. */
tn_status tn_session_fixed_open(tn_session *session, const tn_settings *settings, tn_error *error);

/* Writes the hypes with what repaired them, where the session has a path for them, and says so in the document: "written". */
tn_status tn_session_write_fixed(tn_session *session, json_t *document, tn_error *error);

/* Which steps of a training are observed, from the settings and the session's hypes (NULL for a program). */
tn_status tn_session_watch_open(tn_session *session, const tn_settings *settings, tn_error *error);

/* "60s" or "5000steps" into one of the two, the other 0. NULL or "": both 0. */
tn_status tn_budget_parse(const char *text, double *seconds, uint64_t *steps, tn_error *error);

/* --set assignments as one patch (a new reference). */
tn_status tn_assignments_patch(const char *const *assignments, size_t count, json_t **patch, tn_error *error);

/* The hypes of a file with assignments applied. */
tn_status tn_hypes_assigned(const char *path, const char *const *assignments, size_t count, tn_hypes **hypes, tn_error *error);

#endif
