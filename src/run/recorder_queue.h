/* recorder_queue.h: a thread that does the recorder's second half (recorder_back.h), so that a training need not wait for rules, packing and the store. Private to src/run.
 *
 * Tensors and steps are copied into a ring and done in the order in which they came, so that observers hear, and the store gets, what they would on one thread. The training waits where the ring
 * is full, and where it asks for all to be done. A process that is killed loses what is in the ring: at most PUBLISH_NS of steps that were not shown to the thread yet, and what it has not come to. */
#ifndef TN_RUN_RECORDER_QUEUE_H
#define TN_RUN_RECORDER_QUEUE_H

#include "run/recorder_back.h"

typedef struct tn_recorder_queue tn_recorder_queue;

/* For tensors with up to `units_max` unit vitals. `back` is borrowed; nobody else calls it between a call of tn_queue_tensor or tn_queue_step and the next of tn_queue_drain. TN_ERROR_MEMORY;
 * TN_ERROR_UNSUPPORTED where the system gives no thread. */
tn_status tn_queue_create(tn_recorder_back *back, size_t units_max, tn_recorder_queue **queue, tn_error *error);

/* Drains. NULL is allowed. */
void tn_queue_destroy(tn_recorder_queue *queue);

/* Copies all but the texts of names and seen->batch.rows, which is NULL to who hears of it later. At most units_max units. */
void tn_queue_tensor(tn_recorder_queue *queue, const tn_tensor_seen *seen);

/* The same for a small tensor whose vitals nobody has taken: its values are copied, and the thread takes them, and those of its units where they are wanted. false, and nothing is done, where it is
 * large, or of a batch and holds what is not finite. */
bool tn_queue_values(tn_recorder_queue *queue, const tn_tensor_seen *seen, const tn_tensor_shown *shown, bool with_units);

void tn_queue_step(tn_recorder_queue *queue, const tn_step *step);

/* Returns once all of it is done. */
void tn_queue_drain(tn_recorder_queue *queue);

#endif
