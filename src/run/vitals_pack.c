/* vitals_pack.c: vitals as a blob of the store, and back.
 *
 * All numbers little-endian:
 *   byte       version: 1 where the histogram counts every finite value, 2 where it counts a sample of them
 *   byte       0
 *   uint16     buckets that follow
 *   uint64 x7  count, nan, positive_infinity, negative_infinity, zeros, subnormals, first_nonfinite
 *   float32 x2 min, max
 *   float64 x4 sum, sum_of_squares, mean, m2
 *   buckets    uint16 (sign * 256 + exponent), rising; then how many as LEB128: seven bits a byte, the low ones first, the top bit set but in the last byte
 * Typically 150 bytes, where the struct has four thousand. A blob may come from anywhere, so unpacking checks all that the counts promise of each other. */
#include "run/recorder.h"

#include <stdbool.h>
#include <string.h>

#include "base/simd.h"

enum { WHOLE = 1, SAMPLED = 2, HEADER = 4 + 7 * 8 + 2 * 4 + 4 * 8, BUCKETS = 2 * TN_VITALS_EXPONENTS };

/* Written out, so that a compiler makes one store of it. */
static unsigned char *put_uint64(unsigned char *at, uint64_t value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
    at[2] = (unsigned char)(value >> 16);
    at[3] = (unsigned char)(value >> 24);
    at[4] = (unsigned char)(value >> 32);
    at[5] = (unsigned char)(value >> 40);
    at[6] = (unsigned char)(value >> 48);
    at[7] = (unsigned char)(value >> 56);
    return at + 8;
}

static unsigned char *put_uint16(unsigned char *at, uint64_t value)
{
    at[0] = (unsigned char)value;
    at[1] = (unsigned char)(value >> 8);
    return at + 2;
}

static unsigned char *put_count(unsigned char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (unsigned char)((value & 0x7F) | 0x80);
    *at++ = (unsigned char)value;
    return at;
}

static unsigned char *put_float(unsigned char *at, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_uint16(put_uint16(at, bits), bits >> 16);
}

static unsigned char *put_double(unsigned char *at, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return put_uint64(at, bits);
}

/* Buckets that are looked at at once. Most are 0, so first many of them together, as vectors, then few. */
enum { MANY = 64, FEW = 8 };

TN_SIMD_CLONES
static bool any_of_many(const uint64_t *histogram)
{
    uint64_t any[FEW] = {0};
    for (size_t i = 0; i < MANY; i += FEW)
        for (size_t k = 0; k < FEW; k++)
            any[k] |= histogram[i + k];
    return (any[0] | any[1] | any[2] | any[3] | any[4] | any[5] | any[6] | any[7]) != 0;
}

static bool any_of_few(const uint64_t *histogram)
{
    uint64_t any = 0;
    for (size_t k = 0; k < FEW; k++)
        any |= histogram[k];
    return any != 0;
}

/* The buckets that are not 0, how many there are, and the sum of all. */
static unsigned char *put_buckets(unsigned char *at, const uint64_t *histogram, uint64_t *used, uint64_t *sum)
{
    for (size_t i = 0; i < BUCKETS; i += FEW) {
        if (i % MANY == 0 && !any_of_many(histogram + i)) {
            i += MANY - FEW;
            continue;
        }
        if (!any_of_few(histogram + i))
            continue;
        for (size_t k = i; k < i + FEW; k++)
            if (histogram[k]) {
                at = put_count(put_uint16(at, k), histogram[k]);
                ++*used;
                *sum += histogram[k];
            }
    }
    return at;
}

/* bytes [TN_VITALS_PACKED_MAX] */
static size_t pack(const tn_vitals *vitals, unsigned char *bytes)
{
    const uint64_t counts[7] = {vitals->count, vitals->nan,        vitals->positive_infinity, vitals->negative_infinity,
                                vitals->zeros, vitals->subnormals, vitals->first_nonfinite};
    const double sums[4] = {vitals->sum, vitals->sum_of_squares, vitals->mean, vitals->m2};
    unsigned char *at = bytes + 4;
    for (size_t i = 0; i < 7; i++)
        at = put_uint64(at, counts[i]);
    at = put_float(put_float(at, vitals->min), vitals->max);
    for (size_t i = 0; i < 4; i++)
        at = put_double(at, sums[i]);
    uint64_t used = 0, counted = 0;
    at = put_buckets(at, &vitals->histogram[0][0], &used, &counted);
    bytes[0] = counted == tn_vitals_finite(vitals) ? WHOLE : SAMPLED;
    bytes[1] = 0;
    put_uint16(bytes + 2, used);
    return (size_t)(at - bytes);
}

