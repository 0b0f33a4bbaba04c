/* picture_png.c: PNG by libpng (http://www.libpng.org/pub/png/spec/1.2).
 *
 * libpng reports an error by a jump. What a jump must not lose lies in a png_job, outside of the function that is jumped into. */
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "data/picture.h"

enum {
    DEFLATE_RATIO_MAX = 1032,              /* deflate cannot shrink data by more (zlib's technical notes) */
    PIXELS_A_BYTE = 8 * DEFLATE_RATIO_MAX, /* at one bit a pixel */
    CHUNK_MAX = 8 << 20                    /* bytes that a chunk beside the picture, such as a profile, may take */
};

typedef struct png_job {
    const uint8_t *next;
    size_t left, size;
    bool is_cut, memory_is_out;
    char message[120]; /* libpng's words */
    jmp_buf failed;
    png_structp png;
    png_infop info;
    tn_picture *picture;
    tn_error *error;
} png_job;

static _Noreturn void fail(png_structp png, png_const_charp message)
{
    png_job *job = png_get_error_ptr(png);
    snprintf(job->message, sizeof job->message, "%s", message);
    longjmp(job->failed, 1);
}

static void ignore_warning(png_structp png, png_const_charp message)
{
    (void)png, (void)message;
}

static png_voidp take_memory(png_structp png, png_alloc_size_t size)
{
    png_job *job = png_get_mem_ptr(png);
    void *block = tn_memory_create(size, 1);
    job->memory_is_out = job->memory_is_out || block == NULL;
    return block;
}

static void give_memory(png_structp png, png_voidp block)
{
    (void)png;
    tn_memory_destroy(block);
}

static void read_bytes(png_structp png, png_bytep to, size_t count)
{
    png_job *job = png_get_io_ptr(png);
    if (count > job->left) {
        job->is_cut = true;
        png_error(png, "the end of the file");
    }
    memcpy(to, job->next, count);
    job->next += count;
    job->left -= count;
}

/* Everything between the signature and the end; jumps back into it where libpng finds a fault. */
static tn_status read_all(png_job *job)
{
    png_structp png = job->png;
    png_infop info = job->info;
    if (setjmp(job->failed))
        return TN_ERROR_DATA;
    png_set_read_fn(png, job, read_bytes);
    png_set_user_limits(png, INT32_MAX, INT32_MAX); /* tn_picture_create has a say, in the user's words */
    png_set_chunk_malloc_max(png, CHUNK_MAX);
    png_read_info(png, info);
    const size_t height = png_get_image_height(png, info), width = png_get_image_width(png, info);
    const size_t channels = png_get_color_type(png, info) & PNG_COLOR_MASK_COLOR ? 3 : 1;
    tn_status status = tn_picture_create(job->picture, height, width, channels, job->size, PIXELS_A_BYTE, job->error);
    if (status != TN_OK)
        return status;
    png_set_scale_16(png);
    png_set_palette_to_rgb(png);
    if (png_get_color_type(png, info) == PNG_COLOR_TYPE_GRAY)
        png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    const int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    if (png_get_rowbytes(png, info) != width * channels)
        png_error(png, "an unknown kind of pixels");
    for (int pass = 0; pass < passes; pass++)
        for (size_t y = 0; y < height; y++)
            png_read_row(png, job->picture->pixels + y * width * channels, NULL);
    png_read_end(png, NULL);
    return TN_OK;
}

tn_status tn_png_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error)
{
    png_job job = {.next = bytes, .left = size, .size = size, .picture = picture, .error = error};
    job.png = png_create_read_struct_2(PNG_LIBPNG_VER_STRING, &job, fail, ignore_warning, &job, take_memory, give_memory);
    job.info = job.png != NULL ? png_create_info_struct(job.png) : NULL;
    if (job.info == NULL) {
        png_destroy_read_struct(&job.png, NULL, NULL);
        return tn_fail_memory(error, sizeof job);
    }
    const tn_status status = read_all(&job);
    png_destroy_read_struct(&job.png, &job.info, NULL);
    if (job.memory_is_out)
        return tn_fail_memory(error, size);
    if (job.is_cut)
        return tn_fail(error, TN_ERROR_DATA, "is cut short: its %zu bytes end before the picture does; fetch the file again", size);
    if (job.message[0] != '\0')
        return tn_fail(error, TN_ERROR_DATA, "is a damaged PNG file, near byte %zu (%s); fetch the file again", size - job.left,
                       job.message);
    return status;
}
