/* conv_winograd_kernels.h: 3x3 convolution with 4 products where plain loops take 9, for vectors of either width. Include it after conv_direct_kernels.h.
 *
 * F(2x2, 3x3) of Lavin and Gray 2015, arXiv:1509.09308. A tile is 2x2 pixels of y and the 4x4 pixels of x that they see; in one dimension
 *   B^T d = (d0 - d2, d1 + d2, d2 - d1, d1 - d3),  G g = (g0, (g0 + g1 + g2) / 2, (g0 - g1 + g2) / 2, g2),
 *   A^T m = (m0 + m1 + m2, m1 - m2 - m3),  and y = A^T ((G g) (B^T d)) holds for each channel; in two, y = A^T ((G g G^T) (B^T d B)) A.
 * So at each of the 16 positions of the transformed tile there is a matrix product over the channels, of as many rows as there are tiles:
 *   forward         M [tile, F] = V [tile, C] U [C, F],  V = B^T d B of each tile, U = G g G^T
 *   weight_gradient S [C, F] += V^T Z,  Z = A dy A^T of each tile; dweight = G^T S G
 *   input_gradient  forward of dy with the turned kernel
 * A pixel of y depends on the pixels of x that its window shows and on no other, as in plain loops. Results are about as exact: over the sweep of tests/engine/test_conv.c, with 32 channels and more,
 * they lie 2.0 to 4.4e-8 (root mean square) of the sizes of their terms from the exact ones, those of the direct way 1.9 to 2.8e-8. Larger tiles, which save more products, would lose much more.
 *
 * Tiles go in blocks of at most WINOGRAD_TILES, so that V, M and Z stay in cache. Channels and filters fill whole registers. */

enum { POSITIONS = 16, TAPS = 9 };

/* Channels or filters. U is worked on as a whole: with more of it than L2 holds it would come from farther away for each block of tiles. */
enum { WINOGRAD_CHANNELS_MAX = 128 };

/* Where a tile begins. */
typedef struct winograd_tile {
    size_t sample, oy, ox;
} winograd_tile;

static winograd_tile winograd_next(const tn_conv *conv, winograd_tile tile)
{
    tile.ox += 2;
    if (tile.ox >= conv->window.out_w) {
        tile.ox = 0;
        tile.oy += 2;
    }
    if (tile.oy >= conv->window.out_h) {
        tile.oy = 0;
        tile.sample++;
    }
    return tile;
}

static size_t winograd_tiles(const tn_conv *conv)
{
    return (conv->window.out_h + 1) / 2 * ((conv->window.out_w + 1) / 2);
}

/* Small images fill their tiles badly. And the gradient of a weight that sees nothing but padding would be the rounding of its neighbours' in place of 0. */
static bool winograd_fits(const tn_conv *conv)
{
    const tn_window *w = &conv->window;
    return fits(conv) && w->size_h == 3 && w->size_w == 3 && w->stride_h == 1 && w->stride_w == 1 && w->pad_top <= 1 && w->pad_left <= 1 &&
           w->in_h > 1 && w->in_w > 1 && w->channels % LANES == 0 && conv->filters % LANES == 0 && w->channels <= WINOGRAD_CHANNELS_MAX &&
           conv->filters <= WINOGRAD_CHANNELS_MAX && 3 * conv->pixels >= 8 * winograd_tiles(conv);
}

/* Reals from one position to the next, of V, M or Z [WINOGRAD_TILES, width]: no power of two, of which a cache holds few. */
static size_t winograd_step(size_t width)
{
    return WINOGRAD_TILES * width + LANES;
}

/* Scratch: the pixels of a tile at the border, V of all channels, M or Z of a panel, and S. */
static size_t winograd_worker_reals(const tn_conv *conv)
{
    size_t channels = conv->window.channels, filters = conv->filters, most = channels > filters ? channels : filters;
    return POSITIONS * (most + winograd_step(most) + winograd_step(V_MAX * LANES) + channels * filters);
}

/* U, and for the turned kernel a second one. */
static size_t winograd_shared_reals(const tn_conv *conv)
{
    return 2 * POSITIONS * conv->window.channels * conv->filters;
}

/* out [4] = G g */
TN_INLINE_KERNEL void winograd_expand(tn_lanes a, tn_lanes b, tn_lanes c, tn_lanes out[4])
{
    tn_lanes half = tn_lanes_all(0.5F), ends = tn_lanes_multiply(half, tn_lanes_add(a, c)), middle = tn_lanes_multiply(half, b);
    out[0] = a;
    out[1] = tn_lanes_add(ends, middle);
    out[2] = tn_lanes_subtract(ends, middle);
    out[3] = c;
}

