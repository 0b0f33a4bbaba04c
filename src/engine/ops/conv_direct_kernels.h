/* conv_direct_kernels.h: convolution without patches: an implicit matrix product over the canvas (conv_canvas.h), for vectors of either width. See conv.h and op_conv2d.c.
 *
 * conv_avx512.c and conv_avx2.c include this once each, after the vectors (lanes_avx512.h or lanes_avx2.h) and the sizes that fit their registers:
 *   FILTERS_MIN    fewer filters are left to narrower vectors, of which they fill as many
 *   V_MAX          registers of filters that are worked on together
 *   FORWARD_SUMS, WEIGHT_SUMS, INPUT_SUMS
 *                  sums that the three kernels keep in registers; at most FORWARD_PIXELS pixels by any V
 *   INPUT_REGISTERS, INPUT_PIXELS
 *   WEIGHT_PIXELS, WEIGHT_SAMPLES
 *                  output pixels that the gradient of the weights passes over for all taps before it goes on: some rows of an image, or
 *                  at most so many images
 *   WEIGHT_PACKS   whether a panel of dy is copied for it
 *   PANEL_REALS    prepared weights that are worked on together
 *   FORWARD_CASES, WEIGHT_CASES, INPUT_CASES
 *                  a case for each size of a block
 *
 * Filters lie in lanes, V registers of them.
 *   forward         y[pixel][f] += x[run + j] * weight[j][f]: P pixels by V registers of sums; x is broadcast from memory
 *   weight_gradient sums[j][f] += x[run + j] * dy[pixel][f]: J taps by V registers, over all pixels of an image
 *   input_gradient  dx[run + j] += dy[pixel][f] * weight[j][f]: taps in lanes (weights transposed), P pixels by V registers, added to a
 *   canvas at once
 * Sums stay in registers over the whole inner dimension. F is padded to whole registers by zeros in the prepared weights. */
#include "engine/ops/conv_blocks.h"
#include "engine/ops/conv_canvas.h"

