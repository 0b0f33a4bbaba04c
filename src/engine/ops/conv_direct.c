/* conv_direct.c: convolution in AVX-512 without patches: an implicit matrix product over the (padded) image. See conv.h and op_conv2d.c.
 *
 * Images are [h, w, C], so the taps of one kernel row are a run of kw C neighbouring reals, and the next pixel's run starts stride C
 * further. Filters lie in lanes, V registers of 16.
 *   forward         y[pixel][f] += x[run + j] * weight[j][f]: P pixels by V registers of sums; x is broadcast from memory
 *   weight_gradient sums[j][f] += x[run + j] * dy[pixel][f]: J taps by V registers, over all pixels of an image
 *   input_gradient  dx[run + j] += dy[pixel][f] * weight[j][f]: taps in lanes (weights transposed), P pixels by V registers, added to a
 *   padded image at once
 * Sums stay in registers over the whole inner dimension; P V is at most 24 and J V 28 of the 32 registers. F is padded to 16 by zeros
 * in the prepared weights.
 *
 * Measured on Zen 5, one thread, GFLOP/s forward, weights, input (and by im2col with dnnl_sgemm): 3x3 of 16 channels 224, 234, 225 (111,
 * 107, 149), 32 channels 252, 254, 251 (193, 193, 185), 64 channels 259, 250, 259 (221, 214, 213), 128 channels 265, 241, 264 (241, 238,
 * 232), 256 channels 256, 249, 257 (251, 235, 214); LeNet's 5x5, 6 to 16 channels 234, 220, 154 (88, 88, 93), 1 to 6 channels 69, 75, -
 * (8, 9, -): six filters fill six lanes of sixteen. */
#include "engine/ops/conv.h"

#include <string.h>

#include "engine/avx512.h"

#ifdef TN_WITH_AVX512

/* A vector load of the last pixel may reach this far past its run. */
enum { LANES = TN_LANES, SLACK = 16 };

/* Weights that are worked on together (384 KB: with less of L2, three quarters of the speed); registers of filters among them; and taps or
 * pixels that go with V registers of them. */
enum { PANEL_REALS = 98304, V_MAX = 4, FORWARD_PIXELS = 12, INPUT_PIXELS = 4, INPUT_REGISTERS = 6, WEIGHT_SUMS = 28 };

/* The padded image: what all windows together cover. */
typedef struct canvas {
    size_t h, w, row;      /* row: reals of a row, w C */
    size_t run;            /* reals of a kernel row, kw C */
    size_t step_x, step_y; /* from one output pixel, or row, to the next, in reals of the canvas */
} canvas;

static canvas canvas_of(const tn_conv *conv)
{
    const tn_window *w = &conv->window;
    canvas c = {.h = (w->out_h - 1) * w->stride_h + w->size_h, .w = (w->out_w - 1) * w->stride_w + w->size_w};
    c.row = c.w * w->channels;
    c.run = w->size_w * w->channels;
    c.step_x = w->stride_w * w->channels;
    c.step_y = w->stride_h * c.row;
    return c;
}

static bool fits(const tn_conv *conv)
{
    return conv->groups == 1 && conv->factors == TN_FLOAT32 && tn_isa_best() == TN_ISA_AVX512;
}

/* Whether the gradient of the input is better computed as a convolution of dy with the turned kernel: with channels that fill registers it
 * keeps its sums in them, which is a fifth faster, unless padding makes it much larger. */
static bool turns(const tn_conv *conv)
{
    const tn_window *w = &conv->window;
    return w->stride_h == 1 && w->stride_w == 1 && w->channels % LANES == 0 && w->in_h * w->in_w <= conv->pixels + conv->pixels / 8;
}

/* That convolution: from [H', W', F] to [H, W, C]. */
static tn_conv turned(const tn_conv *conv)
{
    tn_window w = conv->window;
    w.in_h = conv->window.out_h;
    w.in_w = conv->window.out_w;
    w.out_h = conv->window.in_h;
    w.out_w = conv->window.in_w;
    w.channels = conv->filters;
    w.pad_top = w.size_h - 1 - w.pad_top;
    w.pad_left = w.size_w - 1 - w.pad_left;
    return tn_conv_of(&w, conv->window.channels, 1);
}

