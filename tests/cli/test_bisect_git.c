/* test_bisect_git.c: tenet bisect --git on histories made here: the right commit is named, and the user's checkout is as it was, whatever happened. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "support_program.h"

typedef struct repository {
    char folder[64]; /* holds the repository and the folder for temporary files */
    char top[128], temporary[128];
    char *state; /* all that must stay: head, branches, status, index, files, work trees */
} repository;

static const char *const NET =
    "{\n"
    "  \"data\": {\"train\": {\"format\": \"csv\", \"file\": \"data/train.csv\", \"label\": \"class\"}, \"valid\": {\"fraction\": 0.25}},\n"
    "  \"net\": [{\"op\": \"dense\", \"units\": 16}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 2}],\n"
    "  \"loss\": \"softmax_cross_entropy\",\n"
    "  \"solver\": {\"opt\": \"sgd\", \"momentum\": 0.9, \"learning_rate\": %s, \"batch_size\": 16, \"epochs\": %d, \"seed\": 1}\n"
    "}\n";

static void shell(const char *folder, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void shell(const char *folder, const char *format, ...)
{
    char command[2048], whole[4096];
    va_list values;
    va_start(values, format);
    vsnprintf(command, sizeof command, format, values);
    va_end(values);
    snprintf(whole, sizeof whole, "cd '%s' && { %s; }", folder, command);
    if (system(whole) != 0) /* NOLINT(cert-env33-c): a test's own words */
        fail_msg("failed: %s", whole);
}

/* Two features, and the class is which of them is larger. */
static void write_data(const char *path)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    fprintf(file, "a,b,class\n");
    for (int i = 0; i < 200; i++) {
        int a = i * 37 % 101, b = i * 53 % 97;
        fprintf(file, "%.2f,%.2f,%d\n", a / 50.0 - 1, b / 48.0 - 1, a * 48 > b * 50);
    }
    fclose(file);
}

static void write_net(const repository *one, const char *name, const char *rate, int epochs)
{
    char text[2048];
    snprintf(text, sizeof text, NET, rate, epochs);
    file_write(one->top, name, text);
}

static void commit(const repository *one, const char *subject)
{
    shell(one->top,
          "git add -A && git -c user.name='Ada Lovelace' -c user.email=ada@example.org -c commit.gpgsign=false commit -q --allow-empty -m "
          "'%s'",
          subject);
}

/* A history whose commits each change a note; net.json changes where a test says so. The data are ignored by git. */
static int make(void **state)
{
    repository *one = calloc(1, sizeof *one);
    char path[256];
    assert_non_null(one);
    folder_make(one->folder);
    snprintf(one->top, sizeof one->top, "%s/a project", one->folder);
    snprintf(one->temporary, sizeof one->temporary, "%s/temporary", one->folder);
    assert_int_equal(mkdir(one->top, 0777), 0);
    assert_int_equal(mkdir(one->temporary, 0777), 0);
    setenv("TMPDIR", one->temporary, 1);
    /* Neither the tester's own configuration nor a repository above has a say. */
    setenv("GIT_CONFIG_GLOBAL", "/dev/null", 1);
    setenv("GIT_CONFIG_SYSTEM", "/dev/null", 1);
    shell(one->top, "git init -q -b trunk . && mkdir data && echo /data/ > .gitignore");
    snprintf(path, sizeof path, "%s/data/train.csv", one->top);
    write_data(path);
    *state = one;
    return 0;
}

static int drop(void **state)
{
    repository *one = *state;
    folder_remove(one->folder);
    free(one->state);
    free(one);
    return 0;
}

static char *state_of(const repository *one)
{
    char path[256];
    shell(one->top, "{ git rev-parse HEAD; git symbolic-ref HEAD; git for-each-ref; GIT_OPTIONAL_LOCKS=0 git status --porcelain --ignored; "
                    "git stash list; git worktree list; "
                    "find . -path ./.git/objects -prune -o -type f -print0 | sort -z | xargs -0 sha256sum; } > ../state");
    snprintf(path, sizeof path, "%s/state", one->folder);
    char *text = file_read(path);
    assert_non_null(text);
    return text;
}

