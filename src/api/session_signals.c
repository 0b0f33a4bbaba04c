/* session_signals.c: see session_signals.h. A rule that fires is told once; one that takes its signal back, as some do, was heard all the same. */
#include "api/session_signals.h"

static void tell(tn_session_signals *signals)
{
    const tn_session *session = signals->session;
    if (!session->signal)
        return;
    for (size_t i = 0; i < tn_rule_count() && i < TN_SIGNALS_MAX; i++) {
        const tn_signal *signal = signals->told[i] ? NULL : tn_rule_set_signal(signals->set, tn_rule_at(i)->name);
        if (!signal || signal->state != TN_RULE_FIRED)
            continue;
        signals->told[i] = true;
        session->signal(session->signal_context, signal->rule, signal->step, signal->text);
    }
}

static bool on_step(void *context, const tn_step *step)
{
    tn_session_signals *signals = context;
    bool goes_on = signals->rules.on_step(signals->rules.context, step);
    tell(signals);
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
    tell(signals);
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

tn_observer tn_session_signals_observer(tn_session_signals *signals, const tn_session *session, tn_rule_set *set)
{
    *signals = (tn_session_signals){.session = session, .set = set, .rules = tn_rule_set_observer(set)};
    return (tn_observer){.context = signals,
                         .on_step = on_step,
                         .on_tensor = on_tensor,
                         .on_score = on_score,
                         .on_data = on_data,
                         .on_origin = on_origin,
                         .on_end = on_end,
                         .fired = count_fired,
                         .signal_at = signal_at};
}
