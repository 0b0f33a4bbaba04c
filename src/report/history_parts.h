/* history_parts.h: what stands behind a tn_history. Private to src/report. */
#ifndef TN_REPORT_HISTORY_PARTS_H
#define TN_REPORT_HISTORY_PARTS_H

#include "report/history.h"

struct tn_history {
    tn_history_series series[TN_HISTORY_KINDS];
    tn_history_tensor *tensors[TN_HISTORY_TENSORS];  /* [tensor_count], in the order in which they were first seen; owned */
    tn_history_tensor *by_index[TN_HISTORY_TENSORS]; /* the same, by the subject's numbers; NULL: not seen */
    size_t tensor_count;
    size_t indices_seen, left_out; /* tensors whose number is too large */
    tn_history_signal signals[TN_HISTORY_SIGNALS];
    size_t signal_count;
    uint64_t last_step;
    bool ended, out_of_memory;
};

void tn_history_add_value(tn_history *history, tn_history_kind kind, uint64_t step, double value);
void tn_history_add_tensor(tn_history *history, const tn_tensor_seen *seen);

/* The same as tn_history_add_signal, in the store's words. */
void tn_history_note_signal(tn_history *history, const tn_store_signal *signal);

#endif