size_t tn_vitals_pack(const tn_vitals *vitals, unsigned char *bytes, size_t capacity)
{
    _Static_assert(HEADER + BUCKETS * (2 + 10) <= TN_VITALS_PACKED_MAX, "a count takes at most ten bytes");
    if (capacity >= TN_VITALS_PACKED_MAX)
        return pack(vitals, bytes);
    unsigned char whole[TN_VITALS_PACKED_MAX];
    size_t needed = pack(vitals, whole);
    if (needed <= capacity)
        memcpy(bytes, whole, needed);
    return needed;
}

/* Reads zeros past the end and remembers that it did. */
typedef struct unpacker {
    const unsigned char *bytes;
    size_t size, at;
    bool failed;
} unpacker;

static uint64_t get(unpacker *from, size_t width)
{
    uint64_t value = 0;
    if (from->size - from->at < width) {
        from->failed = true;
        return 0;
    }
    for (size_t i = 0; i < width; i++)
        value |= (uint64_t)from->bytes[from->at++] << (8 * i);
    return value;
}

static uint64_t get_count(unpacker *from)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint64_t byte = get(from, 1);
        uint64_t part = byte & 0x7F;
        if (shift == 63 && part > 1)
            break;
        value |= part << shift;
        if (!(byte & 0x80))
            return value;
    }
    from->failed = true;
    return 0;
}

static float get_float(unpacker *from)
{
    uint32_t bits = (uint32_t)get(from, 4);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static double get_double(unpacker *from)
{
    uint64_t bits = get(from, 8);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Adds `more` to what is left of `left`; false where it is more than there is. */
static bool take(uint64_t *left, uint64_t more)
{
    if (more > *left)
        return false;
    *left -= more;
    return true;
}

/* The buckets hold every finite value once, zeros and subnormals in the buckets of exponent 0; or, of a sample, fewer. */
static bool consistent(const tn_vitals *vitals, uint64_t version)
{
    uint64_t left = vitals->count;
    if (!take(&left, vitals->nan) || !take(&left, vitals->positive_infinity) || !take(&left, vitals->negative_infinity))
        return false;
    bool any_nonfinite = left != vitals->count;
    if (any_nonfinite ? vitals->first_nonfinite >= vitals->count : vitals->first_nonfinite != TN_VITALS_NO_INDEX)
        return false;
    if (!take(&left, vitals->zeros) || !take(&left, vitals->subnormals))
        return false;
    uint64_t small = vitals->zeros + vitals->subnormals;
    for (size_t sign = 0; sign < 2; sign++)
        for (size_t exponent = 0; exponent < TN_VITALS_EXPONENTS; exponent++)
            if (!take(exponent == 0 ? &small : &left, vitals->histogram[sign][exponent]))
                return false;
    return (left == 0 && small == 0) == (version == WHOLE);
}

tn_status tn_vitals_unpack(const unsigned char *bytes, size_t size, tn_vitals *vitals, tn_error *error)
{
    tn_vitals_init(vitals);
    if (size > 0 && bytes[0] > SAMPLED)
        return tn_fail(error, TN_ERROR_STORE, "these vitals have the format %u; this tenet knows formats up to %d. Update tenet.", bytes[0],
                       SAMPLED);
    unpacker from = {.bytes = bytes, .size = size};
    uint64_t version = get(&from, 1), zero = get(&from, 1), used = get(&from, 2);
    vitals->count = get(&from, 8);
    vitals->nan = get(&from, 8);
    vitals->positive_infinity = get(&from, 8);
    vitals->negative_infinity = get(&from, 8);
    vitals->zeros = get(&from, 8);
    vitals->subnormals = get(&from, 8);
    vitals->first_nonfinite = get(&from, 8);
    vitals->min = get_float(&from);
    vitals->max = get_float(&from);
    vitals->sum = get_double(&from);
    vitals->sum_of_squares = get_double(&from);
    vitals->mean = get_double(&from);
    vitals->m2 = get_double(&from);
    bool sound = version >= WHOLE && zero == 0 && used <= BUCKETS;
    uint64_t next = 0;
    for (uint64_t i = 0; sound && i < used && !from.failed; i++) {
        uint64_t bucket = get(&from, 2), values = get_count(&from);
        sound = bucket >= next && bucket < BUCKETS && values > 0;
        if (sound)
            (&vitals->histogram[0][0])[bucket] = values;
        next = bucket + 1;
    }
    if (sound && !from.failed && from.at == size && consistent(vitals, version))
        return TN_OK;
    tn_vitals_init(vitals);
    return tn_fail(
        error, TN_ERROR_STORE,
        "damaged vitals: %zu bytes whose counts do not fit each other. The store's file was changed by something else than tenet.", size);
}
