/* shown_log.h: what a network made of a few fixed samples, at moments of its training.
 *
 * It keeps the samples in the form in which they are shown (a picture in 64 shades at most TN_SHOWN_SIDE wide, the first numbers of a row, or text) and, for each moment, the
 * prediction. It holds at most TN_SHOWN_SAMPLES samples and TN_SHOWN_MOMENTS moments; a moment more takes the place of the last, so that the first and the last are
 * always there. One thread at a time. */
#ifndef TN_REPORT_SHOWN_LOG_H
#define TN_REPORT_SHOWN_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

enum {
    TN_SHOWN_SAMPLES = 12,
    TN_SHOWN_MOMENTS = 32,
    TN_SHOWN_OUTPUTS = 32, /* of a prediction; of more classes only the best and the true one are kept */
    TN_SHOWN_INPUTS = 12,  /* of a row of numbers */
    TN_SHOWN_SIDE = 48,    /* of a picture; larger ones are made smaller by averaging */
    TN_SHOWN_TEXT = 240    /* bytes of a text */
};

/* How outputs and labels are to be read. */
typedef enum tn_shown_meaning {
    TN_SHOWN_NUMBERS, /* targets, or one output of any kind */
    TN_SHOWN_LOGITS,  /* of classes: a softmax makes shares of them; the label is a class number */
    TN_SHOWN_SHARES   /* of classes, as they are */
} tn_shown_meaning;

/* The samples. Borrowed for the call. */
typedef struct tn_shown_inputs {
    tn_shown_meaning meaning;
    size_t count, input_size, label_size, output_size;
    size_t height, width, channels; /* of a picture, [h, w, c]; 0: none is known, and a square of 1 or 3 channels is taken for one */
    const char *note;               /* what a reader should know, such as that only the ends were seen; NULL */
} tn_shown_inputs;

typedef struct tn_shown_log tn_shown_log;

tn_status tn_shown_log_create(const tn_shown_inputs *inputs, tn_shown_log **log, tn_error *error);
void tn_shown_log_destroy(tn_shown_log *log); /* NULL is allowed */

/* Sample `i` as the network sees it. Samples from TN_SHOWN_SAMPLES on are left out. inputs [input_size], label [label_size]. */
void tn_shown_log_sample(tn_shown_log *log, size_t i, size_t row, const float *inputs, const float *label);

/* A moment after `step` steps: tn_shown_log_output for each sample follows. A moment at the step of the last one takes its place. */
void tn_shown_log_moment(tn_shown_log *log, uint64_t step);
void tn_shown_log_output(tn_shown_log *log, size_t i, const float *output, double loss);

size_t tn_shown_log_moments(const tn_shown_log *log);

/* As JSON, the "shown" of the page (docs/run_page.md). */
void tn_shown_log_json(const tn_shown_log *log, tn_text *json);

#endif
