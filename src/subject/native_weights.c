/* native_weights.c: the weights of a network of the engine into a file, in the layout of tenet or of PyTorch; see native.h. Reading one is native_load.c's. */
#include <string.h>

#include "base/memory.h"
#include "subject/native.h"
#include "subject/native_torch.h"
#include "weights/weights.h"

/* A tensor of the file. */
typedef struct written {
    char name[TN_TORCH_NAME_SIZE];
    size_t rank, dims[TN_TORCH_RANK_MAX];
    float *values; /* owned where the layout is PyTorch's, else the trainer's */
    bool owned;
} written;

static size_t count_of(const written *tensor)
{
    size_t count = 1;
    for (size_t i = 0; i < tensor->rank; i++)
        count *= tensor->dims[i];
    return count;
}

/* Whether the node's keys are as wide as its queries, so that their maps are one tensor in PyTorch. */
static bool is_packed(const tn_trainer *trainer, size_t node_index)
{
    tn_parameter_facts facts;
    for (size_t i = 0; tn_trainer_parameter_facts(trainer, i, &facts); i++)
        if (facts.node_index == node_index && strcmp(facts.name, "weight_k") == 0)
            return facts.shape->dims[0] == facts.shape->dims[1];
    return true;
}

static bool choose_place(const tn_trainer *trainer, const tn_parameter_facts *facts, tn_torch_place *place)
{
    const bool packed = facts->shape->rank == 1 || is_packed(trainer, facts->node_index);
    for (size_t which = 0; tn_torch_place_of(facts, which, place); which++)
        if (packed || !place->is_packed)
            return true;
    return false;
}

/* Parameter i into its place of a tensor of PyTorch's, which is begun where it is the first of it. */
static tn_status add_torch(const tn_trainer *trainer, const tn_hypes *hypes, size_t i, written *tensors, size_t *count, tn_error *error)
{
    tn_parameter_facts facts;
    tn_torch_place place;
    tn_shape shape;
    const float *values;
    char own[80], name[TN_TORCH_NAME_SIZE];
    tn_trainer_parameter_facts(trainer, i, &facts);
    tn_trainer_parameter(trainer, i, own, &shape, &values);
    if (!choose_place(trainer, &facts, &place))
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "PyTorch has no place for '%s' that tenet knows of", own);
    tn_torch_name(hypes, &facts, &place, name);
    written *tensor = tensors;
    while (tensor < tensors + *count && strcmp(tensor->name, name) != 0)
        tensor++;
    if (tensor == tensors + *count) {
        *tensor = (written){.rank = place.rank, .owned = true};
        memcpy(tensor->name, name, sizeof name);
        memcpy(tensor->dims, place.dims, sizeof place.dims);
        tensor->values = tn_memory_create(count_of(tensor), sizeof *tensor->values);
        if (!tensor->values)
            return tn_fail_memory(error, count_of(tensor) * sizeof *tensor->values);
        (*count)++;
    }
    tn_torch_put(&place, values, tensor->values);
    return TN_OK;
}

static void add_own(const tn_trainer *trainer, size_t i, written *tensors, size_t *count)
{
    tn_shape shape;
    const float *values;
    written *tensor = &tensors[(*count)++];
    tn_trainer_parameter(trainer, i, tensor->name, &shape, &values);
    tensor->rank = shape.rank;
    memcpy(tensor->dims, shape.dims, sizeof shape.dims);
    tensor->values = (float *)(uintptr_t)values; /* only read: see `owned` */
}

static tn_status write_tensors(const char *path, const written *tensors, size_t count, bool by_tenet, tn_error *error)
{
    tn_weight_source *sources = tn_memory_create(count, sizeof *sources);
    if (!sources)
        return tn_fail_memory(error, count * sizeof *sources);
    for (size_t i = 0; i < count; i++)
        sources[i] =
            (tn_weight_source){.name = tensors[i].name, .rank = tensors[i].rank, .dims = tensors[i].dims, .values = tensors[i].values};
    tn_status status = tn_safetensors_write(path, sources, count, by_tenet, error);
    tn_memory_destroy(sources);
    return status;
}

tn_status tn_native_write_weights(const tn_trainer *trainer, const tn_hypes *hypes, const char *path, tn_error *error)
{
    tn_parameter_facts facts;
    const char *layout = json_string_value(tn_hypes_value(hypes, "weights.layout"));
    const bool for_torch = layout && strcmp(layout, "torch") == 0;
    size_t parameters = 0, count = 0;
    while (tn_trainer_parameter_facts(trainer, parameters, &facts))
        parameters++;
    if (parameters == 0)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "this network has no weights to write");
    written *tensors = tn_memory_create(parameters, sizeof *tensors);
    if (!tensors)
        return tn_fail_memory(error, parameters * sizeof *tensors);
    tn_status status = TN_OK;
    for (size_t i = 0; i < parameters && status == TN_OK; i++) {
        if (for_torch)
            status = add_torch(trainer, hypes, i, tensors, &count, error);
        else
            add_own(trainer, i, tensors, &count);
    }
    if (status == TN_OK)
        status = write_tensors(path, tensors, count, !for_torch, error);
    for (size_t i = 0; i < count; i++)
        if (tensors[i].owned)
            tn_memory_destroy(tensors[i].values);
    tn_memory_destroy(tensors);
    return status;
}
