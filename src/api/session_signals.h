/* session_signals.h: the rules on a training, whose signals are told as they come. */
#ifndef TN_API_SESSION_SIGNALS_H
#define TN_API_SESSION_SIGNALS_H

#include "api/session.h"
#include "rules/rules.h"

enum { TN_SIGNALS_MAX = 64 };

typedef struct tn_session_signals {
    const tn_session *session;
    const tn_rule_set *set;
    tn_observer rules;
    bool told[TN_SIGNALS_MAX]; /* by the rule's place in the table */
} tn_session_signals;

/* The observer to give to a trial in place of the set's own. `signals` and `set` must live as long as the trial. */
tn_observer tn_session_signals_observer(tn_session_signals *signals, const tn_session *session, tn_rule_set *set);

#endif
