/* native_weights.c: the weights of a network of the engine as a file; see native.h. */

#include "base/memory.h"
#include "subject/native.h"
#include "weights/weights.h"

typedef struct named_shape {
    char name[80];
    tn_shape shape;
} named_shape;

tn_status tn_native_write_weights(const tn_trainer *trainer, const char *path, tn_error *error)
{
    named_shape one;
    const float *values;
    size_t count = 0;
    while (tn_trainer_parameter(trainer, count, one.name, &one.shape, &values))
        count++;
    if (count == 0)
        return tn_fail(error, TN_ERROR_UNSUPPORTED, "this network has no weights to write");
    named_shape *shapes = tn_memory_create(count, sizeof *shapes);
    tn_weight_source *sources = tn_memory_create(count, sizeof *sources);
    tn_status status = shapes && sources ? TN_OK : tn_fail_memory(error, count * (sizeof *shapes + sizeof *sources));
    for (size_t i = 0; i < count && status == TN_OK; i++) {
        tn_trainer_parameter(trainer, i, shapes[i].name, &shapes[i].shape, &values);
        sources[i] =
            (tn_weight_source){.name = shapes[i].name, .rank = shapes[i].shape.rank, .dims = shapes[i].shape.dims, .values = values};
    }
    if (status == TN_OK)
        status = tn_safetensors_write(path, sources, count, error);
    tn_memory_destroy(sources);
    tn_memory_destroy(shapes);
    return status;
}
