/* vitals_cast.c: see vitals_cast.h.
 *
 * Dimensions that follow each other without a gap are joined, so most tensors become one row. Floats without a gap go to the kernels as they lie. A tensor without gaps whose
 * dimensions are permuted (a transposed weight) is read in the order of memory, since only the index of the first non-finite value depends on the order, and that one is
 * looked for again where there is one. Anything else is gathered block by block. */
#include "vitals/vitals_cast.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"

enum { BLOCK = 4096 /* floats: 16 KiB, half of the smallest L1 in use */ };

static const unsigned char SIZES[TN_VALUE_TYPES] = {4, 8, 2, 2, 1, 2, 4, 8, 1, 1};

size_t tn_value_size(tn_value_type type)
{
    return (unsigned)type < TN_VALUE_TYPES ? SIZES[type] : 0;
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 mantissa bits. No arithmetic on subnormal floats, which a program may have set to count as zero. */
static float float_of_half(uint16_t half)
{
    uint32_t magnitude = half & 0x7fffu, sign = (uint32_t)(half & 0x8000u) << 16;
    uint32_t normal = (magnitude << 13) + (112u << 23);
    uint32_t special = normal + (112u << 23);
    uint32_t tiny = bits_of_float((float)(int32_t)magnitude * 0x1p-24f);
    uint32_t bits = magnitude >= 0x7c00u ? special : magnitude < 0x400u ? tiny : normal;
    return float_of_bits(bits | sign);
}

static float float_of_double(double value)
{
    double magnitude = fabs(value);
    if (magnitude > (double)FLT_MAX && magnitude <= DBL_MAX)
        return value > 0 ? FLT_MAX : -FLT_MAX;
    if (magnitude > 0 && magnitude < 0x1p-149)
        return value > 0 ? 0x1p-149f : -0x1p-149f;
    return (float)value;
}

/* Loops over a row whose elements are `stride` bytes apart. With a literal stride the compiler sees that they are neighbours. */
#define CAST_ROW(type, expression)                                                                                                         \
    do {                                                                                                                                   \
        if (stride == (int64_t)sizeof(type)) {                                                                                             \
            for (size_t i = 0; i < count; i++) {                                                                                           \
                type value;                                                                                                                \
                memcpy(&value, at + i * sizeof(type), sizeof value);                                                                       \
                floats[i] = (expression);                                                                                                  \
            }                                                                                                                              \
        } else {                                                                                                                           \
            for (size_t i = 0; i < count; i++, at += stride) {                                                                             \
                type value;                                                                                                                \
                memcpy(&value, at, sizeof value);                                                                                          \
                floats[i] = (expression);                                                                                                  \
            }                                                                                                                              \
        }                                                                                                                                  \
    } while (0)

TN_SIMD_CLONES
static void cast_row(float *restrict floats, const unsigned char *restrict at, tn_value_type type, int64_t stride, size_t count)
{
    switch (type) {
    case TN_VALUE_FLOAT32:
        CAST_ROW(float, value);
        break;
    case TN_VALUE_FLOAT64:
        CAST_ROW(double, float_of_double(value));
        break;
    case TN_VALUE_FLOAT16:
        CAST_ROW(uint16_t, float_of_half(value));
        break;
    case TN_VALUE_BFLOAT16:
        CAST_ROW(uint16_t, float_of_bits((uint32_t)value << 16));
        break;
    case TN_VALUE_INT8:
        CAST_ROW(int8_t, (float)value);
        break;
    case TN_VALUE_INT16:
        CAST_ROW(int16_t, (float)value);
        break;
    case TN_VALUE_INT32:
        CAST_ROW(int32_t, (float)value);
        break;
    case TN_VALUE_INT64:
        CAST_ROW(int64_t, (float)value);
        break;
    case TN_VALUE_UINT8:
        CAST_ROW(uint8_t, (float)value);
        break;
    case TN_VALUE_BOOL:
        CAST_ROW(uint8_t, value ? 1.0f : 0.0f);
        break;
    case TN_VALUE_TYPES:
        break;
    }
}

void tn_values_cast(float *floats, const void *first, tn_value_type type, int64_t stride, size_t count)
{
    cast_row(floats, first, type, stride * (int64_t)tn_value_size(type), count);
}

/* A tensor with dimensions joined: at least one, none of length 1 unless it is the only one. */
typedef struct layout {
    size_t rank, count;
    int64_t shape[TN_STRIDED_RANK_MAX], strides[TN_STRIDED_RANK_MAX]; /* strides in bytes */
} layout;

tn_status tn_strided_count(const tn_strided *tensor, size_t *count, tn_error *error)
{
    size_t size = tn_value_size(tensor->type), total = 1;
    *count = 0;
    if (size == 0)
        return tn_fail(error, TN_ERROR_DATA, "a tensor has the type %d, which there is not; known are 0 to %d", (int)tensor->type,
                       TN_VALUE_TYPES - 1);
    if (tensor->rank > TN_STRIDED_RANK_MAX)
        return tn_fail(error, TN_ERROR_DATA, "a tensor has %zu dimensions; at most %d are allowed", tensor->rank, TN_STRIDED_RANK_MAX);
    if (tensor->rank > 0 && !tensor->shape)
        return tn_fail(error, TN_ERROR_DATA, "a tensor of %zu dimensions has no shape", tensor->rank);
    bool empty = false;
    for (size_t i = 0; i < tensor->rank; i++) {
        if (tensor->shape[i] < 0)
            return tn_fail(error, TN_ERROR_DATA, "dimension %zu of a tensor has the length %lld; expected 0 or more", i,
                           (long long)tensor->shape[i]);
        empty |= tensor->shape[i] == 0;
    }
    if (empty)
        return TN_OK;
    int64_t span = 0;
    for (size_t i = 0; i < tensor->rank; i++) {
        int64_t bytes, reach;
        if (!tn_size_multiply(total, (size_t)tensor->shape[i], &total) || total > (size_t)INT64_MAX / size)
            return tn_fail(error, TN_ERROR_DATA, "a tensor has more elements than memory can hold");
        if (!tensor->strides || tensor->shape[i] == 1)
            continue; /* frameworks give any stride to a dimension of length 1 */
        if (__builtin_mul_overflow(tensor->strides[i], (int64_t)size, &bytes) ||
            __builtin_mul_overflow(bytes, tensor->shape[i] - 1, &reach) || reach == INT64_MIN ||
            __builtin_add_overflow(span, reach < 0 ? -reach : reach, &span))
            return tn_fail(error, TN_ERROR_DATA, "dimension %zu of a tensor has the stride %lld, which reaches beyond any memory", i,
                           (long long)tensor->strides[i]);
    }
    if (!tensor->data)
        return tn_fail(error, TN_ERROR_DATA, "a tensor of %zu elements has no data", total);
    *count = total;
    return TN_OK;
}

/* Joins dimension after dimension: one follows on the next where its stride is the next's length times its stride. */
static void read_layout(const tn_strided *tensor, size_t count, layout *joined)
{
    int64_t size = (int64_t)tn_value_size(tensor->type), dense = size;
    joined->rank = 0;
    joined->count = count;
    /* From the last dimension, which runs fastest; reversed in the end. */
    for (size_t i = tensor->rank; i-- > 0;) {
        int64_t length = tensor->shape[i];
        if (length == 1)
            continue;
        int64_t stride = tensor->strides ? tensor->strides[i] * size : dense;
        dense *= length;
        size_t outer = joined->rank - 1;
        if (joined->rank > 0 && stride == joined->shape[outer] * joined->strides[outer]) {
            joined->shape[outer] *= length;
            continue;
        }
        joined->shape[joined->rank] = length;
        joined->strides[joined->rank++] = stride;
    }
    if (joined->rank == 0) {
        joined->shape[joined->rank] = 1;
        joined->strides[joined->rank++] = size;
    }
    for (size_t i = 0; i < joined->rank / 2; i++) {
        size_t j = joined->rank - 1 - i;
        int64_t length = joined->shape[i], stride = joined->strides[i];
        joined->shape[i] = joined->shape[j];
        joined->strides[i] = joined->strides[j];
        joined->shape[j] = length;
        joined->strides[j] = stride;
    }
}

/* The dimensions in the order of memory; whether they fill it without a gap then. */
static bool is_permuted(const layout *joined, int64_t size)
{
    bool used[TN_STRIDED_RANK_MAX] = {false};
    int64_t expected = size;
    for (size_t done = 0; done < joined->rank; done++) {
        size_t found = joined->rank;
        for (size_t i = 0; i < joined->rank && found == joined->rank; i++) {
            if (!used[i] && joined->strides[i] == expected)
                found = i;
        }
        if (found == joined->rank)
            return false;
        used[found] = true;
        expected *= joined->shape[found];
    }
    return true;
}

/* Elements [count] that follow each other. */
static void add_row(tn_vitals *vitals, const unsigned char *bytes, tn_value_type type, size_t count)
{
    float floats[BLOCK];
    if (type == TN_VALUE_FLOAT32) {
        tn_vitals_add(vitals, (const float *)(const void *)bytes, count);
        return;
    }
    int64_t size = (int64_t)tn_value_size(type);
    while (count > 0) {
        size_t block = count < BLOCK ? count : BLOCK;
        cast_row(floats, bytes, type, size, block);
        tn_vitals_add(vitals, floats, block);
        bytes += (int64_t)block * size;
        count -= block;
    }
}

/* What a walk in the order of indices does with each block; returns false to end it. */
typedef bool block_fn(void *context, const float *floats, size_t count);

static void walk(const layout *joined, const unsigned char *data, tn_value_type type, block_fn *fn, void *context)
{
    float floats[BLOCK];
    int64_t index[TN_STRIDED_RANK_MAX] = {0};
    size_t last = joined->rank - 1, gathered = 0, left = joined->count;
    const unsigned char *row = data;
    while (left > 0) {
        /* As much of the row at hand as the block still takes. */
        size_t piece = (size_t)(joined->shape[last] - index[last]);
        if (piece > BLOCK - gathered)
            piece = BLOCK - gathered;
        cast_row(floats + gathered, row + index[last] * joined->strides[last], type, joined->strides[last], piece);
        gathered += piece;
        left -= piece;
        index[last] += (int64_t)piece;
        if (gathered == BLOCK || left == 0) {
            if (!fn(context, floats, gathered))
                return;
            gathered = 0;
        }
        if (index[last] < joined->shape[last])
            continue;
        index[last] = 0;
        for (size_t i = last; i-- > 0;) {
            row += joined->strides[i];
            if (++index[i] < joined->shape[i])
                break;
            row -= joined->strides[i] * joined->shape[i];
            index[i] = 0;
        }
    }
}

static bool add_block(void *context, const float *floats, size_t count)
{
    tn_vitals_add(context, floats, count);
    return true;
}

/* Counts the values before the first non-finite one. */
static bool pass_finite(void *context, const float *floats, size_t count)
{
    uint64_t *passed = context;
    for (size_t i = 0; i < count; i++) {
        if ((bits_of_float(floats[i]) & 0x7f800000u) == 0x7f800000u)
            return false;
        ++*passed;
    }
    return true;
}

tn_status tn_vitals_add_strided(tn_vitals *vitals, const tn_strided *tensor, tn_error *error)
{
    size_t count;
    layout joined;
    tn_status status = tn_strided_count(tensor, &count, error);
    if (status != TN_OK || count == 0)
        return status;
    read_layout(tensor, count, &joined);
    int64_t size = (int64_t)tn_value_size(tensor->type);
    const unsigned char *data = tensor->data;
    if (joined.rank == 1 && joined.strides[0] == size) {
        add_row(vitals, data, tensor->type, count);
    } else if (is_permuted(&joined, size)) {
        uint64_t before = vitals->count, known = vitals->first_nonfinite;
        add_row(vitals, data, tensor->type, count);
        if (known == TN_VITALS_NO_INDEX && vitals->first_nonfinite != TN_VITALS_NO_INDEX) {
            vitals->first_nonfinite = before;
            walk(&joined, data, tensor->type, pass_finite, &vitals->first_nonfinite);
        }
    } else {
        walk(&joined, data, tensor->type, add_block, vitals);
    }
    return TN_OK;
}
