/* native_load.c: a network of the engine starts from the weights of a file, in the layout of tenet or of PyTorch; see native.h.
 *
 * Each parameter is looked up by the names that it may have there. A file of PyTorch's is told from one of tenet's by the mark that tenet leaves in it. What the net lacks in the file, and what the file
 * has beyond the net, are mistakes unless weights.partial is set; a tensor of another shape always is one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "subject/native.h"
#include "subject/native_torch.h"
#include "weights/weights.h"

enum { SHAPE_SIZE = 200, SHOWN_MAX = 4, SHOWN_NAME = 80 };

typedef struct loader {
    const tn_hypes *hypes;
    tn_trainer *trainer;
    const char *path; /* as the hypes give it */
    tn_weights weights;
    bool *used; /* [weights.count] */
    bool is_partial;
    double scale;
    size_t loaded, missing;
    tn_error first_missing;
    tn_error *error;
} loader;

static const char *format_shape(char text[SHAPE_SIZE], size_t rank, const size_t *dims)
{
    size_t length = (size_t)snprintf(text, SHAPE_SIZE, "[");
    for (size_t i = 0; i < rank && length < SHAPE_SIZE; i++)
        length += (size_t)snprintf(text + length, SHAPE_SIZE - length, "%s%zu", i > 0 ? ", " : "", dims[i]);
    if (length < SHAPE_SIZE)
        snprintf(text + length, SHAPE_SIZE - length, "]");
    return text;
}

/* ---- names ---- */

static tn_torch_place own_place(const tn_parameter_facts *facts)
{
    tn_torch_place place = {.suffix = "", .rank = facts->shape->rank, .axes = 1};
    memcpy(place.dims, facts->shape->dims, facts->shape->rank * sizeof *place.dims);
    place.counts[0] = tn_shape_size(facts->shape);
    place.strides[0] = 1;
    return place;
}

static tn_weight *find_tensor(const loader *l, const char *name)
{
    for (size_t i = 0; i < l->weights.count; i++)
        if (strcmp(l->weights.tensors[i].name, name) == 0)
            return &l->weights.tensors[i];
    return NULL;
}

/* Where the parameter lies in the file, and under which name; where it does not, NULL, and where it was looked for first. */
static tn_weight *look_up(const loader *l, const tn_parameter_facts *facts, tn_torch_place *place, char name[TN_TORCH_NAME_SIZE])
{
    if (l->weights.by_tenet) {
        *place = own_place(facts);
        snprintf(name, TN_TORCH_NAME_SIZE, "%s.%s", facts->node, facts->name);
        return find_tensor(l, name);
    }
    for (size_t which = 0; tn_torch_place_of(facts, which, place); which++) {
        tn_torch_name(l->hypes, facts, place, name);
        tn_weight *tensor = find_tensor(l, name);
        if (tensor)
            return tensor;
    }
    if (tn_torch_place_of(facts, 0, place))
        tn_torch_name(l->hypes, facts, place, name);
    return NULL;
}

/* ---- mistakes ---- */

static const char *node_path(char path[64], const tn_parameter_facts *facts)
{
    snprintf(path, 64, "net.%zu", facts->node_index);
    return path;
}

/* Of the tensors that nobody has taken, the one that may be meant; NULL where there is none. */
static const tn_weight *guess(const loader *l, const tn_torch_place *place, const char *name)
{
    const char **names = malloc((l->weights.count + 1) * sizeof *names);
    const char *nearest = NULL;
    size_t count = 0;
    for (size_t i = 0; names && i < l->weights.count; i++)
        if (!l->used[i])
            names[count++] = l->weights.tensors[i].name;
    if (count > 0)
        nearest = tn_nearest_name(name, names, count);
    free(names);
    if (nearest)
        return find_tensor(l, nearest);
    for (size_t i = 0; i < l->weights.count; i++) {
        const tn_weight *tensor = &l->weights.tensors[i];
        if (!l->used[i] && tensor->rank == place->rank && memcmp(tensor->dims, place->dims, place->rank * sizeof *place->dims) == 0)
            return tensor;
    }
    return NULL;
}

/* The first of the missing is told, when all have been counted. */
static void note_missing(loader *l, const tn_parameter_facts *facts, const tn_torch_place *place, const char *name)
{
    char expected[SHAPE_SIZE], found[SHAPE_SIZE], path[64], hint[SHAPE_SIZE + SHOWN_NAME + 64] = "";
    if (l->missing++ > 0)
        return;
    const tn_weight *near = guess(l, place, name);
    if (near)
        snprintf(hint, sizeof hint, "; the nearest there is '%.*s', %s", SHOWN_NAME, near->name,
                 format_shape(found, near->rank, near->dims));
    tn_hypes_fail(
        l->hypes, node_path(path, facts), &l->first_missing,
        "'%.160s' holds no '%.*s', %s, for %s of the %s '%s'%s. If its module is called otherwise there, say so by the node's \"module\"; "
        "to start what is missing as init says, set weights.partial",
        l->path, SHOWN_NAME, name, format_shape(expected, place->rank, place->dims), facts->name, facts->op, facts->node, hint);
}

