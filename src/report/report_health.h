/* report_health.h: a document of the schema tenet.health/1 (weights/health.h) as text for people. Reads the document only. */
#ifndef TN_REPORT_HEALTH_H
#define TN_REPORT_HEALTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* malloc'd text; NULL where memory is out. width 0: 100 columns. */
char *tn_report_health_text(const json_t *document, bool colour, size_t width);

#endif
