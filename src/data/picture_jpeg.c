/* picture_jpeg.c: JPEG by libjpeg (libjpeg-turbo's libjpeg.txt), baseline and progressive.
 *
 * libjpeg reports an error by a function that must not return, so it jumps. What a jump must not lose lies in a jpeg_job, outside of the function that is jumped into. Data that are damaged or missing
 * are only a warning to libjpeg, which goes on with grey; here they are errors. */
#include <setjmp.h>
#include <stdio.h>

#include <jerror.h>
#include <jpeglib.h>

#include "base/memory.h"
#include "data/picture.h"

enum {
    PIXELS_A_BYTE =
        4096, /* no byte of a file gives more: a block of 64 pixels takes a bit at least, but for an arithmetic code, which is allowed eight times that */
    SCANS_MAX = 500 /* of a progressive file; real ones have about ten */
};

typedef struct jpeg_job {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    char message[JMSG_LENGTH_MAX];
    int code; /* of libjpeg's messages; 0: none */
    tn_picture *picture;
    size_t size;
    tn_error *error;
} jpeg_job;

static _Noreturn void fail(j_common_ptr jpeg)
{
    jpeg_job *job = jpeg->client_data;
    job->code = jpeg->err->msg_code;
    jpeg->err->format_message(jpeg, job->message);
    longjmp(job->failed, 1);
}

/* level -1: a warning. Marks of other programs in the header, and bytes between two parts, take nothing from the picture. */
static void hear_message(j_common_ptr jpeg, int level)
{
    const int code = jpeg->err->msg_code;
    if (level < 0 && code != JWRN_ADOBE_XFORM && code != JWRN_JFIF_MAJOR && code != JWRN_EXTRANEOUS_DATA)
        fail(jpeg);
}

static void print_nothing(j_common_ptr jpeg)
{
    (void)jpeg;
}

static void count_scans(j_common_ptr jpeg)
{
    if (((j_decompress_ptr)jpeg)->input_scan_number > SCANS_MAX)
        ERREXIT(jpeg, JERR_BAD_PROGRESSION);
}

static tn_status read_all(jpeg_job *job, const uint8_t *bytes)
{
    j_decompress_ptr jpeg = &job->jpeg;
    if (setjmp(job->failed))
        return TN_ERROR_DATA;
    jpeg_create_decompress(jpeg);
    jpeg->client_data = job;
    jpeg->progress = &job->progress;
    jpeg_mem_src(jpeg, bytes, job->size);
    (void)jpeg_read_header(jpeg, TRUE);
    if (jpeg->num_components != 1 && jpeg->num_components != 3)
        return tn_fail(job->error, TN_ERROR_DATA, "is a JPEG file of %d channels (CMYK, say); expected grey or colours. Convert it",
                       jpeg->num_components);
    const size_t channels = (size_t)jpeg->num_components;
    jpeg->out_color_space = channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    tn_status status =
        tn_picture_create(job->picture, jpeg->image_height, jpeg->image_width, channels, job->size, PIXELS_A_BYTE, job->error);
    if (status != TN_OK)
        return status;
    (void)jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = job->picture->pixels + jpeg->output_scanline * job->picture->width * channels;
        (void)jpeg_read_scanlines(jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(jpeg);
    return TN_OK;
}

tn_status tn_jpeg_decode(const uint8_t *bytes, size_t size, tn_picture *picture, tn_error *error)
{
    jpeg_job job = {.picture = picture, .size = size, .error = error, .progress.progress_monitor = count_scans};
    job.jpeg.err = jpeg_std_error(&job.errors);
    job.jpeg.client_data = &job;
    job.errors.error_exit = fail;
    job.errors.emit_message = hear_message;
    job.errors.output_message = print_nothing;
    const tn_status status = read_all(&job, bytes);
    jpeg_destroy_decompress(&job.jpeg);
    if (job.code == JERR_OUT_OF_MEMORY)
        return tn_fail_memory(error, size);
    if (job.code == JWRN_JPEG_EOF || job.code == JERR_INPUT_EOF || job.code == JERR_INPUT_EMPTY)
        return tn_fail(error, TN_ERROR_DATA, "is cut short: its %zu bytes end before the picture does; fetch the file again", size);
    if (job.code != 0)
        return tn_fail(error, TN_ERROR_DATA, "is a damaged JPEG file (%s); fetch the file again", job.message);
    return status;
}
