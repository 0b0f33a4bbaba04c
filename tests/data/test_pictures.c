/* test_pictures.c: PNG and JPEG files of every kind, cut at every byte, damaged and lying, and pictures brought to another size. */
#include "support_pictures.h"

#include <math.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "data/picture.h"

/* Decodes a block of just that size, so that the address sanitizer sees a read past it. */
static tn_status decode_exact(const uint8_t *data, size_t size, tn_picture *picture, tn_error *error)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    assert_non_null(copy);
    if (size > 0)
        memcpy(copy, data, size);
    *error = (tn_error){0};
    tn_status status = tn_picture_decode(copy, size, picture, error);
    free(copy);
    return status;
}

/* Expects these pixels, each within `tolerance`, and frees the file. */
static void expect(bytes file, size_t height, size_t width, size_t channels, const uint8_t *pixels, int tolerance)
{
    tn_picture picture;
    tn_error error;
    if (decode_exact(file.data, file.size, &picture, &error) != TN_OK)
        fail_msg("%s", error.message);
    assert_true(picture.height == height && picture.width == width && picture.channels == channels);
    for (size_t i = 0; i < height * width * channels; i++)
        if (abs(picture.pixels[i] - pixels[i]) > tolerance)
            fail_msg("value %zu is %d, expected %d", i, picture.pixels[i], pixels[i]);
    tn_picture_deinit(&picture);
    bytes_free(&file);
}

static void refuse(bytes file, const char *part)
{
    tn_picture picture;
    tn_error error;
    assert_int_equal(decode_exact(file.data, file.size, &picture, &error), TN_ERROR_DATA);
    assert_null(picture.pixels);
    assert_contains(error.message, part);
    bytes_free(&file);
}

enum { H = 3, W = 5 };

/* A smooth ramp, different in each channel: what JPEG keeps. */
static void ramp(size_t height, size_t width, size_t channels, uint8_t *pixels)
{
    for (size_t i = 0; i < height * width; i++)
        for (size_t k = 0; k < channels; k++)
            pixels[i * channels + k] = (uint8_t)(20 + 4 * (i % width) + 3 * (i / width) + 30 * k);
}

