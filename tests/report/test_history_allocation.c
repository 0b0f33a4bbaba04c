/* test_history_allocation.c: whichever allocation fails, a history says so, leaves out what it would have held, and leaks nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "report/history.h"
#include "support/allocator.h"

/* Whether an allocation failed. */
static bool survives(uint64_t n)
{
    uint64_t alive = tn_allocator_alive();
    tn_history *history = NULL;
    tn_error error = {0};
    tn_allocator_fail_at(n);
    tn_status status = tn_history_create(&history, &error);
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, (const float[]){1, 2}, 2);
    for (size_t i = 0; history && i < 3; i++) {
        const tn_tensor_name name = {
            .node = "a", .parameter = i < 2 ? "w" : NULL, .role = i ? TN_ROLE_GRADIENT : TN_ROLE_WEIGHT, .count = 2, .units = 1};
        tn_observer observer = tn_history_observer(history);
        observer.on_tensor(observer.context, &(tn_tensor_seen){.step = 1, .name = &name, .index = i, .vitals = &vitals});
    }
    if (status == TN_OK)
        status = tn_history_status(history, &error);
    bool failed = tn_allocator_failed() > 0;
    assert_int_equal(status, failed ? TN_ERROR_MEMORY : TN_OK);
    assert_int_equal(error.code, status);
    if (!failed)
        assert_int_equal(tn_history_tensor_count(history), 3);
    for (size_t i = 0; history && i < tn_history_tensor_count(history); i++) /* what is there is whole */
        assert_int_equal(tn_history_row_count(tn_history_tensor_at(history, i)), 1);
    tn_history_destroy(history);
    tn_allocator_fail_at(0);
    assert_int_equal(tn_allocator_alive(), alive);
    return failed;
}

static void every_allocation(void **state)
{
    (void)state;
    uint64_t n = 1;
    while (survives(n))
        n++;
    assert_true(n > 10);
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
