/* test_scratch.c: what a trial writes in its scratch layer it sees, and nobody else does: every file is the same before and after, to its times.
 *
 * Run by root, each test runs as a user as well, who needs a user namespace. Where the system allows neither, the tests are skipped, with the reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/scratch.h"
#include "run/support_tree.h"

enum { SOMEBODY = 12345 };

typedef struct place {
    char tree[64], shared[64];
    uid_t user;
} place;

static void open_place(place *p, uid_t user)
{
    p->user = user;
    tree_create(p->tree, user);
    tree_create(p->shared, user);
}

static void close_place(place *p)
{
    tree_remove(p->tree);
    tree_remove(p->shared);
}

/* A process that changes its user is closed to itself (/proc/self belongs to root) until it runs another program. */
static bool become(uid_t user)
{
    if (user == geteuid())
        return true;
    return setresgid(user, user, user) == 0 && setresuid(user, user, user) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

/* In the child: the user, the working directory, the layer. */
static void isolate(const place *p)
{
    tn_error error = {0};
    tn_scratch scratch;
    if (!become(p->user))
        _exit(90);
    if (chdir(p->tree) != 0)
        _exit(91);
    if (tn_scratch_begin(p->shared, &scratch, &error) != TN_OK) {
        fprintf(stderr, "%s\n", error.message);
        _exit(92);
    }
    char directory[128];
    if (scratch.overlays == 0 || !getcwd(directory, sizeof directory) || strcmp(directory, p->tree) != 0)
        _exit(93);
}

static int status_of(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* Whether this user can be isolated here; prints why not. */
static bool is_possible(uid_t user)
{
    char folder[64];
    tree_create(folder, user);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        tn_error error = {0};
        if (!become(user))
            _exit(1);
        tn_status status = tn_scratch_possible(folder, 1, &error);
        if (status != TN_OK)
            fprintf(stderr, "user %u: %s\n", (unsigned)user, error.message);
        _exit(status != TN_OK);
    }
    int status = status_of(child);
    tree_remove(folder);
    return status == 0;
}

/* The test for whoever runs it, and for a user where that is root. */
static void each_user(void (*test)(uid_t user))
{
    size_t tried = 0;
    const uid_t users[2] = {geteuid(), SOMEBODY};
    for (size_t i = 0; i < (geteuid() == 0 ? 2 : 1); i++) {
        if (!is_possible(users[i]))
            continue;
        test(users[i]);
        tried++;
    }
    if (tried == 0)
        skip();
}

static void check_writer(uid_t user, const char *const *command)
{
    place p;
    open_place(&p, user);
    uint64_t before = tree_fingerprint(p.tree);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        isolate(&p);
        if (!command)
            _exit(writer_in_c());
        execvp(command[0], (char *const *)(uintptr_t)command);
        _exit(94);
    }
    assert_int_equal(status_of(child), 0);
    assert_true(tree_fingerprint(p.tree) == before);
    close_place(&p);
}

static void writers(uid_t user)
{
    const char *const shell[] = {"sh", "-c", WRITER_IN_SHELL, NULL}, *const python[] = {"python3", "-c", WRITER_IN_PYTHON, NULL};
    check_writer(user, NULL);
    check_writer(user, shell);
    check_writer(user, python);
}

static void test_writers(void **state)
{
    (void)state;
    each_user(writers);
}

/* A writer must be able to fail: without a layer the fingerprint changes. */
static void test_fingerprint_sees_writers(void **state)
{
    (void)state;
    char tree[64];
    tree_create(tree, geteuid());
    uint64_t before = tree_fingerprint(tree);
    assert_true(tree_fingerprint(tree) == before);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(chdir(tree) != 0 || writer_in_c());
    assert_int_equal(status_of(child), 0);
    assert_true(tree_fingerprint(tree) != before);
    tree_remove(tree);
}

