/* recorder_back.h: what follows once the vitals of a tensor are known: observers hear them, and the store gets them. Private to src/run.
 *
 * The recorder calls this half itself, or leaves tensors and steps to a thread that does (recorder_queue.h). One caller at a time. */
#ifndef TN_RUN_RECORDER_BACK_H
#define TN_RUN_RECORDER_BACK_H

#include "run/recorder.h"

typedef struct tn_recorder_back tn_recorder_back;

/* Whom a call is for. */
typedef enum tn_hearers { TN_HEARERS_ALL, TN_HEARERS_PROMPT, TN_HEARERS_LAGGING } tn_hearers;

/* Tells observers [config->observer_count] of that kind. false where one ends the trial. */
void tn_observers_tensor(const tn_recorder_config *config, tn_hearers hearers, const tn_tensor_seen *seen);
bool tn_observers_step(const tn_recorder_config *config, tn_hearers hearers, const tn_step *step);

/* Begins the trial in the store, where there is one. `config` is borrowed. */
tn_status tn_back_create(const tn_recorder_config *config, tn_recorder_back **back, tn_error *error);
void tn_back_destroy(tn_recorder_back *back); /* NULL is allowed */

/* Of tensors and steps, tells only these from now on; of all else everybody. */
void tn_back_tell_only(tn_recorder_back *back, tn_hearers hearers);

void tn_back_tensor(tn_recorder_back *back, const tn_tensor_seen *seen);
bool tn_back_step(tn_recorder_back *back, const tn_step *step); /* false where an observer ends the trial */
void tn_back_score(tn_recorder_back *back, const tn_score_point *point);
void tn_back_data(tn_recorder_back *back, const tn_data_summary *data);
void tn_back_origin(tn_recorder_back *back, const tn_told_origin *origin);
void tn_back_flush(tn_recorder_back *back);

/* Bytes of vitals that went to the store with the last step. */
uint64_t tn_back_step_bytes(const tn_recorder_back *back);

/* As tn_recorder_end, after `last_step`; the object stays. */
tn_status tn_back_end(tn_recorder_back *back, uint64_t last_step, const char *end, const char *result_json, tn_error *error);

#endif
