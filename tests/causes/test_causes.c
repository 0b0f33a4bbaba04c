/* test_causes.c: the catalogue is whole: DESIGN's list, texts that are there and end as sentences do, names that refer to something. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "causes/causes.h"

/* The catalogue of DESIGN.md, word for word: a cause that is renamed or lost breaks scripts that read reports. */
static const char *const PINNED[] = {
    "lr_too_high",       "lr_too_low",        "needs_clipping",   "nonfinite_input",  "nonfinite_op",
    "unstable_softmax",  "wrong_gradient",    "bad_init",         "unscaled_input",   "unscaled_label",
    "misaligned_labels", "label_noise",       "class_imbalance",  "constant_feature", "leaky_feature",
    "wrong_loss",        "wrong_output",      "wrong_activation", "too_deep",         "batch_computation",
    "frozen_parameters", "missing_zero_grad", "not_shuffled",     "wrong_mode",       "too_little_capacity",
    "over_regularized",  "overfitting",       "batch_size",       "too_few_steps",    "no_decay",
    "wrong_optimizer",   "wrong_axis",        "wrong_schedule",   "faulty_layer",     "tight_clipping",
};

static void catalogue_is_that_of_the_design(void **state)
{
    (void)state;
    assert_int_equal(TN_CAUSE_COUNT, sizeof PINNED / sizeof *PINNED);
    for (size_t i = 0; i < sizeof PINNED / sizeof *PINNED; i++) {
        const tn_cause *cause = tn_cause_find(PINNED[i]);
        if (!cause)
            fail_msg("%s is missing", PINNED[i]);
        assert_ptr_equal(tn_cause_get(cause->id), cause);
        assert_string_equal(cause->name, PINNED[i]);
    }
    assert_null(tn_cause_find("no_such_cause"));
    assert_null(tn_cause_find(""));
    assert_null(tn_cause_get(TN_CAUSE_COUNT));
}

/* Prose is plain, of one line, without doubled spaces, and ends with a full stop. */
static void check_prose(const char *name, const char *what, const char *text, size_t least)
{
    size_t length = strlen(text);
    if (length < least)
        fail_msg("%s: %s is too short: \"%s\"", name, what, text);
    if (text[length - 1] != '.')
        fail_msg("%s: %s does not end with a full stop", name, what);
    if (strstr(text, "  ") || strpbrk(text, "\n\t`*|"))
        fail_msg("%s: %s holds a doubled space or a character of Markdown", name, what);
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            fail_msg("%s: %s is not plain ASCII", name, what);
}

static void texts_are_complete(void **state)
{
    (void)state;
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        check_prose(cause->name, "explanation", cause->explanation, 120);
        check_prose(cause->name, "confirmed_by", cause->confirmed_by, 30);
        check_prose(cause->name, "looks_like", cause->looks_like, 30);
        check_prose(cause->name, "what_to_do", cause->what_to_do, 40);
        check_prose(cause->name, "sources", cause->sources, 15);
        size_t length = strlen(cause->title);
        assert_true(length >= 10 && length <= 80);
        assert_true(islower((unsigned char)cause->title[0]));
        assert_true(cause->title[length - 1] != '.');
        assert_true(cause->arises >= TN_ARISES_NATIVE && cause->arises <= TN_ARISES_BOTH);
        size_t sentences = 0;
        for (const char *at = cause->explanation; *at; at++)
            sentences += (*at == '.' || *at == ':') && (at[1] == ' ' || at[1] == '\0');
        if (sentences < 2)
            fail_msg("%s: the explanation has a single sentence", cause->name);
    }
    for (size_t i = 0; i < tn_symptom_count(); i++) {
        const tn_symptom *symptom = tn_symptom_at(i);
        check_prose(symptom->name, "explanation", symptom->explanation, 60);
        assert_true(strlen(symptom->title) >= 10);
        assert_ptr_equal(tn_symptom_find(symptom->name), symptom);
    }
    assert_null(tn_symptom_at(tn_symptom_count()));
    assert_null(tn_symptom_find("no_such_symptom"));
}

