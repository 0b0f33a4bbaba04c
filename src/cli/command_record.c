/* command_record.c: tenet record: the parent of a training that was not started by tenet: it calls by itself (tenet.watch of the Python package, or a loop in C).
 *
 * A program that waits for the end of stdin stands in for the training: it is what is "trained" here, and what it was told, where to call, is what it prints. The training's own process
 * then says HELLO in its place. So a recording is told, judged and stored as any other run is. */
#include "cli/command.h"
#include "cli/live_panel.h"

static void tell(void *context, const char *rule, uint64_t step, const char *text)
{
    const tn_options *options = context;
    if (options->given & TN_OPTION_QUIET)
        return;
    tn_signal_print(rule, step, text);
}

int tn_command_record(const tn_command *command, const tn_options *options)
{
    static const char *const WAITS[] = {
        "/bin/sh", "-c", "printf '{\"socket\": \"%s\", \"trial\": \"%s\"}\\n' \"$TENET_SOCKET\" \"$TENET_TRIAL\"; exec cat > /dev/null",
        NULL};
    const tn_settings settings = {
        .program = WAITS,
        .program_name = options->operand ? options->operand : "a training",
        .store_path = options->store,
        .signal = tell,
        .signal_context = (void *)(uintptr_t)options,
        .only_records = true,
    };
    tn_session *session = NULL;
    tn_report *report = NULL;
    tn_error error = {.code = TN_OK};
    tn_status status = tn_session_open(&settings, &session, &error);
    if (status == TN_OK)
        status = tn_session_train(session, &report, &error);
    int code = status == TN_OK ? tn_output_print(tn_report_to_json(report), TN_EXIT_HEALTHY) : tn_failure_print(command, &error);
    tn_report_destroy(report);
    if (tn_session_close(session, &error) != TN_OK && status == TN_OK)
        code = tn_failure_print(command, &error);
    return code;
}
