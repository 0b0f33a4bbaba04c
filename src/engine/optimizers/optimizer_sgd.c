/* optimizer_sgd.c: stochastic gradient descent. Without momentum w -= lr g. With momentum m, as PyTorch writes it (Keras folds lr into v,
 * which differs where lr changes):
 *   v = m v + g;  w -= lr v, or with Nesterov w -= lr (g + m v)
 * slots: v, where there is momentum. Sutskever 2013. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real rate, momentum, scale, decay;
} constants;

TN_INLINE void plain(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                     tn_real *restrict changes, bool decays, bool keeps)
{
    const tn_real rate = k->rate, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        tn_move_weight(weights, changes, i, weights[i] - rate * tn_gradient(gradients[i], scale, weights[i], decay, decays), keeps);
    }
}

TN_INLINE void with_momentum(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                             tn_real *restrict velocity, tn_real *restrict changes, bool nesterov, bool decays, bool keeps)
{
    const tn_real rate = k->rate, momentum = k->momentum, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real v = momentum * velocity[i] + g;
        velocity[i] = v;
        tn_move_weight(weights, changes, i, weights[i] - rate * (nesterov ? g + momentum * v : v), keeps);
    }
}

TN_SIMD_CLONES
static void run(const constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *velocity, bool nesterov,
                tn_real *changes, bool decays)
{
    if (velocity == NULL)
        TN_WITH_FLAGS(plain, decays, changes != NULL, k, count, weights, gradients, changes);
    else if (nesterov)
        TN_WITH_FLAGS(with_momentum, decays, changes != NULL, k, count, weights, gradients, velocity, changes, true);
    else
        TN_WITH_FLAGS(with_momentum, decays, changes != NULL, k, count, weights, gradients, velocity, changes, false);
}

static size_t slots_used(const tn_optimizer_options *options)
{
    return options->momentum != 0 ? 1 : 0;
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const constants k = {.rate = (tn_real)now->learning_rate,
                         .momentum = (tn_real)options->momentum,
                         .scale = (tn_real)now->gradient_scale,
                         .decay = (tn_real)options->weight_decay};
    run(&k, count, weights, gradients, slots_used(options) > 0 ? slots[0] : NULL, options->nesterov, changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_sgd = {.name = "sgd", .slots = 1, .slots_used = slots_used, .update = update};
