/* command_hypes.c: tenet hypes: a hypes file with every default filled in, or the documentation of every key. */
#include "cli/command.h"

int tn_command_hypes(const tn_command *command, const tn_options *options)
{
    if (options->given & TN_OPTION_HELP_ALL) {
        if (options->operand)
            return tn_usage_print(command->name, "--help-all takes no hypes file");
        return tn_output_print(tn_hypes_documentation((options->given & TN_OPTION_MARKDOWN) != 0), TN_EXIT_HEALTHY);
    }
    if (options->given & TN_OPTION_MARKDOWN)
        return tn_usage_print(command->name, "--markdown goes with --help-all");
    if (!options->operand)
        return tn_usage_print(command->name, "which hypes? Give the path of a hypes file, or --help-all");
    tn_error error;
    char *json = NULL;
    if (tn_hypes_complete(options->operand, options->assignments, options->assignment_count, &json, &error) != TN_OK)
        return tn_failure_print(command, &error);
    return tn_output_print(json, TN_EXIT_HEALTHY);
}
