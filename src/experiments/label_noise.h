/* label_noise.h: are many labels wrong? (PROTOCOL B3)
 *
 * 1. Cross-validation: short trainings, each without a part of the samples, predict the part that they never saw; suspects.h lists the labels that two judges doubt.
 * 2. Control: on fresh paired seeds the network trains with and without the suspects; both are scored on samples that neither saw and whose labels nobody doubts. Labels that are merely hard to learn
 *    are missed when they go; wrong ones are not.
 *
 * For native subjects that classify: a trial must leave out samples and show what it makes of them. */
#ifndef TN_EXPERIMENTS_LABEL_NOISE_H
#define TN_EXPERIMENTS_LABEL_NOISE_H

#include "experiments/race.h"
#include "experiments/suspects.h"

typedef struct tn_label_noise {
    bool known; /* the network learns enough out of sample to judge */
    char why_unknown[192];
    tn_trial_result seen; /* its shown samples are those examined */
    size_t classes;
    int32_t *labels;      /* [seen.shown_count] */
    uint8_t *fold;        /* [seen.shown_count] */
    bool *agreed;         /* [seen.shown_count]: the label is what the network predicts out of sample, and no judge doubts it */
    tn_suspect *suspects; /* [count], surest first */
    size_t count, by_network, by_both;
    tn_doubt doubt;
    double out_of_sample; /* score of the out-of-sample predictions on the labels as given */
    uint64_t steps;       /* of each short training */
} tn_label_noise;

/* Deinit in any case. Adds its trials to outcome. A spent budget leaves `known` false. */
tn_status tn_label_noise_examine(tn_investigation *investigation, tn_label_noise *noise, tn_outcome *outcome, tn_error *error);
void tn_label_noise_deinit(tn_label_noise *noise);

/* The control, for the suspects that the network doubts; `steps` for each training. confirmation->pairs is 0 where the budget was spent. */
tn_status tn_label_noise_confirm(tn_investigation *investigation, const tn_label_noise *noise, uint64_t steps,
                                 tn_confirmation *confirmation, tn_outcome *outcome, tn_error *error);

/* {"data.exclude": [rows]} of the suspects that the network doubts, beside the rows that are excluded already (a new reference). */
json_t *tn_label_noise_patch(tn_investigation *investigation, const tn_label_noise *noise);

#endif
