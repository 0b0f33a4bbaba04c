/* scaling.c: see scaling.h. */
#include "data/scaling.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

typedef struct moments {
    double count, sum, low, high, squares; /* squares: of the distances from the mean, known after the second pass */
} moments;

static double mean_of(const moments *m)
{
    return m->count > 0 ? m->sum / m->count : 0;
}

/* `weight` times the value. */
static void count_value(moments *m, double value, double weight, bool second_pass)
{
    if (!isfinite(value))
        return;
    if (second_pass) {
        double distance = value - mean_of(m);
        m->squares += weight * distance * distance;
        return;
    }
    m->count += weight;
    m->sum += weight * value;
    m->low = value < m->low ? value : m->low;
    m->high = value > m->high ? value : m->high;
}

/* Bytes with one map for all: a count of each of the 256 values says everything. */
static void measure_bytes(const tn_array *array, size_t width, const uint32_t *rows, size_t count, moments *m)
{
    uint64_t times[256] = {0};
    for (size_t i = 0; i < count; i++) {
        const uint8_t *row = array->bytes + rows[i] * width;
        for (size_t j = 0; j < width; j++)
            times[row[j]]++;
    }
    for (int pass = 0; pass < 2; pass++)
        for (size_t value = 0; value < 256; value++)
            if (times[value] > 0)
                count_value(m, (double)value, (double)times[value], pass == 1);
}

static void measure_values(const tn_array *array, size_t width, const uint32_t *rows, size_t count, moments *m, size_t groups)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < count; i++) {
            size_t start = rows[i] * width;
            for (size_t j = 0; j < width; j++)
                count_value(&m[groups == 1 ? 0 : j],
                            array->bytes != NULL ? (double)array->bytes[start + j] : (double)array->floats[start + j], 1, pass == 1);
        }
}

/* shift and gain, in units of what is stored. */
static void solve(const moments *m, tn_scale_kind kind, double *shift, double *gain)
{
    *shift = 0;
    *gain = 1;
    if (m->count <= 0)
        return;
    *shift = kind == TN_SCALE_MINMAX ? m->low : mean_of(m);
    if (m->high > m->low) { /* asked of the extremes, since the variance of a constant need not round to 0 */
        double spread = kind == TN_SCALE_MINMAX ? m->high - m->low : sqrt(m->squares / m->count);
        if (spread > 0 && isfinite(1 / spread))
            *gain = 1 / spread;
    }
}

/* shift and gain [groups] for (stored - shift) * gain. */
static tn_status measure(const tn_array *array, size_t width, const uint32_t *rows, size_t count, tn_scale_kind kind, size_t groups,
                         double *shift, double *gain, tn_error *error)
{
    moments *m = tn_memory_create(groups, sizeof *m);
    if (m == NULL)
        return tn_fail_memory(error, groups * sizeof *m);
    for (size_t g = 0; g < groups; g++) {
        m[g].low = INFINITY;
        m[g].high = -INFINITY;
    }
    if (groups == 1 && array->bytes != NULL)
        measure_bytes(array, width, rows, count, m);
    else
        measure_values(array, width, rows, count, m, groups);
    for (size_t g = 0; g < groups; g++)
        solve(&m[g], kind, &shift[g], &gain[g]);
    tn_memory_destroy(m);
    return TN_OK;
}

static tn_status affine_create(tn_affine *affine, size_t width, tn_error *error)
{
    affine->shift = tn_memory_create(width, sizeof(float));
    affine->gain = tn_memory_create(width, sizeof(float));
    affine->width = width;
    return affine->shift != NULL && affine->gain != NULL ? TN_OK : tn_fail_memory(error, 2 * width * sizeof(float));
}

