/* page_template.h: the pages without what they show: page/page.html (a run) and page/report.html (a report) with their style sheets and scripts, put in at build time (page/embed.cmake). */
#ifndef TN_REPORT_PAGE_TEMPLATE_H
#define TN_REPORT_PAGE_TEMPLATE_H

#include <stddef.h>

extern const unsigned char tn_page_template[]; /* not terminated, as the other */
extern const size_t tn_page_template_size;

extern const unsigned char tn_report_template[];
extern const size_t tn_report_template_size;

#endif
