/* optimizers.h: every optimizer of the table in optimizer_table.c, each defined in the file of its name, and what they share. An optimizer
 * is used through tn_optimizer_find.
 *
 * In the formulas g is the gradient after scaling and weight decay: g = gradient * gradient_scale + weight_decay * w; w the weight, lr the
 * rate, t the step from 1.
 * One fused pass reads and writes every array once. Scalars are computed in double and rounded once. */
#ifndef TN_ENGINE_OPTIMIZERS_H
#define TN_ENGINE_OPTIMIZERS_H

#include <math.h>

#include "engine/optimizer.h"
#include "engine/vector_math.h"

extern const tn_optimizer tn_optimizer_sgd;
extern const tn_optimizer tn_optimizer_adam;
extern const tn_optimizer tn_optimizer_adamw;
extern const tn_optimizer tn_optimizer_rmsprop;
extern const tn_optimizer tn_optimizer_adagrad;
extern const tn_optimizer tn_optimizer_adadelta;

TN_INLINE tn_real tn_square_root(tn_real x)
{
    return TN_REAL(sqrt)(x);
}

/* Calls loop(..., decays, keeps) with its flags as constants, so that no loop tests them. */
#define TN_WITH_FLAGS(loop, decays, keeps, ...)                                                                                            \
    do {                                                                                                                                   \
        if ((decays) && (keeps))                                                                                                           \
            loop(__VA_ARGS__, true, true);                                                                                                 \
        else if (decays)                                                                                                                   \
            loop(__VA_ARGS__, true, false);                                                                                                \
        else if (keeps)                                                                                                                    \
            loop(__VA_ARGS__, false, true);                                                                                                \
        else                                                                                                                               \
            loop(__VA_ARGS__, false, false);                                                                                               \
    } while (0)

/* g of one element. `decays` is a constant where this is called: without decay w must not enter, since 0 times Inf is NaN. */
TN_INLINE tn_real tn_gradient(tn_real gradient, tn_real scale, tn_real w, tn_real decay, bool decays)
{
    return decays ? gradient * scale + decay * w : gradient * scale;
}

/* Element i becomes `next`. `keeps` is a constant where this is called: changes[i] gets the difference. */
TN_INLINE void tn_move_weight(tn_real *weights, tn_real *changes, size_t i, tn_real next, bool keeps)
{
    if (keeps)
        changes[i] = next - weights[i];
    weights[i] = next;
}

#endif