static bool fits(const tn_conv *conv)
{
    return conv->groups == 1 && conv->factors == TN_FLOAT32 && conv->filters >= FILTERS_MIN && tn_isa_best() >= TN_LANES_ISA;
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

/* Samples that the gradient of the weights passes over together: small images. */
static size_t samples_at_once(const tn_conv *conv)
{
    size_t samples = WEIGHT_PIXELS / conv->pixels;
    if (samples > WEIGHT_SAMPLES)
        samples = WEIGHT_SAMPLES;
    return samples > 0 ? samples : 1;
}

/* Parts of the rows of an image, which it passes over one after the other: large images. */
static size_t parts_of(const tn_conv *conv)
{
    size_t parts = (conv->pixels + WEIGHT_PIXELS - 1) / WEIGHT_PIXELS;
    return parts < conv->window.out_h ? parts : conv->window.out_h;
}

/* For the gradient of the weights a panel of dy is copied: in dy itself its pixels lie far apart, often a power of two, which a cache
 * holds few of. */
static size_t packed_reals(const tn_conv *conv)
{
    size_t rows = (conv->window.out_h + parts_of(conv) - 1) / parts_of(conv);
    return WEIGHT_PACKS && columns_of(conv) > V_MAX * LANES ? samples_at_once(conv) * rows * conv->window.out_w * V_MAX * LANES : 0;
}

static size_t worker_reals(const tn_conv *conv)
{
    size_t weights = samples_at_once(conv) * tn_canvas_reals(conv) + packed_reals(conv), input = 0;
    if (turns(conv)) {
        tn_conv other = turned(conv);
        input = tn_canvas_reals(&other);
    }
    return weights > input ? weights : input;
}

static size_t run_registers(const tn_conv *conv)
{
    return (conv->window.size_w * conv->window.channels + LANES - 1) / LANES;
}

static size_t shared_reals(const tn_conv *conv)
{
    size_t forward = conv->patch * columns_of(conv), input = conv->filters * conv->window.size_h * run_registers(conv) * LANES;
    return forward > input ? forward : input;
}

/* weight [K, F] to panels, zeros after F. */
static void prepare_forward(const tn_conv *conv, const float *weight, float *shared)
{
    for (size_t first = 0, width; first < columns_of(conv); first += width) {
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
            tn_lanes_transpose(width, f, weight + (tap * channels + first) * f, f, shared, width);
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
        tn_lanes_transpose(run, f, weight + ky * run * f, f, shared + ky * padded, conv->window.size_h * padded);
}

/* What comes next is fetched share by share meanwhile: where the values lie in the last cache, nobody else does so in time. */
static void fetch_share(const float *next, size_t count, size_t share, size_t each)
{
    enum { LINE = 64 / sizeof *next };
    size_t end = (share + 1) * each < count ? (share + 1) * each : count;
    for (size_t i = share * each; i < end; i += LINE)
        __builtin_prefetch(next + i);
}

/* ---- forward ---- */

/* Kernel rows whose weights for one panel of filters stay in cache. */
static size_t rows_at_once(const tn_conv *conv, const tn_canvas *c)
{
    size_t rows = PANEL_REALS / (V_MAX * LANES) / c->run;
    if (rows > conv->window.size_h)
        rows = conv->window.size_h;
    return rows > 0 ? rows : 1;
}

/* Filters whose weights stay in cache: some panels, or one. */
static size_t filters_at_once(const tn_conv *conv)
{
    size_t panels = PANEL_REALS / (V_MAX * LANES) / conv->patch;
    return (panels > 0 ? panels : 1) * V_MAX * LANES;
}

/* Some filters and kernel rows at a time, whose weights all samples pass; mostly that is all of them. */
TN_KERNEL static void forward(const tn_conv *conv, const float *weight, const float *shared, const float *bias, size_t samples,
                              const float *x, float *y, float *scratch)
{
    (void)weight;
    tn_canvas c = tn_canvas_of(conv);
    forward_job job = {.run = c.run, .row = c.row, .step = c.step_x, .filters = conv->filters};
    size_t columns = columns_of(conv), most = filters_at_once(conv);
    for (size_t first = 0, end; first < columns; first = end) {
        end = columns - first < most ? columns : first + most;
        size_t out_h = conv->window.out_h, panels = (end - first + V_MAX * LANES - 1) / (V_MAX * LANES);
        for (size_t ky = 0; ky < conv->window.size_h; ky += job.rows) {
            size_t rest = conv->window.size_h - ky;
            job.rows = rest < rows_at_once(conv, &c) ? rest : rows_at_once(conv, &c);
            job.add = ky > 0;
            for (size_t s = 0; s < samples; s++) {
                const float *image = tn_canvas_for(conv, &c, x + s * conv->x_size, scratch) + ky * c.row;
                size_t next = s + 1 < samples ? conv->x_size : 0;
                for (size_t i = 0; i < out_h * panels; i++) {
                    size_t oy = i / panels, at = first + i % panels * V_MAX * LANES, width = panel_width(conv, at);
                    job.last = filter_lanes(conv, at + width - LANES);
                    job.bias = bias ? bias + at : NULL;
                    job.weights = shared + at * conv->patch + ky * c.run * width;
                    fetch_share(x + (s + 1) * conv->x_size, next, i, next / (out_h * panels) + 1);
                    forward_row(&job, conv->window.out_w, width / LANES, image + oy * c.step_y,
                                y + s * conv->y_size + oy * conv->window.out_w * conv->filters + at);
                }
            }
        }
    }
}

/* ---- gradient of the weights ---- */

/* Short runs (few channels) leave most sums idle, and each addition would wait for the one before it: then several rows of the kernel go
 * together. */
static size_t weight_rows(const tn_conv *conv, size_t run, size_t registers)
{
    size_t rows = conv->window.size_h < WEIGHT_ROWS ? conv->window.size_h : WEIGHT_ROWS;
    while (rows > 1 && rows * run * registers > WEIGHT_SUMS)
        rows--;
    return rows;
}

/* to [pixels, width] = the columns of dy [pixels, filters] that it begins with, and zeros */
TN_KERNEL static void pack_panel(size_t pixels, size_t width, size_t filters, tn_lanes_mask last, const float *dy, float *to)
{
    for (; pixels > 0; pixels--, dy += filters, to += width) {
        for (size_t c = 0; c + LANES < width; c += LANES)
            tn_lanes_store(to + c, tn_lanes_load(dy + c));
        tn_lanes_store(to + width - LANES, tn_lanes_load_some(last, dy + width - LANES));
    }
}

/* sums += of the samples and output rows of the job, panel by panel. packed: memory for a panel of dy. */
TN_KERNEL static void weight_part(const tn_conv *conv, const tn_canvas *c, weight_job job, const float *x, const float *dy, float *packed,
                                  float *sums)
{
    size_t columns = columns_of(conv), size_h = conv->window.size_h;
    for (size_t first = 0, width; first < columns; first += width) {
        width = panel_width(conv, first);
        size_t registers = width / LANES, most_rows = weight_rows(conv, c->run, registers),
               row_blocks = (size_h + most_rows - 1) / most_rows;
        size_t most = WEIGHT_SUMS / registers / most_rows, blocks = (c->run + most - 1) / most;
        size_t shares = job.parts * row_blocks * blocks, next_x = job.next_samples * conv->x_size,
               next_dy = job.next_samples * conv->y_size;
        job.last = filter_lanes(conv, first + width - LANES);
        const float *panel = dy + first;
        if (packed_reals(conv) > 0) {
            pack_panel(job.samples * job.out_h * job.out_w, width, conv->filters, job.last, panel, packed);
            panel = packed;
            job.filters = width;
            job.last = tn_lanes_first(LANES);
        }
        for (size_t i = 0; i < row_blocks * blocks; i++) {
            if (first == 0) {
                fetch_share(job.next_x, next_x, job.part * row_blocks * blocks + i, next_x / shares + 1);
                fetch_share(job.next_dy, next_dy, job.part * row_blocks * blocks + i, next_dy / shares + 1);
            }
            size_t r = i / blocks, ky = r * size_h / row_blocks, rows = (r + 1) * size_h / row_blocks - ky;
            size_t b = i % blocks, tap = b * c->run / blocks, end = (b + 1) * c->run / blocks;
            weight_some(&job, rows, end - tap, registers, x + ky * c->row + tap, panel, sums + (ky * c->run + tap) * conv->padded + first);
        }
    }
}

TN_KERNEL static void weight_gradient(const tn_conv *conv, size_t samples, const float *x, const float *dy, bool bias, float *sums,
                                      float *scratch)
{
    tn_canvas c = tn_canvas_of(conv);
    size_t out_h = conv->window.out_h, out_w = conv->window.out_w, most = samples_at_once(conv), parts = parts_of(conv);
    float *packed = scratch + most * tn_canvas_reals(conv);
    weight_job job = {.parts = parts,
                      .image = c.is_image ? conv->x_size : c.h * c.row,
                      .out_w = out_w,
                      .step_x = c.step_x,
                      .step_y = c.step_y,
                      .row = c.row,
                      .padded = conv->padded,
                      .filters = conv->filters};
    memset(sums, 0, (conv->patch + 1) * conv->padded * sizeof *sums);
    for (size_t s = 0; s < samples; s += job.samples, dy += job.samples * conv->y_size) {
        job.samples = samples - s < most ? samples - s : most;
        job.next_samples = samples - s - job.samples < most ? samples - s - job.samples : most;
        job.next_x = x + (s + job.samples) * conv->x_size;
        job.next_dy = dy + job.samples * conv->y_size;
        const float *images = tn_canvas_for(conv, &c, x + s * conv->x_size, scratch);
        for (size_t i = 1; i < job.samples; i++)
            tn_canvas_for(conv, &c, x + (s + i) * conv->x_size, scratch + i * job.image);
        for (job.part = 0; job.part < parts; job.part++) {
            size_t oy = job.part * out_h / parts;
            job.out_h = (job.part + 1) * out_h / parts - oy;
            weight_part(conv, &c, job, images + oy * c.step_y, dy + oy * out_w * conv->filters, packed, sums);
        }
        if (bias)
            add_pixels(conv, job.samples, dy, sums + conv->patch * conv->padded);
    }
}

/* ---- gradient of the input ---- */

/* Some registers of all runs, which are numbered through: register r is columns r % per_run * LANES of kernel row r / per_run. */
typedef struct input_job {
    size_t filters, padded;          /* row lengths of dy and of the transposed weights */
    size_t step;                     /* reals of the canvas from pixel to pixel */
    size_t offsets[INPUT_REGISTERS]; /* of each register on the canvas, from the first tap */
} input_job;

/* The canvas += what P neighbouring pixels give to the V registers of their windows. */
TN_INLINE_KERNEL void input_pixels(const input_job *job, size_t pixels, size_t registers, const float *weights, const float *dy, float *dx)
{
    tn_lanes sums[INPUT_SUMS];
    TN_UNROLL
    for (size_t i = 0; i < pixels * registers; i++)
        sums[i] = tn_lanes_zero();
    for (size_t f = 0; f < job->filters; f++) {
        const float *row = weights + f * job->padded;
        tn_lanes value[INPUT_PIXELS];
        TN_UNROLL
        for (size_t p = 0; p < pixels; p++)
            value[p] = tn_lanes_all(dy[p * job->filters + f]);
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            tn_lanes w = tn_lanes_keep(tn_lanes_load(row + v * LANES));
            TN_UNROLL
            for (size_t p = 0; p < pixels; p++)
                sums[p * registers + v] = tn_lanes_multiply_add(value[p], w, sums[p * registers + v]);
        }
    }
    TN_UNROLL
    for (size_t p = 0; p < pixels; p++) {
        TN_UNROLL
        for (size_t v = 0; v < registers; v++) {
            float *to = dx + job->offsets[v] + p * job->step;
            tn_lanes_store(to, tn_lanes_add(tn_lanes_load(to), sums[p * registers + v]));
        }
    }
}

#define INPUT_CASE(p, v)                                                                                                                   \
    case (v)*8 + (p):                                                                                                                      \
        input_pixels(job, p, v, weights, dy, dx);                                                                                          \
        break;
TN_KERNEL static void input_some(const input_job *job, size_t pixels, size_t registers, const float *weights, const float *dy, float *dx)
{
#if TN_ONE_SIZE_FITS_ALL
    input_pixels(job, pixels, registers, weights, dy, dx);
#else
    switch (registers * 8 + pixels) {
        INPUT_CASES
    default:
        break;
    }
#endif
}

TN_KERNEL static void input_image(const tn_conv *conv, const tn_canvas *c, const float *weights, const float *dy, float *dx)
{
    size_t per_run = run_registers(conv), all = conv->window.size_h * per_run, width = conv->window.out_w;
    size_t blocks = (all + INPUT_REGISTERS - 1) / INPUT_REGISTERS, groups = (width + INPUT_PIXELS - 1) / INPUT_PIXELS;
    input_job job = {.filters = conv->filters, .padded = all * LANES, .step = c->step_x};
    memset(dx, 0, tn_canvas_reals(conv) * sizeof *dx);
    for (size_t b = 0; b < blocks; b++) {
        size_t first = b * all / blocks, registers = (b + 1) * all / blocks - first;
        for (size_t v = 0; v < registers; v++)
            job.offsets[v] = (first + v) / per_run * c->row + (first + v) % per_run * LANES;
        for (size_t oy = 0; oy < conv->window.out_h; oy++) {
            for (size_t i = 0; i < groups; i++) {
                size_t ox = i * width / groups, end = (i + 1) * width / groups;
                input_some(&job, end - ox, registers, weights + first * LANES, dy + (oy * width + ox) * conv->filters,
                           dx + oy * c->step_y + ox * c->step_x);
            }
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
    tn_canvas c = tn_canvas_of(conv);
    for (size_t s = 0; s < samples; s++) {
        input_image(conv, &c, shared, dy + s * conv->y_size, scratch);
        tn_canvas_read(conv, &c, scratch, dx + s * conv->x_size);
    }
}

#define DIRECT_WAY(title)                                                                                                                  \
    {                                                                                                                                      \
        .name = (title), .fits = fits, .worker_reals = worker_reals, .shared_reals = shared_reals, .prepare_forward = prepare_forward,     \
        .prepare_input = prepare_input, .forward = forward, .input_gradient = input_gradient, .weight_gradient = weight_gradient           \
    }
