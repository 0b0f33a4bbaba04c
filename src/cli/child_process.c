/* child_process.c: see child_process.h. */
#include "cli/child_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A debug prints at most some hundred kilobytes; who prints more than this is not listened to any more. */
enum { READ_SIZE = 1 << 16, OUTPUT_MAX = 64 << 20 };

tn_status tn_complain(tn_error *error, tn_status code, const char *format, ...)
{
    va_list values;
    *error = (tn_error){.code = code};
    va_start(values, format);
    vsnprintf(error->message, sizeof error->message, format, values);
    va_end(values);
    return code;
}

tn_status tn_signal_watch_begin(tn_signal_watch *watch, tn_error *error)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    *watch = (tn_signal_watch){.file = -1};
    /* Whoever started us may have had it ignored, and then children cannot be waited for. */
    signal(SIGCHLD, SIG_DFL);
    if (sigprocmask(SIG_BLOCK, &signals, &watch->before) != 0)
        return tn_complain(error, TN_ERROR_IO, "cannot hold signals back: %s", strerror(errno));
    watch->file = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watch->file >= 0)
        return TN_OK;
    tn_complain(error, TN_ERROR_IO, "cannot listen to signals: %s", strerror(errno));
    sigprocmask(SIG_SETMASK, &watch->before, NULL);
    return error->code;
}

void tn_signal_watch_end(tn_signal_watch *watch)
{
    struct signalfd_siginfo signal_info;
    if (watch->file < 0)
        return;
    /* What came meanwhile was answered by ending; let back in, it would end the program before it could say so. */
    while (read(watch->file, &signal_info, sizeof signal_info) > 0)
        watch->asked = true;
    close(watch->file);
    watch->file = -1;
    sigprocmask(SIG_SETMASK, &watch->before, NULL);
}

void tn_child_output_deinit(tn_child_output *output)
{
    free(output->out);
    free(output->err);
    *output = (tn_child_output){0};
}

/* The environment without what names a repository: a hook of git that calls us has those variables set. NULL: memory is out. The strings are the environment's. */
static char **make_environment(void)
{
    static const char *const DROPPED[] = {
        "GIT_DIR=", "GIT_WORK_TREE=", "GIT_INDEX_FILE=", "GIT_PREFIX=", "GIT_COMMON_DIR=", "GIT_OPTIONAL_LOCKS="};
    /* git status and its like refresh the user's index on their way, unless they are told not to. */
    static const char NO_LOCKS[] = "GIT_OPTIONAL_LOCKS=0";
    size_t count = 0, kept = 0;
    while (environ[count])
        count++;
    char **environment = calloc(count + 2, sizeof *environment);
    for (size_t i = 0; environment && i < count; i++) {
        bool dropped = false;
        for (size_t j = 0; j < sizeof DROPPED / sizeof *DROPPED; j++)
            dropped = dropped || strncmp(environ[i], DROPPED[j], strlen(DROPPED[j])) == 0;
        if (!dropped)
            environment[kept++] = environ[i];
    }
    if (environment)
        environment[kept] = (char *)(size_t)NO_LOCKS;
    return environment;
}

static int spawn(const char *const *argv, const char *folder, const int out[2], const int err[2], char **environment, pid_t *id)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed) {
        posix_spawn_file_actions_destroy(&actions);
        return failed;
    }
    if (folder)
        failed = posix_spawn_file_actions_addchdir_np(&actions, folder);
    failed = failed ? failed : posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
    failed = failed ? failed : posix_spawn_file_actions_adddup2(&actions, err[1], STDERR_FILENO);
    failed = failed ? failed : posix_spawnattr_setsigmask(&attributes, &none);
    failed = failed ? failed : posix_spawnattr_setsigdefault(&attributes, &defaults);
    failed = failed ? failed : posix_spawnattr_setpgroup(&attributes, 0);
    failed =
        failed ? failed : posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    /* argv's strings are not written to; posix_spawnp has an older signature. */
    char *const *words = (char *const *)(size_t)argv;
    failed = failed ? failed : posix_spawnp(id, argv[0], &actions, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return failed;
}

