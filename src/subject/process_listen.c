/* process_listen.c: the socket that programs call on; see process_parts.h.
 *
 * One thread takes connections, reads each up to its HELLO, and hands it to the inbox of the trial that it names: from there on the trial's own thread reads it. A connection that
 * says no HELLO, or names a trial that nobody waits for, is closed. The thread goes on reading the one caller that serves forks, whose records are about other trials.
 *
 * One mutex guards inboxes and the caller that serves; what is not yet introduced belongs to the thread alone. The socket has an abstract name, so no mount hides it, and only the same
 * user may call. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/memory.h"
#include "subject/process_parts.h"

enum {
    WAITING_MAX = 64, /* callers without a HELLO */
    BACKLOG = 64,
    PROTOCOL_LEAST = 1, /* it has no UNITS */
    READ_BYTES = 64 << 10
};

struct tn_listener {
    char address[TN_LISTENER_ADDRESS];
    int listening, wake;
    pthread_t thread;
    tn_caller *waiting[WAITING_MAX]; /* the thread's */
    size_t waiting_count;
    unsigned char bytes[READ_BYTES]; /* the thread's */

    pthread_mutex_t mutex;
    /* From here on guarded by the mutex. */
    tn_inbox *inboxes;
    tn_caller *server; /* NULL: none */
    bool ending, refused_itself;
    char refusal[256];
};

/* ---- callers ---- */

void tn_caller_destroy(tn_caller *caller)
{
    if (!caller)
        return;
    if (caller->socket >= 0)
        close(caller->socket);
    tn_wire_reader_deinit(&caller->reader);
    tn_memory_destroy(caller);
}

static void copy_text(char *to, size_t size, const json_t *from)
{
    if (json_is_string(from))
        snprintf(to, size, "%s", json_string_value(from));
    else if (json_is_integer(from))
        snprintf(to, size, "%" JSON_INTEGER_FORMAT, json_integer_value(from));
}

static void copy_count(uint64_t *to, const json_t *from)
{
    if (json_is_integer(from) && json_integer_value(from) >= 0)
        *to = (uint64_t)json_integer_value(from);
}

tn_status tn_caller_introduce(tn_caller *caller, const char *hello, tn_error *error)
{
    json_t *said = json_loads(hello, 0, NULL);
    const json_t *serves = json_object_get(said, "serves");
    if (!json_is_object(said)) {
        json_decref(said);
        return tn_fail(error, TN_ERROR_DATA, "its HELLO is no JSON object");
    }
    json_int_t protocol = json_integer_value(json_object_get(said, "protocol"));
    if (protocol < PROTOCOL_LEAST || protocol > TN_WIRE_VERSION) {
        json_decref(said);
        return tn_fail(
            error, TN_ERROR_DATA,
            "it speaks protocol %lld; this tenet speaks %d. Its Python package tenet and this program are of different versions.",
            (long long)protocol, TN_WIRE_VERSION);
    }
    copy_text(caller->trial, sizeof caller->trial, json_object_get(said, "trial"));
    copy_text(caller->framework, sizeof caller->framework, json_object_get(said, "framework"));
    copy_text(caller->why, sizeof caller->why, json_object_get(said, "why"));
    copy_count(&caller->rank, json_object_get(said, "rank"));
    copy_count(&caller->world, json_object_get(said, "world"));
    if (json_is_boolean(serves))
        caller->serves = json_is_true(serves) ? TN_SERVES_YES : TN_SERVES_NO;
    json_decref(said);
    return TN_OK;
}

static bool read_some(tn_caller *caller, unsigned char *bytes, size_t size, tn_error *error)
{
    for (;;) {
        ssize_t got = recv(caller->socket, bytes, size, MSG_DONTWAIT);
        if (got > 0)
            return tn_wire_feed(&caller->reader, bytes, (size_t)got, error) == TN_OK;
        if (got < 0 && errno == EINTR)
            continue;
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }
}

bool tn_caller_read(tn_caller *caller, tn_error *error)
{
    unsigned char bytes[READ_BYTES / 2];
    return read_some(caller, bytes, sizeof bytes, error);
}

