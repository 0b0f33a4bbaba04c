/* command_show.c: tenet show: one run of a store, by its curves, signals and layers; or one of its tensors over time. */
#include "cli/run_view.h"

int tn_command_show(const tn_command *command, const tn_options *options)
{
    tn_runs_view view;
    tn_error error;
    char *text = NULL;
    if (!options->operand)
        return tn_usage_print(command->name, "which run? Give its number, as 'tenet runs' lists it, or 'last'");
    if (!tn_run_view_make(command, options, &view))
        return TN_EXIT_USAGE;
    tn_status status = tn_runs_show(&view, options->operand, options->tensor, &text, &error);
    return tn_run_view_end(command, status, text, &error);
}
