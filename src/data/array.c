/* array.c: see array.h. Conversions run once a file, so they are plain; the gathering of batches is where speed counts. */
#include "data/array.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

size_t tn_raw_size(tn_raw_type type)
{
    static const size_t sizes[] = {
        [TN_RAW_UINT8] = 1,  [TN_RAW_BOOL] = 1,   [TN_RAW_INT8] = 1,   [TN_RAW_INT16] = 2,   [TN_RAW_INT32] = 4,  [TN_RAW_INT64] = 8,
        [TN_RAW_UINT16] = 2, [TN_RAW_UINT32] = 4, [TN_RAW_UINT64] = 8, [TN_RAW_FLOAT32] = 4, [TN_RAW_FLOAT64] = 8};
    return sizes[type];
}

tn_status tn_array_measure(size_t rank, const size_t *dims, tn_raw_type type, size_t *count, size_t *bytes, tn_error *error)
{
    *count = 1;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] == 0)
            return tn_fail(error, TN_ERROR_DATA, "holds no samples: dimension %zu of its array is 0", i);
        if (!tn_size_multiply(*count, dims[i], count))
            return tn_fail(error, TN_ERROR_DATA, "claims dimensions whose product overflows; its header lies or is damaged");
    }
    /* Float copies of it must be possible, and samples are numbered by 32 bits. */
    size_t as_doubles;
    if (!tn_size_multiply(*count, sizeof(double), &as_doubles) || as_doubles > SIZE_MAX / 4 || dims[0] > UINT32_MAX)
        return tn_fail(error, TN_ERROR_DATA, "claims %zu values, more than can be held; its header lies or is damaged", *count);
    *bytes = *count * tn_raw_size(type);
    return TN_OK;
}

/* One value as a double. `swap`: the file's byte order is not the machine's. */
static double raw_value(const uint8_t *from, tn_raw_type type, bool swap)
{
    size_t size = tn_raw_size(type);
    uint8_t ordered[8] = {0};
    for (size_t i = 0; i < size; i++)
        ordered[i] = from[swap ? size - 1 - i : i];
#define TN_RAW_READ(ctype)                                                                                                                 \
    do {                                                                                                                                   \
        ctype value;                                                                                                                       \
        memcpy(&value, ordered, sizeof value);                                                                                             \
        return (double)value;                                                                                                              \
    } while (0)
    switch (type) {
    case TN_RAW_UINT8:
        return from[0];
    case TN_RAW_BOOL:
        return from[0] != 0;
    case TN_RAW_INT8:
        TN_RAW_READ(int8_t);
    case TN_RAW_INT16:
        TN_RAW_READ(int16_t);
    case TN_RAW_INT32:
        TN_RAW_READ(int32_t);
    case TN_RAW_INT64:
        TN_RAW_READ(int64_t);
    case TN_RAW_UINT16:
        TN_RAW_READ(uint16_t);
    case TN_RAW_UINT32:
        TN_RAW_READ(uint32_t);
    case TN_RAW_UINT64:
        TN_RAW_READ(uint64_t);
    case TN_RAW_FLOAT32:
        TN_RAW_READ(float);
    case TN_RAW_FLOAT64:
        TN_RAW_READ(double);
    }
#undef TN_RAW_READ
    return 0;
}

static bool machine_is_big_endian(void)
{
    const uint16_t probe = 1;
    uint8_t first;
    memcpy(&first, &probe, 1);
    return first == 0;
}

/* Walks positions of the last-axis-fastest order and tells where each lies in the first-axis-fastest order. */
typedef struct fortran_walk {
    size_t index[TN_ARRAY_RANK_MAX], stride[TN_ARRAY_RANK_MAX], position;
} fortran_walk;

static void fortran_walk_init(fortran_walk *walk, const tn_array *array)
{
    *walk = (fortran_walk){0};
    size_t stride = 1;
    for (size_t axis = 0; axis < array->rank; axis++) {
        walk->stride[axis] = stride;
        stride *= array->dims[axis];
    }
}

static void fortran_walk_next(fortran_walk *walk, const tn_array *array)
{
    for (size_t axis = array->rank; axis-- > 0;) {
        walk->position += walk->stride[axis];
        if (++walk->index[axis] < array->dims[axis])
            return;
        walk->position -= walk->stride[axis] * array->dims[axis];
        walk->index[axis] = 0;
    }
}

/* True where float32 would merge numbers of a column that differ by much of its range: half a unit in the last place at the largest magnitude is above 1/4096 of the range. */
static bool needs_offset(double low, double high)
{
    double magnitude = fmax(fabs(low), fabs(high));
    return high > low && magnitude * 0x1p-24 > (high - low) * 0x1p-12;
}

/* Sets array->offsets where a column needs one. get(context, i) is value i. Only finite values count. */
typedef double value_fn(const void *context, size_t i);

