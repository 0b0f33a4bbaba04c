/* support_table_subject.h: a native subject that learns y = 2 a - b from a noisy table of 240 rows, made anew for each test. */
#ifndef TN_TESTS_SUPPORT_TABLE_SUBJECT_H
#define TN_TESTS_SUPPORT_TABLE_SUBJECT_H

#include "hypes/hypes.h"
#include "subject/subject.h"

typedef struct table_subject {
    char folder[64];
    tn_hypes *hypes;
    tn_subject *subject;
} table_subject;

/* One dense unit, mse, SGD with rate 0.05, batches of 4, 10 epochs; `patch` (JSON, NULL: none) changes that. Fails the test where it cannot. */
void table_subject_open(table_subject *subject, const char *patch);

/* The same, its trials kept in `store` (borrowed; NULL: nowhere). */
void table_subject_open_stored(table_subject *subject, const char *patch, tn_store *store);

void table_subject_close(table_subject *subject);

/* The subject's hypes with a further patch. */
tn_hypes *table_subject_patched(const table_subject *subject, const char *patch);

#endif
