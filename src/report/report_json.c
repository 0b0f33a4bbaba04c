/* report_json.c: a report as the document that it is, and the exit code that goes with it; see report.h. */
#include <string.h>

#include "report/report.h"
#include "report/text_parts.h"

static int take_bytes(const char *bytes, size_t size, void *context)
{
    tn_text *text = context;
    tn_text_add_bytes(text, bytes, size);
    return text->failed ? -1 : 0;
}

char *tn_json_write(const json_t *value, size_t flags)
{
    tn_text text;
    tn_text_init(&text);
    if (json_dump_callback(value, take_bytes, &text, flags) != 0)
        text.failed = true;
    return tn_text_take(&text);
}

char *tn_report_json(const json_t *report)
{
    /* 15 digits print a number such as 0.01 as it was written. */
    return tn_json_write(report, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
}

int tn_report_exit_code(const json_t *report)
{
    /* A program that was trained as it is answers as it would without us. */
    const json_t *exit_code = json_object_get(json_object_get(report, "run"), "exit_code");
    if (exit_code)
        return (int)json_integer_value(exit_code);
    const char *verdict = json_string_value(json_object_get(report, "verdict"));
    size_t index;
    const json_t *finding;
    json_array_foreach(json_object_get(report, "findings"), index,
                       finding) if (json_is_true(json_object_get(finding, "confirmed"))) return 1;
    if (json_array_size(json_object_get(report, "findings")) > 0)
        return 4;
    /* A single experiment answers for itself alone: its pass is a success, though no proof of health. */
    const json_t *experiments = json_object_get(report, "experiments");
    if (json_array_size(experiments) == 1)
        verdict = json_string_value(json_object_get(json_array_get(experiments, 0), "verdict"));
    if (verdict && (strcmp(verdict, "healthy") == 0 || strcmp(verdict, "planned") == 0 || strcmp(verdict, "pass") == 0))
        return 0;
    const char *end = json_string_value(json_object_get(json_object_get(report, "run"), "end"));
    if (verdict && strcmp(verdict, "trained") == 0 && end && strcmp(end, "completed") == 0)
        return 0;
    return 4;
}
