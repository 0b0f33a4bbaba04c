/* support_history.h: histories made up for tests of what is drawn from them. */
#ifndef TN_TESTS_SUPPORT_HISTORY_H
#define TN_TESTS_SUPPORT_HISTORY_H

#include "report/history.h"

tn_history *support_history(void);

/* One optimizer step. */
void support_history_step(tn_history *history, uint64_t step, double loss, double rate, double norm);
void support_history_score(tn_history *history, uint64_t step, double valid_score, double valid_loss);

/* One tensor of node number `index`, whose values are all `value` but for a zero. */
void support_history_tensor(tn_history *history, uint64_t step, const char *node, const char *parameter, tn_role role, size_t index,
                            float value);

/* A short run of a net with two dense layers: `steps` steps, tensors every 10 steps. */
void support_history_run(tn_history *history, uint64_t steps, const char *first_layer);

void support_history_signal(tn_history *history, const char *rule, uint64_t step, const char *tensor, const char *text);

#endif
