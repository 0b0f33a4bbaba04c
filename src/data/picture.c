/* picture.c: which kind of file, and pictures brought to one size. See picture.h. */
#include "data/picture.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/memory.h"

tn_status tn_picture_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error)
{
    static const uint8_t PNG[] = {0x89, 'P', 'N', 'G'}, JPEG[] = {0xff, 0xd8};
    *picture = (tn_picture){0};
    tn_status status;
    if (size >= sizeof PNG && memcmp(bytes, PNG, sizeof PNG) == 0)
        status = tn_png_decode(bytes, size, picture, error);
    else if (size >= sizeof JPEG && memcmp(bytes, JPEG, sizeof JPEG) == 0)
        status = tn_jpeg_decode(bytes, size, picture, error);
    else if (size < sizeof PNG)
        status = tn_fail(error, TN_ERROR_DATA, "is cut short: %zu bytes are too few for a PNG or JPEG file", size);
    else
        status = tn_fail(error, TN_ERROR_DATA,
                         "is no PNG or JPEG file: its first bytes are %02x %02x, expected 89 50 or ff d8. Convert it, or take it out",
                         bytes[0], bytes[1]);
    if (status != TN_OK)
        tn_picture_deinit(picture);
    return status;
}

void tn_picture_deinit(tn_picture *picture)
{
    tn_memory_destroy(picture->pixels);
    *picture = (tn_picture){0};
}

tn_status tn_picture_create(tn_picture *picture, size_t height, size_t width, size_t channels, size_t size, size_t most, tn_error *error)
{
    if (height == 0 || width == 0 || height > TN_PICTURE_SIDE_MAX || width > TN_PICTURE_SIDE_MAX || height * width > TN_PICTURE_PIXELS_MAX)
        return tn_fail(error, TN_ERROR_DATA,
                       "is %zu pixels high and %zu wide; at most %d a side and %d in all are read. Make it smaller on disk", height, width,
                       TN_PICTURE_SIDE_MAX, TN_PICTURE_PIXELS_MAX);
    if (height * width / most > size)
        return tn_fail(error, TN_ERROR_DATA,
                       "claims to be %zu pixels high and %zu wide, which %zu bytes cannot hold; it is cut short, or its header lies",
                       height, width, size);
    *picture = (tn_picture){.height = height, .width = width, .channels = channels};
    picture->pixels = tn_memory_create(height * width, channels);
    return picture->pixels != NULL ? TN_OK : tn_fail_memory(error, height * width * channels);
}

/* The pixels of one axis that an output pixel is made of, each with the weight of a triangle around `centre`. */
typedef struct span {
    size_t first, end;
    double centre, reach;
} span;

static span span_of(size_t at, size_t to, size_t from)
{
    const double scale = (double)from / (double)to;
    span of = {.centre = ((double)at + 0.5) * scale - 0.5, .reach = scale > 1 ? scale : 1};
    const double first = ceil(of.centre - of.reach), last = floor(of.centre + of.reach);
    of.first = first > 0 ? (size_t)first : 0;
    of.end = last + 1 < (double)from ? (size_t)(last + 1) : from;
    return of;
}

static double weight_of(const span *of, size_t at)
{
    const double weight = 1 - fabs((double)at - of->centre) / of->reach;
    return weight > 0 ? weight : 0;
}

/* value = the weighted mean over two spans, 0 in channels that are not there. At the edge what lies outside has no weight, so one pixel at least has some. */
static void mean_of(const tn_picture *picture, const span *rows, const span *columns, double value[3])
{
    double sums[3] = {0}, weights = 0;
    for (size_t y = rows->first; y < rows->end; y++) {
        const double row_weight = weight_of(rows, y);
        for (size_t x = columns->first; x < columns->end; x++) {
            const double weight = row_weight * weight_of(columns, x);
            const uint8_t *pixel = picture->pixels + (y * picture->width + x) * picture->channels;
            weights += weight;
            for (size_t k = 0; k < picture->channels; k++)
                sums[k] += weight * pixel[k];
        }
    }
    for (size_t k = 0; k < 3; k++)
        value[k] = sums[k] / weights;
}

static uint8_t to_byte(double value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
}

static void put_pixel(const double value[3], size_t from, size_t channels, uint8_t *to)
{
    if (from == 3 && channels == 1) {
        to[0] = to_byte(0.299 * value[0] + 0.587 * value[1] + 0.114 * value[2]);
        return;
    }
    for (size_t k = 0; k < channels; k++)
        to[k] = to_byte(value[from == 1 ? 0 : k]);
}

void tn_picture_fit(const tn_picture *picture, size_t height, size_t width, size_t channels, uint8_t *to)
{
    assert(channels == 1 || channels == 3);
    const bool same_size = height == picture->height && width == picture->width;
    if (same_size && channels == picture->channels) {
        memcpy(to, picture->pixels, height * width * channels);
        return;
    }
    for (size_t y = 0; y < height; y++) {
        const span rows = span_of(y, height, picture->height);
        for (size_t x = 0; x < width; x++) {
            const span columns = span_of(x, width, picture->width);
            double value[3];
            mean_of(picture, &rows, &columns, value);
            put_pixel(value, picture->channels, channels, to + (y * width + x) * channels);
        }
    }
}
