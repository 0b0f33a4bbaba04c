/* hypes_help.c: the documentation of every key, written from the table: for a terminal of 100 columns, or as Markdown (docs/hypes.md). */
#include <stdio.h>
#include <string.h>

#include "hypes/hypes_internal.h"

enum { HELP_COLUMNS = 100 };

typedef struct page {
    tn_text text;
    bool markdown;
} page;

/* Words wrapped to the page's width, each line after `indent` spaces. Markdown wraps by itself. */
static void add_paragraph(page *p, int indent, const char *words)
{
    if (p->markdown) {
        tn_text_addf(&p->text, "%s\n\n", words);
        return;
    }
    int column = 0;
    for (const char *at = words; *at;) {
        int length = (int)strcspn(at, " ");
        if (column > 0 && column + 1 + length > HELP_COLUMNS) {
            tn_text_add(&p->text, "\n");
            column = 0;
        }
        tn_text_addf(&p->text, "%*s%.*s", column ? 1 : indent, "", length, at);
        column += (column ? 1 : indent) + length;
        at += length + (at[length] == ' ');
    }
    tn_text_add(&p->text, "\n");
}

static void add_heading(page *p, int level, const char *title, const char *place)
{
    if (p->markdown) {
        tn_text_addf(&p->text, "%.*s %s", level, "####", title);
        tn_text_addf(&p->text, place[0] ? " (`%s`)\n\n" : "\n\n", place);
    } else {
        tn_text_addf(&p->text, place[0] ? "\n%s (%s)\n\n" : "\n%s\n\n", title, place);
    }
}

/* A cell of a Markdown table, whose bars need a backslash. */
static void add_cell(tn_text *text, const char *words)
{
    tn_text_add(text, "| ");
    for (const char *at = words; *at;) {
        size_t length = strcspn(at, "|");
        tn_text_add_bytes(text, at, length);
        tn_text_add(text, at[length] ? "\\|" : "");
        at += length + (at[length] == '|');
    }
    tn_text_add(text, " ");
}

/* What a key may hold. Objects and sets of names are told in sections of their own. */
static void describe(const tn_key *key, tn_text *text)
{
    if (key->types & (TN_OBJECT | TN_LIST | TN_RANGES)) {
        const tn_scope *scope = tn_schema_scope(tn_schema_find_scope(key->names));
        tn_text_addf(text, "%s: see %s",
                     key->types & TN_OBJECT ? "an object"
                     : key->types & TN_LIST ? "a list of objects"
                                            : "paths and objects",
                     scope->title);
        if (scope->shorthand)
            tn_text_addf(text, ", or its %s alone", scope->shorthand);
        tn_text_add(text, key->types & TN_NULL ? ", or null" : "");
    } else if (key->names[0] == '@') {
        tn_text_add(text, "one of the names below");
    } else {
        tn_schema_describe(key, text);
    }
}

static const char *default_words(const tn_key *key)
{
    const char *fallback = key->fallback;
    if (!fallback)
        return "required";
    return fallback[0] == '\0'                      ? ""
           : fallback[0] == '='                     ? fallback + 1
           : strcmp(fallback, TN_BY_OP) == 0        ? "by op"
           : strcmp(fallback, TN_BY_SIZE) == 0      ? "the size"
           : strcmp(fallback, TN_BY_SCHEME) == 0    ? "by scheme"
           : strcmp(fallback, TN_BY_OPTIMIZER) == 0 ? "by optimizer"
                                                    : fallback;
}

static void add_key(page *p, const tn_key *key)
{
    tn_text kind;
    tn_text_init(&kind);
    describe(key, &kind);
    const char *words = kind.data ? kind.data : "", *fallback = default_words(key);
    bool is_json = key->fallback && key->fallback[0] && key->fallback[0] != '@';
    if (kind.failed) {
        p->text.failed = true;
    } else if (p->markdown) {
        char name[64], value[64];
        snprintf(name, sizeof name, "`%s`", key->name);
        snprintf(value, sizeof value, is_json ? "`%s`" : "%s", fallback);
        add_cell(&p->text, name);
        add_cell(&p->text, words);
        add_cell(&p->text, value);
        add_cell(&p->text, key->unit);
        add_cell(&p->text, key->help);
        tn_text_add(&p->text, "|\n");
    } else {
        tn_text_addf(&p->text, "  %s: %s", key->name, words);
        tn_text_addf(&p->text, key->unit[0] ? " (%s)" : "%s", key->unit);
        tn_text_addf(&p->text, !fallback[0] ? "%s\n" : is_json ? "; default %s\n" : "; %s\n", fallback);
        add_paragraph(p, 6, key->help);
    }
    tn_text_deinit(&kind);
}

