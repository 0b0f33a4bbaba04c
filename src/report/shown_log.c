/* shown_log.c: see shown_log.h. */
#include "report/shown_log.h"

#include <ctype.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "report/webpage.h"

enum { SIDE_MIN = 8, SQUARE_MAX = 256, PIXELS = TN_SHOWN_SIDE * TN_SHOWN_SIDE * 3, NOTE_SIZE = 160, TEXT_LETTERS_MIN = 8 };

typedef struct shown_answer {
    double loss;
    size_t best; /* of classes */
    float best_share, label_share;
    float values[TN_SHOWN_OUTPUTS]; /* shares of classes, or outputs */
} shown_answer;

typedef struct shown_sample {
    size_t row;
    float label[TN_SHOWN_OUTPUTS];
    float inputs[TN_SHOWN_INPUTS];
    char pixels[PIXELS + 1]; /* digits of base 64; empty: no picture */
    char text[TN_SHOWN_TEXT + 1];
    bool is_text;
    shown_answer answers[TN_SHOWN_MOMENTS];
} shown_sample;

struct tn_shown_log {
    tn_shown_inputs inputs;
    char note[NOTE_SIZE];
    size_t kept;                    /* samples */
    size_t height, width, channels; /* of the pictures as they are kept; 0: none */
    size_t moments;
    uint64_t steps[TN_SHOWN_MOMENTS];
    shown_sample *samples; /* [kept] */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The shape of the pictures, if that is what they are: as it is known, or a square. */
static void find_shape(tn_shown_log *log)
{
    tn_shown_inputs *inputs = &log->inputs;
    for (size_t channels = 1; channels <= 3 && inputs->height == 0; channels += 2) {
        size_t side = (size_t)lround(sqrt((double)inputs->input_size / (double)channels));
        if (side * side * channels == inputs->input_size && side >= SIDE_MIN && side <= SQUARE_MAX) {
            inputs->height = inputs->width = side;
            inputs->channels = channels;
        }
    }
    bool fits = inputs->height >= 2 && inputs->width >= 2 && inputs->channels > 0 &&
                inputs->height * inputs->width * inputs->channels == inputs->input_size;
    if (!fits)
        return;
    log->height = least(inputs->height, TN_SHOWN_SIDE);
    log->width = least(inputs->width, TN_SHOWN_SIDE);
    log->channels = inputs->channels == 3 ? 3 : 1;
}

tn_status tn_shown_log_create(const tn_shown_inputs *inputs, tn_shown_log **log, tn_error *error)
{
    *log = NULL;
    tn_shown_log *created = tn_memory_create(1, sizeof *created);
    if (!created)
        return tn_fail_memory(error, sizeof *created);
    created->inputs = *inputs;
    created->inputs.note = NULL;
    if (inputs->note)
        snprintf(created->note, sizeof created->note, "%s", inputs->note);
    created->kept = least(inputs->count, TN_SHOWN_SAMPLES);
    created->samples = tn_memory_create(created->kept, sizeof *created->samples);
    if (!created->samples) {
        tn_memory_destroy(created);
        return tn_fail_memory(error, inputs->count * sizeof *created->samples);
    }
    find_shape(created);
    *log = created;
    return TN_OK;
}

void tn_shown_log_destroy(tn_shown_log *log)
{
    if (!log)
        return;
    tn_memory_destroy(log->samples);
    tn_memory_destroy(log);
}

size_t tn_shown_log_moments(const tn_shown_log *log)
{
    return log->moments;
}

/* ---- what is seen ---- */

/* The mean of a block of the picture: of one channel, or of all where one shade stands for them. */
static double block_mean(const tn_shown_inputs *from, const float *values, const size_t y[2], const size_t x[2], const size_t channel[2])
{
    double sum = 0;
    size_t count = 0;
    for (size_t row = y[0]; row < y[1]; row++)
        for (size_t column = x[0]; column < x[1]; column++)
            for (size_t c = channel[0]; c < channel[1]; c++) {
                double value = (double)values[(row * from->width + column) * from->channels + c];
                sum += isfinite(value) ? value : 0;
                count++;
            }
    return sum / (double)count;
}

static void draw(const tn_shown_log *log, shown_sample *sample, const float *values)
{
    const tn_shown_inputs *from = &log->inputs;
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < from->input_size; i++) {
        low = isfinite(values[i]) ? fmin(low, (double)values[i]) : low;
        high = isfinite(values[i]) ? fmax(high, (double)values[i]) : high;
    }
    char *pixel = sample->pixels;
    for (size_t y = 0; y < log->height; y++)
        for (size_t x = 0; x < log->width; x++)
            for (size_t c = 0; c < log->channels; c++) {
                const size_t rows[2] = {y * from->height / log->height, (y + 1) * from->height / log->height};
                const size_t columns[2] = {x * from->width / log->width, (x + 1) * from->width / log->width};
                const size_t channels[2] = {log->channels == 3 ? c : 0, log->channels == 3 ? c + 1 : from->channels};
                double light = high > low ? (block_mean(from, values, rows, columns, channels) - low) / (high - low) : 0;
                *pixel++ = tn_page_digit((unsigned)(fmin(fmax(light, 0), 1) * 63 + 0.5));
            }
    *pixel = '\0';
}

