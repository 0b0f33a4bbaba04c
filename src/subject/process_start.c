/* process_start.c: a program is started, and ended; see process_parts.h.
 *
 * A trial gets a session of its own (no terminal, so nobody asks it a question), /dev/null as its input and a file for its output; it dies with this process. A
 * program that is trained as it is keeps everything it would have without us. Signals are as a shell would give them: unblocked, none ignored by us.
 *
 * Between fork and exec the child has one thread and does what glibc allows after a fork: it isolates itself there. What fails in it comes back through a pipe. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"
#include "run/scratch.h"
#include "subject/process_parts.h"

enum { OUTPUT_MAX = 64 << 20, EXEC_FAILED = 127 };

/* ---- environment ---- */

/* The variables of a child: ours that were changed or added are malloc'd, the others borrowed from environ. */
typedef struct environment {
    char **all; /* NULL-terminated */
    char **owned;
    size_t count, owned_count, capacity;
    bool failed;
} environment;

enum { ADDED_MAX = 40 };

static void environment_init(environment *to)
{
    *to = (environment){0};
    while (environ && environ[to->count])
        to->count++;
    to->capacity = to->count + ADDED_MAX;
    to->all = calloc(to->capacity + 1, sizeof *to->all);
    to->owned = calloc(ADDED_MAX, sizeof *to->owned);
    to->failed = !to->all || !to->owned;
    if (to->failed)
        to->count = 0;
    for (size_t i = 0; !to->failed && i < to->count; i++)
        to->all[i] = environ[i];
}

static void environment_deinit(environment *to)
{
    for (size_t i = 0; i < to->owned_count; i++)
        free(to->owned[i]);
    free(to->owned);
    free(to->all);
}

static const char *environment_get(const environment *from, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < from->count; i++)
        if (strncmp(from->all[i], name, length) == 0 && from->all[i][length] == '=')
            return from->all[i] + length + 1;
    return NULL;
}

/* Takes the variable away. */
static void environment_remove(environment *from, const char *name)
{
    size_t length = strlen(name), kept = 0;
    for (size_t i = 0; !from->failed && i < from->count; i++)
        if (strncmp(from->all[i], name, length) != 0 || from->all[i][length] != '=')
            from->all[kept++] = from->all[i];
    if (from->failed)
        return;
    from->count = kept;
    from->all[kept] = NULL;
}

TN_PRINTF(3, 4)
static void environment_set(environment *to, const char *name, const char *format, ...)
{
    char *value = NULL, *variable = NULL;
    va_list arguments;
    if (to->failed || to->owned_count == ADDED_MAX) {
        to->failed = true;
        return;
    }
    va_start(arguments, format);
    int made = vasprintf(&value, format, arguments);
    va_end(arguments);
    if (made < 0 || asprintf(&variable, "%s=%s", name, value) < 0) {
        to->failed = true;
    } else {
        environment_remove(to, name);
        to->owned[to->owned_count++] = variable;
        to->all[to->count++] = variable;
        to->all[to->count] = NULL;
    }
    if (made >= 0)
        free(value);
}

/* Loggers that would send a trial over a network, and what would open a window and wait. */
static void quiet_loggers(environment *to, const char *folder)
{
    static const char *const SETTINGS[][2] = {
        {"WANDB_MODE", "disabled"},
        {"WANDB_DISABLED", "true"},
        {"WANDB_SILENT", "true"},
        {"NEPTUNE_MODE", "debug"},
        {"COMET_START_ONLINE", "0"},
        {"COMET_AUTO_LOG_DISABLE", "1"},
        {"CLEARML_OFFLINE_MODE", "1"},
        {"CLEARML_LOG_TASK_INFO", "0"},
        {"SWANLAB_MODE", "disabled"},
        {"DVCLIVE_TEST", "1"},
        {"DISABLE_MLFLOW_INTEGRATION", "1"},
        {"HF_HUB_DISABLE_TELEMETRY", "1"},
        {"HF_HUB_DISABLE_XET", "1"},
        {"MPLBACKEND", "Agg"},
        {"TOKENIZERS_PARALLELISM", "false"},
    };
    for (size_t i = 0; i < sizeof SETTINGS / sizeof SETTINGS[0]; i++)
        environment_set(to, SETTINGS[i][0], "%s", SETTINGS[i][1]);
    environment_set(to, "MLFLOW_TRACKING_URI", "file://%s/mlflow", folder);
    if (!environment_get(to, "PYTHONHASHSEED"))
        environment_set(to, "PYTHONHASHSEED", "0"); /* the order of sets repeats */
}