/* "A1, A2": lines of the protocol, which has A1-A6, B1-B5, C1-C7, D1-D3. */
static void protocol_lines_exist(void **state)
{
    (void)state;
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        const char *at = cause->protocol;
        do {
            int last = *at == 'A' ? 6 : *at == 'B' ? 5 : *at == 'C' ? 7 : *at == 'D' ? 3 : 0;
            if (at[1] < '1' || at[1] > '0' + last)
                fail_msg("%s: no line of the protocol: %s", cause->name, at);
            at += 2;
            if (*at == ',')
                at += 2;
            else
                assert_int_equal(*at, '\0');
        } while (*at);
    }
}

/* Every word with an underscore in the texts is a cause, a symptom, or one of the names of the hypes that the texts use. */
static void names_in_texts_exist(void **state)
{
    (void)state;
    static const char *const OTHERS[] = {"softmax_cross_entropy", "from_logits", "zero_grad", "he_normal", "he_uniform",
                                         "glorot_uniform",        "leaky_relu"};
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        const char *const texts[] = {cause->explanation, cause->confirmed_by, cause->looks_like, cause->what_to_do};
        for (size_t i = 0; i < 4; i++) {
            for (const char *at = texts[i]; *at;) {
                char word[64];
                size_t size = 0;
                while (isalnum((unsigned char)at[size]) || at[size] == '_')
                    size++;
                assert_true(size < sizeof word);
                memcpy(word, at, size);
                word[size] = '\0';
                bool known = !strchr(word, '_') || tn_cause_find(word) || tn_symptom_find(word);
                for (size_t o = 0; o < sizeof OTHERS / sizeof *OTHERS; o++)
                    known = known || strcmp(word, OTHERS[o]) == 0;
                if (!known)
                    fail_msg("%s: \"%s\" is no cause or symptom", cause->name, word);
                at += size > 0 ? size : 1;
            }
        }
    }
}

static void symptoms_name_causes(void **state)
{
    (void)state;
    for (size_t i = 0; i < tn_symptom_count(); i++) {
        const tn_symptom *symptom = tn_symptom_at(i);
        char list[512];
        assert_true(strlen(symptom->causes) < sizeof list);
        strcpy(list, symptom->causes);
        size_t count = 0;
        for (char *rest = list, *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
            name += *name == ' ';
            if (!tn_cause_find(name))
                fail_msg("%s: \"%s\" is no cause", symptom->name, name);
            count++;
        }
        assert_true(count > 0);
    }
}

/* What raises a cause is a symptom of it, so that the report lists it there. */
static void causes_explain_what_raises_them(void **state)
{
    (void)state;
    size_t explained = 0;
    for (int id = 0; id < TN_CAUSE_COUNT; id++) {
        const tn_cause *cause = tn_cause_get((tn_cause_id)id);
        char list[256];
        assert_true(strlen(cause->raised_by) < sizeof list);
        strcpy(list, cause->raised_by);
        for (char *rest = list, *name = strsep(&rest, ","); name; name = strsep(&rest, ",")) {
            name += *name == ' ';
            if (!tn_symptom_find(name))
                continue; /* an experiment */
            if (!tn_cause_explains(cause->id, name, NULL))
                fail_msg("%s is raised by %s, which does not list it", cause->name, name);
            explained++;
        }
    }
    assert_true(explained > 20);
    assert_false(tn_cause_explains(TN_CAUSE_lr_too_high, "overfitting", NULL));
    assert_false(tn_cause_explains(TN_CAUSE_lr_too_high, "no_such_symptom", NULL));
    assert_false(tn_cause_explains(TN_CAUSE_COUNT, "diverging", NULL));
    assert_false(tn_cause_explains(TN_CAUSE_too_deep, "input_statistics", NULL));
}

static void slips_of_the_pen_are_understood(void **state)
{
    (void)state;
    assert_string_equal(tn_cause_nearest("lr_to_high"), "lr_too_high");
    assert_string_equal(tn_cause_nearest("dead_unit"), "dead_units");
    assert_null(tn_cause_nearest("zzzz"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(catalogue_is_that_of_the_design),
        cmocka_unit_test(texts_are_complete),
        cmocka_unit_test(protocol_lines_exist),
        cmocka_unit_test(names_in_texts_exist),
        cmocka_unit_test(symptoms_name_causes),
        cmocka_unit_test(causes_explain_what_raises_them),
        cmocka_unit_test(slips_of_the_pen_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
