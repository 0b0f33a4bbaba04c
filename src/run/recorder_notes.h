/* recorder_notes.h: what a recorder writes to its store once or when it changes, beside series and vitals: the names of tensors, and signals. Private to src/run. */
#ifndef TN_RUN_RECORDER_NOTES_H
#define TN_RUN_RECORDER_NOTES_H

#include "run/recorder.h"

enum {
    TN_NOTES_TENSORS = 65536, /* names of tensors with a higher number are not kept */
    TN_NOTES_RULES = 256      /* nor signals of more rules */
};

/* Zeroed memory is a valid start. */
typedef struct tn_recorder_notes {
    unsigned char named[TN_NOTES_TENSORS / 8]; /* a bit a tensor */
    uint64_t kept_steps[TN_NOTES_RULES];       /* where the signal that the store has of each rule fired, plus 1; 0: the store has none */
} tn_recorder_notes;

/* Writes the tensor's name where it is new. */
tn_status tn_notes_tensor(tn_recorder_notes *notes, tn_store *store, int64_t trial, const tn_tensor_seen *seen, tn_error *error);

/* Writes signals that are new, and takes those back that no longer hold; `last`: with the words that they end with. */
tn_status tn_notes_signals(tn_recorder_notes *notes, tn_store *store, int64_t trial, const tn_observer *observers, size_t observer_count,
                           bool last, tn_error *error);

#endif
