/* test_link.c: a program's end of the socket: what it writes arrives, it hears STOP and FORK, and it outlives whatever happens to the other end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run/link.h"

/* The watching end, in the same process. */
typedef struct watcher {
    char address[64];
    int listening, connection;
    tn_link *link;
    tn_wire_reader reader;
    tn_wire_record record;
} watcher;

static int setup(void **state)
{
    watcher *w = calloc(1, sizeof *w);
    if (!w)
        return 1;
    snprintf(w->address, sizeof w->address, "@tenet-test-link-%d", (int)getpid());
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memcpy(address.sun_path + 1, w->address + 1, strlen(w->address) - 1);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(w->address));
    w->listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(w->listening, (struct sockaddr *)&address, size) != 0 || listen(w->listening, 4) != 0)
        return 1;
    tn_error error = {0};
    if (tn_link_open(w->address, &w->link, &error) != TN_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    w->connection = accept(w->listening, NULL, NULL);
    *state = w;
    return w->connection < 0;
}

static int teardown(void **state)
{
    watcher *w = *state;
    tn_link_close(w->link);
    tn_wire_reader_deinit(&w->reader);
    if (w->connection >= 0)
        close(w->connection);
    close(w->listening);
    free(w);
    return 0;
}

/* The next record; false at the end of the conversation. */
static bool hear(watcher *w)
{
    for (;;) {
        bool has = false;
        assert_int_equal(tn_wire_next(&w->reader, &w->record, &has, NULL), TN_OK);
        if (has)
            return true;
        char bytes[4096];
        ssize_t size = recv(w->connection, bytes, sizeof bytes, 0);
        if (size <= 0)
            return false;
        assert_int_equal(tn_wire_feed(&w->reader, bytes, (size_t)size, NULL), TN_OK);
    }
}

static void say(watcher *w, tn_wire_type type, const char *json)
{
    tn_wire_buffer buffer = {0};
    assert_int_equal(tn_wire_put_text(&buffer, type, json, NULL), TN_OK);
    assert_int_equal(send(w->connection, buffer.bytes, buffer.size, MSG_NOSIGNAL), buffer.size);
    tn_wire_buffer_deinit(&buffer);
}

static bool step(watcher *w, uint64_t number)
{
    return tn_link_step(w->link, &(tn_step){.step = number, .loss = 1, .gradient_norm = NAN});
}

static bool nothing_waits(const watcher *w)
{
    char byte;
    return recv(w->connection, &byte, 1, MSG_DONTWAIT | MSG_PEEK) < 0;
}

static void say_blanks(watcher *w, size_t count)
{
    char *text = malloc(count + 1);
    assert_non_null(text);
    memset(text, ' ', count);
    text[count] = '\0';
    tn_link_text(w->link, TN_WIRE_NOTE, text);
    free(text);
}

static void what_is_written_arrives_with_the_step(void **state)
{
    watcher *w = *state;
    tn_link_text(w->link, TN_WIRE_HELLO, "{}");
    tn_link_tensor(w->link, 3, &(tn_tensor_name){.node = "a", .op = "dense", .count = 4, .units = 2});
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_link_vitals(w->link, 1, 3, &vitals);
    tn_link_score(w->link, &(tn_score_point){.train_score = 0.5});
    assert_true(nothing_waits(w));
    assert_true(step(w, 1));
    static const tn_wire_type TYPES[] = {TN_WIRE_HELLO, TN_WIRE_TENSOR, TN_WIRE_VITALS, TN_WIRE_SCORE, TN_WIRE_STEP};
    for (size_t i = 0; i < sizeof TYPES / sizeof TYPES[0]; i++) {
        assert_true(hear(w));
        assert_int_equal(w->record.type, TYPES[i]);
    }
    tn_link_text(w->link, TN_WIRE_NOTE, "{}");
    tn_link_flush(w->link);
    assert_true(hear(w));
    assert_int_equal(w->record.type, TN_WIRE_NOTE);
    tn_link_text(w->link, TN_WIRE_END, "{}");
    tn_link_close(w->link);
    w->link = NULL;
    assert_true(hear(w));
    assert_int_equal(w->record.type, TN_WIRE_END);
    assert_false(hear(w));
}

