/* command_report.c: tenet report: the page of a debug, from the store that kept its report or from the JSON that it printed. */
#include <stdlib.h>
#include <string.h>

#include "cli/run_view.h"

static const char DEFAULT_OUTPUT[] = "tenet-report.html";

/* A run of the store, rather than a file. */
static bool names_run(const char *operand)
{
    return !operand || strcmp(operand, "last") == 0 || (*operand && strspn(operand, "0123456789") == strlen(operand));
}

static int print_path(const char *path)
{
    char *copy = strdup(path);
    return tn_output_print(copy, TN_EXIT_HEALTHY);
}

static int put_out(const tn_command *command, const tn_options *options, const tn_report *report)
{
    tn_error error = {.code = TN_OK};
    char *html = NULL;
    if (options->given & TN_OPTION_JSON)
        return tn_output_print(tn_report_to_json(report), TN_EXIT_HEALTHY);
    const char *path = options->output ? options->output : DEFAULT_OUTPUT;
    bool to_stdout = strcmp(path, "-") == 0;
    tn_status status = to_stdout ? tn_report_to_html(report, &html, &error) : tn_report_write_html(report, path, &error);
    if (status != TN_OK)
        return tn_failure_print(command, &error);
    return to_stdout ? tn_output_print(html, TN_EXIT_HEALTHY) : print_path(path);
}

int tn_command_report(const tn_command *command, const tn_options *options)
{
    tn_error error = {.code = TN_OK};
    tn_runs_view view;
    tn_report *report = NULL;
    tn_status status;
    if (!names_run(options->operand)) {
        if (options->store)
            return tn_usage_print(command->name, "--store goes with the number of one of its runs, or none; a file stands by itself");
        status = tn_report_from_file(options->operand, &report, &error);
    } else {
        if (!tn_run_view_make(command, options, &view))
            return TN_EXIT_USAGE;
        status = tn_report_from_store(view.store_path, options->operand, &report, &error);
    }
    int code = status == TN_OK ? put_out(command, options, report) : tn_failure_print(command, &error);
    tn_report_destroy(report);
    return code;
}
