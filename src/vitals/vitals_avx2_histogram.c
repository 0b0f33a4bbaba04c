/* vitals_avx2_histogram.c: the second pass of AVX2's vitals: the histogram of the exponents and signs that the first packed into bytes.
 *
 * Of many values by a positional popcount, as vitals_avx512.c does it with better tools. With `top` the largest exponent of the block, keys number a window of 15 exponents below it; where the
 * block holds exponent 0, it has a key of its own and the window is 14. vpshufb makes a key one-hot, once for all values and once for the positive ones (it gives 0 where bit 7 of the index
 * is set, and there stands the sign); carry-save adders add such vectors up bit by bit, and vpmovmskb with popcnt counts what carries out. Values below the window are counted one by one, or by a
 * second window, or by tables.
 *
 * That has a price that does not depend on how many they are. So of few values, as a sample of a block is, each exponent is compared with all of them, four exponents at once, from the top on. */
#include "vitals/vitals_avx2.h"

#if defined(__x86_64__)

#include <immintrin.h>
#include <string.h>

enum {
    GROUP = TN_AVX2_GROUP,
    CHUNK = 16 * GROUP,   /* values whose one-hot vectors are added up before bits are counted */
    KEYS = 16,            /* of one sign */
    NO_KEY = 128,         /* what vpshufb makes 0 of */
    ONE_BY_ONE = 128,     /* values outside the window that are cheaper to count singly than by another */
    RETRY = 16,           /* blocks after which the window is tried again in place of tables */
    FEW = 512,            /* values up to which exponents are looked for one after another */
    AT_ONCE = 4,          /* exponents that are */
    FEW_TURNS = 4,        /* of so many exponents */
    FEW_SINGLY = 16,      /* values that are cheaper to count singly than by another turn */
    TABLES_FROM = 2048,   /* values of a block from which tables cost less than the histogram itself */
    TABLES_FULL = 1 << 30 /* values after which the tables are emptied, far below what their 32 bits hold */
};

/* A full adder of 256 bits: a + b + c = 2 * carry + sum, bit by bit. The sum replaces a. */
TN_TARGET_AVX2_INLINE __m256i add_bits(__m256i *a, __m256i b, __m256i c)
{
    __m256i differ = _mm256_xor_si256(*a, b);
    __m256i carry = _mm256_or_si256(_mm256_and_si256(*a, b), _mm256_and_si256(differ, c));
    *a = _mm256_xor_si256(differ, c);
    return carry;
}

/* counts[i] += weight * (how many bytes of `plane` have bit i set). */
TN_TARGET_AVX2_INLINE void count_bits(__m256i plane, uint32_t weight, uint32_t counts[8])
{
    for (size_t i = 8; i-- > 0;) {
        counts[i] += weight * (uint32_t)__builtin_popcount((unsigned)_mm256_movemask_epi8(plane));
        plane = _mm256_add_epi8(plane, plane);
    }
}

/* Key k is exponent top - k, k below the window. The window is 15, and key 15 all others; with exponent 0 the window is 14, key 14 all others, and key 15 exponent 0. Behind the last group stands
 * NO_KEY, up to a whole chunk. */
TN_TARGET_AVX2_INLINE void make_keys(tn_avx2_block *b, uint32_t top, bool has_exponent_0)
{
    const __m256i highest = _mm256_set1_epi8((char)top), others = _mm256_set1_epi8(has_exponent_0 ? KEYS - 2 : KEYS - 1);
    const __m256i none = _mm256_set1_epi8((char)NO_KEY);
    size_t i = 0;
    for (; i < b->filled; i += GROUP) {
        __m256i e = _mm256_load_si256((const void *)(b->exponents + i));
        __m256i sign = _mm256_and_si256(_mm256_load_si256((const void *)(b->signs + i)), none);
        __m256i key = _mm256_min_epu8(_mm256_sub_epi8(highest, e), others);
        if (has_exponent_0) {
            __m256i is_0 = _mm256_cmpeq_epi8(e, _mm256_setzero_si256());
            key = _mm256_or_si256(key, _mm256_and_si256(is_0, _mm256_set1_epi8(KEYS - 1)));
        }
        _mm256_store_si256((void *)(b->keys + i), key);
        _mm256_store_si256((void *)(b->signs + i), _mm256_or_si256(sign, key));
    }
    for (; i % CHUNK > 0; i += GROUP) {
        _mm256_store_si256((void *)(b->keys + i), none);
        _mm256_store_si256((void *)(b->signs + i), none);
    }
}

/* One-hot vectors of two groups into the adders: bit i of a byte of *ones counts values of key i. */
TN_TARGET_AVX2_INLINE __m256i add_two(__m256i *ones, const uint8_t *keys, __m256i table)
{
    __m256i a = _mm256_shuffle_epi8(table, _mm256_load_si256((const void *)keys));
    __m256i b = _mm256_shuffle_epi8(table, _mm256_load_si256((const void *)(keys + GROUP)));
    return add_bits(ones, a, b);
}

