/* test_native_weights_allocation.c: whichever allocation fails while weights are loaded or written, it is told as an error of memory, and nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <unistd.h>

#include "support/allocator.h"
#include "support_networks.h"

static tn_status run_all(network *n, const char *path, tn_error *error)
{
    tn_status status = tn_native_load_weights(n->hypes, n->trainer, error);
    return status == TN_OK ? tn_native_write_weights(n->trainer, n->hypes, path, error) : status;
}

static void each_allocation_fails_once(void **state)
{
    (void)state;
    static const char *const LAYOUTS[] = {"weights.layout=torch", "weights.layout=tenet"};
    for (size_t i = 0; i < 2; i++) {
        network n;
        tn_error error = {0};
        char path[] = "/tmp/tenet_weights_XXXXXX";
        const int descriptor = mkstemp(path);
        assert_true(descriptor >= 0);
        close(descriptor);
        network_open(&n, "gpt", (const char *const[]){LAYOUTS[i], NULL}, 1);
        tn_allocator_fail_at(0);
        assert_int_equal(run_all(&n, path, &error), TN_OK);
        const uint64_t total = tn_allocator_count(), alive = tn_allocator_alive();
        assert_true(total > 100);
        for (uint64_t at = 1; at <= total; at++) {
            tn_allocator_fail_at(at);
            const tn_status status = run_all(&n, path, &error);
            const bool failed = tn_allocator_failed() > 0;
            tn_allocator_fail_at(0);
            assert_true(failed);
            if (status != TN_ERROR_MEMORY && status != TN_OK)
                fail_msg("where allocation %d failed the error is %d: %s", (int)at, (int)status, error.message);
            if (tn_allocator_alive() != alive)
                fail_msg("%d blocks leaked where allocation %d failed", (int)(tn_allocator_alive() - alive), (int)at);
        }
        network_close(&n);
        unlink(path);
    }
}

static int setup(void **state)
{
    (void)state;
    tn_allocator_install();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_fails_once)};
    return cmocka_run_group_tests(tests, setup, NULL);
}
