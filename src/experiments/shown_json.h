/* shown_json.h: a sample as the network sees it, for the report: images as rows of characters, others as their first values. */
#ifndef TN_EXPERIMENTS_SHOWN_JSON_H
#define TN_EXPERIMENTS_SHOWN_JSON_H

#include "experiments/investigation.h"

/* Puts "picture" or "inputs" into `entry`. */
void tn_shown_put_inputs(tn_investigation *investigation, json_t *entry, const tn_trial_result *result, const tn_shown_sample *sample);

/* The first few of the values (a new reference). */
json_t *tn_shown_numbers(tn_investigation *investigation, const float *values, size_t count);

#endif
