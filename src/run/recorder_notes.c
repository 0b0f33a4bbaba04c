/* recorder_notes.c: see recorder_notes.h. */
#include "run/recorder_notes.h"

tn_status tn_notes_tensor(tn_recorder_notes *notes, tn_store *store, int64_t trial, const tn_tensor_seen *seen, tn_error *error)
{
    const tn_tensor_name *name = seen->name;
    size_t index = seen->index;
    if (index >= TN_NOTES_TENSORS || notes->named[index / 8] >> (index % 8) & 1)
        return TN_OK;
    notes->named[index / 8] = (unsigned char)(notes->named[index / 8] | 1 << (index % 8));
    char key[TN_TENSOR_KEY_BYTES];
    const tn_store_name kept = {
        .tensor = tn_tensor_key(key, name),
        .node = name->node,
        .op = name->op,
        .role = tn_role_name(name->role),
        .parameter = name->parameter,
        .node_index = name->node_index,
        .order = index,
        .count = name->count,
        .units = name->units,
    };
    return tn_store_tensor_name(store, trial, &kept, error);
}

tn_status tn_notes_signals(tn_recorder_notes *notes, tn_store *store, int64_t trial, const tn_observer *observers, size_t observer_count,
                           bool last, tn_error *error)
{
    tn_status status = TN_OK;
    size_t rule = 0;
    for (size_t i = 0; i < observer_count; i++) {
        const tn_observer *observer = &observers[i];
        tn_store_signal signal = {0};
        bool fired = false;
        for (size_t at = 0; observer->signal_at && observer->signal_at(observer->context, at, &signal, &fired) && rule < TN_NOTES_RULES;
             at++, rule++) {
            uint64_t kept = notes->kept_steps[rule];
            if (status == TN_OK && fired && (last || kept != signal.step + 1))
                status = tn_store_signal_put(store, trial, &signal, error);
            else if (status == TN_OK && !fired && kept)
                status = tn_store_signal_drop(store, trial, signal.rule, error);
            notes->kept_steps[rule] = fired ? signal.step + 1 : 0;
        }
    }
    return status;
}
