/* rule_settings.c: the thresholds of all rules: their defaults, and the changes that users make. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "rules/rules.h"

enum { SHOWN_MAX = 80 };

void tn_rule_settings_init(tn_rule_settings *settings)
{
    *settings = (tn_rule_settings){0};
    for (size_t i = 0; i < tn_rule_count(); i++)
        for (size_t k = 0; k < tn_rule_at(i)->setting_count; k++)
            settings->values[i][k] = tn_rule_at(i)->settings[k].fallback;
}

static tn_status fail_rule(const char *name, tn_error *error)
{
    const char *names[TN_RULES_MAX];
    size_t count = tn_rule_count();
    for (size_t i = 0; i < count; i++)
        names[i] = tn_rule_at(i)->name;
    const char *nearest = tn_nearest_name(name, names, count);
    return tn_fail(error, TN_ERROR_USAGE, "There is no rule '%.*s'%s%s%s", SHOWN_MAX, name, nearest ? "; did you mean '" : "",
                   nearest ? nearest : "", nearest ? "'?" : "; 'tenet explain --rules' lists them all.");
}

static tn_status fail_key(const tn_rule *rule, const char *key, tn_error *error)
{
    const char *names[TN_RULE_SETTINGS_MAX + 1] = {"enabled"};
    tn_text all;
    tn_text_init(&all);
    for (size_t k = 0; k < rule->setting_count; k++) {
        names[k + 1] = rule->settings[k].key;
        tn_text_addf(&all, "%s, ", rule->settings[k].key);
    }
    const char *nearest = tn_nearest_name(key, names, rule->setting_count + 1);
    tn_status status = nearest ? tn_fail(error, TN_ERROR_USAGE, "The rule %s has no setting '%.*s'; did you mean '%s'?", rule->name,
                                         SHOWN_MAX, key, nearest)
                               : tn_fail(error, TN_ERROR_USAGE, "The rule %s has no setting '%.*s'; it has %senabled.", rule->name,
                                         SHOWN_MAX, key, all.data ? all.data : "");
    tn_text_deinit(&all);
    return status;
}

/* Where a value belongs. `setting` NULL: "enabled". */
typedef struct place {
    size_t rule, index;
    const tn_rule_setting *setting;
} place;

static tn_status find_place(const char *rule, const char *key, place *found, tn_error *error)
{
    *found = (place){.rule = tn_rule_index(rule)};
    if (found->rule == tn_rule_count())
        return fail_rule(rule, error);
    const tn_rule *of = tn_rule_at(found->rule);
    if (strcmp(key, "enabled") == 0)
        return TN_OK;
    for (size_t k = 0; k < of->setting_count; k++) {
        if (strcmp(of->settings[k].key, key) == 0) {
            found->index = k;
            found->setting = &of->settings[k];
            return TN_OK;
        }
    }
    return fail_key(of, key, error);
}

static tn_status put(tn_rule_settings *settings, const place *at, double value, tn_error *error)
{
    const tn_rule_setting *setting = at->setting;
    const char *rule = tn_rule_at(at->rule)->name;
    if (!setting) {
        if (value != 0 && value != 1)
            return tn_fail(error, TN_ERROR_USAGE, "%s.enabled is %g; expected true or false.", rule, value);
        settings->silenced[at->rule] = value == 0;
        return TN_OK;
    }
    bool fits = value >= setting->min && value <= setting->max && (!setting->whole || value == floor(value));
    if (!fits) {
        char low[32], high[32];
        return tn_fail(error, TN_ERROR_USAGE, "%s.%s is %g; expected a %s from %s to %s%s%s.", rule, setting->key, value,
                       setting->whole ? "whole number" : "number", tn_number_format(low, setting->min, 6),
                       tn_number_format(high, setting->max, 6), setting->unit[0] ? ", " : "", setting->unit);
    }
    settings->values[at->rule][at->index] = value;
    return TN_OK;
}

tn_status tn_rule_settings_set(tn_rule_settings *settings, const char *rule, const char *key, double value, tn_error *error)
{
    place at;
    tn_status status = find_place(rule, key, &at, error);
    return status == TN_OK ? put(settings, &at, value, error) : status;
}

tn_status tn_rule_settings_assign(tn_rule_settings *settings, const char *assignment, tn_error *error)
{
    char name[64], key[64];
    const char *dot = strchr(assignment, '.'), *equals = strchr(assignment, '=');
    if (!dot || !equals || dot > equals || dot == assignment || equals == dot + 1 || (size_t)(dot - assignment) >= sizeof name ||
        (size_t)(equals - dot) > sizeof key)
        return tn_fail(error, TN_ERROR_USAGE, "'%.*s' is no setting of a rule; expected NAME.KEY=VALUE, such as plateau.steps=5000.",
                       SHOWN_MAX, assignment);
    snprintf(name, sizeof name, "%.*s", (int)(dot - assignment), assignment);
    snprintf(key, sizeof key, "%.*s", (int)(equals - dot - 1), dot + 1);
    place at;
    tn_status status = find_place(name, key, &at, error);
    if (status != TN_OK)
        return status;
    const char *text = equals + 1;
    char *end = NULL;
    double value = strtod(text, &end);
    if (!at.setting && (strcmp(text, "true") == 0 || strcmp(text, "false") == 0))
        value = text[0] == 't';
    else if (end == text || *end)
        return tn_fail(error, TN_ERROR_USAGE, "%s.%s is '%.*s'; expected %s.", name, key, SHOWN_MAX, text,
                       at.setting ? "a number" : "true or false");
    return put(settings, &at, value, error);
}