static void png_of_every_kind(void **state)
{
    (void)state;
    uint8_t grey[H * W], colours[H * W * 3], clear[H * W * 4], deep[H * W * 2], faint[H * W * 2];
    ramp(H, W, 1, grey);
    ramp(H, W, 3, colours);
    for (size_t i = 0; i < H * W; i++) {
        memcpy(clear + 4 * i, colours + 3 * i, 3);
        clear[4 * i + 3] = (uint8_t)(17 * i);
        deep[2 * i] = grey[i]; /* 257 times the byte is the same share of 65,535 */
        deep[2 * i + 1] = grey[i];
        faint[2 * i] = grey[i];
        faint[2 * i + 1] = (uint8_t)(17 * i);
    }
    for (int interlaced = 0; interlaced < 2; interlaced++) {
        expect(png_bytes(H, W, PNG_COLOR_TYPE_GRAY, 8, interlaced, grey), H, W, 1, grey, 0);
        expect(png_bytes(H, W, PNG_COLOR_TYPE_RGB, 8, interlaced, colours), H, W, 3, colours, 0);
        expect(png_bytes(H, W, PNG_COLOR_TYPE_RGB_ALPHA, 8, interlaced, clear), H, W, 3, colours, 0);
        expect(png_bytes(H, W, PNG_COLOR_TYPE_GRAY_ALPHA, 8, interlaced, faint), H, W, 1, grey, 0);
        expect(png_bytes(H, W, PNG_COLOR_TYPE_GRAY, 16, interlaced, deep), H, W, 1, grey, 0);
    }
    static const uint8_t bits[] = {0xa0}, of_bits[] = {255, 0, 255}, numbers[] = {0x1b};
    static const uint8_t of_numbers[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    expect(png_bytes(1, 3, PNG_COLOR_TYPE_GRAY, 1, false, bits), 1, 3, 1, of_bits, 0);
    expect(png_bytes(1, 4, PNG_COLOR_TYPE_PALETTE, 2, false, numbers), 1, 4, 3, of_numbers, 0);
}

static void jpeg_of_every_kind(void **state)
{
    (void)state;
    uint8_t pixels[40 * 33 * 3];
    for (int channels = 1; channels <= 3; channels += 2)
        for (int progressive = 0; progressive < 2; progressive++) {
            ramp(40, 33, (size_t)channels, pixels);
            expect(jpeg_bytes(40, 33, channels, 100, progressive, pixels), 40, 33, (size_t)channels, pixels, 3);
        }
    memset(pixels, 100, 4 * 8 * 8);
    refuse(jpeg_bytes(8, 8, 4, 90, false, pixels), "4 channels (CMYK, say); expected grey or colours");
}

static void refuses_truncated(void **state)
{
    (void)state;
    uint8_t pixels[12 * 12 * 3];
    ramp(12, 12, 3, pixels);
    bytes files[] = {png_bytes(12, 12, PNG_COLOR_TYPE_RGB, 8, true, pixels), jpeg_bytes(12, 12, 3, 90, false, pixels),
                     jpeg_bytes(12, 12, 3, 90, true, pixels)};
    for (size_t k = 0; k < 3; k++) {
        for (size_t size = 0; size < files[k].size; size++) {
            tn_picture picture;
            tn_error error;
            tn_status status = decode_exact(files[k].data, size, &picture, &error);
            if (status != TN_ERROR_DATA || error.message[0] == '\0')
                fail_msg("file %zu cut to %zu of %zu bytes: status %d, message \"%s\"", k, size, files[k].size, (int)status, error.message);
        }
        refuse((bytes){.data = files[k].data, .size = 0}, "0 bytes are too few");
    }
}

/* A changed byte of a PNG is noticed by a checksum, wherever it is; in a JPEG it may be a picture still, but never a crash. */
static void refuses_damaged(void **state)
{
    (void)state;
    uint8_t pixels[12 * 12];
    ramp(12, 12, 1, pixels);
    bytes png = png_bytes(12, 12, PNG_COLOR_TYPE_GRAY, 8, false, pixels), jpeg = jpeg_bytes(12, 12, 1, 90, false, pixels);
    size_t refused = 0;
    tn_picture picture;
    tn_error error;
    for (size_t at = 0; at < png.size; at++) {
        png.data[at] ^= 0x40;
        if (decode_exact(png.data, png.size, &picture, &error) != TN_ERROR_DATA)
            fail_msg("byte %zu of a PNG was changed and nobody saw it", at);
        png.data[at] ^= 0x40;
    }
    for (size_t at = 0; at < jpeg.size; at++) {
        jpeg.data[at] ^= 0x40;
        tn_status status = decode_exact(jpeg.data, jpeg.size, &picture, &error);
        assert_true(status == TN_OK || (status == TN_ERROR_DATA && error.message[0] != '\0'));
        refused += status != TN_OK;
        tn_picture_deinit(&picture);
        jpeg.data[at] ^= 0x40;
    }
    assert_in_range(refused, 20, jpeg.size);
    bytes_free(&png);
    bytes_free(&jpeg);
}

/* Writes another size into the header of a PNG, with its checksum. */
static bytes png_that_claims(uint32_t height, uint32_t width)
{
    static const uint8_t dark[] = {0};
    bytes file = png_plain(2, 2, 1, dark), sizes = {0};
    bytes_big32(&sizes, width);
    bytes_big32(&sizes, height);
    memcpy(file.data + 16, sizes.data, 8);
    uint32_t crc = 0xffffffff;
    for (size_t i = 12; i < 29; i++) {
        crc ^= file.data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    for (size_t i = 0; i < 4; i++)
        file.data[29 + i] = (uint8_t)(~crc >> (24 - 8 * i));
    bytes_free(&sizes);
    return file;
}

static void refuses_lies(void **state)
{
    (void)state;
    refuse(png_that_claims(3, 2), "Not enough image data");
    refuse(png_that_claims(4000, 4000), "claims to be 4000 pixels high and 4000 wide, which");
    refuse(png_that_claims(16384, 16384), "is 16384 pixels high and 16384 wide; at most 16384 a side and 67108864 in all");
    refuse(png_that_claims(1, 2000000000), "is 1 pixels high and 2000000000 wide; at most");
    refuse(png_that_claims(0, 2), "is a damaged PNG file");
    uint8_t pixels[64];
    memset(pixels, 90, sizeof pixels);
    bytes jpeg = jpeg_bytes(8, 8, 1, 90, false, pixels);
    size_t frame = 0;
    while (!(jpeg.data[frame] == 0xff && jpeg.data[frame + 1] == 0xc0))
        frame++;
    memset(jpeg.data + frame + 5, 0x1f, 4); /* 7967 pixels a side */
    refuse(jpeg, "claims to be 7967 pixels high and 7967 wide, which");
    bytes text = {0};
    bytes_add(&text, "<html>not found</html>", 22);
    refuse(text, "is no PNG or JPEG file: its first bytes are 3c 68");
}

static void fit(const uint8_t *pixels, size_t height, size_t width, size_t channels, size_t new_height, size_t new_width,
                size_t new_channels, const uint8_t *expected)
{
    const tn_picture picture = {.height = height, .width = width, .channels = channels, .pixels = (uint8_t *)(uintptr_t)pixels};
    uint8_t to[64];
    tn_picture_fit(&picture, new_height, new_width, new_channels, to);
    for (size_t i = 0; i < new_height * new_width * new_channels; i++)
        if (to[i] != expected[i])
            fail_msg("value %zu is %d, expected %d", i, to[i], expected[i]);
}

/* Sizes: the values of torch.nn.functional.interpolate(mode="bilinear", antialias=True), rounded. */
static void fits_sizes_and_channels(void **state)
{
    (void)state;
    fit((const uint8_t[]){10, 20, 30, 40}, 2, 2, 1, 2, 2, 1, (const uint8_t[]){10, 20, 30, 40});
    fit((const uint8_t[]){0, 100}, 1, 2, 1, 1, 4, 1, (const uint8_t[]){0, 25, 75, 100});
    fit((const uint8_t[]){0, 100}, 2, 1, 1, 4, 1, 1, (const uint8_t[]){0, 25, 75, 100});
    fit((const uint8_t[]){0, 0, 70, 0, 0, 0, 0, 0}, 1, 8, 1, 1, 4, 1, (const uint8_t[]){10, 26, 0, 0});
    fit((const uint8_t[]){3, 90, 14, 200, 7}, 1, 5, 1, 1, 3, 1, (const uint8_t[]){40, 72, 90});
    fit((const uint8_t[]){3, 90, 14, 200, 7}, 5, 1, 1, 2, 1, 1, (const uint8_t[]){50, 91});
    fit((const uint8_t[]){255, 0, 0, 0, 255, 0, 0, 0, 255}, 1, 3, 3, 1, 3, 1, (const uint8_t[]){76, 150, 29});
    fit((const uint8_t[]){7, 200}, 1, 2, 1, 1, 2, 3, (const uint8_t[]){7, 7, 7, 200, 200, 200});
    uint8_t flat[48], one[3] = {5, 250, 128};
    for (size_t i = 0; i < 48; i++)
        flat[i] = one[i % 3];
    for (size_t height = 1; height <= 4; height++) /* one colour stays what it is, in any size */
        for (size_t width = 1; width <= 4; width++)
            fit(flat, 4, 4, 3, height, width, 3, flat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(png_of_every_kind), cmocka_unit_test(jpeg_of_every_kind), cmocka_unit_test(refuses_truncated),
        cmocka_unit_test(refuses_damaged),   cmocka_unit_test(refuses_lies),       cmocka_unit_test(fits_sizes_and_channels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