static void remember(repository *one)
{
    /* What git writes by itself at its first look at new files is written before. */
    shell(one->top, "git status --porcelain > ../ignored && git gc -q --auto");
    one->state = state_of(one);
}

/* The checkout, its branches and index, and the folder for temporary files are as before. */
static void check_untouched(const repository *one)
{
    char *now = state_of(one);
    assert_string_equal(now, one->state);
    free(now);
    assert_int_equal(rmdir(one->temporary), 0);
    assert_int_equal(mkdir(one->temporary, 0777), 0);
}

static void check_text(const program_run *run, const char *text)
{
    if (!strstr(run->out, text) && !strstr(run->err, text))
        fail_msg("'%s' is not in\n%s\n%s", text, run->out, run->err);
}

#define BISECT(one, ...) program_run_in((one)->top, PROGRAM_STDOUT_TAKEN, (const char *const[]){"bisect", __VA_ARGS__, NULL})

static void expect_failure(const repository *one, program_run run, int exit_code, const char *message)
{
    if (run.exit_code != exit_code)
        fail_msg("exit code %d, not %d: %s%s", run.exit_code, exit_code, run.out, run.err);
    assert_string_equal(run.out, "");
    check_text(&run, message);
    program_run_deinit(&run);
    if (one->state)
        check_untouched(one);
}

/* `commits` commits; in the `broken`-th the rate was raised and a file renamed. */
static void make_history(repository *one, int broken, int commits)
{
    char text[64];
    for (int i = 1; i <= commits; i++) {
        snprintf(text, sizeof text, "note %d\n", i);
        if (i == broken) {
            write_net(one, "net.json", "50", 40);
            shell(one->top, "git mv notes.txt log.txt");
        } else {
            file_write(one->top, "notes.txt", text);
        }
        if (i == 1)
            write_net(one, "net.json", "0.05", 40);
        snprintf(text, sizeof text, i == broken ? "Train faster" : "Note %d", i);
        commit(one, text);
        if (i == broken)
            shell(one->top, "git mv log.txt notes.txt");
        if (i == 1)
            shell(one->top, "git tag first");
    }
}

static void the_commit_that_broke_it_is_named(void **state)
{
    repository *one = *state;
    make_history(one, 8, 12);
    /* Work in progress, some of it in the index. */
    file_write(one->top, "notes.txt", "half a thought\n");
    file_write(one->top, "new.txt", "staged\n");
    shell(one->top, "git add new.txt");
    remember(one);
    program_run run = BISECT(one, "--git", "first..trunk", "net.json");
    if (run.exit_code != 0)
        fail_msg("exit code %d: %s%s", run.exit_code, run.out, run.err);
    assert_non_null(strstr(run.out, "first bad commit: "));
    assert_non_null(strstr(run.out, "\n    Train faster\n    Ada Lovelace <ada@example.org>, 2"));
    assert_non_null(strstr(run.out, "  healthy, score 0.9"));
    assert_non_null(strstr(run.out, "  faulty: lr_too_high (repaired by solver.learning_rate="));
    assert_non_null(strstr(run.out, "    M  net.json\n"));
    assert_non_null(strstr(run.out, "    R  notes.txt -> log.txt\n"));
    assert_non_null(strstr(run.err, "11 commits may be the first bad one: about 6 debugs"));
    program_run_deinit(&run);
    check_untouched(one);
    /* The bad end is HEAD where it is left out; quiet says nothing meanwhile. */
    run = BISECT(one, "--git", "first..", "--quiet", "net.json");
    assert_int_equal(run.exit_code, 0);
    assert_string_equal(run.err, "");
    assert_non_null(strstr(run.out, "Train faster"));
    program_run_deinit(&run);
    check_untouched(one);
}

