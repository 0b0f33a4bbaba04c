/* public_report_page.c: reports that were kept, and the page of a report, as include/tenet.h has them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/session.h"
#include "report/report_page.h"

static bool is_report(const json_t *document)
{
    const char *schema = json_string_value(json_object_get(document, "schema"));
    return schema && strcmp(schema, "tenet.report/1") == 0;
}

/* ---- from a store ---- */

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 19;
}

static tn_status read_kept(tn_store *store, const char *store_path, const char *run, char **json, tn_error *error)
{
    bool newest = !run || strcmp(run, "last") == 0;
    if (!newest && !is_number(run))
        return tn_fail(error, TN_ERROR_USAGE, "'%.80s' is no run; expected its number, as 'tenet runs' lists it, or 'last'.", run);
    tn_status status =
        newest ? tn_store_read_report(store, json, error) : tn_store_read_report_of(store, strtoll(run, NULL, 10), json, error);
    if (status != TN_OK || *json)
        return status;
    if (newest)
        return tn_fail(error, TN_ERROR_STORE, "The store %.600s holds no report; a command that was cut off leaves none.", store_path);
    return tn_fail(error, TN_ERROR_USAGE, "The store %.600s has no report that run %s belongs to; 'tenet runs' lists its runs.", store_path,
                   run);
}

tn_status tn_report_from_store(const char *store_path, const char *run, tn_report **report, tn_error *error)
{
    tn_store *store = NULL;
    char *json = NULL;
    *report = NULL;
    if (access(store_path, F_OK) != 0) /* tn_store_open would make one */
        return tn_fail(error, TN_ERROR_STORE, "there is no store at %.700s: %s. 'tenet debug' keeps its report in one with --store.",
                       store_path, strerror(errno));
    tn_status status = tn_store_open(store_path, &store, error);
    if (status == TN_OK)
        status = read_kept(store, store_path, run, &json, error);
    json_t *document = status == TN_OK ? json_loads(json, 0, NULL) : NULL;
    if (status == TN_OK && !is_report(document)) {
        status = tn_fail(error, TN_ERROR_STORE, "The report in the store %.600s cannot be read.", store_path);
        json_decref(document);
    }
    free(json);
    (void)tn_store_close(store, NULL); /* nothing was written */
    return status == TN_OK ? tn_report_of(document, report, error) : status;
}

/* ---- from a file ---- */

tn_status tn_report_from_file(const char *path, tn_report **report, tn_error *error)
{
    json_error_t mistake;
    *report = NULL;
    if (access(path, R_OK) != 0)
        return tn_fail(error, TN_ERROR_DATA, "The report %.600s cannot be read: %s.", path, strerror(errno));
    json_t *document = json_load_file(path, 0, &mistake);
    if (document && is_report(document))
        return tn_report_of(document, report, error);
    if (document)
        tn_fail(error, TN_ERROR_DATA,
                "%.600s is no report; expected a document of the schema tenet.report/1, as 'tenet debug --json' prints it.", path);
    else
        tn_fail(error, TN_ERROR_DATA, "%.600s is no JSON, in line %d: %s. Expected a report, as 'tenet debug --json' prints it.", path,
                mistake.line, mistake.text);
    json_decref(document);
    return TN_ERROR_DATA;
}

/* ---- the page ---- */

tn_status tn_report_to_html(const tn_report *report, char **html, tn_error *error)
{
    tn_text text;
    tn_text_init(&text);
    tn_status status = tn_report_page_html(report->document, &text, error);
    *html = NULL;
    if (status == TN_OK && !(*html = tn_text_take(&text)))
        status = tn_fail_memory(error, 1);
    tn_text_deinit(&text);
    return status;
}

tn_status tn_report_write_html(const tn_report *report, const char *path, tn_error *error)
{
    return tn_report_page_write(path, report->document, error);
}