static size_t canvas_reals(const tn_conv *conv)
{
    canvas c = canvas_of(conv);
    return c.h * c.row + SLACK;
}

static size_t worker_reals(const tn_conv *conv)
{
    size_t forward = canvas_reals(conv), input = 0;
    if (turns(conv)) {
        tn_conv other = turned(conv);
        input = canvas_reals(&other);
    }
    return forward > input ? forward : input;
}

static size_t run_registers(const tn_conv *conv)
{
    return (conv->window.size_w * conv->window.channels + LANES - 1) / LANES;
}

static size_t shared_reals(const tn_conv *conv)
{
    size_t forward = conv->patch * conv->padded, input = conv->filters * conv->window.size_h * run_registers(conv) * LANES;
    return forward > input ? forward : input;
}

/* Weights for forward lie in panels of up to V_MAX registers of filters, one after the other: a panel is [K, its width]. In one matrix
 * their rows would lie a power of two apart, which a cache holds few of. */
static size_t panel_width(const tn_conv *conv, size_t first)
{
    size_t rest = conv->padded - first;
    return rest < V_MAX * LANES ? rest : V_MAX * LANES;
}

/* weight [K, F] to panels, zeros after F. */
static void prepare_forward(const tn_conv *conv, const float *weight, float *shared)
{
    for (size_t first = 0, width; first < conv->padded; first += width) {
        width = panel_width(conv, first);
        size_t filters = conv->filters - first < width ? conv->filters - first : width;
        for (size_t k = 0; k < conv->patch; k++, shared += width) {
            memcpy(shared, weight + k * conv->filters + first, filters * sizeof *shared);
            memset(shared + filters, 0, (width - filters) * sizeof *shared);
        }
    }
}

/* weight [kh, kw, C, F] to panels of [kh, kw, F, C], turned by 180 degrees. */
static void turn_weights(const tn_conv *conv, const float *weight, float *shared)
{
    size_t taps = conv->window.size_h * conv->window.size_w, channels = conv->window.channels, f = conv->filters;
    for (size_t first = 0, width; first < channels; first += width) {
        width = channels - first < V_MAX * LANES ? channels - first : V_MAX * LANES;
        for (size_t tap = taps; tap-- > 0; shared += f * width)
            tn_transpose_avx512(width, f, weight + (tap * channels + first) * f, f, shared, width);
    }
}

/* weight [kh, run, F] to [F, kh, run rounded up to registers], zeros after the run; or turned. */
static void prepare_input(const tn_conv *conv, const float *weight, float *shared)
{
    size_t run = conv->window.size_w * conv->window.channels, padded = run_registers(conv) * LANES, f = conv->filters;
    if (turns(conv)) {
        turn_weights(conv, weight, shared);
        return;
    }
    for (size_t ky = 0; ky < conv->window.size_h; ky++)
        tn_transpose_avx512(run, f, weight + ky * run * f, f, shared + ky * padded, conv->window.size_h * padded);
}

/* Copies what the canvas shows of image x, or what the image shows of the canvas, row by row. */
static void fill_canvas(const tn_conv *conv, const canvas *c, const float *x, float *to)
{
    const tn_window *w = &conv->window;
    size_t image_row = w->in_w * w->channels, left = w->pad_left * w->channels;
    size_t shown = c->row - left < image_row ? c->row - left : image_row;
    for (size_t y = 0; y < c->h; y++, to += c->row) {
        if (y < w->pad_top || y - w->pad_top >= w->in_h) {
            memset(to, 0, c->row * sizeof *to);
            continue;
        }
        memset(to, 0, left * sizeof *to);
        memcpy(to + left, x + (y - w->pad_top) * image_row, shown * sizeof *to);
        memset(to + left + shown, 0, (c->row - left - shown) * sizeof *to);
    }
}

static void read_canvas(const tn_conv *conv, const canvas *c, const float *from, float *x)
{
    const tn_window *w = &conv->window;
    size_t image_row = w->in_w * w->channels, left = w->pad_left * w->channels;
    size_t shown = c->row - left < image_row ? c->row - left : image_row;
    for (size_t y = 0; y < w->in_h; y++, x += image_row) {
        bool covered = y + w->pad_top < c->h;
        if (covered)
            memcpy(x, from + (y + w->pad_top) * c->row + left, shown * sizeof *x);
        size_t known = covered ? shown : 0;
        memset(x + known, 0, (image_row - known) * sizeof *x);
    }
}

