/* vitals_avx2.c: vitals with AVX2, FMA and POPCNT. Two passes over each block of 4,096 values; the second, vitals_avx2_histogram.c, reads only what the first left in L1.
 *
 * The first: extremes and sums, in float lanes of at most 32 values each, which are added up in double. Beside them exponents and signs are packed into bytes. Where the histogram is sampled it packs the
 * runs that are counted and no others; extremes, sums and the smallest magnitude are taken of all values, in the same lanes. Where there were zeros a moment ago, it counts them.
 *
 * What does not fit is done again: sums that float does not hold are taken in double about a value of the block, and the next blocks' in float about that block's mean; zeros are told from
 * subnormals in a pass of their own where both may be; a block with NaN or Inf is taken value by value. */
#include "vitals/vitals_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <stdbool.h>
#include <string.h>

enum {
    GROUP = TN_AVX2_GROUP,
    SEGMENT = TN_VITALS_SEGMENT, /* values whose sums are added up in float: 32 lanes of 32 */
    SUMS = GROUP / 8,            /* vectors that take turns in sums, so that an addition need not wait for the one before */
    PEEK = 16,                   /* values that tell whether zeros are to be expected */
    PREFETCH_BYTES = 8192        /* how far ahead of the reading the second level is filled, where the caller does not say of what */
};

/* What a first pass does, all of it constants where it is compiled. */
typedef struct how {
    bool shifted; /* the shift is not 0 */
    bool sampled; /* the histogram is of runs */
    bool zeros;   /* zeros are counted on the way: there were some a moment ago */
} how;

/* Lanes of one pass. */
typedef struct lanes {
    __m256 min, max, sum[SUMS], squares[SUMS], shift;
    __m256i top, bottom; /* largest and smallest exponent of what was packed, in bytes */
    __m256i least;       /* smallest magnitude, in 32 bits; where zeros are counted it is less 1, and that of a zero is the largest */
    __m256i zeros;       /* less how many, in 32 bits */
} lanes;

/* Eight values and their deviations from the shift into the sums of `turn`, below SUMS. Returns sign and exponent, 9 bits, in 32-bit lanes. */
TN_TARGET_AVX2_INLINE __m256i absorb(lanes *l, size_t turn, __m256 values, __m256 deviations)
{
    l->min = _mm256_min_ps(values, l->min);
    l->max = _mm256_max_ps(values, l->max);
    l->sum[turn] = _mm256_add_ps(l->sum[turn], deviations);
    l->squares[turn] = _mm256_fmadd_ps(deviations, deviations, l->squares[turn]);
    return _mm256_srli_epi32(_mm256_castps_si256(values), 23);
}

/* Sign and exponent of thirty-two values as bytes, in no particular order. */
TN_TARGET_AVX2_INLINE void pack(tn_avx2_block *b, lanes *l, size_t at, __m256i first, __m256i second, __m256i third, __m256i fourth)
{
    __m256i low = _mm256_packus_epi32(first, second), high = _mm256_packus_epi32(third, fourth), byte = _mm256_set1_epi16(255);
    __m256i exponents = _mm256_packus_epi16(_mm256_and_si256(low, byte), _mm256_and_si256(high, byte));
    __m256i signs = _mm256_packus_epi16(_mm256_srli_epi16(low, 8), _mm256_srli_epi16(high, 8));
    l->top = _mm256_max_epu8(l->top, exponents);
    l->bottom = _mm256_min_epu8(l->bottom, exponents);
    _mm256_store_si256((void *)(b->exponents + at), exponents);
    _mm256_store_si256((void *)(b->signs + at), _mm256_slli_epi16(signs, 7));
}

TN_TARGET_AVX2_INLINE __m256 deviations_of(const lanes *l, __m256 values, bool shifted)
{
    return shifted ? _mm256_sub_ps(values, l->shift) : values;
}

TN_TARGET_AVX2_INLINE void note_magnitude(lanes *l, __m256 values, how h)
{
    __m256i magnitudes = _mm256_and_si256(_mm256_castps_si256(values), _mm256_set1_epi32(0x7fffffff));
    if (h.zeros) {
        __m256i ones = _mm256_set1_epi32(-1);
        l->zeros = _mm256_add_epi32(l->zeros, _mm256_cmpeq_epi32(magnitudes, _mm256_setzero_si256()));
        magnitudes = _mm256_add_epi32(magnitudes, ones);
    }
    if (h.zeros || h.sampled)
        l->least = _mm256_min_epu32(l->least, magnitudes);
}

