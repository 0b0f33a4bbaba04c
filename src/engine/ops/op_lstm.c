/* op_lstm.c: long short-term memory (Hochreiter and Schmidhuber 1997), PyTorch's equations and order of gates:
 *   i, f, g, o = sigmoid, sigmoid, tanh, sigmoid of (x W_ih + b_ih + h' W_hh + b_hh),  c = f c' + i g,  h = o tanh(c)
 * with h' and c' of the step before. Backward, with dh and dc what comes from above and from the step behind:
 *   dc += dh o (1 - tanh(c)^2);  do = dh tanh(c) o (1 - o);  di = dc g i (1 - i);  df = dc c' f (1 - f);  dg = dc i (1 - g^2);  dc' = dc f
 * The bias of the forget gate starts at forget_bias more than it is drawn (Jozefowicz et al. 2015). */
#include "engine/ops/ops.h"
#include "engine/ops/recurrent.h"
#include "engine/vector_math.h"

TN_SIMD_CLONES
static void forward_cell(const tn_cell_step *step)
{
    const size_t units = step->units;
    for (size_t r = 0; r < step->rows; r++) {
        tn_real *restrict i = step->gates + r * 4 * units, *restrict f = i + units, *restrict g = f + units, *restrict o = g + units;
        tn_real *restrict c = step->cell + r * units, *restrict h = step->h + r * step->state_step;
        const tn_real *restrict before = step->cell_before ? step->cell_before + r * units : NULL;
        for (size_t k = 0; k < units; k++) {
            i[k] = tn_logistic(i[k]);
            f[k] = tn_logistic(f[k]);
            g[k] = tn_tanh(g[k]);
            o[k] = tn_logistic(o[k]);
        }
        if (before) {
            for (size_t k = 0; k < units; k++)
                c[k] = f[k] * before[k] + i[k] * g[k];
        } else {
            for (size_t k = 0; k < units; k++)
                c[k] = i[k] * g[k];
        }
        for (size_t k = 0; k < units; k++)
            h[k] = o[k] * tn_tanh(c[k]);
    }
}

TN_SIMD_CLONES
static void backward_cell(const tn_cell_step *step)
{
    const size_t units = step->units;
    for (size_t r = 0; r < step->rows; r++) {
        const tn_real *restrict i = step->gates + r * 4 * units, *restrict f = i + units, *restrict g = f + units, *restrict o = g + units;
        const tn_real *restrict c = step->cell + r * units, *restrict above = step->d_output + r * step->state_step;
        tn_real *restrict di = step->d_gates + r * 4 * units, *restrict df = di + units, *restrict dg = df + units,
                          *restrict d_o = dg + units;
        tn_real *restrict dh = step->d_h + r * units, *restrict dc = step->d_cell + r * units;
        const tn_real *restrict before = step->cell_before ? step->cell_before + r * units : NULL;
        TN_INDEPENDENT
        for (size_t k = 0; k < units; k++) {
            const tn_real size = tn_tanh(c[k]), slope = above[k] + dh[k];
            const tn_real by_cell = dc[k] + slope * o[k] * ((tn_real)1 - size * size);
            d_o[k] = slope * size * o[k] * ((tn_real)1 - o[k]);
            di[k] = by_cell * g[k] * i[k] * ((tn_real)1 - i[k]);
            dg[k] = by_cell * i[k] * ((tn_real)1 - g[k] * g[k]);
            df[k] = by_cell * f[k] * ((tn_real)1 - f[k]);
            dc[k] = by_cell * f[k];
            dh[k] = 0;
        }
        if (before) {
            for (size_t k = 0; k < units; k++)
                df[k] *= before[k];
        } else {
            for (size_t k = 0; k < units; k++)
                df[k] = 0;
        }
    }
}

static const tn_cell cell = {.gates = 4,
                             .wide = 4,
                             .has_cell = true,
                             .part_count = 1,
                             .parts = {{.weight_gate = 0, .gates = 4, .gate = 0, .adds = true}},
                             .forward = forward_cell,
                             .backward = backward_cell};

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    tn_status status = tn_recurrent_configure(node, hypes_node, &cell, error);
    for (size_t i = 2; i < node->parameter_count; i += 4) { /* bias_ih */
        node->parameters[i].shifted_gate = 1;
        node->parameters[i].gate_shift = tn_attribute_number(hypes_node, "forget_bias");
    }
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

const tn_op tn_op_lstm = {
    .name = "lstm",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
