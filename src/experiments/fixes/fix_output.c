/* fix_output.c: the output activation that belongs to the loss and the targets.
 *
 *   loss                          wants before it
 *   softmax_cross_entropy         logits: no activation
 *   sigmoid_cross_entropy         logits: no activation
 *   categorical_cross_entropy     softmax
 *   binary_cross_entropy          sigmoid
 *   mse, mae, huber (regression)  no activation: a bounded one cannot reach the targets
 *   mse, mae, huber (classes)     sigmoid of one output, softmax of several; sigmoid where each is a label of its own */
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
    bool is_one_of_many = tn_net_outputs(about->hypes) > 1 && about->investigation->facts->task != TN_SUBJECT_MULTILABEL;
    return is_one_of_many ? "softmax" : "sigmoid";
}

static bool squeezes(const char *op)
{
    return strcmp(op, "softmax") == 0 || strcmp(op, "sigmoid") == 0;
}

/* A softmax or sigmoid, from node `first` on, before a loss that applies its own. */
static bool is_doubled(const tn_hypes *hypes, const char *wanted, size_t first, const char *loss)
{
    bool found = false;
    for (size_t i = first; i < tn_hypes_node_count(hypes); i++)
        found = found || squeezes(tn_net_op(hypes, i));
    return !*wanted && found && strstr(loss, "cross_entropy") != NULL;
}

/* Takes away every activation behind `first`, up to the loss. */
static size_t remove_behind(const tn_hypes *hypes, size_t first, json_t *patch)
{
    size_t count = 0;
    for (size_t i = first + 1; i < tn_hypes_node_count(hypes); i++)
        if (tn_net_is_activation(tn_net_op(hypes, i))) {
            tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
            count++;
        }
    return count;
}

void tn_fix_propose_output(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_hypes *hypes = about->hypes;
    size_t last = hypes ? tn_net_last_weighted(hypes) : TN_NO_NODE, found = hypes ? tn_net_output_activation(hypes) : TN_NO_NODE;
    if (last == TN_NO_NODE)
        return;
    const char *wanted = wanted_op(about), *op = found == TN_NO_NODE ? "" : tn_net_op(hypes, found), *loss = tn_net_loss(hypes);
    json_t *patch = json_object();
    size_t more = found == TN_NO_NODE ? 0 : remove_behind(hypes, found, patch);
    const char *and_more = more ? " and what follows it" : "";
    tn_fix *fix;
    if (strcmp(wanted, op) == 0) {
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "no activation but %s before %s", *op ? op : "none", loss);
    } else if (!*wanted) {
        tn_patch_put(patch, tn_patch_removal(), "net.%zu", found);
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "no %s%s before %s", op, and_more, loss);
    } else if (*op) {
        tn_patch_put(patch, json_pack("{s:s}", "op", wanted), "net.%zu", found);
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "%s in place of %s%s before %s", wanted, op, and_more, loss);
    } else {
        tn_patch_put(patch, tn_patch_insertion(wanted), "net.%zu", tn_hypes_node_count(hypes));
        fix = tn_fix_add_patch(list, TN_CAUSE_wrong_output, patch, "%s before %s", wanted, loss);
    }
    fix->prior = 0.7;
    /* What a loss does itself, done twice, only slows a network that is wide enough: a steady gain tells it, too. */
    fix->misuse = fix->visible = is_doubled(hypes, wanted, found, loss);
}
