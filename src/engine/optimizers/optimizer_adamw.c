/* optimizer_adamw.c: adam with the weight decay taken off the weight itself, so that it is not divided by the gradient's size.
 *   w -= lr weight_decay w;  then adam's update with g = gradient * gradient_scale (see optimizer_adam.c)
 * slots: m, v. Loshchilov and Hutter 2017, arXiv:1711.05101; PyTorch's AdamW. */
#include "engine/optimizers/optimizers.h"

typedef struct constants {
    tn_real step_size, root_factor, beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, scale, keep;
} constants;

TN_INLINE void loop(const constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients, tn_real *restrict first,
                    tn_real *restrict second, bool decays)
{
    const tn_real step_size = k->step_size, root_factor = k->root_factor, beta1 = k->beta1, one_minus_beta1 = k->one_minus_beta1,
                  beta2 = k->beta2, one_minus_beta2 = k->one_minus_beta2, epsilon = k->epsilon, scale = k->scale, keep = k->keep;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = gradients[i] * scale;
        const tn_real m = beta1 * first[i] + one_minus_beta1 * g;
        const tn_real v = beta2 * second[i] + one_minus_beta2 * g * g;
        first[i] = m;
        second[i] = v;
        const tn_real w = decays ? weights[i] * keep : weights[i];
        weights[i] = w - step_size * m / (tn_square_root(v) * root_factor + epsilon);
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
                         .keep = (tn_real)(1 - now->learning_rate * options->weight_decay)};
    run(&k, count, weights, gradients, slots[0], slots[1], options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adamw = {.name = "adamw", .slots = 2, .update = update};
