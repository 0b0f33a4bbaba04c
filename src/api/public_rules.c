/* public_rules.c: the rules as include/tenet.h explains them: as text, and as docs/rules.md. All words stand in the rules' own tables. */
#include <string.h>

#include "api/session.h"
#include "base/text.h"
#include "report/layout.h"

enum { LABEL_COLUMN = 14, NAME_COLUMN = 20, SEVERITY_COLUMN = 9 };

/* ---- for a terminal ---- */

static void entry(tn_page *page, const char *label, const char *text)
{
    tn_page_gap(page);
    tn_page_put(page, TN_STYLE_DIM, label);
    tn_page_fill_to(page, LABEL_COLUMN);
    tn_page_wrap(page, TN_STYLE_PLAIN, LABEL_COLUMN, text);
    tn_page_end_line(page);
}

static char *rule_text(const tn_rule *rule, bool colour, size_t width)
{
    tn_page page;
    double fallbacks[TN_RULE_SETTINGS_MAX] = {0};
    char low[32], high[32], value[32];
    tn_page_init(&page, colour, width);
    tn_page_putf(&page, TN_STYLE_BOLD, "%s", rule->name);
    tn_page_put(&page, TN_STYLE_PLAIN, ": ");
    tn_page_wrap(&page, TN_STYLE_BOLD, page.column, rule->title);
    tn_page_end_line(&page);
    entry(&page, "severity", tn_signal_severity_name(rule->severity));
    entry(&page, "what it sees", rule->what);
    entry(&page, "does not see", rule->blind_spots);
    for (size_t k = 0; k < rule->setting_count; k++)
        fallbacks[k] = rule->settings[k].fallback;
    tn_page_gap(&page);
    tn_page_put(&page, TN_STYLE_DIM, "needs");
    tn_page_fill_to(&page, LABEL_COLUMN);
    tn_page_putf(&page, TN_STYLE_PLAIN, "%llu %s", (unsigned long long)rule->needs(fallbacks), rule->needs_what);
    tn_page_end_line(&page);
    tn_page_gap(&page);
    tn_page_put(&page, TN_STYLE_DIM, "settings");
    tn_page_fill_to(&page, LABEL_COLUMN);
    tn_page_putf(&page, TN_STYLE_PLAIN, "--rule %s.enabled=false silences it", rule->name);
    tn_page_end_line(&page);
    for (size_t k = 0; k < rule->setting_count; k++) {
        const tn_rule_setting *setting = &rule->settings[k];
        tn_page_fill_to(&page, LABEL_COLUMN);
        tn_page_putf(&page, TN_STYLE_NAME, "%s.%s=%s", rule->name, setting->key, tn_number_format(value, setting->fallback, 6));
        tn_page_putf(&page, TN_STYLE_DIM, "  %s%sfrom %s to %s", setting->unit, setting->unit[0] ? ", " : "",
                     tn_number_format(low, setting->min, 6), tn_number_format(high, setting->max, 6));
        tn_page_end_line(&page);
        tn_page_fill_to(&page, LABEL_COLUMN + 2);
        tn_page_wrap(&page, TN_STYLE_PLAIN, LABEL_COLUMN + 2, setting->help);
        tn_page_end_line(&page);
    }
    return tn_page_take(&page);
}

static char *list_text(bool colour, size_t width)
{
    tn_page page;
    tn_page_init(&page, colour, width);
    tn_page_put(&page, TN_STYLE_BOLD, "Rules: what tenet watches for while a network trains");
    tn_page_end_line(&page);
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = tn_rule_at(i);
        tn_page_fill_to(&page, 2);
        tn_page_put(&page, TN_STYLE_NAME, rule->name);
        tn_page_fill_to(&page, NAME_COLUMN);
        tn_page_put(&page, TN_STYLE_DIM, tn_signal_severity_name(rule->severity));
        tn_page_fill_to(&page, NAME_COLUMN + SEVERITY_COLUMN);
        tn_page_wrap(&page, TN_STYLE_PLAIN, NAME_COLUMN + SEVERITY_COLUMN, rule->title);
        tn_page_end_line(&page);
    }
    tn_page_gap(&page);
    tn_page_wrap(&page, TN_STYLE_PLAIN, 0, "'tenet explain --rules NAME' shows one with its thresholds.");
    tn_page_end_line(&page);
    return tn_page_take(&page);
}

