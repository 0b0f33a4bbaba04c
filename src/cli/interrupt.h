/* interrupt.h: Ctrl-C. The first cancels the session, whose report so far is then printed; the second ends the program at once, with exit code 130.
 *
 * A thread waits for the signal, so that no handler and no global is needed. SIGTERM counts as Ctrl-C. */
#ifndef TN_CLI_INTERRUPT_H
#define TN_CLI_INTERRUPT_H

#include <pthread.h>
#include <stdbool.h>

#include "tenet.h"

typedef struct tn_interrupt {
    pthread_t thread;
    pthread_mutex_t lock;
    tn_session *session; /* guarded by lock; NULL: the first signal ends the program */
    bool done;           /* guarded by lock; the next signal ends the thread */
    bool started;
} tn_interrupt;

/* Begins to listen. Call it before other threads start, since they inherit the blocked signals. Where no thread can be had, Ctrl-C ends the program as ever. */
void tn_interrupt_begin(tn_interrupt *interrupt);

/* The session to cancel; NULL before it is closed. */
void tn_interrupt_guard(tn_interrupt *interrupt, tn_session *session);
void tn_interrupt_end(tn_interrupt *interrupt);

#endif
