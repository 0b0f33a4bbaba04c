/* explain.h: the catalogue of causes and symptoms as text: one entry, or all, for a terminal or as Markdown (docs/causes.md is tn_explain_all's). */
#ifndef TN_REPORT_EXPLAIN_H
#define TN_REPORT_EXPLAIN_H

#include "report/report.h"

/* One cause or symptom for a terminal. malloc'd; NULL where memory is out or there is no such name. */
char *tn_explain_text(const char *name, const tn_report_style *style);

/* The same as Markdown, under a heading of the second level. */
char *tn_explain_markdown(const char *name);

/* Every cause and symptom by name and title, for a terminal. malloc'd; NULL where memory is out. */
char *tn_explain_list(const tn_report_style *style);

/* docs/causes.md. malloc'd; NULL where memory is out. */
char *tn_explain_all_markdown(void);

#endif
