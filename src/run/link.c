/* link.c: a program's end of the socket to the process that watches it; see link.h.
 *
 * One mutex guards everything. What is written gathers in a buffer that is sent at a step's end, at a flush, or when it holds SEND_AT bytes.
 *
 * The program is not ours, so the link expects the worst of it. A child that it forks inherits the socket but must not speak in its parent's name: the link is dead
 * where the process id is another one. A program that closes descriptors it does not know may have got our number for a file of its own: before each sending
 * the number must still stand for the same socket. The socket gets a high number, out of the way of programs that expect 3. */
#include "run/link.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"

enum {
    SEND_AT = 64 << 10,    /* bytes */
    PATIENT = 4,           /* so many times that, and the pace, where another thread comes to send */
    HIGH_DESCRIPTOR = 200, /* the lowest number that the socket should get */
    PATIENCE_SECONDS = 300 /* a parent that takes nothing for so long is taken for dead */
};

struct tn_link {
    pthread_mutex_t mutex;
    int socket;
    dev_t device; /* of the socket, with inode: what the descriptor should stand for */
    ino_t inode;
    pid_t owner;
    bool alive, stop;
    uint64_t pace_ns, stepped_ns; /* the least time between sendings at a step's end, and when the last one was */
    uint64_t visited_ns;          /* when another thread last came to send; 0: never */
    tn_wire_buffer out;
    tn_wire_reader in;
};

/* ---- opening ---- */

static tn_status make_address(const char *address, struct sockaddr_un *made, socklen_t *size, tn_error *error)
{
    *made = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strlen(address);
    if (length == 0 || length >= sizeof made->sun_path)
        return tn_fail(error, TN_ERROR_USAGE, "the address of the socket has %zu bytes; expected 1 to %zu", length,
                       sizeof made->sun_path - 1);
    memcpy(made->sun_path, address, length);
    bool is_abstract = address[0] == '@';
    if (is_abstract)
        made->sun_path[0] = '\0';
    /* An abstract name has no terminator: every byte of its size counts. */
    *size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + (is_abstract ? 0 : 1));
    return TN_OK;
}

static tn_status connect_to(const char *address, int *connected, tn_error *error)
{
    struct sockaddr_un to;
    socklen_t size = 0;
    tn_status status = make_address(address, &to, &size, error);
    if (status != TN_OK)
        return status;
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return tn_fail(error, TN_ERROR_IO, "cannot make a socket: %s", strerror(errno));
    int high = fcntl(made, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
    if (high >= 0) {
        close(made);
        made = high;
    }
    int connecting;
    do
        connecting = connect(made, (const struct sockaddr *)&to, size);
    while (connecting != 0 && errno == EINTR);
    if (connecting != 0) {
        status = tn_fail(error, TN_ERROR_IO, "cannot reach tenet at %s: %s. The tenet that started this program has ended.", address,
                         strerror(errno));
        close(made);
        return status;
    }
    *connected = made;
    return TN_OK;
}

static tn_status check_peer(const char *address, int connected, tn_error *error)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connected, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return tn_fail(error, TN_ERROR_IO, "cannot tell who listens at %s: %s", address, strerror(errno));
    if (peer.uid != geteuid())
        return tn_fail(error, TN_ERROR_IO, "who listens at %s is user %u; expected user %u, who runs this program", address,
                       (unsigned)peer.uid, (unsigned)geteuid());
    return TN_OK;
}

static tn_status fill(tn_link *link, const char *address, tn_error *error)
{
    tn_status status = connect_to(address, &link->socket, error);
    if (status != TN_OK)
        return status;
    struct stat info;
    status = check_peer(address, link->socket, error);
    if (status == TN_OK && fstat(link->socket, &info) != 0)
        status = tn_fail(error, TN_ERROR_IO, "cannot look at the socket to %s: %s", address, strerror(errno));
    if (status != TN_OK) {
        close(link->socket);
        return status;
    }
    link->device = info.st_dev;
    link->inode = info.st_ino;
    link->owner = getpid();
    link->alive = true;
    return TN_OK;
}

tn_status tn_link_open(const char *address, tn_link **link, tn_error *error)
{
    *link = NULL;
    tn_link *made = tn_memory_create(1, sizeof *made);
    if (!made)
        return tn_fail_memory(error, sizeof *made);
    tn_status status = fill(made, address, error);
    if (status == TN_OK && pthread_mutex_init(&made->mutex, NULL) != 0) {
        close(made->socket);
        status = tn_fail_memory(error, sizeof made->mutex);
    }
    if (status != TN_OK) {
        tn_memory_destroy(made);
        return status;
    }
    *link = made;
    return TN_OK;
}

