/* text_parts.h: the parts of a report as text, each in a file of its own, and how they read the document.
 *
 * Documents come from this program or from a store that an older or newer one wrote: every key may be missing or of another type, and is then left out. */
#ifndef TN_REPORT_TEXT_PARTS_H
#define TN_REPORT_TEXT_PARTS_H

#include <jansson.h>

#include "report/layout.h"

/* ---- reading (text_parts.c) ---- */

const char *tn_part_string(const json_t *object, const char *key); /* NULL where absent or no string */
double tn_part_number(const json_t *object, const char *key);      /* NAN where absent or no number */
bool tn_part_true(const json_t *object, const char *key);
double tn_part_mean(const json_t *array);           /* of its numbers; NAN where there are none */
const char *tn_part_cause_title(const char *cause); /* from the catalogue; the name itself where it is unknown */

/* A number for people: about four digits, "NaN" for what JSON cannot hold. buffer [32] is returned. */
const char *tn_part_figure(char buffer[32], double value);

/* JSON with jansson's flags, or NULL where memory is out. (json_dumps of jansson 2.14 overlooks an allocation that fails while it writes a key, and leaves the key out.) */
char *tn_json_write(const json_t *value, size_t flags);

/* ---- writing ---- */

enum { TN_PART_INDENT = 2, TN_PART_LABEL = 10 }; /* columns before a section's lines, and of its label */

void tn_part_heading(tn_page *page, const char *title);
void tn_part_label(tn_page *page, size_t indent, const char *label); /* leaves the page at column indent + TN_PART_LABEL */

/* {"text", "value", "threshold"} as items of a list; figures that the text does not hold already follow it. An item that only repeats `said` (NULL: nothing) is left out. */
void tn_part_evidence(tn_page *page, size_t indent, const json_t *evidence, const char *said);

/* A patch as arguments that can be pasted: --set solver.learning_rate=0.01. */
void tn_part_patch(tn_page *page, size_t indent, const json_t *patch);

/* {"metric", "before", "after"}: means, and each seed. */
void tn_part_effect(tn_page *page, size_t indent, const json_t *effect);

void tn_part_findings(tn_page *page, const json_t *findings);   /* text_findings.c */
void tn_part_advice(tn_page *page, const json_t *advice);       /* text_findings.c */
void tn_part_ruled_out(tn_page *page, const json_t *ruled_out); /* text_findings.c */
void tn_part_plan(tn_page *page, const json_t *plan);           /* text_plan.c: what a debug would run */
void tn_part_chain(tn_page *page, const json_t *report);        /* text_chain.c: what came of the changes, made one after the other */
void tn_part_signals(tn_page *page, const json_t *signals);     /* text_findings.c */
void tn_part_pictures(tn_page *page, const json_t *experiment,
                      bool with_samples); /* text_pictures.c: what of its result is better seen than read, each under a heading */
void tn_part_tuning(tn_page *page, const json_t *experiment); /* text_tuning.c: pictures of the experiments that tune, likewise */
void tn_part_metrics(tn_page *page, const json_t *metrics);   /* text_metrics.c: accuracy, F1, confusion of a training */
void tn_part_run(tn_page *page, const json_t *run);           /* text_pictures.c: the figures and curve of one training */

#endif
