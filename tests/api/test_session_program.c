/* test_session_program.c: sessions on a program: what is told before anything is started, and what a program that cannot be watched ends in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tenet.h"

static const char *const PROGRAM[] = {"true", NULL};

static tn_error open_and_fail(const tn_settings *settings, tn_status expected)
{
    tn_session *session = NULL;
    tn_error error = {.code = TN_OK};
    assert_int_equal(tn_session_open(settings, &session, &error), expected);
    assert_null(session);
    assert_int_equal(error.code, expected);
    return error;
}

static void neither_hypes_nor_a_program(void **state)
{
    (void)state;
    static const char *const empty[] = {NULL};
    open_and_fail(&(tn_settings){0}, TN_ERROR_USAGE);
    open_and_fail(&(tn_settings){.program = empty}, TN_ERROR_USAGE);
}

static void assignments_need_a_file_to_change(void **state)
{
    (void)state;
    static const char *const assignments[] = {"a=1"};
    tn_error error = open_and_fail(&(tn_settings){.program = PROGRAM, .assignments = assignments, .assignment_count = 1}, TN_ERROR_USAGE);
    assert_non_null(strstr(error.message, "name the one that the program reads"));
}

static void hypes_of_the_program_must_be_readable(void **state)
{
    (void)state;
    tn_error error = open_and_fail(&(tn_settings){.program = PROGRAM, .program_hypes = "/nonexistent/hypes.json"}, TN_ERROR_IO);
    assert_non_null(strstr(error.message, "/nonexistent/hypes.json"));
}

static void a_folder_without_the_package_is_refused(void **state)
{
    (void)state;
    tn_error error = open_and_fail(&(tn_settings){.program = PROGRAM, .python_folder = "/usr"}, TN_ERROR_USAGE);
    assert_non_null(strstr(error.message, "'/usr'"));
}

/* `true` trains nothing: the error says so, and what was expected. */
static void a_program_that_reports_nothing_is_an_error(void **state)
{
    (void)state;
    const tn_settings settings = {.program = PROGRAM, .threads = 1};
    tn_session *session = NULL;
    tn_report *report = NULL;
    tn_error error = {.code = TN_OK};
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_OK);
    assert_int_not_equal(tn_session_debug(session, &report, &error), TN_OK);
    assert_null(report);
    assert_true(strlen(error.message) > 20);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

/* Training it is no error: a program's exit status is its own. */
static void a_program_that_trains_nothing_keeps_its_exit_status(void **state)
{
    (void)state;
    static const char *const failing[] = {"sh", "-c", "exit 7", NULL};
    const tn_settings settings = {.program = failing, .threads = 1};
    tn_session *session = NULL;
    tn_report *report = NULL;
    tn_error error = {.code = TN_OK};
    assert_int_equal(tn_session_open(&settings, &session, &error), TN_OK);
    if (tn_session_train(session, &report, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_int_equal(tn_report_verdict_code(report), 7);
    tn_report_destroy(report);
    assert_int_equal(tn_session_close(session, &error), TN_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neither_hypes_nor_a_program),
        cmocka_unit_test(assignments_need_a_file_to_change),
        cmocka_unit_test(hypes_of_the_program_must_be_readable),
        cmocka_unit_test(a_folder_without_the_package_is_refused),
        cmocka_unit_test(a_program_that_reports_nothing_is_an_error),
        cmocka_unit_test(a_program_that_trains_nothing_keeps_its_exit_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