/* to: [16] of panels of at most `most` filters, each [C, its width] = G g G^T of weight [3, 3, C, F]. */
TN_KERNEL static void winograd_weights(size_t channels, size_t filters, size_t most, const float *weight, float *to)
{
    for (size_t f = 0; f < filters; f += LANES) {
        size_t first = f / most * most, width = filters - first < most ? filters - first : most;
        for (size_t c = 0; c < channels; c++) {
            const float *from = weight + c * filters + f;
            float *at = to + first * channels + c * width + f - first;
            tn_lanes rows[3][4];
            TN_UNROLL
            for (size_t y = 0; y < 3; y++) {
                const float *row = from + y * 3 * channels * filters;
                winograd_expand(tn_lanes_load(row), tn_lanes_load(row + channels * filters), tn_lanes_load(row + 2 * channels * filters),
                                rows[y]);
            }
            TN_UNROLL
            for (size_t x = 0; x < 4; x++) {
                tn_lanes column[4];
                winograd_expand(rows[0][x], rows[1][x], rows[2][x], column);
                TN_UNROLL
                for (size_t y = 0; y < 4; y++)
                    tn_lanes_store(at + (y * 4 + x) * channels * filters, column[y]);
            }
        }
    }
}

static void winograd_prepare_forward(const tn_conv *conv, const float *weight, float *shared)
{
    winograd_weights(conv->window.channels, conv->filters, V_MAX * LANES, weight, shared);
}

/* The kernel turned by 180 degrees has its first and last positions exchanged, in both directions. */
static void winograd_prepare_input(const tn_conv *conv, const float *weight, float *shared)
{
    static const size_t turned_position[4] = {3, 1, 2, 0};
    tn_conv other = turned(conv);
    size_t channels = conv->window.channels, f = conv->filters, size = channels * f;
    float *plain = shared + POSITIONS * size;
    winograd_weights(channels, f, f, weight, plain);
    for (size_t p = 0; p < POSITIONS; p++) {
        const float *from = plain + (turned_position[p / 4] * 4 + turned_position[p % 4]) * size;
        for (size_t first = 0, width; first < channels; first += width) {
            width = panel_width(&other, first);
            tn_lanes_transpose(width, f, from + first * f, f, shared + p * size + first * f, width);
        }
    }
}

/* A pointer that the compiler cannot tell to be near another one: it would keep, and compute for each tile, as many as there are loads. */
TN_INLINE_KERNEL float *winograd_opaque(const float *at)
{
    float *same = (float *)(uintptr_t)at;
    __asm__("" : "+r"(same));
    return same;
}

/* v = B^T d B of 4x4 pixels [channels], whose rows lie `row` apart. */
TN_INLINE_KERNEL void winograd_input(size_t channels, const float *pixels, size_t row, size_t step, float *v)
{
    for (size_t c = 0; c < channels; c += LANES) {
        const float *first = winograd_opaque(pixels + c), *second = winograd_opaque(first + row), *third = winograd_opaque(second + row),
                    *fourth = winograd_opaque(third + row);
        float *to = winograd_opaque(v + c);
        tn_lanes t[4][4];
        TN_UNROLL
        for (size_t x = 0; x < 4; x++) {
            tn_lanes a = tn_lanes_load(first + x * channels), b = tn_lanes_load(second + x * channels),
                     d = tn_lanes_load(third + x * channels), e = tn_lanes_load(fourth + x * channels);
            t[0][x] = tn_lanes_subtract(a, d);
            t[1][x] = tn_lanes_add(b, d);
            t[2][x] = tn_lanes_subtract(d, b);
            t[3][x] = tn_lanes_subtract(b, e);
        }
        TN_UNROLL
        for (size_t y = 0; y < 4; y++) {
            tn_lanes_store(to, tn_lanes_subtract(t[y][0], t[y][2]));
            tn_lanes_store(to + step, tn_lanes_add(t[y][1], t[y][2]));
            tn_lanes_store(to + 2 * step, tn_lanes_subtract(t[y][2], t[y][1]));
            tn_lanes_store(to + 3 * step, tn_lanes_subtract(t[y][1], t[y][3]));
            to = winograd_opaque(to + 4 * step);
        }
    }
}

