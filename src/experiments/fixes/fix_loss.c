/* fix_loss.c: the loss that belongs to the task, together with the output it wants, and the stable form of one that takes logarithms of unclipped probabilities.
 *
 * Classes want a cross entropy, numbers the squared error. The stable form computes softmax and logarithm as one (PROTOCOL A6). */
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

static bool is_cross_entropy(const char *loss)
{
    return strstr(loss, "cross_entropy") != NULL;
}

/* Replaces the loss and takes away the output activations, which the new loss does not want. */
static json_t *loss_without_activation(const tn_hypes *hypes, const char *loss)
{
    json_t *patch = json_object();
    tn_patch_put(patch, json_string(loss), "loss");
    for (size_t i = tn_net_last_weighted(hypes) + 1; i < tn_hypes_node_count(hypes); i++)
        if (tn_net_is_activation(tn_net_op(hypes, i)))
            tn_patch_put(patch, tn_patch_removal(), "net.%zu", i);
    return patch;
}

/* Of several labels at once each output is a yes or no of its own. */
static const char *logits_loss(const tn_fix_case *about)
{
    bool is_one_of_many = tn_net_outputs(about->hypes) > 1 && about->investigation->facts->task != TN_SUBJECT_MULTILABEL;
    return is_one_of_many ? "softmax_cross_entropy" : "sigmoid_cross_entropy";
}

/* What is at fault where softmax_cross_entropy repairs a classifier whose cross entropy takes clipped probabilities. Output and loss are a pair: where the loss is the right one and the output is not
 * what it takes, the output is. Where both are right, the two losses differ in nothing but the clip, below which no gradient comes. */
static tn_cause_id clipped_loss_cause(const tn_hypes *hypes)
{
    if (strcmp(tn_net_loss(hypes), "categorical_cross_entropy") != 0)
        return TN_CAUSE_wrong_loss;
    size_t output = tn_net_output_activation(hypes);
    bool has_softmax = output != TN_NO_NODE && strcmp(tn_net_op(hypes, output), "softmax") == 0;
    return has_softmax ? TN_CAUSE_unstable_softmax : TN_CAUSE_wrong_output;
}

void tn_fix_propose_loss(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_hypes *hypes = about->hypes;
    if (!hypes || tn_net_last_weighted(hypes) == TN_NO_NODE)
        return;
    const char *loss = tn_net_loss(hypes), *proper = logits_loss(about);
    if (about->investigation->facts->task == TN_SUBJECT_REGRESSION) {
        if (strcmp(loss, "mse") != 0) {
            json_t *patch = is_cross_entropy(loss) ? loss_without_activation(hypes, "mse") : json_pack("{s:s}", "loss", "mse");
            tn_fix_add_patch(list, TN_CAUSE_wrong_loss, patch, "mse in place of %s", loss)->prior = is_cross_entropy(loss) ? 0.7 : 0.3;
        }
        return;
    }
    if (!is_cross_entropy(loss)) {
        tn_fix_add_patch(list, TN_CAUSE_wrong_loss, loss_without_activation(hypes, proper), "%s, which takes logits, in place of %s",
                         proper, loss)
            ->prior = 0.5;
        if (strcmp(loss, "mae") == 0)
            tn_fix_add_patch(list, TN_CAUSE_wrong_loss, json_pack("{s:s}", "loss", "mse"), "mse in place of mae")->prior = 0.4;
        return;
    }
    if (tn_hypes_number(hypes, "loss.clip") == 0 && strcmp(loss, proper) != 0) {
        tn_fix *fix = tn_fix_add_patch(list, TN_CAUSE_unstable_softmax, loss_without_activation(hypes, proper),
                                       "%s, which computes softmax and logarithm as one, in place of an unclipped logarithm", proper);
        fix->prior = about->look->nonfinite ? 0.9 : 0.3;
    } else if (strcmp(proper, "softmax_cross_entropy") == 0 && strcmp(loss, proper) != 0) {
        tn_fix_add_patch(list, clipped_loss_cause(hypes), loss_without_activation(hypes, "softmax_cross_entropy"),
                         "softmax_cross_entropy, which takes logits, in place of %s", loss)
            ->prior = 0.2;
    }
}
