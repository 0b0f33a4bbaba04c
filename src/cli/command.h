/* command.h: what a subcommand is. One command, one file command_*.c, one row in main.c. */
#ifndef TN_CLI_COMMAND_H
#define TN_CLI_COMMAND_H

#include <stdint.h>

#include "cli/options.h"
#include "tenet.h"

/* Exit codes; scripts rely on them (docs/report.md). */
enum { TN_EXIT_HEALTHY = 0, TN_EXIT_FINDINGS = 1, TN_EXIT_USAGE = 2, TN_EXIT_COULD_NOT_RUN = 3, TN_EXIT_INCONCLUSIVE = 4 };

typedef struct tn_command {
    const char *name;
    const char *operand; /* "HYPES", "[CAUSE]" */
    const char *summary; /* one line of `tenet --help` */
    const char *details; /* a paragraph of its own help; may be NULL */
    uint32_t options;    /* accepted, beside --help and --version */
    int (*run)(const struct tn_command *command, const tn_options *options);
} tn_command;

int tn_command_debug(const tn_command *command, const tn_options *options);
int tn_command_train(const tn_command *command, const tn_options *options);
int tn_command_experiment(const tn_command *command, const tn_options *options);
int tn_command_gradcheck(const tn_command *command, const tn_options *options);
int tn_command_bisect(const tn_command *command, const tn_options *options);
int tn_command_health(const tn_command *command, const tn_options *options);
int tn_command_record(const tn_command *command, const tn_options *options);
int tn_command_hypes(const tn_command *command, const tn_options *options);
int tn_command_runs(const tn_command *command, const tn_options *options);
int tn_command_show(const tn_command *command, const tn_options *options);
int tn_command_compare(const tn_command *command, const tn_options *options);
int tn_command_report(const tn_command *command, const tn_options *options);
int tn_command_explain(const tn_command *command, const tn_options *options);

/* ---- what commands share (job.c, output.c) ---- */

/* Runs in a session: debug, train or an experiment. */
typedef tn_status tn_job(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error);

/* Opens a session as the options say, runs `job` with progress and Ctrl-C, prints its report, and returns the exit code. */
int tn_job_run(const tn_command *command, const tn_options *options, tn_job *job);

/* Prints a failure to stderr, "tenet debug: hypes.json:3: ...", and returns its exit code. */
int tn_failure_print(const tn_command *command, const tn_error *error);

/* Prints a mistake in the arguments and where to find help; TN_EXIT_USAGE. `command` may be NULL. */
int tn_usage_print(const char *command, const char *message);

/* A string onto stdout, with a newline at its end. NULL (memory was out) is a failure. `string` is freed. Returns `code`, or TN_EXIT_COULD_NOT_RUN. */
int tn_output_print(char *string, int code);

/* The same onto stderr, where stdout is somebody else's. Not being able to is no failure. */
int tn_output_print_apart(char *string, int code);

/* Everything that was printed has reached its reader: `code`, or TN_EXIT_COULD_NOT_RUN with a line on stderr (a full disk, a closed pipe). Call it once, last. */
int tn_output_end(int code);

/* Standard streams that the caller closed are opened on /dev/null, so that no file of ours becomes stdout by its number. */
void tn_output_begin(void);

bool tn_output_allows_colour(const tn_options *options); /* where there is a terminal: neither --no-color nor NO_COLOR */
bool tn_output_has_colour(const tn_options *options);    /* and stdout is one */
size_t tn_output_columns(void);                          /* columns of the terminal; 0 where stdout is none */
size_t tn_output_width(void);                            /* the same, but no more than lines of words should have */

#endif
