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

size_t tn_page_fill(tn_text *html, const tn_page_source *page, size_t at, const char *place)
{
    const unsigned char *from = page->bytes + at, *end = page->bytes + page->size;
    const unsigned char *found = place ? memmem(from, (size_t)(end - from), place, strlen(place)) : end;
    if (!found)
        found = end;
    tn_text_add_bytes(html, (const char *)from, (size_t)(found - from));
    return (size_t)(found - page->bytes) + (found == end ? 0 : strlen(place));
}

tn_status tn_webpage_html(const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown, tn_text *html, tn_error *error)
{
    tn_text json;
    tn_text_init(&json);
    tn_text_deinit(html);
    tn_text_init(html);
    const tn_page_source page = {tn_page_template, tn_page_template_size};
    size_t at = tn_page_fill(html, &page, 0, "{{title}}");
    tn_html_add(html, facts->title ? facts->title : "tenet");
    at = tn_page_fill(html, &page, at, "{{words}}");
    add_words(html, facts, history);
    at = tn_page_fill(html, &page, at, "{{run}}");
    size_t used = html->length + page.size - at;
    tn_status status = tn_webpage_json(facts, history, shown, TN_WEBPAGE_MAX > used ? TN_WEBPAGE_MAX - used : 0, &json, error);
    tn_text_add(html, status == TN_OK ? json.data : "");
    tn_page_fill(html, &page, at, NULL);
    tn_text_deinit(&json);
    if (status == TN_OK && html->failed)
        status = tn_fail_memory(error, TN_WEBPAGE_MAX);
    return status;
}

tn_status tn_page_file_write(const char *path, const tn_text *html, tn_error *error)
{
    int why = tn_file_replace(path, html->data, html->length);
    return why == 0 ? TN_OK : tn_fail(error, TN_ERROR_IO, "The page '%.300s' cannot be written: %s.", path, strerror(why));
}

tn_status tn_webpage_write(const char *path, const tn_run_facts *facts, const tn_history *history, const tn_shown_log *shown,
                           tn_error *error)
{
    tn_text html;
    tn_text_init(&html);
    tn_status status = tn_webpage_html(facts, history, shown, &html, error);
    if (status == TN_OK)
        status = tn_page_file_write(path, &html, error);
    tn_text_deinit(&html);
    return status;
}
