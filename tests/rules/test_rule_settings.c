/* test_rule_settings.c: thresholds are read, bounded, and told where they are wrong; a rule can be silenced. */
#include "rules/support_rules.h"

#include <math.h>
#include <string.h>

static void assert_refused(const char *assignment, const char *message)
{
    tn_rule_settings settings;
    tn_error error;
    tn_rule_settings_init(&settings);
    assert_int_equal(tn_rule_settings_assign(&settings, assignment, &error), TN_ERROR_USAGE);
    if (!strstr(error.message, message))
        fail_msg("'%s' is refused by \"%s\", which does not say \"%s\"", assignment, error.message, message);
}

static void test_tables(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_rule *rule = tn_rule_at(i);
        double values[TN_RULE_SETTINGS_MAX];
        assert_true(rule->setting_count <= TN_RULE_SETTINGS_MAX);
        assert_true(rule->what[0] && rule->blind_spots[0] && rule->needs_what[0]);
        assert_int_equal(tn_rule_index(rule->name), i);
        for (size_t k = 0; k < rule->setting_count; k++) {
            const tn_rule_setting *setting = &rule->settings[k];
            values[k] = setting->fallback;
            assert_true(setting->min <= setting->fallback && setting->fallback <= setting->max && setting->min < setting->max);
            assert_true(!setting->whole || setting->fallback == floor(setting->fallback));
            assert_true(setting->key[0] && setting->help[0]);
            assert_string_not_equal(setting->key, "enabled");
        }
        assert_true(rule->needs(values) > 0);
    }
    assert_int_equal(tn_rule_index("no_such_rule"), tn_rule_count());
}

static void test_assign(void **state)
{
    (void)state;
    tn_rule_settings settings;
    tn_error error;
    tn_rule_settings_init(&settings);
    size_t plateau = tn_rule_index("plateau");
    assert_true(settings.values[plateau][0] == 2000);
    assert_int_equal(tn_rule_settings_assign(&settings, "plateau.steps=5000", &error), TN_OK);
    assert_true(settings.values[plateau][0] == 5000);
    assert_int_equal(tn_rule_settings_assign(&settings, "plateau.enabled=false", &error), TN_OK);
    assert_true(settings.silenced[plateau]);
    assert_int_equal(tn_rule_settings_assign(&settings, "plateau.enabled=true", &error), TN_OK);
    assert_false(settings.silenced[plateau]);
    assert_int_equal(tn_rule_settings_assign(&settings, "plateau.enabled=0", &error), TN_OK);
    assert_true(settings.silenced[plateau]);
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused("plataeu.steps=5000", "There is no rule 'plataeu'; did you mean 'plateau'?");
    assert_refused("xyz.steps=5000", "'tenet explain --rules' lists them all");
    assert_refused("plateau.step=5000", "no setting 'step'; did you mean 'steps'?");
    assert_refused("plateau.zzzzzzzz=1", "it has steps, fall, errors, enabled.");
    assert_refused("plateau.steps=many", "plateau.steps is 'many'; expected a number.");
    assert_refused("plateau.steps=1", "plateau.steps is 1; expected a whole number from 600");
    assert_refused("plateau.steps=700.5", "expected a whole number");
    assert_refused("plateau.fall=nan", "expected a number from 0 to 1");
    assert_refused("plateau.enabled=2", "expected true or false");
    assert_refused("plateau.enabled=often", "expected true or false");
    assert_refused("plateau.steps=", "expected a number");
    assert_refused("plateau=5", "expected NAME.KEY=VALUE");
    assert_refused("plateau.steps", "expected NAME.KEY=VALUE");
    assert_refused(".steps=5", "expected NAME.KEY=VALUE");
    assert_refused("plateau.=5", "expected NAME.KEY=VALUE");
}

/* A silenced rule says nothing, and the others go on. */
static void test_silenced(void **state)
{
    (void)state;
    tn_rule_settings settings;
    tn_rule_set *set;
    tn_error error;
    tn_rule_settings_init(&settings);
    assert_int_equal(tn_rule_settings_set(&settings, "nonfinite", "enabled", 0, &error), TN_OK);
    assert_int_equal(tn_rule_set_create(&settings, &set, &error), TN_OK);
    tn_observer observer = tn_rule_set_observer(set);
    for (uint64_t i = 1; i <= 30; i++)
        observer.on_step(observer.context, &(tn_step){.step = i, .loss = i < 6 ? 1 : NAN, .gradient_norm = NAN});
    observer.on_end(observer.context, 30);
    assert_int_equal(tn_rule_set_signal(set, "nonfinite")->state, TN_RULE_OFF);
    assert_int_equal(tn_rule_set_signal(set, "diverging")->state, TN_RULE_FIRED);
    const tn_signal *plateau = tn_rule_set_signal(set, "plateau");
    assert_int_equal(plateau->state, TN_RULE_TOO_FEW_STEPS);
    assert_string_equal(plateau->text, "it needs 2000 steps");
    tn_rule_set_destroy(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_assign),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_silenced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