static tn_status fail_shape(const loader *l, const tn_parameter_facts *facts, const tn_torch_place *place, const tn_weight *tensor)
{
    char expected[SHAPE_SIZE], found[SHAPE_SIZE], own[SHAPE_SIZE], path[64], turned[SHAPE_SIZE + 64] = "";
    if (!l->weights.by_tenet)
        snprintf(turned, sizeof turned, " (PyTorch's form of %s)", format_shape(own, facts->shape->rank, facts->shape->dims));
    return tn_hypes_fail(l->hypes, node_path(path, facts), l->error, "'%.*s' of '%.160s' has the shape %s; %s of the %s '%s' needs %s%s",
                         SHOWN_NAME, tensor->name, l->path, format_shape(found, tensor->rank, tensor->dims), facts->name, facts->op,
                         facts->node, format_shape(expected, place->rank, place->dims), turned);
}

/* What the file has and the net has not. Whole numbers, such as how many batches a norm has seen, are no weights. */
static tn_status check_left_over(const loader *l)
{
    char shape[SHAPE_SIZE];
    tn_text text;
    size_t count = 0;
    tn_text_init(&text);
    for (size_t i = 0; i < l->weights.count; i++) {
        const tn_weight *tensor = &l->weights.tensors[i];
        if (l->used[i] || tensor->skipped)
            continue;
        if (count++ < SHOWN_MAX)
            tn_text_addf(&text, "%s'%.*s' %s", count > 1 ? ", " : "", SHOWN_NAME, tensor->name,
                         format_shape(shape, tensor->rank, tensor->dims));
    }
    char *shown = tn_text_take(&text);
    tn_status status = TN_OK;
    if (count > 0)
        status = tn_hypes_fail(
            l->hypes, "weights.file", l->error,
            "'%.160s' holds %zu tensor%s that no node of the net takes: %s%s. Add their nodes, give nodes their \"module\", or set "
            "weights.partial to pass over them",
            l->path, count, count == 1 ? "" : "s", shown ? shown : "", count > SHOWN_MAX ? ", ..." : "");
    free(shown);
    return status;
}

/* ---- loading ---- */

static tn_status take(loader *l, size_t i, const tn_parameter_facts *facts, const tn_torch_place *place, const tn_weight *tensor)
{
    if (tensor->rank != place->rank || memcmp(tensor->dims, place->dims, place->rank * sizeof *place->dims) != 0)
        return fail_shape(l, facts, place, tensor);
    if (tensor->skipped)
        return tn_hypes_fail(l->hypes, "weights.file", l->error, "'%.*s' of '%.160s' cannot be loaded: %s", SHOWN_NAME, tensor->name,
                             l->path, tensor->skipped);
    const size_t count = tn_shape_size(facts->shape);
    float *there = tn_memory_create(tensor->count, sizeof *there), *values = tn_memory_create(count, sizeof *values);
    tn_status status = there && values ? TN_OK : tn_fail_memory(l->error, (tensor->count + count) * sizeof *values);
    if (status == TN_OK) {
        tn_weight_values(tensor, there);
        tn_torch_take(place, there, values);
        const bool is_weight = strncmp(facts->name, "weight", strlen("weight")) == 0;
        for (size_t k = 0; is_weight && k < count; k++)
            values[k] = (float)((double)values[k] * l->scale);
        tn_trainer_set_parameter(l->trainer, i, values);
        l->loaded++;
    }
    tn_memory_destroy(values);
    tn_memory_destroy(there);
    return status;
}

static tn_status load(loader *l)
{
    tn_parameter_facts facts;
    tn_torch_place place;
    char name[TN_TORCH_NAME_SIZE];
    tn_status status = TN_OK;
    for (size_t i = 0; status == TN_OK && tn_trainer_parameter_facts(l->trainer, i, &facts); i++) {
        const tn_weight *tensor = look_up(l, &facts, &place, name);
        if (!tensor)
            continue;
        l->used[tensor - l->weights.tensors] = true;
        status = take(l, i, &facts, &place, tensor);
    }
    /* When it is known what is left to be meant. */
    for (size_t i = 0; status == TN_OK && tn_trainer_parameter_facts(l->trainer, i, &facts); i++)
        if (!look_up(l, &facts, &place, name))
            note_missing(l, &facts, &place, name);
    if (status != TN_OK || (l->is_partial && l->loaded > 0))
        return status;
    if (l->missing == 0)
        return check_left_over(l);
    if (l->missing > 1) {
        const size_t length = strlen(l->first_missing.message);
        snprintf(l->first_missing.message + length, sizeof l->first_missing.message - length, ". %zu further tensor%s missing",
                 l->missing - 1, l->missing == 2 ? " is" : "s are");
    }
    if (l->error)
        *l->error = l->first_missing;
    return l->first_missing.code;
}

tn_status tn_native_load_weights(const tn_hypes *hypes, tn_trainer *trainer, tn_error *error)
{
    const char *path = json_string_value(tn_hypes_value(hypes, "weights.file"));
    if (!path)
        return TN_OK;
    char *resolved = tn_hypes_resolve(hypes, path);
    if (!resolved)
        return tn_fail_memory(error, strlen(path));
    loader l = {.hypes = hypes,
                .trainer = trainer,
                .path = path,
                .is_partial = tn_hypes_boolean(hypes, "weights.partial"),
                .scale = tn_hypes_number(hypes, "init.scale"),
                .error = error};
    tn_status status = tn_weights_open(resolved, &l.weights, error);
    if (status == TN_OK) {
        l.used = tn_memory_create(l.weights.count, sizeof *l.used);
        status = l.used ? load(&l) : tn_fail_memory(error, l.weights.count);
    }
    tn_memory_destroy(l.used);
    tn_weights_deinit(&l.weights);
    free(resolved);
    return status;
}