/* to [4, 4, C] = the pixels that a tile sees, zeros where they leave the image. */
TN_KERNEL static void winograd_border(const tn_conv *conv, winograd_tile tile, const float *image, float *to)
{
    const tn_window *w = &conv->window;
    for (size_t i = 0; i < POSITIONS; i++) {
        size_t y = tile.oy + i / 4 - w->pad_top, x = tile.ox + i % 4 - w->pad_left; /* huge in front of the image */
        bool inside = y < w->in_h && x < w->in_w;
        const float *from = image + (y * w->in_w + x) * w->channels;
        for (size_t c = 0; c < w->channels; c += LANES)
            tn_lanes_store(to + i * w->channels + c, inside ? tn_lanes_load(from + c) : tn_lanes_zero());
    }
}

/* V of `count` tiles from `tile` on. border [4, 4, C] is scratch. */
TN_KERNEL static void winograd_inputs(const tn_conv *conv, winograd_tile tile, size_t count, const float *x, float *border, float *v)
{
    const tn_window *w = &conv->window;
    size_t channels = w->channels, row = w->in_w * channels, step = winograd_step(channels);
    for (size_t t = 0; t < count; t++, tile = winograd_next(conv, tile), v += channels) {
        const float *image = x + tile.sample * conv->x_size;
        size_t top = tile.oy - w->pad_top, left = tile.ox - w->pad_left;
        if (top + 3 < w->in_h && left + 3 < w->in_w && top < w->in_h && left < w->in_w) {
            winograd_input(channels, image + top * row + left * channels, row, step, v);
        } else {
            winograd_border(conv, tile, image, border);
            winograd_input(channels, border, 4 * channels, step, v);
        }
    }
}

/* y = A^T m A + bias of `count` tiles, for the panel of `width` filters from `first` on. bias [F] may be NULL. */
TN_KERNEL static void winograd_outputs(const tn_conv *conv, winograd_tile tile, size_t count, size_t first, size_t width, const float *m,
                                       const float *bias, float *y)
{
    size_t out_h = conv->window.out_h, out_w = conv->window.out_w, filters = conv->filters, step = winograd_step(width);
    for (size_t t = 0; t < count; t++, tile = winograd_next(conv, tile), m += width) {
        float *to = y + tile.sample * conv->y_size + (tile.oy * out_w + tile.ox) * filters + first;
        bool right = tile.ox + 1 < out_w, below = tile.oy + 1 < out_h;
        for (size_t f = 0; f < width; f += LANES) {
            const float *first_row = winograd_opaque(m + f), *second = winograd_opaque(first_row + 4 * step),
                        *third = winograd_opaque(second + 4 * step), *fourth = winograd_opaque(third + 4 * step);
            tn_lanes rows[2][4], start = bias ? tn_lanes_load(bias + first + f) : tn_lanes_zero();
            TN_UNROLL
            for (size_t x = 0; x < 4; x++) {
                tn_lanes a = tn_lanes_load(first_row + x * step), b = tn_lanes_load(second + x * step), c = tn_lanes_load(third + x * step),
                         d = tn_lanes_load(fourth + x * step);
                rows[0][x] = tn_lanes_add(tn_lanes_add(a, b), c);
                rows[1][x] = tn_lanes_subtract(tn_lanes_subtract(b, c), d);
            }
            TN_UNROLL
            for (size_t i = 0; i < 2; i++) {
                if (i > 0 && !below)
                    break;
                float *at = to + f + i * out_w * filters;
                tn_lanes middle = tn_lanes_add(start, rows[i][1]);
                tn_lanes_store(at, tn_lanes_add(tn_lanes_add(middle, rows[i][0]), rows[i][2]));
                if (right)
                    tn_lanes_store(at + filters, tn_lanes_subtract(tn_lanes_subtract(middle, rows[i][2]), rows[i][3]));
            }
        }
    }
}

/* Values that a block of tiles reads or writes, to be fetched beforehand. */
typedef struct winograd_values {
    const float *from;
    size_t count;
} winograd_values;

/* Those of `block` tiles from `first` on, of values [count] that `tiles` tiles go through evenly; `lead` values later for what they see beyond their own pixels. */
static winograd_values winograd_part(const float *values, size_t count, size_t tiles, size_t first, size_t block, size_t lead)
{
    size_t each = count / tiles, begin = first * each + lead, end = begin + block * each;
    begin = begin < count ? begin : count;
    end = end < count ? end : count;
    return (winograd_values){values + begin, end - begin};
}

static void winograd_fetch(winograd_values values, size_t position)
{
    fetch_share(values.from, values.count, position, values.count / POSITIONS + 1);
}

