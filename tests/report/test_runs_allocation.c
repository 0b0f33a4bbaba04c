/* test_runs_allocation.c: whichever allocation fails while a store is read and its runs are written down, the failure is told or the text is whole, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "report/runs.h"
#include "report/support_recorded.h"
#include "support/allocator.h"

enum { TEXTS = 7, SWEEP_MAX = 100000 };

/* Reads the store, and makes one of the texts. NULL with a status where that failed. */
static char *text_of(tn_store *store, size_t which, tn_status *status)
{
    static const tn_report_style STYLE = {.width = 60, .colour = true};
    tn_run_list list;
    tn_history *histories[2] = {NULL, NULL};
    char *text = NULL;
    tn_error error = {0};
    *status = tn_run_list_read(store, &list, &error);
    tn_run_view runs[2] = {{0}};
    for (size_t i = 0; i < 2 && *status == TN_OK; i++) {
        *status = tn_history_from_store(store, list.rows[i].id, true, &histories[i], &error);
        runs[i] = (tn_run_view){.row = &list.rows[i], .history = histories[i]};
    }
    if (*status == TN_OK) {
        const tn_history_tensor *tensor = tn_history_tensor_find(histories[1], "dense_1.weight");
        text = which == 0   ? tn_runs_text(&list, NULL, 0, &STYLE)
               : which == 1 ? tn_runs_json(&list, NULL, 0)
               : which == 2 ? tn_run_show_text(&runs[1], NULL, &STYLE)
               : which == 3 ? tn_run_show_json(&runs[1], NULL)
               : which == 4 ? tn_run_show_text(&runs[1], tensor, &STYLE)
               : which == 5 ? tn_run_compare_text(runs, &STYLE)
                            : tn_run_compare_json(runs);
        *status = text ? TN_OK : TN_ERROR_MEMORY;
    } else
        assert_true(error.code == *status && error.message[0] != '\0');
    for (size_t i = 0; i < 2; i++)
        tn_history_destroy(histories[i]);
    tn_run_list_deinit(&list);
    return text;
}

static void every_allocation(void **state)
{
    (void)state;
    tn_store *store;
    tn_status status;
    uint64_t alive = tn_allocator_alive();
    assert_int_equal(tn_store_open(":memory:", &store, NULL), TN_OK);
    recorded_write(store, NULL);
    for (size_t which = 0; which < TEXTS; which++) {
        /* Reading alone makes many allocations, which the first text has swept; the others in larger steps. */
        uint64_t stride = which == 0 ? 1 : 17, failures = 0;
        tn_allocator_fail_at(0);
        char *whole = text_of(store, which, &status);
        assert_non_null(whole);
        uint64_t n = 1;
        for (; n < SWEEP_MAX; n += stride) {
            tn_allocator_fail_at(n);
            char *text = text_of(store, which, &status);
            bool failed = tn_allocator_failed() > 0;
            tn_allocator_stop_failing();
            if (text && strcmp(text, whole) != 0)
                fail_msg("text %d is cut where allocation %d failed:\n%s", (int)which, (int)n, text);
            if (!text && (!failed || (status != TN_ERROR_MEMORY && status != TN_ERROR_STORE)))
                fail_msg("text %d: status %d where allocation %d failed", (int)which, (int)status, (int)n);
            free(text);
            if (!failed)
                break;
            failures++;
        }
        assert_true(n < SWEEP_MAX && failures > 10);
        free(whole);
    }
    tn_allocator_fail_at(0);
    assert_int_equal(tn_store_close(store, NULL), TN_OK);
    assert_int_equal(tn_allocator_alive(), alive); /* only now: an open database keeps caches */
}

static int setup(void **state)
{
    (void)state;
    tn_allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
