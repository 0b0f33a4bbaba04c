/* weights_file.c: opening a file of weights of whatever kind it is, told by its first bytes; see weights.h. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/array.h"
#include "data/reader.h"
#include "data/zip.h"
#include "weights/weights.h"

tn_weight *tn_weights_add(tn_weights *weights, const char *name, size_t length)
{
    if (weights->count == weights->capacity) {
        size_t capacity = weights->capacity > 0 ? 2 * weights->capacity : 64;
        tn_weight *grown = realloc(weights->tensors, capacity * sizeof *grown);
        if (!grown)
            return NULL;
        weights->tensors = grown;
        weights->capacity = capacity;
    }
    char *copy = malloc(length + 1);
    if (!copy)
        return NULL;
    memcpy(copy, name, length);
    copy[length] = '\0';
    tn_weight *weight = &weights->tensors[weights->count++];
    *weight = (tn_weight){.name = copy};
    return weight;
}

void tn_weights_deinit(tn_weights *weights)
{
    for (size_t i = 0; i < weights->count; i++) {
        free(weights->tensors[i].name);
        tn_memory_destroy(weights->tensors[i].owned);
    }
    free(weights->tensors);
    tn_file_unmap(&weights->file);
    *weights = (tn_weights){0};
}

void tn_weight_values(const tn_weight *weight, float *values)
{
    tn_values_cast(values, weight->bytes, weight->type, 1, weight->count);
}

/* ---- npz ---- */

typedef struct npz_walk {
    const uint8_t *bytes;
    size_t size;
    tn_weights *weights;
    size_t pickles; /* members that only a pickle in a zip has */
} npz_walk;

static bool ends_with(const char *name, size_t length, const char *suffix)
{
    size_t most = strlen(suffix);
    return length >= most && memcmp(name + length - most, suffix, most) == 0;
}

/* Columns whose values float32 cannot tell apart came as differences (array.h); weights want the sum. */
static bool adopt_array(tn_weight *weight, tn_array *array)
{
    weight->rank = array->rank;
    memcpy(weight->dims, array->dims, sizeof array->dims);
    weight->count = array->count;
    if (!array->floats) {
        weight->skipped = "whole numbers, which are no weights";
        return true;
    }
    if (array->offsets) {
        float *sums = array->owned;
        for (size_t i = 0; i < array->count; i++)
            sums[i] += array->offsets[i % array->dims[1]];
    }
    weight->type = TN_VALUE_FLOAT32;
    weight->bytes = (const uint8_t *)array->floats;
    weight->owned = array->owned;
    array->owned = NULL;
    return true;
}

static bool is_plain_name(const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
            return false;
    return length > 0 && length < TN_WEIGHTS_NAME_MAX;
}

static tn_status take_member(void *context, const char *name, size_t length, tn_error *error)
{
    npz_walk *walk = context;
    if (ends_with(name, length, "data.pkl"))
        walk->pickles++;
    if (walk->pickles > 0 || !ends_with(name, length, ".npy"))
        return TN_OK;
    if (!is_plain_name(name, length))
        return tn_fail(error, TN_ERROR_DATA, "holds an array whose name is over 255 bytes long, or has control characters");
    tn_weight *weight = tn_weights_add(walk->weights, name, length - strlen(".npy"));
    if (!weight)
        return tn_fail_memory(error, sizeof *weight);
    tn_array array;
    tn_error reason = {0};
    tn_status status = tn_npz_parse(walk->bytes, walk->size, weight->name, &array, &reason);
    if (status == TN_OK)
        adopt_array(weight, &array);
    else if (status == TN_ERROR_MEMORY)
        return tn_fail_memory(error, sizeof(float));
    else
        weight->skipped = "no array of numbers that tenet reads (at most 4 dimensions, not empty, no objects)";
    tn_array_deinit(&array);
    return TN_OK;
}

static tn_status fail_pickle(tn_error *error)
{
    return tn_fail(error, TN_ERROR_UNSUPPORTED,
                   "is a pickle, and loading one runs whatever code it holds, so tenet does not. Save it as safetensors where it was made: "
                   "from safetensors.torch import save_file; "
                   "save_file(model.state_dict(), 'model.safetensors')");
}

tn_status tn_npz_weights_parse(const uint8_t *bytes, size_t size, tn_weights *weights, tn_error *error)
{
    npz_walk walk = {.bytes = bytes, .size = size, .weights = weights};
    tn_status status = tn_zip_walk(bytes, size, take_member, &walk, error);
    if (status == TN_OK && walk.pickles > 0)
        status = fail_pickle(error);
    return status;
}

/* ---- which kind ---- */

static bool begins(const tn_file *file, size_t at, const void *magic, size_t length)
{
    return file->size >= at + length && memcmp(file->bytes + at, magic, length) == 0;
}

static tn_status parse(const tn_file *file, tn_weights *weights, tn_error *error)
{
    if (begins(file, 0, "PK\3\4", 4) || begins(file, 0, "PK\5\6", 4))
        return tn_npz_weights_parse(file->bytes, file->size, weights, error);
    /* Protocol 2 and later open with 0x80 and their number; the first bytes of PyTorch before 1.6 are a pickled number. */
    if (file->size >= 2 && file->bytes[0] == 0x80 && file->bytes[1] >= 2 && file->bytes[1] <= 5 && !begins(file, 8, "{", 1))
        return fail_pickle(error);
    if (begins(file, 0, "\x89HDF\r\n\x1a\n", 8))
        return tn_fail(error, TN_ERROR_UNSUPPORTED,
                       "is HDF5, as Keras writes it (.h5, .weights.h5), which tenet does not read. Save the weights where they were made: "
                       "numpy.savez('model.npz', "
                       "**{w.path: w.numpy() for w in model.weights})");
    if (begins(file, 0, "GGUF", 4) || begins(file, 4, "TFL3", 4))
        return tn_fail(error, TN_ERROR_UNSUPPORTED,
                       "holds weights that were quantised for use (GGUF or TensorFlow Lite); give the file that training wrote, as "
                       "safetensors or npz");
    if (begins(file, 0, "\x93NUMPY", 6))
        return tn_fail(
            error, TN_ERROR_UNSUPPORTED,
            "is one npy array; a network is several with their names: save them by numpy.savez('model.npz', **{name: array, ...})");
    if (file->size > 8 && file->bytes[8] == '{')
        return tn_safetensors_parse(file->bytes, file->size, weights, error);
    return tn_fail(error, TN_ERROR_UNSUPPORTED,
                   "is neither safetensors nor npz, the two kinds of files that weights are read from. For PyTorch: from safetensors.torch "
                   "import save_file; "
                   "save_file(model.state_dict(), 'model.safetensors')");
}

tn_status tn_weights_open(const char *path, tn_weights *weights, tn_error *error)
{
    *weights = (tn_weights){0};
    tn_status status = tn_file_map(path, &weights->file, error);
    if (status != TN_OK)
        return status;
    status = parse(&weights->file, weights, error);
    if (status == TN_OK && weights->count == 0)
        status = tn_fail(error, TN_ERROR_DATA, "holds no tensors");
    if (status != TN_OK)
        tn_error_at(error, path, 0, NULL);
    return status;
}
