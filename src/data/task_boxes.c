/* task_boxes.c: made-up pictures of coloured boxes, for networks that count objects before they find them.
 *
 * A picture is [size, size, 3] bytes: dark noise, and on it one to `objects` boxes that do not touch, each of one colour with a little noise. The first is red and always there; the others are
 * green, blue or yellow. Where a box finds no place in TRIES draws it is left out, so a label says what is to be seen, not what was wanted. */
#include <string.h>

#include "base/memory.h"
#include "data/task.h"

enum {
    CHANNELS = 3,
    TRIES = 50,
    DARK = 48,      /* pixels of the background are below this */
    JITTER = 40,    /* those of boxes lie so far around their colour at most */
    SIDE_LEAST = 8, /* a box's side is at least the picture's divided by this ... */
    SIDE_MOST = 3,  /* ... and at most it divided by that */
    OBJECTS_MAX = 16
};

typedef struct box {
    size_t x, y, w, h;
} box;

static const uint8_t COLOURS[][CHANNELS] = {{210, 40, 40}, {40, 210, 40}, {40, 40, 210}, {210, 210, 40}};
enum { COLOUR_COUNT = sizeof COLOURS / sizeof COLOURS[0] };

/* Whether a pixel at least lies between them. */
static bool are_apart(const box *a, const box *b)
{
    return a->x + a->w < b->x || b->x + b->w < a->x || a->y + a->h < b->y || b->y + b->h < a->y;
}

static size_t draw_side(tn_rng *rng, size_t size)
{
    const size_t least = size / SIDE_LEAST;
    return least + (size_t)tn_rng_below(rng, size / SIDE_MOST - least + 1);
}

static bool place_box(tn_rng *rng, size_t size, box *boxes, size_t count)
{
    for (size_t i = 0; i < TRIES; i++) {
        box tried = {.w = draw_side(rng, size), .h = draw_side(rng, size)};
        tried.x = (size_t)tn_rng_below(rng, size - tried.w + 1);
        tried.y = (size_t)tn_rng_below(rng, size - tried.h + 1);
        size_t apart = 0;
        while (apart < count && are_apart(&tried, &boxes[apart]))
            apart++;
        if (apart == count) {
            boxes[count] = tried;
            return true;
        }
    }
    return false;
}

static void paint(tn_rng *rng, size_t size, const box *at, const uint8_t colour[CHANNELS], uint8_t *picture)
{
    for (size_t y = at->y; y < at->y + at->h; y++)
        for (size_t i = CHANNELS * at->x; i < CHANNELS * (at->x + at->w); i++)
            picture[y * size * CHANNELS + i] = (uint8_t)(colour[i % CHANNELS] - JITTER + (int)tn_rng_below(rng, 2 * JITTER + 1));
}

/* Draws a picture, whose red box goes into boxes[0], and returns how many there are. */
static size_t draw_picture(tn_rng *rng, size_t size, size_t objects, box boxes[OBJECTS_MAX], uint8_t *picture)
{
    const size_t wanted = 1 + (size_t)tn_rng_below(rng, objects);
    size_t count = 0;
    for (size_t i = 0; i < size * size * CHANNELS; i++)
        picture[i] = (uint8_t)tn_rng_below(rng, DARK);
    for (size_t i = 0; i < wanted; i++)
        count += place_box(rng, size, boxes, count);
    for (size_t i = 0; i < count; i++)
        paint(rng, size, &boxes[i], COLOURS[i == 0 ? 0 : 1 + tn_rng_below(rng, COLOUR_COUNT - 1)], picture);
    return count;
}

tn_status tn_task_boxes(const json_t *description, tn_rng *rng, tn_source *source, tn_error *error)
{
    const size_t samples = tn_task_number(description, "samples"), size = tn_task_number(description, "size");
    const size_t objects = tn_task_number(description, "objects"), dims[] = {samples, size, size, CHANNELS};
    const bool counts = strcmp(json_string_value(json_object_get(description, "target")), "count") == 0;
    const size_t targets = counts ? 1 : 4, area = size * size * CHANNELS;
    uint8_t *pictures = tn_memory_create(samples, area);
    float *labels = tn_memory_create(samples, targets * sizeof *labels);
    if (pictures == NULL || labels == NULL) {
        tn_memory_destroy(pictures);
        tn_memory_destroy(labels);
        return tn_fail_memory(error, samples * area);
    }
    for (size_t i = 0; i < samples; i++) {
        box boxes[OBJECTS_MAX] = {{0}};
        const size_t count = draw_picture(rng, size, objects, boxes, pictures + i * area);
        const size_t red[] = {boxes[0].x, boxes[0].y, boxes[0].w, boxes[0].h};
        for (size_t k = 0; k < targets; k++)
            labels[i * targets + k] = counts ? (float)count : (float)red[k] / (float)size;
    }
    source->labels_are_boxes = !counts;
    source->labels_are_counts = counts;
    void *inputs = pictures, *numbers = labels;
    tn_status status = tn_task_adopt(&inputs, TN_RAW_UINT8, 4, dims, &source->inputs, error);
    if (status == TN_OK)
        status = tn_task_adopt(&numbers, TN_RAW_FLOAT32, 2, (size_t[]){samples, targets}, &source->labels, error);
    tn_memory_destroy(numbers);
    return status;
}