TN_TARGET_AVX2_INLINE void prefetch(const tn_avx2_block *b, size_t at)
{
    _mm_prefetch((const char *)b->ahead + 4 * at, _MM_HINT_T1);
    _mm_prefetch((const char *)b->ahead + 4 * at + 64, _MM_HINT_T1);
}

/* Thirty-two values, whose exponents are packed as number b->filled and after. */
TN_TARGET_AVX2_INLINE void absorb_group(tn_avx2_block *b, lanes *l, size_t at, how h)
{
    const float *from = (const void *)(b->bytes + 4 * at);
    prefetch(b, at);
    __m256 v0 = _mm256_loadu_ps(from), v1 = _mm256_loadu_ps(from + 8), v2 = _mm256_loadu_ps(from + 16), v3 = _mm256_loadu_ps(from + 24);
    __m256i e0 = absorb(l, 0, v0, deviations_of(l, v0, h.shifted)), e1 = absorb(l, 1, v1, deviations_of(l, v1, h.shifted));
    __m256i e2 = absorb(l, 2, v2, deviations_of(l, v2, h.shifted)), e3 = absorb(l, 3, v3, deviations_of(l, v3, h.shifted));
    for (size_t k = 0; k < SUMS; k++)
        note_magnitude(l, _mm256_loadu_ps(from + 8 * k), h);
    pack(b, l, b->filled, e0, e1, e2, e3);
    b->filled += GROUP;
}

/* Thirty-two values that are not counted in the histogram. */
TN_TARGET_AVX2_INLINE void absorb_uncounted(const tn_avx2_block *b, lanes *l, size_t at, how h)
{
    const float *from = (const void *)(b->bytes + 4 * at);
    prefetch(b, at);
    for (size_t k = 0; k < SUMS; k++) {
        __m256 values = _mm256_loadu_ps(from + 8 * k);
        (void)absorb(l, k, values, deviations_of(l, values, h.shifted));
        note_magnitude(l, values, h);
    }
}

/* Lanes that hold one of the `count` values that are left. */
TN_TARGET_AVX2_INLINE __m256i first_lanes(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count < 8 ? (int)count : 8), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The last count % GROUP values. What is past them stands for the block's first value, and adds nothing to the sums. */
TN_TARGET_AVX2_INLINE void absorb_rest(tn_avx2_block *b, lanes *l, size_t at, bool counted, how h)
{
    __m256 filler = _mm256_castsi256_ps(_mm256_set1_epi32((int)b->first));
    __m256i e[SUMS];
    for (size_t k = 0; k < SUMS; k++) {
        size_t start = at + 8 * k;
        __m256i valid = first_lanes(b->count > start ? b->count - start : 0);
        __m256 values = _mm256_maskload_ps((const void *)(b->bytes + 4 * start), valid);
        __m256 deviations = _mm256_and_ps(_mm256_sub_ps(values, l->shift), _mm256_castsi256_ps(valid));
        values = _mm256_blendv_ps(filler, values, _mm256_castsi256_ps(valid));
        e[k] = absorb(l, k, values, deviations);
        note_magnitude(l, values, h);
    }
    b->fillers = GROUP - (b->count - at);
    if (!counted)
        return;
    pack(b, l, b->filled, e[0], e[1], e[2], e[3]);
    b->filled += GROUP;
    b->filled_fillers = b->fillers;
}

TN_TARGET_AVX2_INLINE __m256d add_up(__m256d sum, const __m256 parts[SUMS])
{
    __m256 both = _mm256_add_ps(_mm256_add_ps(parts[0], parts[1]), _mm256_add_ps(parts[2], parts[3]));
    __m256d halves = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(both)), _mm256_cvtps_pd(_mm256_extractf128_ps(both, 1)));
    return _mm256_add_pd(sum, halves);
}

TN_TARGET_AVX2_INLINE double sum_of(__m256d parts)
{
    double values[4];
    _mm256_storeu_pd(values, parts);
    return (values[0] + values[1]) + (values[2] + values[3]);
}

