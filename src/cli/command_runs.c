/* command_runs.c: tenet runs: the runs that a store holds, newest first. */
#include "cli/run_view.h"

int tn_command_runs(const tn_command *command, const tn_options *options)
{
    tn_runs_view view;
    tn_error error;
    char *text = NULL;
    if (options->operand)
        return tn_usage_print(command->name, "takes no run; 'tenet show RUN' shows one");
    if (!tn_run_view_make(command, options, &view))
        return TN_EXIT_USAGE;
    tn_status status = tn_runs_list(&view, options->experiment, options->last, &text, &error);
    return tn_run_view_end(command, status, text, &error);
}
