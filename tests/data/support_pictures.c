/* support_pictures.c: see support_pictures.h. */
#include "support_pictures.h"

#include <png.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

static void write_to_bytes(png_structp png, png_bytep data, size_t size)
{
    bytes_add(png_get_io_ptr(png), data, size);
}

static void flush_nothing(png_structp png)
{
    (void)png;
}

bytes png_bytes(uint32_t height, uint32_t width, int colour, int depth, bool interlaced, const uint8_t *rows)
{
    static const png_color PALETTE[] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}, {255, 255, 255}};
    bytes file = {0};
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    assert_non_null(info);
    png_set_write_fn(png, &file, write_to_bytes, flush_nothing);
    png_set_IHDR(png, info, width, height, depth, colour, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (colour == PNG_COLOR_TYPE_PALETTE)
        png_set_PLTE(png, info, PALETTE, 4);
    png_write_info(png, info);
    const size_t row = png_get_rowbytes(png, info);
    const int passes = png_set_interlace_handling(png);
    for (int pass = 0; pass < passes; pass++)
        for (uint32_t y = 0; y < height; y++)
            png_write_row(png, rows + y * row);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    return file;
}

bytes jpeg_bytes(uint32_t height, uint32_t width, int channels, int quality, bool progressive, const uint8_t *pixels)
{
    static const J_COLOR_SPACE SPACES[] = {[1] = JCS_GRAYSCALE, [3] = JCS_RGB, [4] = JCS_CMYK};
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned char *written = NULL;
    unsigned long size = 0;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &written, &size);
    jpeg.image_width = width;
    jpeg.image_height = height;
    jpeg.input_components = channels;
    jpeg.in_color_space = SPACES[channels];
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    for (int k = 0; k < channels; k++) /* colours as fine as brightness */
        jpeg.comp_info[k].h_samp_factor = jpeg.comp_info[k].v_samp_factor = 1;
    if (progressive)
        jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(pixels + jpeg.next_scanline * width * (size_t)channels);
        (void)jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    bytes file = {0};
    bytes_add(&file, written, size);
    free(written);
    return file;
}

bytes png_plain(uint32_t height, uint32_t width, size_t channels, const uint8_t *colour)
{
    uint8_t *rows = malloc(height * width * channels);
    assert_non_null(rows);
    for (size_t i = 0; i < height * width * channels; i++)
        rows[i] = colour[i % channels];
    bytes file = png_bytes(height, width, channels == 1 ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, 8, false, rows);
    free(rows);
    return file;
}
