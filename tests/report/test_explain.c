/* test_explain.c: the catalogue as text and as Markdown, and that docs/causes.md is what the catalogue gives today. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "causes/causes.h"
#include "report/explain.h"
#include "report/layout.h"

static void docs_are_those_of_the_catalogue(void **state)
{
    (void)state;
    char *fresh = tn_explain_all_markdown();
    assert_non_null(fresh);
    if (getenv("TENET_UPDATE_GOLDEN")) {
        FILE *out = fopen(TN_SOURCE_DIR "/docs/causes.md", "wb");
        assert_non_null(out);
        assert_true(fputs(fresh, out) >= 0);
        assert_int_equal(fclose(out), 0);
    }
    FILE *file = fopen(TN_SOURCE_DIR "/docs/causes.md", "rb");
    assert_non_null(file);
    char *written = calloc(1, 1 << 17);
    assert_non_null(written);
    size_t size = fread(written, 1, (1 << 17) - 1, file);
    assert_true(size < (1 << 17) - 1);
    fclose(file);
    if (strcmp(fresh, written) != 0)
        fail_msg("docs/causes.md is out of date: TENET_UPDATE_GOLDEN=1 writes it");
    free(written);
    free(fresh);
}

static void every_entry_prints(void **state)
{
    (void)state;
    const tn_report_style style = {.width = 80};
    char *list = tn_explain_list(&style);
    assert_non_null(list);
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        assert_non_null(strstr(list, cause->name));
        char *text = tn_explain_text(cause->name, &style), *markdown = tn_explain_markdown(cause->name);
        assert_non_null(text);
        assert_non_null(markdown);
        assert_int_equal(strncmp(text, cause->name, strlen(cause->name)), 0);
        assert_non_null(strstr(markdown, "**What to do.**"));
        char *rest = text;
        for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
            assert_true(tn_columns(line) <= 80);
        free(text);
        free(markdown);
    }
    for (size_t i = 0; i < tn_symptom_count(); i++) {
        const tn_symptom *symptom = tn_symptom_at(i);
        assert_non_null(strstr(list, symptom->name));
        char *text = tn_explain_text(symptom->name, &style), *markdown = tn_explain_markdown(symptom->name);
        assert_non_null(strstr(text, symptom->title));
        assert_non_null(strstr(markdown, "May be due to: `"));
        free(text);
        free(markdown);
    }
    free(list);
    assert_null(tn_explain_text("nothing", &style));
    assert_null(tn_explain_markdown("nothing"));
}

static void a_text_is_exact(void **state)
{
    (void)state;
    char *text = tn_explain_text("plateau", &(tn_report_style){.width = 60});
    assert_non_null(text);
    assert_string_equal(text, "plateau: the loss does not fall\n"
                              "\n"
                              "what it is    The loss stays within its own noise for many\n"
                              "              steps: nothing is learnt, or so slowly that it\n"
                              "              cannot be told from standing still.\n"
                              "\n"
                              "may be due to lr_too_low, too_few_steps, bad_init,\n"
                              "              wrong_output, wrong_loss, misaligned_labels,\n"
                              "              frozen_parameters, too_little_capacity,\n"
                              "              lr_too_high, unscaled_input, unscaled_label,\n"
                              "              wrong_activation, too_deep, over_regularized,\n"
                              "              class_imbalance, wrong_optimizer,\n"
                              "              missing_zero_grad\n");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(docs_are_those_of_the_catalogue),
        cmocka_unit_test(every_entry_prints),
        cmocka_unit_test(a_text_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
