/* gather.c: a batch is put together. This is in the training step, so the loops are written to be vectorised: one loop over the values of a row, no branch in it.
 *
 * Rows are in random order, so the processor cannot guess the next one: it is asked for while the present one is converted. */
#include "base/simd.h"
#include "data/dataset_parts.h"

/* Rows to convert: where they come from and where they go. */
typedef struct gather_job {
    const uint32_t *rows, *samples;
    size_t count, width, taken; /* values of a row, and those of them that are converted */
    const float *shift, *gain;
    float *to;
} gather_job;

static inline size_t row_of(const gather_job *job, size_t i)
{
    return job->rows[job->samples != NULL ? job->samples[i] : i];
}

static inline void prefetch_row(const void *row, size_t bytes)
{
    const char *at = row;
    for (size_t i = 0; i < bytes; i += 64)
        __builtin_prefetch(at + i);
}

/* clang-format off */
#define TN_GATHER(name, ctype, prepare, expression)                                           \
    TN_SIMD_CLONES static void name(const gather_job *job, const ctype *restrict values)      \
    {                                                                                         \
        const size_t width = job->width, taken = job->taken;                                  \
        prepare                                                                               \
        for (size_t i = 0; i < job->count; i++) {                                             \
            if (i + 1 < job->count)                                                           \
                prefetch_row(values + row_of(job, i + 1) * width, taken * sizeof(ctype));     \
            const ctype *restrict from = values + row_of(job, i) * width;                     \
            float *restrict to = job->to + i * taken;                                         \
            for (size_t j = 0; j < taken; j++)                                                \
                to[j] = expression;                                                           \
        }                                                                                     \
    }

#define ONE_MAP const float shift = job->shift[0], gain = job->gain[0];
#define MAP_A_FEATURE const float *restrict shift = job->shift, *restrict gain = job->gain;

TN_GATHER(gather_bytes,             uint8_t, ,              (float)from[j])
TN_GATHER(gather_bytes_one,         uint8_t, ONE_MAP,       ((float)from[j] - shift) * gain)
TN_GATHER(gather_bytes_by_feature,  uint8_t, MAP_A_FEATURE, ((float)from[j] - shift[j]) * gain[j])
TN_GATHER(gather_floats,            float,   ,              from[j])
TN_GATHER(gather_floats_one,        float,   ONE_MAP,       (from[j] - shift) * gain)
TN_GATHER(gather_floats_by_feature, float,   MAP_A_FEATURE, (from[j] - shift[j]) * gain[j])
/* clang-format on */

void tn_gather(const tn_array *array, size_t width, size_t taken, const tn_affine *map, const uint32_t *rows, const uint32_t *samples,
               size_t count, float *to)
{
    const gather_job job = {
        .rows = rows, .samples = samples, .count = count, .width = width, .taken = taken, .shift = map->shift, .gain = map->gain, .to = to};
    bool plain = map->width == 0, one = map->width == 1;
    if (array->bytes != NULL) {
        if (plain)
            gather_bytes(&job, array->bytes);
        else if (one)
            gather_bytes_one(&job, array->bytes);
        else
            gather_bytes_by_feature(&job, array->bytes);
    } else {
        if (plain)
            gather_floats(&job, array->floats);
        else if (one)
            gather_floats_one(&job, array->floats);
        else
            gather_floats_by_feature(&job, array->floats);
    }
}
