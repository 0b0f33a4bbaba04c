/* webpage_file.c: the page of a run as HTML and as a file; see webpage.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file_replace.h"
#include "report/page_template.h"
#include "report/webpage.h"

void tn_html_add(tn_text *html, const char *string)
{
    for (const char *at = string; *at; at++) {
        switch (*at) {
        case '<':
            tn_text_add(html, "&lt;");
            break;
        case '>':
            tn_text_add(html, "&gt;");
            break;
        case '&':
            tn_text_add(html, "&amp;");
            break;
        case '"':
            tn_text_add(html, "&quot;");
            break;
        case '\'':
            tn_text_add(html, "&#39;");
            break;
        default:
            tn_text_add_bytes(html, at, 1);
        }
    }
}

/* ---- the words, for those who see no pictures ---- */

static void add_series_words(tn_text *words, const tn_history *history, tn_history_kind kind, const char *title)
{
    const tn_history_series *series = tn_history_series_of(history, kind);
    char first[32], last[32];
    if (series->count == 0)
        return;
    double from = series->points[0].first, to = series->points[series->count - 1].last;
    tn_text_addf(words, "%s: %s at first, %s now\n", title, isfinite(from) ? tn_number_format(first, from, 4) : "NaN",
                 isfinite(to) ? tn_number_format(last, to, 4) : "NaN");
}

static void add_words(tn_text *html, const tn_run_facts *facts, const tn_history *history)
{
    tn_text words;
    tn_text_init(&words);
    tn_text_addf(&words, "%s\n%s, %llu steps\n", facts->title ? facts->title : "", facts->state ? facts->state : "",
                 (unsigned long long)tn_history_last_step(history));
    add_series_words(&words, history, TN_HISTORY_LOSS, "loss");
    add_series_words(&words, history, TN_HISTORY_VALID_LOSS, "validation loss");
    add_series_words(&words, history, TN_HISTORY_VALID_SCORE, "validation score");
    add_series_words(&words, history, TN_HISTORY_GRADIENT_NORM, "gradient norm");
    for (size_t i = 0; i < tn_history_signal_count(history); i++) {
        const tn_history_signal *signal = tn_history_signal_at(history, i);
        tn_text_addf(&words, "step %llu: %s\n", (unsigned long long)signal->step, signal->text);
    }
    tn_html_add(html, words.data ? words.data : "");
    html->failed |= words.failed;
    tn_text_deinit(&words);
}

/* ---- the file ---- */

/* The template up to `place`, and on past it. */
static const unsigned char *add_up_to(tn_text *html, const unsigned char *from, const char *place)
{
    const unsigned char *end = tn_page_template + tn_page_template_size;
    const unsigned char *at = place ? memmem(from, (size_t)(end - from), place, strlen(place)) : end;
    if (!at)
        at = end;
    tn_text_add_bytes(html, (const char *)from, (size_t)(at - from));
    return at == end ? end : at + strlen(place);
}

tn_status tn_webpage_html(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, tn_text *html, tn_error *error)
{
    tn_text json;
    tn_text_init(&json);
    tn_text_deinit(html);
    tn_text_init(html);
    const unsigned char *at = add_up_to(html, tn_page_template, "{{title}}");
    tn_html_add(html, facts->title ? facts->title : "tenet");
    at = add_up_to(html, at, "{{words}}");
    add_words(html, facts, history);
    at = add_up_to(html, at, "{{run}}");
    size_t used = html->length + (size_t)(tn_page_template + tn_page_template_size - at);
    tn_status status = tn_webpage_json(facts, history, shown, TN_WEBPAGE_MAX > used ? TN_WEBPAGE_MAX - used : 0, &json, error);
    tn_text_add(html, status == TN_OK ? json.data : "");
    add_up_to(html, at, NULL);
    tn_text_deinit(&json);
    if (status == TN_OK && html->failed)
        status = tn_fail_memory(error, TN_WEBPAGE_MAX);
    return status;
}

tn_status tn_webpage_write(const char *path, const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown,
                           tn_error *error)
{
    tn_text html;
    tn_text_init(&html);
    tn_status status = tn_webpage_html(facts, history, shown, &html, error);
    if (status == TN_OK) {
        int why = tn_file_replace(path, html.data, html.length);
        if (why != 0)
            status = tn_fail(error, TN_ERROR_IO, "The page '%.300s' cannot be written: %s.", path, strerror(why));
    }
    tn_text_deinit(&html);
    return status;
}