static void add_keys(page *p, tn_scope_id scope)
{
    tn_keys list;
    tn_schema_keys(scope, TN_SCOPE_COUNT, &list);
    if (list.count > 0 && p->markdown)
        tn_text_add(&p->text, "| key | value | default | unit | |\n| --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < list.count; i++)
        add_key(p, list.keys[i]);
    tn_text_add(&p->text, p->markdown ? "\n" : "");
}

/* The names of a set, one a line with what it is. */
static void add_set(page *p, const char *set, const char *title)
{
    tn_names names;
    tn_schema_names(set, &names);
    if (p->markdown) {
        tn_text_addf(&p->text, "| %s | |\n| --- | --- |\n", title);
    } else {
        tn_text_addf(&p->text, "\n  %s:\n", title);
    }
    for (size_t i = 0; i < names.count; i++) {
        tn_text line;
        tn_text_init(&line);
        tn_text_add(&line, tn_schema_title(set, i));
        if (strcmp(set, "@optimizer") == 0) {
            tn_text_addf(&line, "; learning_rate %s", tn_schema_optimizer_default(names.names[i], "learning_rate"));
            bool uses_rho = strcmp(names.names[i], "rmsprop") == 0 || strcmp(names.names[i], "adadelta") == 0;
            if (strcmp(names.names[i], "sgd") != 0)
                tn_text_addf(&line, ", epsilon %s", tn_schema_optimizer_default(names.names[i], "epsilon"));
            if (uses_rho)
                tn_text_addf(&line, ", rho %s", tn_schema_optimizer_default(names.names[i], "rho"));
        } else if (strcmp(set, "@scheme") == 0) {
            const char *fallback, *argument = tn_schema_scheme_argument(names.names[i], &fallback);
            if (argument[0])
                tn_text_addf(&line, "; %s %s", argument, fallback);
        }
        if (line.failed) {
            p->text.failed = true;
        } else if (p->markdown) {
            tn_text_addf(&p->text, "| `%s` ", names.names[i]);
            add_cell(&p->text, line.data);
            tn_text_add(&p->text, "|\n");
        } else {
            tn_text_addf(&p->text, "    %-26s %s\n", names.names[i], line.data);
        }
        tn_text_deinit(&line);
    }
    tn_text_add(&p->text, p->markdown ? "\n" : "");
}

/* The keys that each value of a selector adds: those of dense, conv2d, ... */
static void add_selected(page *p, tn_scope_id scope, const char *set)
{
    tn_names names;
    tn_schema_names(set, &names);
    for (size_t i = 0; i < names.count; i++) {
        tn_scope_id selected = tn_schema_selected(scope, names.names[i]);
        tn_keys list;
        tn_schema_keys(selected, TN_SCOPE_COUNT, &list);
        if (list.count == 0)
            continue;
        char title[64];
        snprintf(title, sizeof title, "Keys of %s", names.names[i]);
        add_heading(p, 3, title, "");
        add_keys(p, selected);
    }
}

static void add_scope(page *p, tn_scope_id id)
{
    const tn_scope *scope = tn_schema_scope(id);
    add_heading(p, 2, scope->title, scope->path);
    add_keys(p, id);
    switch (id) {
    case TN_SCOPE_source:
        add_set(p, "@format", "format");
        add_selected(p, id, "@format");
        break;
    case TN_SCOPE_node:
        add_set(p, "@op", "op");
        add_selected(p, id, "@op");
        break;
    case TN_SCOPE_init:
        add_set(p, "@scheme", "scheme");
        break;
    case TN_SCOPE_loss:
        add_set(p, "@loss", "loss");
        break;
    case TN_SCOPE_solver:
        add_set(p, "@optimizer", "opt");
        break;
    default:
        break;
    }
}

char *tn_hypes_help(bool markdown)
{
    page p = {.markdown = markdown};
    tn_text_init(&p.text);
    tn_text_add(&p.text, markdown ? "# Hypes\n\n<!-- Written by `tenet hypes --help-all --markdown` from src/hypes/schema.def; change the "
                                    "table, not this page. -->\n\n"
                                  : "");
    add_paragraph(&p, 0,
                  "A hypes file is a JSON object that describes a network, its data and its training. Every key is listed here. Unknown "
                  "keys and values out of "
                  "bounds are errors. `tenet hypes FILE` prints a file with every default filled in.");
    tn_text_add(&p.text, markdown ? "" : "\n");
    add_paragraph(&p, 0,
                  "A path is the keys from the root joined by dots, list elements by their number from 0: solver.learning_rate, "
                  "net.3.units. Every value can be "
                  "set on the command line, as in --set solver.learning_rate=0.01. A patch is an object of paths and values; {\"$insert\": "
                  "VALUE} puts a "
                  "list element before that number, {\"$remove\": true} takes one away, or a key. All numbers are those before the patch. "
                  "A patch that "
                  "changes a node's op drops the keys that only the old op has. Names in \"from\" follow the nodes that move; who took a "
                  "node that is "
                  "taken away takes what it took.");
    for (size_t i = 0; i < TN_SCOPE_COUNT; i++) {
        const char *name = tn_schema_scope((tn_scope_id)i)->name;
        if (strncmp(name, "op_", 3) != 0 && strncmp(name, "format_", 7) != 0)
            add_scope(&p, (tn_scope_id)i);
    }
    return tn_text_take(&p.text);
}
