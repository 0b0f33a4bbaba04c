/* program_tensors.c: the tensors that a loop shows by include/tenet_run.h: their names, when they are wanted, their vitals and those of their units, and, in the first run, what the inputs are like. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/program_run.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "hypes/hypes.h"
#include "vitals/saturation.h"
#include "vitals/unit_layout.h"
#include "vitals/vitals_cast.h"

enum { TENSORS_MAX = 1 << 16, FEATURES_MAX = 256 };

_Static_assert((int)TN_TENSOR_INPUT == (int)TN_ROLE_INPUT && (int)TN_TENSOR_WEIGHT == (int)TN_ROLE_WEIGHT &&
                   (int)TN_TENSOR_GRADIENT == (int)TN_ROLE_GRADIENT && (int)TN_TENSOR_UPDATE == (int)TN_ROLE_UPDATE &&
                   (int)TN_TENSOR_ACTIVATION == (int)TN_ROLE_ACTIVATION &&
                   (int)TN_TENSOR_ACTIVATION_GRADIENT == (int)TN_ROLE_ACTIVATION_GRADIENT,
               "the public roles are those of vitals/tensor.h");
_Static_assert((int)TN_DTYPE_FLOAT32 == (int)TN_VALUE_FLOAT32 && (int)TN_DTYPE_FLOAT64 == (int)TN_VALUE_FLOAT64 &&
                   (int)TN_DTYPE_FLOAT16 == (int)TN_VALUE_FLOAT16 && (int)TN_DTYPE_BFLOAT16 == (int)TN_VALUE_BFLOAT16,
               "the public types are those of vitals/vitals_cast.h");

bool tn_run_wants_tensors(const tn_run *run)
{
    if (!run || run->stopped || (!run->link && !run->recorder))
        return false;
    /* The facts speak of them. */
    if (run->step == 0 && strcmp(run->mode, "look") == 0)
        return true;
    if (run->vitals_every > 0)
        return run->step % run->vitals_every == 0;
    return run->vitals_share > 0 && (run->step == 0 || tn_clock_ns() >= run->next_ns);
}

/* "block2.relu_3" -> "relu": the longest op's name that the name ends in, numbers aside. */
static const char *op_of(const char *name)
{
    const char *const *ops;
    size_t count = tn_hypes_op_names(&ops), length = strlen(name), best = 0;
    const char *found = NULL;
    while (length > 0 && ((name[length - 1] >= '0' && name[length - 1] <= '9') || name[length - 1] == '_' || name[length - 1] == '.'))
        length--;
    for (size_t i = 0; i < count; i++) {
        size_t size = strlen(ops[i]);
        if (size <= best || size > length || strncmp(name + length - size, ops[i], size) != 0)
            continue;
        if (size == length || strchr("._/", name[length - size - 1])) {
            best = size;
            found = ops[i];
        }
    }
    return found;
}

/* The place of a node in the order in which nodes were first shown. */
static size_t node_index_of(tn_run *run, const char *node)
{
    for (size_t i = 0; i < TN_RUN_BUCKETS; i++) {
        for (const tn_shown_tensor *tensor = run->buckets[i]; tensor; tensor = tensor->next) {
            if (strcmp(tensor->name.node, node) == 0)
                return tensor->name.node_index;
        }
    }
    return run->node_count++;
}

static size_t bucket_of(const char *name, tn_tensor_role role)
{
    return (size_t)(tn_hash_text(TN_HASH_START ^ (uint64_t)role, name) % TN_RUN_BUCKETS);
}

