/* test_session.c: libtenet as a program that links it sees it: sessions, reports, budgets, cancelling, the store. */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "api/session.h"
#include "support_session.h"
#include "tenet.h"

static tn_settings settings_of(const char *path)
{
    return (tn_settings){.hypes_path = path, .threads = 1};
}

static json_t *document_of(const tn_report *report)
{
    char *json = tn_report_to_json(report);
    assert_non_null(json);
    json_t *document = json_loads(json, 0, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "schema")), "tenet.report/1");
    tn_string_free(json);
    return document;
}

static const char *string_at(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static tn_session *open_session(const tn_settings *settings)
{
    tn_session *session = NULL;
    tn_error error = {.code = TN_OK};
    if (tn_session_open(settings, &session, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_non_null(session);
    return session;
}

static void budgets(void **state)
{
    (void)state;
    double seconds;
    uint64_t steps;
    tn_error error;
    assert_int_equal(tn_budget_parse(NULL, &seconds, &steps, &error), TN_OK);
    assert_true(seconds == 0 && steps == 0);
    assert_int_equal(tn_budget_parse("60s", &seconds, &steps, &error), TN_OK);
    assert_true(seconds == 60 && steps == 0);
    assert_int_equal(tn_budget_parse("0.5s", &seconds, &steps, &error), TN_OK);
    assert_true(seconds == 0.5);
    assert_int_equal(tn_budget_parse("5000steps", &seconds, &steps, &error), TN_OK);
    assert_true(seconds == 0 && steps == 5000);
    static const char *const WRONG[] = {"60",
                                        "s",
                                        "steps",
                                        "-1s",
                                        "0s",
                                        "0steps",
                                        "1.5steps",
                                        "60 s",
                                        "60ss",
                                        "60m",
                                        "infs",
                                        "nan s",
                                        "0x10s",
                                        "1e99s",
                                        "..s",
                                        "1.2.3s",
                                        "1e9s",
                                        "1s ",
                                        "99999999999999999999steps"};
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        if (tn_budget_parse(WRONG[i], &seconds, &steps, &error) != TN_ERROR_USAGE)
            fail_msg("the budget '%s' passed", WRONG[i]);
        assert_non_null(strstr(error.message, WRONG[i]));
        assert_non_null(strstr(error.message, "5000steps"));
    }
}

static void a_session_that_cannot_open_says_why(void **state)
{
    char path[256];
    tn_session *session = NULL;
    tn_error error;
    tiny_path(path, *state, "net.json");
    tn_settings settings = {0};
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_ERROR_USAGE);
    assert_null(session);
    settings = settings_of("/nonexistent/net.json");
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_ERROR_IO);
    assert_null(session);
    const char *const wrong[] = {"solver.learning_rat=1"};
    settings = settings_of(path);
    settings.assignments = wrong;
    settings.assignment_count = 1;
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_ERROR_HYPES);
    assert_null(session);
    assert_non_null(strstr(error.message, "learning_rate"));
    const char *const lost[] = {"data.train.file=lost.csv"};
    settings.assignments = lost;
    assert_true(tn_session_open(&settings, &session, &error) != TN_OK);
    assert_null(session);
    settings = settings_of(path);
    settings.budget = "soon";
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_ERROR_USAGE);
    assert_null(session);
    settings = settings_of(path);
    settings.store_path = "/nonexistent/store.db";
    assert_true(tn_session_open(&settings, &session, &error) != TN_OK);
    assert_null(session);
    assert_int_equal(tn_session_close(NULL, &error), TN_OK);
}

/* Progress as the contract has it: fractions never fall. */
typedef struct seen_progress {
    double last;
    size_t calls, falls;
} seen_progress;

static void see(void *context, double fraction, const char *activity)
{
    seen_progress *seen = context;
    assert_non_null(activity);
    assert_true(fraction >= 0 && fraction <= 1);
    seen->falls += fraction < seen->last;
    seen->last = fraction;
    seen->calls++;
}

