/* text_findings.c: findings, advice, what was ruled out, and signals, as text; see text_parts.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "causes/causes.h"
#include "report/text_parts.h"

/* "confirmed by its fix, confidence 98 %" or "suspected, not confirmed". */
static void standing(tn_page *page, const json_t *finding)
{
    const char *by = tn_part_string(finding, "confirmed_by");
    double confidence = tn_part_number(finding, "confidence");
    bool confirmed = tn_part_true(finding, "confirmed");
    const char *words = "suspected, not confirmed";
    if (confirmed)
        words = !by                          ? "confirmed"
                : strcmp(by, "control") == 0 ? "confirmed by a control"
                : strcmp(by, "fix") == 0     ? "confirmed by its fix"
                                             : "confirmed";
    tn_page_put(page, confirmed ? TN_STYLE_BAD : TN_STYLE_DOUBT, words);
    if (confidence > 0.99 && confidence < 1)
        tn_page_put(page, TN_STYLE_DIM, ", confidence over 99 %");
    else if (!isnan(confidence))
        tn_page_putf(page, TN_STYLE_DIM, ", confidence %.0f %%", 100 * confidence);
}

/* "dense_2.weight (dense), backward, step 12, sample 7, train.py:41"; empty where nothing is known. */
static void add_where(tn_text *line, const json_t *where)
{
    const char *tensor = tn_part_string(where, "tensor"), *op = tn_part_string(where, "op");
    const char *direction = tn_part_string(where, "direction"), *file = tn_part_string(where, "file"),
               *path = tn_part_string(where, "path");
    const char *gap = "";
    char buffer[32];
    if (path) {
        tn_text_add(line, path);
        gap = ", ";
    }
    if (tensor || op) {
        tn_text_addf(line, "%s%s", gap, tensor ? tensor : op);
        if (tensor && op && strcmp(tensor, op) != 0)
            tn_text_addf(line, " (%s)", op);
        gap = ", ";
    }
    if (direction) {
        tn_text_addf(line, "%s%s", gap, direction);
        gap = ", ";
    }
    static const char *const NUMBERS[] = {"step", "sample"};
    for (size_t i = 0; i < 2; i++) {
        double value = tn_part_number(where, NUMBERS[i]);
        if (isnan(value))
            continue;
        tn_text_addf(line, "%s%s %s", gap, NUMBERS[i], tn_count_format(buffer, value));
        gap = ", ";
    }
    if (file) {
        double at = tn_part_number(where, "line");
        tn_text_addf(line, "%s%s", gap, file);
        if (!isnan(at))
            tn_text_addf(line, ":%.0f", at);
    }
}

/* A label and a paragraph beside it. */
static void labelled(tn_page *page, size_t indent, const char *label, const char *text)
{
    tn_part_label(page, indent, label);
    tn_page_wrap(page, TN_STYLE_PLAIN, indent + TN_PART_LABEL, text);
    tn_page_end_line(page);
}

