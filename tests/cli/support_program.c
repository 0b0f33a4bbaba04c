/* support_program.c: see support_program.h. Built into every test of tests/cli. */
#include "support_program.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void must(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    abort();
}

static void child(const char *folder, program_stdout to, const char *const *arguments, const int out[2], const int err[2])
{
    char *argv[TN_PROGRAM_ARGUMENTS_MAX + 2] = {(char *)"tenet"};
    for (size_t i = 0; arguments[i] && i < TN_PROGRAM_ARGUMENTS_MAX; i++)
        argv[i + 1] = (char *)(size_t)arguments[i];
    signal(SIGPIPE, SIG_DFL);
    if (folder && chdir(folder) != 0)
        _exit(126);
    unsetenv("NO_COLOR");
    int stdout_file = to == PROGRAM_STDOUT_FULL ? open("/dev/full", O_WRONLY) : out[1];
    dup2(stdout_file, STDOUT_FILENO);
    dup2(err[1], STDERR_FILENO);
    if (to == PROGRAM_STDOUT_CLOSED)
        close(STDOUT_FILENO);
    for (int file = 3; file < 64; file++)
        close(file);
    execv(TN_PROGRAM, argv);
    _exit(127);
}

static pid_t start(const char *folder, program_stdout to, const char *const *arguments, int *out, int *err)
{
    int out_pipe[2], err_pipe[2];
    must(pipe(out_pipe) == 0 && pipe(err_pipe) == 0, "pipe");
    fflush(NULL);
    if (to == PROGRAM_STDOUT_CLOSED_PIPE) {
        close(out_pipe[0]);
        out_pipe[0] = -1;
    }
    pid_t id = fork();
    must(id >= 0, "fork");
    if (id == 0)
        child(folder, to, arguments, out_pipe, err_pipe);
    close(out_pipe[1]);
    close(err_pipe[1]);
    *out = out_pipe[0];
    *err = err_pipe[0];
    return id;
}

pid_t program_start(const char *folder, const char *const *arguments, int *out, int *err)
{
    return start(folder, PROGRAM_STDOUT_TAKEN, arguments, out, err);
}

program_run program_run_in(const char *folder, program_stdout to, const char *const *arguments)
{
    int files[2], status;
    pid_t id = start(folder, to, arguments, &files[0], &files[1]);
    char *texts[2];
    size_t sizes[2] = {0, 0}, open_count = 0;
    for (size_t i = 0; i < 2; i++) {
        texts[i] = calloc(1, TN_PROGRAM_OUTPUT_MAX);
        must(texts[i], "calloc");
        open_count += files[i] >= 0;
    }
    while (open_count > 0) {
        struct pollfd waits[2] = {{.fd = files[0], .events = POLLIN}, {.fd = files[1], .events = POLLIN}};
        must(poll(waits, 2, -1) >= 0 || errno == EINTR, "poll");
        for (size_t i = 0; i < 2; i++) {
            if (files[i] < 0 || !(waits[i].revents & (POLLIN | POLLHUP | POLLERR)))
                continue;
            ssize_t got = read(files[i], texts[i] + sizes[i], TN_PROGRAM_OUTPUT_MAX - 1 - sizes[i]);
            if (got > 0) {
                sizes[i] += (size_t)got;
            } else {
                close(files[i]);
                files[i] = -1;
                open_count--;
            }
        }
    }
    must(waitpid(id, &status, 0) == id, "waitpid");
    return (program_run){.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), .out = texts[0], .err = texts[1]};
}

void program_run_deinit(program_run *run)
{
    free(run->out);
    free(run->err);
    *run = (program_run){0};
}

void program_run_check(program_run run, int exit_code, const char *out, const char *err)
{
    if (run.exit_code != exit_code || !strstr(run.out, out) || !strstr(run.err, err))
        fail_msg("exit code %d, expected %d\n%s%s", run.exit_code, exit_code, run.out, run.err);
    program_run_deinit(&run);
}

void folder_make(char folder[64])
{
    snprintf(folder, 64, "/tmp/tenet-test-XXXXXX");
    must(mkdtemp(folder), "mkdtemp");
}

static int remove_one(const char *path, const struct stat *facts, int kind, struct FTW *at)
{
    (void)facts;
    (void)kind;
    (void)at;
    return remove(path);
}

void folder_remove(const char *folder)
{
    must(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS) == 0, folder);
}

void file_write(const char *folder, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    must(file && fputs(text, file) >= 0 && fclose(file) == 0, path);
}

char *file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return NULL;
    char *text = calloc(1, TN_PROGRAM_OUTPUT_MAX);
    must(text, "calloc");
    size_t size = fread(text, 1, TN_PROGRAM_OUTPUT_MAX - 1, file);
    must(size < TN_PROGRAM_OUTPUT_MAX - 1, path);
    fclose(file);
    return text;
}
