/* test_rule_schema.c: src/hypes/schema_rules.def says of the rules' settings what the rules' own tables say.
 *
 * With TENET_UPDATE=1 in the environment it writes that file in place of comparing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "rules/rules.h"

#define FILE_NAME TN_SOURCE_DIR "/src/hypes/schema_rules.def"

static void add_rule(tn_text *text, const tn_rule *rule)
{
    char low[32], high[32], value[32];
    tn_text_addf(text, "\nTN_SCOPE(rule_%s, \"debug.rules.%s\", \"enabled\", NULL, \"Rule %s: %s\")\n", rule->name, rule->name, rule->name,
                 rule->title);
    tn_text_addf(text, "TN_KEY(rule_%s, \"enabled\", TN_BOOLEAN, \"\", \"\", TN_LEFT_OUT(\"true\"), \"\", \"false silences the rule.\")\n",
                 rule->name);
    for (size_t k = 0; k < rule->setting_count; k++) {
        const tn_rule_setting *setting = &rule->settings[k];
        tn_text_addf(text, "TN_KEY(rule_%s, \"%s\", %s, \"[%s, %s]\", \"\", TN_LEFT_OUT(\"%s\"), \"%s\", \"%s\")\n", rule->name,
                     setting->key, setting->whole ? "TN_INTEGER" : "TN_NUMBER", tn_number_format(low, setting->min, 6),
                     tn_number_format(high, setting->max, 6), tn_number_format(value, setting->fallback, 6), setting->unit, setting->help);
    }
}

static char *expected(void)
{
    tn_text text;
    tn_text_init(&text);
    tn_text_add(&text, "/* schema_rules.def: the settings of the rules as keys of the hypes; a part of schema.def. Written from the rules' "
                       "tables: change those, and run\n"
                       " * TENET_UPDATE=1 build/release/test_rule_schema. */\n/* clang-format off */\n"
                       "TN_SCOPE(rules, \"debug.rules\", NULL, NULL, \"Rules\")\n");
    for (size_t i = 0; i < tn_rule_count(); i++)
        tn_text_addf(&text, "TN_KEY(rules, \"%s\", TN_OBJECT, \"\", \"rule_%s\", TN_ABSENT, \"\", \"%c%s.\")\n", tn_rule_at(i)->name,
                     tn_rule_at(i)->name, tn_rule_at(i)->title[0] - 'a' + 'A', tn_rule_at(i)->title + 1);
    for (size_t i = 0; i < tn_rule_count(); i++)
        add_rule(&text, tn_rule_at(i));
    tn_text_add(&text, "/* clang-format on */\n");
    return tn_text_take(&text);
}

static void test_same(void **state)
{
    (void)state;
    enum { SIZE = 1 << 17 };
    char *wanted = expected(), *found = calloc(1, SIZE);
    assert_non_null(wanted);
    assert_non_null(found);
    bool writes = getenv("TENET_UPDATE") != NULL;
    FILE *file = fopen(FILE_NAME, writes ? "w" : "r");
    assert_non_null(file);
    if (writes)
        assert_true(fputs(wanted, file) >= 0);
    else
        assert_true(fread(found, 1, SIZE - 1, file) > 0);
    assert_int_equal(fclose(file), 0);
    if (!writes)
        assert_string_equal(found, wanted);
    free(wanted);
    free(found);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
