/* tenet.h: the public interface of libtenet, which finds out why a neural network does not train.
 *
 * Every function may be called from any thread, but one session serves one thread at a time, except tn_session_cancel. Strings that a function
 * returns as `char *` belong to the caller, who frees them with tn_string_free. Nothing here prints, exits or aborts. */
#ifndef TENET_H
#define TENET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tenet_health.h"
#include "tenet_run.h"
#include "tenet_status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Told while a session works, from the calling thread: `fraction` in [0, 1] never falls; `activity` says what is being done. */
typedef void tn_session_progress_fn(void *context, double fraction, const char *activity);

/* Told while a program is trained, from the calling thread: a rule fired at `step`; `text` is a sentence for people. Once a rule. */
typedef void tn_session_signal_fn(void *context, const char *rule, uint64_t step, const char *text);

/* A training as it is at this moment, for a terminal. */
typedef struct tn_panel tn_panel;

/* Told while a session trains, from the calling thread, at most five times a second. `panel` is valid for the call; draw it with tn_panel_text, or leave it. */
typedef void tn_session_panel_fn(void *context, const tn_panel *panel);

/* What a session works on and how. Zeroed memory is a valid start; hypes_path, program or layer_path must be set. All pointers are borrowed during tn_session_open only,
 * but for the contexts and the words of program. */
typedef struct tn_settings {
    const char *hypes_path;     /* of a network that tenet trains itself */
    const char *const *program; /* argv, NULL-terminated, of a training program to attach to, in place of hypes_path */
    const char *
        layer_path; /* a layer of the user's own alone (docs/plugins.md), in place of both: a plug-in's library. Assignments are its arguments, and "inputs", a list of shapes */
    const char *program_name; /* what reports call the program; NULL: its command */
    const char
        *program_hypes; /* the JSON of hyper-parameters that it reads; NULL: it reads none. Assignments then change a copy of this file */
    const char *python_folder;      /* where tenet's Python package lies; NULL: beside the running program, or where it was installed */
    bool program_starts_anew;       /* for each trial, in place of being forked when it has its data */
    bool program_speaks_on_stderr;  /* tn_session_train: the program's stdout goes to stderr, so that a document can go to stdout */
    const char *const *assignments; /* --set a.b=value, [assignment_count] */
    size_t assignment_count;
    size_t threads; /* 0: one for each processor */
    bool has_seed;  /* `seed` replaces solver.seed */
    uint64_t seed;
    const char *store_path;   /* NULL: nothing is kept */
    const char *budget;       /* "60s", "5000steps"; NULL: none */
    size_t search_trials;     /* of a search; 0: 50 */
    const char *const *rules; /* --rule NAME.KEY=VALUE, [rule_count]: over those of the hypes (debug.rules) */
    size_t rule_count;
    bool debug_on_plateau; /* tn_session_train: where the rule plateau fires, the training ends, and the report is that of a debug */
    tn_session_progress_fn *progress;
    void *progress_context;
    tn_session_signal_fn *signal; /* tn_session_train; NULL: signals stand in the report alone */
    void *signal_context;
    const char *
        weights_path; /* tn_session_train on the engine: the trained weights are written to this safetensors file; NULL: nowhere. Borrowed until the session closes */
    const char *
        watch; /* tn_session_train: which steps are observed, tensor by tensor: "all", "auto", "off", "trace" (all, and of a program each function); NULL: as the hypes say, "auto" where there are none */
    const char *watch_share; /* of the step time, what "auto" may take: "5%" or "0.05"; NULL: as the hypes say, 5 % where there are none */
    bool only_records;       /* tn_session_train: what the rules see ends nothing */
    const char *
        html_path; /* tn_session_train: a page of the run's pictures, written anew every few seconds and at the end (docs/run_page.md); NULL: none. The first page is written before
                            * anything is trained, and fails the training where it cannot be; a later one that cannot is told by tn_session_close. Of the other jobs: a page of the report
                            * (docs/report_page.md), written once, at the end */
    tn_session_panel_fn *panel; /* tn_session_train; NULL: none */
    void *panel_context;
    const char *
        fixed_path; /* tn_session_debug of hypes: they are written to this file with every change that was confirmed, after a debug of them. NULL: nowhere */
    bool resumes; /* tn_session_debug: finished trials that the store holds are taken from there in place of run again; needs store_path */
} tn_settings;

typedef struct tn_session tn_session;
typedef struct tn_report tn_report;

/* Reads hypes and data and compiles the net; mistakes in them are told here. A program is not started yet. */
tn_status tn_session_open(const tn_settings *settings, tn_session **session, tn_error *error);

/* Closes; NULL is allowed. A write to the store that failed is told here, so that a report is not lost with it. */
tn_status tn_session_close(tn_session *session, tn_error *error);

/* Ends what the session does at its next training step, or, where it does nothing, what it does next. Safe in a signal handler and from any thread. */
void tn_session_cancel(tn_session *session);

/* The whole protocol. The caller destroys *report. */
tn_status tn_session_debug(tn_session *session, tn_report **report, tn_error *error);

/* One experiment by its command name, such as "lr". */
tn_status tn_session_experiment(tn_session *session, const char *command, tn_report **report, tn_error *error);

/* Which differences between the session's hypes, which train, and those at `bad_path`, which do not, break the training: the smallest set, found by training. Of a program: between its hypes
 * and another file that it could read. */