static void much_is_sent_before_the_step(void **state)
{
    watcher *w = *state;
    say_blanks(w, 69999);
    assert_true(hear(w));
    assert_int_equal(w->record.json_length, 69999);
}

static void steps_at_a_pace_share_a_sending(void **state)
{
    watcher *w = *state;
    tn_link_pace(w->link, (uint64_t)3600 * 1000000000);
    assert_true(step(w, 1));
    assert_true(step(w, 2));
    tn_link_flush(w->link);
    for (uint64_t number = 1; number <= 2; number++) {
        assert_true(hear(w));
        assert_int_equal(w->record.scalars.step, number);
    }
    assert_true(step(w, 3));
    assert_true(nothing_waits(w));
}

/* A second thread comes to send: the program's own leaves more to it than it would gather otherwise, and hears through it. */
static void sending_is_left_to_who_comes_for_it(void **state)
{
    watcher *w = *state;
    tn_link_pace(w->link, (uint64_t)3600 * 1000000000);
    tn_link_visit(w->link);
    assert_true(step(w, 1));
    say_blanks(w, 70000);
    assert_true(nothing_waits(w));
    say(w, TN_WIRE_STOP, "");
    tn_link_visit(w->link); /* it is not time, but much has gathered */
    assert_true(hear(w));
    assert_int_equal(w->record.type, TN_WIRE_STEP);
    assert_true(hear(w));
    assert_int_equal(w->record.json_length, 70000);
    assert_false(step(w, 2)); /* the visit has heard the stop */
    tn_link_visit(w->link);
    assert_true(nothing_waits(w));
}

/* One that no longer comes keeps nothing back. */
static void who_came_once_is_not_waited_for(void **state)
{
    watcher *w = *state;
    tn_link_pace(w->link, 1000000);
    tn_link_visit(w->link);
    usleep(2000);
    say_blanks(w, 70000);
    assert_true(hear(w));
    assert_int_equal(w->record.json_length, 70000);
}

static void hears_stop(void **state)
{
    watcher *w = *state;
    assert_true(step(w, 1));
    say(w, TN_WIRE_STOP, "");
    assert_false(step(w, 2));
    assert_false(step(w, 3)); /* and remembers it */
    assert_true(tn_link_is_alive(w->link));
}

static void waits_for_forks(void **state)
{
    watcher *w = *state;
    tn_wire_record record;
    bool has = true;
    assert_true(tn_link_wait(w->link, 0.01, &has, &record));
    assert_false(has);
    say(w, TN_WIRE_FORK, "{\"trial\":\"a\"}");
    say(w, TN_WIRE_FORK, "{\"trial\":\"b\"}");
    close(w->connection);
    w->connection = -1;
    assert_true(tn_link_wait(w->link, -1, &has, &record));
    assert_true(has);
    assert_string_equal(record.json, "{\"trial\":\"a\"}");
    assert_true(tn_link_wait(w->link, -1, &has, &record));
    assert_true(has);
    assert_string_equal(record.json, "{\"trial\":\"b\"}");
    assert_false(tn_link_wait(w->link, -1, &has, &record));
    assert_false(has);
}

static void outlives_the_watcher(void **state)
{
    watcher *w = *state;
    assert_true(step(w, 1));
    close(w->connection);
    w->connection = -1;
    assert_true(step(w, 2)); /* goes on, and no SIGPIPE */
    assert_true(step(w, 3));
    assert_false(tn_link_is_alive(w->link));
    tn_link_text(w->link, TN_WIRE_NOTE, "{}");
    tn_link_flush(w->link);
}

