/* explain.c: see explain.h. The texts are those of causes/causes.def and causes/symptoms.def; nothing is said here but labels. */
#include "report/explain.h"

#include <stdlib.h>
#include <string.h>

#include "causes/causes.h"
#include "report/layout.h"

enum { LABEL_COLUMN = 14, NAME_COLUMN = 26 };

static const char *arises_text(tn_arises arises)
{
    switch (arises) {
    case TN_ARISES_NATIVE:
        return "native networks";
    case TN_ARISES_ATTACHED:
        return "attached programs";
    case TN_ARISES_BOTH:
        break;
    }
    return "native networks and attached programs";
}

static const char NOT_YET[] = "nothing yet: this version explains the cause, but does not look for it";

static void entry(tn_page *page, const char *label, const char *text)
{
    tn_page_gap(page);
    tn_page_put(page, TN_STYLE_DIM, label);
    tn_page_wrap(page, TN_STYLE_PLAIN, LABEL_COLUMN, text);
    tn_page_end_line(page);
}

static void title_line(tn_page *page, const char *name, const char *title)
{
    tn_page_put(page, TN_STYLE_BOLD, name);
    tn_page_put(page, TN_STYLE_PLAIN, ": ");
    tn_page_wrap(page, TN_STYLE_BOLD, page->column, title);
    tn_page_end_line(page);
}

static void cause_text(tn_page *page, const tn_cause *cause)
{
    title_line(page, cause->name, cause->title);
    entry(page, "what it is", cause->explanation);
    entry(page, "what to do", cause->what_to_do);
    entry(page, "looks like", cause->looks_like);
    entry(page, "raised by", cause->raised_by[0] ? cause->raised_by : NOT_YET);
    entry(page, "confirmed by", cause->confirmed_by);
    entry(page, "sources", cause->sources);
    entry(page, "protocol", cause->protocol);
    entry(page, "arises in", arises_text(cause->arises));
}

static void symptom_text(tn_page *page, const tn_symptom *symptom)
{
    title_line(page, symptom->name, symptom->title);
    entry(page, "what it is", symptom->explanation);
    entry(page, "may be due to", symptom->causes);
}

char *tn_explain_text(const char *name, const tn_report_style *style)
{
    const tn_cause *cause = tn_cause_find(name);
    const tn_symptom *symptom = tn_symptom_find(name);
    if (!cause && !symptom)
        return NULL;
    tn_page page;
    tn_page_init(&page, style && style->colour, style ? style->width : 0);
    if (cause)
        cause_text(&page, cause);
    if (cause && symptom)
        tn_page_gap(&page);
    if (symptom)
        symptom_text(&page, symptom);
    return tn_page_take(&page);
}

static void list_line(tn_page *page, const char *name, const char *title)
{
    tn_page_fill_to(page, 2);
    tn_page_put(page, TN_STYLE_NAME, name);
    tn_page_wrap(page, TN_STYLE_PLAIN, NAME_COLUMN, title);
    tn_page_end_line(page);
}

char *tn_explain_list(const tn_report_style *style)
{
    tn_page page;
    tn_page_init(&page, style && style->colour, style ? style->width : 0);
    tn_page_put(&page, TN_STYLE_BOLD, "Causes: what you can change");
    tn_page_end_line(&page);
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        list_line(&page, cause->name, cause->title);
    }
    tn_page_gap(&page);
    tn_page_put(&page, TN_STYLE_BOLD, "Symptoms: what you can see");
    tn_page_end_line(&page);
    for (size_t i = 0; i < tn_symptom_count(); i++) {
        const tn_symptom *symptom = tn_symptom_at(i);
        list_line(&page, symptom->name, symptom->title);
    }
    return tn_page_take(&page);
}

/* ---- Markdown ---- */

/* Names in code type, separated by commas. */
static void add_names(tn_text *text, const char *names)
{
    while (*names) {
        size_t size = strcspn(names, ",");
        tn_text_add(text, "`");
        tn_text_add_bytes(text, names, size);
        tn_text_add(text, "`");
        names += size;
        if (*names) {
            tn_text_add(text, ", ");
            names += strspn(names, ", ");
        }
    }
}

