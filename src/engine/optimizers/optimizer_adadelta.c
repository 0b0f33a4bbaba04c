/* optimizer_adadelta.c: steps in the units of the weight, without a rate of its own; lr scales them (1 in the paper).
 *   v = rho v + (1 - rho) g^2;  u = g sqrt(d + epsilon) / sqrt(v + epsilon);  d = rho d + (1 - rho) u^2;  w -= lr u
 * slots: v, d. epsilon inside the roots, as in the paper and PyTorch. Zeiler 2012, arXiv:1212.5701. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real rate, rho, one_minus_rho, epsilon, scale, decay;
} constants;

TN_INLINE void loop(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                    tn_real *restrict square, tn_real *restrict moved, tn_real *restrict changes, bool decays, bool keeps)
{
    const tn_real rate = k->rate, rho = k->rho, one_minus_rho = k->one_minus_rho, epsilon = k->epsilon, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real v = rho * square[i] + one_minus_rho * g * g;
        const tn_real u = tn_square_root(moved[i] + epsilon) / tn_square_root(v + epsilon) * g;
        square[i] = v;
        moved[i] = rho * moved[i] + one_minus_rho * u * u;
        tn_move_weight(weights, changes, i, weights[i] - rate * u, keeps);
    }
}

TN_SIMD_CLONES
static void run(const constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *square, tn_real *moved,
                tn_real *changes, bool decays)
{
    TN_WITH_FLAGS(loop, decays, changes != NULL, k, count, weights, gradients, square, moved, changes);
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const constants k = {.rate = (tn_real)now->learning_rate,
                         .rho = (tn_real)options->rho,
                         .one_minus_rho = (tn_real)(1 - options->rho),
                         .epsilon = (tn_real)options->epsilon,
                         .scale = (tn_real)now->gradient_scale,
                         .decay = (tn_real)options->weight_decay};
    run(&k, count, weights, gradients, slots[0], slots[1], changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adadelta = {.name = "adadelta", .slots = 2, .update = update};