/* Counts eight of the keys [filled], those for which `table` has a bit: counts[i] is that of bit i. */
TN_TARGET_AVX2 static void count_eight(const uint8_t *keys, size_t filled, __m256i table, uint32_t counts[8])
{
    __m256i ones = _mm256_setzero_si256(), twos = ones, fours = ones, eights = ones;
    memset(counts, 0, 8 * sizeof *counts);
    for (const uint8_t *at = keys; at < keys + filled; at += CHUNK) {
        __m256i eight[2];
        for (size_t k = 0; k < 2; k++) {
            const uint8_t *from = at + k * CHUNK / 2;
            __m256i two_a = add_two(&ones, from, table), two_b = add_two(&ones, from + 2 * GROUP, table);
            __m256i four = add_bits(&twos, two_a, two_b);
            two_a = add_two(&ones, from + 4 * GROUP, table);
            two_b = add_two(&ones, from + 6 * GROUP, table);
            eight[k] = add_bits(&fours, four, add_bits(&twos, two_a, two_b));
        }
        count_bits(add_bits(&eights, eight[0], eight[1]), 16, counts);
    }
    count_bits(ones, 1, counts);
    count_bits(twos, 2, counts);
    count_bits(fours, 4, counts);
    count_bits(eights, 8, counts);
}

/* Counts the keys of the window below `top` by sign. */
TN_TARGET_AVX2_INLINE void count_keys(tn_avx2_block *b, uint32_t top, bool has_exponent_0, uint32_t counts[2][KEYS])
{
    long long half = (long long)0x8040201008040201u;
    const __m256i low = _mm256_set_epi64x(0, half, 0, half), high = _mm256_set_epi64x(half, 0, half, 0);
    make_keys(b, top, has_exponent_0);
    count_eight(b->signs, b->filled, low, counts[0]);
    count_eight(b->signs, b->filled, high, counts[0] + 8);
    count_eight(b->keys, b->filled, low, counts[1]);
    count_eight(b->keys, b->filled, high, counts[1] + 8);
    for (size_t key = 0; key < KEYS; key++)
        counts[1][key] -= counts[0][key];
}

TN_TARGET_AVX2 static void count_without_0(tn_avx2_block *b, uint32_t top, uint32_t counts[2][KEYS])
{
    count_keys(b, top, false, counts);
}

TN_TARGET_AVX2 static void count_with_0(tn_avx2_block *b, uint32_t top, uint32_t counts[2][KEYS])
{
    count_keys(b, top, true, counts);
}

/* Counts values of exponents 1 .. bound one by one. */
TN_TARGET_AVX2 static void count_singly(const tn_avx2_block *b, uint32_t bound, tn_vitals *vitals)
{
    const __m256i bounds = _mm256_set1_epi8((char)bound);
    for (size_t i = 0; i < b->filled; i += GROUP) {
        __m256i e = _mm256_load_si256((const void *)(b->exponents + i));
        __m256i is_low = _mm256_cmpeq_epi8(_mm256_min_epu8(e, bounds), e), is_0 = _mm256_cmpeq_epi8(e, _mm256_setzero_si256());
        uint32_t left = (uint32_t)_mm256_movemask_epi8(_mm256_andnot_si256(is_0, is_low));
        for (; left; left &= left - 1) {
            size_t at = i + (size_t)__builtin_ctz(left);
            vitals->histogram[b->signs[at] >> 7][b->exponents[at]]++;
        }
    }
}

