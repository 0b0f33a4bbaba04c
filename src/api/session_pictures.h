/* session_pictures.h: the pictures of a training while it goes on: the page that is written anew every few seconds, and the panel of a terminal.
 *
 * An observer feeds a history, and what was asked for is drawn from it, from the thread that trains. A session that asked for neither has no history, and nothing here costs anything. */
#ifndef TN_API_SESSION_PICTURES_H
#define TN_API_SESSION_PICTURES_H

#include "api/session.h"
#include "report/history.h"
#include "report/panel.h"
#include "report/webpage.h"
#include "rules/rules.h"
#include "subject/subject.h"

typedef struct tn_session_pictures {
    tn_session *session;
    const tn_rule_set *rules;
    tn_history *history; /* NULL: neither was asked for */
    tn_observer feed;    /* the history's */
    tn_shown_log *shown; /* NULL until samples were shown */
    tn_run_facts facts;
    uint64_t start_ns, write_ns, panel_ns; /* when the page, and the panel, are due again */
    uint64_t paced_ns, paced_step;         /* what the pace is measured from */
    tn_error failure;                      /* of the first write that failed; code TN_OK while none has */
} tn_session_pictures;

/* Whether any picture is asked for. */
bool tn_session_has_pictures(const tn_session *session);

/* Writes the first page, so that a path that cannot be written is told before anything is trained. `facts` may be NULL where nothing is known yet. tn_session_pictures_end in any case. */
tn_status tn_session_pictures_begin(tn_session_pictures *pictures, tn_session *session, const tn_rule_set *rules,
                                    const tn_subject_facts *facts, uint64_t steps_total, tn_error *error);

/* The observer to give to the trial, and the request's cadence and samples. */
tn_observer tn_session_pictures_observer(tn_session_pictures *pictures);
void tn_session_pictures_request(tn_session_pictures *pictures, tn_trial_request *request);

/* The last page: `end` as of tn_trial_end_name, or "failed" with the reason in `error`. `result` and `facts` may be NULL. A page that could not be written is told by the session when it is
 * closed, not here. */
void tn_session_pictures_end(tn_session_pictures *pictures, const tn_subject_facts *facts, const tn_trial_result *result, const char *end,
                             const tn_error *error);

#endif