/* The titles of symptoms, in one sentence. */
static void symptoms(tn_page *page, size_t indent, const json_t *list)
{
    tn_text line;
    size_t index;
    const json_t *item;
    tn_text_init(&line);
    json_array_foreach(list, index, item)
    {
        const char *name = json_is_string(item) ? json_string_value(item) : tn_part_string(item, "name");
        const tn_symptom *known = name ? tn_symptom_find(name) : NULL;
        const char *words = known ? known->title : tn_part_string(item, "text");
        if (words || name)
            tn_text_addf(&line, "%s%s", line.length > 0 ? "; " : "", words ? words : name);
    }
    if (line.length > 0)
        labelled(page, indent, "explains", line.data);
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

/* The lines of an attached program: "train.py:12  relu in place of sigmoid", and below it the line as it is. */
static void source_lines(tn_page *page, size_t indent, const json_t *lines)
{
    size_t index;
    const json_t *entry;
    json_array_foreach(lines, index, entry)
    {
        const char *file = tn_part_string(entry, "file"), *was = tn_part_string(entry, "was"), *wanted = tn_part_string(entry, "change");
        tn_page_fill_to(page, indent);
        double number = tn_part_number(entry, "line");
        if (file && isnan(number))
            tn_page_putf(page, TN_STYLE_NAME, "%s  ", file);
        else if (file)
            tn_page_putf(page, TN_STYLE_NAME, "%s:%.0f  ", file, number);
        tn_page_wrap(page, TN_STYLE_PLAIN, page->column, wanted ? wanted : "");
        tn_page_end_line(page);
        if (was && file) {
            tn_page_fill_to(page, indent + 2);
            tn_page_wrap(page, TN_STYLE_DIM, indent + 2, was);
            tn_page_end_line(page);
        }
    }
}

/* A patch as arguments to paste, or, of an attached program, the lines to change. */
static void patch_or_lines(tn_page *page, size_t indent, const json_t *fix)
{
    const json_t *lines = json_object_get(fix, "lines");
    if (lines)
        source_lines(page, indent, lines);
    else
        tn_part_patch(page, indent, json_object_get(fix, "patch"));
}

static void change(tn_page *page, size_t indent, const char *cause, const json_t *fix)
{
    const char *text = tn_part_string(fix, "text");
    const json_t *patch = json_object_get(fix, "patch");
    const tn_cause *known = tn_cause_find(cause);
    if (!text && json_object_size(patch) == 0 && known)
        text = known->what_to_do;
    if (text)
        labelled(page, indent, "change", text);
    if (json_object_size(patch) > 0) {
        tn_part_label(page, indent, text ? "" : "change");
        patch_or_lines(page, indent + TN_PART_LABEL, fix);
    }
    const json_t *effect = json_object_get(fix, "effect");
    if (json_array_size(json_object_get(effect, "before")) > 0) {
        tn_part_label(page, indent, "effect");
        tn_part_effect(page, indent + TN_PART_LABEL, effect);
    }
}

/* A title out of the catalogue begins in lower case, to follow "faulty: "; on a line of its own it begins as a sentence does. */
static void put_title(tn_page *page, tn_style style, size_t indent, const char *cause)
{
    char title[256];
    snprintf(title, sizeof title, "%s", tn_part_cause_title(cause));
    if (tn_cause_find(cause) && title[0] >= 'a' && title[0] <= 'z')
        title[0] = (char)(title[0] - 'a' + 'A');
    tn_page_wrap(page, style, indent, title);
}

static void one_finding(tn_page *page, size_t number, size_t count, const json_t *finding)
{
    const char *cause = tn_part_string(finding, "cause");
    size_t indent = TN_PART_INDENT;
    if (!cause)
        return;
    tn_page_gap(page);
    if (count > 1)
        tn_page_putf(page, TN_STYLE_BOLD, "%zu. ", number);
    put_title(page, TN_STYLE_BOLD, page->column, cause);
    tn_page_end_line(page);
    tn_page_fill_to(page, indent);
    standing(page, finding);
    tn_page_putf(page, TN_STYLE_DIM, "  [%s]", cause);
    tn_page_end_line(page);

    tn_text where;
    tn_text_init(&where);
    add_where(&where, json_object_get(finding, "where"));
    if (where.length > 0)
        labelled(page, indent, "where", where.data);
    page->text.failed |= where.failed;
    tn_text_deinit(&where);

    const json_t *evidence = json_object_get(finding, "evidence");
    if (json_array_size(evidence) > 0) {
        tn_part_label(page, indent, "why");
        tn_part_evidence(page, indent + TN_PART_LABEL, evidence, NULL);
    }
    change(page, indent, cause, json_object_get(finding, "fix"));
    symptoms(page, indent, json_object_get(finding, "symptoms"));
}

void tn_part_findings(tn_page *page, const json_t *findings)
{
    size_t index;
    const json_t *finding;
    json_array_foreach(findings, index, finding) one_finding(page, index + 1, json_array_size(findings), finding);
}

void tn_part_advice(tn_page *page, const json_t *advice)
{
    size_t index;
    const json_t *item;
    if (json_array_size(advice) == 0)
        return;
    tn_part_heading(page, "It could be better");
    json_array_foreach(advice, index, item)
    {
        const char *cause = tn_part_string(item, "cause"), *text = tn_part_string(item, "text");
        if (!text && !cause)
            continue;
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, "- ");
        if (text)
            tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 2, text);
        else
            put_title(page, TN_STYLE_PLAIN, TN_PART_INDENT + 2, cause);
        tn_page_end_line(page);
        patch_or_lines(page, TN_PART_INDENT + 2, item);
        tn_part_effect(page, TN_PART_INDENT + 2, json_object_get(item, "effect"));
    }
}