static void every_place_in_a_history_is_found(void **state)
{
    repository *one = *state;
    char first[32], subject[32];
    /* One branch for each place. */
    write_net(one, "net.json", "0.05", 40);
    commit(one, "Begin");
    shell(one->top, "git tag first");
    for (int broken = 1; broken <= 6; broken++) {
        shell(one->top, "git checkout -q -b branch%d first", broken);
        for (int i = 1; i <= 6; i++) {
            if (i == broken)
                write_net(one, "net.json", "50", 40);
            snprintf(subject, sizeof subject, "Commit %d", i);
            commit(one, subject);
        }
    }
    remember(one);
    for (int broken = 1; broken <= 6; broken++) {
        snprintf(first, sizeof first, "first..branch%d", broken);
        snprintf(subject, sizeof subject, "\n    Commit %d\n", broken);
        program_run run = BISECT(one, "-q", "--git", first, "net.json");
        assert_int_equal(run.exit_code, 0);
        check_text(&run, subject);
        program_run_deinit(&run);
    }
    check_untouched(one);
}

static void a_document_says_it_all(void **state)
{
    repository *one = *state;
    make_history(one, 3, 5);
    remember(one);
    program_run run = BISECT(one, "--git", "first..trunk", "--json", "-q", "net.json");
    assert_int_equal(run.exit_code, 0);
    json_t *document = json_loads(run.out, 0, NULL);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "schema")), "tenet.bisect/1");
    assert_true(json_is_true(json_object_get(document, "found")));
    json_t *found = json_object_get(document, "commit");
    assert_string_equal(json_string_value(json_object_get(found, "subject")), "Train faster");
    assert_string_equal(json_string_value(json_object_get(found, "author")), "Ada Lovelace <ada@example.org>");
    assert_int_equal(strlen(json_string_value(json_object_get(found, "hash"))), 40);
    assert_int_equal(json_array_size(json_object_get(document, "suspects")), 1);
    assert_int_equal(json_array_size(json_object_get(document, "files")), 2);
    json_t *before = json_object_get(json_object_get(document, "before"), "report"),
           *after = json_object_get(json_object_get(document, "after"), "report");
    assert_string_equal(json_string_value(json_object_get(before, "verdict")), "healthy");
    assert_string_equal(json_string_value(json_object_get(after, "verdict")), "faulty");
    json_t *judged = json_object_get(document, "judged");
    assert_true(json_array_size(judged) >= 4);
    assert_string_equal(json_string_value(json_object_get(json_array_get(judged, 0), "judged")), "good");
    assert_string_equal(json_string_value(json_object_get(json_array_get(judged, 1), "judged")), "bad");
    json_decref(document);
    program_run_deinit(&run);
    check_untouched(one);
}

static void commits_that_cannot_be_judged_are_passed_over(void **state)
{
    repository *one = *state;
    write_net(one, "net.json", "0.05", 40);
    commit(one, "Begin");
    shell(one->top, "git tag first");
    file_write(one->top, "net.json", "{ no JSON\n");
    commit(one, "Break the file");
    write_net(one, "net.json", "0.04", 40);
    commit(one, "Repair the file");
    write_net(one, "net.json", "50", 40);
    commit(one, "Train faster");
    commit(one, "Rest");
    shell(one->top, "git tag known");
    /* The same again, the broken file now between the last good and the first bad commit. */
    shell(one->top, "git checkout -q -b other first");
    file_write(one->top, "net.json", "{ no JSON\n");
    commit(one, "Break the file");
    write_net(one, "net.json", "50", 40);
    commit(one, "Repair the file and train faster");
    commit(one, "Rest");
    remember(one);
    program_run run = BISECT(one, "--git", "first..known", "net.json");
    assert_int_equal(run.exit_code, 0);
    check_text(&run, "\n    Train faster\n");
    program_run_deinit(&run);
    run = BISECT(one, "--git", "first..other", "net.json");
    assert_int_equal(run.exit_code, 4);
    check_text(&run, "the first bad commit is one of these 2");
    check_text(&run, "net.json:1: ");
    program_run_deinit(&run);
    check_untouched(one);
}