/* The canvas of image x: the image itself where there is no padding and its rows are as long. */
static const float *canvas_for(const tn_conv *conv, const canvas *c, const float *x, float *scratch)
{
    const tn_window *w = &conv->window;
    if (w->pad_top == 0 && w->pad_left == 0 && c->w == w->in_w && c->h <= w->in_h)
        return x;
    fill_canvas(conv, c, x, scratch);
    return scratch;
}

/* ---- forward ---- */

/* What the forward kernel needs beside its pixels. */
typedef struct forward_job {
    size_t rows, run, row, step; /* kernel rows; reals of a run, of a canvas row, from pixel to pixel */
    size_t filters;              /* row length of y */
    const float *weights, *bias; /* of the panel; bias may be NULL */
    bool add;                    /* to y, which then has the bias already */
    __mmask16 last;              /* lanes of the last register that are filters */
} forward_job;

/* y [P, filters] at the block's filters, of pixels whose first runs start at x, x + step ... Pointers three pixels apart leave the others
 * to the address of an instruction. */
TN_INLINE_AVX512 void forward_pixels(const forward_job *job, size_t pixels, size_t registers, const float *x, float *y)
{
    __m512 sums[FORWARD_PIXELS * 2];
    for (size_t v = 0; v < registers; v++) {
        __mmask16 mask = v + 1 < registers ? tn_lane_mask(LANES) : job->last;
        __m512 start = job->bias ? _mm512_maskz_loadu_ps(mask, job->bias + v * LANES) : _mm512_setzero_ps();
        TN_UNROLL
        for (size_t p = 0; p < pixels; p++)
            sums[p * registers + v] = job->add ? _mm512_maskz_loadu_ps(mask, y + p * job->filters + v * LANES) : start;
    }
    const float *weights = job->weights;
    const size_t step = job->step;
    for (size_t ky = 0; ky < job->rows; ky++) {
        const float *at[FORWARD_PIXELS / 3];
        TN_UNROLL
        for (size_t g = 0; g < (pixels + 2) / 3; g++)
            at[g] = x + ky * job->row + g * 3 * step;
        for (size_t j = 0; j < job->run; j++) {
            __m512 w[V_MAX];
            TN_UNROLL
            for (size_t v = 0; v < registers; v++)
                w[v] = _mm512_loadu_ps(weights + v * LANES);
            TN_UNROLL
            for (size_t p = 0; p < pixels; p++) {
                __m512 value = _mm512_set1_ps(at[p / 3][(p % 3) * step]);
                TN_UNROLL
                for (size_t v = 0; v < registers; v++)
                    sums[p * registers + v] = _mm512_fmadd_ps(value, w[v], sums[p * registers + v]);
            }
            TN_UNROLL
            for (size_t g = 0; g < (pixels + 2) / 3; g++)
                at[g]++;
            weights += registers * LANES;
        }
    }
    TN_UNROLL
    for (size_t p = 0; p < pixels; p++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            if (v + 1 < registers)
                _mm512_storeu_ps(y + p * job->filters + v * LANES, sums[p * registers + v]);
            else
                _mm512_mask_storeu_ps(y + p * job->filters + v * LANES, job->last, sums[p * registers + v]);
        }
    }
}

/* One function for each number of pixels and registers, so that all sums are registers. */
#define FORWARD_CASE(p, v)                                                                                                                 \
    case (v)*16 + (p):                                                                                                                     \
        forward_pixels(job, p, v, x, y);                                                                                                   \
        break;
#define FORWARD_CASES_3(v)  FORWARD_CASE(1, v) FORWARD_CASE(2, v) FORWARD_CASE(3, v)
#define FORWARD_CASES_6(v)  FORWARD_CASES_3(v) FORWARD_CASE(4, v) FORWARD_CASE(5, v) FORWARD_CASE(6, v)
#define FORWARD_CASES_8(v)  FORWARD_CASES_6(v) FORWARD_CASE(7, v) FORWARD_CASE(8, v)
#define FORWARD_CASES_12(v) FORWARD_CASES_8(v) FORWARD_CASE(9, v) FORWARD_CASE(10, v) FORWARD_CASE(11, v) FORWARD_CASE(12, v)

