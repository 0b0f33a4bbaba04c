/* interrupt.c: see interrupt.h. */
#include "cli/interrupt.h"

#include <signal.h>
#include <unistd.h>

enum { EXIT_INTERRUPTED = 128 + SIGINT };

static void the_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
}

static void *listen(void *context)
{
    tn_interrupt *interrupt = context;
    sigset_t signals;
    int which;
    the_signals(&signals);
    for (bool first = true;; first = false) {
        if (sigwait(&signals, &which) != 0)
            continue;
        pthread_mutex_lock(&interrupt->lock);
        tn_session *session = interrupt->session;
        bool done = interrupt->done;
        if (session)
            tn_session_cancel(session);
        pthread_mutex_unlock(&interrupt->lock);
        if (done)
            return NULL;
        if (!first || !session)
            _exit(EXIT_INTERRUPTED);
    }
}

void tn_interrupt_begin(tn_interrupt *interrupt)
{
    sigset_t signals;
    *interrupt = (tn_interrupt){0};
    pthread_mutex_init(&interrupt->lock, NULL);
    the_signals(&signals);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    interrupt->started = pthread_create(&interrupt->thread, NULL, listen, interrupt) == 0;
    if (!interrupt->started)
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

void tn_interrupt_guard(tn_interrupt *interrupt, tn_session *session)
{
    pthread_mutex_lock(&interrupt->lock);
    interrupt->session = session;
    pthread_mutex_unlock(&interrupt->lock);
}

void tn_interrupt_end(tn_interrupt *interrupt)
{
    sigset_t signals;
    if (interrupt->started) {
        /* A signal of our own wakes the thread. */
        pthread_mutex_lock(&interrupt->lock);
        interrupt->done = true;
        pthread_mutex_unlock(&interrupt->lock);
        pthread_kill(interrupt->thread, SIGTERM); /* NOLINT(bugprone-bad-signal-to-kill-thread): it waits for this one */
        pthread_join(interrupt->thread, NULL);
        the_signals(&signals);
        pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
    }
    pthread_mutex_destroy(&interrupt->lock);
    interrupt->started = false;
}
