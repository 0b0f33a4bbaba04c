/* optimizer_adam.c: adaptive moments; the weight decay joins the gradient: g = gradient * gradient_scale + weight_decay w.
 *   w -= lr m^ / (sqrt(v^) + epsilon), in full in adam_step.h. Kingma and Ba 2014, arXiv:1412.6980. */
#include "engine/optimizers/adam_step.h"

TN_SIMD_CLONES
static void run(const tn_adam_constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *first, tn_real *second,
                tn_real *changes, bool decays)
{
    TN_WITH_FLAGS(tn_adam_loop, decays, changes != NULL, k, count, weights, gradients, first, second, changes, TN_ADAM_DECAYS_GRADIENT);
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const tn_adam_constants k = tn_adam_constants_of(options, now);
    run(&k, count, weights, gradients, slots[0], slots[1], changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adam = {.name = "adam", .slots = 2, .update = update};
