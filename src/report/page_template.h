/* page_template.h: the page of a run without the run: page/page.html with its style sheets and scripts put in at build time (page/embed.cmake). */
#ifndef TN_REPORT_PAGE_TEMPLATE_H
#define TN_REPORT_PAGE_TEMPLATE_H

#include <stddef.h>

extern const unsigned char tn_page_template[]; /* not terminated */
extern const size_t tn_page_template_size;

#endif
