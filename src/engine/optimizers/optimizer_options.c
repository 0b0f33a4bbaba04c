/* optimizer_options.c: hypes.solver as the optimizers take it. Every key is there: the schema fills in defaults, those that depend on the
 * optimizer too. */
#include "engine/optimizer.h"

tn_optimizer_options tn_optimizer_options_read(const tn_hypes *hypes)
{
    return (tn_optimizer_options){
        .momentum = tn_hypes_number(hypes, "solver.momentum"),
        .nesterov = tn_hypes_boolean(hypes, "solver.nesterov"),
        .beta1 = tn_hypes_number(hypes, "solver.beta1"),
        .beta2 = tn_hypes_number(hypes, "solver.beta2"),
        .epsilon = tn_hypes_number(hypes, "solver.epsilon"),
        .rho = tn_hypes_number(hypes, "solver.rho"),
        .weight_decay = tn_hypes_number(hypes, "solver.weight_decay"),
    };
}
