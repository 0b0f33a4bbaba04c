/* report.h: a report (tenet.report/1) as text for people and as JSON. Reads the document only, so that a stored report prints as a fresh one does. */
#ifndef TN_REPORT_H
#define TN_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct tn_report_style {
    bool colour;  /* ANSI colours */
    bool ascii;   /* pictures of ASCII only; runs alone have them (runs.h) */
    size_t width; /* columns to wrap at; 0: 100 */
} tn_report_style;

/* malloc'd text; NULL where memory is out. */
char *tn_report_text(const json_t *report, const tn_report_style *style);
char *tn_report_json(const json_t *report);

/* The same for one who reads it at once: verdict and findings first, numbers of 8 digits, and without what only pictures are made of: "look", the curves of trials, the pictures of samples. */
char *tn_report_brief_json(const json_t *report);

/* Of a program that was trained its own; else 0 healthy, trained to the end, or a single experiment that passed; 1 confirmed findings; 4 inconclusive or suspicions only (docs/report.md). */
int tn_report_exit_code(const json_t *report);

#endif
