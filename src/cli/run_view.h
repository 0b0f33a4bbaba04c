/* run_view.h: what the commands that read a store share: which store, and how to print. */
#ifndef TN_CLI_RUN_VIEW_H
#define TN_CLI_RUN_VIEW_H

#include "cli/command.h"

/* What such a command accepts. */
#define TN_OPTIONS_OF_A_VIEW (TN_OPTION_STORE | TN_OPTION_JSON | TN_OPTION_NO_COLOR)

/* The store of --store, or of the variable TENET_STORE. false: there is neither, and that was told. */
bool tn_run_view_make(const tn_command *command, const tn_options *options, tn_runs_view *view);

/* Prints `text`, or the error where `status` is one; the exit code. */
int tn_run_view_end(const tn_command *command, tn_status status, char *text, const tn_error *error);

#endif
