/* session_look.h: the first look at the training as given, as the report keeps it: its curves, updates and histograms, for the pictures of `tenet report` (docs/report.md, "look").
 *
 * A guest of the look's trial fills a history of bounded size. Only the first run that it sees counts: a debug that begins anew with a fix made looks again, at another training. */
#ifndef TN_API_SESSION_LOOK_H
#define TN_API_SESSION_LOOK_H

#include <jansson.h>

#include "report/history.h"
#include "subject/subject.h"

typedef struct tn_session_look {
    tn_history *history;
    tn_observer feed; /* the history's */
    bool ended;       /* the first run that was seen has ended */
} tn_session_look;

/* tn_session_look_deinit in any case. */
tn_status tn_session_look_init(tn_session_look *look, tn_error *error);
void tn_session_look_deinit(tn_session_look *look);

/* For tn_debug_options.look; borrows `look`. */
tn_observer tn_session_look_observer(tn_session_look *look);

/* Adds "look" to a report, where a look was seen: a document like that of the page of a run, and at each weight what mature networks of its kind have ("mature"). */
tn_status tn_session_look_add(const tn_session_look *look, const tn_subject_facts *facts, json_t *document, tn_error *error);

#endif
