/* webpage.h: the page of a run: one HTML file with its curves, heat maps and samples (docs/run_page.md).
 *
 * The page is page_template.h with a title, a few words for those without scripts, and one JSON document, "tenet.page/1", put in. What is put in is anybody's text and is escaped for
 * where it stands, so that no name can end a script. The file never grows past TN_WEBPAGE_MAX: what a long run has to show is thinned until it fits.
 *
 * Not for judging, and not for collecting: a history and shown samples are given. No state; thread-safe where what it reads does not change meanwhile. */
#ifndef TN_REPORT_WEBPAGE_H
#define TN_REPORT_WEBPAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "report/history.h"
#include "report/shown_log.h"

enum { TN_WEBPAGE_MAX = 2000000 /* bytes of the whole file */ };

/* What is known of a run beside its history. Strings are borrowed; zeroed memory but for `title` and `state` is valid. */
typedef struct tn_run_facts {
    const char *title;    /* the hypes file, or the program as typed */
    const char *kind;     /* "native", "program"; NULL: unknown */
    const char *state;    /* "running", or how it ended: "completed", "nonfinite", "stopped", "cancelled", "failed" */
    const char *words;    /* more about the state, such as why it failed; NULL */
    uint64_t steps_total; /* 0: unknown, as below */
    uint64_t parameters, train_samples;
    double seconds;          /* since its start */
    double steps_per_second; /* lately */
    int64_t written;         /* when the page is written, seconds since 1970 */
    double refresh;          /* seconds between two writings, while it runs */
} tn_run_facts;

/* The document of the page into `json`, which is emptied before, thinned to at most `most` bytes. `shown` may be NULL. TN_ERROR_MEMORY where memory is out. */
tn_status tn_webpage_json(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, size_t most, tn_text *json,
                          tn_error *error);

/* The whole page into `html`, likewise. */
tn_status tn_webpage_html(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, tn_text *html, tn_error *error);

/* Writes it to `path`: to a file beside it that takes its place once it is whole, so that a reader never sees half a page. TN_ERROR_IO names the path and the reason. */
tn_status tn_webpage_write(const char *path, const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown,
                           tn_error *error);

/* ---- what the files of the pages share, that of a report too (report_page.h) ---- */

/* A page without what it shows (page_template.h). */
typedef struct tn_page_source {
    const unsigned char *bytes; /* [size] */
    size_t size;
} tn_page_source;

/* Adds the page from byte `at` up to `place` ("{{title}}"; NULL: its end); what comes behind the place, or the end where it is not found. */
size_t tn_page_fill(tn_text *html, const tn_page_source *page, size_t at, const char *place);

/* A whole page to `path`, as tn_webpage_write does. */
tn_status tn_page_file_write(const char *path, const tn_text *html, tn_error *error);

/* A JSON string, quoted, whose text can neither end a script nor open a comment in HTML. Bytes that are no UTF-8 become U+FFFD. NULL: null. */
void tn_json_add_string(tn_text *json, const char *string);

/* A number of about six digits; null for what JSON cannot hold. */
void tn_json_add_number(tn_text *json, double value);

/* Text of HTML. */
void tn_html_add(tn_text *html, const char *string);

/* A digit of base 64 for `level` in [0, 63], which the page reads back: 'A' to 'Z', 'a' to 'z', '0' to '9', '+', '/'. */
char tn_page_digit(unsigned level);

/* The level of a share of a histogram (tn_history_row), in [0, 65535]: 0 for none, else 1 + 62/16 log2(share), rounded: the page is told of shares to 1 part in 11. */
unsigned tn_page_share_level(uint16_t share);

#endif
