/* task_points.c: made-up points of a plane, [2], each with its class.
 *
 *   xor       uniform in [-1, 1] x [-1, 1]; class 1 where the signs of the coordinates differ: no line parts the classes
 *   spirals   arms that begin at the origin and wind TURNS times around it, up to radius 1 (after Lang and Witbrock 1988, Learning to tell two spirals apart)
 *   blobs     normal clouds around places that lie evenly on the circle of radius 1
 *
 * Noise is added after the class was decided. Classes come in a random order. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/task.h"

static const double TURNS = 1.75, PI = 3.14159265358979323846;

static size_t draw_xor(tn_rng *rng, size_t classes, double point[2])
{
    (void)classes;
    for (size_t k = 0; k < 2; k++)
        point[k] = 2 * tn_rng_uniform(rng) - 1;
    return (point[0] > 0) != (point[1] > 0);
}

static void put_on_circle(double turns, double radius, double point[2])
{
    point[0] = radius * cos(2 * PI * turns);
    point[1] = radius * sin(2 * PI * turns);
}

static size_t draw_spirals(tn_rng *rng, size_t classes, double point[2])
{
    const size_t arm = (size_t)tn_rng_below(rng, classes);
    const double radius = tn_rng_uniform(rng);
    put_on_circle(TURNS * radius + (double)arm / (double)classes, radius, point);
    return arm;
}

static size_t draw_blobs(tn_rng *rng, size_t classes, double point[2])
{
    const size_t cloud = (size_t)tn_rng_below(rng, classes);
    put_on_circle((double)cloud / (double)classes, 1, point);
    return cloud;
}

tn_status tn_task_points(const json_t *description, tn_rng *rng, tn_source *source, tn_error *error)
{
    const char *name = json_string_value(json_object_get(description, "task"));
    const size_t samples = tn_task_number(description, "samples"), classes = tn_task_number(description, "classes");
    const double noise = json_number_value(json_object_get(description, "noise"));
    size_t (*draw)(tn_rng *, size_t, double[2]) = strcmp(name, "xor") == 0       ? draw_xor
                                                  : strcmp(name, "spirals") == 0 ? draw_spirals
                                                                                 : draw_blobs;
    float *points = tn_memory_create(samples, 2 * sizeof *points);
    uint8_t *labels = tn_memory_create(samples, sizeof *labels);
    if (points == NULL || labels == NULL) {
        tn_memory_destroy(points);
        tn_memory_destroy(labels);
        return tn_fail_memory(error, samples * (2 * sizeof *points + 1));
    }
    for (size_t i = 0; i < samples; i++) {
        double point[2];
        labels[i] = (uint8_t)draw(rng, classes, point);
        for (size_t k = 0; k < 2; k++)
            points[2 * i + k] = (float)(point[k] + noise * tn_rng_normal(rng));
    }
    void *taken = points, *classes_taken = labels;
    tn_status status = tn_task_adopt(&taken, TN_RAW_FLOAT32, 2, (size_t[]){samples, 2}, &source->inputs, error);
    if (status == TN_OK)
        status = tn_task_adopt(&classes_taken, TN_RAW_UINT8, 1, &samples, &source->labels, error);
    tn_memory_destroy(classes_taken);
    return status;
}
