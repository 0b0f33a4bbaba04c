/* report_page.h: a report (tenet.report/1) as one HTML file with a picture of each experiment (docs/report_page.md).
 *
 * The page is page/report.html with the report, what was seen of the training as given, and the words of the catalogue put in as JSON, escaped for where they stand. It holds the report as it is: what
 * it shows are the report's numbers. The file never grows past TN_WEBPAGE_MAX: of a report that is longer, curves and histograms are left out, and the page says so.
 *
 * Not for judging. Reads the document only, of which every key may be missing or of another type. No state; thread-safe. */
#ifndef TN_REPORT_REPORT_PAGE_H
#define TN_REPORT_REPORT_PAGE_H

#include <jansson.h>

#include "base/error.h"
#include "base/text.h"

/* The whole page into `html`, which is emptied before. TN_ERROR_DATA where no page of TN_WEBPAGE_MAX bytes can hold the report. */
tn_status tn_report_page_html(const json_t *report, tn_text *html, tn_error *error);

/* Writes it to `path`: to a file beside it that takes its place once it is whole. TN_ERROR_IO names the path and the reason. */
tn_status tn_report_page_write(const char *path, const json_t *report, tn_error *error);

#endif
