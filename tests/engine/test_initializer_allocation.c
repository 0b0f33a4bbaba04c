/* test_initializer_allocation.c: an orthogonal initialiser whose memory is refused says so and leaves nothing behind; the others allocate nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "engine/initializer.h"
#include "support/allocator.h"

static tn_status fill(tn_scheme scheme, tn_error *error)
{
    tn_real values[15];
    tn_rng rng;
    tn_rng_init(&rng, 1, TN_STREAM_INIT);
    const tn_initializer initializer = {scheme, 1, 1};
    return tn_initializer_fill(&initializer, &rng, 3, 5, 3, 5, values, error);
}

static void orthogonal_reports_it(void **state)
{
    (void)state;
    tn_error error = {0};
    tn_allocator_fail_at(0);
    const uint64_t alive = tn_allocator_alive();
    assert_int_equal(fill(TN_SCHEME_ORTHOGONAL, &error), TN_OK);
    const uint64_t count = tn_allocator_count();
    assert_true(count > 0 && tn_allocator_alive() == alive);
    for (uint64_t n = 1; n <= count; n++) {
        tn_allocator_fail_at(n);
        assert_int_equal(fill(TN_SCHEME_ORTHOGONAL, &error), TN_ERROR_MEMORY);
        assert_true(error.message[0] != '\0');
        assert_int_equal(tn_allocator_failed(), 1);
        assert_true(tn_allocator_alive() == alive);
    }
}

static void others_allocate_nothing(void **state)
{
    (void)state;
    tn_error error = {0};
    for (tn_scheme scheme = TN_SCHEME_HE_NORMAL; scheme < TN_SCHEME_ORTHOGONAL; scheme++) {
        tn_allocator_fail_at(1);
        assert_int_equal(fill(scheme, &error), TN_OK);
        assert_int_equal(tn_allocator_count(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(orthogonal_reports_it), cmocka_unit_test(others_allocate_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
