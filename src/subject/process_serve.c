/* process_serve.c: the process that serves forks: a Python program, run up to where its training begins; see process_parts.h.
 *
 * It is started once, before the look, so that even the look is a fork of it. Whether it can serve, it says itself; where it says nothing of the kind, every trial is a start of its
 * own, which always works. So nothing that goes wrong here is an error. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "run/scratch.h"
#include "subject/process_parts.h"

enum { TICK_MS = 50 };

static void serve_not(tn_process *process, const char *why)
{
    snprintf(process->serves_not, sizeof process->serves_not, "%.250s", why);
}

/* Others run from their start to their end, whatever they are told. */
static bool is_python(const char *command)
{
    const char *slash = strrchr(command, '/');
    const char *name = slash ? slash + 1 : command;
    return strncmp(name, "python", 6) == 0 || strncmp(name, "pypy", 4) == 0;
}

static tn_status start_server(tn_process *process, tn_order *order, tn_error *error)
{
    /* One: a library's pool of threads could not be forked. */
    tn_status status = tn_order_write(process, TN_RUN_SERVE, NULL, 1, order, error);
    if (status != TN_OK)
        return status;
    const tn_launch launch = {
        .settings = &process->settings,
        .isolation = process->isolation,
        .threads = 1,
        .address = tn_listener_address(process->listener),
        .folder = process->folder,
        .trial = order->trial,
        .output = order->output,
        .log = order->log,
        .hypes = order->hypes,
    };
    return tn_child_start(&launch, &process->server, error);
}

/* Further HELLOs of a caller that has not yet said whether it serves. false: it is gone. */
static bool hear_more(tn_caller *caller)
{
    tn_wire_record record;
    bool is_open = tn_caller_read(caller, NULL), has = true;
    while (has && caller->serves == TN_SERVES_UNSAID) {
        if (tn_wire_next(&caller->reader, &record, &has, NULL) != TN_OK)
            return false;
        if (has && record.type == TN_WIRE_HELLO && tn_caller_introduce(caller, record.json, NULL) != TN_OK)
            return false;
    }
    return is_open || caller->serves != TN_SERVES_UNSAID;
}

/* One look at how it stands. true: it is known whether it serves; *server is the caller that does, or NULL. */
static bool has_said(tn_process *process, tn_inbox *inbox, const tn_order *order, tn_caller **server)
{
    struct stat info;
    tn_caller *next = tn_inbox_take(process->listener, inbox);
    if (next && *server)
        tn_caller_destroy(next); /* a helper of the program's: the first one is asked */
    else if (next)
        *server = next;
    bool is_there = *server && hear_more(*server);
    if (is_there && (*server)->serves == TN_SERVES_YES)
        return true;
    bool ended = tn_child_ended(&process->server), trains = stat(order->log, &info) == 0 && info.st_size > 0;
    if (is_there && (*server)->serves == TN_SERVES_NO)
        serve_not(process, (*server)->why);
    else if (*server && !is_there)
        serve_not(process, "it ended before it was ready to be forked");
    else if (ended)
        serve_not(process, "it ended before its training began");
    else if (trains)
        serve_not(process, "it reports by $TENET_LOG, and so cannot be told to wait");
    else
        return false;
    tn_caller_destroy(*server);
    *server = NULL;
    return true;
}

static tn_caller *wait_for_server(tn_process *process, tn_inbox *inbox, const tn_order *order)
{
    const tn_process_settings *settings = &process->settings;
    uint64_t start_ns = tn_clock_ns();
    tn_caller *server = NULL;
    while (!has_said(process, inbox, order, &server)) {
        bool is_late = (double)(tn_clock_ns() - start_ns) * 1e-9 >= settings->silence_seconds;
        bool is_cancelled = settings->cancel && atomic_load(&settings->cancel->requested);
        if (is_late || is_cancelled) {
            serve_not(process, is_late ? "it was not ready in time" : "it was cancelled");
            tn_caller_destroy(server);
            return NULL;
        }
        struct pollfd polled[] = {{.fd = inbox->event, .events = POLLIN},
                                  {.fd = process->server.descriptor, .events = POLLIN},
                                  {.fd = server ? server->socket : -1, .events = POLLIN}};
        (void)poll(polled, sizeof polled / sizeof polled[0], TICK_MS);
    }
    return server;
}

void tn_process_serve(tn_process *process)
{
    const tn_process_settings *settings = &process->settings;
    tn_inbox inbox = {.event = -1};
    tn_order *order = &process->server_order;
    tn_error error = {0};
    atomic_store(&process->serves, false);
    if (!settings->forks || !settings->python_folder || !is_python(settings->command[0])) {
        serve_not(process, settings->forks ? "only Python programs can be forked" : "forks are off");
        return;
    }
    if (process->isolation == TN_ISOLATION_SHIELD) {
        serve_not(process, "this system allows no mount namespaces, and writes that are redirected cannot be parted");
        return;
    }
    if (process->isolation == TN_ISOLATION_NAMESPACE && tn_scratch_possible(process->folder, 1, &error) != TN_OK) {
        serve_not(process, error.message);
        return;
    }
    char id[TN_TRIAL_ID];
    snprintf(id, sizeof id, "serve%llu", (unsigned long long)atomic_load(&process->next_trial));
    tn_status status = tn_inbox_open(process->listener, id, false, &inbox, &error);
    if (status == TN_OK)
        status = start_server(process, order, &error);
    tn_caller *server = status == TN_OK ? wait_for_server(process, &inbox, order) : NULL;
    if (status != TN_OK)
        serve_not(process, error.message);
    tn_inbox_close(process->listener, &inbox);
    if (server) {
        tn_listener_attend(process->listener, server);
        atomic_store(&process->serves, true);
    } else {
        tn_process_serve_end(process);
    }
}

void tn_process_serve_end(tn_process *process)
{
    atomic_store(&process->serves, false);
    tn_listener_dismiss(process->listener);
    if (process->server.pid > 0)
        tn_child_end(&process->server);
    tn_order_deinit(&process->server_order);
}