/* The map that only adds the offsets back and multiplies. */
static tn_status affine_plain(tn_affine *affine, const tn_array *array, double factor, tn_error *error)
{
    if (array->offsets == NULL && factor == 1)
        return TN_OK;
    tn_status status = affine_create(affine, array->offsets != NULL ? array->dims[1] : 1, error);
    for (size_t i = 0; status == TN_OK && i < affine->width; i++) {
        affine->shift[i] = array->offsets != NULL ? -array->offsets[i] : 0;
        affine->gain[i] = (float)factor;
    }
    return status;
}

static tn_status scale_inputs(const tn_source *source, const uint32_t *rows, size_t count, tn_scale scale, tn_affine *affine,
                              tn_error *error)
{
    if (scale.kind == TN_SCALE_NONE || scale.kind == TN_SCALE_FACTOR)
        return affine_plain(affine, &source->inputs, scale.kind == TN_SCALE_FACTOR ? scale.factor : 1, error);
    size_t groups = source->shape.rank == 1 ? source->width : 1;
    double *maps = tn_memory_create(groups, 2 * sizeof *maps);
    if (maps == NULL)
        return tn_fail_memory(error, groups * 2 * sizeof *maps);
    tn_status status = measure(&source->inputs, source->width, rows, count, scale.kind, groups, maps, maps + groups, error);
    if (status == TN_OK)
        status = affine_create(affine, groups, error);
    for (size_t g = 0; status == TN_OK && g < groups; g++) {
        affine->shift[g] = (float)maps[g];
        affine->gain[g] = (float)maps[groups + g];
    }
    tn_memory_destroy(maps);
    return status;
}

/* Label maps are told in original units, so offsets are added to the shift. */
static tn_status scale_labels(const tn_source *source, const uint32_t *rows, size_t count, tn_scale scale, tn_scaling *scaling,
                              tn_error *error)
{
    size_t width = source->label_width;
    scaling->label_shift = tn_memory_create(width, sizeof(double));
    scaling->label_gain = tn_memory_create(width, sizeof(double));
    if (scaling->label_shift == NULL || scaling->label_gain == NULL)
        return tn_fail_memory(error, 2 * width * sizeof(double));
    bool measured = scale.kind == TN_SCALE_MINMAX || scale.kind == TN_SCALE_STANDARDIZE;
    if (measured) {
        tn_status status =
            measure(&source->labels, width, rows, count, scale.kind, width, scaling->label_shift, scaling->label_gain, error);
        if (status != TN_OK)
            return status;
    }
    for (size_t k = 0; k < width; k++) {
        if (measured && source->labels.offsets != NULL)
            scaling->label_shift[k] += (double)source->labels.offsets[k];
        if (!measured)
            scaling->label_gain[k] = scale.kind == TN_SCALE_FACTOR ? scale.factor : 1;
    }
    return TN_OK;
}

tn_status tn_scaling_create(const tn_source *source, const uint32_t *rows, size_t count, tn_scale input, tn_scale label,
                            tn_scaling **scaling, tn_error *error)
{
    *scaling = NULL;
    tn_scaling *created = tn_memory_create(1, sizeof *created);
    if (created == NULL)
        return tn_fail_memory(error, sizeof *created);
    atomic_init(&created->references, 1);
    tn_status status = scale_inputs(source, rows, count, input, &created->input, error);
    if (status == TN_OK)
        status = affine_plain(&created->raw, &source->inputs, 1, error);
    if (status == TN_OK)
        status = scale_labels(source, rows, count, label, created, error);
    if (status != TN_OK) {
        tn_scaling_release(created);
        return status;
    }
    *scaling = created;
    return TN_OK;
}

static double stored_value(const tn_array *array, size_t i)
{
    return array->bytes != NULL ? (double)array->bytes[i] : (double)array->floats[i];
}

/* Whether all finite values of a feature are equal. */
static bool never_changes(const tn_source *source, size_t feature, const uint32_t *rows, size_t count)
{
    bool found = false;
    double first = 0;
    for (size_t i = 0; i < count; i++) {
        double value = stored_value(&source->inputs, rows[i] * source->width + feature);
        if (!isfinite(value))
            continue;
        if (found && value != first)
            return false;
        found = true;
        first = value;
    }
    return true;
}