static void training(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    seen_progress seen = {0};
    tn_settings settings = settings_of(path);
    settings.progress = see;
    settings.progress_context = &seen;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    assert_int_equal(tn_report_verdict_code(report), 0);
    json_t *document = document_of(report), *run = json_object_get(document, "run");
    assert_string_equal(string_at(document, "verdict"), "trained");
    assert_string_equal(string_at(run, "end"), "completed");
    assert_int_equal(json_array_size(json_object_get(document, "findings")), 0);
    assert_true(json_number_value(json_object_get(document, "score")) > 0.7);
    json_int_t steps = json_integer_value(json_object_get(run, "steps"));
    assert_int_equal(steps, 40 * 12); /* 180 of 240 samples train, in batches of 16 */
    const json_t *curve = json_object_get(run, "curve"), *scores = json_object_get(run, "scores");
    assert_int_equal(json_array_size(curve), 64);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(curve, 63), "step")), steps);
    assert_true(json_array_size(scores) >= 2 && json_array_size(scores) <= 24);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(scores, 0), "step")), 0);
    assert_true(json_array_size(json_object_get(document, "signals")) > 0);
    assert_true(seen.calls > 0);
    assert_int_equal(seen.falls, 0);
    char *text = tn_report_to_text(report, false, 80);
    assert_non_null(strstr(text, "trained: 480 steps"));
    tn_string_free(text);
    json_decref(document);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

