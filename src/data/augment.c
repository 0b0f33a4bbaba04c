/* augment.c: see augment.h. All is done in place, sample by sample. */
#include "data/augment.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "data/dataset_parts.h"

static tn_status check_pictures(const tn_augment *augment, const tn_hypes *hypes, const tn_dataset *train, tn_error *error)
{
    const tn_shape *shape = tn_dataset_shape(train);
    if (!augment->flips && augment->crop == 0)
        return TN_OK;
    if (shape->rank != 3)
        return tn_hypes_fail(hypes, "data.augment", error, "flips and crops pictures [height, width, channels]; these samples are none");
    if (augment->crop >= shape->dims[0] || augment->crop >= shape->dims[1])
        return tn_hypes_fail(hypes, "data.augment.crop", error,
                             "moves pictures by up to %zu pixels, and they are %zu high and %zu wide; make it smaller than both",
                             augment->crop, shape->dims[0], shape->dims[1]);
    return TN_OK;
}

tn_status tn_augment_init(tn_augment *augment, const tn_hypes *hypes, const tn_dataset *train, bool are_tokens, tn_error *error)
{
    const json_t *wanted = tn_hypes_value(hypes, "data.augment");
    *augment = (tn_augment){.flips = json_is_true(json_object_get(wanted, "flip")),
                            .crop = (size_t)json_integer_value(json_object_get(wanted, "crop")),
                            .noise = json_number_value(json_object_get(wanted, "noise")),
                            .seed = (uint64_t)json_integer_value(tn_hypes_value(hypes, "solver.seed"))};
    if (augment->noise > 0)
        tn_ziggurat_init(&augment->normal);
    augment->is_on = augment->flips || augment->crop > 0 || augment->noise > 0;
    if (augment->is_on && (are_tokens || train->source->are_tokens))
        return tn_hypes_fail(hypes, "data.augment", error,
                             "the inputs are numbers of words, which cannot be changed a little; leave it out");
    return check_pictures(augment, hypes, train, error);
}

static void swap_pixels(float *a, float *b, size_t channels)
{
    for (size_t k = 0; k < channels; k++) {
        const float kept = a[k];
        a[k] = b[k];
        b[k] = kept;
    }
}

static void flip(const tn_shape *shape, float *picture)
{
    const size_t width = shape->dims[1], channels = shape->dims[2];
    for (size_t y = 0; y < shape->dims[0]; y++)
        for (size_t x = 0; x < width / 2; x++)
            swap_pixels(picture + (y * width + x) * channels, picture + (y * width + width - 1 - x) * channels, channels);
}

static void fill(float *values, size_t count, float value)
{
    for (size_t i = 0; i < count; i++)
        values[i] = value;
}

/* picture[y, x] = picture[y + down, x + right], or `edge` where that lies outside. Rows are taken in the order in which none is needed after it was written. */
static void move(const tn_shape *shape, long down, long right, float edge, float *picture)
{
    const long height = (long)shape->dims[0], width = (long)shape->dims[1], channels = (long)shape->dims[2];
    const long first = right < 0 ? -right : 0, end = right > 0 ? width - right : width; /* of the columns that are inside */
    for (long i = 0; i < height; i++) {
        const long y = down >= 0 ? i : height - 1 - i;
        float *row = picture + y * width * channels;
        if (y + down < 0 || y + down >= height) {
            fill(row, (size_t)(width * channels), edge);
            continue;
        }
        memmove(row + first * channels, picture + ((y + down) * width + first + right) * channels,
                (size_t)((end - first) * channels) * sizeof *row);
        fill(row, (size_t)(first * channels), edge);
        fill(row + end * channels, (size_t)((width - end) * channels), edge);
    }
}

/* What the value 0 of a file becomes. Pictures have one map for all values; features that are ignored, whose gain is 0, have it no more. */
static float scaled_zero(const tn_affine *map)
{
    for (size_t f = 0; f < map->width; f++)
        if (map->gain[f] < 0 || map->gain[f] > 0)
            return -map->shift[f] * map->gain[f];
    return 0;
}

typedef struct augment_job {
    const tn_augment *augment;
    const tn_dataset *set;
    uint64_t first;
    float edge;
    float *inputs;
} augment_job;

static long draw_distance(tn_rng *rng, size_t crop)
{
    return (long)tn_rng_below(rng, 2 * crop + 1) - (long)crop;
}

/* What happens to a picture. */
typedef struct change {
    long down, right; /* pixels */
    bool flipped;
} change;

