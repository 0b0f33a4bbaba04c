/* test_trials.c: trials side by side start no more threads than there are processors: what each may keep busy beside its own thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "experiments/investigation.h"
#include "experiments/support_made_up_subject.h"

/* A made-up subject that notes what it is given. */
typedef struct noting {
    made_up subject;
    tn_subject_kind kind;
    const tn_subject_kind *real;
    atomic_size_t runs, least, most, threads;
} noting;

static tn_status note(tn_subject *base, const tn_trial_request *request, size_t threads, tn_trial_result *result, tn_error *error)
{
    noting *n = (noting *)base;
    atomic_fetch_add(&n->runs, 1);
    size_t least = atomic_load(&n->least), most = atomic_load(&n->most);
    while (request->processors < least && !atomic_compare_exchange_weak(&n->least, &least, request->processors)) {
    }
    while (request->processors > most && !atomic_compare_exchange_weak(&n->most, &most, request->processors)) {
    }
    atomic_store(&n->threads, threads);
    return n->real->run(base, request, threads, result, error);
}

static void run_trials(size_t count, size_t threads, size_t processors)
{
    enum { MOST = 5 };
    noting n = {.least = SIZE_MAX};
    tn_error error = {0};
    tn_investigation investigation;
    const tn_debug_options options = {.threads = threads, .seed = 1};
    tn_trial_request requests[MOST];
    tn_trial_result results[MOST];
    made_up_init(&n.subject);
    n.real = n.subject.base.kind;
    n.kind = *n.real;
    n.kind.run = note;
    n.subject.base.kind = &n.kind;
    assert_int_equal(tn_investigation_init(&investigation, &n.subject.base, &options, &error), TN_OK);
    for (size_t i = 0; i < count; i++)
        requests[i] = tn_trial_as_given("test", 5);
    assert_int_equal(tn_trials_run(&investigation, requests, results, count, &error), TN_OK);
    assert_int_equal(atomic_load(&n.runs), count);
    assert_int_equal(atomic_load(&n.least), processors);
    assert_int_equal(atomic_load(&n.most), processors);
    assert_int_equal(atomic_load(&n.threads), count == 1 ? threads : 1);
    tn_trials_deinit(results, count);
    tn_investigation_deinit(&investigation);
}

static void processors_are_shared_out(void **state)
{
    (void)state;
    const size_t all = tn_processor_count();
    run_trials(1, 1, all); /* a trial by itself may have what it leaves idle */
    run_trials(1, 3, all);
    run_trials(4, 1, all); /* one after the other */
    run_trials(2, 2, all / 2);
    run_trials(5, 3, all / 3);
    run_trials(2, 3, all / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(processors_are_shared_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