TN_TARGET_AVX2_INLINE uint32_t smallest_byte(__m256i bytes)
{
    __m128i half = _mm_min_epu8(_mm256_castsi256_si128(bytes), _mm256_extracti128_si256(bytes, 1));
    half = _mm_min_epu8(half, _mm_srli_epi16(half, 8)); /* even bytes: the smaller of two */
    return (uint32_t)_mm_cvtsi128_si32(_mm_minpos_epu16(_mm_and_si128(half, _mm_set1_epi16(255)))) & 255u;
}

TN_TARGET_AVX2_INLINE float smallest_float(__m256 values)
{
    __m128 half = _mm_min_ps(_mm256_castps256_ps128(values), _mm256_extractf128_ps(values, 1));
    half = _mm_min_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_min_ss(half, _mm_movehdup_ps(half)));
}

TN_TARGET_AVX2_INLINE uint32_t smallest_word(__m256i words)
{
    __m128i half = _mm_min_epu32(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    half = _mm_min_epu32(half, _mm_srli_si128(half, 8));
    return (uint32_t)_mm_cvtsi128_si32(_mm_min_epu32(half, _mm_srli_si128(half, 4)));
}

TN_TARGET_AVX2 static bool has_nonfinite(const tn_avx2_block *b)
{
    __m256i over = _mm256_setzero_si256();
    for (size_t i = 0; i < b->count; i += 8) {
        __m256i values = _mm256_maskload_epi32((const void *)(b->bytes + 4 * i), first_lanes(b->count - i));
        __m256i magnitudes = _mm256_and_si256(values, _mm256_set1_epi32(0x7fffffff));
        over = _mm256_or_si256(over, _mm256_cmpgt_epi32(magnitudes, _mm256_set1_epi32(0x7f7fffff)));
    }
    return _mm256_movemask_epi8(over) != 0;
}

static uint32_t exponent_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 23 & 255;
}

/* The largest exponent, from extremes and sums: a NaN is in no extreme, but in every sum. */
TN_TARGET_AVX2_INLINE uint32_t top_of(const tn_avx2_block *b)
{
    uint32_t low = exponent_of(b->min), high = exponent_of(b->max), top = low > high ? low : high;
    uint64_t bits;
    memcpy(&bits, &b->squares, sizeof bits);
    bool overflowed = (bits >> 52 & 2047) == 2047;
    return top < 255 && overflowed && has_nonfinite(b) ? 255 : top;
}

/* Zeros of the lanes, and whether the block's zeros and subnormals are to be looked for. */
TN_TARGET_AVX2_INLINE void note_exponent_0(tn_avx2_block *b, const lanes *l, how h)
{
    b->zeros = 0;
    if (!h.zeros) {
        b->has_exponent_0 = h.sampled ? smallest_word(l->least) < 0x800000 : b->filled_has_0;
        return;
    }
    uint32_t counts[8];
    _mm256_storeu_si256((void *)counts, l->zeros);
    for (size_t lane = 0; lane < 8; lane++)
        b->zeros -= counts[lane];
    b->zeros -= (b->first & 0x7fffffff) == 0 ? (uint32_t)b->fillers : 0;
    b->has_exponent_0 = smallest_word(l->least) < 0x7fffff;
}