static void a_side_branch_that_was_merged_is_searched(void **state)
{
    repository *one = *state;
    write_net(one, "net.json", "0.05", 40);
    commit(one, "Begin");
    shell(one->top, "git tag first && git checkout -q -b side");
    commit(one, "Side 1");
    write_net(one, "net.json", "50", 40);
    commit(one, "Train faster on the side");
    commit(one, "Side 3");
    shell(one->top, "git checkout -q trunk");
    file_write(one->top, "notes.txt", "trunk\n");
    commit(one, "Trunk 1");
    commit(one, "Trunk 2");
    shell(one->top, "git -c user.name=A -c user.email=a@example.org merge -q --no-edit side > ../ignored");
    remember(one);
    program_run run = BISECT(one, "-q", "--git", "first..trunk", "net.json");
    assert_int_equal(run.exit_code, 0);
    check_text(&run, "\n    Train faster on the side\n");
    program_run_deinit(&run);
    check_untouched(one);
}

static void a_subfolder_is_where_it_was_called(void **state)
{
    repository *one = *state;
    char folder[256];
    shell(one->top, "mkdir deep");
    write_net(one, "deep/net.json", "0.05", 40);
    commit(one, "Begin");
    shell(one->top, "git tag first");
    commit(one, "Nothing");
    write_net(one, "deep/net.json", "50", 40);
    commit(one, "Train faster");
    /* Small files that are not tracked are there as well. */
    shell(one->top, "git reset -q && mkdir deep/data && cp data/train.csv deep/data/ && echo '/deep/data/train.csv' >> .git/info/exclude");
    remember(one);
    snprintf(folder, sizeof folder, "%s/deep", one->top);
    program_run run =
        program_run_in(folder, PROGRAM_STDOUT_TAKEN, (const char *const[]){"bisect", "-q", "--git", "first..trunk", "net.json", NULL});
    if (run.exit_code != 0)
        fail_msg("exit code %d: %s%s", run.exit_code, run.out, run.err);
    check_text(&run, "\n    Train faster\n");
    check_text(&run, "    M  deep/net.json\n");
    program_run_deinit(&run);
    check_untouched(one);
}

static void what_is_wrong_with_a_range_is_said(void **state)
{
    repository *one = *state;
    char absolute[256];
    make_history(one, 3, 4);
    shell(one->top, "git checkout -q --orphan alone && git rm -q --cached -r . && git add net.json");
    commit(one, "Alone");
    shell(one->top, "git checkout -q -f trunk");
    remember(one);
    expect_failure(one, BISECT(one, "net.json"), 2,
                   "between what? Give two files of hypes, or the ends of a history as in: --git v1.2..HEAD");
    expect_failure(one, BISECT(one, "--git", "first..trunk"), 2, "which hypes?");
    expect_failure(one, BISECT(one, "--git", "trunk", "net.json"), 2,
                   "--git takes GOOD..BAD, two commits of which the first still trained");
    expect_failure(one, BISECT(one, "--git", "..trunk", "net.json"), 2, "--git takes GOOD..BAD");
    expect_failure(one, BISECT(one, "--git", "first...trunk", "net.json"), 2, "--git takes GOOD..BAD");
    expect_failure(one, BISECT(one, "--git", "nowhere..trunk", "net.json"), 2, "there is no commit 'nowhere' in this repository");
    expect_failure(one, BISECT(one, "--git", "first..--all", "net.json"), 2, "there is no commit '--all' in this repository");
    expect_failure(one, BISECT(one, "--git", "trunk..first", "net.json"), 2, "the good end comes after the bad one");
    expect_failure(one, BISECT(one, "--git", "trunk..trunk", "net.json"), 2, "both ends are the commit");
    expect_failure(one, BISECT(one, "--git", "alone..trunk", "net.json"), 2, "they have no common history");
    snprintf(absolute, sizeof absolute, "%s/net.json", one->top);
    expect_failure(one, BISECT(one, "--git", "first..trunk", absolute), 2, "lies in your checkout");
    program_run run = program_run_in("/", PROGRAM_STDOUT_TAKEN, (const char *const[]){"bisect", "--git", "a..b", "net.json", NULL});
    expect_failure(one, run, 2, "this folder is in no git work tree");
}

