/* command_experiment.c: tenet lr, overfit, samples ...: one experiment by itself. Their names come from tn_experiment_describe. */
#include "cli/command.h"

static tn_status job(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error)
{
    (void)options;
    return tn_session_experiment(session, command->name, report, error);
}

int tn_command_experiment(const tn_command *command, const tn_options *options)
{
    return tn_job_run(command, options, job);
}
