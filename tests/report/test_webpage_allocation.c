/* test_webpage_allocation.c: whichever allocation fails, the page and the panel of a run say so, leave no file and leak nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "report/panel.h"
#include "report/webpage.h"
#include "support/allocator.h"
#include "support_history.h"

static const tn_run_facts FACTS = {.title = "net.json", .state = "running", .steps_total = 100, .written = 1700000000, .refresh = 3};

/* Whether an allocation failed. The first to fail ends a write, so failing once is failing for good. */
static bool page_survives(uint64_t n, const tn_history *history, const char *path)
{
    uint64_t alive = tn_allocator_alive();
    tn_shown_log *shown = NULL;
    tn_error error = {0};
    const float input = 1, label = 0;
    tn_allocator_fail_at(n);
    tn_status status = tn_shown_log_create(
        &(tn_shown_inputs){.meaning = TN_SHOWN_NUMBERS, .count = 1, .input_size = 1, .label_size = 1, .output_size = 1}, &shown, &error);
    if (status == TN_OK) {
        tn_shown_log_sample(shown, 0, 0, &input, &label);
        tn_shown_log_moment(shown, 0);
        tn_shown_log_output(shown, 0, &input, 0);
        status = tn_webpage_write(path, &FACTS, history, shown, &error);
    }
    bool failed = tn_allocator_failed() > 0;
    tn_allocator_fail_at(0);
    assert_int_equal(status == TN_OK, !failed);
    assert_int_equal(error.code, status);
    assert_int_equal(access(path, F_OK) == 0, !failed);
    unlink(path);
    tn_shown_log_destroy(shown);
    assert_int_equal(tn_allocator_alive(), alive);
    return failed;
}

static void every_allocation_of_a_page(void **state)
{
    (void)state;
    char folder[] = "/tmp/tenet-page-XXXXXX", path[64];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/run.html", folder);
    tn_history *history = support_history();
    support_history_run(history, 25, "dense_1");
    support_history_signal(history, "plateau", 3, "", "words");
    uint64_t n = 1;
    while (page_survives(n, history, path))
        n++;
    assert_true(n > 10);
    tn_history_destroy(history);
    assert_int_equal(rmdir(folder), 0);
}

static bool panel_survives(uint64_t n, const tn_panel *panel)
{
    uint64_t alive = tn_allocator_alive();
    tn_allocator_fail_at(n);
    char *text = tn_panel_draw(panel, true, 80, 24);
    bool failed = tn_allocator_failed() > 0;
    tn_allocator_fail_at(0);
    assert_int_equal(text == NULL, failed);
    free(text);
    assert_int_equal(tn_allocator_alive(), alive);
    return failed;
}

static void every_allocation_of_a_panel(void **state)
{
    (void)state;
    tn_history *history = support_history();
    support_history_run(history, 25, "dense_1");
    uint64_t n = 1;
    while (panel_survives(n, &(tn_panel){.history = history, .facts = &FACTS}))
        n++;
    assert_true(n > 5);
    tn_history_destroy(history);
}

static int setup(void **state)
{
    (void)state;
    tn_allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation_of_a_page), cmocka_unit_test(every_allocation_of_a_panel)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
