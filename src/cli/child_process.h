/* child_process.h: runs another program to its end and takes what it prints, while Ctrl-C is heard.
 *
 * Children stand in process groups of their own, so that Ctrl-C on a terminal reaches this program alone, which decides: a debug is asked to end, git is left to finish. */
#ifndef TN_CLI_CHILD_PROCESS_H
#define TN_CLI_CHILD_PROCESS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

#include "tenet.h"

/* Signals that a person sends, held back from tn_signal_watch_begin to _end. One thread's work: begin it before threads start. */
typedef struct tn_signal_watch {
    int file; /* signalfd */
    sigset_t before;
    bool asked; /* SIGINT, SIGTERM or SIGHUP came */
} tn_signal_watch;

tn_status tn_signal_watch_begin(tn_signal_watch *watch, tn_error *error);
void tn_signal_watch_end(tn_signal_watch *watch);

typedef struct tn_child_output {
    int exit_code;   /* 128 + the signal where one ended it */
    char *out, *err; /* malloc'd and NUL-terminated */
    size_t out_size, err_size;
} tn_child_output;

void tn_child_output_deinit(tn_child_output *output);

/* Runs `argv` in `folder` (NULL: here) with stdin empty and without the variables by which git is told of another repository. Where it `ends_early`, the first signal of
 * a person is handed on as SIGINT and the second one kills; else it runs on, and watch->asked tells of them. An exit code that is not 0 is no error here. */
tn_status tn_child_run(const char *const *argv, const char *folder, bool ends_early, tn_signal_watch *watch, tn_child_output *output,
                       tn_error *error);

/* Fills *error and returns `code`. */
tn_status tn_complain(tn_error *error, tn_status code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