/* One map a feature in place of one for all, or of none. */
static tn_status widen(tn_affine *map, size_t width, tn_error *error)
{
    if (map->width == width)
        return TN_OK;
    tn_affine wide = {0};
    tn_status status = affine_create(&wide, width, error);
    for (size_t f = 0; status == TN_OK && f < width; f++) {
        wide.shift[f] = map->width > 0 ? map->shift[0] : 0;
        wide.gain[f] = map->width > 0 ? map->gain[0] : 1;
    }
    tn_affine *old = status == TN_OK ? map : &wide;
    tn_memory_destroy(old->shift);
    tn_memory_destroy(old->gain);
    if (status == TN_OK)
        *map = wide;
    return status;
}

tn_status tn_scaling_ignore(tn_scaling *scaling, const tn_source *source, const size_t *features, size_t count, const uint32_t *rows,
                            size_t row_count, tn_error *error)
{
    tn_status status = widen(&scaling->input, source->width, error);
    if (status != TN_OK)
        return status;
    for (size_t i = 0; features != NULL && i < count; i++)
        scaling->input.gain[features[i]] = 0;
    for (size_t f = 0; features == NULL && f < source->width; f++)
        if (never_changes(source, f, rows, row_count))
            scaling->input.gain[f] = 0;
    return TN_OK;
}

size_t tn_scaling_ignored(const tn_scaling *scaling)
{
    size_t ignored = 0;
    for (size_t f = 0; f < scaling->input.width; f++)
        ignored += !(fabsf(scaling->input.gain[f]) > 0);
    return ignored;
}

static double offset_of(const tn_source *source, size_t f)
{
    return source->inputs.offsets != NULL ? (double)source->inputs.offsets[f] : 0;
}

tn_status tn_scaling_rebase(tn_scaling *scaling, const tn_source *from, const tn_source *to, tn_scaling **rebased, tn_error *error)
{
    if (from == to || (from->inputs.offsets == NULL && to->inputs.offsets == NULL)) {
        *rebased = tn_scaling_keep(scaling);
        return TN_OK;
    }
    const tn_scale none = {.kind = TN_SCALE_NONE};
    tn_status status = tn_scaling_create(to, NULL, 0, none, none, rebased, error);
    if (status != TN_OK)
        return status;
    memcpy((*rebased)->label_shift, scaling->label_shift, to->label_width * sizeof(double));
    memcpy((*rebased)->label_gain, scaling->label_gain, to->label_width * sizeof(double));
    tn_affine *map = &(*rebased)->input;
    tn_memory_destroy(map->shift);
    tn_memory_destroy(map->gain);
    *map = (tn_affine){0};
    status = affine_create(map, to->width, error);
    const tn_affine *old = &scaling->input;
    for (size_t f = 0; status == TN_OK && f < to->width; f++) {
        size_t g = old->width == 1 ? 0 : f;
        double shift = old->width > 0 ? (double)old->shift[g] : 0;
        map->shift[f] = (float)(shift + offset_of(from, f) - offset_of(to, f));
        map->gain[f] = old->width > 0 ? old->gain[g] : 1;
    }
    if (status != TN_OK) {
        tn_scaling_release(*rebased);
        *rebased = NULL;
    }
    return status;
}

tn_scaling *tn_scaling_keep(tn_scaling *scaling)
{
    atomic_fetch_add(&scaling->references, 1);
    return scaling;
}

void tn_scaling_release(tn_scaling *scaling)
{
    if (scaling == NULL || atomic_fetch_sub(&scaling->references, 1) != 1)
        return;
    tn_memory_destroy(scaling->input.shift);
    tn_memory_destroy(scaling->input.gain);
    tn_memory_destroy(scaling->raw.shift);
    tn_memory_destroy(scaling->raw.gain);
    tn_memory_destroy(scaling->label_shift);
    tn_memory_destroy(scaling->label_gain);
    tn_memory_destroy(scaling);
}