/* The first pass over b->bytes [b->count]: everything but the histogram. */
TN_TARGET_AVX2_INLINE void first_pass(tn_avx2_block *b, how h)
{
    float first;
    memcpy(&first, b->bytes, sizeof first);
    memcpy(&b->first, b->bytes, sizeof b->first);
    lanes l;
    l.min = l.max = _mm256_set1_ps(first);
    l.shift = _mm256_set1_ps(b->shift);
    l.top = l.zeros = _mm256_setzero_si256();
    l.bottom = l.least = _mm256_set1_epi8(-1);
    __m256d sum = _mm256_setzero_pd(), squares = _mm256_setzero_pd();
    b->filled = b->fillers = b->filled_fillers = 0;
    for (size_t start = 0; start < b->count; start += SEGMENT) {
        for (size_t k = 0; k < SUMS; k++)
            l.sum[k] = l.squares[k] = _mm256_setzero_ps();
        size_t i = start, end = b->count - start < SEGMENT ? b->count : start + SEGMENT, counted_to = end;
        if (h.sampled) {
            tn_vitals_run run = tn_vitals_run_of(b->segment + start / SEGMENT, end - start, b->sample);
            counted_to = start + run.first + run.count;
            for (; i < start + run.first; i += GROUP)
                absorb_uncounted(b, &l, i, h);
        }
        for (; i + GROUP <= counted_to; i += GROUP)
            absorb_group(b, &l, i, h);
        bool counted = i < counted_to;
        for (; h.sampled && i + GROUP <= end; i += GROUP)
            absorb_uncounted(b, &l, i, h);
        if (i < end)
            absorb_rest(b, &l, i, counted, h);
        sum = add_up(sum, l.sum);
        squares = add_up(squares, l.squares);
    }
    b->sum = sum_of(sum);
    b->squares = sum_of(squares);
    b->min = smallest_float(l.min);
    b->max = -smallest_float(_mm256_xor_ps(l.max, _mm256_set1_ps(-0.0f)));
    b->filled_top = 255 - smallest_byte(_mm256_xor_si256(l.top, _mm256_set1_epi8(-1)));
    b->filled_has_0 = smallest_byte(l.bottom) == 0;
    b->top = h.sampled ? top_of(b) : b->filled_top;
    note_exponent_0(b, &l, h);
}

/* One function for each set of constants. */
#define TN_FIRST_PASS(name, shifted, sampled, zeros)                                                                                       \
    TN_TARGET_AVX2 static void name(tn_avx2_block *b)                                                                                      \
    {                                                                                                                                      \
        first_pass(b, (how){shifted, sampled, zeros});                                                                                     \
    }
TN_FIRST_PASS(first_pass_about_0, false, false, false)
TN_FIRST_PASS(first_pass_about_shift, true, false, false)
TN_FIRST_PASS(first_pass_sampled_about_0, false, true, false)
TN_FIRST_PASS(first_pass_sampled_about_shift, true, true, false)
TN_FIRST_PASS(first_pass_with_zeros_about_0, false, false, true)
TN_FIRST_PASS(first_pass_with_zeros_about_shift, true, false, true)
TN_FIRST_PASS(first_pass_sampled_with_zeros_about_0, false, true, true)
TN_FIRST_PASS(first_pass_sampled_with_zeros_about_shift, true, true, true)
#undef TN_FIRST_PASS

/* The block's sums about its shift once more, in double. Lanes past the end count as the shift and so add nothing. */
TN_TARGET_AVX2 static void sums_in_double(tn_avx2_block *b)
{
    __m256d center = _mm256_set1_pd((double)b->shift), sum[2], squares[2];
    sum[0] = sum[1] = squares[0] = squares[1] = _mm256_setzero_pd();
    for (size_t i = 0; i < b->count; i += 8) {
        __m256i valid = first_lanes(b->count - i);
        __m256 values = _mm256_maskload_ps((const void *)(b->bytes + 4 * i), valid);
        values = _mm256_blendv_ps(_mm256_set1_ps(b->shift), values, _mm256_castsi256_ps(valid));
        __m256d low = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(values)), center);
        __m256d high = _mm256_sub_pd(_mm256_cvtps_pd(_mm256_extractf128_ps(values, 1)), center);
        sum[0] = _mm256_add_pd(sum[0], low);
        sum[1] = _mm256_add_pd(sum[1], high);
        squares[0] = _mm256_fmadd_pd(low, low, squares[0]);
        squares[1] = _mm256_fmadd_pd(high, high, squares[1]);
    }
    b->sum = sum_of(_mm256_add_pd(sum[0], sum[1]));
    b->squares = sum_of(_mm256_add_pd(squares[0], squares[1]));
}