static void fill_environment(environment *to, const tn_launch *launch)
{
    environment_init(to);
    /* tenet within tenet: the outer one's main process is not ours. */
    environment_remove(to, "TENET_MAIN");
    environment_remove(to, "TENET_HYPES");
    environment_set(to, "TENET_SOCKET", "%s", launch->address);
    environment_set(to, "TENET_TRIAL", "%s", launch->trial);
    environment_set(to, "TENET_LOG", "%s", launch->log);
    if (launch->hypes)
        environment_set(to, "TENET_HYPES", "%s", launch->hypes);
    if (launch->isolation == TN_ISOLATION_SHIELD) {
        const char *others = environment_get(to, "LD_PRELOAD");
        environment_set(to, "LD_PRELOAD", "%s%s%s", launch->shield, others && *others ? ":" : "", others ? others : "");
        environment_set(to, "TENET_SHIELD", "%s.layer", launch->trial);
    }
    const char *path = environment_get(to, "PYTHONPATH");
    if (launch->settings->python_folder)
        environment_set(to, "PYTHONPATH", "%s/bootstrap%s%s", launch->settings->python_folder, path && *path ? ":" : "", path ? path : "");
    if (launch->as_it_is)
        return;
    static const char *const THREADS[] = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"};
    for (size_t i = 0; i < sizeof THREADS / sizeof THREADS[0]; i++)
        environment_set(to, THREADS[i], "%zu", launch->threads ? launch->threads : 1);
    /* Trials share the processors with each other: a thread that spins takes them from who works. */
    if (!environment_get(to, "OMP_WAIT_POLICY"))
        environment_set(to, "OMP_WAIT_POLICY", "%s", "PASSIVE");
    quiet_loggers(to, launch->folder);
}

/* ---- the program's own hypes ---- */

static bool is_file(const char *path, const struct stat *wanted)
{
    struct stat found;
    return stat(path, &found) == 0 && found.st_dev == wanted->st_dev && found.st_ino == wanted->st_ino;
}

/* The command, with the copy of the hypes in place of every word that names the file itself, alone or behind "=". One block for free(); NULL where memory is out. Their texts are
 * launch's, or, for a word such as --config=FILE, stand behind the pointers. */
static const char **command_of(const tn_launch *launch)
{
    const char *const *command = launch->settings->command;
    bool turns = launch->hypes && (!launch->as_it_is || launch->settings->hypes_patch);
    struct stat file;
    turns = turns && stat(launch->settings->hypes_path, &file) == 0;
    size_t count = 0, room = 0, copy_length = turns ? strlen(launch->hypes) : 0;
    for (; command[count]; count++)
        room += strlen(command[count]) + copy_length + 1;
    const char **words = malloc((count + 1) * sizeof *words + room);
    if (!words)
        return NULL;
    char *texts = (char *)(words + count + 1);
    for (size_t i = 0; i <= count; i++) {
        const char *equals = command[i] ? strchr(command[i], '=') : NULL;
        words[i] = command[i];
        if (!turns || i == 0 || i == count)
            continue;
        if (is_file(command[i], &file)) {
            words[i] = launch->hypes;
        } else if (equals && is_file(equals + 1, &file)) {
            words[i] = texts;
            texts += sprintf(texts, "%.*s%s", (int)(equals + 1 - command[i]), command[i], launch->hypes) + 1;
        }
    }
    return words;
}

/* ---- in the child ---- */

/* In its own layer the file of hypes itself becomes the copy, for a program that opens it by a name of its own. */
static tn_status lay_hypes(const tn_launch *launch, const char *layer, tn_error *error)
{
    char bytes[65536], place[4096];
    const char *target = launch->settings->hypes_path;
    if (launch->isolation == TN_ISOLATION_SHIELD)
        target = tn_process_shield_place(layer, target, place, sizeof place) ? place : "";
    int from = open(launch->hypes, O_RDONLY | O_CLOEXEC);
    int to = open(target, O_WRONLY | O_TRUNC | O_CLOEXEC | (launch->isolation == TN_ISOLATION_SHIELD ? O_CREAT : 0), 0644);
    ssize_t got = 0;
    bool laid = from >= 0 && to >= 0;
    while (laid && (got = read(from, bytes, sizeof bytes)) > 0)
        laid = write(to, bytes, (size_t)got) == got;
    laid = laid && got == 0;
    int number = errno;
    if (from >= 0)
        close(from);
    if (to >= 0)
        close(to);
    return laid ? TN_OK
                : tn_fail(error, TN_ERROR_IO, "cannot lay the trial's hypes over '%.300s': %s", launch->settings->hypes_path,
                          strerror(number));
}