TN_KERNEL static void winograd_forward(const tn_conv *conv, const float *weight, const float *shared, const float *bias, size_t samples,
                                       const float *x, float *y, float *scratch)
{
    (void)weight;
    size_t channels = conv->window.channels, filters = conv->filters, tiles = samples * winograd_tiles(conv), count;
    float *border = scratch, *v = border + POSITIONS * channels, *m = v + POSITIONS * winograd_step(channels);
    winograd_tile tile = {0, 0, 0}, next = tile;
    for (size_t i = 0; i < tiles; i += count, tile = next) {
        count = tiles - i < WINOGRAD_TILES ? tiles - i : WINOGRAD_TILES;
        for (size_t t = 0; t < count; t++)
            next = winograd_next(conv, next);
        winograd_inputs(conv, tile, count, x, border, v);
        winograd_values x_next = winograd_part(x, samples * conv->x_size, tiles, i + count, count, 2 * conv->window.in_w * channels);
        winograd_values y_now = winograd_part(y, samples * conv->y_size, tiles, i, count, 0);
        for (size_t first = 0, width; first < filters; first += width) {
            width = panel_width(conv, first);
            forward_job job = {.rows = 1, .run = channels, .step = channels, .filters = width, .last = tn_lanes_first(LANES)};
            size_t registers = width / LANES, blocks = (count + forward_block(registers) - 1) / forward_block(registers),
                   ends[WINOGRAD_TILES];
            for (size_t b = 0; b < blocks; b++)
                ends[b] = (b + 1) * count / blocks;
            for (size_t p = 0; p < POSITIONS; p++) {
                const float *from = v + p * winograd_step(channels);
                float *to = m + p * winograd_step(width);
                if (first == 0) {
                    winograd_fetch(x_next, p);
                    winograd_fetch(y_now, p);
                }
                job.weights = shared + (p * filters + first) * channels;
                for (size_t b = 0, t = 0; b < blocks; t = ends[b++])
                    forward_some(&job, ends[b] - t, registers, from + t * channels, to + t * width);
            }
            winograd_outputs(conv, tile, count, first, width, m, bias, y);
        }
    }
}

static void winograd_input_gradient(const tn_conv *conv, const float *weight, const float *shared, size_t samples, const float *dy,
                                    float *dx, float *scratch)
{
    tn_conv other = turned(conv);
    winograd_forward(&other, weight, shared, NULL, samples, dy, dx, scratch);
}

/* Z = A dy A^T of `count` tiles, for the panel of `width` filters from `first` on; pixels beside y are zeros. */
TN_KERNEL static void winograd_gradients(const tn_conv *conv, winograd_tile tile, size_t count, size_t first, size_t width, const float *dy,
                                         float *z)
{
    size_t out_h = conv->window.out_h, out_w = conv->window.out_w, filters = conv->filters, step = winograd_step(width);
    for (size_t t = 0; t < count; t++, tile = winograd_next(conv, tile), z += width) {
        const float *from = dy + tile.sample * conv->y_size + (tile.oy * out_w + tile.ox) * filters + first;
        bool right = tile.ox + 1 < out_w, below = tile.oy + 1 < out_h;
        for (size_t f = 0; f < width; f += LANES) {
            const float *lower = from + f + out_w * filters;
            tn_lanes zero = tn_lanes_zero(), a = tn_lanes_load(from + f), b = right ? tn_lanes_load(from + f + filters) : zero;
            tn_lanes c = below ? tn_lanes_load(lower) : zero, d = right && below ? tn_lanes_load(lower + filters) : zero;
            tn_lanes rows[4][2] = {{a, b},
                                   {tn_lanes_add(a, c), tn_lanes_add(b, d)},
                                   {tn_lanes_subtract(a, c), tn_lanes_subtract(b, d)},
                                   {tn_lanes_subtract(zero, c), tn_lanes_subtract(zero, d)}};
            float *at = winograd_opaque(z + f);
            TN_UNROLL
            for (size_t i = 0; i < 4; i++) {
                tn_lanes_store(at, rows[i][0]);
                tn_lanes_store(at + step, tn_lanes_add(rows[i][0], rows[i][1]));
                tn_lanes_store(at + 2 * step, tn_lanes_subtract(rows[i][0], rows[i][1]));
                tn_lanes_store(at + 3 * step, tn_lanes_subtract(zero, rows[i][1]));
                at = winograd_opaque(at + 4 * step);
            }
        }
    }
}