TN_AVX512 static void forward_some(const forward_job *job, size_t pixels, size_t registers, const float *x, float *y)
{
#if TN_ONE_SIZE_FITS_ALL
    forward_pixels(job, pixels, registers, x, y);
#else
    switch (registers * 16 + pixels) {
        FORWARD_CASES_12(1)
        FORWARD_CASES_12(2)
        FORWARD_CASES_8(3)
        FORWARD_CASES_6(4)
    default:
        break;
    }
#endif
}

/* Pixels that go with so many registers of filters: at most 24 sums. */
static size_t forward_block(size_t registers)
{
    return registers <= 2 ? 12 : 24 / registers;
}

static __mmask16 last_lanes(size_t filters)
{
    size_t rest = filters % LANES;
    return tn_lane_mask(rest ? rest : LANES);
}

/* All pixels of one canvas. A row of pixels is cut into blocks of nearly equal size. */
static void forward_image(const tn_conv *conv, const canvas *c, const forward_job *job, size_t registers, const float *x, float *y)
{
    size_t width = conv->window.out_w, blocks = (width + forward_block(registers) - 1) / forward_block(registers);
    for (size_t oy = 0; oy < conv->window.out_h; oy++) {
        for (size_t b = 0; b < blocks; b++) {
            size_t ox = b * width / blocks, end = (b + 1) * width / blocks;
            forward_some(job, end - ox, registers, x + oy * c->step_y + ox * c->step_x, y + (oy * width + ox) * conv->filters);
        }
    }
}

/* Kernel rows whose weights for one block of filters stay in L2. */
static size_t rows_at_once(const canvas *c)
{
    size_t rows = PANEL_REALS / (V_MAX * LANES) / c->run;
    return rows > 0 ? rows : 1;
}

/* A block of filters and some kernel rows at a time, whose weights all samples pass; mostly that is all of them. */
static void forward(const tn_conv *conv, const float *weight, const float *shared, const float *bias, size_t samples, const float *x,
                    float *y, float *scratch)
{
    (void)weight;
    canvas c = canvas_of(conv);
    forward_job job = {.run = c.run, .row = c.row, .step = c.step_x, .filters = conv->filters};
    for (size_t first = 0; first < conv->padded; first += V_MAX * LANES) {
        size_t registers = panel_width(conv, first) / LANES;
        job.last = first + registers * LANES >= conv->padded ? last_lanes(conv->filters) : tn_lane_mask(LANES);
        job.bias = bias ? bias + first : NULL;
        for (size_t ky = 0; ky < conv->window.size_h; ky += job.rows) {
            size_t rest = conv->window.size_h - ky;
            job.rows = rest < rows_at_once(&c) ? rest : rows_at_once(&c);
            job.weights = shared + first * conv->patch + ky * c.run * registers * LANES;
            job.add = ky > 0;
            for (size_t s = 0; s < samples; s++) {
                const float *image = canvas_for(conv, &c, x + s * conv->x_size, scratch);
                forward_image(conv, &c, &job, registers, image + ky * c.row, y + s * conv->y_size + first);
            }
        }
    }
}

/* ---- gradient of the weights ---- */

typedef struct weight_job {
    size_t out_h, out_w, step_x, step_y; /* pixels, and from one to the next on the canvas */
    size_t row;                          /* of the canvas, from one kernel row to the next */
    size_t padded, filters;              /* row lengths of sums and of dy */
    __mmask16 last;
} weight_job;

/* sums [rows * taps, padded] += over all pixels of x[tap] dy, for `taps` of each of `rows` kernel rows (all of a row's where rows > 1). x
 * is the canvas at the first tap. */
