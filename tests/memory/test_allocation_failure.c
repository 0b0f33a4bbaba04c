/* test_allocation_failure.c: whichever allocation fails, a session ends with an error or with the report that it gives otherwise; it never crashes and never leaks.
 *
 * One session trains a tiny net, one debugs it, both through include/tenet.h. Each is run with its n-th allocation failing, for the first 2,000 n and then every 97th. A failure
 * must be told as memory (or by the store, whose library reports it in its own words), never as a mistake of the user. What tests/support/allocator.h cannot reach is not tested: C++
 * allocations inside oneDNN, and those of zlib and the C library.
 *
 * TN_ALLOCATION=debug:137 runs that one case alone, for a debugger. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <inttypes.h>
#include <jansson.h>
#include <signal.h>
#include <unistd.h>

#include "support/allocator.h"
#include "tenet.h"

enum { FIRST = 2000, STRIDE = 97, SHOWN = 20 };

typedef enum job { JOB_TRAIN, JOB_DEBUG } job;

typedef struct outcome {
    tn_status status;
    tn_error error;
    int verdict;
    char *document; /* the report as JSON, without what differs from run to run; NULL where there is none */
    uint64_t allocations;
    bool cut; /* the report was made, but not its text or JSON */
} outcome;

typedef struct sweep_counts {
    uint64_t runs, failures, wrong;
} sweep_counts;

/* What is running, for the message of a crash. */
static struct {
    char text[64];
    size_t length;
} running;

static void tell_running(void)
{
    if (write(STDERR_FILENO, running.text, running.length) < 0)
        return;
}

static void on_signal(int number)
{
    tell_running();
    signal(number, SIG_DFL);
    raise(number);
}

/* Called by the address sanitizer before its own report. */
void __asan_on_error(void);
void __asan_on_error(void)
{
    tell_running();
}

/* Wall time is no part of what must repeat. */
static void drop_seconds(json_t *value)
{
    const char *key;
    json_t *item;
    size_t index;
    json_object_del(value, "seconds");
    json_object_foreach(value, key, item)
    {
        drop_seconds(item);
    }
    json_array_foreach(value, index, item)
    {
        drop_seconds(item);
    }
}

/* The report's JSON without times. Read while no allocation fails any more. */
static char *comparable(const char *json)
{
    json_t *document = json_loads(json, 0, NULL);
    assert_non_null(document);
    drop_seconds(document);
    char *text = json_dumps(document, JSON_SORT_KEYS | JSON_INDENT(1));
    json_decref(document);
    assert_non_null(text);
    return text;
}

static outcome run_job(job which, uint64_t fail_at)
{
    outcome result = {.status = TN_OK};
    char *json = NULL, *text = NULL;
    const char *const assignments[] = {"solver.learning_rate=30", "name=tiny_broken"};
    const tn_settings settings = {
        .hypes_path = TN_TEST_DATA "/tiny.json",
        .assignments = assignments,
        .assignment_count = which == JOB_DEBUG ? 2 : 0,
        .threads = 1,
        .has_seed = true,
        .seed = 3,
        .store_path = ":memory:",
        .budget = "100000steps",
    };
    tn_session *session = NULL;
    tn_report *report = NULL;
    int length = snprintf(running.text, sizeof running.text, "\n[%s with allocation %" PRIu64 " failing]\n",
                          which == JOB_DEBUG ? "debug" : "train", fail_at);
    running.length = (size_t)length;
    tn_allocator_fail_at(fail_at);
    result.status = tn_session_open(&settings, &session, &result.error);
    if (result.status == TN_OK) {
        tn_error closing = {.code = TN_OK};
        result.status =
            which == JOB_DEBUG ? tn_session_debug(session, &report, &result.error) : tn_session_train(session, &report, &result.error);
        if (result.status == TN_OK) {
            result.verdict = tn_report_verdict_code(report);
            json = tn_report_to_json(report);
            text = tn_report_to_text(report, true, 80);
            result.cut = !json || !text;
        } else
            assert_null(report);
        tn_status closed = tn_session_close(session, &closing);
        if (result.status == TN_OK && closed != TN_OK) {
            result.status = closed;
            result.error = closing;
        }
    } else
        assert_null(session);
    tn_report_destroy(report);
    running.length = 0;
    result.allocations = tn_allocator_count();
    tn_allocator_stop_failing();
    if (json && result.status == TN_OK && !result.cut)
        result.document = comparable(json);
    tn_string_free(json);
    tn_string_free(text);
    return result;
}

