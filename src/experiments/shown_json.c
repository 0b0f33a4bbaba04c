/* shown_json.c: see shown_json.h. */
#include "experiments/shown_json.h"

#include <float.h>
#include <math.h>

enum { VALUES_SHOWN = 16, IMAGE_SIDE_MIN = 8, IMAGE_SIDE_MAX = 64 };

/* From dark to light. */
static const char SHADES[] = " .:-=+*#%@";

/* The side of a square picture with 1 or 3 channels, or 0 where `size` is none. */
static size_t image_side(size_t size, size_t *channels)
{
    for (*channels = 1; *channels <= 3; *channels += 2) {
        size_t side = (size_t)lround(sqrt((double)size / (double)*channels));
        if (side * side * *channels == size && side >= IMAGE_SIDE_MIN && side <= IMAGE_SIDE_MAX)
            return side;
    }
    return 0;
}

static json_t *picture(tn_investigation *investigation, const float *inputs, size_t side, size_t channels)
{
    float low = FLT_MAX, high = -FLT_MAX;
    for (size_t i = 0; i < side * side * channels; i++) {
        low = fminf(low, inputs[i]);
        high = fmaxf(high, inputs[i]);
    }
    json_t *rows = tn_json_checked(investigation, json_array());
    char row[IMAGE_SIDE_MAX + 1];
    for (size_t y = 0; y < side; y++) {
        for (size_t x = 0; x < side; x++) {
            float light = high > low ? (inputs[(y * side + x) * channels] - low) / (high - low) : 0;
            row[x] = isfinite(light) ? SHADES[(size_t)(light * (float)(sizeof SHADES - 2))] : '?';
        }
        row[side] = '\0';
        tn_json_append(investigation, rows, json_string(row));
    }
    return rows;
}

json_t *tn_shown_numbers(tn_investigation *investigation, const float *values, size_t count)
{
    json_t *array = tn_json_checked(investigation, json_array());
    for (size_t i = 0; i < count && i < VALUES_SHOWN; i++)
        tn_json_append(investigation, array, tn_json_number((double)values[i]));
    return array;
}

void tn_shown_put_inputs(tn_investigation *investigation, json_t *entry, const tn_trial_result *result, const tn_shown_sample *sample)
{
    size_t channels, side = image_side(result->input_size, &channels);
    if (side)
        tn_json_set(investigation, entry, "picture", picture(investigation, sample->inputs, side, channels));
    else
        tn_json_set(investigation, entry, "inputs", tn_shown_numbers(investigation, sample->inputs, result->input_size));
}
