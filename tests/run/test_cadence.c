/* test_cadence.c: which steps are observed, by made-up times: dense at first, then as often as the share allows, never on the clock's word alone where steps are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "run/cadence.h"

static void counted_steps(void **state)
{
    (void)state;
    tn_cadence cadence;
    tn_cadence_init(&cadence, 10, 0.05);
    for (uint64_t step = 1; step < 100; step++) {
        assert_int_equal(tn_cadence_wants(&cadence, step), step % 10 == 1);
        tn_cadence_tell(&cadence, step, step % 10 == 1, step * 1000000, 1 << 30); /* whatever it costs */
    }
    assert_false(tn_cadence_wants(&cadence, 0));
    tn_cadence_init(&cadence, 0, 0);
    for (uint64_t step = 1; step < 100; step++)
        assert_false(tn_cadence_wants(&cadence, step));
}

/* What a run of `steps` costs: plain_ns each, and excess_ns more where it is observed. Every slow_every-th step takes a hundred times as long (0: none). */
typedef struct run {
    uint64_t plain_ns, excess_ns, bytes, slow_every;
    uint64_t observed; /* how many were */
    uint64_t first[8]; /* and which were the first */
} run;

static void perform(run *r, double share, uint64_t steps)
{
    tn_cadence cadence;
    tn_cadence_init(&cadence, 0, share);
    for (uint64_t step = 1; step <= steps; step++) {
        bool wanted = tn_cadence_wants(&cadence, step);
        uint64_t took = r->plain_ns + (wanted ? r->excess_ns : 0);
        if (wanted && r->observed < 8)
            r->first[r->observed] = step;
        r->observed += wanted;
        tn_cadence_tell(&cadence, step, wanted, r->slow_every && step % r->slow_every == 0 ? 100 * took : took, wanted ? r->bytes : 0);
    }
}

static void dense_at_first_then_by_share(void **state)
{
    (void)state;
    run r = {.plain_ns = 10000, .excess_ns = 10000, .bytes = 2000};
    perform(&r, 0.05, 10000);
    static const uint64_t DENSE[] = {1, 2, 3, 5, 8, 13, 21, 34};
    assert_memory_equal(r.first, DENSE, sizeof DENSE);
    double share = (double)(r.observed * r.excess_ns) / (10000.0 * (double)r.plain_ns);
    assert_true(share <= 0.05 && share >= 0.025);
}

static void single_slow_steps_do_not_matter(void **state)
{
    (void)state;
    run r = {.plain_ns = 10000, .excess_ns = 3000, .bytes = 2000, .slow_every = 7};
    perform(&r, 0.05, 10000);
    double share = (double)(r.observed * r.excess_ns) / (10000.0 * (double)r.plain_ns);
    assert_true(share <= 0.05 && share >= 0.025);
}

/* Where watching costs no time the store's growth bounds it. */
static void bytes_bound_what_costs_no_time(void **state)
{
    (void)state;
    run cheap = {.plain_ns = 1000000, .excess_ns = 1, .bytes = 20000};
    perform(&cheap, 0.05, 10000);
    assert_true(cheap.observed * cheap.bytes <= (uint64_t)10000 * 4096 + 8 * 20000);
    assert_true(cheap.observed >= 10000 / 6);
    run unmeasured = {.bytes = 100};
    perform(&unmeasured, 0.05, 1000);
    assert_true(unmeasured.observed >= 90 && unmeasured.observed <= 110);
    run small = {.plain_ns = 1000000, .excess_ns = 1, .bytes = 100};
    perform(&small, 0.05, 1000);
    assert_true(small.observed > 980); /* nothing speaks against every step, but for the first few */
}

/* Steps that are observed beside the plan, around an incident, neither move it nor count as plain ones. */
static void extra_steps_do_not_move_the_plan(void **state)
{
    (void)state;
    tn_cadence cadence;
    tn_cadence_init(&cadence, 0, 0.05);
    uint64_t step = 1;
    for (; step <= 200; step++) {
        bool wanted = tn_cadence_wants(&cadence, step);
        tn_cadence_tell(&cadence, step, wanted, wanted ? 20000 : 10000, 100);
    }
    uint64_t next = cadence.next;
    assert_true(next > step + 2);
    tn_cadence_tell(&cadence, step, true, 20000, 100);
    tn_cadence_tell(&cadence, step + 1, true, 20000, 100);
    assert_int_equal(cadence.next, next);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counted_steps),
        cmocka_unit_test(dense_at_first_then_by_share),
        cmocka_unit_test(single_slow_steps_do_not_matter),
        cmocka_unit_test(bytes_bound_what_costs_no_time),
        cmocka_unit_test(extra_steps_do_not_move_the_plan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