/* The tensor of this name and role, made at its first showing. NULL where memory is out or there are too many. */
static tn_shown_tensor *find_tensor(tn_run *run, const char *name, tn_tensor_role role)
{
    size_t bucket = bucket_of(name, role);
    for (tn_shown_tensor *tensor = run->buckets[bucket]; tensor; tensor = tensor->next) {
        if (tensor->name.role == (tn_role)role && strcmp(tensor->key, name) == 0)
            return tensor;
    }
    tn_shown_tensor *tensor = run->tensor_count < TENSORS_MAX ? calloc(1, sizeof *tensor) : NULL;
    if (!tensor)
        return NULL;
    tensor->key = tn_string_copy(name);
    tensor->text = tn_string_copy(name);
    if (!tensor->key || !tensor->text) {
        free(tensor->key);
        free(tensor->text);
        free(tensor);
        return NULL;
    }
    tensor->name.role = (tn_role)role;
    tensor->name.node = tensor->text;
    if (role == TN_TENSOR_WEIGHT || role == TN_TENSOR_GRADIENT || role == TN_TENSOR_UPDATE) {
        char *dot = strrchr(tensor->text, '.');
        if (dot && dot > tensor->text && dot[1])
            *dot++ = '\0';
        else
            dot = NULL;
        tensor->name.parameter = dot ? dot : "weight";
    } else {
        tensor->name.op = op_of(name);
    }
    tensor->name.node_index = node_index_of(run, tensor->name.node);
    tensor->index = run->tensor_count++;
    tensor->next = run->buckets[bucket];
    run->buckets[bucket] = tensor;
    return tensor;
}

/* In the first run: what the network is fed with. */
static void look_at_inputs(tn_run *run, const tn_strided *strided, const tn_vitals *vitals)
{
    if (strcmp(run->mode, "look") != 0 || run->inputs.count > 0 || strided->rank < 2)
        return;
    size_t rank = strided->rank;
    run->inputs = *vitals;
    run->features = (size_t)strided->shape[rank - 1];
    run->std_min = INFINITY;
    run->std_max = 0;
    if (run->features > FEATURES_MAX)
        return;
    int64_t dense[TN_STRIDED_RANK_MAX], stride = 1;
    for (size_t i = rank; i-- > 0; stride *= strided->shape[i])
        dense[i] = strided->strides ? strided->strides[i] : stride;
    for (size_t k = 0; k < run->features; k++) {
        tn_vitals feature;
        tn_strided column = *strided;
        column.data = (const char *)strided->data + (int64_t)k * dense[rank - 1] * (int64_t)tn_value_size(strided->type);
        column.rank = rank - 1;
        column.strides = dense;
        tn_vitals_init(&feature);
        tn_vitals_add_strided(&feature, &column, NULL);
        double deviation = sqrt(tn_vitals_variance(&feature));
        if (deviation > 0) {
            run->std_min = fmin(run->std_min, deviation);
            run->std_max = fmax(run->std_max, deviation);
        }
    }
}

static bool reserve_units(tn_run *run, size_t units)
{
    if (units <= run->unit_capacity)
        return true;
    free(run->units);
    run->units = malloc(units * sizeof *run->units);
    run->unit_capacity = run->units ? units : 0;
    return run->units != NULL;
}

/* The vitals of the tensor's units, where the step's are due and they can be read in place. A tensor of one axis tells no units apart. */
static bool take_units(tn_run *run, const tn_tensor_name *name, const tn_strided *strided, const tn_vitals *whole, tn_unit_vitals *units)
{
    bool has_units = name->role == TN_ROLE_INPUT || name->role == TN_ROLE_WEIGHT || name->role == TN_ROLE_ACTIVATION;
    tn_unit_layout layout;
    if (!has_units || strided->rank < 2 || !tn_unit_vitals_are_due(name->role == TN_ROLE_WEIGHT, run->shown_steps - 1) ||
        !tn_unit_layout_find(&layout, strided, strided->rank - 1) || layout.units > TN_UNITS_MAX || !reserve_units(run, layout.units))
        return false;
    float low, high;
    tn_saturation_limits(name, &low, &high);
    tn_unit_vitals_init(units, run->units, layout.units, low, high);
    tn_unit_vitals_add_known(units, strided->data, layout.rows, layout.inner, whole);
    return true;
}

