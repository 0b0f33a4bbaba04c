/* support_pictures.h: PNG and JPEG files for tests, written by the libraries that read them. */
#ifndef TN_TESTS_SUPPORT_PICTURES_H
#define TN_TESTS_SUPPORT_PICTURES_H

#include <stdbool.h>

#include "support_data.h"

/* A PNG file of rows of packed samples, as libpng takes them: colour is PNG_COLOR_TYPE_..., and of a palette its four colours are red, green, blue and white. */
bytes png_bytes(uint32_t height, uint32_t width, int colour, int depth, bool interlaced, const uint8_t *rows);

/* A JPEG file of 1, 3 or 4 (CMYK) channels. */
bytes jpeg_bytes(uint32_t height, uint32_t width, int channels, int quality, bool progressive, const uint8_t *pixels);

/* A PNG file of one colour, of 1 or 3 channels. */
bytes png_plain(uint32_t height, uint32_t width, size_t channels, const uint8_t *colour);

#endif
