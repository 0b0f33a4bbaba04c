/* public_report.c: reports, hypes, the catalogue and errors as include/tenet.h has them: thin wrappers, no work of their own. */
#include <stdlib.h>

#include "api/session.h"
#include "base/memory.h"
#include "causes/causes.h"
#include "report/explain.h"
#include "report/panel.h"
#include "report/report.h"

char *tn_panel_text(const tn_panel *panel, bool colour, size_t width, size_t lines)
{
    return tn_panel_draw(panel, colour, width, lines);
}

char *tn_report_to_text(const tn_report *report, bool colour, size_t width)
{
    return tn_report_text(report->document, &(tn_report_style){.colour = colour, .width = width});
}

char *tn_report_to_json(const tn_report *report)
{
    return tn_report_json(report->document);
}

char *tn_report_to_brief_json(const tn_report *report)
{
    return tn_report_brief_json(report->document);
}

int tn_report_verdict_code(const tn_report *report)
{
    return tn_report_exit_code(report->document);
}

void tn_report_destroy(tn_report *report)
{
    if (!report)
        return;
    json_decref(report->document);
    tn_memory_destroy(report);
}

tn_status tn_hypes_complete(const char *hypes_path, const char *const *assignments, size_t assignment_count, char **json, tn_error *error)
{
    *json = NULL;
    tn_hypes *hypes = NULL;
    tn_status status = tn_hypes_assigned(hypes_path, assignments, assignment_count, &hypes, error);
    if (status == TN_OK) {
        *json = tn_hypes_print(hypes);
        if (!*json)
            status = tn_fail_memory(error, 1);
    }
    tn_hypes_destroy(hypes);
    return status;
}

char *tn_hypes_documentation(bool markdown)
{
    return tn_hypes_help(markdown);
}

bool tn_experiment_describe(size_t index, const char **command, const char **protocol, const char **title)
{
    if (index >= tn_experiment_count())
        return false;
    const tn_experiment_info *info = tn_experiment_at(index);
    *command = info->command;
    *protocol = info->protocol;
    *title = info->title;
    return true;
}

tn_status tn_cause_explain(const char *name, bool markdown, bool colour, size_t width, char **text, tn_error *error)
{
    const tn_report_style style = {.colour = colour, .width = width};
    *text = NULL;
    if (name && !tn_cause_find(name) && !tn_symptom_find(name)) {
        const char *nearest = tn_cause_nearest(name);
        return tn_fail(error, TN_ERROR_USAGE, "There is no cause or symptom '%.80s'%s%s%s", name, nearest ? "; did you mean '" : "",
                       nearest ? nearest : "", nearest ? "'?" : "; 'tenet explain' lists them all.");
    }
    if (name)
        *text = markdown ? tn_explain_markdown(name) : tn_explain_text(name, &style);
    else
        *text = markdown ? tn_explain_all_markdown() : tn_explain_list(&style);
    return *text ? TN_OK : tn_fail_memory(error, 1);
}

void tn_error_text(const tn_error *error, char *text, size_t size)
{
    tn_error_format(error, text, size);
}

void tn_string_free(char *string)
{
    free(string);
}