/* Takes what `file` has, without waiting; false at its end, or where memory is out. */
static bool take(int file, char **text, size_t *size, bool *out_of_memory)
{
    for (;;) {
        char *larger = *size < OUTPUT_MAX ? realloc(*text, *size + READ_SIZE + 1) : NULL;
        if (!larger) {
            *out_of_memory = *size < OUTPUT_MAX;
            return false;
        }
        *text = larger;
        ssize_t got = read(file, *text + *size, READ_SIZE);
        (*text)[*size + (got > 0 ? (size_t)got : 0)] = '\0';
        if (got > 0)
            *size += (size_t)got;
        else if (got == 0 || (errno != EINTR && errno != EAGAIN))
            return false;
        else if (errno == EAGAIN)
            return true;
    }
}

/* Hears the signals that came; true where one of them was a child's end. */
static bool hear(tn_signal_watch *watch, pid_t id, bool ends_early, bool *told)
{
    struct signalfd_siginfo signal_info;
    bool ended = false;
    while (read(watch->file, &signal_info, sizeof signal_info) == (ssize_t)sizeof signal_info) {
        if (signal_info.ssi_signo == SIGCHLD) {
            ended = true;
            continue;
        }
        watch->asked = true;
        if (!ends_early)
            continue;
        kill(-id, *told ? SIGKILL : SIGINT);
        *told = true;
    }
    return ended;
}

static int listen(pid_t id, int out, int err, bool ends_early, tn_signal_watch *watch, tn_child_output *output, bool *out_of_memory)
{
    bool out_open = true, err_open = true, told = false;
    int status = 0;
    for (;;) {
        struct pollfd waits[3] = {{.fd = watch->file, .events = POLLIN},
                                  {.fd = out_open ? out : -1, .events = POLLIN},
                                  {.fd = err_open ? err : -1, .events = POLLIN}};
        if (poll(waits, 3, -1) < 0 && errno != EINTR)
            break;
        bool child_ended = hear(watch, id, ends_early, &told);
        if (out_open)
            out_open = take(out, &output->out, &output->out_size, out_of_memory);
        if (err_open)
            err_open = take(err, &output->err, &output->err_size, out_of_memory);
        /* The end of the child ends the listening, even where a program that it left behind still holds the pipe. */
        if (child_ended && waitpid(id, &status, WNOHANG) == id) {
            if (out_open)
                take(out, &output->out, &output->out_size, out_of_memory);
            if (err_open)
                take(err, &output->err, &output->err_size, out_of_memory);
            return status;
        }
    }
    kill(-id, SIGKILL);
    waitpid(id, &status, 0);
    return status;
}

static bool make_pipe(int ends[2])
{
    return pipe2(ends, O_CLOEXEC) == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0;
}

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] >= 0)
            close(ends[i]);
        ends[i] = -1;
    }
}

tn_status tn_child_run(const char *const *argv, const char *folder, bool ends_early, tn_signal_watch *watch, tn_child_output *output,
                       tn_error *error)
{
    int out[2] = {-1, -1}, err[2] = {-1, -1}, failed = 0;
    pid_t id = 0;
    bool out_of_memory = false;
    *output = (tn_child_output){0};
    char **environment = make_environment();
    if (!environment)
        failed = ENOMEM;
    else if (!make_pipe(out) || !make_pipe(err))
        failed = errno;
    else
        failed = spawn(argv, folder, out, err, environment, &id);
    free(environment);
    if (!failed) {
        close(out[1]);
        close(err[1]);
        out[1] = err[1] = -1;
        int status = listen(id, out[0], err[0], ends_early, watch, output, &out_of_memory);
        output->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    close_pipe(out);
    close_pipe(err);
    if (failed)
        return tn_complain(error, failed == ENOMEM ? TN_ERROR_MEMORY : TN_ERROR_IO, "cannot start %.200s%s%.300s: %s", argv[0],
                           folder ? " in " : "", folder ? folder : "", strerror(failed));
    if (!out_of_memory && output->out && output->err)
        return TN_OK;
    tn_child_output_deinit(output);
    return tn_complain(error, TN_ERROR_MEMORY, "memory is out while %.200s is listened to", argv[0]);
}
