/* test_report_allocation.c: whichever allocation fails, a report's text and JSON are NULL or whole, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/explain.h"
#include "report/report.h"
#include "support/allocator.h"

enum { SWEEP_MAX = 100000 };

typedef char *render_fn(const json_t *document);

static char *text_of(const json_t *document)
{
    return tn_report_text(document, &(tn_report_style){.colour = true, .width = 60});
}

static char *explanation_of(const json_t *document)
{
    (void)document;
    return tn_explain_text("lr_too_high", NULL);
}

static char *list_of(const json_t *document)
{
    (void)document;
    return tn_explain_list(NULL);
}

static char *docs_of(const json_t *document)
{
    (void)document;
    return tn_explain_all_markdown();
}

/* Fails the first, the second ... allocation until none is left to fail. */
static void sweep(const char *what, render_fn *render, const json_t *document)
{
    tn_allocator_fail_at(0);
    char *whole = render(document);
    assert_non_null(whole);
    uint64_t alive = tn_allocator_alive(), failures = 0;
    for (uint64_t n = 1; n < SWEEP_MAX; n++) {
        tn_allocator_fail_at(n);
        char *cut = render(document);
        uint64_t failed = tn_allocator_failed();
        tn_allocator_stop_failing();
        if (failed && cut && strcmp(cut, whole) != 0) {
            size_t same = 0;
            while (cut[same] == whole[same])
                same++;
            fail_msg("%s: with allocation %u failing the text is cut at \"%.60s\"", what, (unsigned)n, whole + same);
        }
        free(cut);
        if (tn_allocator_alive() != alive)
            fail_msg("%s: allocation %u failing leaks number %u", what, (unsigned)n, (unsigned)tn_allocator_oldest_alive());
        failures += failed;
        if (!failed)
            break;
    }
    assert_true(failures > 0);
    free(whole);
}

static void no_failure_cuts_or_leaks(void **state)
{
    (void)state;
    static const char *const DOCUMENTS[] = {"lr_too_high", "healthy", "suspected", "samples", "trained_nan", "hostile", "unexplained"};
    for (size_t i = 0; i < sizeof DOCUMENTS / sizeof *DOCUMENTS; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s.json", TN_TEST_DATA, DOCUMENTS[i]);
        tn_allocator_fail_at(0);
        json_t *document = json_load_file(path, 0, NULL);
        assert_non_null(document);
        sweep(DOCUMENTS[i], text_of, document);
        sweep(DOCUMENTS[i], tn_report_json, document);
        sweep(DOCUMENTS[i], tn_report_brief_json, document);
        json_decref(document);
    }
    sweep("explanation", explanation_of, NULL);
    sweep("list", list_of, NULL);
    sweep("docs", docs_of, NULL);
}

int main(void)
{
    tn_allocator_install();
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_failure_cuts_or_leaks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
