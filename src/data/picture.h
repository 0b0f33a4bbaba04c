/* picture.h: PNG and JPEG files become bytes, by libpng and libjpeg, without trust in what they claim.
 *
 * A picture has 1 channel (grey) or 3 (red, green, blue), as its file has; values are 0 to 255, and a depth of 16 bits is rounded to 8. Palettes become colours, transparency is left out, and neither a
 * colour profile, a gamma nor the orientation that a camera notes changes anything. A file that is cut short or damaged is an error, not a picture that is
 * half grey; so is one that claims more pixels than its bytes can hold. */
#ifndef TN_DATA_PICTURE_H
#define TN_DATA_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { TN_PICTURE_SIDE_MAX = 16384, TN_PICTURE_PIXELS_MAX = 1 << 26 }; /* 67 million pixels, 200 MB of colours */

/* Zeroed memory is no picture. */
typedef struct tn_picture {
    size_t height, width, channels;
    uint8_t *pixels; /* [height, width, channels]; owned */
} tn_picture;

/* The picture of a whole file, whichever of the two it is; on failure there is none. Errors: TN_ERROR_DATA, TN_ERROR_MEMORY. */
tn_status tn_picture_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error);
void tn_picture_deinit(tn_picture *picture);

/* to [height, width, channels] = the picture in another size and with 1 or 3 channels. Larger: bilinear, pixels being squares whose centres carry the value; smaller: the same triangle as wide as
 * an output pixel, so that no input pixel is passed over (as PyTorch's bilinear interpolation with antialias does). Grey is 0.299 red + 0.587 green + 0.114 blue (ITU-R BT.601), and grey as colours three times the same. */
void tn_picture_fit(const tn_picture *picture, size_t height, size_t width, size_t channels, uint8_t *to);

/* For the two decoders. The memory of a picture of this size; an error where it is too large, or more than `size` bytes of a file can hold, of which one holds `most` pixels' worth of values at most. */
tn_status tn_picture_create(tn_picture *picture, size_t height, size_t width, size_t channels, size_t size, size_t most, tn_error *error);
tn_status tn_png_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error);
tn_status tn_jpeg_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error);

#endif