static json_t *trained_with(const tn_settings *settings)
{
    tn_session *session = open_session(settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    json_t *document = document_of(report);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
    return document;
}

/* The same seed gives the same run, bit for bit; another gives another. */
static void seeds_repeat(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    tn_settings settings = settings_of(path);
    json_t *as_written = trained_with(&settings);
    settings.has_seed = true;
    settings.seed = 1; /* that of the hypes */
    json_t *same = trained_with(&settings);
    settings.seed = 2;
    json_t *other = trained_with(&settings);
    assert_true(json_equal(json_object_get(as_written, "run"), json_object_get(same, "run")));
    assert_false(json_equal(json_object_get(as_written, "run"), json_object_get(other, "run")));
    json_decref(as_written);
    json_decref(same);
    json_decref(other);
}

/* The steps of a training that a budget ended. */
static json_int_t steps_within(const char *path, const char *budget)
{
    static const char *const endless[] = {"solver.epochs=100000000"};
    tn_settings settings = settings_of(path);
    settings.budget = budget;
    settings.assignments = endless;
    settings.assignment_count = 1;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    assert_int_equal(tn_report_verdict_code(report), 4);
    json_t *document = document_of(report), *run = json_object_get(document, "run");
    assert_string_equal(string_at(run, "end"), "cancelled");
    json_int_t steps = json_integer_value(json_object_get(run, "steps"));
    json_decref(document);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
    return steps;
}

static void a_budget_ends_training(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    assert_int_equal(steps_within(path, "25steps"), 25);
    assert_int_equal(steps_within(path, "1steps"), 1);
    /* How many steps fit into the time is the machine's; that it ends at all is the test. */
    assert_true(steps_within(path, "0.02s") >= 1);
}

/* Cancels from inside, as Ctrl-C would from outside. */
static void cancel_when_told(void *context, double fraction, const char *activity)
{
    (void)fraction;
    (void)activity;
    tn_session *const *session = context;
    if (*session)
        tn_session_cancel(*session);
}

static void a_cancel_ends_the_work_and_serves_once(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    tn_session *session = NULL;
    tn_settings settings = settings_of(path);
    settings.progress = cancel_when_told;
    settings.progress_context = &session;
    session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    json_t *document = document_of(report), *run = json_object_get(document, "run");
    assert_string_equal(string_at(run, "end"), "cancelled");
    assert_true(json_integer_value(json_object_get(run, "steps")) < 100);
    json_decref(document);
    tn_report_destroy(report);

    report = NULL;
    assert_int_equal(tn_session_debug(session, &report, &error), TN_OK);
    assert_int_equal(tn_report_verdict_code(report), 4);
    document = document_of(report);
    assert_string_equal(string_at(document, "verdict"), "inconclusive");
    json_decref(document);
    tn_report_destroy(report);

    /* A cancel before the work ends what comes next, and only that. */
    session->progress = NULL;
    tn_session_cancel(session);
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    assert_int_equal(tn_report_verdict_code(report), 4);
    tn_report_destroy(report);
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    assert_int_equal(tn_report_verdict_code(report), 0);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

static void debug_of(const char *path, const char *assignment, int code, const char *verdict, const char *cause)
{
    tn_settings settings = settings_of(path);
    settings.assignments = &assignment;
    settings.assignment_count = assignment ? 1 : 0;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_debug(session, &report, &error), TN_OK);
    json_t *document = document_of(report);
    assert_string_equal(string_at(document, "verdict"), verdict);
    assert_string_equal(string_at(json_array_get(json_object_get(document, "findings"), 0), "cause"), cause);
    assert_int_equal(tn_report_verdict_code(report), code);
    char *text = tn_report_to_text(report, true, 80);
    assert_non_null(strstr(text, verdict));
    tn_string_free(text);
    json_decref(document);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

static void debugging(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    debug_of(path, NULL, 0, "healthy", "");
    debug_of(path, "solver.learning_rate=1000", 1, "faulty", "lr_too_high");
}

static void every_experiment_runs_by_its_command(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    tn_settings settings = settings_of(path);
    tn_session *session = open_session(&settings);
    const char *command, *protocol, *title;
    size_t count = 0;
    for (; tn_experiment_describe(count, &command, &protocol, &title); count++) {
        tn_report *report = NULL;
        tn_error error;
        assert_true(strlen(protocol) >= 2 && strlen(title) > 10);
        if (tn_session_experiment(session, command, &report, &error) != TN_OK)
            fail_msg("%s: %s", command, error.message);
        json_t *document = document_of(report);
        const json_t *list = json_object_get(document, "experiments");
        assert_int_equal(json_array_size(list), 1);
        assert_string_equal(string_at(json_array_get(list, 0), "protocol"), protocol);
        /* A network of hypes has no framework that it could misuse, and this one no layers of its user's own. */
        bool passes = strcmp(command, "usage") != 0 && strcmp(command, "gradcheck") != 0;
        assert_string_equal(string_at(json_array_get(list, 0), "verdict"), passes ? "pass" : "inconclusive");
        if (tn_report_verdict_code(report) != (passes ? 0 : 4))
            fail_msg("%s: exit code %d", command, tn_report_verdict_code(report));
        json_decref(document);
        tn_report_destroy(report);
    }
    assert_true(count >= 5);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_experiment(session, "overfi", &report, &error), TN_ERROR_USAGE);
    assert_non_null(strstr(error.message, "'overfit'"));
    assert_null(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

static void reports_are_kept_in_the_store(void **state)
{
    char path[256], store_path[256];
    tiny_path(path, *state, "net.json");
    tiny_path(store_path, *state, "store.db");
    tn_settings settings = settings_of(path);
    settings.store_path = store_path;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    json_t *document = document_of(report);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);

    tn_store *store = NULL;
    char *kept = NULL;
    assert_int_equal(tn_store_open(store_path, &store, &error), TN_OK);
    assert_int_equal(tn_store_read_report(store, &kept, &error), TN_OK);
    assert_non_null(kept);
    json_t *again = json_loads(kept, 0, NULL);
    assert_true(json_equal(again, document));
    free(kept);
    json_decref(again);
    json_decref(document);
    assert_int_equal(tn_store_close(store, &error), TN_OK);
}

/* Steps with vitals of dense_0.weight, and steps with a norm and a time. */
typedef struct recorded {
    size_t observed, norms, times;
} recorded;

static bool count_blobs(void *context, const char *tensor, uint64_t step, const void *bytes, size_t size)
{
    (void)step, (void)bytes, (void)size;
    ((recorded *)context)->observed += strcmp(tensor, "dense_0.weight") == 0;
    return true;
}

static bool count_series(void *context, const char *series, size_t count, const uint64_t *steps, const double *values)
{
    (void)steps, (void)values;
    recorded *found = context;
    found->norms += strcmp(series, "gradient_norm") == 0 ? count : 0;
    found->times += strcmp(series, "wall_ns") == 0 ? count : 0;
    return true;
}

/* What a training of 480 steps leaves in the store. */
static recorded record(const char *folder, const char *watch, const char *const *assignments, size_t assignment_count)
{
    char path[256], store_path[256];
    tiny_path(path, folder, "net.json");
    tiny_path(store_path, folder, "store.db");
    unlink(store_path);
    tn_settings settings = settings_of(path);
    settings.store_path = store_path;
    settings.watch = watch;
    settings.assignments = assignments;
    settings.assignment_count = assignment_count;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
    recorded found = {0};
    tn_store *store = NULL;
    assert_int_equal(tn_store_open(store_path, &store, &error), TN_OK);
    assert_int_equal(tn_store_read_blobs(store, 1, count_blobs, &found, &error), TN_OK);
    assert_int_equal(tn_store_read_series(store, 1, count_series, &found, &error), TN_OK);
    assert_int_equal(tn_store_close(store, &error), TN_OK);
    return found;
}

static void watching_as_told(void **state)
{
    static const char *const OFF[] = {"debug.watch=off"}, *const ALL[] = {"debug.watch=all"};
    recorded all = record(*state, "all", NULL, 0), traced = record(*state, "trace", NULL, 0), off = record(*state, "off", NULL, 0),
             some = record(*state, NULL, NULL, 0);
    assert_int_equal(all.observed, 480);
    assert_int_equal(traced.observed, 480); /* an engine's ops are observed as they are */
    assert_int_equal(off.observed, 0);
    assert_true(some.observed >= 3); /* the first steps at least; how many more is up to the clock */
    assert_true(all.norms == 480 && off.norms == 480 && some.norms == 480);
    assert_true(all.times == 480 && off.times == 480 && some.times == 480);
    assert_int_equal(record(*state, NULL, OFF, 1).observed, 0);
    assert_int_equal(record(*state, "off", ALL, 1).observed, 0); /* the command line has the last word */
}

/* Signals as they are told: rule, step and sentence in a row. */
typedef struct told_signals {
    pthread_t thread;
    size_t count;
    char text[4096];
} told_signals;

static void hear_signal(void *context, const char *rule, uint64_t step, const char *text)
{
    told_signals *told = context;
    assert_true(pthread_equal(told->thread, pthread_self()));
    told->count++;
    size_t length = strlen(told->text);
    snprintf(told->text + length, sizeof told->text - length, "%s %d %s\n", rule, (int)step, text);
}

/* A training at a rate that is far too high, watched at every step. A debug on a plateau acts on what a rule says, so there the rules keep step with the training. */
static json_t *train_badly(const char *path, bool debug_on_plateau, told_signals *told)
{
    static const char *const RATE[] = {"solver.learning_rate=300"};
    *told = (told_signals){.thread = pthread_self()};
    tn_settings settings = settings_of(path);
    settings.watch = "all";
    settings.assignments = RATE;
    settings.assignment_count = 1;
    settings.debug_on_plateau = debug_on_plateau;
    settings.signal = hear_signal;
    settings.signal_context = told;
    tn_session *session = open_session(&settings);
    tn_report *report = NULL;
    tn_error error;
    assert_int_equal(tn_session_train(session, &report, &error), TN_OK);
    json_t *document = document_of(report), *signals = json_incref(json_object_get(document, "signals"));
    json_decref(document);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
    return signals;
}

/* Rules that lag behind the training say the same of the same steps as those that keep step, and all of it before it returns. */
static void signals_are_told_alike(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    told_signals late, at_once;
    json_t *of_late = train_badly(path, false, &late), *of_at_once = train_badly(path, true, &at_once);
    assert_true(at_once.count >= 2);
    assert_int_equal(late.count, at_once.count);
    assert_string_equal(late.text, at_once.text);
    assert_true(json_equal(of_late, of_at_once));
    size_t i = 0, fired = 0;
    json_t *signal;
    json_array_foreach(of_late, i, signal)
    {
        bool has_fired = strcmp(string_at(signal, "state"), "fired") == 0;
        fired += has_fired;
        assert_true(!has_fired || strstr(late.text, string_at(signal, "rule")));
    }
    assert_true(fired > 0 && fired <= late.count);
    json_decref(of_late);
    json_decref(of_at_once);
}

static void mistakes_in_watching_are_told(void **state)
{
    static const struct {
        const char *watch, *share, *said;
    } WRONG[] = {
        {"al", NULL, "--watch is 'al'; expected trace, all, auto or off. Did you mean all?"},
        {NULL, "0", "--watch-share is '0'; expected a share"},
        {NULL, "60%", "--watch-share is '60%'; expected a share"},
        {"auto", "5%%", "--watch-share is '5%%'"},
        {"auto", "", "--watch-share is ''"},
        {"auto", "nan", "--watch-share is 'nan'"},
        {"off", "5%", "what is watched is 'off'"},
    };
    char path[256];
    tiny_path(path, *state, "net.json");
    for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
        tn_settings settings = settings_of(path);
        settings.watch = WRONG[i].watch;
        settings.watch_share = WRONG[i].share;
        tn_session *session = NULL;
        tn_error error = {0};
        assert_int_equal(tn_session_open(&settings, &session, &error), TN_ERROR_USAGE);
        assert_null(session);
        if (!strstr(error.message, WRONG[i].said))
            fail_msg("%s", error.message);
    }
}

static void hypes_are_completed(void **state)
{
    char path[256];
    tiny_path(path, *state, "net.json");
    const char *const assignments[] = {"solver.learning_rate=0.125", "solver.learning_rate=0.25"};
    char *json = NULL;
    tn_error error;
    assert_int_equal(tn_hypes_complete(path, assignments, 2, &json, &error), TN_OK);
    json_t *tree = json_loads(json, 0, NULL);
    assert_true(json_number_value(json_object_get(json_object_get(tree, "solver"), "learning_rate")) == 0.25); /* the last one wins */
    json_decref(tree);
    tn_string_free(json);
    assert_int_equal(tn_hypes_complete("/nonexistent", NULL, 0, &json, &error), TN_ERROR_IO);
    assert_null(json);
    char *help = tn_hypes_documentation(false), *markdown = tn_hypes_documentation(true);
    assert_non_null(strstr(help, "learning_rate"));
    assert_non_null(strstr(markdown, "learning_rate"));
    tn_string_free(help);
    tn_string_free(markdown);
    tn_string_free(NULL);
    tn_report_destroy(NULL);
}

static int make(void **state)
{
    static char folder[64];
    tiny_make(folder);
    *state = folder;
    return 0;
}

static int drop(void **state)
{
    tiny_remove(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(budgets),
        cmocka_unit_test(a_session_that_cannot_open_says_why),
        cmocka_unit_test(training),
        cmocka_unit_test(seeds_repeat),
        cmocka_unit_test(a_budget_ends_training),
        cmocka_unit_test(a_cancel_ends_the_work_and_serves_once),
        cmocka_unit_test(debugging),
        cmocka_unit_test(every_experiment_runs_by_its_command),
        cmocka_unit_test(reports_are_kept_in_the_store),
        cmocka_unit_test(watching_as_told),
        cmocka_unit_test(signals_are_told_alike),
        cmocka_unit_test(mistakes_in_watching_are_told),
        cmocka_unit_test(hypes_are_completed),
    };
    return cmocka_run_group_tests(tests, make, drop);
}