static tn_status find_offsets(tn_array *array, value_fn *get, const void *context, tn_error *error)
{
    size_t rows = array->dims[0], columns = array->dims[1];
    double *range = tn_memory_create(columns, 2 * sizeof(double)); /* lowest and highest of each column */
    if (range == NULL)
        return tn_fail_memory(error, columns * 2 * sizeof(double));
    for (size_t c = 0; c < columns; c++) {
        range[2 * c] = INFINITY;
        range[2 * c + 1] = -INFINITY;
    }
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++) {
            double value = get(context, r * columns + c);
            if (isfinite(value)) {
                range[2 * c] = fmin(range[2 * c], value);
                range[2 * c + 1] = fmax(range[2 * c + 1], value);
            }
        }
    tn_status status = TN_OK;
    for (size_t c = 0; c < columns && status == TN_OK; c++) {
        if (!needs_offset(range[2 * c], range[2 * c + 1]) || fabs(range[2 * c]) > 1e38)
            continue;
        if (array->offsets == NULL)
            array->offsets = tn_memory_create(columns, sizeof(float));
        if (array->offsets == NULL)
            status = tn_fail_memory(error, columns * sizeof(float));
        else
            array->offsets[c] = (float)range[2 * c];
    }
    tn_memory_destroy(range);
    return status;
}

typedef struct raw_view {
    const uint8_t *raw;
    tn_raw_type type;
    bool swap;
} raw_view;

static double raw_view_get(const void *context, size_t i)
{
    const raw_view *view = context;
    return raw_value(view->raw + i * tn_raw_size(view->type), view->type, view->swap);
}

static double doubles_get(const void *context, size_t i)
{
    return ((const double *)context)[i];
}

/* Fills floats [count] from raw values, in last-axis-fastest order. */
static tn_status convert_floats(tn_array *array, const raw_view *view, bool fortran, tn_error *error)
{
    float *floats = tn_memory_create(array->count, sizeof(float));
    if (floats == NULL)
        return tn_fail_memory(error, array->count * sizeof(float));
    tn_status status = TN_OK;
    /* Types of up to 24 bits fit float32 as they are; images are not tables. */
    bool wide = view->type == TN_RAW_FLOAT64 || view->type == TN_RAW_INT32 || view->type == TN_RAW_UINT32 || view->type == TN_RAW_INT64 ||
                view->type == TN_RAW_UINT64;
    if (wide && array->rank == 2 && !fortran)
        status = find_offsets(array, raw_view_get, view, error);
    if (status != TN_OK) {
        tn_memory_destroy(floats);
        return status;
    }
    fortran_walk walk;
    fortran_walk_init(&walk, array);
    size_t columns = array->offsets != NULL ? array->dims[1] : 1;
    for (size_t i = 0; i < array->count; i++) {
        double offset = array->offsets != NULL ? (double)array->offsets[i % columns] : 0;
        floats[i] = (float)(raw_view_get(view, fortran ? walk.position : i) - offset);
        if (fortran)
            fortran_walk_next(&walk, array);
    }
    array->floats = array->owned = floats;
    return TN_OK;
}

static tn_status convert_bytes(tn_array *array, const uint8_t *raw, bool truth, bool fortran, tn_error *error)
{
    uint8_t *bytes = tn_memory_create(array->count, 1);
    if (bytes == NULL)
        return tn_fail_memory(error, array->count);
    fortran_walk walk;
    fortran_walk_init(&walk, array);
    for (size_t i = 0; i < array->count; i++) {
        uint8_t value = raw[fortran ? walk.position : i];
        bytes[i] = truth ? value != 0 : value;
        if (fortran)
            fortran_walk_next(&walk, array);
    }
    array->bytes = array->owned = bytes;
    return TN_OK;
}

tn_status tn_array_adopt(tn_array *array, const uint8_t *raw, tn_raw_form form, void *block, tn_error *error)
{
    bool swap = form.big_endian != machine_is_big_endian();
    bool fortran = form.fortran && array->rank > 1;
    if (form.type == TN_RAW_UINT8 && !fortran) {
        array->bytes = raw;
        array->owned = block;
        return TN_OK;
    }
    if (form.type == TN_RAW_FLOAT32 && !swap && !fortran && (uintptr_t)raw % _Alignof(float) == 0) {
        array->floats = (const float *)(const void *)raw;
        array->owned = block;
        return TN_OK;
    }
    tn_status status;
    if (form.type == TN_RAW_UINT8 || form.type == TN_RAW_BOOL) {
        status = convert_bytes(array, raw, form.type == TN_RAW_BOOL, fortran, error);
    } else {
        raw_view view = {.raw = raw, .type = form.type, .swap = swap};
        status = convert_floats(array, &view, fortran, error);
    }
    tn_memory_destroy(block);
    return status;
}

tn_status tn_array_narrow(tn_array *array, const double *wide, size_t rows, size_t columns, tn_error *error)
{
    *array = (tn_array){.rank = 2, .dims = {rows, columns}, .count = rows * columns};
    float *floats = tn_memory_create(array->count, sizeof(float));
    if (floats == NULL)
        return tn_fail_memory(error, array->count * sizeof(float));
    tn_status status = find_offsets(array, doubles_get, wide, error);
    if (status != TN_OK) {
        tn_memory_destroy(floats);
        tn_array_deinit(array);
        return status;
    }
    for (size_t i = 0; i < array->count; i++)
        floats[i] = (float)(wide[i] - (array->offsets != NULL ? (double)array->offsets[i % columns] : 0));
    array->floats = array->owned = floats;
    return TN_OK;
}

void tn_array_deinit(tn_array *array)
{
    tn_memory_destroy(array->owned);
    tn_memory_destroy(array->offsets);
    *array = (tn_array){0};
}
