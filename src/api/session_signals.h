/* session_signals.h: the rules on a training, whose signals are told as they come.
 *
 * Two observers: one has the rules and may lag (run/recorder.h); the other tells on the training's own thread what they have said, of a step at that step or some later. */
#ifndef TN_API_SESSION_SIGNALS_H
#define TN_API_SESSION_SIGNALS_H

#include <stdatomic.h>

#include "api/session.h"
#include "rules/rules.h"

enum { TN_SIGNALS_MAX = TN_RULES_MAX };

/* What a rule said when it fired first. */
typedef struct tn_said {
    const char *rule;
    uint64_t step;
    char text[sizeof((tn_signal *)NULL)->text];
} tn_said;

typedef struct tn_session_signals {
    const tn_session *session;
    const tn_rule_set *set;
    tn_observer rules;
    bool has_said[TN_SIGNALS_MAX]; /* by the rule's place in the table */
    tn_said said[TN_SIGNALS_MAX];  /* in the order of firing; those before said_count stay as they are */
    atomic_size_t said_count;
    size_t told_count;
} tn_session_signals;

/* Two observers to give to a trial in place of the set's own, in this order. `signals` and `set` must live as long as the trial. */
void tn_session_signals_observers(tn_session_signals *signals, const tn_session *session, tn_rule_set *set, tn_observer observers[2]);

/* Whether the rules of this session's trainings may lag: nobody acts on what they say, nor draws it. */
bool tn_session_signals_may_lag(const tn_session *session);

#endif
