/* process_parts.h: what the files of the attached subject share. Private to src/subject/process*.c.
 *
 *   process.c         a subject's life: the look, the kind's functions, the run of tn_process_train
 *   process_facts.c   what the program told of itself -> facts, hypes
 *   process_listen.c  the socket: one thread takes connections and hands each to the trial that its HELLO names
 *   process_start.c   environment, isolation, exec; the last words; the end of a process group
 *   process_serve.c   the process that serves forks
 *   process_order.c   knobs -> the trial file, the patched hypes; which knobs arrived
 *   process_trial.c   one run of the program, from its start to its end: a trial, the look, or a training
 *   process_hear.c    records -> the recorder and the result; ranks merged
 *   process_log.c     lines of $TENET_LOG -> the same, for programs that do not speak over the socket
 *   process_hypes.c   the program's own file of hypes, patched */
#ifndef TN_SUBJECT_PROCESS_PARTS_H
#define TN_SUBJECT_PROCESS_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "run/wire.h"
#include "subject/process.h"
#include "subject/subject_kind.h"

/* ---- process_log.c: any command ---- */

/* Who hears the lines. A step's `samples` is 0 and its learning_rate NAN where the line has none; gradient_norm NAN. A line {"step": 0, "score": s} is a score before the first step.
 * Lines without "loss" but with a score are scores alone. Functions return false to hear no more. */
typedef struct tn_log_listener {
    void *context;
    bool (*on_step)(void *context, const tn_step *step);
    bool (*on_score)(void *context,
                     const tn_score_point *point); /* valid_score is the line's "score"; the rest NAN; after the step of its line */
} tn_log_listener;

typedef struct tn_process_log tn_process_log;

/* Reads the file at `path`, which need not be there yet, from its start. `path` is copied. */
tn_status tn_process_log_create(const char *path, tn_process_log **log, tn_error *error);
void tn_process_log_destroy(tn_process_log *log); /* NULL is allowed */

/* Tells what whole lines were added since the last call; never waits. At the end of the program (`ended`) a last line without its newline counts as well. *lines (may be NULL) is how many
 * there were. TN_ERROR_DATA for a line that is none of these: its number, what was found and what was expected. */
tn_status tn_process_log_poll(tn_process_log *log, bool ended, const tn_log_listener *listener, size_t *lines, tn_error *error);

/* ---- process_hypes.c: the program's own file of hypes ---- */

/* What of a trial's knobs went into the file. */
typedef struct tn_process_turned {
    uint32_t
        written; /* knobs that the file took: those that its "knobs" name, and TN_KNOB_PATCH where every path of the patch was one of the file's */
    json_t *
        rest; /* the paths of knobs->patch that are none of the file's, for the program itself; a new reference, NULL where none are left */
} tn_process_turned;

void tn_process_turned_deinit(tn_process_turned *turned);

/* Knobs (bits) that the file maps to keys of its own by "knobs": {"learning_rate": "optim.lr"}; 0 without a file. Checks the file, the mapping and settings->hypes_patch: TN_ERROR_IO,
 * TN_ERROR_HYPES with file, line and pointer. */
tn_status tn_process_hypes_knobs(const tn_process_settings *settings, uint32_t *knobs, tn_error *error);

/* Writes to `path` the program's hypes with settings->hypes_patch, then the paths "hypes.x.y" of knobs->patch (without that prefix), then the mapped knobs of `knobs`. knobs NULL: the
 * file as the user gave it, with settings->hypes_patch. Without a file (settings->hypes_path NULL) nothing is written, and a path that begins with "hypes." is TN_ERROR_HYPES. */
tn_status tn_process_hypes_write(const tn_process_settings *settings, const tn_knobs *knobs, const char *path, tn_process_turned *turned,
                                 tn_error *error);

#endif