/* out [3] = G^T s */
TN_INLINE_KERNEL void winograd_contract(const tn_lanes s[4], tn_lanes out[3])
{
    tn_lanes half = tn_lanes_all(0.5F), sum = tn_lanes_multiply(half, tn_lanes_add(s[1], s[2]));
    out[0] = tn_lanes_add(s[0], sum);
    out[1] = tn_lanes_multiply(half, tn_lanes_subtract(s[1], s[2]));
    out[2] = tn_lanes_add(s[3], sum);
}

/* sums [3, 3, C, padded] = G^T S G of S [16, C, F] */
TN_KERNEL static void winograd_sums(const tn_conv *conv, const float *s, float *sums)
{
    size_t channels = conv->window.channels, filters = conv->filters;
    for (size_t i = 0; i < channels * filters; i += LANES) {
        tn_lanes rows[4][3];
        TN_UNROLL
        for (size_t y = 0; y < 4; y++) {
            tn_lanes row[4];
            TN_UNROLL
            for (size_t x = 0; x < 4; x++)
                row[x] = tn_lanes_load(s + i + (y * 4 + x) * channels * filters);
            winograd_contract(row, rows[y]);
        }
        TN_UNROLL
        for (size_t x = 0; x < 3; x++) {
            tn_lanes column[4] = {rows[0][x], rows[1][x], rows[2][x], rows[3][x]}, taps[3];
            winograd_contract(column, taps);
            TN_UNROLL
            for (size_t y = 0; y < 3; y++)
                tn_lanes_store(sums + ((y * 3 + x) * channels + i / filters) * conv->padded + i % filters, taps[y]);
        }
    }
}

TN_KERNEL static void winograd_weight_gradient(const tn_conv *conv, size_t samples, const float *x, const float *dy, bool bias, float *sums,
                                               float *scratch)
{
    size_t channels = conv->window.channels, filters = conv->filters, tiles = samples * winograd_tiles(conv), count;
    float *border = scratch, *v = border + POSITIONS * channels, *z = v + POSITIONS * winograd_step(channels),
          *s = z + POSITIONS * winograd_step(V_MAX * LANES);
    memset(s, 0, POSITIONS * channels * filters * sizeof *s);
    winograd_tile tile = {0, 0, 0}, next = tile;
    for (size_t i = 0; i < tiles; i += count, tile = next) {
        count = tiles - i < WINOGRAD_TILES ? tiles - i : WINOGRAD_TILES;
        for (size_t t = 0; t < count; t++)
            next = winograd_next(conv, next);
        winograd_inputs(conv, tile, count, x, border, v);
        winograd_values x_next = winograd_part(x, samples * conv->x_size, tiles, i + count, count, 2 * conv->window.in_w * channels);
        winograd_values dy_next = winograd_part(dy, samples * conv->y_size, tiles, i + count, count, 0);
        for (size_t first = 0, width; first < filters; first += width) {
            width = panel_width(conv, first);
            winograd_gradients(conv, tile, count, first, width, dy, z);
            size_t registers = width / LANES, most = WEIGHT_SUMS / registers, blocks = (channels + most - 1) / most;
            weight_job job = {.samples = 1,
                              .out_h = 1,
                              .out_w = count,
                              .step_x = channels,
                              .padded = filters,
                              .filters = width,
                              .last = tn_lanes_first(LANES)};
            for (size_t p = 0; p < POSITIONS; p++) {
                if (first == 0) {
                    winograd_fetch(x_next, p);
                    winograd_fetch(dy_next, p);
                }
                for (size_t b = 0; b < blocks; b++) {
                    size_t c = b * channels / blocks, end = (b + 1) * channels / blocks;
                    weight_some(&job, 1, end - c, registers, v + p * winograd_step(channels) + c, z + p * winograd_step(width),
                                s + (p * channels + c) * filters + first);
                }
            }
        }
    }
    winograd_sums(conv, s, sums);
    if (bias) {
        memset(sums + TAPS * channels * conv->padded, 0, conv->padded * sizeof *sums);
        add_pixels(conv, samples, dy, sums + TAPS * channels * conv->padded);
    }
}

#define WINOGRAD_WAY(title)                                                                                                                \
    {                                                                                                                                      \
        .name = (title), .fits = winograd_fits, .worker_reals = winograd_worker_reals, .shared_reals = winograd_shared_reals,              \
        .prepare_forward = winograd_prepare_forward, .prepare_input = winograd_prepare_input, .forward = winograd_forward,                 \
        .input_gradient = winograd_input_gradient, .weight_gradient = winograd_weight_gradient                                             \
    }
