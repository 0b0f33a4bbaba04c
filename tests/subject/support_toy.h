/* support_toy.h: a toy training program, for tests of attached subjects: the test's own executable, started with "--toy" and words that say what it does.
 *
 * It trains nothing: its loss is 2 * 0.97^step * (learning rate / 0.1), its score 1 - loss / 2. Words, each of which may end in "=K", K a step:
 *   steps=K    it ends by itself after so many (200 otherwise)
 *   slow=MS    milliseconds of a step
 *   crash=K, exit=K, hang=K, nonsense=K, close=K, nan=K    a segmentation fault, exit status 3, sleep without end, rubbish on the socket, all descriptors closed (then it goes on), a
 *              loss that is no number: at that step, but not in the look
 *   always     also in the look
 *   forks      a child of it calls tenet as well, says rubbish, and trains
 *   ranks      it is two ranks; the second is a child
 *   silent     it never calls
 *   lines      it writes to $TENET_LOG instead
 *   deaf       it hears no STOP
 *   uncounted  it does not count its steps; one that is told where it ends goes round as often as the steps that are asked for need
 *   refuses    it refuses the batch size
 *   forgets    it does not say that it applied the learning rate
 *   restless   it says END and goes on
 *   writes     it writes the file "written" in its working folder */
#ifndef TN_SUPPORT_TOY_H
#define TN_SUPPORT_TOY_H

#include "subject/process.h"

/* Runs the toy where the program was started as one: returns its exit status; else -1. First thing in main. */
int toy_main(int argc, char **argv);

enum { TOY_WORDS = 16 };

/* The toy's command; words end with NULL. */
typedef struct toy {
    const char *command[TOY_WORDS + 3];
    char program[512];
    tn_cancel cancel;
    tn_process_settings settings;
} toy;

/* Fills `made` with the command and settings: not isolated, no forks, silence after 20 s. */
void toy_settings(toy *made, ...);

/* The subject of these settings; it must be made. */
tn_subject *toy_open(const toy *made);

#endif
