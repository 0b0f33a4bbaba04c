/* test_report_page_allocation.c: whichever allocation fails, the page of a report says so, leaves no file and leaks nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/report_page.h"
#include "support/allocator.h"

/* Whether an allocation failed. The first to fail ends a write, so failing once is failing for good. */
static bool page_survives(uint64_t n, const json_t *report, const char *path)
{
    uint64_t alive = tn_allocator_alive();
    tn_error error = {0};
    tn_allocator_fail_at(n);
    tn_status status = tn_report_page_write(path, report, &error);
    bool failed = tn_allocator_failed() > 0;
    tn_allocator_fail_at(0);
    assert_int_equal(status == TN_OK, !failed);
    assert_int_equal(error.code, status);
    assert_int_equal(access(path, F_OK) == 0, !failed);
    unlink(path);
    assert_int_equal(tn_allocator_alive(), alive);
    return failed;
}

static void sweep(json_t *report, uint64_t least)
{
    char folder[] = "/tmp/tenet-report-XXXXXX", path[64];
    assert_non_null(report);
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/report.html", folder);
    uint64_t n = 1;
    while (page_survives(n, report, path))
        n++;
    assert_true(n > least);
    json_decref(report);
    assert_int_equal(rmdir(folder), 0);
}

static void every_allocation_of_a_page(void **state)
{
    (void)state;
    sweep(json_pack("{s:s, s:{s:s}, s:[{s:s, s:b}], s:[{s:s, s:[{s:s, s:{s:[i], s:[f]}}]}], s:{s:{}, s:[], s:i}}", "schema",
                    "tenet.report/1", "subject", "name", "net.json", "findings", "cause", "lr_too_high", "confirmed", 1, "experiments",
                    "name", "race", "trials", "end", "completed", "curve", "step", 1, "loss", 0.5, "look", "series", "tensors", "step", 1),
          20);
}

/* One that has to be thinned, so that copies are made. */
static void every_allocation_of_a_thinned_page(void **state)
{
    (void)state;
    enum { LENGTH = 1100000 };
    char *text = malloc(LENGTH + 1);
    assert_non_null(text);
    for (size_t i = 0; i < LENGTH; i++)
        text[i] = 'x';
    text[LENGTH] = '\0';
    json_t *report = json_pack("{s:[{s:s, s:[{s:s, s:s}]}], s:{s:{s:s}, s:[s], s:i}}", "experiments", "name", "race", "trials", "end",
                               "completed", "curve", text, "look", "series", "loss", "x", "tensors", text, "step", 1);
    free(text);
    sweep(report, 20);
}

static int setup(void **state)
{
    (void)state;
    tn_allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_of_a_page), cmocka_unit_test(every_allocation_of_a_thinned_page)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
