/* support_blobs.h: a native subject that classifies points of three groups, a share of whose labels is wrong. */
#ifndef TN_TESTS_SUPPORT_BLOBS_H
#define TN_TESTS_SUPPORT_BLOBS_H

#include "experiments/debug.h"

typedef struct blobs_subject {
    char folder[64];
    tn_hypes *hypes;
    tn_subject *subject;
} blobs_subject;

enum { BLOBS_ROWS = 900, BLOBS_CLASSES = 3 };

/* Every `wrong_every`-th label is the next class (0: none). `patch` of the hypes may be NULL. */
void blobs_open(blobs_subject *subject, int wrong_every, const char *patch);
void blobs_close(blobs_subject *subject);

/* The report of one experiment; fails the test on an error. */
json_t *blobs_experiment(int wrong_every, const char *patch, const char *command);

#endif