/* Tells whoever listens what the coming step's tensor is like. */
static void tell_tensor(tn_run *run, const tn_shown_tensor *tensor, const tn_strided *strided, const tn_vitals *vitals)
{
    tn_unit_vitals units;
    tn_tensor_seen seen = {.step = run->step + 1, .name = &tensor->name, .index = tensor->index, .vitals = vitals};
    run->shown_steps += run->shown_step != seen.step;
    run->shown_step = seen.step;
    if (take_units(run, &tensor->name, strided, vitals, &units))
        seen.units = &units;
    bool is_of_samples =
        tensor->name.role != TN_ROLE_WEIGHT && tensor->name.role != TN_ROLE_GRADIENT && tensor->name.role != TN_ROLE_UPDATE;
    if (is_of_samples && strided->rank > 1)
        seen.batch.count = (size_t)strided->shape[0];
    if (run->link && seen.units)
        tn_link_units(run->link, seen.step, (uint32_t)seen.index, seen.units, seen.batch.count);
    if (run->link)
        tn_link_vitals(run->link, seen.step, (uint32_t)seen.index, vitals);
    if (run->recorder)
        tn_recorder_tensor(run->recorder, &seen);
}

bool tn_run_tensor(tn_run *run, const char *name, tn_tensor_role role, tn_dtype dtype, size_t rank, const int64_t *shape,
                   const int64_t *strides, const void *data)
{
    tn_vitals vitals;
    size_t count;
    const tn_strided strided = {.data = data, .type = (tn_value_type)dtype, .rank = rank, .shape = shape, .strides = strides};
    if (!run)
        return true;
    bool known = (unsigned)dtype <= TN_DTYPE_BFLOAT16 && (unsigned)role <= TN_TENSOR_ACTIVATION_GRADIENT && name && *name &&
                 strlen(name) < TN_RUN_NAME_BYTES;
    if (!known || tn_strided_count(&strided, &count, NULL) != TN_OK)
        return false;
    bool is_wanted = tn_run_wants_tensors(run);
    /* Weights are counted once, wanted or not. */
    if (count == 0 || (!is_wanted && (role != TN_TENSOR_WEIGHT || run->step > 0)))
        return true;
    uint64_t start_ns = tn_clock_ns();
    tn_shown_tensor *tensor = find_tensor(run, name, role);
    if (!tensor)
        return true;
    size_t units = rank > 0 ? (size_t)shape[rank - 1] : 1;
    bool is_changed = tensor->name.count != count || tensor->name.units != units;
    uint64_t *values = role == TN_TENSOR_WEIGHT ? &run->parameters : role == TN_TENSOR_GRADIENT ? &run->gradients : NULL;
    if (values)
        *values += count - tensor->name.count;
    tensor->name.count = count;
    tensor->name.units = units;
    if (!is_wanted)
        return true;
    tn_vitals_init(&vitals);
    tn_vitals_add_strided(&vitals, &strided, NULL);
    if (role == TN_TENSOR_INPUT)
        look_at_inputs(run, &strided, &vitals);
    if (run->link && (is_changed || !tensor->announced))
        tn_link_tensor(run->link, (uint32_t)tensor->index, &tensor->name);
    tensor->announced = true;
    tell_tensor(run, tensor, &strided, &vitals);
    run->spent_ns += tn_clock_ns() - start_ns;
    return true;
}

void tn_run_forget_tensors(tn_run *run)
{
    for (size_t i = 0; i < TN_RUN_BUCKETS; i++) {
        for (tn_shown_tensor *tensor = run->buckets[i], *next; tensor; tensor = next) {
            next = tensor->next;
            free(tensor->key);
            free(tensor->text);
            free(tensor);
        }
        run->buckets[i] = NULL;
    }
    free(run->units);
    run->units = NULL;
    run->unit_capacity = 0;
}