/* Numbers that are all codes of printable characters, most of them letters or spaces, are a text; a 0 at its end is padding. */
static bool take_text(shown_sample *sample, const float *values, size_t count)
{
    size_t used = 0, letters = 0, spaces = 0;
    while (count > 0 && values[count - 1] == 0)
        count--;
    for (size_t i = 0; i < count; i++) {
        if (!(values[i] >= 9 && values[i] < 127) || values[i] != floorf(values[i]))
            return false;
        int code = (int)values[i];
        if (!isprint(code) && code != '\n' && code != '\t' && code != '\r')
            return false;
        letters += isalpha(code) != 0;
        spaces += code == ' ';
        if (used < TN_SHOWN_TEXT)
            sample->text[used++] = (char)code;
    }
    sample->text[used] = '\0';
    return letters >= TEXT_LETTERS_MIN && 2 * (letters + spaces) > count;
}

void tn_shown_log_sample(tn_shown_log *log, size_t i, size_t row, const float *inputs, const float *label)
{
    if (i >= log->kept)
        return;
    shown_sample *sample = &log->samples[i];
    sample->row = row;
    memcpy(sample->label, label, least(log->inputs.label_size, TN_SHOWN_OUTPUTS) * sizeof *label);
    sample->is_text = take_text(sample, inputs, log->inputs.input_size);
    if (log->height > 0 && !sample->is_text)
        draw(log, sample, inputs);
    memcpy(sample->inputs, inputs, least(log->inputs.input_size, TN_SHOWN_INPUTS) * sizeof *inputs);
}

/* ---- what is predicted ---- */

void tn_shown_log_moment(tn_shown_log *log, uint64_t step)
{
    bool again = log->moments > 0 && log->steps[log->moments - 1] == step;
    if (!again && log->moments < TN_SHOWN_MOMENTS)
        log->moments++;
    log->steps[log->moments - 1] = step;
    for (size_t i = 0; i < log->kept; i++)
        log->samples[i].answers[log->moments - 1] = (shown_answer){.loss = NAN};
}

/* The share of output k: softmax(output)[k], or the output itself. */
static double share_of(const tn_shown_log *log, const float *output, size_t k, double highest, double sum)
{
    return log->inputs.meaning == TN_SHOWN_LOGITS ? exp((double)output[k] - highest) / sum : (double)output[k];
}

void tn_shown_log_output(tn_shown_log *log, size_t i, const float *output, double loss)
{
    if (i >= log->kept || log->moments == 0)
        return;
    const shown_sample *sample = &log->samples[i];
    shown_answer *answer = &log->samples[i].answers[log->moments - 1];
    size_t count = log->inputs.output_size, kept = least(count, TN_SHOWN_OUTPUTS);
    answer->loss = loss;
    if (log->inputs.meaning == TN_SHOWN_NUMBERS) {
        memcpy(answer->values, output, kept * sizeof *output);
        return;
    }
    double sum = 0;
    for (size_t k = 1; k < count; k++)
        if (output[k] > output[answer->best])
            answer->best = k;
    for (size_t k = 0; k < count; k++)
        sum += exp((double)output[k] - (double)output[answer->best]);
    double highest = (double)output[answer->best];
    answer->best_share = (float)share_of(log, output, answer->best, highest, sum);
    if (sample->label[0] >= 0 && sample->label[0] < (float)count)
        answer->label_share = (float)share_of(log, output, (size_t)sample->label[0], highest, sum);
    for (size_t k = 0; k < kept; k++)
        answer->values[k] = (float)share_of(log, output, k, highest, sum);
}