static void ends_that_do_not_differ_are_said(void **state)
{
    repository *one = *state;
    make_history(one, 3, 5);
    remember(one);
    expect_failure(one, BISECT(one, "--git", "first..trunk~3", "net.json"), 4, "both ends are judged alike");
    expect_failure(one, BISECT(one, "--git", "trunk~2..trunk", "net.json"), 4, "both ends are judged alike");
    expect_failure(one, BISECT(one, "--git", "first..trunk", "other.json"), 4, "the good end");
    expect_failure(one, BISECT(one, "--git", "first..trunk", "--budget", "1steps", "net.json"), 4, "cannot be judged: inconclusive");
}

static void ends_the_wrong_way_round_are_said(void **state)
{
    repository *one = *state;
    write_net(one, "net.json", "50", 40);
    commit(one, "Begin");
    shell(one->top, "git tag first");
    write_net(one, "net.json", "0.05", 40);
    commit(one, "Repair");
    remember(one);
    expect_failure(one, BISECT(one, "--git", "first..trunk", "net.json"), 4, "the ends are the wrong way round");
}

/* One debug after another takes long enough here that the signal meets one. */
static void a_signal_ends_it_and_leaves_nothing_behind(void **state)
{
    repository *one = *state;
    static const int SIGNALS[] = {SIGINT, SIGTERM, SIGHUP};
    write_net(one, "net.json", "0.05", 40000);
    commit(one, "Begin");
    shell(one->top, "git tag first");
    commit(one, "Nothing");
    write_net(one, "net.json", "50", 40000);
    commit(one, "Train faster");
    remember(one);
    for (size_t i = 0; i < sizeof SIGNALS / sizeof *SIGNALS; i++) {
        int out, err, status;
        char text[4096] = "";
        size_t size = 0;
        pid_t id = program_start(one->top, (const char *const[]){"bisect", "--git", "first..trunk", "net.json", NULL}, &out, &err);
        while (size + 1 < sizeof text && !strstr(text, "being debugged")) {
            ssize_t got = read(err, text + size, sizeof text - 1 - size);
            assert_true(got > 0 || errno == EINTR);
            size += got > 0 ? (size_t)got : 0;
            text[size] = '\0';
        }
        assert_int_equal(kill(id, SIGNALS[i]), 0);
        assert_int_equal(waitpid(id, &status, 0), id);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 4);
        ssize_t got = read(err, text, sizeof text - 1);
        text[got > 0 ? got : 0] = '\0';
        assert_non_null(strstr(text, "ended by a signal"));
        close(out);
        close(err);
        check_untouched(one);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_commit_that_broke_it_is_named),
        TEST(every_place_in_a_history_is_found),
        TEST(a_document_says_it_all),
        TEST(commits_that_cannot_be_judged_are_passed_over),
        TEST(a_side_branch_that_was_merged_is_searched),
        TEST(a_subfolder_is_where_it_was_called),
        TEST(what_is_wrong_with_a_range_is_said),
        TEST(ends_that_do_not_differ_are_said),
        TEST(ends_the_wrong_way_round_are_said),
        TEST(a_signal_ends_it_and_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
