/* op_leaky_relu.c: y = x where x >= 0, alpha * x below. The derivative at 0 is alpha, as in PyTorch. alpha >= 0 (the schema says so), so
 * the sign of y is that of x and backward needs y only. Maas 2013. */
#include "engine/ops/elementwise.h"
#include "engine/ops/ops.h"

typedef struct settings {
    tn_real alpha; /* dy/dx below 0 */
} settings;
_Static_assert(sizeof(settings) <= TN_OP_ATTRIBUTES_BYTES, "attributes fit");

TN_SIMD_CLONES
static void forward_span(const void *attributes, size_t count, const tn_real *x, tn_real *y)
{
    const tn_real alpha = ((const settings *)attributes)->alpha;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        y[i] = x[i] < (tn_real)0 ? alpha * x[i] : x[i];
    }
}

TN_SIMD_CLONES
static void backward_span(const void *attributes, size_t count, const tn_real *y, const tn_real *d_output, tn_real *d_input)
{
    const tn_real alpha = ((const settings *)attributes)->alpha;
    TN_INDEPENDENT
    for (size_t i = 0; i < count; i++) {
        d_input[i] = y[i] > (tn_real)0 ? d_output[i] : alpha * d_output[i];
    }
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    settings *own = (settings *)node->attributes;
    own->alpha = (tn_real)tn_attribute_number(hypes_node, "alpha");
    return tn_activation_configure(node, hypes_node, error);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_activation_forward(node, pass, forward_span);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_activation_backward(node, pass, backward_span);
}

const tn_op tn_op_leaky_relu = {
    .name = "leaky_relu",
    .flags = TN_OP_ACTIVATION | TN_OP_BACKWARD_FROM_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