TN_INLINE_AVX512 void weight_taps(const weight_job *job, size_t rows, size_t taps, size_t registers, const float *x, const float *dy,
                                  float *sums)
{
    __m512 sum[WEIGHT_SUMS];
    TN_UNROLL
    for (size_t j = 0; j < rows * taps; j++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            sum[j * registers + v] = _mm512_loadu_ps(sums + j * job->padded + v * LANES);
    }
    for (size_t oy = 0; oy < job->out_h; oy++) {
        const float *at = x + oy * job->step_y;
        for (size_t ox = 0; ox < job->out_w; ox++, at += job->step_x, dy += job->filters) {
            __m512 d[V_MAX];
            TN_UNROLL
            for (size_t v = 0; v < registers; v++)
                d[v] = v + 1 < registers ? _mm512_loadu_ps(dy + v * LANES) : _mm512_maskz_loadu_ps(job->last, dy + v * LANES);
            TN_UNROLL
            for (size_t j = 0; j < rows * taps; j++) {
                __m512 value = _mm512_set1_ps(at[j / taps * job->row + j % taps]);
                TN_UNROLL
                for (size_t v = 0; v < registers; v++)
                    sum[j * registers + v] = _mm512_fmadd_ps(value, d[v], sum[j * registers + v]);
            }
        }
    }
    TN_UNROLL
    for (size_t j = 0; j < rows * taps; j++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++)
            _mm512_storeu_ps(sums + j * job->padded + v * LANES, sum[j * registers + v]);
    }
}

#define WEIGHT_CASE(r, j, v)                                                                                                               \
    case ((r)*8 + (v)) * 32 + (j):                                                                                                         \
        weight_taps(job, r, j, v, x, dy, sums);                                                                                            \
        break;
#define WEIGHT_CASES_2(r, v) WEIGHT_CASE(r, 1, v) WEIGHT_CASE(r, 2, v)
#define WEIGHT_CASES_4(r, v) WEIGHT_CASES_2(r, v) WEIGHT_CASE(r, 3, v) WEIGHT_CASE(r, 4, v)
#define WEIGHT_CASES_5(r, v) WEIGHT_CASES_4(r, v) WEIGHT_CASE(r, 5, v)
#define WEIGHT_CASES_7(r, v) WEIGHT_CASES_5(r, v) WEIGHT_CASE(r, 6, v) WEIGHT_CASE(r, 7, v)
#define WEIGHT_CASES_9(r, v) WEIGHT_CASES_7(r, v) WEIGHT_CASE(r, 8, v) WEIGHT_CASE(r, 9, v)
#define WEIGHT_CASES_14(r, v)                                                                                                              \
    WEIGHT_CASES_9(r, v) WEIGHT_CASE(r, 10, v) WEIGHT_CASE(r, 11, v) WEIGHT_CASE(r, 12, v) WEIGHT_CASE(r, 13, v) WEIGHT_CASE(r, 14, v)
#define WEIGHT_CASES_21(r, v)                                                                                                              \
    WEIGHT_CASES_14(r, v)                                                                                                                  \
    WEIGHT_CASE(r, 15, v)                                                                                                                  \
    WEIGHT_CASE(r, 16, v) WEIGHT_CASE(r, 17, v) WEIGHT_CASE(r, 18, v) WEIGHT_CASE(r, 19, v) WEIGHT_CASE(r, 20, v) WEIGHT_CASE(r, 21, v)
#define WEIGHT_CASES_28(r, v)                                                                                                              \
    WEIGHT_CASES_21(r, v)                                                                                                                  \
    WEIGHT_CASE(r, 22, v)                                                                                                                  \
    WEIGHT_CASE(r, 23, v) WEIGHT_CASE(r, 24, v) WEIGHT_CASE(r, 25, v) WEIGHT_CASE(r, 26, v) WEIGHT_CASE(r, 27, v) WEIGHT_CASE(r, 28, v)

TN_AVX512 static void weight_some(const weight_job *job, size_t rows, size_t taps, size_t registers, const float *x, const float *dy,
                                  float *sums)
{
#if TN_ONE_SIZE_FITS_ALL
    weight_taps(job, rows, taps, registers, x, dy, sums);
#else
    switch ((rows * 8 + registers) * 32 + taps) {
        WEIGHT_CASES_28(1, 1)
        WEIGHT_CASES_14(1, 2)
        WEIGHT_CASES_9(1, 3)
        WEIGHT_CASES_7(1, 4)
        WEIGHT_CASES_9(3, 1)
        WEIGHT_CASES_4(3, 2)
        WEIGHT_CASES_5(5, 1)
        WEIGHT_CASES_2(5, 2)
    default:
        break;
    }
#endif
}

