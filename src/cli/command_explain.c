/* command_explain.c: tenet explain: what a cause or symptom is, how it is told from others, and what to do. */
#include "cli/command.h"

int tn_command_explain(const tn_command *command, const tn_options *options)
{
    bool markdown = (options->given & TN_OPTION_MARKDOWN) != 0;
    tn_error error;
    char *text = NULL;
    if (options->given & TN_OPTION_RULES) {
        if (tn_rules_explain(options->operand, markdown, tn_output_has_colour(options), tn_output_width(), &text, &error) != TN_OK)
            return tn_failure_print(command, &error);
        return tn_output_print(text, TN_EXIT_HEALTHY);
    }
    if (tn_cause_explain(options->operand, markdown, tn_output_has_colour(options), tn_output_width(), &text, &error) != TN_OK)
        return tn_failure_print(command, &error);
    return tn_output_print(text, TN_EXIT_HEALTHY);
}