tn_status tn_session_bisect(tn_session *session, const char *bad_path, tn_report **report, tn_error *error);

/* What tn_session_debug would run: the report's plan lists every experiment with its trials, steps and estimated seconds. A program is started once, to measure it. */
tn_status tn_session_plan(tn_session *session, tn_report **report, tn_error *error);

/* Trains as the hypes say, with the rules watching; the report holds the run's figures and signals, and no findings. A program runs once, as it is: with its own
 * files, standard streams and signals. */
tn_status tn_session_train(tn_session *session, tn_report **report, tn_error *error);

/* Lines of at most `width` columns, at most `lines` of them, each ended by a newline: loss, validation, gradient norm, rate, pace, the layers whose updates tell most, the last signals.
 * NULL where memory is out. */
char *tn_panel_text(const tn_panel *panel, bool colour, size_t width, size_t lines);

/* The text of a report for a terminal of `width` columns (0: 100), and the document of the schema tenet.report/1. NULL where memory is out. */
char *tn_report_to_text(const tn_report *report, bool colour, size_t width);
char *tn_report_to_json(const tn_report *report);

/* The same document as `--json` prints it, some 20 KB of a small debug: verdict and findings first, without what only pictures are made of (the look's series, the curves of trials, the pictures of
 * samples). */
char *tn_report_to_brief_json(const tn_report *report);

/* A report that was kept: of a store the newest (`run` NULL or "last"), or the one that the run of this number belongs to; or what `--json` printed, from a file (the page has no curves then). The caller destroys *report.
 * TN_ERROR_STORE where there is no store or no report in it, TN_ERROR_USAGE where no run or report is of that number, TN_ERROR_DATA where a file holds no report. */
tn_status tn_report_from_store(const char *store_path, const char *run, tn_report **report, tn_error *error);
tn_status tn_report_from_file(const char *path, tn_report **report, tn_error *error);

/* The page of a report (docs/report_page.md): one HTML file that loads nothing, at most 2 MB. The caller frees *html with tn_string_free. */
tn_status tn_report_to_html(const tn_report *report, char **html, tn_error *error);

/* The same as a file, which takes the place of one that is there in one step. */
tn_status tn_report_write_html(const tn_report *report, const char *path, tn_error *error);

/* The exit code that goes with it: 0 healthy (or trained to the end), 1 confirmed findings, 4 inconclusive or suspicions only; of a program that was trained, its own, 128 and
 * the signal's number where a signal ended it. */
int tn_report_verdict_code(const tn_report *report);
void tn_report_destroy(tn_report *report); /* NULL is allowed */

/* The hypes with every default filled in, as JSON; and the documentation of every key. */
tn_status tn_hypes_complete(const char *hypes_path, const char *const *assignments, size_t assignment_count, char **json, tn_error *error);
char *tn_hypes_documentation(bool markdown);

/* The experiments that tn_session_experiment knows: false past the last. */
bool tn_experiment_describe(size_t index, const char **command, const char **protocol, const char **title);

/* What a cause or symptom is, how it is told from others and what to do, for a terminal of `width` columns (0: 100) or as Markdown. `name` NULL: all of them, as a list or
 * as the whole of docs/causes.md. TN_ERROR_USAGE, naming the nearest, where there is no such name. */
tn_status tn_cause_explain(const char *name, bool markdown, bool colour, size_t width, char **text, tn_error *error);

/* What a rule detects, its thresholds and its blind spots, likewise. `name` NULL: all of them, as a list or as what docs/rules.md holds above its marker. */
tn_status tn_rules_explain(const char *name, bool markdown, bool colour, size_t width, char **text, tn_error *error);

/* ---- what a store holds ---- */

/* Which store, and how to print what it holds: as one JSON document, or as text for a terminal of `width` columns (0: 100). Strings are borrowed during the call. */
typedef struct tn_runs_view {
    const char *store_path;
    bool json;
    bool colour; /* ANSI colours */
    bool ascii;  /* pictures of ASCII only */
    size_t width;
} tn_runs_view;

/* The runs of the store, newest first. `experiment`: of that one alone; NULL: of all. `last`: so many at most; 0: all. The caller frees *text with tn_string_free. TN_ERROR_STORE where there is no
 * store at the path, it is damaged, or a newer tenet wrote it. */
tn_status tn_runs_list(const tn_runs_view *view, const char *experiment, size_t last, char **text, tn_error *error);

/* One run: its curves, signals and layers. `run`: its number, or "last". `tensor`: the histogram of that one over time instead, such as "dense_1.weight.gradient"; NULL: none.
 * TN_ERROR_USAGE where there is no such run or tensor. */
tn_status tn_runs_show(const tn_runs_view *view, const char *run, const char *tensor, char **text, tn_error *error);

/* Two runs side by side: what differs, where they part, what only one of them showed. */
tn_status tn_runs_compare(const tn_runs_view *view, const char *first, const char *second, char **text, tn_error *error);

/* The nearest of `names` [count] to `word` by edit distance, or NULL where none is near: for a program's own "did you mean". */
const char *tn_nearest_name(const char *word, const char *const *names, size_t count);

/* "file:line: message (at /pointer)" into text [size]. */
void tn_error_text(const tn_error *error, char *text, size_t size);

void tn_string_free(char *string); /* NULL is allowed */

#ifdef __cplusplus
}
#endif

#endif