static void reset_signals(bool as_it_is)
{
    static const int OURS[] = {SIGPIPE, SIGINT, SIGTERM, SIGQUIT, SIGCHLD};
    sigset_t none;
    /* As it is: what the shell has set ignored, such as SIGHUP by nohup, stays so; only SIGPIPE is something that a library may have changed here. */
    for (size_t i = 0; i < (as_it_is ? 1 : sizeof OURS / sizeof OURS[0]); i++)
        signal(OURS[i], SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static tn_status redirect(const tn_launch *launch, tn_error *error)
{
    if (launch->as_it_is) {
        if (launch->settings->speaks_on_stderr && dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
            return tn_fail(error, TN_ERROR_IO, "cannot redirect the program's output: %s", strerror(errno));
        return TN_OK;
    }
    int input = open("/dev/null", O_RDONLY);
    int output = open(launch->output, O_WRONLY | O_CREAT | O_APPEND, 0600);
    bool redirected =
        input >= 0 && output >= 0 && dup2(input, STDIN_FILENO) >= 0 && dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0;
    if (!redirected)
        return tn_fail(error, TN_ERROR_IO, "cannot redirect the program's output to %s: %s", launch->output, strerror(errno));
    if (input > STDERR_FILENO)
        close(input);
    if (output > STDERR_FILENO)
        close(output);
    return TN_OK;
}

/* Becomes the program; returns only where that fails. */
static tn_status become(const tn_launch *launch, const char *const *command, char *const *variables, pid_t parent, tn_error *error)
{
    tn_status status = TN_OK;
    if (!launch->as_it_is)
        setsid();
    reset_signals(launch->as_it_is);
    if (launch->isolation == TN_ISOLATION_NAMESPACE)
        status = tn_scratch_begin(launch->folder, NULL, error);
    char layer[4096];
    snprintf(layer, sizeof layer, "%s.layer", launch->trial);
    if (launch->isolation == TN_ISOLATION_SHIELD && mkdir(layer, 0700) != 0)
        status = tn_fail(error, TN_ERROR_IO, "cannot make the folder %s: %s", layer, strerror(errno));
    if (status == TN_OK && launch->isolation != TN_ISOLATION_NONE && launch->hypes)
        status = lay_hypes(launch, layer, error);
    if (status != TN_OK)
        return status;
    /* After the isolation, since new rights clear it. */
    if (!launch->as_it_is) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(EXEC_FAILED); /* the forked child */
    }
    status = redirect(launch, error);
    if (status != TN_OK)
        return status;
    execvpe(command[0], (char *const *)(uintptr_t)command, variables);
    return tn_fail(error, TN_ERROR_IO, "cannot run '%.300s': %s%s", command[0], strerror(errno),
                   errno == ENOENT ? ". Is it spelled right, and on the PATH?" : "");
}

/* ---- in the parent ---- */

/* The child's error, or nothing where it has become the program. */
static tn_status read_report(int from, tn_error *error)
{
    tn_error report = {0};
    size_t size = 0;
    while (size < sizeof report) {
        ssize_t got = read(from, (char *)&report + size, sizeof report - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        size += (size_t)got;
    }
    if (size < sizeof report)
        return TN_OK;
    if (error)
        *error = report;
    return report.code;
}

static tn_status fork_into(const tn_launch *launch, const char *const *command, char *const *variables, tn_child *child, tn_error *error)
{
    int report[2];
    pid_t parent = getpid();
    if (pipe2(report, O_CLOEXEC) != 0)
        return tn_fail(error, TN_ERROR_IO, "cannot make a pipe: %s", strerror(errno));
    pid_t pid = fork();
    if (pid == 0) {
        tn_error found = {0};
        /* Kept from being one of the standard streams, which are redirected. */
        int kept = fcntl(report[1], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        (void)become(launch, command, variables, parent, &found);
        (void)!write(kept, &found, sizeof found);
        _exit(EXEC_FAILED); /* the forked child */
    }
    close(report[1]);
    if (pid < 0) {
        close(report[0]);
        return tn_fail(error, TN_ERROR_IO, "cannot start a process: %s", strerror(errno));
    }
    tn_status status = read_report(report[0], error);
    close(report[0]);
    if (status != TN_OK) {
        waitpid(pid, NULL, 0);
        return status;
    }
    *child = (tn_child){.pid = pid, .own_session = !launch->as_it_is};
    child->descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return TN_OK;
}

tn_status tn_child_start(const tn_launch *launch, tn_child *child, tn_error *error)
{
    environment variables;
    *child = (tn_child){.descriptor = -1};
    fill_environment(&variables, launch);
    const char **command = command_of(launch);
    tn_status status = variables.failed || !command ? tn_fail_memory(error, variables.capacity * sizeof(char *))
                                                    : fork_into(launch, command, variables.all, child, error);
    free(command);
    environment_deinit(&variables);
    return status;
}

static void reap(tn_child *child)
{
    int status = 0;
    pid_t got;
    /* Before the number is free to stand for somebody else: whatever the program left behind goes with it. */
    if (child->own_session)
        kill(-child->pid, SIGKILL);
    do
        got = waitpid(child->pid, &status, 0);
    while (got < 0 && errno == EINTR);
    child->status = got == child->pid ? status : 0;
    child->ended = true;
    if (child->descriptor >= 0)
        close(child->descriptor);
    child->descriptor = -1;
}

bool tn_child_ended(tn_child *child)
{
    siginfo_t info = {0};
    if (child->ended || child->pid <= 0)
        return true;
    int waited = waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT);
    if ((waited == 0 && info.si_pid == child->pid) || (waited != 0 && errno == ECHILD))
        reap(child);
    return child->ended;
}

void tn_child_end(tn_child *child)
{
    if (child->ended || child->pid <= 0)
        return;
    kill(child->pid, SIGKILL);
    reap(child);
}

void tn_child_tell(int status, char text[96])
{
    if (WIFSIGNALED(status)) {
        const char *what = sigdescr_np(WTERMSIG(status));
        snprintf(text, 96, "was ended by signal %d (%s)", WTERMSIG(status), what ? what : "unknown");
    } else {
        snprintf(text, 96, "ended with exit status %d", WEXITSTATUS(status));
    }
}

/* ---- output ---- */

/* Without escape sequences; a carriage return begins a line anew, as it does on a terminal. Returns the new size. */
static size_t make_printable(char *text, size_t size)
{
    size_t kept = 0, line = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == 0x1B && i + 1 < size && text[i + 1] == '[') {
            for (i += 2; i < size && !isalpha((unsigned char)text[i]);)
                i++;
        } else if (c == '\r' && i + 1 < size && text[i + 1] != '\n') {
            kept = line;
        } else if (c == '\n') {
            text[kept++] = '\n';
            line = kept;
        } else if (c == '\t' || (c >= 0x20 && c != 0x7F)) {
            text[kept++] = (char)c;
        }
    }
    while (kept > 0 && (text[kept - 1] == '\n' || text[kept - 1] == ' '))
        kept--;
    return kept;
}

void tn_last_words(const char *path, char *text, size_t size)
{
    enum { TAIL = 8192 };
    char tail[TAIL];
    text[0] = '\0';
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return;
    off_t length = lseek(from, 0, SEEK_END);
    off_t start = length > TAIL ? length - TAIL : 0;
    ssize_t got = length > 0 ? pread(from, tail, TAIL, start) : 0;
    close(from);
    size_t kept = got > 0 ? make_printable(tail, (size_t)got) : 0;
    size_t first = 0;
    if (kept > size - 1) {
        first = kept - (size - 1);
        /* Whole lines, where there is more than one. */
        const char *next = memchr(tail + first, '\n', kept - first);
        if (next && next + 1 < tail + kept)
            first = (size_t)(next + 1 - tail);
    }
    memcpy(text, tail + first, kept - first);
    text[kept - first] = '\0';
}

void tn_output_trim(const char *path)
{
    struct stat info;
    /* It is open for appending, so what follows begins at the new end. */
    if (stat(path, &info) == 0 && info.st_size > OUTPUT_MAX)
        (void)!truncate(path, 0);
}