/* ---- sending ---- */

/* Locks. false, without the lock, in the child of a fork: another thread may have held the mutex when the process forked, and nobody would ever release it there. */
static bool enter(tn_link *link)
{
    if (getpid() != link->owner)
        return false;
    pthread_mutex_lock(&link->mutex);
    return true;
}

static bool is_still_ours(const tn_link *link)
{
    struct stat info;
    return fstat(link->socket, &info) == 0 && info.st_dev == link->device && info.st_ino == link->inode;
}

static void give_up(tn_link *link)
{
    link->alive = false;
    link->out.size = 0;
}

/* One attempt. false: nobody will ever take it. */
static bool send_some(tn_link *link, size_t *sent)
{
    ssize_t size = send(link->socket, link->out.bytes + *sent, link->out.size - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (size > 0) {
        *sent += (size_t)size;
        return true;
    }
    if (errno == EINTR)
        return true;
    if (errno != EAGAIN && errno != EWOULDBLOCK && errno != ENOBUFS)
        return false;
    struct pollfd wait = {.fd = link->socket, .events = POLLOUT};
    int ready = poll(&wait, 1, PATIENCE_SECONDS * 1000);
    return ready > 0 || (ready < 0 && errno == EINTR);
}

static void send_all(tn_link *link)
{
    if (!link->alive || link->out.size == 0)
        return;
    bool going_on = is_still_ours(link);
    for (size_t sent = 0; going_on && sent < link->out.size;)
        going_on = send_some(link, &sent);
    link->out.size = 0;
    if (!going_on)
        give_up(link);
}

/* Whether another thread comes so often that sending can be left to it. */
static bool is_visited(const tn_link *link, uint64_t now_ns)
{
    return link->visited_ns != 0 && now_ns - link->visited_ns < link->pace_ns;
}

/* Whether it is time to send: at once where nothing was sent before. */
static bool is_time(const tn_link *link, uint64_t now_ns, uint64_t patience)
{
    return link->stepped_ns == 0 || now_ns - link->stepped_ns >= patience * link->pace_ns;
}

/* The end of each call that adds a record. */
static void added(tn_link *link, tn_status status)
{
    if (status != TN_OK)
        give_up(link);
    else if (link->out.size >= SEND_AT && (link->out.size >= PATIENT * SEND_AT || !is_visited(link, tn_clock_ns())))
        send_all(link);
}

void tn_link_text(tn_link *link, tn_wire_type type, const char *json)
{
    if (!enter(link))
        return;
    if (link->alive)
        added(link, tn_wire_put_text(&link->out, type, json, NULL));
    pthread_mutex_unlock(&link->mutex);
}

void tn_link_tensor(tn_link *link, uint32_t index, const tn_tensor_name *name)
{
    if (!enter(link))
        return;
    if (link->alive)
        added(link, tn_wire_put_tensor(&link->out, index, name, NULL));
    pthread_mutex_unlock(&link->mutex);
}

void tn_link_units(tn_link *link, uint64_t step, uint32_t index, const tn_unit_vitals *units, uint64_t batch)
{
    if (!enter(link))
        return;
    if (link->alive)
        added(link, tn_wire_put_units(&link->out, step, index, units, batch, NULL));
    pthread_mutex_unlock(&link->mutex);
}

void tn_link_vitals(tn_link *link, uint64_t step, uint32_t index, const tn_vitals *vitals)
{
    if (!enter(link))
        return;
    if (link->alive)
        added(link, tn_wire_put_vitals(&link->out, step, index, vitals, NULL));
    pthread_mutex_unlock(&link->mutex);
}

void tn_link_score(tn_link *link, const tn_score_point *point)
{
    if (!enter(link))
        return;
    if (link->alive)
        added(link, tn_wire_put_score(&link->out, point, NULL));
    pthread_mutex_unlock(&link->mutex);
}

void tn_link_flush(tn_link *link)
{
    if (!enter(link))
        return;
    send_all(link);
    pthread_mutex_unlock(&link->mutex);
}

/* ---- hearing ---- */

/* Takes what has arrived, without waiting. A parent that is gone, or writes nonsense, is nobody. */
static void receive(tn_link *link)
{
    unsigned char bytes[4096];
    ssize_t size = 0;
    while (link->alive) {
        size = recv(link->socket, bytes, sizeof bytes, MSG_DONTWAIT);
        if (size > 0) {
            if (tn_wire_feed(&link->in, bytes, (size_t)size, NULL) != TN_OK)
                give_up(link);
        } else if (size == 0 || (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)) {
            give_up(link);
        } else if (errno != EINTR) {
            return;
        }
    }
}

static bool take(tn_link *link, tn_wire_record *record)
{
    bool has = false;
    if (tn_wire_next(&link->in, record, &has, NULL) != TN_OK)
        give_up(link);
    if (has && record->type == TN_WIRE_STOP)
        link->stop = true;
    return has;
}

void tn_link_pace(tn_link *link, uint64_t nanoseconds)
{
    if (!enter(link))
        return;
    link->pace_ns = nanoseconds;
    pthread_mutex_unlock(&link->mutex);
}

/* Sends, and hears the other end. */
static void exchange(tn_link *link)
{
    send_all(link);
    if (!link->alive)
        return;
    tn_wire_record record;
    receive(link);
    while (link->in.buffer.size > link->in.taken && take(link, &record))
        continue;
}

bool tn_link_step(tn_link *link, const tn_step *step)
{
    if (!enter(link))
        return true;
    if (link->alive)
        added(link, tn_wire_put_step(&link->out, step, NULL));
    uint64_t now_ns = link->pace_ns ? tn_clock_ns() : 0;
    if (!link->pace_ns || is_time(link, now_ns, is_visited(link, now_ns) ? PATIENT : 1)) {
        link->stepped_ns = now_ns;
        exchange(link);
    }
    bool going_on = !link->stop;
    pthread_mutex_unlock(&link->mutex);
    return going_on;
}

void tn_link_visit(tn_link *link)
{
    if (!enter(link))
        return;
    uint64_t now_ns = tn_clock_ns();
    if (link->out.size >= SEND_AT || is_time(link, now_ns, 1)) {
        link->stepped_ns = now_ns;
        exchange(link);
    }
    link->visited_ns = now_ns;
    pthread_mutex_unlock(&link->mutex);
}

bool tn_link_is_alive(const tn_link *link)
{
    tn_link *asked = (tn_link *)(uintptr_t)link;
    if (!enter(asked))
        return false;
    bool alive = asked->alive;
    pthread_mutex_unlock(&asked->mutex);
    return alive;
}

/* Milliseconds of a poll until `deadline_ns`; -1 without one. */
static int time_left(double seconds, uint64_t deadline_ns)
{
    if (seconds < 0)
        return -1;
    uint64_t now = tn_clock_ns();
    uint64_t left = now >= deadline_ns ? 0 : (deadline_ns - now + 999999) / 1000000;
    return left > 1000000 ? 1000000 : (int)left;
}

bool tn_link_wait(tn_link *link, double seconds, bool *has, tn_wire_record *record)
{
    uint64_t deadline_ns = tn_clock_ns() + (seconds > 0 ? (uint64_t)(seconds * 1e9) : 0);
    *has = false;
    for (;;) {
        if (!enter(link))
            return false;
        send_all(link);
        *has = take(link, record);
        if (!*has && link->alive && !is_still_ours(link))
            give_up(link);
        if (!*has)
            receive(link);
        if (!*has)
            *has = take(link, record);
        bool alive = link->alive;
        pthread_mutex_unlock(&link->mutex);
        if (*has || !alive)
            return alive || *has;
        int left = time_left(seconds, deadline_ns);
        if (left == 0)
            return true;
        /* Without the mutex, so that another thread may write meanwhile. */
        struct pollfd wait = {.fd = link->socket, .events = POLLIN};
        (void)poll(&wait, 1, left);
    }
}

/* ---- the end ---- */

static void destroy(tn_link *link, bool is_ours)
{
    if (is_ours)
        close(link->socket);
    tn_wire_buffer_deinit(&link->out);
    tn_wire_reader_deinit(&link->in);
    pthread_mutex_destroy(&link->mutex);
    tn_memory_destroy(link);
}

void tn_link_abandon(tn_link *link)
{
    if (!link)
        return;
    struct stat info;
    bool is_ours = fstat(link->socket, &info) == 0 && info.st_dev == link->device && info.st_ino == link->inode;
    /* The fork may have come while another thread held the mutex, so it is made anew instead of being taken. */
    pthread_mutex_init(&link->mutex, NULL);
    destroy(link, is_ours);
}

void tn_link_close(tn_link *link)
{
    if (!link)
        return;
    if (!enter(link)) {
        tn_link_abandon(link);
        return;
    }
    send_all(link);
    bool is_ours = is_still_ours(link);
    pthread_mutex_unlock(&link->mutex);
    destroy(link, is_ours);
}
