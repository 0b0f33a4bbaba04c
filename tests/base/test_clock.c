/* test_clock.c: the clock is of nanoseconds and never goes back. No test says how long anything takes: a busy machine may take long. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <time.h>

#include "base/clock.h"

static void never_goes_back(void **state)
{
    (void)state;
    uint64_t last = tn_clock_ns();
    for (size_t i = 0; i < 100000; i++) {
        uint64_t now = tn_clock_ns();
        assert_true(now >= last);
        last = now;
    }
}

static void counts_nanoseconds(void **state)
{
    (void)state;
    /* A sleep takes at least what was asked for, whatever else the machine does. */
    uint64_t before = tn_clock_ns();
    struct timespec pause = {0, 2000000};
    while (nanosleep(&pause, &pause) != 0)
        continue;
    assert_true(tn_clock_ns() - before >= 2000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_goes_back),
        cmocka_unit_test(counts_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