static void shared_folder(uid_t user)
{
    place p;
    char path[128], text[16] = "";
    open_place(&p, user);
    snprintf(path, sizeof path, "%s/said", p.shared);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        isolate(&p);
        int file = open(path, O_WRONLY | O_CREAT, 0600);
        _exit(write(file, "hello", 5) != 5);
    }
    assert_int_equal(status_of(child), 0);
    int file = open(path, O_RDONLY);
    assert_int_equal(read(file, text, sizeof text), 5);
    assert_string_equal(text, "hello");
    close(file);
    close_place(&p);
}

static void test_shared_folder(void **state)
{
    (void)state;
    each_user(shared_folder);
}

static bool has_text(const char *path, const char *expected)
{
    char text[64] = "";
    int file = open(path, O_RDONLY);
    bool same = file >= 0 && read(file, text, sizeof text - 1) == (ssize_t)strlen(expected) && strcmp(text, expected) == 0;
    close(file);
    return same;
}

/* Two children of one isolated process: each has what that one wrote, and its own writes, also through a file that was open already. */
static void siblings(uid_t user)
{
    place p;
    open_place(&p, user);
    uint64_t before = tree_fingerprint(p.tree);
    fflush(NULL);
    pid_t server = fork();
    if (server == 0) {
        isolate(&p);
        int log = open("log", O_RDWR | O_CREAT, 0600), fine = 1;
        fine &= write(log, "server\n", 7) == 7 && mkdir("out", 0755) == 0;
        for (int i = 0; i < 2; i++) {
            pid_t child = fork();
            if (child == 0) {
                tn_error error = {0};
                if (tn_scratch_begin(p.shared, NULL, &error) != TN_OK) {
                    fprintf(stderr, "%s\n", error.message);
                    _exit(1);
                }
                const char *line = i ? "second\n" : "first\n";
                int out = open("out/file", O_WRONLY | O_CREAT | O_EXCL, 0600);
                _exit(write(log, line, strlen(line)) < 0 || !has_text("log", i ? "server\nsecond\n" : "server\nfirst\n") || out < 0 ||
                      unlink("old") != 0);
            }
            int status = -1;
            waitpid(child, &status, 0);
            fine &= status == 0 && has_text("log", "server\n") && access("out/file", F_OK) != 0 && access("old", F_OK) == 0;
        }
        _exit(!fine);
    }
    assert_int_equal(status_of(server), 0);
    assert_true(tree_fingerprint(p.tree) == before);
    close_place(&p);
}

static void test_siblings(void **state)
{
    (void)state;
    each_user(siblings);
}

/* A user who works in a folder that is not his own. */
static void test_folder_of_somebody_else(void **state)
{
    (void)state;
    if (geteuid() != 0 || !is_possible(SOMEBODY)) {
        skip();
        return;
    }
    place p;
    open_place(&p, SOMEBODY);
    char path[128];
    snprintf(path, sizeof path, "%s/deep", p.tree);
    assert_int_equal(chown(p.tree, 0, 0), 0);
    assert_int_equal(chmod(p.tree, 0777), 0);
    assert_int_equal(chown(path, 0, SOMEBODY), 0);
    assert_int_equal(chmod(path, 0775), 0);
    uint64_t before = tree_fingerprint(p.tree);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        isolate(&p);
        _exit(writer_in_c());
    }
    assert_int_equal(status_of(child), 0);
    assert_true(tree_fingerprint(p.tree) == before);
    close_place(&p);
}

static void test_what_cannot_be(void **state)
{
    (void)state;
    tn_error error;
    assert_int_equal(tn_scratch_begin("relative", NULL, &error), TN_ERROR_USAGE);
    assert_int_equal(tn_scratch_begin("/", NULL, &error), TN_ERROR_USAGE);
    assert_int_equal(tn_scratch_possible("/nowhere/at/all", 0, &error), TN_ERROR_UNSUPPORTED);
    assert_true(strlen(error.message) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fingerprint_sees_writers),
        cmocka_unit_test(test_writers),
        cmocka_unit_test(test_shared_folder),
        cmocka_unit_test(test_siblings),
        cmocka_unit_test(test_folder_of_somebody_else),
        cmocka_unit_test(test_what_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
