/* optimizer_adam.c: adaptive moments.
 *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 * slots: m, v. epsilon outside the root and after the correction, as in the paper's algorithm 1 and PyTorch. Kingma and Ba 2014,
 * arXiv:1412.6980. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real step_size, root_factor, beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, scale, decay;
} constants;

TN_INLINE void loop(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients, tn_real *restrict first,
                    tn_real *restrict second, bool decays)
{
    const tn_real step_size = k->step_size, root_factor = k->root_factor, beta1 = k->beta1, one_minus_beta1 = k->one_minus_beta1,
                  beta2 = k->beta2, one_minus_beta2 = k->one_minus_beta2, epsilon = k->epsilon, scale = k->scale, decay = k->decay;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays);
        const tn_real m = beta1 * first[i] + one_minus_beta1 * g;
        const tn_real v = beta2 * second[i] + one_minus_beta2 * g * g;
        first[i] = m;
        second[i] = v;
        weights[i] -= step_size * m / (tn_square_root(v) * root_factor + epsilon);
    }
}

TN_SIMD_CLONES
static void run(const constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *first, tn_real *second, bool decays)
{
    if (decays) {
        loop(k, count, weights, gradients, first, second, true);
    } else {
        loop(k, count, weights, gradients, first, second, false);
    }
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX])
{
    const double correction1 = 1 - pow(options->beta1, (double)now->step), correction2 = 1 - pow(options->beta2, (double)now->step);
    const constants k = {.step_size = (tn_real)(now->learning_rate / correction1),
                         .root_factor = (tn_real)(1 / sqrt(correction2)),
                         .beta1 = (tn_real)options->beta1,
                         .one_minus_beta1 = (tn_real)(1 - options->beta1),
                         .beta2 = (tn_real)options->beta2,
                         .one_minus_beta2 = (tn_real)(1 - options->beta2),
                         .epsilon = (tn_real)options->epsilon,
                         .scale = (tn_real)now->gradient_scale,
                         .decay = (tn_real)options->weight_decay};
    run(&k, count, weights, gradients, slots[0], slots[1], options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adam = {.name = "adam", .slots = 2, .update = update};
