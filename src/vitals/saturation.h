/* saturation.h: between which limits the output of an op is not saturated: one table for the engine's ops and for those of attached programs.
 *
 * Not for judging: how much saturation is too much is the business of a rule. */
#ifndef TN_VITALS_SATURATION_H
#define TN_VITALS_SATURATION_H

#include "vitals/tensor.h"

/* A value <= *low or >= *high of this tensor is saturated. -INFINITY and INFINITY where there is no such limit: for tensors that are no activations, and for ops that
 * cannot saturate. */
void tn_saturation_limits(const tn_tensor_name *name, float *low, float *high);

#endif
