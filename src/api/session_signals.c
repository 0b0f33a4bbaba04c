/* session_signals.c: see session_signals.h. A rule that fires is told once; one that takes its signal back, as some do, was heard all the same. */
#include "api/session_signals.h"

#include <stdio.h>

#include "api/session_pictures.h"

/* ---- the rules ---- */

static void note_said(tn_session_signals *signals)
{
    size_t count = atomic_load_explicit(&signals->said_count, memory_order_relaxed), before = count;
    for (size_t i = 0; i < tn_rule_count(); i++) {
        const tn_signal *signal = signals->has_said[i] ? NULL : tn_rule_set_signal(signals->set, tn_rule_at(i)->name);
        if (!signal || signal->state != TN_RULE_FIRED)
            continue;
        signals->has_said[i] = true;
        tn_said *said = &signals->said[count++];
        said->rule = signal->rule;
        said->step = signal->step;
        snprintf(said->text, sizeof said->text, "%s", signal->text);
    }
    if (count > before)
        atomic_store_explicit(&signals->said_count, count, memory_order_release);
}

static bool on_step(void *context, const tn_step *step)
{
    tn_session_signals *signals = context;
    bool goes_on = signals->rules.on_step(signals->rules.context, step);
    note_said(signals);
    if (signals->session->debug_on_plateau && tn_rule_set_signal(signals->set, "plateau")->state == TN_RULE_FIRED)
        return false;
    return goes_on || signals->session->only_records;
}

static void on_tensor(void *context, const tn_tensor_seen *seen)
{
    tn_session_signals *signals = context;
    signals->rules.on_tensor(signals->rules.context, seen);
}

static void on_score(void *context, const tn_score_point *point)
{
    tn_session_signals *signals = context;
    signals->rules.on_score(signals->rules.context, point);
}

static void on_data(void *context, const tn_data_summary *data)
{
    tn_session_signals *signals = context;
    signals->rules.on_data(signals->rules.context, data);
}

static void on_origin(void *context, const tn_told_origin *origin)
{
    tn_session_signals *signals = context;
    signals->rules.on_origin(signals->rules.context, origin);
}

static void on_end(void *context, uint64_t steps)
{
    tn_session_signals *signals = context;
    signals->rules.on_end(signals->rules.context, steps);
    note_said(signals);
}

static size_t count_fired(void *context)
{
    tn_session_signals *signals = context;
    return signals->rules.fired(signals->rules.context);
}

static bool signal_at(void *context, size_t i, tn_store_signal *signal, bool *fired)
{
    tn_session_signals *signals = context;
    return signals->rules.signal_at(signals->rules.context, i, signal, fired);
}

/* ---- telling ---- */

static void tell(tn_session_signals *signals)
{
    const tn_session *session = signals->session;
    size_t count = atomic_load_explicit(&signals->said_count, memory_order_acquire);
    for (; signals->told_count < count; signals->told_count++) {
        const tn_said *said = &signals->said[signals->told_count];
        if (session->signal)
            session->signal(session->signal_context, said->rule, said->step, said->text);
    }
}

static bool tell_at_step(void *context, const tn_step *step)
{
    (void)step;
    tell(context);
    return true;
}

static void tell_at_end(void *context, uint64_t steps)
{
    (void)steps;
    tell(context);
}

void tn_session_signals_observers(tn_session_signals *signals, const tn_session *session, tn_rule_set *set, tn_observer observers[2])
{
    *signals = (tn_session_signals){.session = session, .set = set, .rules = tn_rule_set_observer(set)};
    observers[0] = (tn_observer){.context = signals,
                                 .on_step = on_step,
                                 .on_tensor = on_tensor,
                                 .on_score = on_score,
                                 .on_data = on_data,
                                 .on_origin = on_origin,
                                 .on_end = on_end,
                                 .may_lag = true,
                                 .fired = count_fired,
                                 .signal_at = signal_at};
    observers[1] = (tn_observer){.context = signals, .on_step = tell_at_step, .on_end = tell_at_end};
}

bool tn_session_signals_may_lag(const tn_session *session)
{
    return session->watches_all && !session->debug_on_plateau && !tn_session_has_pictures(session);
}