/* ---- Markdown ---- */

static void add_rule(tn_text *text, const tn_rule *rule)
{
    double fallbacks[TN_RULE_SETTINGS_MAX] = {0};
    char low[32], high[32], value[32];
    for (size_t k = 0; k < rule->setting_count; k++)
        fallbacks[k] = rule->settings[k].fallback;
    tn_text_addf(text, "## %s\n\n**%c%s.** %s\n\n", rule->name, rule->title[0] - 'a' + 'A', rule->title + 1, rule->what);
    tn_text_addf(text, "Severity: %s. Needs %llu %s.\n\nBlind spots: %s\n", tn_signal_severity_name(rule->severity),
                 (unsigned long long)rule->needs(fallbacks), rule->needs_what, rule->blind_spots);
    if (rule->setting_count > 0)
        tn_text_add(text, "\n| setting | default | from | to | unit | |\n| --- | --- | --- | --- | --- | --- |\n");
    for (size_t k = 0; k < rule->setting_count; k++) {
        const tn_rule_setting *setting = &rule->settings[k];
        tn_text_addf(text, "| `%s.%s` | %s | %s | %s | %s | %s |\n", rule->name, setting->key,
                     tn_number_format(value, setting->fallback, 6), tn_number_format(low, setting->min, 6),
                     tn_number_format(high, setting->max, 6), setting->unit, setting->help);
    }
}

static char *all_markdown(void)
{
    tn_text text;
    tn_text_init(&text);
    tn_text_add(
        &text,
        "# Rules\n\n<!-- Written by `make docs` from the tables in src/rules, down to the line that says so. -->\n\n"
        "A rule reads one run while it trains, native, attached or recorded, and raises a signal. An error says that training is broken or "
        "will be; a warning, that something is worth a look. A rule that saw less than it needs says so, and is not passed.\n\n"
        "Every threshold is a setting: `debug.rules.plateau.steps` in the hypes, of a program too, or `--rule plateau.steps=5000` on the "
        "command line; "
        "`--rule plateau.enabled=false` silences a rule. The head of each src/rules/rule_NAME.c tells where its thresholds come from and "
        "what moves "
        "them.\n\n| rule | severity | |\n| --- | --- | --- |\n");
    for (size_t i = 0; i < tn_rule_count(); i++)
        tn_text_addf(&text, "| [%s](#%s) | %s | %s |\n", tn_rule_at(i)->name, tn_rule_at(i)->name,
                     tn_signal_severity_name(tn_rule_at(i)->severity), tn_rule_at(i)->title);
    for (size_t i = 0; i < tn_rule_count(); i++) {
        tn_text_add(&text, "\n");
        add_rule(&text, tn_rule_at(i));
    }
    return tn_text_take(&text);
}

static char *rule_markdown(const tn_rule *rule)
{
    tn_text text;
    tn_text_init(&text);
    add_rule(&text, rule);
    return tn_text_take(&text);
}

tn_status tn_rules_explain(const char *name, bool markdown, bool colour, size_t width, char **text, tn_error *error)
{
    *text = NULL;
    size_t index = name ? tn_rule_index(name) : 0;
    if (index == tn_rule_count()) {
        const char *names[TN_RULES_MAX];
        for (size_t i = 0; i < tn_rule_count(); i++)
            names[i] = tn_rule_at(i)->name;
        const char *nearest = tn_nearest_name(name, names, tn_rule_count());
        return tn_fail(error, TN_ERROR_USAGE, "There is no rule '%.80s'%s%s%s", name, nearest ? "; did you mean '" : "",
                       nearest ? nearest : "", nearest ? "'?" : "; 'tenet explain --rules' lists them all.");
    }
    if (name)
        *text = markdown ? rule_markdown(tn_rule_at(index)) : rule_text(tn_rule_at(index), colour, width);
    else
        *text = markdown ? all_markdown() : list_text(colour, width);
    return *text ? TN_OK : tn_fail_memory(error, 1);
}