/* Short runs (few channels) leave most sums idle, and each addition would wait for the one before it: then all rows of a 3x3 or 5x5 kernel
 * go together. */
static size_t weight_rows(const tn_conv *conv, size_t run, size_t registers)
{
    size_t rows = conv->window.size_h;
    return (rows == 3 || rows == 5) && registers <= 2 && rows * run * registers <= WEIGHT_SUMS ? rows : 1;
}

/* sums [padded] += the rows of dy [pixels, filters], for the bias. */
TN_AVX512 static void add_pixels(const tn_conv *conv, const float *dy, float *sums)
{
    for (size_t first = 0; first < conv->padded; first += LANES) {
        __mmask16 mask = first + LANES <= conv->filters ? tn_lane_mask(LANES) : last_lanes(conv->filters);
        __m512 even = _mm512_loadu_ps(sums + first), odd = _mm512_setzero_ps();
        size_t p = 0;
        for (; p + 2 <= conv->pixels; p += 2) {
            even = _mm512_add_ps(even, _mm512_maskz_loadu_ps(mask, dy + p * conv->filters + first));
            odd = _mm512_add_ps(odd, _mm512_maskz_loadu_ps(mask, dy + (p + 1) * conv->filters + first));
        }
        if (p < conv->pixels)
            even = _mm512_add_ps(even, _mm512_maskz_loadu_ps(mask, dy + p * conv->filters + first));
        _mm512_storeu_ps(sums + first, _mm512_add_ps(even, odd));
    }
}

static void weight_gradient(const tn_conv *conv, size_t samples, const float *x, const float *dy, float *sums, float *scratch)
{
    canvas c = canvas_of(conv);
    memset(sums, 0, (conv->patch + 1) * conv->padded * sizeof *sums);
    for (size_t s = 0; s < samples; s++, dy += conv->y_size) {
        const float *image = canvas_for(conv, &c, x + s * conv->x_size, scratch);
        for (size_t first = 0; first < conv->padded; first += V_MAX * LANES) {
            size_t registers = panel_width(conv, first) / LANES, rows = weight_rows(conv, c.run, registers);
            size_t most = WEIGHT_SUMS / registers / rows, blocks = (c.run + most - 1) / most;
            weight_job job = {.out_h = conv->window.out_h,
                              .out_w = conv->window.out_w,
                              .step_x = c.step_x,
                              .step_y = c.step_y,
                              .row = c.row,
                              .padded = conv->padded,
                              .filters = conv->filters,
                              .last = first + registers * LANES >= conv->padded ? last_lanes(conv->filters) : tn_lane_mask(LANES)};
            for (size_t i = 0; i < conv->window.size_h / rows * blocks; i++) {
                size_t ky = i / blocks * rows, b = i % blocks, tap = b * c.run / blocks, end = (b + 1) * c.run / blocks;
                weight_some(&job, rows, end - tap, registers, image + ky * c.row + tap, dy + first,
                            sums + (ky * c.run + tap) * conv->padded + first);
            }
        }
        add_pixels(conv, dy, sums + conv->patch * conv->padded);
    }
}

/* ---- gradient of the input ---- */

/* The registers of all runs are numbered through: register r is columns r % per_run * 16 of kernel row r / per_run. */
typedef struct input_job {
    size_t filters, padded;    /* row lengths of dy and of the transposed weights */
    size_t per_run, row, step; /* registers of a run; reals of a canvas row, from pixel to pixel */
} input_job;

