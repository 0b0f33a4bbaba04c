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

static json_t *usual_init(const tn_hypes *hypes)
{
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++)
        if (strcmp(tn_net_op(hypes, i), "relu") == 0)
            return json_pack("{s:s, s:f}", "scheme", "he_normal", "scale", 1.0);
    return json_pack("{s:s, s:f}", "scheme", "glorot_uniform", "scale", 1.0);
}

void tn_fix_propose_init(const tn_fix_case *about, tn_fix_list *list)
{
    const tn_hypes *hypes = about->hypes;
    if (!hypes)
        return;
    json_t *patch = json_object();
    bool symmetric = false;
    const json_t *init = tn_hypes_value(hypes, "init");
    if (!is_usual(init)) {
        symmetric = symmetric || is_symmetric(init);
        tn_patch_put(patch, usual_init(hypes), "init");
    }
    if (!is_zeros(tn_hypes_value(hypes, "bias_init")))
        tn_patch_put(patch, json_pack("{s:s}", "scheme", "zeros"), "bias_init");
    for (size_t i = 0; i < tn_hypes_node_count(hypes); i++) {
        const json_t *written = json_array_get(json_object_get(tn_hypes_written(hypes), "net"), i);
        const json_t *own = json_object_get(written, "init"), *own_bias = json_object_get(written, "bias_init");
        if (own && !is_usual(own)) {
            symmetric = symmetric || is_symmetric(own);
            tn_patch_put(patch, usual_init(hypes), "net.%zu.init", i);
        }
        if (own_bias && !is_zeros(own_bias))
            tn_patch_put(patch, json_pack("{s:s}", "scheme", "zeros"), "net.%zu.bias_init", i);
    }
    tn_fix *fix = tn_fix_add_patch(list, TN_CAUSE_bad_init, patch, "initial weights by the usual scheme, zero biases");
    fix->prior = symmetric ? 0.8 : 0.5;
}
