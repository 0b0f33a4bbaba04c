/* vitals_pack.c: vitals as a blob of the store, and back.
 *
 * All numbers little-endian; LEB128 is seven bits a byte, the low ones first, the top bit set but in the last byte:
 *   byte       version: 3 where the histogram counts every finite value, 4 where it counts a sample of them
 *   uint16     buckets that follow
 *   LEB128 x7  count, nan, positive_infinity, negative_infinity, zeros, subnormals, and first_nonfinite plus 1 (0: none)
 *   float32 x2 min, max
 *   float64 x4 sum, sum_of_squares, mean, m2
 *   buckets    by rising number (sign * 256 + exponent), LEB128 each: how many numbers are left out since the one before; how many values
 * Typically 100 bytes, where the struct has four thousand. Versions 1 and 2 (whole and sampled) are read: behind the version a byte 0, then the uint16; counts and first_nonfinite are uint64, and a bucket's
 * number is a uint16. A blob may come from anywhere, so unpacking checks all that the counts promise of each other. */
#include "run/recorder.h"

#include <stdbool.h>
#include <string.h>

#include "base/simd.h"

enum { OLD_WHOLE = 1, OLD_SAMPLED, WHOLE, SAMPLED };

enum { COUNT_MOST = 10 /* bytes */, HEADER_MOST = 3 + 7 * COUNT_MOST + 2 * 4 + 4 * 8, BUCKETS = 2 * TN_VITALS_EXPONENTS };

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
    size_t next = 0;
    for (size_t i = 0; i < BUCKETS; i += FEW) {
        if (i % MANY == 0 && !any_of_many(histogram + i)) {
            i += MANY - FEW;
            continue;
        }
        if (!any_of_few(histogram + i))
            continue;
        for (size_t k = i; k < i + FEW; k++)
            if (histogram[k]) {
                at = put_count(put_count(at, k - next), histogram[k]);
                next = k + 1;
                ++*used;
                *sum += histogram[k];
            }
    }
    return at;
}

/* bytes [TN_VITALS_PACKED_MAX] */
static size_t pack(const tn_vitals *vitals, unsigned char *bytes)
{
    const uint64_t counts[7] = {vitals->count, vitals->nan,        vitals->positive_infinity,  vitals->negative_infinity,
                                vitals->zeros, vitals->subnormals, vitals->first_nonfinite + 1};
    _Static_assert(TN_VITALS_NO_INDEX + 1 == 0, "none is the shortest");
    const double sums[4] = {vitals->sum, vitals->sum_of_squares, vitals->mean, vitals->m2};
    unsigned char *at = bytes + 3;
    for (size_t i = 0; i < 7; i++)
        at = put_count(at, counts[i]);
    at = put_float(put_float(at, vitals->min), vitals->max);
    for (size_t i = 0; i < 4; i++)
        at = put_double(at, sums[i]);
    uint64_t used = 0, counted = 0;
    at = put_buckets(at, &vitals->histogram[0][0], &used, &counted);
    bytes[0] = counted == tn_vitals_finite(vitals) ? WHOLE : SAMPLED;
    put_uint16(bytes + 1, used);
    return (size_t)(at - bytes);
}

size_t tn_vitals_pack(const tn_vitals *vitals, unsigned char *bytes, size_t capacity)
{
    _Static_assert(HEADER_MOST + BUCKETS * (2 + COUNT_MOST) <= TN_VITALS_PACKED_MAX, "a number left out is below 2^14");
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
    return (left == 0 && small == 0) == (version == WHOLE || version == OLD_WHOLE);
}

tn_status tn_vitals_unpack(const unsigned char *bytes, size_t size, tn_vitals *vitals, tn_error *error)
{
    tn_vitals_init(vitals);
    if (size > 0 && bytes[0] > SAMPLED)
        return tn_fail(error, TN_ERROR_STORE, "these vitals have the format %u; this tenet knows formats up to %d. Update tenet.", bytes[0],
                       SAMPLED);
    unpacker from = {.bytes = bytes, .size = size};
    uint64_t version = get(&from, 1);
    bool is_old = version <= OLD_SAMPLED;
    uint64_t zero = is_old ? get(&from, 1) : 0, used = get(&from, 2), counts[7];
    for (size_t i = 0; i < 7; i++)
        counts[i] = is_old ? get(&from, 8) : get_count(&from);
    vitals->count = counts[0];
    vitals->nan = counts[1];
    vitals->positive_infinity = counts[2];
    vitals->negative_infinity = counts[3];
    vitals->zeros = counts[4];
    vitals->subnormals = counts[5];
    vitals->first_nonfinite = is_old ? counts[6] : counts[6] - 1;
    vitals->min = get_float(&from);
    vitals->max = get_float(&from);
    vitals->sum = get_double(&from);
    vitals->sum_of_squares = get_double(&from);
    vitals->mean = get_double(&from);
    vitals->m2 = get_double(&from);
    bool sound = version >= OLD_WHOLE && zero == 0 && used <= BUCKETS;
    uint64_t next = 0;
    for (uint64_t i = 0; sound && i < used && !from.failed; i++) {
        uint64_t left = is_old ? get(&from, 2) - next : get_count(&from), values = get_count(&from);
        uint64_t bucket = next + left; /* of a damaged blob both may wrap */
        sound = left < BUCKETS && bucket < BUCKETS && values > 0;
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
