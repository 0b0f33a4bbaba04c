/* op_gru.c: gated recurrent unit (Cho et al. 2014, arXiv:1406.1078), PyTorch's equations and order of gates:
 *   r, z = sigmoid(x W_i + b_i + h' W_h + b_h),  m = h' W_hn + b_hn,  n = tanh(x W_in + b_in + r m),  h = (1 - z) n + z h'
 * with h' of the step before. A row of gates holds r, z, n and m. Backward, with dh what comes from above and from the step behind:
 *   dz = dh (h' - n) z (1 - z);  dn = dh (1 - z) (1 - n^2);  dr = dn m r (1 - r);  dm = dn r;  dh' = dh z + what passes through the weights */
#include "engine/ops/ops.h"
#include "engine/ops/recurrent.h"
#include "engine/vector_math.h"

TN_SIMD_CLONES
static void forward_cell(const tn_cell_step *step)
{
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        tn_real *restrict r = step->gates + row * 4 * units, *restrict z = r + units, *restrict n = z + units;
        const tn_real *restrict m = r + 3 * units;
        tn_real *restrict h = step->h + row * step->state_step;
        const tn_real *restrict before = step->h_before ? step->h_before + row * step->state_step : NULL;
        for (size_t k = 0; k < units; k++) {
            r[k] = tn_logistic(r[k]);
            z[k] = tn_logistic(z[k]);
            n[k] = tn_tanh(n[k] + r[k] * m[k]);
            h[k] = ((tn_real)1 - z[k]) * n[k];
        }
        for (size_t k = 0; k < units && before; k++)
            h[k] += z[k] * before[k];
    }
}

TN_SIMD_CLONES
static void backward_cell(const tn_cell_step *step)
{
    const size_t units = step->units;
    for (size_t row = 0; row < step->rows; row++) {
        const tn_real *restrict r = step->gates + row * 4 * units, *restrict z = r + units, *restrict n = z + units,
                                *restrict m = n + units;
        const tn_real *restrict above = step->d_output + row * step->state_step;
        tn_real *restrict dr = step->d_gates + row * 4 * units, *restrict dz = dr + units, *restrict dn = dz + units,
                          *restrict dm = dn + units;
        tn_real *restrict dh = step->d_h + row * units;
        const tn_real *restrict before = step->h_before ? step->h_before + row * step->state_step : NULL;
        TN_INDEPENDENT
        for (size_t k = 0; k < units; k++) {
            const tn_real slope = above[k] + dh[k], to_candidate = slope * ((tn_real)1 - z[k]) * ((tn_real)1 - n[k] * n[k]);
            dz[k] = slope * z[k] * ((tn_real)1 - z[k]);
            dn[k] = to_candidate;
            dr[k] = to_candidate * m[k] * r[k] * ((tn_real)1 - r[k]);
            dm[k] = to_candidate * r[k];
            dh[k] = slope * z[k];
        }
        if (before) {
            for (size_t k = 0; k < units; k++)
                dz[k] *= before[k] - n[k];
        } else {
            for (size_t k = 0; k < units; k++)
                dz[k] *= -n[k];
        }
    }
}

static const tn_cell cell = {
    .gates = 3,
    .wide = 4,
    .part_count = 2,
    .parts = {{.weight_gate = 0, .gates = 2, .gate = 0, .adds = true}, {.weight_gate = 2, .gates = 1, .gate = 3, .adds = false}},
    .forward = forward_cell,
    .backward = backward_cell};

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    return tn_recurrent_configure(node, hypes_node, &cell, error);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    tn_recurrent_forward(node, pass, &cell);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    tn_recurrent_backward(node, pass, &cell);
}

const tn_op tn_op_gru = {
    .name = "gru",
    .flags = TN_OP_IGNORES_OUTPUT | TN_OP_IGNORES_INPUTS,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