/* ---- JSON ---- */

static void add_floats(tn_text *json, const float *values, size_t count)
{
    tn_text_add(json, "[");
    for (size_t k = 0; k < count; k++) {
        tn_text_add(json, k > 0 ? "," : "");
        tn_json_add_number(json, (double)values[k]);
    }
    tn_text_add(json, "]");
}

typedef enum answer_part { LOSS, BEST, BEST_SHARE, LABEL_SHARE } answer_part;

/* "name":[...], one number of each moment. */
static void add_each(const tn_shown_log *log, tn_text *json, const shown_sample *sample, const char *name, answer_part part)
{
    tn_text_addf(json, ",\"%s\":[", name);
    for (size_t m = 0; m < log->moments; m++) {
        const shown_answer *answer = &sample->answers[m];
        const double values[] = {answer->loss, (double)answer->best, (double)answer->best_share, (double)answer->label_share};
        tn_text_add(json, m > 0 ? "," : "");
        tn_json_add_number(json, values[part]);
    }
    tn_text_add(json, "]");
}

/* "name":[[...], ...], the outputs of each moment. */
static void add_outputs(const tn_shown_log *log, tn_text *json, const shown_sample *sample, const char *name)
{
    tn_text_addf(json, ",\"%s\":[", name);
    for (size_t m = 0; m < log->moments; m++) {
        tn_text_add(json, m > 0 ? "," : "");
        add_floats(json, sample->answers[m].values, least(log->inputs.output_size, TN_SHOWN_OUTPUTS));
    }
    tn_text_add(json, "]");
}

static void add_sample(const tn_shown_log *log, tn_text *json, const shown_sample *sample)
{
    bool classes = log->inputs.meaning != TN_SHOWN_NUMBERS;
    tn_text_addf(json, "{\"row\":%zu,\"label\":", sample->row);
    if (classes)
        tn_text_addf(json, "%.0f", isfinite(sample->label[0]) ? (double)sample->label[0] : -1);
    else
        add_floats(json, sample->label, least(log->inputs.label_size, TN_SHOWN_OUTPUTS));
    if (sample->is_text) {
        tn_text_add(json, ",\"text\":");
        tn_json_add_string(json, sample->text);
    } else if (sample->pixels[0]) {
        tn_text_addf(json, ",\"pixels\":\"%s\"", sample->pixels);
    } else {
        tn_text_add(json, ",\"inputs\":");
        add_floats(json, sample->inputs, least(log->inputs.input_size, TN_SHOWN_INPUTS));
    }
    add_each(log, json, sample, "loss", LOSS);
    if (classes) {
        add_each(log, json, sample, "best", BEST);
        add_each(log, json, sample, "best_share", BEST_SHARE);
        add_each(log, json, sample, "label_share", LABEL_SHARE);
        if (log->inputs.output_size <= TN_SHOWN_OUTPUTS)
            add_outputs(log, json, sample, "shares");
    } else {
        add_outputs(log, json, sample, "values");
    }
    tn_text_add(json, "}");
}

void tn_shown_log_json(const tn_shown_log *log, tn_text *json)
{
    tn_text_addf(json, "{\"classes\":%s,\"input_size\":%zu,\"shape\":[%zu,%zu,%zu],\"note\":",
                 log->inputs.meaning != TN_SHOWN_NUMBERS ? "true" : "false", log->inputs.input_size, log->height, log->width,
                 log->channels);
    tn_json_add_string(json, log->note[0] ? log->note : NULL);
    tn_text_add(json, ",\"steps\":[");
    for (size_t m = 0; m < log->moments; m++)
        tn_text_addf(json, "%s%llu", m > 0 ? "," : "", (unsigned long long)log->steps[m]);
    tn_text_add(json, "],\"items\":[");
    for (size_t i = 0; i < log->kept && log->moments > 0; i++) {
        tn_text_add(json, i > 0 ? "," : "");
        add_sample(log, json, &log->samples[i]);
    }
    tn_text_add(json, "]}");
}
