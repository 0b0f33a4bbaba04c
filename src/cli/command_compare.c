/* command_compare.c: tenet compare: two runs of a store side by side. */
#include "cli/run_view.h"

int tn_command_compare(const tn_command *command, const tn_options *options)
{
    tn_runs_view view;
    tn_error error;
    char *text = NULL;
    if (!options->operand || !options->second)
        return tn_usage_print(command->name, "which runs? Give two numbers, as 'tenet runs' lists them, or 'last' for one");
    if (!tn_run_view_make(command, options, &view))
        return TN_EXIT_USAGE;
    tn_status status = tn_runs_compare(&view, options->operand, options->second, &text, &error);
    return tn_run_view_end(command, status, text, &error);
}
