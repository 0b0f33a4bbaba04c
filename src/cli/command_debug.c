/* command_debug.c: tenet debug: the whole protocol. */
#include "cli/command.h"

static tn_status job(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error)
{
    (void)command, (void)options;
    return tn_session_debug(session, report, error);
}

static tn_status plan(tn_session *session, const tn_command *command, const tn_options *options, tn_report **report, tn_error *error)
{
    (void)command, (void)options;
    return tn_session_plan(session, report, error);
}

int tn_command_debug(const tn_command *command, const tn_options *options)
{
    return tn_job_run(command, options, options->given & TN_OPTION_DRY_RUN ? plan : job);
}
