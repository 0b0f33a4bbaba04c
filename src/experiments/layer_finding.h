/* layer_finding.h: findings about layers of the user's own, from what a check of them told (plugin/plugin_check.h), and from a training that one of them ended. */
#ifndef TN_EXPERIMENTS_LAYER_FINDING_H
#define TN_EXPERIMENTS_LAYER_FINDING_H

#include "experiments/finding.h"

/* What a fault means for the training. */
typedef enum tn_layer_weight {
    TN_LAYER_BREAKS,    /* no training with it means anything */
    TN_LAYER_NONFINITE, /* it breaks where training meets such inputs */
    TN_LAYER_HARMLESS   /* a mistake, but none that training feels */
} tn_layer_weight;

tn_layer_weight tn_layer_weight_of(const json_t *fault);

/* `check` is of one layer, `fault` one of its faults. Confirmed by the check itself, a control. */
void tn_finding_add_layer(tn_investigation *investigation, tn_findings *findings, const json_t *check, const json_t *fault,
                          bool is_confirmed);

/* As advice: what training did not meet. */
void tn_finding_advise_layer(tn_investigation *investigation, tn_findings *findings, const json_t *check, const json_t *fault);

/* Of a trial as given that ended as refused, since a layer failed in it. */
void tn_finding_add_failed_layer(tn_investigation *investigation, tn_findings *findings, const tn_trial_result *result);

#endif
