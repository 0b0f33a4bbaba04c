/* optimizer_rmsprop.c: the gradient over the root of its running mean square.
 *   v = rho v + (1 - rho) g^2;  u = g / (sqrt(v) + epsilon);  without momentum w -= lr u, with momentum m: b = m b + u;  w -= lr b
 * slots: v, and b where there is momentum. epsilon outside the root, as in PyTorch. Tieleman and Hinton 2012. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real rate, rho, one_minus_rho, epsilon, momentum, scale, decay;
} constants;

TN_INLINE void loop(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                    tn_real *restrict square, tn_real *restrict changes, bool decays, bool keeps)
{
    const tn_real rate = k->rate, rho = k->rho, one_minus_rho = k->one_minus_rho, epsilon = k->epsilon, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real v = rho * square[i] + one_minus_rho * g * g;
        square[i] = v;
        tn_move_weight(weights, changes, i, weights[i] - rate * g / (tn_square_root(v) + epsilon), keeps);
    }
}

TN_INLINE void loop_with_momentum(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                                  tn_real *restrict square, tn_real *restrict velocity, tn_real *restrict changes, bool decays, bool keeps)
{
    const tn_real rate = k->rate, rho = k->rho, one_minus_rho = k->one_minus_rho, epsilon = k->epsilon, scale = k->scale, decay = k->decay;
    const tn_real momentum = k->momentum;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real v = rho * square[i] + one_minus_rho * g * g;
        const tn_real b = momentum * velocity[i] + g / (tn_square_root(v) + epsilon);
        square[i] = v;
        velocity[i] = b;
        tn_move_weight(weights, changes, i, weights[i] - rate * b, keeps);
    }
}

TN_SIMD_CLONES
static void run(const constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *square, tn_real *velocity,
                tn_real *changes, bool decays)
{
    if (velocity == NULL)
        TN_WITH_FLAGS(loop, decays, changes != NULL, k, count, weights, gradients, square, changes);
    else
        TN_WITH_FLAGS(loop_with_momentum, decays, changes != NULL, k, count, weights, gradients, square, velocity, changes);
}

static size_t slots_used(const tn_optimizer_options *options)
{
    return options->momentum != 0 ? 2 : 1;
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const constants k = {.rate = (tn_real)now->learning_rate,
                         .rho = (tn_real)options->rho,
                         .one_minus_rho = (tn_real)(1 - options->rho),
                         .epsilon = (tn_real)options->epsilon,
                         .momentum = (tn_real)options->momentum,
                         .scale = (tn_real)now->gradient_scale,
                         .decay = (tn_real)options->weight_decay};
    run(&k, count, weights, gradients, slots[0], slots_used(options) > 1 ? slots[1] : NULL, changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_rmsprop = {.name = "rmsprop", .slots = 2, .slots_used = slots_used, .update = update};
