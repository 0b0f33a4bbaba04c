/* fix_generalization.c: what holds back a network that learns its samples by heart: dropout, weight decay, and an end where the validation score was best. Only where the rule "overfitting" has seen it.
 *
 * They are general remedies, as they hide what else may part the two scores. The surest one, more data, cannot be tried; suspicion.c asks what fewer would do. */
#include <math.h>
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* Customary strengths (Srivastava et al. 2014, Dropout; Loshchilov and Hutter 2019, arXiv:1711.05101). */
static const double RATE = 0.25, DECAYS[] = {0.01, 0.1};

/* The validation score must have fallen by so much since its best for an earlier end to be tried. Unit: score. */
static const double FALL_MIN = 0.05;

static const double PRIOR = 0.4;

static void propose_dropout(const tn_fix_case *about, tn_fix_list *list)
{
    size_t last = tn_net_last_weighted(about->hypes);
    for (size_t i = 0; i < tn_hypes_node_count(about->hypes); i++)
        if (strcmp(tn_net_op(about->hypes, i), "dropout") == 0)
            return;
    if (last == TN_NO_NODE || last == 0)
        return;
    json_t *patch = json_object();
    tn_patch_put(patch, json_pack("{s:{s:s, s:f}}", "$insert", "op", "dropout", "rate", RATE), "net.%zu", last);
    tn_fix *fix = tn_fix_add_patch(list, TN_CAUSE_overfitting, patch, "dropout of %g before the last layer", RATE);
    fix->prior = PRIOR;
    fix->general = true;
}

static void propose_decay(const tn_fix_case *about, tn_fix_list *list)
{
    if (tn_hypes_number(about->hypes, "solver.weight_decay") > 0)
        return;
    for (size_t i = 0; i < sizeof DECAYS / sizeof *DECAYS; i++) {
        tn_fix *fix = tn_fix_add_patch(list, TN_CAUSE_overfitting, json_pack("{s:f}", "solver.weight_decay", DECAYS[i]),
                                       "weight decay of %g", DECAYS[i]);
        fix->prior = PRIOR;
        fix->general = true;
    }
}

static void propose_end(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_trial_result *look = &about->look->result;
    const tn_score_point *best = NULL;
    double last = tn_trial_score(look);
    for (size_t i = 0; i < look->score_count; i++)
        if (look->scores[i].step > 0 && isfinite(look->scores[i].valid_score) && (!best || look->scores[i].valid_score > best->valid_score))
            best = &look->scores[i];
    if (!best || !(best->valid_score - last >= FALL_MIN) || about->look->truncated)
        return;
    tn_fix *fix = tn_fix_add_knobs(list, TN_CAUSE_overfitting, 0, "an end after %llu steps, where the validation score was best",
                                   (unsigned long long)best->step);
    fix->cost = (double)best->step / (double)about->look->steps;
    fix->prior = PRIOR;
}

void tn_fix_propose_generalization(const tn_fix_case *about, tn_fix_list *list)
{
    if (!tn_look_signal_of(about->look, TN_CAUSE_overfitting))
        return;
    if (about->hypes) {
        propose_dropout(about, list);
        propose_decay(about, list);
    }
    propose_end(about, list);
}