void tn_part_ruled_out(tn_page *page, const json_t *ruled_out)
{
    size_t index, widest = 0;
    const json_t *item;
    json_array_foreach(ruled_out, index, item)
    {
        const char *cause = tn_part_string(item, "cause");
        size_t columns = cause ? tn_columns(cause) : 0;
        widest = columns > widest ? columns : widest;
    }
    if (widest == 0)
        return;
    size_t column = TN_PART_INDENT + widest + 2;
    if (column > page->width / 2)
        column = TN_PART_INDENT + 4;
    tn_part_heading(page, "Ruled out");
    json_array_foreach(ruled_out, index, item)
    {
        const char *cause = tn_part_string(item, "cause"), *why = tn_part_string(item, "why");
        if (!cause)
            continue;
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_NAME, cause);
        if (why && page->column > column)
            tn_page_end_line(page);
        if (why)
            tn_page_wrap(page, TN_STYLE_PLAIN, column, why);
        tn_page_end_line(page);
    }
}

/* The names of signals in a state, as one dim line. */
static void names_in_state(tn_page *page, const json_t *signals, const char *state, const char *label)
{
    tn_text line;
    size_t index;
    const json_t *signal;
    tn_text_init(&line);
    json_array_foreach(signals, index, signal)
    {
        const char *name = tn_part_string(signal, "rule"), *found = tn_part_string(signal, "state");
        if (name && found && strcmp(found, state) == 0)
            tn_text_addf(&line, "%s%s", line.length > 0 ? ", " : "", name);
    }
    if (line.length > 0) {
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DIM, label);
        tn_page_wrap(page, TN_STYLE_DIM, TN_PART_INDENT + tn_columns(label), line.data);
        tn_page_end_line(page);
    }
    page->text.failed |= line.failed;
    tn_text_deinit(&line);
}

void tn_part_signals(tn_page *page, const json_t *signals)
{
    size_t index;
    const json_t *signal;
    if (json_array_size(signals) == 0)
        return;
    tn_part_heading(page, "What the rules saw");
    json_array_foreach(signals, index, signal)
    {
        const char *name = tn_part_string(signal, "rule"), *state = tn_part_string(signal, "state"), *text = tn_part_string(signal, "text");
        if (!name || (state && strcmp(state, "fired") != 0))
            continue;
        const tn_symptom *known = tn_symptom_find(name);
        tn_page_fill_to(page, TN_PART_INDENT);
        tn_page_put(page, TN_STYLE_DOUBT, name);
        tn_page_put(page, TN_STYLE_PLAIN, "  ");
        tn_page_wrap(page, TN_STYLE_PLAIN, TN_PART_INDENT + 4, text && *text ? text : known ? known->title : "");
        tn_page_end_line(page);
        const char *next = tn_part_string(signal, "next");
        if (next) {
            tn_page_fill_to(page, TN_PART_INDENT + 4);
            tn_page_put(page, TN_STYLE_PLAIN, next);
            tn_page_put(page, TN_STYLE_DIM, "  finds the function and its line");
            tn_page_end_line(page);
        }
    }
    names_in_state(page, signals, "quiet", "quiet: ");
    names_in_state(page, signals, "too few steps", "too few steps to judge: ");
}
