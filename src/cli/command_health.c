/* command_health.c: tenet health: whether the weights of a file, or of a recorded run, look like those of mature networks. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/command.h"

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19;
}

int tn_command_health(const tn_command *command, const tn_options *options)
{
    if (!options->operand)
        return tn_usage_print(command->name, "which weights? Give a file (.safetensors or .npz), or the number of a run and --store PATH");
    bool is_run = (options->given & TN_OPTION_STORE) != 0;
    if (is_run && !is_number(options->operand))
        return tn_usage_print(command->name, "--store goes with the number of one of its runs; a file stands by itself");
    if (!is_run && is_number(options->operand) && access(options->operand, F_OK) != 0)
        return tn_usage_print(command->name, "the number of a run needs the store it is in: --store PATH");
    tn_weights_health *health = NULL;
    tn_error error = {.code = TN_OK};
    tn_status status = is_run ? tn_weights_health_of_run(options->store, strtoll(options->operand, NULL, 10), &health, &error)
                              : tn_weights_health_of_file(options->operand, &health, &error);
    if (status != TN_OK)
        return tn_failure_print(command, &error);
    int code = tn_weights_health_code(health);
    char *text = options->given & TN_OPTION_JSON ? tn_weights_health_to_json(health)
                                                 : tn_weights_health_to_text(health, tn_output_has_colour(options), tn_output_width());
    tn_weights_health_destroy(health);
    return tn_output_print(text, code);
}