/* Zeros and subnormals of the block, by their bits: comparing them as floats would depend on how the processor is told to treat subnormals. */
TN_TARGET_AVX2 static void add_exponent_0(const tn_avx2_block *b, tn_vitals *vitals)
{
    __m256i zeros = _mm256_setzero_si256(), small = zeros;
    size_t padding = 0;
    for (size_t i = 0; i < b->count; i += 8) {
        __m256i values = i + 8 <= b->count ? _mm256_loadu_si256((const void *)(b->bytes + 4 * i))
                                           : _mm256_maskload_epi32((const void *)(b->bytes + 4 * i), first_lanes(b->count - i));
        __m256i magnitudes = _mm256_and_si256(values, _mm256_set1_epi32(0x7fffffff));
        zeros = _mm256_sub_epi32(zeros, _mm256_cmpeq_epi32(magnitudes, _mm256_setzero_si256()));
        small = _mm256_sub_epi32(small, _mm256_cmpgt_epi32(_mm256_set1_epi32(0x800000), magnitudes));
        padding = i + 8 <= b->count ? 0 : i + 8 - b->count;
    }
    uint32_t counts[2][8];
    _mm256_storeu_si256((void *)counts[0], zeros);
    _mm256_storeu_si256((void *)counts[1], _mm256_sub_epi32(small, zeros));
    for (size_t lane = 0; lane < 8; lane++) {
        vitals->zeros += counts[0][lane];
        vitals->subnormals += counts[1][lane];
    }
    vitals->zeros -= padding;
}

/* Sums of the block about its shift, in double where float does not do. Then the shift for the next block is its mean, where that matters. */
static void add_moments(tn_avx2_block *b, tn_vitals *vitals, float *next_shift)
{
    /* All values equal to the shift: nothing was lost. */
    if (!tn_vitals_float_holds(b->top, b->count, b->sum, b->squares) && !(b->min == b->shift && b->max == b->shift)) {
        memcpy(&b->shift, b->bytes, sizeof b->shift);
        sums_in_double(b);
        *next_shift = tn_vitals_next_shift(b->top, b->count, b->shift, b->sum, b->squares);
    }
    tn_vitals_fold(vitals, b->count, (double)b->shift, b->sum, b->squares);
    tn_vitals_fold_extremes(vitals, b->min, b->max);
}

static void take_first_pass(tn_avx2_block *b, how h)
{
    static void (*const passes[2][2][2])(tn_avx2_block *) = {
        {{first_pass_about_0, first_pass_with_zeros_about_0}, {first_pass_sampled_about_0, first_pass_sampled_with_zeros_about_0}},
        {{first_pass_about_shift, first_pass_with_zeros_about_shift},
         {first_pass_sampled_about_shift, first_pass_sampled_with_zeros_about_shift}}};
    passes[h.shifted][h.sampled][h.zeros](b);
}

/* Whether zeros are to be expected: one of the first few values is. */
static bool starts_with_zeros(const float *values, size_t count)
{
    bool any = false;
    for (size_t i = 0; i < PEEK && i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + i, sizeof bits);
        any |= (bits & 0x7fffffff) == 0;
    }
    return any;
}

void tn_vitals_add_avx2(tn_vitals *vitals, const float *values, size_t count, tn_vitals_sample sample, const void *ahead)
{
    tn_avx2_counter counter;
    tn_avx2_block b;
    float shift = 0;
    bool zeros = vitals->zeros > 0 || starts_with_zeros(values, count);
    tn_avx2_counter_init(&counter);
    b.sample = sample;
    for (b.bytes = (const unsigned char *)values; count > 0; b.bytes += 4 * b.count, count -= b.count) {
        b.count = count < TN_VITALS_BLOCK ? count : TN_VITALS_BLOCK;
        b.segment = vitals->count / SEGMENT;
        b.shift = shift;
        b.ahead = ahead ? (const unsigned char *)ahead + (b.bytes - (const unsigned char *)values) : b.bytes + PREFETCH_BYTES;
        take_first_pass(&b, (how){shift != 0, sample != TN_SAMPLE_ALL, zeros});
        zeros = b.zeros > 0 || b.has_exponent_0;
        if (b.top == 255)
            tn_vitals_add_careful(vitals, b.bytes, b.count);
        else
            add_moments(&b, vitals, &shift);
        if (b.has_exponent_0)
            add_exponent_0(&b, vitals);
        else
            vitals->zeros += b.zeros;
        vitals->count += b.count;
        tn_avx2_count(&counter, &b, vitals);
    }
    tn_avx2_counter_end(&counter, vitals);
    tn_vitals_finish(vitals);
}

#endif