/* What the parent says is short, and a caller that reads nothing is not waited for. */
void tn_caller_say(tn_caller *caller, tn_wire_type type, const char *json)
{
    tn_wire_buffer buffer = {0};
    if (tn_wire_put_text(&buffer, type, json, NULL) == TN_OK)
        (void)!send(caller->socket, buffer.bytes, buffer.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    tn_wire_buffer_deinit(&buffer);
}

/* ---- the thread ---- */

static void notify(int event)
{
    const uint64_t one = 1;
    (void)!write(event, &one, sizeof one);
}

/* With the mutex held. */
static tn_inbox *find_inbox(tn_listener *listener, const char *trial)
{
    tn_inbox *inbox = listener->inboxes;
    while (inbox && strcmp(inbox->trial, trial) != 0)
        inbox = inbox->next;
    return inbox;
}

/* What a caller says itself of why it cannot be heard is worth more than what is seen from here. */
static void refuse(tn_listener *listener, tn_caller *caller, const char *why, bool by_itself)
{
    pthread_mutex_lock(&listener->mutex);
    if (by_itself)
        snprintf(listener->refusal, sizeof listener->refusal, "%.250s", why);
    else if (!listener->refused_itself)
        snprintf(listener->refusal, sizeof listener->refusal, "process %d was sent away: %.200s", (int)caller->pid, why);
    listener->refused_itself |= by_itself;
    pthread_mutex_unlock(&listener->mutex);
    tn_caller_destroy(caller);
}

/* Hands the caller to its trial. */
static void deliver(tn_listener *listener, tn_caller *caller)
{
    pthread_mutex_lock(&listener->mutex);
    tn_inbox *inbox = find_inbox(listener, caller->trial);
    if (inbox) {
        tn_caller **end = &inbox->callers;
        while (*end)
            end = &(*end)->next;
        *end = caller;
        notify(inbox->event);
    }
    pthread_mutex_unlock(&listener->mutex);
    if (!inbox)
        refuse(listener, caller, "it belongs to a trial that is over", false);
}

static void take_connection(tn_listener *listener)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    /* cppcheck-suppress nullPointer ; accept4 may be asked for no address */
    int made = accept4(listener->listening, NULL, NULL, SOCK_CLOEXEC);
    if (made < 0)
        return;
    tn_caller *caller = NULL;
    bool is_ours = getsockopt(made, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == geteuid();
    if (is_ours && listener->waiting_count < WAITING_MAX)
        caller = tn_memory_create(1, sizeof *caller);
    if (!caller) {
        close(made);
        return;
    }
    caller->socket = made;
    caller->pid = peer.pid;
    caller->world = 1;
    listener->waiting[listener->waiting_count++] = caller;
}

/* One that has not said HELLO. false: it is no longer waited for. */
static bool hear_waiting(tn_listener *listener, tn_caller *caller)
{
    tn_wire_record record;
    bool has = false;
    tn_error error = {0};
    bool is_open = read_some(caller, listener->bytes, sizeof listener->bytes, &error);
    if (error.code != TN_OK || tn_wire_next(&caller->reader, &record, &has, &error) != TN_OK) {
        refuse(listener, caller, error.message, false);
        return false;
    }
    if (!has) {
        if (!is_open)
            refuse(listener, caller, "it closed the connection before it said who it is", false);
        return is_open;
    }
    /* Python's start-up hook tells in a NOTE why it cannot call properly. */
    json_t *note = record.type == TN_WIRE_NOTE ? json_loads(record.json, 0, NULL) : NULL;
    const char *text = json_string_value(json_object_get(note, "text"));
    if (record.type != TN_WIRE_HELLO)
        refuse(listener, caller, text ? text : "it did not say who it is", text != NULL);
    else if (tn_caller_introduce(caller, record.json, &error) != TN_OK)
        refuse(listener, caller, error.message, false);
    else
        deliver(listener, caller);
    json_decref(note);
    return false;
}

/* With the mutex held: forks that nobody tells of any more. */
static void lose_server(tn_listener *listener)
{
    tn_caller_destroy(listener->server);
    listener->server = NULL;
    for (tn_inbox *inbox = listener->inboxes; inbox; inbox = inbox->next)
        if (inbox->forked) {
            inbox->orphaned = true;
            notify(inbox->event);
        }
}

/* With the mutex held. */
static void note_exit(tn_listener *listener, const char *json)
{
    json_t *said = json_loads(json, 0, NULL);
    char trial[TN_TRIAL_ID] = "";
    copy_text(trial, sizeof trial, json_object_get(said, "trial"));
    tn_inbox *inbox = find_inbox(listener, trial);
    if (inbox) {
        inbox->exited = true;
        inbox->status = (int)json_integer_value(json_object_get(said, "status"));
        notify(inbox->event);
    }
    json_decref(said);
}

static void hear_server(tn_listener *listener)
{
    pthread_mutex_lock(&listener->mutex);
    if (listener->server) {
        tn_wire_record record;
        bool has = true;
        bool is_open = read_some(listener->server, listener->bytes, sizeof listener->bytes, NULL);
        while (has) {
            if (tn_wire_next(&listener->server->reader, &record, &has, NULL) != TN_OK)
                is_open = false;
            if (has && record.type == TN_WIRE_EXITED)
                note_exit(listener, record.json);
        }
        if (!is_open)
            lose_server(listener);
    }
    pthread_mutex_unlock(&listener->mutex);
}

enum { POLL_LISTENING, POLL_WAKE, POLL_SERVER, POLL_WAITING };

static void *listen_on(void *context)
{
    tn_listener *listener = context;
    struct pollfd polled[POLL_WAITING + WAITING_MAX];
    for (;;) {
        pthread_mutex_lock(&listener->mutex);
        bool ending = listener->ending;
        int server = listener->server ? listener->server->socket : -1;
        pthread_mutex_unlock(&listener->mutex);
        if (ending)
            return NULL;
        size_t waiting = listener->waiting_count;
        /* A full room takes nobody in: they wait in the kernel's queue. */
        polled[POLL_LISTENING] = (struct pollfd){.fd = waiting < WAITING_MAX ? listener->listening : -1, .events = POLLIN};
        polled[POLL_WAKE] = (struct pollfd){.fd = listener->wake, .events = POLLIN};
        polled[POLL_SERVER] = (struct pollfd){.fd = server, .events = POLLIN};
        for (size_t i = 0; i < waiting; i++)
            polled[POLL_WAITING + i] = (struct pollfd){.fd = listener->waiting[i]->socket, .events = POLLIN};
        if (poll(polled, (nfds_t)(POLL_WAITING + waiting), -1) < 0)
            continue;
        if (polled[POLL_WAKE].revents) {
            uint64_t count;
            (void)!read(listener->wake, &count, sizeof count);
        }
        if (polled[POLL_SERVER].revents)
            hear_server(listener);
        size_t kept = 0;
        for (size_t i = 0; i < waiting; i++) {
            tn_caller *caller = listener->waiting[i];
            if (!polled[POLL_WAITING + i].revents || hear_waiting(listener, caller))
                listener->waiting[kept++] = caller;
        }
        listener->waiting_count = kept;
        if (polled[POLL_LISTENING].revents)
            take_connection(listener);
    }
}

/* ---- life ---- */

static tn_status open_socket(tn_listener *listener, tn_error *error)
{
    uint64_t random[2];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return tn_fail(error, TN_ERROR_IO, "the system gives no random numbers: %s", strerror(errno));
    snprintf(listener->address, sizeof listener->address, "@tenet-%d-%016" PRIx64 "%016" PRIx64, (int)getpid(), random[0], random[1]);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t length = strlen(listener->address);
    memcpy(address.sun_path + 1, listener->address + 1, length - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    listener->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener->listening < 0 || bind(listener->listening, (struct sockaddr *)&address, size) != 0 ||
        listen(listener->listening, BACKLOG) != 0)
        return tn_fail(error, TN_ERROR_IO, "cannot listen on a Unix socket: %s", strerror(errno));
    listener->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return listener->wake >= 0 ? TN_OK : tn_fail(error, TN_ERROR_IO, "cannot make an event: %s", strerror(errno));
}

static void release(tn_listener *listener)
{
    for (size_t i = 0; i < listener->waiting_count; i++)
        tn_caller_destroy(listener->waiting[i]);
    tn_caller_destroy(listener->server);
    if (listener->listening >= 0)
        close(listener->listening);
    if (listener->wake >= 0)
        close(listener->wake);
    pthread_mutex_destroy(&listener->mutex);
    tn_memory_destroy(listener);
}

tn_status tn_listener_create(tn_listener **listener, tn_error *error)
{
    *listener = NULL;
    tn_listener *made = tn_memory_create(1, sizeof *made);
    if (!made)
        return tn_fail_memory(error, sizeof *made);
    made->listening = made->wake = -1;
    pthread_mutex_init(&made->mutex, NULL);
    tn_status status = open_socket(made, error);
    if (status == TN_OK && pthread_create(&made->thread, NULL, listen_on, made) != 0)
        status = tn_fail(error, TN_ERROR_IO, "the system gives no thread to listen with");
    if (status != TN_OK)
        release(made);
    else
        *listener = made;
    return status;
}

void tn_listener_destroy(tn_listener *listener)
{
    if (!listener)
        return;
    pthread_mutex_lock(&listener->mutex);
    listener->ending = true;
    notify(listener->wake);
    pthread_mutex_unlock(&listener->mutex);
    pthread_join(listener->thread, NULL);
    release(listener);
}

const char *tn_listener_address(const tn_listener *listener)
{
    return listener->address;
}

void tn_listener_refusal(tn_listener *listener, char text[256])
{
    pthread_mutex_lock(&listener->mutex);
    memcpy(text, listener->refusal, sizeof listener->refusal);
    pthread_mutex_unlock(&listener->mutex);
}

/* ---- inboxes ---- */

tn_status tn_inbox_open(tn_listener *listener, const char *trial, bool forked, tn_inbox *inbox, tn_error *error)
{
    *inbox = (tn_inbox){.forked = forked, .event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    snprintf(inbox->trial, sizeof inbox->trial, "%s", trial);
    if (inbox->event < 0)
        return tn_fail(error, TN_ERROR_IO, "cannot make an event: %s", strerror(errno));
    pthread_mutex_lock(&listener->mutex);
    inbox->orphaned = forked && !listener->server;
    inbox->next = listener->inboxes;
    listener->inboxes = inbox;
    pthread_mutex_unlock(&listener->mutex);
    return TN_OK;
}

void tn_inbox_close(tn_listener *listener, tn_inbox *inbox)
{
    if (inbox->event < 0)
        return;
    pthread_mutex_lock(&listener->mutex);
    tn_inbox **link = &listener->inboxes;
    while (*link && *link != inbox)
        link = &(*link)->next;
    if (*link)
        *link = inbox->next;
    pthread_mutex_unlock(&listener->mutex);
    while (inbox->callers) {
        tn_caller *next = inbox->callers->next;
        tn_caller_destroy(inbox->callers);
        inbox->callers = next;
    }
    close(inbox->event);
    inbox->event = -1;
}

tn_caller *tn_inbox_take(tn_listener *listener, tn_inbox *inbox)
{
    uint64_t count;
    pthread_mutex_lock(&listener->mutex);
    tn_caller *caller = inbox->callers;
    if (caller)
        inbox->callers = caller->next;
    else
        (void)!read(inbox->event, &count, sizeof count);
    pthread_mutex_unlock(&listener->mutex);
    if (caller)
        caller->next = NULL;
    return caller;
}

bool tn_inbox_ended(tn_listener *listener, tn_inbox *inbox, bool *known, int *status)
{
    pthread_mutex_lock(&listener->mutex);
    bool ended = inbox->exited || inbox->orphaned;
    *known = inbox->exited;
    if (inbox->exited)
        *status = inbox->status;
    pthread_mutex_unlock(&listener->mutex);
    return ended;
}

/* ---- the caller that serves forks ---- */

void tn_listener_attend(tn_listener *listener, tn_caller *caller)
{
    pthread_mutex_lock(&listener->mutex);
    tn_caller_destroy(listener->server);
    listener->server = caller;
    notify(listener->wake);
    pthread_mutex_unlock(&listener->mutex);
}

bool tn_listener_ask_fork(tn_listener *listener, const char *json)
{
    pthread_mutex_lock(&listener->mutex);
    bool is_there = listener->server != NULL;
    if (is_there)
        tn_caller_say(listener->server, TN_WIRE_FORK, json);
    pthread_mutex_unlock(&listener->mutex);
    return is_there;
}

void tn_listener_dismiss(tn_listener *listener)
{
    pthread_mutex_lock(&listener->mutex);
    if (listener->server) {
        /* The thread may be polling this socket, which keeps it open behind a close: shut, it is closed to the other end at once. */
        shutdown(listener->server->socket, SHUT_RDWR);
        lose_server(listener);
        notify(listener->wake);
    }
    pthread_mutex_unlock(&listener->mutex);
}
