/* support_subject.h: small made-up problems for tests of the native subject. */
#ifndef TN_SUPPORT_SUBJECT_H
#define TN_SUPPORT_SUBJECT_H

#include <stddef.h>

#include "subject/subject.h"

enum { BLOB_ROWS = 600, BLOB_CLASSES = 3, LINE_ROWS = 400 };

/* What the files hold, in the order of their rows. */
typedef struct problem {
    char folder[256];
    float blobs[BLOB_ROWS][2]; /* blobs.csv: x, y, label; three round clouds, sorted by nothing */
    int labels[BLOB_ROWS];
    float line[LINE_ROWS][2]; /* line.csv: a, b, target, other; target = 100 a - 50 b + 1000, other = a */
} problem;

/* cmocka setup and teardown: writes the files into a folder of its own; *state is the problem. */
int problem_setup(void **state);
int problem_teardown(void **state);

/* Hypes over one of the files: `net`, `loss` and `solver` are JSON; `more` is further text inside "data", beginning with a comma, or "". */
tn_hypes *blob_hypes(const problem *files, const char *more, const char *net, const char *loss, const char *solver);
tn_hypes *line_hypes(const problem *files, const char *more, const char *net, const char *loss, const char *solver);

/* A net of one hidden layer that learns the clouds. */
tn_hypes *usual_hypes(const problem *files);

tn_subject *open_subject(const tn_hypes *hypes, tn_store *store, tn_cancel *cancel);

/* A request for `steps` steps that changes nothing else. */
tn_trial_request plain_request(uint64_t steps);

/* Runs it on `threads`; it must return TN_OK. */
tn_trial_result run_trial(tn_subject *subject, const tn_trial_request *request, size_t threads);

/* Everything but `seconds` is the same, bit for bit. */
void assert_same_result(const tn_trial_result *a, const tn_trial_result *b);

#endif