/* Tells what went wrong; the first few are enough to work with. */
static void complain(sweep_counts *counts, uint64_t n, const char *format, ...) CMOCKA_PRINTF_ATTRIBUTE(3, 4);
static void complain(sweep_counts *counts, uint64_t n, const char *format, ...)
{
    if (counts->wrong++ >= SHOWN)
        return;
    char text[400];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    print_error("allocation %" PRIu64 " failed, and %s\n", n, text);
}

/* Where two reports part. */
static const char *difference(const char *one, const char *other)
{
    size_t at = 0;
    while (one[at] && one[at] == other[at])
        at++;
    while (at > 0 && one[at - 1] != '\n')
        at--;
    return one + at;
}

/* Runs once with one failure and compares with the run that had none. */
static void check_failure(job which, uint64_t n, const outcome *reference, sweep_counts *counts)
{
    uint64_t alive = tn_allocator_alive();
    outcome result = run_job(which, n);
    bool failed = tn_allocator_failed() > 0;
    uint64_t oldest = tn_allocator_oldest_alive();
    counts->runs++;
    counts->failures += failed;
    if (result.status != TN_OK) {
        bool told = result.error.code == result.status && result.error.message[0] != '\0';
        if (!failed || !told || (result.status != TN_ERROR_MEMORY && result.status != TN_ERROR_STORE))
            complain(counts, n, "the error is %d: %s", (int)result.status, result.error.message);
    } else if (result.cut) {
        if (!failed)
            complain(counts, n, "the report could not be printed, though nothing failed");
    } else if (result.verdict != reference->verdict)
        complain(counts, n, "the verdict, told as good, is %d and not %d", result.verdict, reference->verdict);
    else if (strcmp(result.document, reference->document) != 0)
        complain(counts, n, "the report, told as good, is another: %.120s", difference(result.document, reference->document));
    bool reported = result.document != NULL;
    free(result.document);
    uint64_t now = tn_allocator_alive();
    if (now != alive)
        complain(counts, n, "%" PRIu64 " blocks leaked; the oldest is allocation %" PRIu64 " of that run (%.150s)", now - alive, oldest,
                 reported ? "it gave a report" : result.error.message);
}

static void sweep(job which, const char *name)
{
    outcome warm_up = run_job(which, 0); /* what libraries allocate once and keep */
    assert_int_equal(warm_up.status, TN_OK);
    free(warm_up.document);
    uint64_t alive = tn_allocator_alive();
    outcome reference = run_job(which, 0);
    uint64_t total = reference.allocations;
    assert_int_equal(reference.status, TN_OK);
    assert_non_null(reference.document);
    /* Else the race, the confirmation and the findings would not be walked. */
    if (which == JOB_DEBUG)
        assert_null(strstr(reference.document, "\"findings\": []"));
    assert_int_equal(tn_allocator_alive(), alive + 1); /* reference.document */

    sweep_counts counts = {0};
    const char *one = getenv("TN_ALLOCATION");
    size_t length = strlen(name);
    bool chosen = one && strncmp(one, name, length) == 0 && one[length] == ':';
    if (chosen)
        check_failure(which, strtoull(one + length + 1, NULL, 10), &reference, &counts);
    for (uint64_t n = 1; n <= total && !one; n += n < FIRST ? 1 : STRIDE)
        check_failure(which, n, &reference, &counts);
    printf("%s: %" PRIu64 " allocations, %" PRIu64 " runs, %" PRIu64 " with a failure\n", name, total, counts.runs, counts.failures);
    free(reference.document);
    assert_int_equal(counts.wrong, 0);
    /* The store's thread batches as time allows, so the last numbers may not be reached in every run; nearly all are. */
    assert_true(counts.failures * 20 >= counts.runs * 19);
}

static void a_training_session_survives_each_failure(void **state)
{
    (void)state;
    sweep(JOB_TRAIN, "train");
}

static void a_debugging_session_survives_each_failure(void **state)
{
    (void)state;
    sweep(JOB_DEBUG, "debug");
}

static int install(void **state)
{
    (void)state;
    tn_allocator_install();
    signal(SIGSEGV, on_signal);
    signal(SIGABRT, on_signal);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_training_session_survives_each_failure),
        cmocka_unit_test(a_debugging_session_survives_each_failure),
    };
    return cmocka_run_group_tests(tests, install, NULL);
}
