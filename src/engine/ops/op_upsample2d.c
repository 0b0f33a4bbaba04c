/* op_upsample2d.c: images made larger by whole factors (Keras' UpSampling2D, PyTorch's Upsample without align_corners).
 *
 * x [B, H, W, C], y [B, sh H, sw W, C]. "nearest": y at (i, j) is x at (i / sh, j / sw), rounded down. "bilinear": pixel i lies at (i + 1/2) / sh - 1/2 of the input, at least 0, between two rows (the last
 * row is followed by itself), which are mixed by their distances; likewise the columns. dx gathers what each pixel gave, by the same shares. */
#include <math.h>
#include <string.h>

#include "base/simd.h"
#include "engine/ops/ops.h"
#include "engine/tiles.h"

typedef struct attributes {
    size_t in_h, in_w, channels;
    size_t size_h, size_w;
    bool bilinear;
} attributes;

static const attributes *attributes_of(const tn_node *node)
{
    return (const attributes *)(const void *)node->attributes;
}

static tn_status configure(tn_node *node, const json_t *hypes_node, tn_error *error)
{
    const tn_shape *in = &node->inputs[0];
    char shape[96];
    if (in->rank != 3)
        return tn_fail(error, TN_ERROR_HYPES, "upsample2d works on images [height, width, channels]; the input of this node is %s",
                       tn_shape_format(shape, in));
    const json_t *size = json_object_get(hypes_node, "size");
    *(attributes *)(void *)node->attributes =
        (attributes){.in_h = in->dims[0],
                     .in_w = in->dims[1],
                     .channels = in->dims[2],
                     .size_h = (size_t)json_integer_value(json_array_get(size, 0)),
                     .size_w = (size_t)json_integer_value(json_array_get(size, 1)),
                     .bilinear = strcmp(json_string_value(json_object_get(hypes_node, "interpolation")), "bilinear") == 0};
    const attributes *own = attributes_of(node);
    node->output = (tn_shape){.rank = 3, .dims = {own->in_h * own->size_h, own->in_w * own->size_w, own->channels}};
    return TN_OK;
}

/* The two rows, or columns, that output position `at` lies between, and the share of the second. */
typedef struct blend {
    size_t first, second;
    tn_real share;
} blend;

static blend blend_at(const attributes *own, size_t at, size_t size, size_t in)
{
    if (!own->bilinear)
        return (blend){.first = at / size, .second = at / size};
    double place = fmax(((double)at + 0.5) / (double)size - 0.5, 0);
    size_t first = (size_t)place;
    return (blend){.first = first, .second = first + 1 < in ? first + 1 : first, .share = (tn_real)(place - (double)first)};
}

TN_SIMD_CLONES
static void add_scaled(size_t channels, tn_real share, const tn_real *restrict from, tn_real *restrict to)
{
    for (size_t c = 0; c < channels; c++)
        to[c] += share * from[c];
}

typedef struct job {
    const attributes *own;
    const tn_pass *pass;
    tn_tiles samples;
    bool back;
} job;

/* Moves between a pixel of the larger image and the four (or the one) of the smaller that it is made of. */
static void move_pixel(const attributes *own, const blend *row, const blend *column, bool back, tn_real *small, tn_real *large)
{
    const size_t rows[] = {row->first, row->second}, columns[] = {column->first, column->second};
    const tn_real of_row[] = {(tn_real)1 - row->share, row->share}, of_column[] = {(tn_real)1 - column->share, column->share};
    for (size_t i = 0; i < 4; i++) {
        tn_real share = of_row[i / 2] * of_column[i % 2], *pixel = small + (rows[i / 2] * own->in_w + columns[i % 2]) * own->channels;
        if (share != 0 && back)
            add_scaled(own->channels, share, large, pixel);
        else if (share != 0)
            add_scaled(own->channels, share, pixel, large);
    }
}

static void move_tile(void *context, size_t tile, size_t worker)
{
    (void)worker;
    const job *j = context;
    const attributes *own = j->own;
    size_t first, count, small_size = own->in_h * own->in_w * own->channels, width = own->in_w * own->size_w,
                         height = own->in_h * own->size_h, large_size = width * height * own->channels;
    tn_tiles_range(&j->samples, tile, &first, &count);
    /* What is read is not written: one of the two is only ever added to. */
    tn_real *small = (j->back ? j->pass->d_inputs[0] : (tn_real *)(uintptr_t)j->pass->inputs[0]) + first * small_size;
    tn_real *large = (j->back ? (tn_real *)(uintptr_t)j->pass->d_output : j->pass->output) + first * large_size;
    if (j->back)
        memset(small, 0, count * small_size * sizeof *small);
    else
        memset(large, 0, count * large_size * sizeof *large);
    for (size_t s = 0; s < count; s++, small += small_size, large += large_size)
        for (size_t y = 0; y < height; y++) {
            const blend row = blend_at(own, y, own->size_h, own->in_h);
            for (size_t x = 0; x < width; x++) {
                const blend column = blend_at(own, x, own->size_w, own->in_w);
                move_pixel(own, &row, &column, j->back, small, large + (y * width + x) * own->channels);
            }
        }
}

static void run(const tn_node *node, const tn_pass *pass, bool back)
{
    const attributes *own = attributes_of(node);
    size_t work = (own->bilinear ? 8 : 2) * tn_shape_size(&node->output);
    job j = {own, pass, tn_tiles_split(pass->batch, work, 1, TN_TILES_MAX), back};
    tn_pool_run(pass->pool, j.samples.count, move_tile, &j);
}

static void forward(const tn_node *node, const tn_pass *pass)
{
    run(node, pass, false);
}

static void backward(const tn_node *node, const tn_pass *pass)
{
    if (pass->d_inputs[0])
        run(node, pass, true);
}

const tn_op tn_op_upsample2d = {
    .name = "upsample2d",
    .flags = TN_OP_IGNORES_INPUTS | TN_OP_IGNORES_OUTPUT,
    .configure = configure,
    .forward = forward,
    .backward = backward,
};
