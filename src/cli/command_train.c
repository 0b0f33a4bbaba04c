/* command_train.c: tenet train: one training as the hypes say, with the rules watching. */
#include "cli/command.h"

static tn_status job(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error)
{
    (void)command, (void)options;
    return tn_session_train(session, report, error);
}

int tn_command_train(const tn_command *command, const tn_options *options)
{
    return tn_job_run(command, options, job);
}