TN_TARGET_AVX2_INLINE uint64_t sum_of_bytes(__m256i counts)
{
    uint64_t sums[4];
    _mm256_storeu_si256((void *)sums, _mm256_sad_epu8(counts, _mm256_setzero_si256()));
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

/* Counts values of exponent 0 into the histogram. Returns how many that were. */
TN_TARGET_AVX2 static uint64_t count_exponent_0(const tn_avx2_block *b, tn_vitals *vitals)
{
    __m256i all = _mm256_setzero_si256(), negative = all;
    for (size_t i = 0; i < b->filled; i += GROUP) {
        __m256i equal = _mm256_cmpeq_epi8(_mm256_load_si256((const void *)(b->exponents + i)), _mm256_setzero_si256());
        all = _mm256_sub_epi8(all, equal);
        negative = _mm256_sub_epi8(
            negative, _mm256_and_si256(equal, _mm256_cmpgt_epi8(_mm256_setzero_si256(), _mm256_load_si256((const void *)(b->signs + i)))));
    }
    uint64_t sum = sum_of_bytes(all), below_0 = sum_of_bytes(negative);
    vitals->histogram[0][0] += sum - below_0;
    vitals->histogram[1][0] += below_0;
    return sum;
}

/* Counts values of exponents top, top - 1 .. into the histogram, AT_ONCE of them that are above 0. Returns how many that were. */
TN_TARGET_AVX2 static uint64_t count_equals(const tn_avx2_block *b, uint32_t top, tn_vitals *vitals)
{
    __m256i all[AT_ONCE], negative[AT_ONCE];
    for (size_t k = 0; k < AT_ONCE; k++)
        all[k] = negative[k] = _mm256_setzero_si256();
    for (size_t i = 0; i < b->filled; i += GROUP) {
        __m256i e = _mm256_load_si256((const void *)(b->exponents + i));
        __m256i below_0 = _mm256_cmpgt_epi8(_mm256_setzero_si256(), _mm256_load_si256((const void *)(b->signs + i)));
        for (uint32_t k = 0; k < AT_ONCE; k++) {
            __m256i equal = _mm256_cmpeq_epi8(e, _mm256_set1_epi8((char)(top - k)));
            all[k] = _mm256_sub_epi8(all[k], equal);
            negative[k] = _mm256_sub_epi8(negative[k], _mm256_and_si256(equal, below_0));
        }
    }
    uint64_t sum = 0;
    for (uint32_t k = 0; k < AT_ONCE && k < top; k++) {
        uint64_t count = sum_of_bytes(all[k]), below_0 = sum_of_bytes(negative[k]);
        vitals->histogram[0][top - k] += count - below_0;
        vitals->histogram[1][top - k] += below_0;
        sum += count;
    }
    return sum;
}

/* The second pass over a few values: exponents are looked for one after another, from the top, while that finds enough of them. */
static void add_few(const tn_avx2_block *b, tn_vitals *vitals)
{
    uint32_t top = b->filled_top;
    uint64_t left = b->filled - (b->filled_has_0 ? count_exponent_0(b, vitals) : 0);
    for (uint32_t turn = 0; left > FEW_SINGLY && turn < FEW_TURNS; turn++) {
        left -= count_equals(b, top, vitals);
        top = top > AT_ONCE ? top - AT_ONCE : 0;
    }
    if (left > 0)
        count_singly(b, top, vitals);
}

/* Adds the counts of exponents top, top - 1 ... to the histogram. Returns how many values that were. */
static uint64_t add_window(tn_vitals *vitals, uint32_t top, size_t window, uint32_t counts[2][KEYS])
{
    uint64_t sum = 0;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t key = 0; key < window && key < top; key++) {
            vitals->histogram[sign][top - key] += counts[sign][key];
            sum += counts[sign][key];
        }
    return sum;
}

/* The second pass. Returns true where the exponents lie so far apart that tables serve the next blocks better. */
static bool add_histogram(tn_avx2_block *b, tn_vitals *vitals)
{
    uint32_t counts[2][KEYS], top = b->filled_top;
    size_t window = b->filled_has_0 ? KEYS - 2 : KEYS - 1;
    uint64_t below = b->filled;
    if (b->filled_has_0) {
        count_with_0(b, top, counts);
        vitals->histogram[0][0] += counts[0][KEYS - 1];
        vitals->histogram[1][0] += counts[1][KEYS - 1];
        below -= counts[0][KEYS - 1] + counts[1][KEYS - 1];
    } else {
        count_without_0(b, top, counts);
    }
    below -= add_window(vitals, top, window, counts);
    if (below > ONE_BY_ONE) {
        top -= (uint32_t)window;
        window = KEYS - 1;
        count_without_0(b, top, counts);
        below -= add_window(vitals, top, window, counts);
    }
    if (below > 0)
        count_singly(b, top - (uint32_t)window, vitals);
    return below > ONE_BY_ONE;
}

static void count_by_tables(const tn_avx2_block *b, tn_vitals_table *tables)
{
    for (size_t i = 0; i < b->filled; i += TN_VITALS_TABLES)
        for (size_t t = 0; t < TN_VITALS_TABLES; t++)
            tables[t][(b->signs[i + t] & 128u) << 1 | b->exponents[i + t]]++;
}

static void count_directly(const tn_avx2_block *b, tn_vitals *vitals)
{
    for (size_t i = 0; i < b->filled; i++)
        vitals->histogram[b->signs[i] >> 7][b->exponents[i]]++;
}

void tn_avx2_count(tn_avx2_counter *counter, tn_avx2_block *b, tn_vitals *vitals)
{
    if (b->filled <= FEW && b->filled_top < 255) {
        add_few(b, vitals);
    } else if (b->filled_top < 255 && counter->by_tables == 0) {
        counter->by_tables = add_histogram(b, vitals) ? RETRY : 0;
    } else if (b->filled < TABLES_FROM) {
        counter->by_tables -= counter->by_tables > 0;
        count_directly(b, vitals);
    } else {
        counter->by_tables -= counter->by_tables > 0;
        if (counter->in_tables == 0)
            memset(counter->tables, 0, sizeof counter->tables);
        count_by_tables(b, counter->tables);
        counter->in_tables += b->count;
        if (counter->in_tables >= TABLES_FULL)
            tn_avx2_counter_end(counter, vitals);
    }
    vitals->histogram[b->first >> 31][b->first >> 23 & 255] -= b->filled_fillers;
}

void tn_avx2_counter_end(tn_avx2_counter *counter, tn_vitals *vitals)
{
    if (counter->in_tables > 0)
        tn_vitals_fold_tables(vitals, counter->tables);
    counter->in_tables = 0;
}

#endif