static void nonsense_from_the_watcher_is_nobody(void **state)
{
    watcher *w = *state;
    assert_int_equal(send(w->connection, "nonsense", 8, MSG_NOSIGNAL), 8);
    assert_true(step(w, 1));
    assert_false(tn_link_is_alive(w->link));
}

static void a_forked_child_is_silent(void **state)
{
    watcher *w = *state;
    tn_link_text(w->link, TN_WIRE_HELLO, "{}");
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        bool silent = !tn_link_is_alive(w->link) && step(w, 99);
        tn_link_abandon(w->link);
        _exit(silent ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(step(w, 1));
    assert_true(hear(w));
    assert_int_equal(w->record.type, TN_WIRE_HELLO);
    assert_true(hear(w));
    assert_int_equal(w->record.scalars.step, 1);
}

static bool is_connected(int descriptor)
{
    struct sockaddr_un peer;
    socklen_t size = sizeof peer;
    return getpeername(descriptor, (struct sockaddr *)&peer, &size) == 0;
}

/* A program that closes descriptors it does not know, and gets our number for a file of its own. */
static void another_file_under_its_number_is_left_alone(void **state)
{
    watcher *w = *state;
    assert_true(step(w, 1));
    assert_true(hear(w));
    int highest = -1;
    for (int i = 200; i < 260; i++)
        if (is_connected(i) && i != w->connection)
            highest = i;
    assert_true(highest >= 200);
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(dup2(fileno(file), highest), highest);
    assert_true(step(w, 2));
    assert_false(tn_link_is_alive(w->link));
    tn_link_close(w->link);
    w->link = NULL;
    assert_true(fcntl(highest, F_GETFD) >= 0); /* not closed either */
    assert_int_equal(lseek(highest, 0, SEEK_END), 0);
    close(highest);
    fclose(file);
}

enum { THREADS = 4, EACH = 500 };

static void *write_many(void *argument)
{
    watcher *w = argument;
    for (int i = 0; i < EACH; i++) {
        tn_link_text(w->link, TN_WIRE_NOTE, "{\"text\":\"from a thread\"}");
        if (i % 16 == 0)
            tn_link_flush(w->link);
    }
    return NULL;
}

static void threads_do_not_mix_records(void **state)
{
    watcher *w = *state;
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, write_many, w), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    tn_link_flush(w->link);
    for (size_t i = 0; i < (size_t)THREADS * EACH; i++) {
        assert_true(hear(w));
        assert_string_equal(w->record.json, "{\"text\":\"from a thread\"}");
    }
}

static void says_why_it_cannot_connect(void **state)
{
    (void)state;
    tn_link *link = NULL;
    tn_error error = {0};
    assert_int_equal(tn_link_open("@tenet-test-nobody-here", &link, &error), TN_ERROR_IO);
    assert_null(link);
    assert_non_null(strstr(error.message, "@tenet-test-nobody-here"));
    assert_int_equal(tn_link_open("", &link, &error), TN_ERROR_USAGE);
    char name[300];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(tn_link_open(name, &link, &error), TN_ERROR_USAGE);
    tn_link_close(NULL);
    tn_link_abandon(NULL);
}

#define WATCHED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCHED(what_is_written_arrives_with_the_step),
        WATCHED(much_is_sent_before_the_step),
        WATCHED(steps_at_a_pace_share_a_sending),
        WATCHED(sending_is_left_to_who_comes_for_it),
        WATCHED(who_came_once_is_not_waited_for),
        WATCHED(hears_stop),
        WATCHED(waits_for_forks),
        WATCHED(outlives_the_watcher),
        WATCHED(nonsense_from_the_watcher_is_nobody),
        WATCHED(a_forked_child_is_silent),
        WATCHED(another_file_under_its_number_is_left_alone),
        WATCHED(threads_do_not_mix_records),
        cmocka_unit_test(says_why_it_cannot_connect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