/* Text in which names with underscores are set in code type, so that Markdown does not read them as emphasis. */
static void add_prose(tn_text *text, const char *prose)
{
    static const char WORD[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    while (*prose) {
        size_t word = strspn(prose, WORD), other = strcspn(prose + word, WORD);
        bool is_name = word > 0 && memchr(prose, '_', word);
        tn_text_add(text, is_name ? "`" : "");
        tn_text_add_bytes(text, prose, word);
        tn_text_add(text, is_name ? "`" : "");
        tn_text_add_bytes(text, prose + word, other);
        prose += word + other;
    }
}

static void add_sentence_case(tn_text *text, const char *title)
{
    char first = title[0];
    if (first >= 'a' && first <= 'z')
        first = (char)(first - 'a' + 'A');
    tn_text_add_bytes(text, &first, 1);
    tn_text_add(text, title + 1);
}

static void add_paragraph(tn_text *text, const char *label, const char *prose)
{
    tn_text_addf(text, "**%s.** ", label);
    add_prose(text, prose);
    tn_text_add(text, "\n\n");
}

static void add_cause(tn_text *text, const tn_cause *cause)
{
    tn_text_addf(text, "## %s\n\n**", cause->name);
    add_sentence_case(text, cause->title);
    tn_text_add(text, ".** ");
    add_prose(text, cause->explanation);
    tn_text_add(text, "\n\n");
    add_paragraph(text, "What to do", cause->what_to_do);
    add_paragraph(text, "What looks like it", cause->looks_like);
    add_paragraph(text, "Confirmed by", cause->confirmed_by);
    add_paragraph(text, "Sources", cause->sources);
    tn_text_add(text, "| protocol | arises in | raised by |\n| --- | --- | --- |\n");
    tn_text_addf(text, "| %s | %s | ", cause->protocol, arises_text(cause->arises));
    if (cause->raised_by[0])
        add_names(text, cause->raised_by);
    else
        tn_text_add(text, NOT_YET);
    tn_text_add(text, " |\n");
}

static void add_symptom(tn_text *text, const tn_symptom *symptom, const char *heading)
{
    tn_text_addf(text, "%s %s\n\n**", heading, symptom->name);
    add_sentence_case(text, symptom->title);
    tn_text_add(text, ".** ");
    add_prose(text, symptom->explanation);
    tn_text_add(text, "\n\nMay be due to: ");
    add_names(text, symptom->causes);
    tn_text_add(text, ".\n");
}

char *tn_explain_markdown(const char *name)
{
    const tn_cause *cause = tn_cause_find(name);
    const tn_symptom *symptom = tn_symptom_find(name);
    if (!cause && !symptom)
        return NULL;
    tn_text text;
    tn_text_init(&text);
    if (cause)
        add_cause(&text, cause);
    if (cause && symptom)
        tn_text_add(&text, "\n");
    if (symptom)
        add_symptom(&text, symptom, "##");
    return tn_text_take(&text);
}

char *tn_explain_all_markdown(void)
{
    tn_text text;
    tn_text_init(&text);
    tn_text_add(
        &text, "# Causes and symptoms\n\n"
               "Made by `tenet explain --markdown` from src/causes/causes.def and src/causes/symptoms.def; change those, not this file.\n\n"
               "A cause is what you can change, and only causes are findings. A symptom is what can be seen in a run; several causes may "
               "be behind it.\n\n"
               "| cause | |\n| --- | --- |\n");
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        tn_text_addf(&text, "| [%s](#%s) | %s |\n", cause->name, cause->name, cause->title);
    }
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        tn_text_add(&text, "\n");
        add_cause(&text, tn_cause_get((tn_cause_id)id));
    }
    tn_text_add(&text, "\n# Symptoms\n");
    for (size_t i = 0; i < tn_symptom_count(); i++) {
        tn_text_add(&text, "\n");
        add_symptom(&text, tn_symptom_at(i), "##");
    }
    return tn_text_take(&text);
}
