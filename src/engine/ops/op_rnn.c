/* op_rnn.c: the plain recurrent net (Elman 1990), PyTorch's equations: h = f(x W_ih + b_ih + h' W_hh + b_hh) with h' of the step before and f tanh or relu.
 * Backward, with dh what comes from above and from the step behind: the derivative by the sum is dh (1 - h^2) for tanh, dh where h > 0 for relu. */
#include <string.h>

#include "engine/ops/ops.h"
#include "engine/ops/recurrent.h"
#include "engine/vector_math.h"

typedef struct settings {
    bool relu;
} settings;

TN_SIMD_CLONES
static void forward_cell(const tn_cell_step *step)
{
    const bool relu = ((const settings *)step->settings)->relu;
    for (size_t r = 0; r < step->rows; r++) {
        const tn_real *restrict sum = step->gates + r * step->units;
        tn_real *restrict h = step->h + r * step->state_step;
        if (relu) {
            for (size_t k = 0; k < step->units; k++)
                h[k] = sum[k] <= (tn_real)0 ? (tn_real)0 : sum[k]; /* NaN stays */
        } else {
            for (size_t k = 0; k < step->units; k++)
                h[k] = tn_tanh(sum[k]);
        }
    }
}

TN_SIMD_CLONES
static void backward_cell(const tn_cell_step *step)
{
    const bool relu = ((const settings *)step->settings)->relu;
    for (size_t r = 0; r < step->rows; r++) {
        const tn_real *restrict h = step->h + r * step->state_step, *restrict above = step->d_output + r * step->state_step;
        tn_real *restrict d = step->d_gates + r * step->units, *restrict dh = step->d_h + r * step->units;
        for (size_t k = 0; k < step->units; k++) {
            const tn_real slope = above[k] + dh[k];
            const tn_real through_relu = h[k] <= (tn_real)0 ? (tn_real)0 : slope, through_tanh = slope * ((tn_real)1 - h[k] * h[k]);
            d[k] = relu ? through_relu : through_tanh;
            dh[k] = 0;
        }
    }
}

static const tn_cell cell = {.gates = 1,
                             .wide = 1,
                             .part_count = 1,
                             .parts = {{.weight_gate = 0, .gates = 1, .gate = 0, .adds = true}},
                             .forward = forward_cell,
                             .backward = backward_cell};

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_status status = tn_recurrent_configure(node, hypes_node, &cell, error);
    settings *own = (settings *)(void *)((tn_recurrent *)(void *)node->attributes)->settings;
    own->relu = strcmp(json_string_value(json_object_get(hypes_node, "activation")), "relu") == 0;
    return status;
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_recurrent_forward(node, pass, &cell);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_recurrent_backward(node, pass, &cell);
}

const tn_op tn_op_rnn = {
    .name = "rnn",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
