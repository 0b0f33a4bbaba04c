/* fix_data.c: what can be changed about the data without new ones: classes drawn equally often, and columns that never change left out. Not for scales: fix_input_scale.c, fix_label_scale.c. */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* The most frequent class against the mean of the others, from which classes are drawn equally often for a trial. Source: SageMaker Debugger's rule ClassImbalance has 10; networks do learn from most of what
 * lies above it, and then the race says so. */
static const double RATIO_MIN = 10;

bool tn_fix_is_imbalanced(const tn_subject_facts *facts, size_t labels)
{
    double others = (1 - facts->majority) / (double)(facts->classes > 1 ? facts->classes - 1 : 1);
    return facts->task == TN_SUBJECT_CLASSIFICATION && labels <= 1 && facts->classes > 1 && facts->majority > RATIO_MIN * others;
}

static void propose_balance(const tn_fix_case *about, tn_fix_list *list)
{
    if (!tn_fix_is_imbalanced(about->investigation->facts, about->look->result.label_size) ||
        json_is_true(tn_hypes_value(about->hypes, "data.balance")))
        return;
    bool told = tn_look_signal_of(about->look, TN_CAUSE_class_imbalance) != NULL;
    tn_fix_add_patch(list, TN_CAUSE_class_imbalance, json_pack("{s:b}", "data.balance", 1),
                     "each class drawn equally often, the rarer ones repeated")
        ->prior = told ? 0.6 : 0.35;
}

bool tn_fix_ignores_features(const tn_hypes *hypes)
{
    const json_t *ignored = tn_hypes_value(hypes, "data.input.ignore");
    const char *word = json_string_value(ignored);
    return json_is_array(ignored) || (word && strcmp(word, "none") != 0);
}

static void propose_columns(const tn_fix_case *about, tn_fix_list *list)
{
    if (!tn_look_signal_of(about->look, TN_CAUSE_constant_feature) || tn_fix_ignores_features(about->hypes))
        return;
    tn_fix_add_patch(list, TN_CAUSE_constant_feature, json_pack("{s:s}", "data.input.ignore", "constant"),
                     "the features that never change left out")
        ->prior = 0.8;
}

void tn_fix_propose_data(const tn_fix_case *about, tn_fix_list *list)
{
    if (!about->hypes || about->investigation->facts->is_program)
        return;
    propose_balance(about, list);
    propose_columns(about, list);
}
