/* optimizer_adagrad.c: the gradient over the root of the sum of its squares since the start.
 *   v = v + g^2;  w -= lr g / (sqrt(v) + epsilon)
 * slots: v, from 0 as in PyTorch (Keras starts at 0.1). Duchi 2011. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real rate, epsilon, scale, decay;
} constants;

TN_INLINE void loop(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                    tn_real *restrict square, tn_real *restrict changes, bool decays, bool keeps)
{
    const tn_real rate = k->rate, epsilon = k->epsilon, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real v = square[i] + g * g;
        square[i] = v;
        tn_move_weight(weights, changes, i, weights[i] - rate * g / (tn_square_root(v) + epsilon), keeps);
    }
}

TN_SIMD_CLONES
static void run(const constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *square, tn_real *changes,
                bool decays)
{
    TN_WITH_FLAGS(loop, decays, changes != NULL, k, count, weights, gradients, square, changes);
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const constants k = {.rate = (tn_real)now->learning_rate,
                         .epsilon = (tn_real)options->epsilon,
                         .scale = (tn_real)now->gradient_scale,
                         .decay = (tn_real)options->weight_decay};
    run(&k, count, weights, gradients, slots[0], changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adagrad = {.name = "adagrad", .slots = 1, .update = update};
