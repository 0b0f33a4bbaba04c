/* process.h: a training program as a subject: any command, unchanged, run again and again with its knobs turned from outside (docs/attach.md).
 *
 * Every trial is a process of its own: started anew, or forked from one that has its data. What it does to files stays in a scratch overlay. The program tells
 * what it does over a socket (run/wire.h), or by lines of JSON in $TENET_LOG; this side alone records, judges and ends trials. */
#ifndef TN_SUBJECT_PROCESS_H
#define TN_SUBJECT_PROCESS_H

#include <jansson.h>

#include "subject/subject.h"

/* Borrowed until the subject is destroyed, or tn_process_train returns. */
typedef struct tn_process_settings {
    const char *const *command; /* argv, NULL-terminated */
    const char *name;           /* the command as its user typed it */
    const char *hypes_path;     /* the JSON of hyper-parameters that the program reads; NULL: it reads none */
    const json_t *hypes_patch;  /* of that file, before anything else; may be NULL */
    const char *python_folder;  /* holds bootstrap/ and tenet/; NULL: Python programs are not hooked */
    bool speaks_on_stderr;      /* tn_process_train: the program's stdout goes to stderr */
    bool isolated;              /* trials write to a scratch overlay. Without it the user's files are at risk: for tests */
    bool forks;                 /* trials may be forked from a program that has its data */
    size_t threads;             /* of one trial by itself */
    uint64_t base_seed;         /* of what the program does not seed */
    double look_seconds;        /* the first run ends so long after its first step; 0: 10 */
    double silence_seconds;     /* a program that tells nothing for so long hangs; 0: 120 */
    tn_store *store;            /* may be NULL */
    tn_cancel *cancel;          /* may be NULL */
} tn_process_settings;

/* Runs the program once, for 2,000 steps or look_seconds at most, to learn its facts and what can be turned. TN_ERROR_UNSUPPORTED where it cannot be watched,
 * TN_ERROR_IO where it cannot be run or fails by itself: with its last words. */
tn_status tn_subject_process(const tn_process_settings *settings, tn_subject **subject, tn_error *error);

/* Runs the program as it is: with its own files, standard streams, signals and terminal, to its own end; nothing is turned, and a cancel is left to the program, which gets the terminal's
 * signals as it would without us. `request` names observers and cadence (vitals_every, or vitals_share). Fills what became known of *facts, whose strings
 * and places live as long as the process. *exit_code: the program's, or 128 and the number of the signal that ended it. */
tn_status tn_process_train(const tn_process_settings *settings, const tn_trial_request *request, tn_subject_facts *facts,
                           tn_trial_result *result, int *exit_code, tn_error *error);

#endif
