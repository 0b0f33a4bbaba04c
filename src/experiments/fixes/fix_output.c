/* fix_output.c: the output activation that belongs to the loss and the targets.
 *
 *   loss                          wants before it
 *   softmax_cross_entropy         logits: no activation
 *   sigmoid_cross_entropy         logits: no activation
 *   categorical_cross_entropy     softmax
 *   binary_cross_entropy          sigmoid
 *   mse, mae, huber (regression)  no activation: a bounded one cannot reach the targets
 *   mse, mae, huber (classes)     sigmoid of one output, softmax of several */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

/* The op that should stand before the loss; "" for none. */
static const char *wanted_op(const tn_fix_case *about)
{
    const char *loss = tn_net_loss(about->hypes);
    if (strcmp(loss, "softmax_cross_entropy") == 0 || strcmp(loss, "sigmoid_cross_entropy") == 0)
        return "";
    if (strcmp(loss, "categorical_cross_entropy") == 0)
        return "softmax";
    if (strcmp(loss, "binary_cross_entropy") == 0)
        return "sigmoid";
    if (about->investigation->facts->task == TN_SUBJECT_REGRESSION)
        return "";
    return tn_net_outputs(about->hypes) > 1 ? "softmax" : "sigmoid";
}

void tn_fix_propose_output(const tn_fix_case *about, tn_fix_list *list)
{
    if (!about->hypes)
        return;
    size_t last = tn_net_last_weighted(about->hypes), found = tn_net_output_activation(about->hypes);
    if (last == TN_NO_NODE)
        return;
    const char *wanted = wanted_op(about), *op = found == TN_NO_NODE ? "" : tn_net_op(about->hypes, found);
    if (strcmp(wanted, op) == 0)
        return;
    json_t *patch = json_object();
    tn_fix *fix;
    if (!*wanted) {
        tn_patch_put(patch, tn_patch_removal(), "net.%zu", found);
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "no %s before %s", op, tn_net_loss(about->hypes));
    } else if (*op) {
        tn_patch_put(patch, json_pack("{s:s}", "op", wanted), "net.%zu", found);
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "%s in place of %s before %s", wanted, op, tn_net_loss(about->hypes));
    } else {
        tn_patch_put(patch, tn_patch_insertion(wanted), "net.%zu", tn_hypes_node_count(about->hypes));
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "%s before %s", wanted, tn_net_loss(about->hypes));
    }
    fix->prior = 0.7;
}
