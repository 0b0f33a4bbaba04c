/* adam_step.h: the step that adam and adamw share; they differ in where the weight decay goes.
 *   m = beta1 m + (1 - beta1) g;  v = beta2 v + (1 - beta2) g^2;  w -= lr (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 * slots: m, v. epsilon outside the root and after the correction, as in the paper's algorithm 1 and PyTorch. Kingma and Ba 2014,
 * arXiv:1412.6980. */
#ifndef TN_ENGINE_ADAM_STEP_H
#define TN_ENGINE_ADAM_STEP_H

#include "engine/optimizers/optimizers.h"

typedef struct tn_adam_constants {
    tn_real step_size, root_factor, beta1, one_minus_beta1, beta2, one_minus_beta2, epsilon, scale;
    tn_real decay; /* of adam: its share of the weight joins the gradient */
    tn_real keep;  /* of adamw: what is left of the weight before the step */
} tn_adam_constants;

/* Where the decay goes. */
typedef enum tn_adam_decay { TN_ADAM_DECAYS_GRADIENT, TN_ADAM_DECAYS_WEIGHT } tn_adam_decay;

static inline tn_adam_constants tn_adam_constants_of(const tn_optimizer_options *options, const tn_update *now)
{
    const double correction1 = 1 - pow(options->beta1, (double)now->step), correction2 = 1 - pow(options->beta2, (double)now->step);
    return (tn_adam_constants){.step_size = (tn_real)(now->learning_rate / correction1),
                               .root_factor = (tn_real)(1 / sqrt(correction2)),
                               .beta1 = (tn_real)options->beta1,
                               .one_minus_beta1 = (tn_real)(1 - options->beta1),
                               .beta2 = (tn_real)options->beta2,
                               .one_minus_beta2 = (tn_real)(1 - options->beta2),
                               .epsilon = (tn_real)options->epsilon,
                               .scale = (tn_real)now->gradient_scale,
                               .decay = (tn_real)options->weight_decay,
                               .keep = (tn_real)(1 - now->learning_rate * options->weight_decay)};
}

/* `to`, `decays` and `keeps` are constants where this is called, so that a step without decay does not pay for it. */
TN_INLINE void tn_adam_loop(const tn_adam_constants *k, size_t count, tn_real *restrict weights, const tn_real *restrict gradients,
                            tn_real *restrict first, tn_real *restrict second, tn_real *restrict changes, tn_adam_decay to, bool decays,
                            bool keeps)
{
    const tn_real step_size = k->step_size, root_factor = k->root_factor, beta1 = k->beta1, one_minus_beta1 = k->one_minus_beta1,
                  beta2 = k->beta2, one_minus_beta2 = k->one_minus_beta2, epsilon = k->epsilon, scale = k->scale, decay = k->decay,
                  keep = k->keep;
    for (size_t i = 0; i < count; i++) {
        const tn_real g = tn_gradient(gradients[i], scale, weights[i], decay, decays && to == TN_ADAM_DECAYS_GRADIENT);
        const tn_real m = beta1 * first[i] + one_minus_beta1 * g;
        const tn_real v = beta2 * second[i] + one_minus_beta2 * g * g;
        first[i] = m;
        second[i] = v;
        const tn_real w = decays && to == TN_ADAM_DECAYS_WEIGHT ? weights[i] * keep : weights[i];
        tn_move_weight(weights, changes, i, w - step_size * m / (tn_square_root(v) * root_factor + epsilon), keeps);
    }
}

#endif
