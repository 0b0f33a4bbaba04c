/* report_page.c: see report_page.h. */
#include "report/report_page.h"

#include <stdlib.h>
#include <string.h>

#include "causes/causes.h"
#include "report/page_template.h"
#include "report/report.h"
#include "report/text_parts.h"
#include "report/webpage.h"

/* What the page is thinned by, step by step, until it fits. */
typedef enum thinning { WHOLE, NO_TENSORS, NO_CURVES, NO_LOOK, THINNINGS } thinning;

/* ---- JSON within HTML ---- */

/* In JSON '<', '>' and '&' stand within strings only, where an escape means the same. */
static int add_escaped(const char *bytes, size_t size, void *context)
{
    tn_text *html = context;
    for (size_t i = 0; i < size; i++) {
        if (strchr("<>&", bytes[i]) && bytes[i])
            tn_text_addf(html, "\\u%04x", (unsigned)bytes[i]);
        else
            tn_text_add_bytes(html, bytes + i, 1);
    }
    return html->failed ? -1 : 0;
}

static void add_json(tn_text *html, const json_t *value)
{
    if (json_dump_callback(value, add_escaped, html, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) != 0)
        html->failed = true;
}

/* ---- the parts ---- */

static const char EMPTY_LOOK[] = "{\"schema\":\"tenet.page/1\",\"step\":0,\"series\":{},\"tensors\":[],\"grids\":[],\"left_out\":0}";

/* A shallow copy without one key; NULL where memory is out. (json_copy of jansson 2.14 overlooks an allocation that fails while it sets a key, and leaves the key out.) What is no object is given
 * back as it is. */
static json_t *copy_without(const json_t *value, const char *without)
{
    if (!json_is_object(value))
        return json_incref((json_t *)(uintptr_t)value);
    json_t *copy = json_object(), *item;
    const char *key;
    json_object_foreach((json_t *)(uintptr_t)value, key, item)
    {
        if (copy && strcmp(key, without) != 0 && json_object_set(copy, key, item) != 0) {
            json_decref(copy);
            copy = NULL;
        }
    }
    return copy;
}

/* Whether the value, which is stolen, could be set. */
static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

/* What the scripts for runs draw: the training as given. */
static void add_look(tn_text *html, const json_t *report, thinning level)
{
    const json_t *look = json_object_get(report, "look");
    if (!json_is_object(json_object_get(look, "series")) || !json_is_array(json_object_get(look, "tensors")) || level >= NO_LOOK) {
        tn_text_add(html, EMPTY_LOOK);
    } else if (level >= NO_TENSORS) {
        json_t *shown = copy_without(look, "tensors");
        if (shown && set(shown, "tensors", json_array()))
            add_json(html, shown);
        else
            html->failed = true;
        json_decref(shown);
    } else {
        add_json(html, look);
    }
}

/* A copy of an experiment whose trials have no curves; NULL where memory is out. */
static json_t *without_curves(const json_t *experiment)
{
    json_t *copy = copy_without(experiment, "trials"), *trials = json_array();
    const json_t *trial;
    size_t i;
    bool whole = copy && trials;
    json_array_foreach(json_object_get(experiment, "trials"), i, trial) whole =
        whole && json_array_append_new(trials, copy_without(trial, "curve")) == 0;
    if (whole && json_is_object(copy))
        whole = json_object_set(copy, "trials", trials) == 0;
    json_decref(trials);
    if (whole)
        return copy;
    json_decref(copy);
    return NULL;
}

static bool take_curves_out(json_t *report)
{
    json_t *experiments = json_array();
    const json_t *experiment;
    size_t i;
    bool whole = experiments != NULL;
    json_array_foreach(json_object_get(report, "experiments"), i, experiment) whole =
        whole && json_array_append_new(experiments, without_curves(experiment)) == 0;
    whole = whole && json_object_set(report, "experiments", experiments) == 0;
    json_decref(experiments);
    return whole;
}

/* The report without its look, which stands beside it. */
static void add_report(tn_text *html, const json_t *report, thinning level)
{
    json_t *shown = copy_without(report, "look");
    bool whole = shown != NULL;
    if (whole && level >= NO_CURVES)
        whole = take_curves_out(shown);
    if (whole && level > WHOLE)
        whole = set(shown, "thinned", json_true());
    if (whole)
        add_json(html, shown);
    html->failed |= !whole;
    json_decref(shown);
}

/* The catalogue's words for each cause that the lists name: "title", "explanation", "what_to_do". */
static void add_causes(tn_text *html, const json_t *report)
{
    static const char *const LISTS[] = {"findings", "advice", "ruled_out", "chain"};
    bool told[TN_CAUSE_COUNT] = {false};
    size_t i, count = 0;
    const json_t *entry;
    tn_text_add(html, "{");
    for (size_t list = 0; list < sizeof LISTS / sizeof *LISTS; list++) {
        json_array_foreach(json_object_get(report, LISTS[list]), i, entry)
        {
            const char *name = tn_part_string(entry, "cause");
            const tn_cause *cause = name ? tn_cause_find(name) : NULL;
            if (!cause || told[cause->id])
                continue;
            told[cause->id] = true;
            tn_text_add(html, count++ > 0 ? "," : "");
            tn_json_add_string(html, name);
            tn_text_add(html, ":{\"title\":");
            tn_json_add_string(html, cause->title);
            tn_text_add(html, ",\"explanation\":");
            tn_json_add_string(html, cause->explanation);
            tn_text_add(html, ",\"what_to_do\":");
            tn_json_add_string(html, cause->what_to_do);
            tn_text_add(html, "}");
        }
    }
    tn_text_add(html, "}");
}

/* The report as text, for those who see no pictures. */
static void add_words(tn_text *html, const json_t *report)
{
    char *words = tn_report_text(report, &(tn_report_style){.width = 100});
    if (words)
        tn_html_add(html, words);
    html->failed |= words == NULL;
    free(words);
}

/* ---- the page ---- */

static void add_page(tn_text *html, const json_t *report, thinning level)
{
    const tn_page_source page = {tn_report_template, tn_report_template_size};
    const char *name = tn_part_string(json_object_get(report, "subject"), "name");
    size_t at = tn_page_fill(html, &page, 0, "{{title}}");
    tn_html_add(html, name ? name : "tenet");
    at = tn_page_fill(html, &page, at, "{{words}}");
    add_words(html, report);
    at = tn_page_fill(html, &page, at, "{{run}}");
    add_look(html, report, level);
    at = tn_page_fill(html, &page, at, "{{report}}");
    add_report(html, report, level);
    at = tn_page_fill(html, &page, at, "{{causes}}");
    add_causes(html, report);
    tn_page_fill(html, &page, at, NULL);
}

tn_status tn_report_page_html(const json_t *report, tn_text *html, tn_error *error)
{
    for (thinning level = WHOLE; level < THINNINGS; level++) {
        tn_text_deinit(html);
        tn_text_init(html);
        add_page(html, report, level);
        if (html->failed)
            return tn_fail_memory(error, TN_WEBPAGE_MAX);
        if (html->length <= TN_WEBPAGE_MAX)
            return TN_OK;
    }
    return tn_fail(error, TN_ERROR_DATA, "The page of the report is %zu bytes long at its shortest; expected at most %d.", html->length,
                   TN_WEBPAGE_MAX);
}

tn_status tn_report_page_write(const char *path, const json_t *report, tn_error *error)
{
    tn_text html;
    tn_text_init(&html);
    tn_status status = tn_report_page_html(report, &html, error);
    if (status == TN_OK)
        status = tn_page_file_write(path, &html, error);
    tn_text_deinit(&html);
    return status;
}
