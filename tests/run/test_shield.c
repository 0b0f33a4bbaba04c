/* test_shield.c: programs that write under the preloaded shield see what they wrote, and every file is the same before and after, to its times.
 *
 * Called as `test_shield writer` it is the writer in C. With a sanitizer's library loaded first the shield is not what such a program meets, so that writer is left to the other builds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/simd.h"
#include "run/support_tree.h"

/* The build folder's library, beside the program. */
static const char *shield_path(void)
{
    static char path[512];
    snprintf(path, sizeof path, "%s", TN_PROGRAM);
    snprintf(strrchr(path, '/'), 64, "/libtenet_shield.so");
    return path;
}

/* Runs the command in a tree of its own under the shield; leaves both folders. Its exit status. */
static int run_shielded(const char *const *command, const char *tree, const char *shared)
{
    char layer[128];
    snprintf(layer, sizeof layer, "%s/layer", shared);
    mkdir(layer, 0700);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        setenv("TENET_SHIELD", layer, 1);
        setenv("LD_PRELOAD", shield_path(), 1);
        if (chdir(tree) == 0)
            execvp(command[0], (char *const *)(uintptr_t)command);
        _exit(94);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void check_writer(const char *const *command)
{
    char tree[64], shared[64];
    tree_create(tree, geteuid());
    tree_create(shared, geteuid());
    uint64_t before = tree_fingerprint(tree);
    assert_int_equal(run_shielded(command, tree, shared), 0);
    assert_true(tree_fingerprint(tree) == before);
    tree_remove(tree);
    tree_remove(shared);
}

static void test_shell(void **state)
{
    (void)state;
    const char *const command[] = {"sh", "-c", WRITER_IN_SHELL, NULL};
    check_writer(command);
}

static void test_bash(void **state)
{
    (void)state;
    const char *const command[] = {"bash", "-c", WRITER_IN_SHELL, NULL};
    check_writer(command);
}

static void test_python(void **state)
{
    (void)state;
    const char *const command[] = {"python3", "-c", WRITER_IN_PYTHON, NULL};
    check_writer(command);
}

static void test_c(void **state)
{
    (void)state;
#ifdef TN_SANITIZED
    skip();
#else
    char self[512];
    ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(size > 0);
    self[size] = '\0';
    const char *const command[] = {self, "writer", NULL};
    check_writer(command);
#endif
}

/* What is moved, linked, listed and walked twice over, in folders that were there and folders that were not. */
static const char *const WALKS[] = {
    "mv deep other && test -e other/er/file && ! test -e deep && mv other/er er && echo x >> er/file && test \"$(cat er/file)\" = "
    "\"$(printf 'deep\\nx')\" && rm -r other er && "
    "! rmdir . 2> /dev/null",
    "ln old hard && echo y >> hard && test \"$(tail -n 1 hard)\" = y && ln -s /nowhere dangling && test -L dangling && ! test -e dangling "
    "&& rm dangling && ! test -L dangling",
    "mkdir -p a/b && cd a/b && test \"$(basename \"$(pwd)\")\" = b && echo 1 > ../one && cd ../.. && test \"$(cat a/one)\" = 1 && cp -r "
    "deep a && test -f a/deep/er/file && touch -d 2001-01-01 old && "
    "test \"$(date -r old +%Y)\" = 2001 && ! mkdir deep 2> /dev/null && find . | sort | tr '\\n' ' ' > list && test \"$(grep -o "
    "a/deep/er/file list)\" = a/deep/er/file",
    "t=$(mktemp -p .) && test -f \"$t\" && d=$(mktemp -d -p .) && test -d \"$d\" && tar cf a.tar deep old && rm -r deep old && tar xf "
    "a.tar && test \"$(cat deep/er/file)\" = deep && sed -i s/old/new/ old && "
    "test \"$(cat link)\" = new && test \"$(ls -A | grep -c tenet)\" = 0",
    "rmdir empty && ! test -d empty && mkdir empty && rmdir empty && mkdir empty && test -z \"$(ls empty)\" && mv gone empty/here && mv "
    "empty full && test \"$(cat full/here)\" = gone && "
    "! rmdir full 2> /dev/null && test \"$(cat full/here)\" = gone",
};

static void test_walks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof WALKS / sizeof *WALKS; i++) {
        const char *const command[] = {"bash", "-c", WALKS[i], NULL};
        /* Sound by themselves: else they would prove nothing. */
        char tree[64];
        tree_create(tree, geteuid());
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            if (chdir(tree) == 0)
                execvp(command[0], (char *const *)(uintptr_t)command);
            _exit(94);
        }
        int status = -1;
        waitpid(child, &status, 0);
        tree_remove(tree);
        if (status != 0)
            fail_msg("without the shield: %s", WALKS[i]);
        check_writer(command);
    }
}

/* The folder around the layer is tenet's own: what is written there arrives. And a second program under one layer sees what the first left. */
static void test_shared_and_kept(void **state)
{
    (void)state;
    char tree[64], shared[64], line[256], path[128];
    struct stat about;
    tree_create(tree, geteuid());
    tree_create(shared, geteuid());
    snprintf(line, sizeof line, "echo said > %s/said; echo left > here; rm old", shared);
    const char *const first[] = {"sh", "-c", line, NULL};
    assert_int_equal(run_shielded(first, tree, shared), 0);
    const char *const second[] = {"sh", "-c", "test \"$(cat here)\" = left && ! test -e old", NULL};
    assert_int_equal(run_shielded(second, tree, shared), 0);
    snprintf(path, sizeof path, "%s/said", shared);
    assert_int_equal(stat(path, &about), 0);
    snprintf(path, sizeof path, "%s/here", tree);
    assert_int_not_equal(stat(path, &about), 0);
    tree_remove(tree);
    tree_remove(shared);
}

int main(int count, char **arguments)
{
    if (count == 2 && strcmp(arguments[1], "writer") == 0)
        return writer_in_c();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell), cmocka_unit_test(test_bash),  cmocka_unit_test(test_python),
        cmocka_unit_test(test_c),     cmocka_unit_test(test_walks), cmocka_unit_test(test_shared_and_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
