/* session_rules.c: the thresholds of a session's rules, from all places where a user may write them. */
#include <math.h>
#include <string.h>

#include "api/session.h"

/* An object of rules, each an object of settings or a boolean, over what *rules holds. `where` names it in errors. */
static tn_status read_object(const json_t *object, const char *where, tn_rule_settings *rules, tn_error *error)
{
    const char *name, *key;
    json_t *rule, *value;
    json_object_foreach((json_t *)(uintptr_t)object, name, rule)
    {
        tn_status status = TN_OK;
        if (json_is_boolean(rule))
            status = tn_rule_settings_set(rules, name, "enabled", json_is_true(rule), error);
        else if (!json_is_object(rule))
            return tn_fail(error, TN_ERROR_HYPES, "%.300s: debug.rules.%.80s is no object of settings, nor true or false.", where, name);
        json_object_foreach(rule, key, value)
        {
            double number = json_is_number(value) ? json_number_value(value) : json_is_boolean(value) ? json_is_true(value) : NAN;
            if (status == TN_OK)
                status = tn_rule_settings_set(rules, name, key, number, error);
        }
        if (status != TN_OK) {
            if (error) {
                const tn_error found = *error;
                tn_fail(error, TN_ERROR_HYPES, "%.300s, debug.rules: %.600s", where, found.message);
            }
            return TN_ERROR_HYPES;
        }
    }
    return TN_OK;
}

/* B1's number of steps stands in debug.plateau_steps as well: the rule follows it. */
static tn_status follow_plateau(const tn_hypes *hypes, tn_rule_settings *rules, tn_error *error)
{
    if (!tn_hypes_given(hypes, "debug.plateau_steps"))
        return TN_OK;
    const tn_rule *plateau = tn_rule_at(tn_rule_index("plateau"));
    double steps = fmax(tn_hypes_number(hypes, "debug.plateau_steps"), plateau->settings[0].min);
    return tn_rule_settings_set(rules, "plateau", "steps", steps, error);
}

tn_status tn_session_rules(const tn_session *session, const tn_settings *settings, tn_rule_settings *rules, tn_error *error)
{
    tn_status status = TN_OK;
    tn_rule_settings_init(rules);
    if (session->hypes) {
        status = follow_plateau(session->hypes, rules, error);
        if (status == TN_OK)
            status = read_object(tn_hypes_value(session->hypes, "debug.rules"), tn_hypes_name(session->hypes), rules, error);
    } else if (session->program.hypes) {
        /* A file that is no JSON is told when the program's hypes are read. */
        json_t *file = json_load_file(session->program.hypes, 0, NULL);
        status = read_object(json_object_get(json_object_get(file, "debug"), "rules"), session->program.hypes, rules, error);
        json_decref(file);
    }
    for (size_t i = 0; i < settings->rule_count && status == TN_OK; i++)
        status = tn_rule_settings_assign(rules, settings->rules[i], error);
    return status;
}
