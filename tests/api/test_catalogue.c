/* test_catalogue.c: the catalogue of causes against what is really there: every rule and experiment that it names exists, and every rule is a symptom that can be explained. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "causes/causes.h"
#include "experiments/debug.h"
#include "rules/rules.h"
#include "tenet.h"

static bool exists(const char *name)
{
    for (size_t i = 0; i < tn_rule_count(); i++)
        if (strcmp(tn_rule_at(i)->name, name) == 0)
            return true;
    for (size_t i = 0; i < tn_experiment_count(); i++)
        if (strcmp(tn_experiment_at(i)->name, name) == 0)
            return true;
    return false;
}

static void what_raises_a_cause_exists(void **state)
{
    (void)state;
    size_t missing = 0;
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        char list[256];
        assert_true(strlen(cause->raised_by) < sizeof list);
        strcpy(list, cause->raised_by);
        for (char *rest = list, *name = strsep(&rest, ","); name && *name; name = strsep(&rest, ",")) {
            name += *name == ' ';
            if (!exists(name)) {
                print_error("%s is raised by \"%s\", which is no rule and no experiment\n", cause->name, name);
                missing++;
            }
        }
    }
    assert_int_equal(missing, 0);
}

static void every_rule_is_a_symptom(void **state)
{
    (void)state;
    size_t missing = 0;
    for (size_t i = 0; i < tn_rule_count(); i++)
        if (!tn_symptom_find(tn_rule_at(i)->name)) {
            print_error("the rule \"%s\" has no row in symptoms.def\n", tn_rule_at(i)->name);
            missing++;
        }
    assert_int_equal(missing, 0);
}

static void explanations_come_or_name_the_nearest(void **state)
{
    (void)state;
    char *text = NULL;
    tn_error error;
    assert_int_equal(tn_cause_explain("lr_too_high", false, false, 80, &text, &error), TN_OK);
    assert_non_null(strstr(text, "what to do"));
    tn_string_free(text);
    assert_int_equal(tn_cause_explain("lr_too_high", true, false, 80, &text, &error), TN_OK);
    assert_non_null(strstr(text, "## lr_too_high"));
    tn_string_free(text);
    assert_int_equal(tn_cause_explain(NULL, false, true, 80, &text, &error), TN_OK);
    assert_non_null(strchr(text, '\033'));
    tn_string_free(text);
    assert_int_equal(tn_cause_explain("lr_to_high", false, false, 80, &text, &error), TN_ERROR_USAGE);
    assert_null(text);
    assert_string_equal(error.message, "There is no cause or symptom 'lr_to_high'; did you mean 'lr_too_high'?");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_raises_a_cause_exists),
        cmocka_unit_test(every_rule_is_a_symptom),
        cmocka_unit_test(explanations_come_or_name_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
