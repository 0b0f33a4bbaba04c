/* job.c: what debug, train and the experiments share: a session with progress and Ctrl-C, and its report on stdout. */
#include <stdio.h>
#include <string.h>

#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/live_panel.h"
#include "cli/progress.h"

static char *report_text(const tn_report *report, const tn_options *options)
{
    if (options->given & TN_OPTION_JSON)
        return tn_report_to_brief_json(report);
    return tn_report_to_text(report, tn_output_has_colour(options), tn_output_width());
}

static int run(const tn_command *command, const tn_options *options, tn_job *job, tn_progress *progress, tn_interrupt *interrupt)
{
    bool trains = strcmp(command->name, "train") == 0;
    tn_live_panel panel = {.progress = progress};
    tn_settings settings = {
        .hypes_path = options->is_layer ? NULL : options->operand,
        .layer_path = options->is_layer ? options->operand : NULL,
        .program = options->program,
        .program_hypes = options->hypes,
        .program_starts_anew = (options->given & TN_OPTION_NO_FORK) != 0,
        .program_speaks_on_stderr = (options->given & TN_OPTION_JSON) != 0,
        .assignments = options->assignments,
        .assignment_count = options->assignment_count,
        .threads = options->threads,
        .has_seed = (options->given & TN_OPTION_SEED) != 0,
        .seed = options->seed,
        .store_path = options->store,
        .budget = options->budget,
        .search_trials = options->trials,
        .html_path = options->html,
        .fixed_path = options->fixed,
        .resumes = (options->given & TN_OPTION_RESUME) != 0,
        .rules = options->rules,
        .rule_count = options->rule_count,
        .debug_on_plateau = (options->given & TN_OPTION_DEBUG_ON_PLATEAU) != 0,
        .weights_path = options->weights,
        .watch = options->watch,
        .watch_share = options->watch_share,
        .progress = tn_progress_tell,
        .progress_context = progress,
    };
    if (trains)
        tn_live_panel_attach(&panel, options, progress, &settings);
    tn_session *session = NULL;
    tn_report *report = NULL;
    tn_error error = {.code = TN_OK};
    tn_progress_tell(progress, 0, "reading hypes and data");
    tn_status status = tn_session_open(&settings, &session, &error);
    if (status == TN_OK) {
        tn_interrupt_guard(interrupt, session);
        status = job(session, command, options, &report, &error);
        tn_interrupt_guard(interrupt, NULL);
    }
    tn_live_panel_clear(&panel);
    tn_progress_clear(progress);
    int code = status == TN_OK ? tn_report_verdict_code(report) : tn_failure_print(command, &error);
    /* A program that is trained has stdout to itself. */
    bool apart = options->program && trains && !(options->given & TN_OPTION_JSON);
    if (status == TN_OK)
        code = apart ? tn_output_print_apart(report_text(report, options), code) : tn_output_print(report_text(report, options), code);
    tn_report_destroy(report);
    if (tn_session_close(session, &error) != TN_OK && status == TN_OK)
        code = tn_failure_print(command, &error);
    return code;
}

int tn_job_run(const tn_command *command, const tn_options *options, tn_job *job)
{
    tn_progress progress;
    tn_interrupt interrupt;
    tn_progress_init(&progress, (options->given & TN_OPTION_QUIET) != 0);
    tn_interrupt_begin(&interrupt);
    int code = run(command, options, job, &progress, &interrupt);
    tn_interrupt_end(&interrupt);
    return code;
}
