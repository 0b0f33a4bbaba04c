/* support_weights.c: see support_weights.h. */
#include "support_weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

uint8_t *make_safetensors(const char *header, size_t data_size, size_t *size)
{
    size_t length = strlen(header);
    *size = 8 + length + data_size;
    uint8_t *bytes = calloc(*size + 1, 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    return bytes;
}

char *fresh_path(const char *suffix)
{
    char pattern[200];
    snprintf(pattern, sizeof pattern, "/tmp/tenet_weights_XXXXXX%s", suffix);
    int descriptor = mkstemps(pattern, (int)strlen(suffix));
    assert_true(descriptor >= 0);
    close(descriptor);
    unlink(pattern);
    char *path = strdup(pattern);
    assert_non_null(path);
    return path;
}

char *write_file(const char *suffix, const void *bytes, size_t size)
{
    char *path = fresh_path(suffix);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
    return path;
}

static double draw_one(tn_rng *rng, drawn shape, double scale)
{
    double value = tn_rng_normal(rng);
    switch (shape) {
    case DRAWN_BOX:
        return (2 * tn_rng_uniform(rng) - 1) * scale;
    case DRAWN_BELL:
        return value * scale;
    case DRAWN_CUT_BELL:
        while (fabs(value) > 2)
            value = tn_rng_normal(rng);
        return value * scale;
    default: /* as after training: most weights small, some large */
        return value * scale * exp(0.5 * tn_rng_normal(rng));
    }
}

void draw(tn_rng *rng, drawn shape, double scale, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)draw_one(rng, shape, scale);
}

tn_vitals vitals_of(const float *values, size_t count)
{
    tn_vitals vitals;
    tn_vitals_init(&vitals);
    tn_vitals_add(&vitals, values, count);
    return vitals;
}

tn_component dense_component(const char *name, size_t rows, size_t columns)
{
    return (tn_component){.name = name,
                          .rank = 2,
                          .dims = {rows, columns},
                          .has_shape = true,
                          .count = rows * columns,
                          .kind = TN_KIND_DENSE,
                          .fan_in = columns,
                          .fan_out = rows,
                          .outputs_first = true};
}
