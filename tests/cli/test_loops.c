/* test_loops.c: examples/loops as their users meet them: installed, compiled by pkg-config, debugged; and programs in other languages, with and without mount namespaces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/simd.h"
#include "support_program.h"

static int command(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int command(const char *format, ...)
{
    char line[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    int status = system(line);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* Debugs in the folder, and fails with everything that was printed where the report is another one. */
static void check_debug(const char *folder, const char *const *arguments, const char *cause)
{
    char expected[64];
    program_run run = program_run_in(folder, PROGRAM_STDOUT_TAKEN, arguments);
    snprintf(expected, sizeof expected, "[%s]", cause);
    if (run.exit_code != 1 || !strstr(run.out, expected))
        fail_msg("exit %d, expected %s:\n%s\n%s", run.exit_code, cause, run.out, run.err);
    program_run_deinit(&run);
}

static const char *const DEBUG_AWK[] = {"debug", "--quiet", "--budget", "100s", "--hypes", "descent.json", "--", "./spoil.sh", NULL};

/* A shell that writes where it likes before it trains with awk. */
static void copy_awk(char folder[64])
{
    folder_make(folder);
    assert_int_equal(command("cp %s/examples/loops/descent.* %s", TN_SOURCE_DIR, folder), 0);
    file_write(folder, "precious", "mine\n");
    file_write(folder, "spoil.sh",
               "#!/bin/sh\necho spoiled > precious; mkdir -p out; echo model > out/model; rm -f descent.json.old\nexec ./descent.sh "
               "./descent.json\n");
    file_write(folder, "descent.json.old", "{}\n");
    assert_int_equal(command("cd %s && chmod +x *.sh && md5sum * > ../$(basename %s).sums", folder, folder), 0);
}

/* Nothing was changed, made or removed. */
static void check_untouched(const char *folder)
{
    assert_int_equal(command("cd %s && md5sum --quiet -c ../$(basename %s).sums && test $(ls | wc -l) = $(wc -l < ../$(basename %s).sums)",
                             folder, folder, folder),
                     0);
    assert_int_equal(command("rm %s.sums", folder), 0);
    folder_remove(folder);
}

static void test_awk(void **state)
{
    (void)state;
    char folder[64];
    copy_awk(folder);
    check_debug(folder, DEBUG_AWK, "lr_too_high");
    check_untouched(folder);
}

/* From here on this process and its children can make no namespaces. */
static int refuse_namespaces(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {.len = sizeof steps / sizeof *steps, .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

static void test_awk_without_namespaces(void **state)
{
    (void)state;
    char folder[64];
    copy_awk(folder);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (refuse_namespaces() != 0)
            _exit(77);
        program_run run = program_run_in(folder, PROGRAM_STDOUT_TAKEN, DEBUG_AWK);
        bool found = run.exit_code == 1 && strstr(run.out, "[lr_too_high]");
        if (!found)
            fprintf(stderr, "exit %d:\n%s\n%s", run.exit_code, run.out, run.err);
        _exit(!found);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    check_untouched(folder);
}

/* `make install`, and what a user does then. A library that was built with a sanitizer links into such programs only. */
static void test_installed(void **state)
{
    (void)state;
#ifdef TN_SANITIZED
    skip();
#else
    char folder[64];
    folder_make(folder);
    assert_int_equal(command("cmake --install $(dirname %s) --prefix %s/prefix > /dev/null", TN_PROGRAM, folder), 0);
    setenv("PKG_CONFIG_PATH", "prefix/lib/pkgconfig", 1);
    setenv("LD_LIBRARY_PATH", "prefix/lib", 1);
    assert_int_equal(
        command("cd %s && cc -Wall -Wextra -Werror %s/examples/loops/regression.c -o regression $(pkg-config --cflags --libs tenet)",
                folder, TN_SOURCE_DIR),
        0);
    /* By itself it just trains. */
    assert_int_equal(command("cd %s && ./regression", folder), 0);
    assert_int_equal(command("cd %s && prefix/bin/tenet explain lr_too_high > /dev/null && test -f "
                             "prefix/share/tenet/python/bootstrap/sitecustomize.py && test -f prefix/lib/tenet/libtenet_shield.so",
                             folder),
                     0);
    assert_int_equal(command("cd %s && prefix/bin/tenet debug --quiet --budget 100s -- ./regression > report; test $? = 1 && grep -q "
                             "'\\[lr_too_high\\]' report || { cat report; false; }",
                             folder),
                     0);
    if (command("c++ --version > /dev/null 2>&1") == 0) {
        assert_int_equal(
            command("cd %s && c++ -Wall -Wextra -Werror %s/examples/loops/classifier.cpp -o classifier $(pkg-config --cflags --libs tenet)",
                    folder, TN_SOURCE_DIR),
            0);
        assert_int_equal(command("cd %s && prefix/bin/tenet debug --quiet --budget 100s -- ./classifier > report; test $? = 1 && grep -q "
                                 "'\\[unscaled_input\\]' report || { cat report; false; }",
                                 folder),
                         0);
    }
    assert_int_equal(command("cd %s && cc %s/examples/loops/regression.c -o fixed $(pkg-config --cflags tenet) prefix/lib/libtenet.a "
                             "$(pkg-config --static --libs tenet) && ldd fixed | grep -q libjansson",
                             folder, TN_SOURCE_DIR),
                     0);
    folder_remove(folder);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_awk),
        cmocka_unit_test(test_awk_without_namespaces),
        cmocka_unit_test(test_installed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