/* Of sample `number` of the training; further draws of rng are its noise. */
static change draw_change(const tn_augment *augment, uint64_t number, tn_rng *rng)
{
    change drawn = {0, 0, false};
    tn_rng_init(rng, augment->seed, (uint64_t)TN_STREAM_AUGMENT + ((number + 1) << 16));
    if (augment->crop > 0) {
        drawn.down = draw_distance(rng, augment->crop);
        drawn.right = draw_distance(rng, augment->crop);
    }
    drawn.flipped = augment->flips && tn_rng_below(rng, 2) == 1;
    return drawn;
}

static void change_sample(void *context, size_t i, size_t worker)
{
    (void)worker;
    const augment_job *job = context;
    const tn_augment *augment = job->augment;
    const tn_affine *map = &job->set->scaling->input;
    const size_t size = job->set->source->width;
    float *values = job->inputs + i * size;
    tn_rng rng;
    const change drawn = draw_change(augment, job->first + i, &rng);
    if (augment->crop > 0)
        move(&job->set->source->shape, drawn.down, drawn.right, job->edge, values);
    if (drawn.flipped)
        flip(&job->set->source->shape, values);
    if (augment->noise > 0)
        for (size_t k = 0; k < size; k++)
            values[k] += (float)(augment->noise * tn_ziggurat_normal(&augment->normal, &rng));
    for (size_t f = 0; map->width > 1 && f < size; f++)
        if (!(map->gain[f] < 0 || map->gain[f] > 0))
            values[f] = 0;
}

void tn_augment_batch(const tn_augment *augment, const tn_dataset *set, uint64_t first, size_t count, tn_pool *pool, float *inputs)
{
    augment_job job = {.augment = augment, .set = set, .first = first, .edge = scaled_zero(&set->scaling->input), .inputs = inputs};
    tn_pool_run(pool, count, change_sample, &job);
}

/* A box of a label: its left upper corner and its size, as shares of the picture. */
enum { BOX = 4 };

/* What is left of a box in the picture counts from so many pixels on, since shares are rounded. */
static const double LEAST_LEFT = 0.01;

/* low and size: of one axis, which has so many pixels. Cut to 0 .. 1; false where nothing is left. */
static bool cut(size_t pixels, double *low, double *size)
{
    const double end = fmin(*low + *size, 1);
    *low = fmax(*low, 0);
    *size = end - *low;
    return *size * (double)pixels > LEAST_LEFT;
}

/* What becomes of a box; false where it has left the picture, or was none. */
static bool change_box(const change *drawn, const tn_shape *shape, double box[BOX])
{
    if (!(box[2] > 0 && box[3] > 0))
        return false;
    box[0] -= (double)drawn->right / (double)shape->dims[1];
    box[1] -= (double)drawn->down / (double)shape->dims[0];
    if (!cut(shape->dims[1], &box[0], &box[2]) || !cut(shape->dims[0], &box[1], &box[3]))
        return false;
    if (drawn->flipped)
        box[0] = 1 - box[0] - box[2];
    return true;
}

/* targets: of one sample, as the network sees them; label[k] = target k / gain + shift. */
static void change_boxes(const tn_dataset *set, const change *drawn, float *targets)
{
    const size_t width = tn_dataset_targets(set);
    double shift[BOX], gain[BOX];
    size_t kept = 0;
    for (size_t i = 0; i + BOX <= width; i += BOX) {
        double box[BOX];
        for (size_t k = 0; k < BOX; k++) {
            tn_dataset_label_scaling(set, i + k, &shift[k], &gain[k]);
            box[k] = (gain[k] != 0 ? (double)targets[i + k] / gain[k] : 0) + shift[k];
        }
        if (!change_box(drawn, &set->source->shape, box))
            continue;
        for (size_t k = 0; k < BOX; k++) {
            tn_dataset_label_scaling(set, kept + k, &shift[k], &gain[k]);
            targets[kept + k] = (float)((box[k] - shift[k]) * gain[k]);
        }
        kept += BOX;
    }
    for (; kept + BOX <= width; kept += BOX)
        for (size_t k = 0; k < BOX; k++) {
            tn_dataset_label_scaling(set, kept + k, &shift[k], &gain[k]);
            targets[kept + k] = (float)(-shift[k] * gain[k]);
        }
}

void tn_augment_boxes(const tn_augment *augment, const tn_dataset *set, uint64_t first, size_t count, float *targets)
{
    if (!set->source->labels_are_boxes)
        return;
    for (size_t i = 0; i < count; i++) {
        tn_rng rng;
        const change drawn = draw_change(augment, first + i, &rng);
        if (drawn.down != 0 || drawn.right != 0 || drawn.flipped)
            change_boxes(set, &drawn, targets + i * tn_dataset_targets(set));
    }
}
