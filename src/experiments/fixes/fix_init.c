/* fix_init.c: weights that start as is usual (PROTOCOL C2): Glorot, or He for relu, scale 1, zero biases, wherever the hypes ask for something else. */
#include <math.h>
#include <string.h>

#include "experiments/fixes/fix.h"
#include "experiments/fixes/net_reader.h"

static bool is_usual(const json_t *init)
{
    static const char *const usual[] = {"he_normal",    "he_uniform",    "glorot_normal", "glorot_uniform",
                                        "lecun_normal", "lecun_uniform", "orthogonal"};
    const char *scheme = json_string_value(json_object_get(init, "scheme"));
    const json_t *scale = json_object_get(init, "scale");
    for (size_t i = 0; scheme && i < sizeof usual / sizeof *usual; i++)
        if (strcmp(scheme, usual[i]) == 0)
            return !scale || fabs(json_number_value(scale) - 1) < 0.5;
    return false;
}

static bool is_zeros(const json_t *bias_init)
{
    const char *scheme = json_string_value(json_object_get(bias_init, "scheme"));
    return !scheme || strcmp(scheme, "zeros") == 0;
}

/* Zero or otherwise equal weights: all units of a layer compute the same, and stay so. */
static bool is_symmetric(const json_t *init)
{
    const char *scheme = json_string_value(json_object_get(init, "scheme"));
    return scheme && (strcmp(scheme, "zeros") == 0 || strcmp(scheme, "ones") == 0 || strcmp(scheme, "constant") == 0);
}

static json_t *init_of(const char *scheme)
{
    return json_pack("{s:s, s:f}", "scheme", scheme, "scale", 1.0);
}

static bool has_relu(const tn_hypes *hypes)
{
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++)
        if (strcmp(tn_net_op(hypes, i), "relu") == 0)
            return true;
    return false;
}

/* A table of embeddings starts as small normal numbers as well: std 0.02 in GPT-2, 1 in PyTorch. Unit: std. Own choice of the bounds. */
static bool is_usual_table(const tn_hypes *hypes, size_t index, const json_t *init)
{
    const char *op = tn_net_op(hypes, index), *scheme = json_string_value(json_object_get(init, "scheme"));
    const json_t *std = json_object_get(init, "std");
    double spread = std ? json_number_value(std) : 0.05;
    bool is_table = strcmp(op, "embedding") == 0 || strcmp(op, "position_embedding") == 0;
    return is_table && scheme && strcmp(scheme, "normal") == 0 && spread >= 0.005 && spread <= 2;
}

/* Every unusual init replaced by `scheme`, every bias by zero. Sets *symmetric where an init that goes leaves the units of a layer equal. */
static json_t *usual_start(const tn_hypes *hypes, const char *scheme, bool *symmetric)
{
    json_t *patch = json_object();
    const json_t *init = tn_hypes_value(hypes, "init");
    *symmetric = is_symmetric(init);
    if (!is_usual(init))
        tn_patch_put(patch, init_of(scheme), "init");
    if (!is_zeros(tn_hypes_value(hypes, "bias_init")))
        tn_patch_put(patch, json_pack("{s:s}", "scheme", "zeros"), "bias_init");
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++) {
        const json_t *written = json_array_get(json_object_get(tn_hypes_written(hypes), "net"), i);
        const json_t *own = json_object_get(written, "init"), *own_bias = json_object_get(written, "bias_init");
        const json_t *recurrent = json_object_get(written, "recurrent_init");
        if (json_is_object(recurrent) && !is_usual(recurrent)) {
            *symmetric = *symmetric || is_symmetric(recurrent);
            tn_patch_put(patch, init_of("orthogonal"), "net.%zu.recurrent_init", i);
        }
        if (own && !is_usual(own) && !is_usual_table(hypes, i, own)) {
            *symmetric = *symmetric || is_symmetric(own);
            tn_patch_put(patch, init_of(scheme), "net.%zu.init", i);
        }
        if (own_bias && !is_zeros(own_bias))
            tn_patch_put(patch, json_pack("{s:s}", "scheme", "zeros"), "net.%zu.bias_init", i);
    }
    return patch;
}

void tn_fix_propose_init(const tn_fix_case *about, tn_fix_list *list)
{
    static const char *const schemes[] = {"glorot_uniform", "he_normal"};
    if (!about->hypes)
        return;
    /* He's scheme is for relu. */
    for (size_t i = 0; i < (has_relu(about->hypes) ? 2 : 1); i++) {
        bool symmetric;
        json_t *patch = usual_start(about->hypes, schemes[i], &symmetric);
        tn_fix *fix = tn_fix_add_patch(list, TN_CAUSE_bad_init, patch, "initial weights by %s, zero biases", schemes[i]);
        fix->prior = symmetric ? 0.8 : 0.5;
        fix->visible = symmetric;
    }
}
