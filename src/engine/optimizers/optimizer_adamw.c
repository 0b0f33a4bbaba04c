/* optimizer_adamw.c: adam with the weight decay taken off the weight itself, so that it is not divided by the gradient's size.
 *   w -= lr weight_decay w;  then adam's update with g = gradient * gradient_scale (see adam_step.h)
 * slots: m, v. Loshchilov and Hutter 2017, arXiv:1711.05101; PyTorch's AdamW. */
#include "engine/optimizers/adam_step.h"

TN_SIMD_CLONES
static void run(const tn_adam_constants *k, size_t count, tn_real *weights, const tn_real *gradients, tn_real *first, tn_real *second,
                tn_real *changes, bool decays)
{
    TN_WITH_FLAGS(tn_adam_loop, decays, changes != NULL, k, count, weights, gradients, first, second, changes, TN_ADAM_DECAYS_WEIGHT);
}

static void update(const tn_optimizer_options *options, const tn_update *now, size_t count, tn_real *weights, const tn_real *gradients,
                   tn_real *const slots[TN_OPTIMIZER_SLOTS_MAX], tn_real *changes)
{
    const tn_adam_constants k = tn_adam_constants_of(options, now);
    run(&k, count, weights, gradients, slots[0], slots[1], changes, options->weight_decay != 0);
}

const tn_optimizer tn_optimizer_adamw = {.name = "adamw", .slots = 2, .update = update};
