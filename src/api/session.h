/* session.h: what stands behind the handles of include/tenet.h. */
#ifndef TN_API_SESSION_H
#define TN_API_SESSION_H

#include <jansson.h>

#include "experiments/debug.h"
#include "hypes/hypes.h"
#include "store/store.h"
#include "subject/subject.h"
#include "tenet.h"

struct tn_session {
    tn_hypes *hypes;
    tn_store *store; /* NULL: nothing is kept */
    tn_subject *subject;
    tn_cancel cancel;
    size_t threads;
    uint64_t seed;
    uint64_t budget_steps; /* 0: none */
    double budget_seconds; /* 0: none */
    tn_session_progress_fn *progress;
    void *progress_context;
    tn_error store_error; /* of a report that could not be kept; code TN_OK where all went well */
};

struct tn_report {
    json_t *document; /* owned */
};

/* A report that owns `document` (stolen), kept in the session's store where there is one. */
tn_status tn_session_report(tn_session *session, json_t *document, tn_report **report, tn_error *error);

/* "60s" or "5000steps" into one of the two, the other 0. NULL or "": both 0. */
tn_status tn_budget_parse(const char *text, double *seconds, uint64_t *steps, tn_error *error);

/* The hypes of a file with assignments applied. */
tn_status tn_hypes_assigned(const char *path, const char *const *assignments, size_t count, tn_hypes **hypes, tn_error *error);

#endif
