/* native_torch.h: where a parameter of the engine lies in a state_dict of PyTorch: under which name, in a tensor of which shape, and at which place in it. Private to src/subject/native_weights.c.
 *
 * The engine keeps images channels last and matrices [inputs, outputs], PyTorch channels first and [outputs, inputs]; its MultiheadAttention packs three matrices into one tensor. So a place is
 * a set of strides over PyTorch's tensor, one for each axis of the parameter. */
#ifndef TN_SUBJECT_NATIVE_TORCH_H
#define TN_SUBJECT_NATIVE_TORCH_H

#include "engine/trainer.h"
#include "hypes/hypes.h"

enum { TN_TORCH_RANK_MAX = 4 };

typedef struct tn_torch_place {
    bool is_packed;                       /* one of three in a tensor */
    char suffix[32];                      /* behind the module's name: ".weight" */
    size_t rank, dims[TN_TORCH_RANK_MAX]; /* of PyTorch's tensor */
    size_t axes, counts[TN_TORCH_RANK_MAX], strides[TN_TORCH_RANK_MAX],
        offset; /* the parameter's values, row by row, and where they lie in the tensor */
} tn_torch_place;

/* The `which`-th way in which PyTorch's users keep this parameter, from 0: the first is that of torch.nn's own module. false past the last. */
bool tn_torch_place_of(const tn_parameter_facts *facts, size_t which, tn_torch_place *place);

enum { TN_TORCH_NAME_SIZE = 512 };

/* What the parameter's tensor is called by its place: weights.prefix, then the node's "module", or its "name", or its number in net, as the modules of a Sequential are called; then the suffix. */
void tn_torch_name(const tn_hypes *hypes, const tn_parameter_facts *facts, const tn_torch_place *place, char name[TN_TORCH_NAME_SIZE]);

/* Values of the parameter from, or into, a tensor of PyTorch's. */
void tn_torch_take(const tn_torch_place *place, const float *tensor, float *values);
void tn_torch_put(const tn_torch_place *place, const float *values, float *tensor);

#endif