/* The canvas += what P neighbouring pixels give to registers first .. first + V - 1 of their windows. */
TN_INLINE_AVX512 void input_pixels(const input_job *job, size_t pixels, size_t registers, size_t first, const float *weights,
                                   const float *dy, float *dx)
{
    __m512 sums[INPUT_PIXELS * INPUT_REGISTERS];
    TN_UNROLL
    for (size_t i = 0; i < pixels * registers; i++)
        sums[i] = _mm512_setzero_ps();
    for (size_t f = 0; f < job->filters; f++) {
        const float *row = weights + f * job->padded;
        __m512 value[INPUT_PIXELS];
        TN_UNROLL
        for (size_t p = 0; p < pixels; p++)
            value[p] = _mm512_set1_ps(dy[p * job->filters + f]);
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            __m512 w = _mm512_loadu_ps(row + v * LANES);
            TN_UNROLL
            for (size_t p = 0; p < pixels; p++)
                sums[p * registers + v] = _mm512_fmadd_ps(value[p], w, sums[p * registers + v]);
        }
    }
    float *at[INPUT_REGISTERS];
    TN_UNROLL
    for (size_t v = 0; v < registers; v++)
        at[v] = dx + (first + v) / job->per_run * job->row + (first + v) % job->per_run * LANES;
    TN_UNROLL
    for (size_t p = 0; p < pixels; p++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            float *to = at[v] + p * job->step;
            _mm512_storeu_ps(to, _mm512_add_ps(_mm512_loadu_ps(to), sums[p * registers + v]));
        }
    }
}

#define INPUT_CASE(p, v)                                                                                                                   \
    case (v)*8 + (p):                                                                                                                      \
        input_pixels(job, p, v, first, weights, dy, dx);                                                                                   \
        break;
#define INPUT_CASES(v) INPUT_CASE(1, v) INPUT_CASE(2, v) INPUT_CASE(3, v) INPUT_CASE(4, v)

TN_AVX512 static void input_some(const input_job *job, size_t pixels, size_t registers, size_t first, const float *weights, const float *dy,
                                 float *dx)
{
#if TN_ONE_SIZE_FITS_ALL
    input_pixels(job, pixels, registers, first, weights, dy, dx);
#else
    switch (registers * 8 + pixels) {
        INPUT_CASES(1)
        INPUT_CASES(2)
        INPUT_CASES(3)
        INPUT_CASES(4)
        INPUT_CASES(5)
        INPUT_CASES(6)
    default:
        break;
    }
#endif
}

static void input_image(const tn_conv *conv, const canvas *c, const float *weights, const float *dy, float *dx)
{
    size_t all = conv->window.size_h * run_registers(conv), width = conv->window.out_w;
    size_t blocks = (all + INPUT_REGISTERS - 1) / INPUT_REGISTERS, groups = (width + INPUT_PIXELS - 1) / INPUT_PIXELS;
    input_job job = {.filters = conv->filters, .padded = all * LANES, .per_run = run_registers(conv), .row = c->row, .step = c->step_x};
    memset(dx, 0, (c->h * c->row + SLACK) * sizeof *dx);
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * all / blocks, end = (b + 1) * all / blocks;
        for (size_t i = 0; i < conv->window.out_h * groups; i++) {
            size_t oy = i / groups, ox = i % groups * width / groups, stop = (i % groups + 1) * width / groups;
            input_some(&job, stop - ox, end - first, first, weights + first * LANES, dy + (oy * width + ox) * conv->filters,
                       dx + oy * c->step_y + ox * c->step_x);
        }
    }
}

static void input_gradient(const tn_conv *conv, const float *weight, const float *shared, size_t samples, const float *dy, float *dx,
                           float *scratch)
{
    (void)weight;
    if (turns(conv)) {
        tn_conv other = turned(conv);
        forward(&other, NULL, shared, NULL, samples, dy, dx, scratch);
        return;
    }
    canvas c = canvas_of(conv);
    for (size_t s = 0; s < samples; s++) {
        input_image(conv, &c, shared, dy + s * conv->y_size, scratch);
        read_canvas(conv, &c, scratch, dx + s * conv->x_size);
    }
}

const tn_conv_way tn_conv_direct = {
    .name = "direct",
    .fits = fits,
    .worker_reals = worker_reals,
    .shared_reals = shared_reals,
    .prepare_forward = prepare_forward,
    .prepare_input = prepare_input,
    .forward = forward,
    .input_gradient = input_gradient,
    .weight_gradient = weight_gradient,
};

#else

static bool fits(const tn_conv *conv)
{
    (void)conv;
    return false;
}

const tn_conv_way tn_conv_direct = {.name = "direct", .fits = fits};

#endif
